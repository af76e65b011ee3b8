"""ClinicalTrials.gov, API v2: every study's record, complete once and then refreshed by what changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from connectors._clinicaltrials_gov_tables import LISTING, STUDY, TABLES
from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.http import BadBodyError, RefusedError, SourceError, read_json
from cto.jsonrows import read_page

PAGE_SIZE = 1000
ID_BATCH = 100
RESTARTS = 5
DAYS_BETWEEN_LISTS = 7
"""A count that agrees can hide one study gone and one come, so the whole list is read now and then all the same."""
NCT_ID = r"NCT\d{8}"


def fetch(crawl: Crawl) -> Json:
    """Fetch what changed since the last crawl, or everything; end on one data version, with every listed study held.

    The registry refreshes about once a day. A crawl that straddles a refresh fetches what the refresh changed, until
    the version stands still. When the registry then counts other studies than are held, its full list of identifiers
    is read: studies it lacks are marked as removed, studies we lack are fetched.
    """
    mark = crawl.watermark
    if mark.get("data_timestamp") == crawl.ask("/version", "dataTimestamp") and not any(crawl.options.values()):
        return mark
    version = crawl.page("/version", {}, "version")
    if not mark or crawl.options.get("full"):
        windows = list(_whole_registry(date.fromisoformat(version[:10]).year))
        crawl.expect(crawl.ask("/stats/size", "totalStudies") // PAGE_SIZE + len(windows))
    else:
        windows = [_updated_since(mark["updated_through"])]
    for window in windows:
        _pages(crawl, {"filter.advanced": window}, "studies", version)
    version = _catch_up(crawl, version)
    n_removed, listed_on = int(mark.get("n_removed", 0)), str(mark.get("listed_on", version[:10]))
    held = len(crawl.known(STUDY.name, "nct_id") | crawl.unreadable()) - n_removed
    listed = crawl.ask("/stats/size", "totalStudies")
    is_due = _day_before(version[:10], DAYS_BETWEEN_LISTS) >= listed_on
    if listed != held or is_due or crawl.options.get("reconcile"):
        crawl.note(f"the registry counts {listed} studies, {held} were held: reading its list of identifiers")
        version, n_removed = _reconcile(crawl, version)
        listed_on = version[:10]
    days = {day for text in crawl.known(STUDY.name, "last_update_post_date_text") if (day := _day(text))}
    newest = min(max(days, default=version[:10]), version[:10])
    return {"data_timestamp": version, "updated_through": newest, "n_removed": n_removed, "listed_on": listed_on}


def read(kind: str, body: bytes) -> Any:
    """Return a version page's data version, else the page; :class:`BadBodyError` on anything else."""
    found = read_json(body)
    if kind == "version" and isinstance(found, dict) and _day(str(found.get("dataTimestamp"))[:10]):
        return found["dataTimestamp"]
    if kind != "version" and isinstance(found, dict) and isinstance(found.get("studies"), list):
        return found
    raise BadBodyError(f"not a page of kind {kind!r}: {body[:80]!r}")


def parse(kind: str, body: bytes) -> Parsed:
    """Return the rows of a page of studies or identifiers; a version page holds none."""
    if kind == "version":
        return Parsed({})
    return read_page(body, "studies", TABLES if kind == "studies" else (LISTING,), "nct_id", NCT_ID)


def _whole_registry(year: int) -> Iterator[str]:
    """Yield windows that cover every study; the day a study was first posted never changes, so none slips between."""
    yield "AREA[StudyFirstPostDate]RANGE[MIN,1999-12-31]"
    for past in range(2000, year):
        yield f"AREA[StudyFirstPostDate]RANGE[{past}-01-01,{past}-12-31]"
    yield f"AREA[StudyFirstPostDate]RANGE[{year}-01-01,MAX]"
    yield "AREA[StudyFirstPostDate]MISSING"


def _updated_since(day: str) -> str:
    """Return the window of updates since the day before: the registry may add to a day that was already read."""
    return f"AREA[LastUpdatePostDate]RANGE[{_day_before(day, 1)},MAX]"


def _catch_up(crawl: Crawl, version: str) -> str:
    """Fetch what changed since ``version`` until the registry's version stands still; return the version reached."""
    for _ in range(RESTARTS):
        current = str(crawl.ask("/version", "dataTimestamp"))
        if current == version:
            return version
        crawl.note(f"the registry was refreshed during the crawl ({version} to {current}): reading what changed")
        _pages(crawl, {"filter.advanced": _updated_since(version[:10])}, "studies", current)
        version = current
    raise SourceError(f"the registry's data version changed {RESTARTS} times during one crawl; run again later")


