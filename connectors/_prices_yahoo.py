"""Yahoo's charts through yfinance: every answer is judged on the wire, before yfinance makes what it can of it."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yfinance as yf  # type: ignore[import-untyped]
from curl_cffi.requests import RequestsError, Response
from curl_cffi.requests import Session as CurlSession
from yfinance.data import SingletonMeta, YfData  # type: ignore[import-untyped]
from yfinance.exceptions import (  # type: ignore[import-untyped]
    YFException,
    YFPricesMissingError,
    YFRateLimitError,
)

from cto.connector import Source
from cto.http import (
    RETRY_STATUS,
    BadBodyError,
    BlockedError,
    BusyError,
    RefusedError,
    SourceError,
    is_loopback,
    read_json,
    retry_after,
)

CHART = "/v8/finance/chart/"
CRUMB = "/v1/test/getcrumb"
SECONDS = 60.0
"""What one answer may take."""
NO_FOLDER = str(Path(__file__) / "none")
"""A folder that cannot be, below a file: without one yfinance keeps neither time zones nor cookies on the disk."""
UNREADABLE = (YFException, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What yfinance may raise over an odd answer."""


class NotListedError(Exception):
    """The source says that it has no such ticker; the message is its reason."""


class NoPricesError(Exception):
    """The source knows the ticker and has no price of it in the time asked for."""


