"""A stand-in for a model's server that speaks OpenAI's chat completions, with answers from a world's script."""

import hashlib
import json
import math
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, json_response, text_response

Json = dict[str, Any]

MODEL = "scripted"
SLOTS = 64
MOST_TOP_LOGPROBS = 20
SURE, UNSURE = 0.9, 0.1
TOLD_NOTHING = ("unclear", "not_reported", "other")
FAULTS: dict[str, str] = {
    "invalid_json_once": "The first answer to a question is no JSON; the next is.",
    "cut_at_length": "An answer ends in the middle, with finish_reason length.",
    "quote_not_in_abstract": "An answer that quotes quotes what nobody wrote.",
    "other_trial": "An answer that names a trial names another one.",
}
WRONG_QUOTE = "FICTIONAL. Nobody wrote this sentence, and no abstract holds it."
WRONG_TRIAL = "NCT99999999"
_TOKEN = re.compile(r'\s?"?\w{1,8}|[^\s\w]+|\s')


@dataclass(frozen=True)
class Line:
    """A line of the script: the answer to messages that hold all the strings.

    `p` may give, of a field, the probabilities of its values.
    """

    contains: list[str]
    answer: Json
    p: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class RefusedError(Exception):
    """A call that a server would refuse."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class LlmSite(WorldSite):
    """Answers `/models` and `/chat/completions` as `vllm serve` would, each question in the same way every time.

    A test may set `slots` (questions it works at together), `seconds` (time of an answer), `key` (one that it
    demands), `longest` (characters of a prompt) and `knows_logprobs`. `answered` counts the answers by question, which
    is the digest of the messages and the schema; `GET /_sandbox/llm/answered` gives it to other processes.
    """

    source = "llm"
    is_source = False
    prefix = "/llm/v1"
    faults = FAULTS

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        self._script = [Line(**line) for line in self.lines("llm.jsonl")]
        self.seconds = 0.0
        self.key = ""
        self.longest = 1_000_000
        self.knows_logprobs = True
        self.answered: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.slots = SLOTS

    @property
    def slots(self) -> int:
        """How many questions it works at together."""
        return self._n_slots

    @slots.setter
    def slots(self, slots: int) -> None:
        self._n_slots = slots
        self._free = threading.Semaphore(slots)

    def add(self, lines: Iterable[Json]) -> None:
        """Add lines to the script, as a world's file has them; they come before those that it has."""
        self._script = [*(Line(**line) for line in lines), *self._script]

    def variables(self, url: str) -> dict[str, str]:
        """Return where the model is, and its name."""
        return {"CTO_LLM_URL": url, "CTO_LLM_MODEL": MODEL}

    def control(self, request: Request) -> Response | None:
        """Answer `GET /_sandbox/llm/answered`: the number of answers by question."""
        if (request.method, request.path) != ("GET", "/llm/answered"):
            return None
        return json_response(self.answered)

    def handle(self, request: Request) -> Response:
        """Answer a call as the server would."""
        try:
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                raise RefusedError(401, "Unauthorized")
            match request.method, request.path:
                case "GET", "/models":
                    return json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
                case "POST", "/chat/completions":
                    return self._complete(_asked(request.body))
                case _, "/models" | "/chat/completions":
                    return text_response(405, "Method not allowed")
                case _:
                    raise RefusedError(404, "Not Found")
        except RefusedError as refused:
            said = {"error": {"message": str(refused), "type": "invalid_request_error", "code": refused.status}}
            return Response(refused.status, json.dumps(said).encode(), "application/json")

    def _complete(self, asked: Json) -> Response:
        prompt = "\n".join(message["content"] for message in asked["messages"])
        if len(prompt) > self.longest:
            raise RefusedError(400, f"This model's maximum context length is {self.longest // 4} tokens.")
        if asked.get("logprobs") and not self.knows_logprobs:
            raise RefusedError(400, "logprobs is not supported.")
        with self._free:
            time.sleep(self.seconds)
        shape = asked.get("response_format", {}).get("json_schema", {}).get("schema", {})
        line = next((line for line in self._script if all(text in prompt for text in line.contains)), None)
        answer = dict(line.answer) if line else least(shape)
        if "quote" in answer and self.take("quote_not_in_abstract"):
            answer["quote"] = WRONG_QUOTE
        if "nct_id" in answer and self.take("other_trial"):
            answer["nct_id"] = WRONG_TRIAL
        text = json.dumps(answer, ensure_ascii=False)
        if self._is_first(asked) and self.take("invalid_json_once"):
            text = text.rstrip("}") + ', "'
        tokens = _TOKEN.findall(text)
        is_cut = bool(self.take("cut_at_length"))
        n_most = len(tokens) // 2 if is_cut else asked.get("max_tokens", len(tokens))
        is_cut, tokens = len(tokens) > n_most, tokens[:n_most]
        choice: Json = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(tokens)},
            "finish_reason": "length" if is_cut else "stop",
            "logprobs": None,
        }
        if asked.get("logprobs"):
            chances = _chances(answer, shape, line.p if line else {})
            choice["logprobs"] = {"content": _logprobs(tokens, chances, asked.get("top_logprobs", 0))}
        n_read = len(_TOKEN.findall(prompt))
        usage = {"prompt_tokens": n_read, "completion_tokens": len(tokens), "total_tokens": n_read + len(tokens)}
        document = {"id": "chatcmpl-0", "object": "chat.completion", "created": 0, "model": MODEL}
        body = json.dumps(document | {"choices": [choice], "usage": usage}).encode()
        return Response(200, body, "application/json", n_records=1)

    def _is_first(self, asked: Json) -> bool:
        """Count an answer, and return whether it is the first to its question."""
        question = json.dumps([asked["messages"], asked.get("response_format")], sort_keys=True)
        digest = hashlib.sha256(question.encode()).hexdigest()
        with self._lock:
            self.answered[digest] += 1
            return self.answered[digest] == 1


