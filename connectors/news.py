"""News: headlines about trials, from Google News searches and from publishers' feeds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from connectors._news_items import GOOGLE, count, first_of_each, items, judge
from connectors._news_searches import FULL, WANTS, Window, due, left
from cto.bundle import Answer, pack, unpack
from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.http import BlockedError, SourceError
from cto.parts import rows
from cto.schema import Column, Table

ITEM = Table(
    "raw_news__item",
    "One row an item of a feed, by its identifier there; the newest copy counts.",
    ("item_id",),
    (
        Column("item_id", "VARCHAR", "The feed's own identifier of the item, else its link.", required=True),
        Column("title", "VARCHAR", "Title as the feed has it."),
        Column("headline", "VARCHAR", "The title without the publisher's name behind it."),
        Column("publisher", "VARCHAR", "Name of the publisher."),
        Column("publisher_url", "VARCHAR", "Address of the publisher."),
        Column("link", "VARCHAR", "Address of the item."),
        Column("published_text", "VARCHAR", "Time of publication as the feed writes it.", text_of="published_at"),
        Column(
            "published_at", "VARCHAR", "Time of publication, UTC, as YYYY-MM-DDTHH:MM:SSZ; null when none is given."
        ),
        Column("feed", "VARCHAR", "Address of the feed, or google for a search.", required=True),
        Column("search", "VARCHAR", "What was searched for; null in a publisher's feed."),
    ),
)
SEARCH = Table(
    "raw_news__search",
    "One row a search that was answered in whole, whether or not it found anything.",
    ("query",),
    (
        Column("query", "VARCHAR", "The search as it was sent.", required=True),
        Column("search", "VARCHAR", "Name that was searched for.", required=True),
        Column("first_day", "VARCHAR", "First day of publication that was asked for.", required=True),
        Column("last_day", "VARCHAR", "Last day of publication that was asked for.", required=True),
        Column("n_items", "INTEGER", "How many items came.", required=True),
    ),
)
TABLES = (ITEM, SEARCH)

URL = "https://news.google.com/rss"
FEEDS = Path(__file__).with_name("news_feeds.txt")
SEARCH_PATH = "/search"
EDITION = {"hl": "en-US", "gl": "US", "ceid": "US:en"}
"""The edition: without all three, the answer depends on where the client is."""
SEARCHES = 500
"""Searches that are made in one night at most."""
BUNDLE = 50
"""Answers that are stored as one page, as each alone is small."""


def fetch(crawl: Crawl) -> Json:
    """Read publishers' feeds, then make the searches that are due; what fails is noted and leaves the rest alone.

    Raises:
        SourceError: the list of feeds cannot be used, or nothing of all that was asked answered.

    """
    addresses = _addresses(crawl)
    failures: dict[str, SourceError] = {}
    feeds = {address: _poll(crawl, address, failures) for address in addresses}
    n_answers = _search(crawl, failures)
    if failures and not n_answers and failures.keys() >= feeds.keys():
        raise next(iter(failures.values()))
    if failures.keys() & feeds.keys():
        crawl.note(f"{len(failures.keys() & feeds.keys())} of {len(feeds)} feeds failed")
    before = crawl.watermark.get("failing_since", {})
    return {
        "feeds": {address: seen for address, seen in feeds.items() if seen},
        "failing_since": {address: before.get(address, str(crawl.today)) for address in failures},
    }


def _addresses(crawl: Crawl) -> list[str]:
    """Return the feeds' addresses: of the file that ``CTO_FEEDS`` names, else of the list that comes with this."""
    if not crawl.setting and crawl.url != URL:
        crawl.note("no publisher's feed is read, as the base address is not the usual one and CTO_FEEDS names no list")
        return []
    file = Path(crawl.setting) if crawl.setting else FEEDS
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise SourceError(
            f"CTO_FEEDS is {crawl.setting!r}, which cannot be read as a list of feeds: {error}"
        ) from error
    for number, line in enumerate(lines, start=1):
        if line and line[0] != "#" and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", line):
            raise SourceError(f"CTO_FEEDS: line {number} of {file} is no address of a feed: {line[:80]!r}")
    # What lies below the base address is named without it: a stand-in on another port is still the same feed.
    return list(dict.fromkeys(line.removeprefix(crawl.url) for line in lines if line and line[0] != "#"))


