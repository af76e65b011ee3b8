"""Engine for any server that speaks OpenAI's chat completions, such as ``vllm serve``."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from itertools import chain, islice
from typing import Any
from urllib.parse import urlsplit

from cto.annotate.channel import Channel, Json, SpentError, StatusError
from cto.annotate.choices import Token, alternatives
from cto.annotate.crew import Crew
from cto.annotate.request import ModelError, Reply, Request, Unanswered
from cto.http import BadBodyError

Answer = tuple[Request, Reply | Unanswered]

IN_A_ROW = 16
TOP_LOGPROBS = 5
RETRY_TEMPERATURE = 0.3
CHARACTERS_A_TOKEN = 3
OF_THIS_INPUT = (400, 413, 422)


class OpenAIServer:
    """Keeps an OpenAI-compatible server busy.

    Args:
        url: base address, ending in ``/v1``.
        model: name under which the server has the model.
        key: sent as bearer token; empty for a server without one. Never shown.
        in_flight: most questions under way; more than the server works at keeps it full.
        tries: most tries of a question.
        backoff: first pause between tries in seconds; it doubles.
        seconds: longest time of a try.

    Raises:
        ModelError: the address or the key is none.

    """

    name = "openai"

    def __init__(
        self,
        url: str,
        model: str,
        key: str = "",
        in_flight: int = 64,
        tries: int = 5,
        backoff: float = 1.0,
        seconds: float = 120.0,
    ) -> None:
        self.url = url.rstrip("/")
        self.model = model
        self.in_flight = in_flight
        self._key = key
        self._limits = tries, backoff, seconds
        self._with_logprobs: bool | None = None
        if urlsplit(url).username is not None:
            raise ModelError("the address of the model's server holds a user: set CTO_LLM_API_KEY for the key instead")
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ModelError("the key of the model's server holds characters that no key has: set CTO_LLM_API_KEY")

    def answer(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield every request with what came of it, as it comes; see :class:`cto.annotate.request.Engine`.

        A question that no try brought an answer to is :class:`Unanswered`; an input that the server refuses has a reply
        that says so.

        Raises:
            ModelError: the server does not serve the model, wants another key, cannot be asked like this, or is silent.

        """
        with closing(self._answers(requests)) as answers:
            yield from self._but_not_all_refused(answers)

    def _answers(self, requests: Iterable[Request]) -> Generator[Answer]:
        waiting = iter(requests)
        first = list(islice(waiting, 1))
        if not first:  # a server that is asked nothing need not be there
            return
        with ExitStack() as stack:
            channel = Channel(self.url, self._key, self.in_flight, *self._limits)
            crew = Crew[Request, Answer](lambda request: self._answered(channel, request), self.in_flight, self.name)
            stack.callback(crew.dismiss)
            stack.callback(channel.close)  # first, so that no thread waits for a server
            self._check(channel)
            waiting, n_under_way, n_silent, failed = chain(first, waiting), 0, 0, None
            while True:
                for request in islice(waiting, 0 if failed else self.in_flight - n_under_way):
                    crew.give(request)
                    n_under_way += 1
                if not n_under_way:
                    break
                n_under_way -= 1
                try:
                    request, answer = crew.take()
                except ModelError as error:
                    failed = failed or error
                    channel.last_try()
                    continue
                n_silent = n_silent + 1 if isinstance(answer, Unanswered) else 0
                if isinstance(answer, Unanswered) and n_silent == IN_A_ROW and not failed:
                    failed = ModelError(f"{self._who}: {IN_A_ROW} questions in a row got no answer: {answer.reason}")
                    channel.last_try()
                yield request, answer
            if failed:
                raise failed

    def _but_not_all_refused(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        """Hold refusals back until something is answered: who refuses everything refuses how it is asked."""
        held: list[Answer] = []
        is_answering = False
        for request, answer in answers:
            if isinstance(answer, Reply) and answer.refusal and not is_answering:
                held.append((request, answer))
                if len(held) == IN_A_ROW:
                    raise ModelError(f"{self._who} refuses every question: {answer.refusal}")
                continue
            if isinstance(answer, Reply):
                is_answering = True
                yield from held
                held.clear()
            yield request, answer
        yield from held

    @property
    def _who(self) -> str:
        return f"model {self.model} at {self.url}"

    def _check(self, channel: Channel) -> None:
        """Ask which models are served, so that a wrong setting ends the run before its first question."""
        try:
            served = channel.ask("GET", "/models", None, _names)
        except SpentError as error:
            raise ModelError(f"{self._who} cannot be reached: {error}; is CTO_LLM_URL right and does it run?") from None
        except StatusError as error:
            raise self._unusable(error) from None
        if self.model not in served:
            listed = ", ".join(sorted(served)[:20]) or "no model"
            raise ModelError(f"{self.url} does not serve {self.model} but {listed}: set CTO_LLM_MODEL")

    def _answered(self, channel: Channel, request: Request) -> Answer:
        wants_logprobs = bool(request.choices) and self._with_logprobs is not False
        try:
            reply = self._asked(channel, request, wants_logprobs)
        except SpentError as error:
            return request, Unanswered(str(error))
        except StatusError as error:
            if error.status not in OF_THIS_INPUT:
                raise self._unusable(error) from None
            return request, Reply("", engine=self.name, refusal=str(error))
        return request, reply

    def _asked(self, channel: Channel, request: Request, wants_logprobs: bool) -> Reply:
        """Put the question; until the server has given log-probabilities once, a refusal may be due to them."""
        try:
            reply = channel.ask(
                "POST", "/chat/completions", _document(request, wants_logprobs), lambda d: _reply(d, request)
            )
        except StatusError as error:
            if not wants_logprobs or self._with_logprobs or error.status not in OF_THIS_INPUT:
                raise
            reply = self._asked(channel, request, False)
            self._with_logprobs = False
            return reply
        if wants_logprobs:
            self._with_logprobs = True
        return reply

    def _unusable(self, error: StatusError) -> ModelError:
        match error.status:
            case 401 | 403:
                return ModelError(f"{self._who}: HTTP {error.status}, the key is not accepted: set CTO_LLM_API_KEY")
            case 404:
                return ModelError(
                    f"{self._who} is not there ({error}): set CTO_LLM_URL to the base address that ends in /v1, "
                    "and CTO_LLM_MODEL to a model that it serves"
                )
            case _:
                return ModelError(f"{self._who} cannot be asked: {error}; is CTO_LLM_URL right?")


def _document(request: Request, wants_logprobs: bool) -> Json:
    """Return what is posted; a later attempt is sampled otherwise, and may be twice as long."""
    messages = [{"role": "system", "content": request.system}] if request.system else []
    document: Json = {
        "model": request.model,
        "messages": [*messages, {"role": "user", "content": request.user}],
        "temperature": max(request.temperature, RETRY_TEMPERATURE) if request.attempt else request.temperature,
        "max_tokens": request.max_tokens * (2 if request.attempt else 1),
        "seed": request.attempt,
    }
    if request.schema is not None:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", request.prompt)[:64] or "answer"
        shape = {"name": name, "strict": True, "schema": request.schema}
        document["response_format"] = {"type": "json_schema", "json_schema": shape}
    return document | ({"logprobs": True, "top_logprobs": TOP_LOGPROBS} if wants_logprobs else {})


def _reply(document: Any, request: Request) -> Reply:
    try:
        [choice, *_] = document["choices"]
        message = choice["message"]
        text = _clean(message.get("content") or "")
        reason = str(choice.get("finish_reason") or "stop")
        tokens = [_token(token) for token in ((choice.get("logprobs") or {}).get("content") or [])]
        usage = document.get("usage") or {}
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
        refusal = str(message.get("refusal") or "") or ("content_filter" if reason == "content_filter" else "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadBodyError(f"not a chat completion: {type(error).__name__}: {error}") from error
    found = {field: alternatives(text, tokens, field) for field in request.choices}
    return Reply(
        text,
        reason,
        {field: {_clean(piece): p for piece, p in pieces.items()} for field, pieces in found.items() if pieces},
        _count(counts[0], request.system + request.user),
        _count(counts[1], text),
        OpenAIServer.name,
        refusal,
    )


def _token(document: Json) -> Token:
    chances: dict[str, float] = {}
    for other in document.get("top_logprobs") or []:
        chances[other["token"]] = chances.get(other["token"], 0.0) + math.exp(min(0.0, other["logprob"]))
    own = document["token"]
    return Token(own, chances if own in chances else {own: math.exp(min(0.0, document["logprob"])), **chances})


def _count(counted: object, text: str) -> int:
    """Return the tokens that a server counted; where it counts none, an estimate that is rather too high."""
    return counted if isinstance(counted, int) and counted > 0 else math.ceil(len(text) / CHARACTERS_A_TOKEN)


def _clean(text: str) -> str:
    """Return the text without halves of characters, which could not be stored."""
    return text.encode("utf-8", "replace").decode()


def _names(document: Any) -> set[str]:
    try:
        return {model["id"] for model in document["data"]}
    except (KeyError, TypeError) as error:
        raise BadBodyError("not a list of models") from error
