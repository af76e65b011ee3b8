"""Starts ``vllm serve`` on a free port of the loopback, waits until it answers, and stops it again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

WITHOUT_GPU = {"dtype": "float32", "enforce_eager": True, "max_model_len": 4096}
"""For a machine without a GPU: its processor may know no half precision, and compiling costs more than it saves."""
COMPACT = {"structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True}}
"""Without this a small model may fill an answer with blanks up to its last token."""
QUIET = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}


class ServerError(RuntimeError):
    """The server did not come up; the message holds what it said last."""


@contextmanager
def vllm_server(
    model: str, options: Mapping[str, Any], log: Path, seconds: float = 900, revision: str = ""
) -> Iterator[str]:
    """Serve the model while the context lasts and give the base address, which ends in ``/v1``.

    Raises:
        ServerError: the server ended, or did not answer within the seconds.

    """
    port = _free_port()
    arguments = _arguments({**COMPACT, **options, **({"revision": revision} if revision else {})})
    command = [_vllm(), "serve", model, "--host", "127.0.0.1", "--port", str(port), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**QUIET, **os.environ}, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}", log, time.monotonic() + seconds)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _stop(process)


def _vllm() -> str:
    """Return the command of this Python's environment."""
    found = Path(sys.executable).parent / "vllm"
    if not found.exists():
        raise ServerError(f"there is no vllm beside {sys.executable}: install cto[vllm], or run tools/vllm_cpu.sh")
    return str(found)


def _arguments(options: Mapping[str, Any]) -> list[str]:
    """Turn arguments of ``vllm.LLM`` into those of ``vllm serve``.

    >>> _arguments({"max_model_len": 4096, "enforce_eager": True})
    ['--max-model-len', '4096', '--enforce-eager']
    """
    arguments = []
    for name, value in options.items():
        arguments.append("--" + name.replace("_", "-"))
        if value is not True:
            arguments.append(json.dumps(value) if isinstance(value, dict) else str(value))
    return arguments


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], url: str, log: Path, until: float) -> None:
    while True:
        with suppress(requests.RequestException):  # it does not listen yet
            if requests.get(f"{url}/health", timeout=5).ok:
                return
        if process.poll() is not None:
            raise ServerError(f"vllm serve ended with {process.returncode}; it said last:\n{_last_lines(log)}")
        if time.monotonic() > until:
            raise ServerError(f"vllm serve does not answer in time; it said last:\n{_last_lines(log)}")
        time.sleep(1)


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server with the processes that it started, which may outlive it."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
