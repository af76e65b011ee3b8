"""A stand-in for Yahoo's charts, with the cookie and the crumb that go with them, over the prices of a world."""

import csv
import gzip
import json
import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, time
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, json_response, text_response

Json = dict[str, Any]

OPENS = time(9, 30)
PARAMETERS = {"period1", "period2", "range", "interval", "includePrePost", "events", "crumb"}
RANGES = {"1d": 1, "5d": 5, "max": 1 << 20}
PRICES = ("open", "high", "low", "close", "volume")


class PricesSite(WorldSite):
    """Answers as Yahoo does for daily prices; every host of Yahoo's is this one.

    A line of ``prices.csv`` is a ticker's day: ticker, date, open, high, low, close, volume (empty where there was no
    trade), adj_close (else it follows from the dividends), dividend, split (new shares for an old one), and currency,
    timezone and type (EQUITY or ETF), of which a ticker's first line counts. A high or low that is left out follows.
    """

    source = "prices"
    prefix = "/prices"
    faults: Mapping[str, str] = {
        "yahoo_not_found": "A ticker's history is answered 404, as for one that is delisted.",
        "yahoo_unauthorized": "A ticker's history is answered 401, as with a wrong crumb.",
        "yahoo_nulls": "Every third day of a ticker's history has nulls for its prices.",
        "yahoo_closed_day": "A ticker's history comes without a day, as for a day without trade.",
        "yahoo_no_crumb": "The crumb is refused with 429 and the text Too Many Requests.",
        "yahoo_crumb_text": "The crumb is, with status 200, the text Too Many Requests.",
    }

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        self._held: dict[str, dict[str, Json]] | None = None
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._secrets: dict[str, str] = {}

    def add(self, days: Iterable[Mapping[str, Any]]) -> None:
        """Add or replace a ticker's days."""
        _put(self._days, days)

    def delist(self, ticker: str) -> None:
        """Forget a ticker."""
        del self._days[ticker]

    @property
    def secrets(self) -> set[str]:
        """The cookies and crumbs that were given out."""
        return {*self._secrets, *self._secrets.values()}

    @property
    def _days(self) -> dict[str, dict[str, Json]]:
        with self._lock:  # requests come in several threads, and none may see half of it
            if self._held is None:  # read once prices are asked for, which few users of a world do
                found: dict[str, dict[str, Json]] = {}
                path = self.file("prices.csv")
                if path:
                    opened = gzip.open if path.suffix == ".gz" else open
                    with opened(path, "rt", encoding="utf-8", newline="") as file:
                        _put(found, csv.DictReader(file))
                self._held = found
            return self._held

    def handle(self, request: Request) -> Response:
        """Answer for the cookie, the crumb or a chart."""
        match request.path.split("/")[1:]:
            case _ if request.method != "GET":
                return text_response(405, "Method not allowed")
            case [""]:
                return self._cookie(request)
            case ["v1", "test", "getcrumb"]:
                return self._crumb(request)
            case ["v8", "finance", "chart", symbol]:
                return self._chart(request, symbol)
            case _:
                return Response(404, b"<html><body>Not found</body></html>\n", "text/html; charset=utf-8")

    def _cookie(self, request: Request) -> Response:
        """Answer 404, as the host does that gives out cookies, with one for a client that has none yet."""
        if _cookie_of(request) in self._secrets:
            return Response(404)
        number = next(self._numbers)
        self._secrets[f"A3-cookie-{number}"] = f"Crumb.{number}/x"
        return Response(404, b"", headers={"Set-Cookie": f"A3=A3-cookie-{number}; Max-Age=31557600; Path=/; HttpOnly"})

    def _crumb(self, request: Request) -> Response:
        refusal = self.take("yahoo_no_crumb", "yahoo_crumb_text")
        if refusal:
            return text_response(429 if refusal == "yahoo_no_crumb" else 200, "Too Many Requests")
        crumb = self._secrets.get(_cookie_of(request))
        return text_response(200, crumb) if crumb else _error("finance", 401, "Unauthorized", "Invalid Cookie")

    def _chart(self, request: Request, symbol: str) -> Response:
        query = request.query
        if not set(query) <= PARAMETERS or query.get("interval") != "1d":
            return _error("chart", 422, "Unprocessable Entity", f"Not for this stand-in: {request.raw_query}")
        if "crumb" in query and query["crumb"] != self._secrets.get(_cookie_of(request)):
            return _error("chart", 401, "Unauthorized", "Invalid Crumb")
        fault = self.take(*(name for name in self.faults if "crumb" not in name)) if "period1" in query else None
        if fault == "yahoo_unauthorized":
            return _error("chart", 401, "Unauthorized", "Invalid Crumb")
        if symbol not in self._days or fault == "yahoo_not_found":
            return _error("chart", 404, "Not Found", "No data found, symbol may be delisted")
        days = [day for _, day in sorted(self._days[symbol].items())]
        at = [_opens_at(day["date"], days[0]["timezone"]) for day in days]
        if "period1" in query:
            chosen = slice(bisect_left(at, int(query["period1"])), bisect_left(at, int(query["period2"])))
        elif query.get("range") in RANGES:
            chosen = slice(max(0, len(days) - RANGES[query["range"]]), None)
        else:
            return _error("chart", 422, "Unprocessable Entity", f"Not for this stand-in: {request.raw_query}")
        if fault == "yahoo_nulls":
            days = [day | dict.fromkeys(PRICES) if n % 3 == 2 else day for n, day in enumerate(days)]
        adjusted = _adjusted(days)[chosen]
        days, at = ([], []) if fault == "yahoo_closed_day" else (days[chosen], at[chosen])
        result = {"meta": _meta(symbol, self._days[symbol]), **_series(days, at, adjusted, query.get("events", ""))}
        return replace(json_response({"chart": {"result": [result], "error": None}}), n_records=len(days))


