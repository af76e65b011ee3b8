"""The client of a model's server: whatever the server does ends in an answer, bounded tries, or a reason."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from urllib3.connection import HTTPConnection

from cto.annotate import channel
from cto.annotate.openai_server import IN_A_ROW, OpenAIServer
from cto.annotate.request import ModelError, Reply, Request, Unanswered
from cto.sandbox import Sandbox
from cto.sandbox.server import SandboxServer
from cto.sandbox.site import Request as Call
from cto.sandbox.site import Response, Site, json_response

Json = dict[str, Any]
Handler = Callable[[Json], Response]

KEY = "s3cret-key"
SCHEMA: Json = {
    "type": "object",
    "properties": {"met": {"type": "string", "enum": ["yes", "no", "unclear"]}, "nct_id": {"type": "string"}},
    "required": ["met", "nct_id"],
    "additionalProperties": False,
}
ANSWER = {"met": "yes", "nct_id": "NCT99900001"}


def question(text: str = "NCT99900001", **changes: Any) -> Request:
    given: Json = {"model": "scripted", "revision": "", "prompt": "verdict.v1", "system": "Read.", "schema": SCHEMA}
    return Request(**(given | {"user": text} | changes))


def engine(url: str, **changes: Any) -> OpenAIServer:
    given: Json = {"key": KEY, "in_flight": 4, "tries": 3, "backoff": 0.001, "seconds": 5.0}
    return OpenAIServer(url, "scripted", **(given | changes))


def ask(url: str, *requests: Request, **changes: Any) -> dict[str, Reply | Unanswered]:
    """Return what came of every request, by its text."""
    answered = list(engine(url, **changes).answer(requests))
    assert sorted(request.user for request, _ in answered) == sorted(request.user for request in requests)
    return {request.user: reply for request, reply in answered}


def ask_one(url: str, request: Request | None = None, **changes: Any) -> Reply | Unanswered:
    [reply] = ask(url, request or question(), **changes).values()
    return reply


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return the stand-in with one answer in its script, which demands the key."""
    with Sandbox() as running:
        running.site("llm").add(
            [{"contains": ["NCT99900001"], "answer": ANSWER, "p": {"met": {"yes": 0.75, "no": 0.25}}}]
        )
        running.site("llm").key = KEY
        yield running


@pytest.fixture
def llm(sandbox: Sandbox) -> str:
    """Return the stand-in's address."""
    return sandbox.environment["CTO_LLM_URL"]


class Server(Site):
    """A model's server that answers completions as a test says."""

    source = "server"
    prefix = "/v1"

    def __init__(self, complete: Handler, models: Response) -> None:
        self._complete = complete
        self._models = models
        self.posted: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.most_together = 0
        self._together = 0
        self._lock = threading.Lock()

    def handle(self, request: Call) -> Response:
        self.headers.append(dict(request.headers))
        if request.path == "/models":
            return self._models
        posted = json.loads(request.body)
        with self._lock:
            self.posted.append(posted)
            self._together += 1
            self.most_together = max(self.most_together, self._together)
        try:
            return self._complete(posted)
        finally:
            with self._lock:
                self._together -= 1


