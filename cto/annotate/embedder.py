"""Engine that turns texts into vectors with sentence-transformers, on a GPU where there is one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from cto.annotate.request import Reply, Request
from cto.annotate.weights import WINDOW, device, library, load, windows

DECIMALS = 5
"""Digits kept of a component."""


class Embedder:
    """Reads texts with a sentence encoder; an answer is the JSON list of a vector of length 1."""

    name = "sentence_transformers"

    def __init__(self, model: str, revision: str = "", *, batch_size: int = 32, window: int = WINDOW // 4) -> None:
        """Load the model: a name of the hub with its revision, or a folder; texts are cut to what it can read.

        Raises:
            ModelError: libraries or weights are absent.

        """
        library("torch")
        encoders = library("sentence_transformers")
        self._batch_size, self._window = batch_size, window
        self._model: Any = load(
            model,
            revision,
            lambda at: encoders.SentenceTransformer(
                model, revision=at, device=device(), trust_remote_code=False, model_kwargs={"dtype": "float32"}
            ),
        )

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Reply]]:
        """Yield every request with its vector; the library sorts the texts of a window by length."""
        for taken in windows(requests, self._window):
            vectors = self._model.encode(
                [request.user for request in taken],
                batch_size=self._batch_size,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            for request, vector in zip(taken, vectors.tolist(), strict=True):
                yield request, Reply(json.dumps([round(x, DECIMALS) for x in vector]), engine=self.name)
