"""SEC company list: which listed company trades under which ticker."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from cto.connector import Connector, Crawl, Json, Parsed, Source
from cto.http import BadBodyError, BlockedError, read_json
from cto.parts import rows
from cto.schema import Column, Table

LISTS = {"exchange": "/company_tickers_exchange.json", "company": "/company_tickers.json"}
"""The SEC's two lists by the kind of their page: one names the exchange, the other goes by the company's size."""

COMPANY = Table(
    "raw_tickers__company",
    "One row a line of the SEC's two lists of companies that are listed now; a ticker stands in both.",
    ("list", "list_index"),
    (
        Column("ticker", "VARCHAR", "Ticker, in capitals, as the SEC writes it.", required=True),
        Column("cik", "BIGINT", "The SEC's number of the company; it may have several tickers."),
        Column("company_name", "VARCHAR", "Name of the company."),
        Column("exchange", "VARCHAR", "Exchange, where the list names one."),
        Column("list_index", "INTEGER", "Position, from 1, in the SEC's list, which goes by size.", required=True),
        Column("list", "VARCHAR", "List that the line is of.", required=True, values=tuple(LISTS)),
    ),
)
TABLES = (COMPANY,)

T = TypeVar("T")


def fetch(crawl: Crawl) -> Json:
    """Fetch both lists whole; each replaces the one of the night before."""
    crawl.expect(len(LISTS))
    for kind, path in LISTS.items():
        _told(partial(crawl.page, path, {}, kind))
    return {}


def probe(source: Source) -> tuple[str, bytes]:
    """Ask for the list that names exchanges, which is the smaller."""
    return "exchange", _told(lambda: source.answer(LISTS["exchange"], {}, "exchange")[0])


def _told(ask: Callable[[], T]) -> T:
    """Return what ``ask`` does; where the SEC refuses, say what it wants to be told."""
    try:
        return ask()
    except BlockedError as error:
        remedy = "the SEC answers only clients that say whom it may write to: set CTO_CONTACT to your mail address"
        raise BlockedError(f"{error}; {remedy}") from error


def read(kind: str, body: bytes) -> list[Json]:
    """Return the lines of a list in their order, under the names of the SEC's longer list.

    Raises:
        BadBodyError: the body is cut, not of its kind, or lists nobody.

    """
    found = read_json(body)
    lines = _with_names(found) if kind == "exchange" else _in_order(found)
    if not lines:
        raise BadBodyError(f"not a list of companies: {body[:80]!r}")
    return lines


def _with_names(found: Any) -> list[Any]:
    names, data = (found.get("fields"), found.get("data")) if isinstance(found, dict) else (None, None)
    if (
        not isinstance(names, list)
        or not isinstance(data, list)
        or not {"cik", "name", "ticker"} <= set(map(str, names))
    ):
        return []
    return [dict(zip(names, line, strict=False)) if isinstance(line, list) else line for line in data]


def _in_order(found: Any) -> list[Any]:
    if not isinstance(found, dict) or not all(key.isdecimal() for key in found):
        return []
    lines = [found[key] for key in sorted(found, key=int)]
    names = {"cik_str": "cik", "title": "name"}
    return [{names.get(k, k): v for k, v in line.items()} if isinstance(line, dict) else line for line in lines]


def parse(kind: str, body: bytes) -> Parsed:
    """Return a row a line; a line without a ticker or with a number that is none goes into quarantine."""
    good: list[Json] = []
    bad: list[Json] = []
    for position, line in enumerate(read(kind, body), start=1):
        reason = _fault(line)
        if reason:
            bad.append({"position": position, "id": "", "reason": reason, "start": str(line)[:80]})
            continue
        good.append(
            {
                "ticker": line["ticker"].strip().upper(),
                "cik": int(line["cik"]),
                "company_name": _text(line.get("name")),
                "exchange": _text(line.get("exchange")),
                "list_index": position,
                "list": kind,
            }
        )
    return Parsed({COMPANY.name: rows(COMPANY, good)}, tuple(bad))


def _fault(line: Any) -> str:
    if not isinstance(line, dict):
        return "not a line of a list"
    ticker, cik = line.get("ticker"), line.get("cik")
    if not isinstance(ticker, str) or not ticker.strip():
        return "no ticker"
    is_number = isinstance(cik, int | str) and not isinstance(cik, bool) and str(cik).isdecimal()
    return "" if is_number and len(str(cik)) <= 10 else f"a company's number that is none: {str(cik)[:20]!r}"


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


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
    probe=probe,
    max_bytes=64 << 20,
    whole_kinds=tuple(LISTS),
    stale_after_days=45,
)
