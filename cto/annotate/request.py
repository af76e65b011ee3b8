"""What is asked of a model, what it answers, and the protocol of the engines in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]


class ModelError(RuntimeError):
    """A model cannot be asked at all: wrong address, key or name, no weights, or a server that stays silent.

    The message names the model, what came and the remedy, and never a key.
    """


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model: everything that its answer follows from.

    Attributes:
        model: name of the model, as its server or hub knows it.
        revision: which weights of that name, such as a commit of the hub; empty when not stated.
        prompt: name and version of the prompt, such as ``pubmed_verdict.v1``; empty where a model takes bare text.
        system: what the model is told to do; empty where it takes bare text.
        user: the text to read.
        schema: JSON schema of the answer; None where the model answers in a shape of its own.
        choices: fields of the schema whose alternatives' probabilities are wanted.
        max_tokens: most tokens of an answer.
        temperature: randomness of sampling; 0 is greedy.
        attempt: 0 for the first try; a later one, after an answer that could not be used, may be sampled otherwise.

    """

    model: str
    revision: str
    prompt: str
    system: str
    user: str
    schema: Json | None = None
    choices: tuple[str, ...] = ()
    max_tokens: int = 512
    temperature: float = 0.0
    attempt: int = 0

    @property
    def digest(self) -> str:
        """Sha256 of all but the attempt: the key under which the answer is kept."""
        parts = {name: value for name, value in asdict(self).items() if name != "attempt"}
        return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered.

    Attributes:
        text: the answer: JSON under the request's schema, or in the engine's own shape (scores, a vector).
        finish_reason: ``stop``, or ``length`` when ``max_tokens`` cut it.
        choices: field → alternative → probability, for the request's choices; empty where the engine cannot tell.
        prompt_tokens: tokens read, as the engine counts them.
        completion_tokens: tokens written.
        engine: name of the engine.
        refusal: why the model's server refuses this very input (too long, say); empty when it did not.

    """

    text: str
    finish_reason: str = "stop"
    choices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    engine: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer came after bounded tries; the question is put again in the next run."""

    reason: str


class Engine(Protocol):
    """Brings questions to a model."""

    name: str
    """``openai``, ``vllm``, ``transformers`` or ``sentence_transformers``."""

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Reply | Unanswered]]:
        """Yield every request with what came of it, in any order.

        Requests are taken lazily, never many more than are under way: the caller stops when its budget is spent. Raises
        :class:`ModelError` when the model cannot be asked at all; what was answered until then has been yielded.
        """
        ...