class Session(CurlSession[Response]):
    """A session for yfinance that is polite and bounded, asks the source's address, and lets only sound charts pass."""

    def __init__(self, source: Source, max_bytes: int) -> None:
        """Ask the address of ``source`` for whatever a host of Yahoo's is asked, unless that is one of these."""
        super().__init__(impersonate="chrome", trust_env=not is_loopback(source.url))
        self._source = source
        self._max_bytes = max_bytes
        self._is_live = f".{urlsplit(source.url).hostname}".endswith(".yahoo.com")
        self._seen: dict[str, Response] = {}
        self._has_no_crumb = False
        self._is_turned_away = False

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Response:
        """Ask once for a cookie or crumb, and for a chart as often as another try may help."""
        path = urlsplit(url).path
        if path == CRUMB:
            return self._crumb(method, url, *args, **kwargs)
        if not path.startswith(CHART):
            return self._cookie(method, url, *args, **kwargs)
        where = self._source.url + path  # without the query, which holds the crumb

        def once() -> Response:
            try:
                answer = self._asked(method, url, *args, **kwargs)
            except RequestsError as error:
                raise BadBodyError(f"{type(error).__name__}, code {error.code} of curl") from None
            self._judge(where, answer)
            return answer

        self._is_turned_away = False
        try:
            return self._source.retried(where, once)
        except BlockedError:
            raise
        except SourceError as error:
            if self._is_turned_away:
                raise BlockedError(
                    f"{error}; the source turns this client away, which says nothing of the ticker"
                ) from error
            raise

    def _cookie(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Response:
        """Return an answer that brought a cookie, which the session keeps; yfinance would ask again for every chart."""
        if method != "GET":
            return self._asked(method, url, *args, **kwargs)
        if url not in self._seen:
            self._seen[url] = self._asked(method, url, *args, **kwargs)
        return self._seen[url]

    def _crumb(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Response:
        """Return the crumb, or have yfinance go on without one, as charts come without too: what they say decides."""
        if not self._has_no_crumb:
            answer = self._asked(method, url, *args, **kwargs)
            if answer.status_code == 200 and re.fullmatch(rb"[^\s<>]{1,64}", answer.content):
                return answer
            self._has_no_crumb = True
        raise YFRateLimitError

    def _asked(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Response:
        self._source.pause()
        body = bytearray()

        def take(chunk: bytes) -> int:
            body.extend(chunk)
            if len(body) > self._max_bytes:
                raise SourceError(f"{urlsplit(url).path}: the answer is larger than {self._max_bytes} bytes; refused")
            return len(chunk)

        kwargs |= {"timeout": SECONDS, "allow_redirects": self._is_live, "content_callback": take}
        answer = super().request(method, self._address(url), *args, **kwargs)
        answer.content = bytes(body)
        return answer

    def _address(self, url: str) -> str:
        asked = urlsplit(url)
        query = f"?{asked.query}" if asked.query else ""
        return url if self._is_live else f"{self._source.url}{asked.path or '/'}{query}"

    def _judge(self, where: str, answer: Response) -> None:
        """Let an answer pass that holds a chart.

        Raises:
            NotListedError: the source says in its own words that there is no such ticker; nothing else means that.
            BlockedError: it blocks this client.
            RefusedError: it refuses the request with a reason.
            BadBodyError: it is cut, foreign, or asks to come again: another try may help.

        """
        status, body = answer.status_code, answer.content
        start = body[:80].decode("utf-8", "replace").strip()
        if status in (401, 403):
            raise BlockedError(f"{where}: HTTP {status}: the source blocks this client ({start!r}); that is no answer")
        if status == 429 or (status not in RETRY_STATUS and _is_for_people(body)):
            self._is_turned_away = True
            raise BusyError(f"HTTP {status}: {start!r}", _wait(answer))
        self._is_turned_away = False
        if status in RETRY_STATUS:
            raise BusyError(f"HTTP {status}: {start!r}", _wait(answer))
        found = read_json(body)
        chart = found.get("chart") if isinstance(found, dict) else None
        if not isinstance(chart, dict):
            raise BadBodyError(f"no chart: {start!r}")
        error = chart.get("error")
        if isinstance(error, dict):
            reason = str(error.get("description"))[:200]
            if status in (200, 404) and error.get("code") == "Not Found":
                raise NotListedError(reason)
            raise RefusedError(f"{where}: HTTP {status}: {error.get('code')}: {reason}", status)
        if status != 200:
            raise RefusedError(f"{where}: HTTP {status}: {start!r}", status)
        if not chart.get("result"):
            raise BadBodyError(f"a chart of nothing: {start!r}")


def _is_for_people(body: bytes) -> bool:
    """Return whether the body is a page or a plain refusal, and no data."""
    start = body[:2000].lstrip().lower()
    return start.startswith(b"<") or b"too many requests" in start


def _wait(answer: Response) -> float:
    return retry_after({"Retry-After": answer.headers.get("Retry-After") or ""})


@contextmanager
def opened(source: Source, max_bytes: int) -> Iterator[Session]:
    """Yield a session with which yfinance begins anew: what it knows of an earlier one is forgotten."""
    yf.config.debug.hide_exceptions = False
    yf.set_tz_cache_location(NO_FOLDER)
    logging.getLogger("yfinance").setLevel(logging.ERROR)  # at lower levels it writes the crumb
    SingletonMeta._instances.pop(YfData, None)
    session = Session(source, max_bytes)
    try:
        yield session
    finally:
        session.close()
        SingletonMeta._instances.pop(YfData, None)


def history(session: Session, ticker: str, role: str, **span: Any) -> bytes:
    """Return a ticker's daily prices as yfinance gives them: a line of JSON about it, then CSV with a line a day.

    ``span`` is yfinance's: ``start`` and ``end``, which is not included, or ``period``.

    Raises:
        NotListedError: the source has no such ticker.
        NoPricesError: it has no price of it.
        BlockedError: it blocks this client.
        SourceError: it failed, or yfinance cannot read what came.

    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="yfinance")  # of how it will have to call pandas one day
            known = yf.Ticker(ticker, session=session)
            frame = known.history(interval="1d", auto_adjust=False, actions=True, **span)
        about = known.history_metadata
        head = {
            "ticker": ticker,
            "role": role,
            "currency": about["currency"],
            "timezone": about["exchangeTimezoneName"],
        }
        days = frame.to_csv(date_format="%Y-%m-%d")
    except YFPricesMissingError as error:  # the chart was sound, and empty
        raise NoPricesError(str(error)) from error
    except UNREADABLE as error:
        raise SourceError(f"{ticker}: yfinance cannot read the chart: {type(error).__name__}: {error}") from error
    finally:
        YfData.cache_get.cache_clear()  # it would hold the charts of many tickers
    if not frame["Close"].notna().any():
        raise NoPricesError(f"{ticker}: no day has a price")
    return f"{json.dumps(head, sort_keys=True)}\n{days}".encode()
