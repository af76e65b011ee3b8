"""One HTTP session for every source: timeouts, bounded bodies, retries within a budget, a rate limit."""

from __future__ import annotations

import json
import random
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

RETRY_STATUS = (408, 425, 429, *range(500, 600))
MAX_BYTES = 512 << 20
REQUEST_SECONDS = 300.0
MAX_WAIT = 120.0
VALIDATORS = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}
ANSWERED = {"etag": "ETag", "last_modified": "Last-Modified"}
USER_AGENT = "cto/0.1 (clinical trial outcomes; +{contact})"

Params = Mapping[str, str | int]
T = TypeVar("T")
R = TypeVar("R")


class SourceError(RuntimeError):
    """A source did not give what was asked; the message names the address, what came and the remedy."""


class BlockedError(SourceError):
    """The source refuses this client (403): not an empty answer, and trying again does not help."""


class RefusedError(SourceError):
    """The source answered 4xx to this request: the request itself is wrong or outdated."""

    def __init__(self, message: str, status: int) -> None:
        """Keep the status beside the message."""
        super().__init__(message)
        self.status = status


class BadBodyError(ValueError):
    """Raised by a check on a body that is cut, or not what was asked for: worth another try."""


class BusyError(BadBodyError):
    """The source asks to come again later, after ``wait`` seconds when it says so."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        """Keep the wait beside the message."""
        super().__init__(message)
        self.wait = wait


TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
    zlib.error,
    BadBodyError,
)
"""What another try may mend."""


@dataclass
class Http:
    """A polite session for one source.

    ``key`` is sent as ``key_as`` says (:class:`cto.connector.Connector`), never in an address and never shown.
    ``interval`` is the least time between two requests in seconds, waived on loopback. ``retries`` is the budget of
    extra tries for the whole run, ``tries`` for one request. ``backoff`` is the first pause in seconds; it doubles.
    """

    interval: float = 0.0
    tries: int = 5
    retries: int = 100
    backoff: float = 1.0
    contact: str = ""
    key: str = field(default="", repr=False)
    key_as: str = ""
    max_bytes: int = MAX_BYTES
    seconds: float = REQUEST_SECONDS
    n_requests: int = 0
    n_retries: int = 0
    n_bytes: int = 0
    _session: requests.Session = field(default_factory=requests.Session, repr=False)
    _next: float = 0.0

    def get(self, url: str, params: Params | None, read: Callable[[bytes], T], form: bool = False) -> tuple[bytes, T]:
        """Return the body of a 200 answer, and what ``read`` makes of it.

        Args:
            url: where to ask.
            params: query parameters.
            read: raises :class:`BadBodyError` when the body is cut or foreign; the request is then tried again.
            form: post the parameters as a form instead of putting them into the address.

        Raises:
            BlockedError: 403.
            RefusedError: another 4xx that a repeat cannot mend.
            SourceError: the budget of tries is spent; the message holds the last failure.

        """
        return self._tried(url, lambda: self._send(url, params, form), lambda response: self._whole(response, read))

    def changed(self, url: str, read: Callable[[bytes], T], seen: Params) -> tuple[tuple[bytes, T] | None, Params]:
        """Return what :meth:`get` does unless the source says that nothing changed, and the validators of the answer.

        Args:
            url: where to ask.
            read: as for :meth:`get`.
            seen: the validators that came with an earlier answer: ``etag`` and ``last_modified``, either or none.

        """
        headers = {VALIDATORS[name]: str(value) for name, value in seen.items()}

        def take(response: requests.Response) -> tuple[tuple[bytes, T] | None, Params]:
            if seen and response.status_code == requests.codes.not_modified:
                return None, seen
            found = {name: response.headers[field] for name, field in ANSWERED.items() if field in response.headers}
            return self._whole(response, read), found

        return self._tried(url, lambda: self._send(url, None, False, headers), take)

    def _tried(self, url: str, send: Callable[[], requests.Response], take: Callable[[requests.Response], R]) -> R:
        def once() -> R:
            with send() as response:
                if response.status_code in RETRY_STATUS:
                    raise BusyError(f"HTTP {response.status_code}", retry_after(response.headers))
                return take(response)

        return self.retried(url, once)

    def retried(self, what: str, ask: Callable[[], R]) -> R:
        """Return what ``ask`` does; it is called again, after a pause and within the budget, when another try may help.

        Raises:
            SourceError: the budget of tries is spent; the message starts with ``what`` and holds the last failure.

        """
        failure, pause = "", 0.0
        for attempt in range(self.tries):
            if attempt:
                if self.n_retries >= self.retries:
                    raise SourceError(f"{what}: the budget of {self.retries} retries a run is spent; last: {failure}")
                self.n_retries += 1
                time.sleep(pause)
            pause = self.backoff * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311  (jitter, not a secret)
            try:
                return ask()
            except BusyError as error:
                failure, pause = self._without_key(str(error)), max(pause, error.wait)
            except TRANSIENT as error:
                failure = self._without_key(f"{type(error).__name__}: {error}")
            except SourceError as error:
                error.args = (self._without_key(str(error)),)
                raise
        raise SourceError(f"{what}: gave up after {self.tries} tries; last failure: {failure}")

    def _without_key(self, message: str) -> str:
        """Return the message without the key: some sources repeat it in what they answer."""
        return message.replace(self.key, "…") if self.key else message

    def _whole(self, response: requests.Response, read: Callable[[bytes], T]) -> tuple[bytes, T]:
        _raise_for_status(response)
        body = self._body(response)
        return body, read(body)

    def pause(self, url: str) -> None:
        """Wait until the source may be asked again, and count the request; loopback is never waited for."""
        if self.interval and not is_loopback(url):
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self.interval
        self.n_requests += 1

    def _send(
        self, url: str, params: Params | None, form: bool, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        self.pause(url)
        sent = {
            "User-Agent": USER_AGENT.format(contact=self.contact),
            "Accept": "application/json, */*;q=0.5",
            "Accept-Encoding": "gzip",
            **(headers or {}),
        }
        fields = {**(params or {}), **({"api_key": self.key} if self.key and self.key_as == "form" else {})}
        self._session.trust_env = not is_loopback(url)  # a proxy of the environment cannot see this machine's loopback
        try:
            return self._session.request(
                "POST" if form else "GET",
                url,
                params=None if form else params,
                data=fields if form else None,
                auth=(self.key, "") if self.key and self.key_as == "user" else None,
                headers=sent,
                stream=True,
                timeout=(10, 60),
                allow_redirects=not form,  # a form holds the key, and goes where it was addressed alone
            )
        except TRANSIENT:
            raise
        except (requests.RequestException, ValueError) as error:  # such as a redirect to what is no address
            raise SourceError(f"{url}: {type(error).__name__}: {error}") from error

    def _body(self, response: requests.Response) -> bytes:
        """Read and unpack the body against a deadline and a size, as requests bounds neither."""
        deadline = time.monotonic() + self.seconds
        is_packed = response.headers.get("Content-Encoding", "identity") != "identity"
        unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if is_packed else None
        body = bytearray()
        while chunk := response.raw.read1(1 << 16, decode_content=False):
            body += unpack.decompress(chunk, self.max_bytes + 1 - len(body)) if unpack else chunk
            if len(body) > self.max_bytes:
                raise SourceError(f"{response.url}: the answer is larger than {self.max_bytes} bytes; refused")
            if time.monotonic() > deadline:
                raise SourceError(f"{response.url}: the answer took longer than {self.seconds:.0f} s; refused")
        if unpack and not unpack.eof:
            raise BadBodyError(f"a packed body was cut after {len(body)} bytes")
        self.n_bytes += len(body)
        return bytes(body)


def read_json(body: bytes) -> Any:
    """Return the parsed body; :class:`BadBodyError` when it is not whole JSON. A stray non-UTF-8 byte is let pass."""
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"), parse_int=_integer)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadBodyError(f"not JSON, cut short or nested too deep: {error}; it starts {body[:80]!r}") from error


def _integer(digits: str) -> int | str:
    """Read an integer; one too long to be meant as a number stays text, where Python would refuse the whole body."""
    return int(digits) if len(digits) < 20 else digits


def _raise_for_status(response: requests.Response) -> None:
    if response.status_code == requests.codes.ok:
        return
    where = f"{response.url}: HTTP {response.status_code}"
    if response.status_code == requests.codes.forbidden:
        raise BlockedError(
            f"{where}: the source blocks this client ({_start(response)!r}); that is not an empty answer"
        )
    raise RefusedError(f"{where}: {_start(response)}", response.status_code)


def _start(response: requests.Response) -> str:
    """Return the first words of an answer that is an error already, whatever became of the rest of it."""
    try:
        return bytes(response.raw.read1(200, decode_content=True)).decode("utf-8", "replace").strip()
    except (OSError, urllib3.exceptions.HTTPError) as error:
        return f"its body cannot be read: {type(error).__name__}"


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the wait that the source asks for, in seconds or as a date; at most two minutes, 0 when unreadable."""
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdecimal():
        return min(float(value), MAX_WAIT)
    try:
        wait = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return 0.0
    return min(max(wait, 0.0), MAX_WAIT)


def is_loopback(url: str) -> bool:
    """Return whether the address is one of this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