def _reconcile(crawl: Crawl, version: str) -> tuple[str, int]:
    """Read the list of all identifiers and what is missing of it, all within one data version.

    Returns:
        The data version reached, and how many studies that are held it does not list.

    """
    for _ in range(RESTARTS):
        listed = _pages(crawl, {"fields": "NCTId"}, "listing", version)
        missing = sorted(listed - crawl.known(STUDY.name, "nct_id") - crawl.unreadable())
        for start in range(0, len(missing), ID_BATCH):
            _pages(crawl, {"filter.ids": "|".join(missing[start : start + ID_BATCH])}, "studies", version)
        reached = _catch_up(crawl, version)
        if reached == version:
            n_removed = len(crawl.known(STUDY.name, "nct_id") - listed)
            crawl.note(f"reconciled: {len(missing)} studies fetched that were missing, {n_removed} no longer listed")
            return version, n_removed
        crawl.forget("listing")
        version = reached
    raise SourceError(f"the registry's data version changed {RESTARTS} times while it was listed; run again later")


def _pages(crawl: Crawl, query: dict[str, str], kind: str, version: str) -> set[str]:
    """Fetch all pages of a query and return the identifiers seen; start the query again when its token is refused."""
    name = f"{kind} {query} {version}"
    for _ in range(RESTARTS):
        try:
            seen, n_studies, total = _follow(crawl, query, kind, f"{version}/{crawl.attempt(name)}")
        except _TokenRefusedError as refused:
            crawl.note(f"{query}: {refused}; starting this window again")
        else:
            if n_studies >= total:
                return seen
            crawl.note(f"{query}: {n_studies} studies came of {total} announced; starting this window again")
        crawl.abandon(name)
    raise SourceError(f"{query}: incomplete after {RESTARTS} starts; run again later, what is stored is kept")


class _TokenRefusedError(Exception):
    """A page token died with the data version that it was made for."""


def _follow(crawl: Crawl, query: dict[str, str], kind: str, attempt: str) -> tuple[set[str], int, int]:
    """Follow a query's page tokens; return the identifiers seen, how many studies came and how many were announced."""
    seen: set[str] = set()
    n_unnamed = total = 0
    token = ""
    while True:
        extra = {"pageToken": token} if token else {"countTotal": "true"}
        try:
            found = crawl.page("/studies", {**query, "pageSize": PAGE_SIZE, **extra}, kind, attempt)
        except RefusedError as refused:
            if token and refused.status == 400:
                raise _TokenRefusedError(str(refused)) from refused
            raise
        if not token and not isinstance(found.get("totalCount"), int):
            raise SourceError(f"{query}: the registry did not say how many studies there are; nothing can be checked")
        total = found.get("totalCount", total)
        named = {name for study in found["studies"] if (name := _nct_id(study))}
        n_unnamed += len(found["studies"]) - len(named)
        seen |= named
        token = found.get("nextPageToken", "")
        if not token:
            return seen, len(seen) + n_unnamed, total


def _nct_id(study: Any) -> str | None:
    """Return a record's identifier, or None when it has none that could be one."""
    for name in ("protocolSection", "identificationModule", "nctId"):
        study = study.get(name) if isinstance(study, dict) else None
    return study if isinstance(study, str) and re.fullmatch(NCT_ID, study) else None


def _day_before(day: str, n: int) -> str:
    return str(date.fromisoformat(day) - timedelta(days=n))


def _day(text: str | None) -> str | None:
    """Return a date as YYYY-MM-DD, a month as its first day, and None for anything else."""
    try:
        return str(date.fromisoformat(f"{text}-01" if len(text or "") == len("2012-03") else text or ""))
    except ValueError:
        return None


clinicaltrials_gov = Connector(
    name="clinicaltrials_gov",
    homepage="https://clinicaltrials.gov",
    licence="public domain (U.S. government work); attribution requested",
    url="https://clinicaltrials.gov/api/v2",
    seconds_between_requests=1.2,
    tables=(*TABLES, LISTING),
    entity="nct_id",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=Probe("/studies", {"pageSize": 1}, "studies"),
    whole_kinds=("listing", "version"),
)
