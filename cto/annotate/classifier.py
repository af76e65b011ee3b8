"""Engine that asks a text classifier of transformers for the sentiment of short texts, on a GPU where there is one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cto.annotate.request import ModelError, Reply, Request
from cto.annotate.weights import WINDOW, device, library, load, named, windows

SENTIMENT_MODEL = "ProsusAI/finbert@4556d13015211d73dccd3fdd39d39232506f3e43"
"""Default model. Its files at this commit hold no safetensors; its pickle is read as bare weights."""

SENTIMENTS = ("positive", "negative", "neutral")
SHORT = {"pos": "positive", "neg": "negative", "neu": "neutral"}

DECIMALS = 4
"""Digits kept of a probability. What float32 leaves to chance, as the other texts of a batch differ, is about 1e-7: it
turns the last of them in one probability of a thousand."""


class Classifier:
    """Reads texts with a model of three classes; answers are ``{"positive": p, "negative": p, "neutral": p}``.

    A class may be named in capitals or by its first three letters, and no other way: ``LABEL_0`` tells nothing.
    """

    name = "transformers"

    def __init__(
        self, model: str, revision: str = "", *, batch_size: int = 32, window: int = WINDOW, max_tokens: int = 128
    ) -> None:
        """Load the model: a name of the hub with its revision, or a folder.

        Texts are cut to ``max_tokens``, or to what the model can read if that is less.

        Raises:
            ModelError: libraries or weights are absent, or the classes are others.

        """
        self._torch, transformers = library("torch"), library("transformers")
        self._batch_size, self._window = batch_size, window
        self._device = device()
        self._tokenizer = load(
            model, revision, lambda at: transformers.AutoTokenizer.from_pretrained(model, **_safely(at))
        )
        self._model = load(model, revision, lambda at: self._classifier(transformers, model, at))
        self._columns = _columns(named(model, revision), self._model.config.id2label)
        self._max_tokens = min(max_tokens, self._tokenizer.model_max_length, self._model.config.max_position_embeddings)

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Reply]]:
        """Yield every request with the probabilities of its classes, shorter texts of a window first."""
        for taken in windows(requests, self._window):
            tokens = self._tokenizer([request.user for request in taken], truncation=True, max_length=self._max_tokens)[
                "input_ids"
            ]
            order = sorted(range(len(taken)), key=lambda i: len(tokens[i]))
            for start in range(0, len(order), self._batch_size):
                batch = order[start : start + self._batch_size]
                for i, scores in zip(batch, self._scores([tokens[i] for i in batch]), strict=True):
                    yield taken[i], Reply(json.dumps(scores), prompt_tokens=len(tokens[i]), engine=self.name)

    def _classifier(self, transformers: Any, model: str, at: str | None) -> Any:
        loaded, told = transformers.AutoModelForSequenceClassification.from_pretrained(
            model, dtype=self._torch.float32, output_loading_info=True, **_safely(at)
        )
        if told["missing_keys"]:
            raise ModelError(
                f"model {model} is no classifier: its files lack {', '.join(sorted(told['missing_keys'])[:5])}"
            )
        return loaded.to(self._device).eval()

    def _scores(self, tokens: Sequence[Sequence[int]]) -> list[dict[str, float]]:
        padded = self._tokenizer.pad({"input_ids": tokens}, return_tensors="pt").to(self._device)
        with self._torch.inference_mode():
            logits = self._model(**padded).logits
        rows: list[list[float]] = logits.double().softmax(dim=-1).tolist()
        return [{name: round(row[column], DECIMALS) for name, column in self._columns.items()} for row in rows]


def _safely(at: str | None) -> dict[str, Any]:
    return {"trust_remote_code": False} | ({"revision": at} if at else {})


def _columns(model: str, labels: Mapping[int, str]) -> dict[str, int]:
    """Return the column of each sentiment."""
    found = {SHORT.get(label.lower(), label.lower()): column for column, label in labels.items()}
    if len(labels) != len(SENTIMENTS) or set(found) != set(SENTIMENTS):
        raise ModelError(
            f"model {model} cannot read sentiment: its classes are {', '.join(map(repr, labels.values()))}, "
            f"not {', '.join(SENTIMENTS)}"
        )
    return {name: found[name] for name in SENTIMENTS}
