"""Daily prices of sponsors' shares and of an index, through yfinance."""

from __future__ import annotations

from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.schema import Column, Table

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


def fetch(crawl: Crawl) -> Json:
    """Not written yet."""
    return {}


def read(kind: str, body: bytes) -> bytes:
    """Not written yet."""
    return body


def parse(kind: str, body: bytes) -> Parsed:
    """Not written yet."""
    return Parsed({})


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
    probe=Probe("", {}, ""),
    max_bytes=32 << 20,
    whole_kinds=("delisted",),
    stale_after_days=21,
)