def _asked(body: bytes) -> Json:
    """Return the posted document; raises RefusedError where a server would not take it."""
    try:
        asked: Json = json.loads(body)
    except ValueError:
        raise RefusedError(400, "The body is not JSON.") from None
    messages = asked.get("messages") if isinstance(asked, dict) else None
    if not isinstance(messages, list) or not messages:
        raise RefusedError(400, "messages: field required")
    if not all(isinstance(m, dict) and isinstance(m.get("content"), str) and m.get("role") for m in messages):
        raise RefusedError(400, "messages: every one needs a role and a content")
    if asked.get("model") != MODEL:
        raise RefusedError(404, f"The model `{asked.get('model')}` does not exist.")
    wanted = asked.get("max_tokens", 1)
    if not isinstance(wanted, int) or wanted < 1:
        raise RefusedError(400, f"max_tokens must be at least 1, got {wanted}.")
    shape = asked.get("response_format", {"type": "text"})
    if not isinstance(shape, dict) or shape.get("type") not in ("text", "json_object", "json_schema"):
        raise RefusedError(400, "response_format: unknown type")
    if shape["type"] == "json_schema" and not isinstance((shape.get("json_schema") or {}).get("schema"), dict):
        raise RefusedError(400, "response_format: json_schema needs a schema")
    n_top = asked.get("top_logprobs", 0)
    if n_top and not asked.get("logprobs"):
        raise RefusedError(400, "When using `top_logprobs`, `logprobs` must be set to true.")
    if not isinstance(n_top, int) or not 0 <= n_top <= MOST_TOP_LOGPROBS:
        raise RefusedError(400, f"top_logprobs must be between 0 and {MOST_TOP_LOGPROBS}.")
    return asked


def least(schema: Json) -> Any:
    """Return the answer under a JSON schema that says nothing.

    >>> least({"type": "object", "properties": {"a": {"enum": ["yes", "unclear"]}, "b": {"type": "boolean"}}})
    {'a': 'unclear', 'b': False}
    """
    if schema.get("enum"):
        return next((value for value in TOLD_NOTHING if value in schema["enum"]), schema["enum"][0])
    match schema.get("type"):
        case "string":
            return "-" * schema.get("minLength", 0)
        case "boolean":
            return False
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "array":
            return []
        case _:
            return {name: least(shape) for name, shape in schema.get("properties", {}).items()}


def _chances(answer: Json, schema: Json, stated: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    """Return the probabilities of the values of fields: as stated, else of the answer and one other of the schema's."""
    chances: dict[str, Mapping[str, float]] = {}
    for name, shape in schema.get("properties", {}).items():
        others = [value for value in shape.get("enum", []) if value != answer.get(name)]
        if others and name in answer:
            chances[name] = {str(answer[name]): SURE, str(others[0]): UNSURE}
    return {**chances, **stated}


def _logprobs(tokens: list[str], chances: Mapping[str, Mapping[str, float]], n_top: int) -> list[Json]:
    """Return the tokens with their log-probabilities; where a value of a field begins, with its alternatives."""
    text, start, told = "".join(tokens), 0, []
    begins = {
        match.start(1): name for name in chances for match in re.finditer(rf'"{re.escape(name)}": "([^"]+)', text)
    }
    for token in tokens:
        at = next((at for at in begins if start <= at < start + len(token)), None)
        others = {token: 0.999} if at is None else _alternatives(token, at - start, chances[begins[at]])
        start += len(token)
        top = sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))[:n_top]
        told.append({**_logprob(token, others.get(token, 0.0)), "top_logprobs": [_logprob(*pair) for pair in top]})
    return told


def _alternatives(token: str, lead: int, chances: Mapping[str, float]) -> Counter[str]:
    """Return the tokens that could have stood there: what is before the value, and a value's first piece."""
    found: Counter[str] = Counter()
    for value, probability in chances.items():
        found[token[:lead] + _TOKEN.findall(value)[0]] += probability  # type: ignore[assignment]
    return found


def _logprob(token: str, probability: float) -> Json:
    return {
        "token": token,
        "logprob": math.log(probability) if probability > 0 else -9999.0,
        "bytes": list(token.encode()),
    }


SITE = LlmSite
