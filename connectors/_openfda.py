"""Asks openFDA for all that a query finds, and takes no less for it."""

from __future__ import annotations

import json

from cto.connector import Crawl, Json
from cto.http import BadBodyError, RefusedError, SourceError, read_json
from cto.schema import digest

PAGE_SIZE = 1000
"""openFDA answers a larger one with 403, as if it blocked the client."""
MOST = 25_000
"""Records that one query can page through."""
STARTS = 3


class TooManyError(SourceError):
    """A query finds more than can be paged through."""


def read(kind: str, body: bytes) -> Json:
    """Return a page as it is; :class:`BadBodyError` when it is none of openFDA."""
    page = read_json(body)
    meta = page.get("meta") if isinstance(page, dict) else None
    total = meta["results"].get("total") if isinstance(meta, dict) and isinstance(meta.get("results"), dict) else None
    if isinstance(total, int) and isinstance(page.get("results"), list):
        return page  # type: ignore[no-any-return]
    raise BadBodyError(f"not a page of openFDA: {body[:80]!r}")


def updated_on(crawl: Crawl, path: str) -> str:
    """Return the day on which openFDA last updated a data set."""
    meta = crawl.ask(f"{path}?limit=1", "meta")
    if not isinstance(meta, dict) or not isinstance(meta.get("last_updated"), str):
        raise SourceError(f"{path}: openFDA does not say when it was updated: {str(meta)[:200]}")
    return str(meta["last_updated"])


def complete(crawl: Crawl, query: str, kind: str) -> list[str]:
    """Fetch all pages of a query, again when fewer records came than openFDA counts; return the days of update."""
    for _ in range(STARTS):
        days, n, total = _follow(crawl, query, kind, str(crawl.attempt(query)))
        if n >= total:
            return days
        crawl.note(f"{query}: {n} records came of {total} announced; asking for them again")
        crawl.abandon(query)
        if kind == "letter":
            crawl.forget(kind)
    raise SourceError(f"{query}: incomplete after {STARTS} starts; run again later, what is stored is kept")


def _follow(crawl: Crawl, query: str, kind: str, attempt: str) -> tuple[list[str], int, int]:
    """Fetch a query's pages; return when they were updated, how many records came and how many were announced.

    A record that an earlier page held already does not count: pages shift while openFDA is updated.
    """
    days: list[str] = []
    seen: set[str] = set()
    n = total = 0
    for skip in range(0, MOST, PAGE_SIZE):
        try:
            page = crawl.page(f"{query}limit={PAGE_SIZE}&skip={skip}", {}, kind, attempt)
        except RefusedError as refused:
            if not _says_nothing_found(refused):
                raise
            break
        total = page["meta"]["results"]["total"]
        if total > MOST:
            raise TooManyError(f"{query}: {total} records, of which openFDA gives no more than {MOST}")
        days.append(str(page["meta"].get("last_updated", "")))
        records = [digest(json.dumps(record, sort_keys=True), 32) for record in page["results"]]
        n += sum(record not in seen for record in records)
        seen.update(records)
        if skip + PAGE_SIZE >= total:
            break
    return days, n, total


def _says_nothing_found(refused: RefusedError) -> bool:
    """Return whether an answer is openFDA's way to say that nothing matches; any other 404 is an error."""
    return refused.status == 404 and '"NOT_FOUND"' in str(refused) and "No matches found" in str(refused)
