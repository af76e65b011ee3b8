"""vLLM in this process: the engine of a GPU worker that has no server beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from math import exp
from typing import Any

from cto.annotate.choices import Token, alternatives
from cto.annotate.openai_server import RETRY_TEMPERATURE, TOP_LOGPROBS
from cto.annotate.request import ModelError, Reply, Request, Unanswered

DEFAULTS = {"structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True}}
"""Without this a small model may fill an answer with blanks up to its last token."""
OF_THE_LENGTH = ("input_tokens", "input_text")
"""What vLLM names as wrong when a question does not fit into the model's context."""


class VllmProcess:
    """A model that ``vllm.LLM`` loads when it is first asked something.

    Questions join the running batch as others leave it, so that the device stays full; an answer is yielded as soon as
    it is complete. A question that is too long for the model is refused alone.

    Args:
        model: name on the hub, or a folder.
        revision: which revision of it on the hub; empty for the newest.
        options: arguments of ``vllm.LLM``, such as ``{"max_model_len": 8192, "tensor_parallel_size": 2}``.
        in_flight: most questions that are handed to vLLM at a time.

    """

    name = "vllm"

    def __init__(
        self, model: str, revision: str = "", options: Mapping[str, Any] | None = None, in_flight: int = 256
    ) -> None:
        self.model = model
        self.revision = revision
        self.options = {**DEFAULTS, **(options or {})}
        self.in_flight = in_flight
        self._llm: Any = None

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Reply | Unanswered]]:
        """Yield every request with what came of it, as it comes; see :class:`cto.annotate.request.Engine`.

        Raises:
            ModelError: vLLM is not there, cannot load the model or stops, or cannot be asked like this.

        """
        todo = iter(requests)
        under_way: dict[str, Request] = {}
        try:
            while True:
                taken = list(islice(todo, self.in_flight - len(under_way)))
                if not taken and not under_way:
                    return
                for request in taken:
                    key, refusal = self._put(request)
                    if refusal:
                        yield request, Reply("", engine=self.name, refusal=refusal)
                    else:
                        under_way[key] = request
                for output in self._finished() if under_way else ():
                    request = under_way.pop(output.request_id)
                    yield request, _answer(request, output)
        finally:
            if under_way:  # whoever listened has left: the next one must not be given these answers
                self._llm.llm_engine.abort_request(list(under_way))

    def close(self) -> None:
        """Free the device's memory; the next question loads the model anew."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None

    def load(self) -> Any:
        """Load the model now, and not with the first question; return the ``vllm.LLM``.

        Raises:
            ModelError: vLLM is not there, or cannot load the model.

        """
        if self._llm is None:
            os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
            os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
            try:
                from vllm import LLM  # noqa: PLC0415 - takes long, and only a worker with vLLM has it
            except ImportError as error:
                raise ModelError(
                    f"vLLM cannot be imported to load {self.model} ({error}): install it with pip install '.[vllm]', "
                    "or let a server answer with CTO_LLM_ENGINE=openai and CTO_LLM_URL"
                ) from error
            try:
                self._llm = LLM(model=self.model, revision=self.revision or None, **self.options)
            except Exception as error:
                at = f" at revision {self.revision}" if self.revision else ""
                raise ModelError(
                    f"vLLM cannot load {self.model}{at}: {_first_line(error)}. CTO_LLM_MODEL must name a model of the "
                    "hub or a folder, and the device must have memory for it; what vLLM said before this tells more"
                ) from error
        return self._llm

    def _put(self, request: Request) -> tuple[str, str]:
        """Return the name that its output will have, or why the model does not take it."""
        llm = self.load()
        from vllm.exceptions import VLLMValidationError  # noqa: PLC0415 - see load

        messages = [{"role": "system", "content": request.system}] if request.system else []
        messages.append({"role": "user", "content": request.user})
        try:
            (key,) = llm.enqueue_chat([messages], _sampling(request), use_tqdm=False)
        except Exception as error:
            if isinstance(error, VLLMValidationError) and error.parameter in OF_THE_LENGTH:
                return "", _first_line(error)
            raise ModelError(f"vLLM cannot ask {self.model} {request.prompt}: {_first_line(error)}") from error
        return key.partition("-")[0], ""  # a random text behind the number is for vLLM itself

    def _finished(self) -> list[Any]:
        try:
            return [output for output in self._llm.llm_engine.step() if output.finished]
        except Exception as error:
            raise ModelError(f"vLLM stopped while {self.model} answered: {_first_line(error)}") from error


def _sampling(request: Request) -> Any:
    """Return what the server's engine asks of a server for the same request."""
    from vllm import SamplingParams  # noqa: PLC0415 - see VllmProcess.load
    from vllm.sampling_params import StructuredOutputsParams  # noqa: PLC0415

    return SamplingParams(
        temperature=max(request.temperature, RETRY_TEMPERATURE) if request.attempt else request.temperature,
        seed=request.attempt,
        max_tokens=request.max_tokens * (2 if request.attempt else 1),
        logprobs=TOP_LOGPROBS if request.choices else None,
        structured_outputs=StructuredOutputsParams(json=request.schema) if request.schema else None,
    )


def _answer(request: Request, output: Any) -> Reply | Unanswered:
    (answer,) = output.outputs
    if answer.finish_reason not in ("stop", "length"):
        return Unanswered(f"vLLM gave it up: {answer.finish_reason}")
    tokens = [_token(chosen, places) for chosen, places in zip(answer.token_ids, answer.logprobs or [], strict=False)]
    found = {field: alternatives(answer.text, tokens, field) for field in request.choices}
    return Reply(
        text=answer.text,
        finish_reason=answer.finish_reason,
        choices={field: pieces for field, pieces in found.items() if pieces},
        prompt_tokens=len(output.prompt_token_ids),
        completion_tokens=len(answer.token_ids),
        engine=VllmProcess.name,
    )


def _token(chosen: int, places: Mapping[int, Any]) -> Token:
    chances: dict[str, float] = {}
    for place in places.values():
        text = place.decoded_token or ""
        chances[text] = chances.get(text, 0.0) + exp(place.logprob)
    return Token(places[chosen].decoded_token or "", chances)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
