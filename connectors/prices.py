"""Daily prices of sponsors' shares and of an index, through yfinance."""

from __future__ import annotations

import io
import json
import re
from datetime import date, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from cto.connector import Connector, Crawl, Json, Parsed, Source
from cto.http import BadBodyError, BlockedError, SourceError, read_json
from cto.parts import rows
from cto.schema import Column, Table, digest

TICKER = Column("ticker", "VARCHAR", "Ticker, as the price source writes it.", required=True)
HISTORY = Table(
    "raw_prices__history",
    "One row a ticker whose prices are held.",
    ("ticker",),
    (
        TICKER,
        Column("currency", "VARCHAR", "Currency of the prices."),
        Column("timezone", "VARCHAR", "Time zone of the exchange."),
        Column("role", "VARCHAR", "What it is asked for.", values=("sponsor", "market", "sector")),
    ),
)
DAY = Table(
    "raw_prices__day",
    "One row a ticker and trading day.",
    ("ticker", "day"),
    (
        TICKER,
        Column("day", "DATE", "Trading day, in the exchange's time zone.", required=True),
        Column("open", "DOUBLE", "First price of the day, adjusted for splits alone."),
        Column("high", "DOUBLE", "Highest price of the day, adjusted for splits alone."),
        Column("low", "DOUBLE", "Lowest price of the day, adjusted for splits alone."),
        Column("close", "DOUBLE", "Last price of the day, adjusted for splits alone."),
        Column("adj_close", "DOUBLE", "Last price of the day, adjusted for splits and dividends as of the fetch."),
        Column("volume", "DOUBLE", "Shares traded."),
        Column("dividend", "DOUBLE", "Dividend a share, paid that day."),
        Column("split", "DOUBLE", "New shares for one old one, that day; 0 when there was no split."),
    ),
)
DELISTED = Table(
    "raw_prices__delisted",
    "One row a ticker of which the source has no prices and says so.",
    ("ticker",),
    (TICKER, Column("reason", "VARCHAR", "What the source says.")),
)
TABLES = (HISTORY, DAY, DELISTED)


INDEXES = {"SPY": "market", "XBI": "sector"}
"""Funds that stand for the market and for biotechnology."""
FIRST_DAY = date(2000, 1, 1)
DAYS_HELD = 7
"""Days until a history is asked for again, as later dividends and splits change all of it."""
DAYS_DELISTED = 30
TICKERS_A_NIGHT = 300
FAILURES_IN_A_ROW = 5
MAX_BYTES = 32 << 20
COLUMNS = {
    "day": "Date",
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "adj_close": "Adj Close",
    "volume": "Volume",
    "dividend": "Dividends",
    "split": "Stock Splits",
}
"""The columns of a day by what yfinance calls them."""
_TICKER = re.compile(r"[A-Z0-9][A-Z0-9-]{0,9}")

WANTS = "select distinct ticker from core_sponsor_ticker order by ticker"
"""The tickers of trials' sponsors, as the SEC writes them."""


def fetch(crawl: Crawl) -> Json:
    """Fetch whole histories: of tickers not held, and of those held for a week, the longest held first.

    The indexes come along whenever a ticker does: they are to reach as far, and they tell a source that knows nothing
    any more from a ticker that is gone. Such a ticker is asked for again after a month; what is held of it stays.
    """
    asked: dict[str, str] = crawl.watermark.get("asked", {})
    delisted: dict[str, Json] = crawl.watermark.get("delisted", {})
    roles = _roles(crawl)
    due = {ticker for ticker in roles if _is_due(crawl, asked.get(ticker), delisted.get(ticker))}
    tickers = sorted(due - INDEXES.keys(), key=lambda ticker: (asked.get(ticker, ""), ticker))
    todo = tickers if crawl.options.get("full") else tickers[:TICKERS_A_NIGHT]
    night = _Night(crawl, dict(asked), dict(delisted))
    if due:
        crawl.expect(len(INDEXES) + len(todo))
        night.fetch(INDEXES | {ticker: roles[ticker] for ticker in todo})
    if night.delisted.keys() != delisted.keys():
        listed = json.dumps({ticker: found["reason"] for ticker, found in sorted(night.delisted.items())})
        crawl.keep(f"delisted {digest(listed)}", "delisted", listed.encode)
    if night.delisted:
        crawl.note(f"{len(night.delisted)} tickers are unknown to the source: {', '.join(sorted(night.delisted))}")
    if len(tickers) > len(todo):
        crawl.note(f"{len(tickers) - len(todo)} tickers are left for the next nights, {TICKERS_A_NIGHT} a night")
    return {"asked": night.asked, "delisted": night.delisted}


def _roles(crawl: Crawl) -> dict[str, str]:
    """Return what each ticker is asked for, by what the source calls it: a class of shares follows a dash."""
    roles = {str(row[0]).strip().upper().replace(".", "-"): "sponsor" for row in crawl.wanted} | INDEXES
    odd = sorted(ticker for ticker in roles if not _TICKER.fullmatch(ticker))
    if odd:
        crawl.note(f"{len(odd)} tickers are none that the source knows how to write: {', '.join(odd)[:200]}")
    return {ticker: role for ticker, role in roles.items() if ticker not in odd}


