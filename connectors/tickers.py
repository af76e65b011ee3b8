"""SEC company list: which listed company trades under which ticker."""

from __future__ import annotations

from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.schema import Column, Table

COMPANY = Table(
    "raw_tickers__company",
    "One row a ticker of a company that files with the SEC and is listed now.",
    ("ticker",),
    (
        Column("ticker", "VARCHAR", "Ticker, in capitals, as the SEC writes it.", required=True),
        Column("cik", "BIGINT", "The SEC's number of the company; it may have several tickers."),
        Column("company_name", "VARCHAR", "Name of the company."),
        Column("exchange", "VARCHAR", "Exchange, where the list names one."),
        Column("list_index", "INTEGER", "Position, from 1, in the SEC's list, which goes by size."),
    ),
)
TABLES = (COMPANY,)


def fetch(crawl: Crawl) -> Json:
    """Not written yet."""
    return {}


def read(kind: str, body: bytes) -> bytes:
    """Not written yet."""
    return body


def parse(kind: str, body: bytes) -> Parsed:
    """Not written yet."""
    return Parsed({})


tickers = Connector(
    name="tickers",
    homepage="https://www.sec.gov/search-filings/cik-lookup",
    licence="public domain (U.S. government work)",
    url="https://www.sec.gov/files",
    seconds_between_requests=0.2,
    tables=TABLES,
    entity="",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=Probe("", {}, ""),
    max_bytes=64 << 20,
    whole_kinds=("company", "exchange"),
    stale_after_days=45,
)