def _poll(crawl: Crawl, address: str, failures: dict[str, SourceError]) -> Json:
    """Store a feed if it changed; return the validators for the next time, after a failure those that were."""
    seen: Json = {} if crawl.options.get("full") else crawl.watermark.get("feeds", {}).get(address, {})
    try:
        return crawl.changed(address, f"feed {address}", seen)[1]
    except SourceError as error:
        _fail(crawl, address, error, failures)
        return seen


def _search(crawl: Crawl, failures: dict[str, SourceError]) -> int:
    """Make the searches that are due, up to a night's share or to the first failure; return how many were answered."""
    if not crawl.wanted:
        crawl.note("nothing is searched for: no company's trial of a drug, of phase 2 or 3, is held")
    todo = due(crawl.wanted, crawl.known(SEARCH.name, "query"), crawl.today)
    found: dict[str, int] = {}
    while todo and len(found) < SEARCHES and SEARCH_PATH not in failures:
        answers = _answers(crawl, todo, min(BUNDLE, SEARCHES - len(found)), failures)
        try:
            found |= crawl.keep(f"searches from {len(found)}", "searches", partial(pack, answers))
        except SourceError as error:
            _fail(crawl, SEARCH_PATH, error, failures)
        todo = [part for window in todo for part in left(window, found)]
    for query, n_items in found.items():
        if n_items >= FULL and not Window.of(query).halves:
            crawl.note(f"more than the {FULL} items that came may be of a single day: {query}")
    if todo:
        crawl.note(f"{len(todo)} searches are left to the next nights, after {len(found)} in this one")
    return len(found)


def _answers(crawl: Crawl, todo: list[Window], n: int, failures: dict[str, SourceError]) -> Iterator[Answer]:
    """Yield the answers to the next searches; a failure ends them, and is raised if there are none to keep."""
    stack = todo[::-1]
    for number in range(n):
        if not stack:
            return
        window = stack.pop()
        try:
            body, n_items = crawl.answer(SEARCH_PATH, {"q": window.query, **EDITION}, "answer")
        except SourceError as error:
            if not number:
                raise
            _fail(crawl, SEARCH_PATH, error, failures)
            return
        yield Answer(window.query, "answer", body)
        stack += left(window, {window.query: n_items})[::-1]


def _fail(crawl: Crawl, address: str, error: SourceError, failures: dict[str, SourceError]) -> None:
    where = crawl.url + address if address.startswith("/") else address
    text = str(error) if where in str(error) else f"{where}: {error}"
    failures[address] = BlockedError(text) if isinstance(error, BlockedError) else SourceError(text)
    crawl.note(f"FAILED {text}")


def read(kind: str, body: bytes) -> int | dict[str, int]:
    """Return how many items a feed or an answer holds; of a bundle of answers, that by the search."""
    if kind == "searches":
        return {answer.subject: count(answer.body) for answer in unpack(body)}
    judge(body)
    return count(body)


def parse(kind: str, body: bytes) -> Parsed:
    """Return the items of a page, each once, and the searches that it answers in whole."""
    if kind != "searches":
        found, nameless = items(body, GOOGLE if kind == "answer" else kind.removeprefix("feed "))
        return Parsed({ITEM.name: rows(ITEM, first_of_each(found))}, tuple(nameless))
    searches: list[Json] = []
    found, nameless = [], []
    for answer in unpack(body):
        window, n_items = Window.of(answer.subject), count(answer.body)
        answered, unnamed = items(answer.body, GOOGLE, window.name)
        found += answered
        nameless += unnamed
        if n_items < FULL or not window.halves:
            days = {"first_day": str(window.first), "last_day": str(window.last)}
            searches.append({"query": answer.subject, "search": window.name, **days, "n_items": n_items})
    return Parsed({ITEM.name: rows(ITEM, first_of_each(found)), SEARCH.name: rows(SEARCH, searches)}, tuple(nameless))


news = Connector(
    name="news",
    homepage="https://news.google.com",
    licence="headlines belong to their publishers: only their digest, address and date are published",
    url=URL,
    seconds_between_requests=2.0,
    tables=TABLES,
    entity="item_id",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=Probe(SEARCH_PATH, {"q": "trial phase endpoint", **EDITION}, "answer"),
    wants=WANTS,
    whole_kinds=("search",),  # rows of searches only add up: no page is of that kind, none is replaced
    max_bytes=16 << 20,
    variable="CTO_FEEDS",
)