def _is_due(crawl: Crawl, asked: str | None, delisted: Json | None) -> bool:
    if crawl.options.get("full"):
        return True
    if delisted:
        return str(delisted["asked"]) <= str(crawl.today - timedelta(days=DAYS_DELISTED))
    return asked is None or asked <= str(crawl.today - timedelta(days=DAYS_HELD))


class _Night:
    """Asks for tickers and notes what became of each."""

    def __init__(self, crawl: Crawl, asked: dict[str, str], delisted: dict[str, Json]) -> None:
        self._crawl = crawl
        self.asked = asked
        self.delisted = delisted
        self._failures: list[SourceError] = []

    def fetch(self, roles: dict[str, str]) -> None:
        """Fetch each ticker's history; a failure of one does not stop the others.

        Raises:
            BlockedError: the source blocks this client.
            SourceError: several tickers in a row failed, or all did, or an index is unknown all of a sudden.

        """
        from connectors import _prices_yahoo as yahoo  # noqa: PLC0415  (pandas, which every command would load)

        today, has_answered = str(self._crawl.today), False
        span = {"start": str(FIRST_DAY), "end": today}  # today's prices may not be the last of the day
        with yahoo.opened(self._crawl, MAX_BYTES) as session:
            for ticker, role in roles.items():
                get = partial(yahoo.history, session, ticker, role, **span)
                try:
                    self._crawl.keep(f"history {ticker}", "history", get, ticker)
                except yahoo.NotListedError as error:
                    self._note_unknown(ticker, str(error))
                    continue
                except yahoo.NoPricesError as error:
                    self._crawl.note(f"{ticker} has no prices: {error}"[:200])
                except BlockedError:
                    raise
                except SourceError as error:
                    self._note_failure(ticker, error)
                    continue
                self._failures.clear()
                self.asked[ticker] = today
                self.delisted.pop(ticker, None)
                has_answered = True
        if self._failures and not has_answered:
            raise SourceError(f"every ticker failed; the last: {self._failures[-1]}")

    def _note_unknown(self, ticker: str, reason: str) -> None:
        if ticker in INDEXES:
            raise SourceError(f"{ticker}: the source says {reason!r} of an index; it is not believed of any ticker")
        self._failures.clear()
        self.delisted[ticker] = {"asked": str(self._crawl.today), "reason": reason}

    def _note_failure(self, ticker: str, error: SourceError) -> None:
        self._failures.append(error)
        if len(self._failures) >= FAILURES_IN_A_ROW:
            raise SourceError(f"{len(self._failures)} tickers in a row failed; the last: {error}") from error
        self._crawl.note(f"FAILED {ticker}, asked for again in the next night: {error}"[:300])


def probe(source: Source) -> tuple[str, bytes]:
    """Ask for a week of the market's index."""
    from connectors import _prices_yahoo as yahoo  # noqa: PLC0415  (pandas, which every command would load)

    with yahoo.opened(source, MAX_BYTES) as session:
        try:
            return "history", yahoo.history(session, "SPY", "market", period="5d")
        except (yahoo.NotListedError, yahoo.NoPricesError) as error:
            raise SourceError(f"{source.url}: no prices of SPY: {error}") from error


def read(kind: str, body: bytes) -> Any:
    """Return a history's head and its days as a table, or the reasons for tickers that are unknown.

    Raises:
        BadBodyError: the body is not of its kind.

    """
    if kind == "delisted":
        return read_json(body)
    head, _, days = body.partition(b"\n")
    types = {name: pa.date32() if column == "day" else pa.float64() for column, name in COLUMNS.items()}
    chosen = pyarrow.csv.ConvertOptions(column_types=types, include_columns=list(types))
    try:
        table = pyarrow.csv.read_csv(io.BytesIO(days), convert_options=chosen)
    except (pa.ArrowInvalid, KeyError) as error:
        raise BadBodyError(f"not a history: {error}") from error
    return read_json(head), table.rename_columns(list(COLUMNS))


def parse(kind: str, body: bytes) -> Parsed:
    """Return a ticker and its days; a day without a closing price is one without trade and is left out."""
    found = read(kind, body)
    if kind == "delisted":
        listed = [{"ticker": ticker, "reason": reason} for ticker, reason in found.items()]
        return Parsed({DELISTED.name: rows(DELISTED, listed)})
    head, table = found
    columns = {"ticker": pa.repeat(pa.scalar(head["ticker"]), table.num_rows), "day": table["day"]}
    for name in table.column_names[1:]:
        columns[name] = pc.if_else(pc.is_finite(table[name]), table[name], None)
    days = pa.table(columns)
    return Parsed({HISTORY.name: rows(HISTORY, [head]), DAY.name: days.filter(pc.is_valid(days["close"]))})


prices = Connector(
    name="prices",
    homepage="https://finance.yahoo.com",
    licence="for research use; prices are not redistributed",
    url="https://query2.finance.yahoo.com",
    seconds_between_requests=1.0,
    tables=TABLES,
    entity="ticker",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=probe,
    max_bytes=MAX_BYTES,
    whole_kinds=("delisted",),
    wants=WANTS,
    stale_after_days=21,
)