def _put(held: dict[str, dict[str, Json]], days: Iterable[Mapping[str, Any]]) -> None:
    """Add or replace tickers' days."""
    for day in days:
        plain = {"currency": "USD", "timezone": "America/New_York", "type": "EQUITY"}
        held.setdefault(day["ticker"], {})[day["date"]] = plain | _stated(day)


def _stated(day: Mapping[str, Any]) -> Json:
    """Return what a line states, numbers as numbers."""
    texts = {name: day[name] for name in ("date", "currency", "timezone", "type") if day.get(name)}
    numbers = {name: _number(day.get(name)) for name in (*PRICES, "adj_close", "dividend", "split")}
    ends = [price for price in (numbers["open"], numbers["close"]) if price is not None]
    if ends:
        numbers["high"] = max(ends) if numbers["high"] is None else numbers["high"]
        numbers["low"] = min(ends) if numbers["low"] is None else numbers["low"]
    return texts | numbers


def _number(value: Any) -> float | None:
    return None if value in (None, "") else float(value)


def _opens_at(day: str, timezone: str) -> int:
    return int(datetime.combine(datetime.fromisoformat(day), OPENS, ZoneInfo(timezone)).timestamp())


def _adjusted(days: list[Json]) -> list[float | None]:
    """Return the closes less what was paid since: each dividend lowers every close before it."""
    found: list[float | None] = []
    factor = 1.0
    for number in reversed(range(len(days))):
        day = days[number]
        close = day["close"]
        found.append(day["adj_close"] if day["adj_close"] is not None or close is None else close * factor)
        before = days[number - 1]["close"] if number else None
        if day["dividend"] and before:
            factor *= 1 - day["dividend"] / before
    return found[::-1]


def _meta(symbol: str, days: Mapping[str, Json]) -> Json:
    first, last = min(days), max(days)
    zone = days[first]["timezone"]
    now = datetime.fromtimestamp(_opens_at(last, zone), ZoneInfo(zone))
    offset = now.utcoffset()
    assert offset is not None
    short = {"timezone": now.tzname(), "gmtoffset": int(offset.total_seconds())}
    period = short | {"start": int(now.timestamp()), "end": int(now.timestamp()) + 23400}
    return short | {
        "currency": days[first]["currency"],
        "symbol": symbol,
        "exchangeName": "INV",
        "fullExchangeName": "Invented",
        "instrumentType": days[first]["type"],
        "firstTradeDate": _opens_at(first, zone),
        "regularMarketTime": int(now.timestamp()),
        "hasPrePostMarketData": False,
        "exchangeTimezoneName": zone,
        "regularMarketPrice": days[last]["close"],
        "priceHint": 2,
        "currentTradingPeriod": {name: dict(period) for name in ("pre", "regular", "post")},
        "dataGranularity": "1d",
        "range": "",
        "validRanges": list(RANGES),
    }


def _series(days: list[Json], at: list[int], adjusted: list[float | None], events: str) -> Json:
    """Return times, events and prices of the days; without days there are no times and the prices are empty."""
    if not days:
        return {"indicators": {"quote": [{}], "adjclose": [{}]}}
    dividends = {
        str(t): {"amount": day["dividend"], "date": t} for t, day in zip(at, days, strict=True) if day["dividend"]
    }
    splits = {str(t): _split(t, day["split"]) for t, day in zip(at, days, strict=True) if day["split"]}
    told = {"dividends": dividends if "div" in events else {}, "splits": splits if "split" in events else {}}
    happened = {name: found for name, found in told.items() if found}
    quote = {name: [day[name] for day in days] for name in PRICES}
    return {
        "timestamp": at,
        **({"events": happened} if happened else {}),
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": adjusted}]},
    }


def _split(at: int, ratio: float) -> Json:
    new, old = Fraction(ratio).limit_denominator(1000).as_integer_ratio()
    return {"date": at, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}


def _error(part: str, status: int, code: str, description: str) -> Response:
    body = json.dumps({part: {"result": None, "error": {"code": code, "description": description}}})
    return Response(status, body.encode(), "application/json;charset=utf-8")


def _cookie_of(request: Request) -> str:
    cookies = (item.strip().partition("=") for item in request.headers.get("cookie", "").split(";"))
    return next((value for name, _, value in cookies if name == "A3"), "")


SITE = PricesSite