Serve = Callable[..., tuple[str, Server]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return ``serve(complete, models)``, which starts a server and returns its address and its site."""
    running: list[SandboxServer] = []

    def start(complete: Handler, models: Response | None = None) -> tuple[str, Server]:
        server = SandboxServer().start()
        running.append(server)
        site = Server(complete, models or json_response({"data": [{"id": "scripted"}]}))
        server.mount(site.prefix, site)
        return server.url + site.prefix, site

    yield start
    for server in running:
        server.stop()


def completion(text: str | None = json.dumps(ANSWER), reason: str = "stop", **more: Any) -> Response:
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    return json_response({"choices": [{"index": 0, "message": message, "finish_reason": reason, **more}]})


def refused(status: int, message: str = "No", **headers: str) -> Response:
    return Response(status, json.dumps({"error": {"message": message}}).encode(), "application/json", headers)


def user(posted: Json) -> str:
    return str(posted["messages"][-1]["content"])


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("openai")]


# --- what is asked and what is understood


def test_every_question_gets_its_answer(sandbox: Sandbox, llm: str) -> None:
    found = ask(llm, *(question(f"{i}: NCT99900001") for i in range(20)), question("other"))
    assert len(found) == 21
    assert json.loads(found["7: NCT99900001"].text) == ANSWER
    assert json.loads(found["other"].text)["met"] == "unclear"
    assert all(count == 1 for count in sandbox.site("llm").answered.values())


def test_an_answer_comes_with_its_counts_its_end_and_the_probabilities_that_were_wanted(llm: str) -> None:
    reply = ask_one(llm, question(choices=("met",)))
    assert reply.choices == {"met": pytest.approx({"yes": 0.75, "no": 0.25})}
    assert reply.prompt_tokens > 0
    assert reply.completion_tokens > 0
    assert (reply.finish_reason, reply.engine, reply.refusal) == ("stop", "openai", "")
    assert ask_one(llm, question(max_tokens=3)).finish_reason == "length"
    assert ask_one(llm).choices == {}


def test_the_question_is_posted_as_the_protocol_has_it(serve: Serve) -> None:
    url, site = serve(lambda _: completion())
    ask(url, question("first", max_tokens=50), question("second", choices=("met",), system=""))
    first, second = sorted(site.posted, key=user)
    assert first == {
        "model": "scripted",
        "messages": [{"role": "system", "content": "Read."}, {"role": "user", "content": "first"}],
        "temperature": 0.0,
        "max_tokens": 50,
        "seed": 0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict_v1", "strict": True, "schema": SCHEMA},
        },
    }
    assert second["messages"] == [{"role": "user", "content": "second"}]
    assert second["logprobs"] is True
    assert second["top_logprobs"] > 1
    assert site.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_second_attempt_is_sampled_otherwise_and_may_be_twice_as_long(serve: Serve) -> None:
    url, site = serve(lambda _: completion())
    ask(url, question(max_tokens=50, attempt=1))
    [posted] = site.posted
    assert (posted["seed"], posted["max_tokens"]) == (1, 100)
    assert posted["temperature"] > 0


def test_without_a_key_none_is_sent(serve: Serve) -> None:
    url, site = serve(lambda _: completion())
    ask(url, question(), key="")
    assert not any("authorization" in headers for headers in site.headers)


def test_tokens_that_a_server_does_not_count_are_estimated(serve: Serve) -> None:
    url, _ = serve(lambda _: completion("x" * 30))
    reply = ask_one(url, question("y" * 85))
    assert (reply.prompt_tokens, reply.completion_tokens) == (30, 10)


@pytest.mark.parametrize(
    "answer", [completion(None, message={"refusal": "I cannot."}), completion(None, "content_filter")]
)
def test_a_model_that_will_not_answer_refuses(serve: Serve, answer: Response) -> None:
    url, _ = serve(lambda _: answer)
    assert ask_one(url).refusal in ("I cannot.", "content_filter")


def test_half_a_character_at_the_end_of_a_cut_answer_can_be_stored(serve: Serve) -> None:
    url, _ = serve(lambda _: completion("P\ud835", "length"))
    assert ask_one(url).text.encode() == b"P?"


@pytest.mark.parametrize("logprobs", [None, {"content": None}, {"content": []}])
def test_an_answer_without_the_probabilities_that_were_wanted_is_an_answer(serve: Serve, logprobs: Any) -> None:
    url, _ = serve(lambda _: completion(logprobs=logprobs))
    reply = ask_one(url, question(choices=("met",)))
    assert json.loads(reply.text) == ANSWER
    assert reply.choices == {}


# --- how many at a time


def test_no_more_are_taken_or_asked_than_may_be_under_way(serve: Serve) -> None:
    url, site = serve(lambda _: time.sleep(0.01) or completion())
    taken = Counter[str]()

    def requests() -> Iterator[Request]:
        for i in range(30):
            taken["n"] += 1
            yield question(str(i))

    for n, _ in enumerate(engine(url).answer(requests())):
        assert taken["n"] <= n + 4
    assert site.most_together == 4
    assert len(site.posted) == 30


def test_an_answer_is_there_before_the_next_question_is_taken(llm: str) -> None:
    answered: list[str] = []

    def requests() -> Iterator[Request]:
        for i in range(6):
            assert len(answered) >= i - 1
            yield question(str(i))

    for request, _ in engine(llm, in_flight=2).answer(requests()):
        answered.append(request.user)
    assert sorted(answered) == list("012345")


def test_connections_are_kept_alive(llm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[HTTPConnection] = []
    connect = HTTPConnection.connect
    monkeypatch.setattr(HTTPConnection, "connect", lambda self: made.append(self) or connect(self))
    assert len(ask(llm, *(question(str(i)) for i in range(40)))) == 40
    assert 1 <= len(made) <= 4


# --- faults


@pytest.mark.parametrize(
    "fault", ["rate_limited", "server_error", "unavailable", "html_at_200", "truncated_json", "reset_mid_body", "slow"]
)
@pytest.mark.parametrize("after", [0, 3])
def test_a_fault_that_passes_ends_in_the_right_answer(sandbox: Sandbox, llm: str, fault: str, after: int) -> None:
    sandbox.add_fault(fault, after=after, site="llm")
    found = ask(llm, *(question(f"{i}: NCT99900001") for i in range(6)))
    assert [json.loads(reply.text) for reply in found.values()] == [ANSWER] * 6
    assert fault in {call["fault"] for call in sandbox.requests} | {"slow"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("rate_limited", "HTTP 429: Too many requests"),
        ("server_error", "HTTP 500: Internal server error"),
        ("html_at_200", "not JSON"),
        ("truncated_json", "not JSON"),
        ("reset_mid_body", "Connection"),
        ("endless_body", "larger than"),
    ],
)
def test_a_fault_that_stays_leaves_a_question_unanswered_after_bounded_tries(
    sandbox: Sandbox, llm: str, fault: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "MAX_BYTES", 1 << 20)
    sandbox.add_fault(fault, times=None, after=1 if fault in ("rate_limited", "server_error") else 0, site="llm")
    reply = ask_one(llm)
    assert isinstance(reply, Unanswered)
    assert reason in reply.reason
    assert "3 tries" in reply.reason
    assert len([call for call in sandbox.requests if call["method"] == "POST"]) == 3


@pytest.mark.parametrize(
    "document", [{}, {"error": "overloaded"}, {"choices": []}, {"choices": [{"message": None}]}, [], "yes", None]
)
def test_json_that_is_no_completion_is_asked_for_again(serve: Serve, document: Any) -> None:
    url, site = serve(lambda _: json_response(document) if len(site.posted) < 2 else completion())
    assert json.loads(ask_one(url).text) == ANSWER
    assert len(site.posted) == 2


def test_a_server_is_left_alone_for_as_long_as_it_asks(serve: Serve) -> None:
    url, site = serve(lambda _: refused(429, **{"Retry-After": "1"}) if len(site.posted) < 2 else completion())
    start = time.monotonic()
    assert isinstance(ask_one(url), Reply)
    assert 1 <= time.monotonic() - start < 4


def test_a_server_that_stays_silent_is_not_waited_for_without_end(serve: Serve) -> None:
    silence = threading.Event()
    url, site = serve(lambda _: completion() if silence.wait(20) else refused(500))
    start = time.monotonic()
    reply = ask_one(url, seconds=0.2)
    silence.set()
    assert isinstance(reply, Unanswered)
    assert "timed out" in reply.reason.lower()
    assert len(site.posted) == 3
    assert time.monotonic() - start < 5


def test_one_question_that_fails_stops_no_other(serve: Serve) -> None:
    url, _ = serve(lambda posted: refused(500) if user(posted) == "3" else completion())
    found = ask(url, *(question(str(i)) for i in range(40)))
    assert {text for text, reply in found.items() if isinstance(reply, Unanswered)} == {"3"}


def test_a_server_that_goes_down_ends_the_run_after_so_many_in_a_row(serve: Serve) -> None:
    url, site = serve(lambda posted: completion() if int(user(posted)) < 10 else refused(503, "overloaded"))
    found: list[Reply | Unanswered] = []
    with pytest.raises(ModelError, match=rf"scripted at .*: {IN_A_ROW} questions in a row .*503: overloaded"):
        found.extend(reply for _, reply in engine(url).answer(question(str(i)) for i in range(1000)))
    assert sum(isinstance(reply, Reply) for reply in found) == 10
    assert IN_A_ROW <= len(found) - 10 < IN_A_ROW + 4
    assert len(site.posted) <= 10 + 3 * (IN_A_ROW + 4)


def test_now_and_then_no_answer_does_not_end_the_run(serve: Serve) -> None:
    url, _ = serve(lambda posted: refused(500) if int(user(posted)) % 2 else completion())
    found = ask(url, *(question(str(i)) for i in range(4 * IN_A_ROW)), in_flight=1)
    assert sum(isinstance(reply, Unanswered) for reply in found.values()) == 2 * IN_A_ROW


# --- refusals


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_input_that_is_refused_is_not_asked_again_and_stops_no_other(serve: Serve, status: int) -> None:
    url, site = serve(lambda posted: refused(status, "too long") if user(posted) == "3" else completion())
    found = ask(url, *(question(str(i)) for i in range(10)))
    assert found["3"].refusal == f"HTTP {status}: too long"
    assert sum(reply.refusal == "" for reply in found.values()) == 9
    assert len(site.posted) == 10


def test_a_prompt_beyond_the_stand_ins_length_is_refused(sandbox: Sandbox, llm: str) -> None:
    sandbox.site("llm").longest = 100
    found = ask(llm, question("x" * 200), question("short"))
    assert "maximum context length" in found["x" * 200].refusal
    assert found["short"].refusal == ""


def test_a_server_that_refuses_everything_is_at_fault_and_not_the_questions(serve: Serve) -> None:
    url, _ = serve(lambda _: refused(400, "max_tokens is not supported"))
    found: list[Any] = []
    with pytest.raises(ModelError, match=r"refuses every question: HTTP 400: max_tokens is not supported"):
        found.extend(engine(url).answer(question(str(i)) for i in range(100)))
    assert found == []


def test_a_question_without_an_answer_does_not_show_that_a_server_takes_any(serve: Serve) -> None:
    url, _ = serve(lambda posted: refused(400 if int(user(posted)) % 2 else 500))
    found: list[Any] = []
    with pytest.raises(ModelError, match="refuses every question"):
        found.extend(reply for _, reply in engine(url, in_flight=1).answer(question(str(i)) for i in range(100)))
    assert found
    assert all(isinstance(reply, Unanswered) for reply in found)


def test_few_questions_that_are_all_refused_say_so(serve: Serve) -> None:
    url, _ = serve(lambda _: refused(400, "too long"))
    assert [reply.refusal for reply in ask(url, question("1"), question("2")).values()] == ["HTTP 400: too long"] * 2


def test_a_server_that_knows_no_probabilities_is_asked_without_from_then_on(sandbox: Sandbox, llm: str) -> None:
    sandbox.site("llm").knows_logprobs = False
    found = ask(llm, *(question(f"{i}: NCT99900001", choices=("met",)) for i in range(20)), in_flight=1)
    assert all(json.loads(reply.text) == ANSWER and reply.choices == {} for reply in found.values())
    assert [call["status"] for call in sandbox.requests].count(400) == 1


def test_a_refusal_for_another_reason_is_not_blamed_on_the_probabilities(sandbox: Sandbox, llm: str) -> None:
    sandbox.site("llm").longest = 100
    texts = ("x" * 200, "NCT99900001", "y" * 200)
    found = ask(llm, *(question(text, choices=("met",)) for text in texts), in_flight=1)
    assert "maximum context length" in found["x" * 200].refusal
    assert "maximum context length" in found["y" * 200].refusal
    assert found["NCT99900001"].choices["met"] == pytest.approx({"yes": 0.75, "no": 0.25})
    assert [call["status"] for call in sandbox.requests if call["method"] == "POST"] == [400, 400, 200, 400]


# --- a server that cannot be asked


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refused(401), "set CTO_LLM_API_KEY"),
        (refused(403), "set CTO_LLM_API_KEY"),
        (refused(404, "The model does not exist."), "set CTO_LLM_URL .* CTO_LLM_MODEL"),
        (refused(402, "Pay first."), "HTTP 402: Pay first"),
        (Response(302, headers={"Location": "http://127.0.0.1:9/v1"}), "HTTP 302"),
    ],
)
def test_a_server_that_cannot_be_asked_ends_the_run_at_once(serve: Serve, answer: Response, said: str) -> None:
    url, site = serve(lambda _: answer)
    with pytest.raises(ModelError, match=said) as caught:
        list(engine(url).answer(question(str(i)) for i in range(100)))
    assert "scripted" in str(caught.value)
    assert len(site.posted) <= 8
    other, _ = serve(lambda _: completion(), models=answer)
    with pytest.raises(ModelError, match=said):
        list(engine(other).answer([question()]))


def test_a_server_that_blocks_is_told_from_one_without_answers(sandbox: Sandbox, llm: str) -> None:
    sandbox.add_fault("blocked", times=None, after=5, site="llm")
    found: list[Any] = []
    with pytest.raises(ModelError, match="HTTP 403"):
        found.extend(engine(llm).answer(question(f"{i}") for i in range(100)))
    assert sum(isinstance(reply, Reply) for _, reply in found) == 4


def test_what_was_answered_before_the_key_was_withdrawn_has_been_given(sandbox: Sandbox, llm: str) -> None:
    found: list[str] = []

    def read() -> None:
        for request, reply in engine(llm).answer(question(f"{i}: NCT99900001") for i in range(100)):
            found.extend([request.user] if isinstance(reply, Reply) else [])
            if len(found) == 10:
                sandbox.site("llm").key = "another"

    with pytest.raises(ModelError, match="CTO_LLM_API_KEY"):
        read()
    assert 10 <= len(found) == len(set(found)) == sandbox.site("llm").answered.total()


def test_what_is_under_way_when_the_run_cannot_go_on_is_waited_for(serve: Serve) -> None:
    def complete(posted: Json) -> Response:
        time.sleep(0.2 if user(posted) == "0" else 0.6)
        return refused(401) if user(posted) == "0" else completion()

    url, site = serve(complete)
    found: list[str] = []
    with pytest.raises(ModelError, match="CTO_LLM_API_KEY"):
        found.extend(request.user for request, _ in engine(url).answer(question(str(i)) for i in range(100)))
    assert sorted(found) == ["1", "2", "3"]
    assert len(site.posted) == 4


def test_a_model_that_is_not_served_is_refused_with_those_that_are(serve: Serve) -> None:
    url, site = serve(lambda _: completion(), models=json_response({"data": [{"id": "a/b"}, {"id": "c"}]}))
    with pytest.raises(ModelError, match=r"does not serve scripted but a/b, c: set CTO_LLM_MODEL"):
        list(engine(url).answer([question()]))
    assert site.posted == []


def test_an_address_without_a_server_is_told(sandbox: Sandbox, llm: str) -> None:
    sandbox.stop()
    with pytest.raises(ModelError, match=r"cannot be reached: gave up after 3 tries.*CTO_LLM_URL"):
        list(engine(llm).answer([question()]))


def test_a_server_that_is_asked_nothing_need_not_be_there(sandbox: Sandbox, llm: str) -> None:
    assert ask(llm) == {}
    assert sandbox.requests == []


def test_a_web_page_in_place_of_a_server_is_told(serve: Serve) -> None:
    url, _ = serve(lambda _: completion(), models=Response(200, b"<html>Welcome</html>", "text/html"))
    with pytest.raises(ModelError, match=r"cannot be reached.*not JSON.*CTO_LLM_URL"):
        list(engine(url).answer([question()]))


# --- how it ends


@pytest.fixture
def hanging(serve: Serve) -> Iterator[str]:
    """Return the address of a server that answers but the first question never."""
    silence = threading.Event()

    def complete(posted: Json) -> Response:
        if user(posted) != "0":
            silence.wait(60)
        return completion()

    yield serve(complete)[0]
    silence.set()


def test_a_reader_that_has_enough_leaves_nothing_running(hanging: str) -> None:
    start = time.monotonic()
    with closing(engine(hanging, seconds=60).answer(question(str(i)) for i in range(100))) as answers:  # type: ignore[type-var]
        next(answers)
        assert workers()
    assert workers() == []
    assert time.monotonic() - start < 5


def test_an_error_in_what_gives_the_questions_ends_the_run_and_leaves_nothing_running(hanging: str) -> None:
    def requests() -> Iterator[Request]:
        yield question("0")
        yield question("1")
        raise LookupError("no more rows")

    start = time.monotonic()
    with pytest.raises(LookupError, match="no more rows"):
        list(engine(hanging, seconds=60).answer(requests()))
    assert workers() == []
    assert time.monotonic() - start < 5


def test_a_pause_between_tries_is_not_waited_out_at_the_end(serve: Serve) -> None:
    url, _ = serve(lambda posted: completion() if user(posted) == "0" else refused(500))
    start = time.monotonic()
    with closing(engine(url, backoff=60).answer(question(str(i)) for i in range(3))) as answers:  # type: ignore[type-var]
        next(answers)
    assert workers() == []
    assert time.monotonic() - start < 5


def test_nothing_runs_on_after_a_whole_run(llm: str) -> None:
    ask(llm, *(question(str(i)) for i in range(10)))
    assert workers() == []


def process_of(url: str, then: str) -> subprocess.Popen[str]:
    """Start a process that says when it has the first answer, with the others open, and goes on as ``then`` says."""
    code = (
        "import tests.test_openai_server as t\n"
        f"answers = t.engine({url!r}, seconds=60).answer(t.question(str(i)) for i in range(9))\n"
        f"next(answers), print('one', flush=True)\n{then}\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "one\n"
    return process


def test_ctrl_c_ends_a_process_that_waits_for_answers(hanging: str) -> None:
    process = process_of(hanging, "next(answers)")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - start < 5
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT


def test_a_process_that_ends_with_answers_still_open_does_not_wait_for_them(hanging: str) -> None:
    process = process_of(hanging, "raise LookupError")
    start = time.monotonic()
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - start < 5
    assert errors.rstrip().endswith("LookupError")


# --- the key


@pytest.mark.parametrize("status", [400, 401, 402, 404, 429, 500])
def test_a_key_that_a_server_repeats_is_never_shown(serve: Serve, status: int) -> None:
    url, _ = serve(lambda _: refused(status, f"The key {KEY} is wrong"))
    try:
        shown = repr(list(engine(url).answer([question()])))
    except ModelError as error:
        shown = f"{error!r} {error.__context__!r} {error.__cause__!r}"
    assert str(status) in shown
    assert KEY not in shown


def test_a_key_is_not_shown_by_the_engine() -> None:
    assert KEY not in repr(engine("http://127.0.0.1:9/v1"))


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY} {KEY}", f"{KEY}é", f"{KEY}\r\nX-Other: 1"])
def test_a_key_that_can_be_none_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ModelError, match="CTO_LLM_API_KEY") as caught:
        engine("http://127.0.0.1:9/v1", key=key)
    assert KEY not in repr(caught.value)


def test_an_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(ModelError, match="CTO_LLM_API_KEY") as caught:
        engine("http://me:pass-word@127.0.0.1:9/v1")
    assert "pass-word" not in repr(caught.value)
