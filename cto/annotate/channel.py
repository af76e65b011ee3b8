"""Calls to one server from many threads: connections kept alive, bodies bounded, retries, and an end that cuts them."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakSet

import requests.utils
import urllib3
from urllib3.connection import HTTPConnection

from cto.http import RETRY_STATUS, TRANSIENT, BadBodyError, BusyError, is_loopback, read_json, retry_after

T = TypeVar("T")
Json = dict[str, Any]

CONNECT_SECONDS = 10.0
MAX_BYTES = 32 << 20


class SpentError(RuntimeError):
    """No whole answer came within the tries; the message holds the last failure."""


class StatusError(RuntimeError):
    """The server answered with a status that a repeat cannot mend."""

    def __init__(self, status: int, said: str) -> None:
        """Keep the status and what the server said."""
        super().__init__(f"HTTP {status}: {said}")
        self.status = status
        self.said = said


class Channel:
    """Calls to the server at a base address; ``close`` ends all that are under way.

    Args:
        url: base address; a proxy of the environment is used, except for this machine's loopback.
        key: sent as bearer token, and kept out of every message.
        connections: most that are kept alive.
        tries: most tries of a call.
        backoff: first pause between tries in seconds; it doubles.
        seconds: longest time of a try.

    """

    def __init__(self, url: str, key: str, connections: int, tries: int, backoff: float, seconds: float) -> None:
        self._url = url
        self._key = key
        self._tries = tries
        self._backoff = backoff
        self._seconds = seconds
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "cto/0.1"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._is_last_try = threading.Event()
        self._is_closed = False
        self._lock = threading.Lock()
        self._connected: WeakSet[HTTPConnection] = WeakSet()
        self._pool = _pool(url, connections)
        self._pool.ConnectionCls = self._kept_track_of(self._pool.ConnectionCls)  # type: ignore[arg-type]

    def ask(self, method: str, path: str, document: Json | None, read: Callable[[Any], T]) -> T:
        """Return what ``read`` makes of the JSON that the server answers.

        ``read`` raises :class:`BadBodyError` on a document that is not what was asked for; the call is then repeated.

        Raises:
            SpentError: the tries are spent, or cut short by :meth:`last_try`.
            StatusError: the server refuses the call.

        """
        body = None if document is None else json.dumps(document).encode()
        failure, pause = "", 0.0
        for attempt in range(self._tries):
            if self._is_last_try.is_set() or (attempt and self._is_last_try.wait(pause)):
                raise SpentError(f"given up after {attempt} tries as the run ends; last failure: {failure or 'none'}")
            pause = self._backoff * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311  (jitter, not a secret)
            try:
                return self._once(method, path, body, read)
            except BusyError as error:
                failure, pause = self._without_key(str(error)), max(pause, error.wait)
            except TRANSIENT as error:
                failure = self._without_key(f"{type(error).__name__}: {error}")
        raise SpentError(f"gave up after {self._tries} tries; last failure: {failure}")

    def last_try(self) -> None:
        """Let calls under way end with the try they are at, and refuse others."""
        self._is_last_try.set()

    def close(self) -> None:
        """End every call under way at once, and close the connections."""
        self.last_try()
        with self._lock:
            self._is_closed = True
            connected = list(self._connected)
        for connection in connected:
            with suppress(OSError, AttributeError):  # closed already by the thread that uses it
                connection.sock.shutdown(socket.SHUT_RDWR)
        self._pool.close()

    def _once(self, method: str, path: str, body: bytes | None, read: Callable[[Any], T]) -> T:
        deadline = time.monotonic() + self._seconds
        response = self._pool.urlopen(
            method,
            self._url + path,
            body,
            self._headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self._seconds),
            preload_content=False,
        )
        is_whole = False
        try:
            received = _received(response, deadline)
            is_whole = True
        finally:
            if not is_whole:
                response.close()
        if response.status in RETRY_STATUS:
            raise BusyError(f"HTTP {response.status}: {_said(received)}", retry_after(response.headers))
        if response.status != 200:
            raise StatusError(response.status, self._without_key(_said(received)))
        return read(read_json(received))

    def _without_key(self, message: str) -> str:
        return message.replace(self._key, "…") if self._key else message

    def _kept_track_of(self, kind: type[HTTPConnection]) -> type[HTTPConnection]:
        channel = self

        class Connection(kind):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                super().connect()
                with channel._lock:
                    channel._connected.add(self)
                    if channel._is_closed:
                        raise urllib3.exceptions.ProtocolError("the channel is closed")

        return Connection


def _pool(url: str, connections: int) -> urllib3.HTTPConnectionPool:
    """Return the pool for the address, with the proxy and the certificates that ``requests`` would take."""
    certificates = requests.utils.DEFAULT_CA_BUNDLE_PATH
    proxies = {} if is_loopback(url) else requests.utils.get_environ_proxies(url, no_proxy=None)
    proxy = requests.utils.select_proxy(url, proxies)
    manager = (
        urllib3.ProxyManager(proxy, maxsize=connections, ca_certs=certificates)
        if proxy
        else urllib3.PoolManager(maxsize=connections, ca_certs=certificates)
    )
    return manager.connection_from_url(url)


def _received(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    while chunk := response.read1(1 << 16):
        body += chunk
        if len(body) > MAX_BYTES:
            raise BadBodyError(f"the answer is larger than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise BadBodyError("the answer took longer than its time")
    return bytes(body)


def _said(body: bytes) -> str:
    """Return what a server says of an error: the message in the usual shape, else the first words."""
    try:
        document = read_json(body)
        error = document.get("error", document)
        return str(error if isinstance(error, str) else error["message"])[:500]
    except (BadBodyError, AttributeError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace").strip()
