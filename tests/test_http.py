"""The session survives what servers do to it, within bounds, and tells a refusal from a fault."""

import gzip
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

import cto.http
from cto.http import BadBodyError, BlockedError, Http, Params, RefusedError, SourceError, read_json

BODY = json.dumps({"words": ["some answer"] * 50}).encode()
FOREIGN_HOST = "registry.test"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        self.server.next_answer()(self)

    def start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def hang_up(self) -> None:
        self.close_connection = True

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Keep standard error quiet."""


Answer = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    """Gives the scripted answers in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, dict[str, str]]] = []

    def script(self, *answers: Answer) -> str:
        """Take the answers to come; return the address to ask."""
        self.answers = list(answers)
        self.requests.clear()
        return f"http://127.0.0.1:{self.server_port}/studies"

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up on purpose here."""


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    return _server


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds

    def monotonic(self) -> float:
        return self.time

    def slept(self) -> float:
        return round(sum(self.sleeps), 6)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cto.http, "time", SimpleNamespace(sleep=clock.sleep, monotonic=clock.monotonic, time=time.time))
    return clock


class Session(Http):
    def ask(self, url: str, params: Params | None = None, read: Callable[[bytes], object] = bytes) -> bytes:
        return self.get(url, params, read)[0]


def quick(**settings: Any) -> Session:
    return Session(**{"backoff": 0.001, **settings})


# Answers


def reply(body: bytes = BODY, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda to: (to.start(status, {"Content-Length": str(len(body)), **named}), to.wfile.write(body), None)[-1]


def cut(body: bytes = BODY, status: int = 200) -> Answer:
    """Announce the whole body, send half of it and hang up."""

    def answer(to: Handler) -> None:
        to.start(status, {"Content-Length": str(len(body))})
        to.wfile.write(body[: len(body) // 2])
        to.hang_up()

    return answer


def cut_chunks(to: Handler) -> None:
    to.start(200, {"Transfer-Encoding": "chunked"})
    to.chunk(BODY[:100])
    to.hang_up()


def cut_in_a_chunk(to: Handler) -> None:
    to.start(200, {"Transfer-Encoding": "chunked"})
    to.wfile.write(b"ffff\r\n" + BODY[:100])
    to.hang_up()


def reset_in_the_body(to: Handler) -> None:
    to.start(200, {"Content-Length": str(len(BODY))})
    to.wfile.write(BODY[:100])
    to.reset()


def reset_at_once(to: Handler) -> None:
    to.reset()


def not_http(to: Handler) -> None:
    to.wfile.write(b"220 mail ready\r\n\r\n")
    to.hang_up()


def drip(data: bytes = b" ", headers: dict[str, str] | None = None) -> Answer:
    """Send a little again and again, quickly enough for every timeout of one read."""

    def answer(to: Handler) -> None:
        to.start(200, {"Transfer-Encoding": "chunked", **(headers or {})})
        for _ in range(300):
            to.chunk(data)
            time.sleep(0.01)
        to.reset()

    return answer


def pour(to: Handler) -> None:
    """Send as much as the client takes."""
    to.start(200, {"Transfer-Encoding": "chunked"})
    for _ in range(10_000):
        to.chunk(b" " * 65536)
    to.reset()


def packed(body: bytes, **headers: str) -> Answer:
    return reply(body, Content_Encoding="gzip", **headers)


# What comes is what was sent


def test_a_body_is_returned_as_sent_and_counted(server: Server) -> None:
    http = quick()
    assert http.get(server.script(reply()), None, len) == (BODY, len(BODY))
    assert (http.n_requests, http.n_retries, http.n_bytes) == (1, 0, len(BODY))


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 100_000])
def test_any_bytes_are_returned_as_they_are(server: Server, body: bytes) -> None:
    assert quick().ask(server.script(reply(body))) == body


def test_a_packed_body_is_returned_unpacked(server: Server) -> None:
    assert quick().ask(server.script(packed(gzip.compress(BODY)))) == BODY


def test_parameters_reach_the_server(server: Server) -> None:
    address = server.script(reply())
    quick().ask(address, {"filter.advanced": "AREA[Phase]PHASE3", "pageSize": 10, "é": "a&b"})
    assert server.requests[0][0] == "/studies?filter.advanced=AREA%5BPhase%5DPHASE3&pageSize=10&%C3%A9=a%26b"


def test_the_user_agent_says_whom_to_write_to(server: Server) -> None:
    quick(contact="mailto:ada@example.org").ask(server.script(reply()))
    assert server.requests[0][1]["User-Agent"] == "cto/0.1 (clinical trial outcomes; +mailto:ada@example.org)"


# Faults that a repeat mends


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 522, 529])
def test_a_passing_failure_is_tried_again(server: Server, status: int) -> None:
    http = quick()
    assert http.ask(server.script(reply(b"later", status), reply(b"later", status), reply())) == BODY
    assert (http.n_requests, http.n_retries) == (3, 2)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(cut(), id="cut body"),
        pytest.param(cut_chunks, id="cut between chunks"),
        pytest.param(cut_in_a_chunk, id="cut in a chunk"),
        pytest.param(reset_in_the_body, id="reset in the body"),
        pytest.param(reset_at_once, id="reset at once"),
        pytest.param(not_http, id="not HTTP"),
    ],
)
def test_a_broken_connection_is_tried_again(server: Server, fault: Answer) -> None:
    http = quick()
    assert http.ask(server.script(fault, fault, reply())) == BODY
    assert (http.n_requests, http.n_retries) == (3, 2)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BODY[:-20], id="cut JSON"),
        pytest.param(b"<html>Request blocked</html>", id="a page for people"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_body_that_fails_its_check_is_tried_again(server: Server, body: bytes) -> None:
    http = quick()
    assert http.ask(server.script(reply(body), reply()), read=read_json) == BODY
    assert http.n_retries == 1


@pytest.mark.parametrize("read", [read_json, bytes], ids=["checked", "unchecked"])
def test_a_packed_body_that_was_cut_is_tried_again(server: Server, read: Callable[[bytes], object]) -> None:
    whole = gzip.compress(os.urandom(1000).hex().join('""').encode())
    assert quick().ask(server.script(packed(whole[: len(whole) // 2]), reply()), read=read) == BODY


def test_a_packed_body_that_is_damaged_is_tried_again(server: Server) -> None:
    whole = gzip.compress(BODY)
    assert quick().ask(server.script(packed(whole[:20] + b"\xff" * 9 + whole[29:]), reply())) == BODY


def test_what_was_read_of_a_failed_try_is_not_part_of_the_next(server: Server) -> None:
    assert quick().ask(server.script(cut(b"x" * 100_000), reply())) == BODY


# Budgets


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        pytest.param(reply(b"", 503), "HTTP 503", id="a status"),
        pytest.param(cut(), "IncompleteRead", id="a cut body"),
        pytest.param(reply(b"<html>"), "<html>", id="a foreign body"),
    ],
)
def test_a_fault_that_lasts_is_given_up_with_its_name(server: Server, fault: Answer, named: str) -> None:
    address = server.script(fault)
    http = quick(tries=3)
    with pytest.raises(SourceError, match=f"{address}: gave up after 3 tries; last failure: .*{named}"):
        http.ask(address, read=read_json)
    assert len(server.requests) == http.n_requests == 3


def test_a_server_that_is_not_there_is_a_source_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match=r"gave up after 2 tries.*refused"):
            quick(tries=2).ask(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_all_requests_of_a_run_share_a_budget_of_retries(server: Server) -> None:
    http = quick(tries=3, retries=3)
    address = server.script(reply(b"", 500), reply(b"", 500), reply(), reply(b"", 500), reply(b"", 502), reply())
    assert http.ask(address) == BODY
    with pytest.raises(SourceError, match="budget of 3 retries a run is spent; last: HTTP 502"):
        http.ask(address)
    assert http.n_retries == 3


def test_requests_that_succeed_at_once_go_on_after_the_budget_is_spent(server: Server) -> None:
    http = quick(retries=0)
    address = server.script(reply(b"", 500), reply())
    with pytest.raises(SourceError, match="budget of 0 retries"):
        http.ask(address)
    assert http.ask(address) == BODY


def test_pauses_double_within_their_jitter_and_none_follows_the_last_try(server: Server, clock: Clock) -> None:
    with pytest.raises(SourceError):
        Session(backoff=10.0, tries=4).ask(server.script(reply(b"", 500)))
    assert len(clock.sleeps) == 3
    for pause, middle in zip(clock.sleeps, (10, 20, 40), strict=True):
        assert 0.75 * middle <= pause <= 1.25 * middle


# Retry-After


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_the_server_asks_for_is_kept(server: Server, clock: Clock, status: int) -> None:
    Session(backoff=1.0).ask(server.script(reply(b"", status, Retry_After="30"), reply()))
    assert clock.sleeps == [30.0]


def test_a_wait_that_the_server_asks_for_does_not_shorten_the_pause(server: Server, clock: Clock) -> None:
    Session(backoff=60.0).ask(server.script(reply(b"", 429, Retry_After="1"), reply()))
    assert clock.slept() >= 45


def test_a_wait_that_the_server_asks_for_is_bounded(server: Server, clock: Clock) -> None:
    Session(backoff=1.0).ask(server.script(reply(b"", 429, Retry_After="86400"), reply()))
    assert clock.slept() == 120


def test_a_wait_that_is_given_as_a_date_is_kept(server: Server, clock: Clock) -> None:
    then = formatdate(time.time() + 60, usegmt=True)
    Session(backoff=1.0).ask(server.script(reply(b"", 503, Retry_After=then), reply()))
    assert 50 < clock.slept() <= 60


@pytest.mark.parametrize("asked", ["soon", "-5", "1.5", "²", "", "Mon, 99 Foo 2024 00:00:00 GMT"])
def test_a_wait_that_cannot_be_read_is_the_usual_pause(server: Server, clock: Clock, asked: str) -> None:
    assert Session(backoff=1.0).ask(server.script(reply(b"", 503, Retry_After=asked), reply())) == BODY
    assert 0.75 <= clock.slept() <= 1.5


# Refusals that no repeat mends


def test_a_block_is_an_error_of_its_own_and_never_tried_again(server: Server) -> None:
    address = server.script(reply(b"<html>Request blocked.</html>", 403))
    with pytest.raises(BlockedError, match=r"HTTP 403.*blocks this client.*Request blocked.*not an empty answer"):
        quick().ask(address, read=read_json)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "blocked",
    [
        pytest.param(cut(b"<html>Request blocked.</html>", 403), id="cut"),
        pytest.param(reply(b"x" * 100_000, 403), id="large"),
    ],
)
def test_a_block_is_a_block_whatever_its_body(server: Server, blocked: Answer) -> None:
    with pytest.raises(BlockedError):
        quick(max_bytes=50_000).ask(server.script(blocked))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410, 414, 422])
def test_a_refusal_is_never_tried_again_and_keeps_status_and_words(server: Server, status: int) -> None:
    with pytest.raises(RefusedError, match=f"HTTP {status}: `filter.phase` is unknown") as refused:
        quick().ask(server.script(reply(b"`filter.phase` is unknown parameter", status)))
    assert refused.value.status == status
    assert not isinstance(refused.value, BlockedError)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [204, 206, 304])
def test_a_success_without_the_whole_answer_is_none(server: Server, status: int) -> None:
    with pytest.raises(SourceError, match=f"HTTP {status}"):
        quick().ask(server.script(reply(b"", status)))


# Bounds


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(pour, id="an endless body"),
        pytest.param(reply(b" " * 200_000), id="a large body"),
        pytest.param(packed(gzip.compress(b" " * 50_000_000)), id="a body that unpacks to a large one"),
    ],
)
def test_a_body_is_read_up_to_a_size(server: Server, fault: Answer) -> None:
    http = quick(max_bytes=100_000)
    with pytest.raises(SourceError, match="larger than 100000 bytes"):
        http.ask(server.script(fault))
    assert http.n_requests == 1


def test_a_body_of_just_the_size_is_read(server: Server) -> None:
    assert len(quick(max_bytes=100_000).ask(server.script(reply(b" " * 100_000)))) == 100_000


def packed_nothing(to: Handler) -> None:
    """Send a packed body that unpacks to nothing and never ends."""
    to.start(200, {"Transfer-Encoding": "chunked", "Content-Encoding": "gzip"})
    to.chunk(gzip.compress(b"")[:10])
    for _ in range(150):
        to.chunk(b"\x00\x00\x00\xff\xff")
        time.sleep(0.01)
    to.reset()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(drip(), id="a body that drips"),
        pytest.param(drip(gzip.compress(b"x"), {"Content-Encoding": "gzip"}), id="a packed body that drips"),
        pytest.param(packed_nothing, id="a packed body that unpacks to nothing"),
    ],
)
def test_a_body_is_read_up_to_a_time(server: Server, fault: Answer) -> None:
    started = time.monotonic()
    with pytest.raises(SourceError, match="took longer than 0 s"):
        quick(seconds=0.2).ask(server.script(fault))
    assert time.monotonic() - started < 1.5
    assert len(server.requests) == 1


# Redirects


def test_a_redirect_is_followed(server: Server) -> None:
    address = server.script(reply(b"", 301, Location="/studies/NCT00000002"), reply())
    assert quick().ask(address) == BODY
    assert [path for path, _ in server.requests] == ["/studies", "/studies/NCT00000002"]


@pytest.mark.parametrize("target", ["/studies", "gopher://elsewhere/", "http://", "http://[broken"])
def test_a_redirect_that_leads_nowhere_is_a_source_error(server: Server, target: str) -> None:
    with pytest.raises(SourceError):
        quick(tries=2).ask(server.script(reply(b"", 302, Location=target)))


# Politeness


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a host that is not the loopback by its name, and leads here."""
    resolve = socket.getaddrinfo

    def here(host: Any, *rest: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if host == FOREIGN_HOST else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    return FOREIGN_HOST


def test_requests_to_a_source_keep_their_distance(server: Server, clock: Clock, foreign: str) -> None:
    address = server.script(reply()).replace("127.0.0.1", foreign)
    http = Session(interval=1.2)
    http.ask(address)
    assert clock.slept() == 0
    http.ask(address)
    assert clock.slept() == 1.2
    clock.time += 0.5  # work between two requests counts as distance
    http.ask(address)
    assert clock.slept() == pytest.approx(1.2 + 0.7)
    clock.time += 60
    http.ask(address)
    assert clock.slept() == pytest.approx(1.2 + 0.7)


def test_repeats_keep_their_distance_too(server: Server, clock: Clock, foreign: str) -> None:
    address = server.script(reply(b"", 500), reply()).replace("127.0.0.1", foreign)
    Session(interval=50.0, backoff=1.0).ask(address)
    assert clock.slept() == pytest.approx(50.0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_requests_on_loopback_do_not_wait(server: Server, clock: Clock, host: str) -> None:
    address = server.script(reply()).replace("127.0.0.1", host)
    http = Session(interval=1.2)
    for _ in range(5):
        assert http.ask(address) == BODY
    assert clock.sleeps == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_stand_in_on_loopback_is_asked_without_the_proxy(
    server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    assert quick(tries=1).ask(server.script(reply())) == BODY


# Checks


def test_a_body_that_is_not_whole_json_is_told_by_its_start() -> None:
    assert read_json('{"a": "é"}'.encode()) == {"a": "é"}
    with pytest.raises(BadBodyError, match=r"not JSON.*starts b'\{\"studies\": \[1, 2'"):
        read_json(b'{"studies": [1, 2')


def test_a_stray_byte_is_no_reason_to_refuse_a_page() -> None:
    assert read_json(b'{"a": "caf\xe9"}') == {"a": "caf\udce9"}
