"""Which model reads for which kind of annotator, by the ``CTO_*`` variables; none is configured by nobody's default."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import NamedTuple

from cto.annotate.annotator import Kind
from cto.annotate.budget import Budget
from cto.annotate.classifier import SENTIMENT_MODEL, Classifier
from cto.annotate.embedder import Embedder
from cto.annotate.openai_server import OpenAIServer
from cto.annotate.request import Engine, Json
from cto.annotate.vllm_process import VllmProcess
from cto.settings import Settings, SettingsError

ENGINES = ("openai", "vllm")
OFF = "none"
IN_FLIGHT, SECONDS = 96, 120


class Name(NamedTuple):
    """A model's name, and which of its revisions; empty when none is stated."""

    model: str
    revision: str

    @classmethod
    def of(cls, text: str) -> Name:
        """Read ``name@revision``.

        >>> Name.of("acme/reader@4f2c")
        Name(model='acme/reader', revision='4f2c')
        """
        model, _, revision = text.partition("@")
        return cls(model, revision)


@dataclass(frozen=True, slots=True)
class Model:
    """A configured model, and how to open the engine that asks it (which may load weights)."""

    name: Name
    engine: str
    open: Callable[[], Engine] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoModel:
    """Why nothing reads for a kind of annotator, and what to set."""

    reason: str


def model_for(kind: Kind, settings: Settings) -> Model | NoModel:
    """Return the model that reads for annotators of a kind, or why there is none.

    Raises:
        SettingsError: a variable holds what it may not.

    """
    return {"llm": _llm, "sentiment": _sentiment, "embedding": _embedding}[kind](settings)


def budget(settings: Settings, share: int = 1) -> Budget:
    """Return what one of ``share`` equal parts of a run may spend on language models."""
    tokens, requests = (_number(settings, f"CTO_LLM_BUDGET_{what}") for what in ("TOKENS", "REQUESTS"))
    return Budget(tokens and tokens // share, requests and requests // share)


def _llm(settings: Settings) -> Model | NoModel:
    variables = settings.variables
    name, url, engine = (variables.get(f"CTO_LLM_{what}", "") for what in ("MODEL", "URL", "ENGINE"))
    engine = engine or ENGINES[0]
    if engine not in ENGINES:
        raise SettingsError(f"CTO_LLM_ENGINE is {engine!r}; it must be one of {', '.join(ENGINES)}")
    if not name:
        return NoModel("no language model is configured: set CTO_LLM_MODEL and CTO_LLM_URL")
    named = Name.of(name)
    if engine == "vllm":
        if not find_spec("vllm"):
            return NoModel("CTO_LLM_ENGINE is vllm, which is not installed here: pip install '.[vllm]'")
        options = _options(settings)
        return Model(named, engine, lambda: VllmProcess(*named, options=options))
    if not url:
        return NoModel("no server of language models is configured: set CTO_LLM_URL")
    in_flight = _number(settings, "CTO_LLM_IN_FLIGHT") or IN_FLIGHT
    seconds = _number(settings, "CTO_LLM_SECONDS") or SECONDS
    key, backoff = settings.keys.get("llm", ""), settings.backoff
    return Model(
        named,
        engine,
        lambda: OpenAIServer(url, named.model, key, in_flight=in_flight, backoff=backoff, seconds=seconds),
    )


def _options(settings: Settings) -> Json:
    """Return the arguments of ``vllm.LLM`` that CTO_VLLM_OPTIONS holds as JSON."""
    text = settings.variables.get("CTO_VLLM_OPTIONS", "{}")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SettingsError(
            f'CTO_VLLM_OPTIONS is {text!r}; it must be a JSON object, such as {{"max_model_len": 8192}}'
        )
    return found


def _sentiment(settings: Settings) -> Model | NoModel:
    named = Name.of(settings.variables.get("CTO_SENTIMENT_MODEL", SENTIMENT_MODEL))
    if named.model == OFF:
        return NoModel("CTO_SENTIMENT_MODEL is none")
    if not (find_spec("transformers") and find_spec("torch")):
        return NoModel("transformers is not installed: pip install '.[models]'")
    return Model(named, Classifier.name, lambda: Classifier(*named))


def _embedding(settings: Settings) -> Model | NoModel:
    text = settings.variables.get("CTO_EMBEDDING_MODEL", OFF)
    if text == OFF:
        return NoModel("no encoder is configured, and none is needed: set CTO_EMBEDDING_MODEL for one")
    if not (find_spec("sentence_transformers") and find_spec("torch")):
        return NoModel("sentence-transformers is not installed: pip install '.[models]'")
    named = Name.of(text)
    return Model(named, Embedder.name, lambda: Embedder(*named))


def _number(settings: Settings, name: str) -> int | None:
    text = settings.variables.get(name)
    if text is None:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"{name} is {text!r}; it must be a whole number above 0")
    return int(text)
