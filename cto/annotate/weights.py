"""Models whose weights run in this process: their libraries, their files, and how requests become batches."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from cto.annotate.request import ModelError, Request

T = TypeVar("T")

WINDOW = 1024
"""Requests that are taken at once, to be sorted by length."""


def library(name: str) -> Any:
    """Import a library that only models need.

    Raises:
        ModelError: it is not installed.

    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(f"{name} cannot be imported ({error}): pip install '.[models]'") from error


def device() -> str:
    """Return ``cuda`` where a GPU is visible, else ``cpu``."""
    return "cuda" if library("torch").cuda.is_available() else "cpu"


def load(name: str, revision: str, from_files: Callable[[str | None], T]) -> T:
    """Return what ``from_files`` makes of a model's files; it is given the revision to ask for, None for a folder's.

    Raises:
        ModelError: the files are absent, cannot be fetched, or are no such model.

    """
    # Else transformers asks a service on the hub to convert weights that are no safetensors.
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"
    library("transformers").utils.logging.disable_progress_bar()
    try:
        return from_files(None if Path(name).is_dir() else revision or None)
    except ModelError:
        raise
    # What may be wrong with a foreign file is raised as anything; it is one fault for whoever asks the model.
    except Exception as error:
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        offline = (
            "HF_HUB_OFFLINE is set, so nothing is fetched: unset it, or give a folder that holds the model"
            if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
            else "name one that the hub has and can be reached for, or a folder that holds the model"
        )
        raise ModelError(f"model {named(name, revision)} cannot be loaded: {reason} ({offline})") from error


def named(name: str, revision: str) -> str:
    """Return a model's name with its revision, as settings write it."""
    return f"{name}@{revision}" if revision else name


def windows(requests: Iterable[Request], size: int = WINDOW) -> Iterator[list[Request]]:
    """Yield requests ``size`` at a time; the next are taken only when those are answered."""
    source = iter(requests)
    while taken := list(islice(source, size)):
        yield taken
