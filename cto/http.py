"""One HTTP session for every source: timeouts, bounded bodies, retries within a budget, a rate limit."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

RETRY_STATUS = (408, 429, 500, 502, 503, 504)
MAX_BYTES = 512 << 20
REQUEST_SECONDS = 300.0
USER_AGENT = "cto/0.1 (clinical trial outcomes; +{contact})"

Params = Mapping[str, str | int]
T = TypeVar("T")


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


@dataclass
class Http:
    """A polite session for one source.

    ``interval`` is the least time between two requests in seconds, waived on loopback. ``retries`` is the budget of
    extra tries for the whole run, ``tries`` for one request. ``backoff`` is the first pause in seconds; it doubles.
    """

    interval: float = 0.0
    tries: int = 5
    retries: int = 100
    backoff: float = 1.0
    contact: str = "https://github.com/cto-dataset"
    max_bytes: int = MAX_BYTES
    seconds: float = REQUEST_SECONDS
    n_requests: int = 0
    n_retries: int = 0
    n_bytes: int = 0
    _session: requests.Session = field(default_factory=requests.Session, repr=False)
    _next: float = 0.0

    def get(self, url: str, params: Params | None, read: Callable[[bytes], T]) -> tuple[bytes, T]:
        """Return the body of a 200 answer, and what ``read`` makes of it.

        Args:
            url: where to ask.
            params: query parameters.
            read: raises :class:`BadBodyError` when the body is cut or foreign; the request is then tried again.

        Raises:
            BlockedError: 403.
            RefusedError: another 4xx that a repeat cannot mend.
            SourceError: the budget of tries is spent; the message holds the last failure.

        """
        failure, pause = "", 0.0
        for attempt in range(self.tries):
            if attempt:
                if self.n_retries >= self.retries:
                    raise SourceError(f"{url}: the budget of {self.retries} retries a run is spent; last: {failure}")
                self.n_retries += 1
                time.sleep(pause)
            pause = self.backoff * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311  (jitter, not a secret)
            try:
                response = self._send(url, params)
                with response:
                    if response.status_code in RETRY_STATUS:
                        failure = f"HTTP {response.status_code}"
                        pause = max(pause, _retry_after(response))
                        continue
                    body = self._body(response)
                    _raise_for_status(response, body)
                    return body, read(body)
            except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError, BadBodyError) as error:
                failure = f"{type(error).__name__}: {error}"
        raise SourceError(f"{url}: gave up after {self.tries} tries; last failure: {failure}")

    def _send(self, url: str, params: Params | None) -> requests.Response:
        if self.interval and not _is_loopback(url):
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self.interval
        self.n_requests += 1
        headers = {"User-Agent": USER_AGENT.format(contact=self.contact), "Accept": "application/json, */*;q=0.5"}
        return self._session.get(url, params=params, headers=headers, stream=True, timeout=(10, 60))

    def _body(self, response: requests.Response) -> bytes:
        """Read the body against a deadline and a size, as requests bounds neither."""
        deadline = time.monotonic() + self.seconds
        chunks: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(1 << 16, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > self.max_bytes:
                raise SourceError(f"{response.url}: the answer is larger than {self.max_bytes} bytes; refused")
            if time.monotonic() > deadline:
                raise SourceError(f"{response.url}: the answer took longer than {self.seconds:.0f} s; refused")
        self.n_bytes += size
        return b"".join(chunks)


def read_json(body: bytes) -> Any:
    """Return the parsed body; :class:`BadBodyError` when it is not whole JSON. A stray non-UTF-8 byte is let pass."""
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"), parse_int=_integer)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadBodyError(f"not JSON, cut short or nested too deep: {error}; it starts {body[:80]!r}") from error


def _integer(digits: str) -> int | str:
    """Read an integer; one too long to be meant as a number stays text, where Python would refuse the whole body."""
    return int(digits) if len(digits) < 20 else digits


def _raise_for_status(response: requests.Response, body: bytes) -> None:
    if response.status_code == requests.codes.ok:
        return
    said = body[:200].decode("utf-8", "replace").strip()
    where = f"{response.url}: HTTP {response.status_code}"
    if response.status_code == requests.codes.forbidden:
        raise BlockedError(f"{where}: the source blocks this client ({said!r}); that is not an empty answer")
    raise RefusedError(f"{where}: {said}", response.status_code)


def _retry_after(response: requests.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), 120.0) if value.isdigit() else 0.0


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
