"""Reads feeds: tells a whole feed from anything else that may come in its place, and its items from each other."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from cto.connector import Json
from cto.http import BadBodyError, BlockedError, SourceError

GOOGLE = "google"
"""What stands for the feed of an item that a search found."""

HEAD = 1 << 16
"""Bytes within which a feed's root begins, and from its end those within which it ends."""
_ASIDE = re.compile(rb"<!--.*?-->|<\?.*?\?>|<!doctype[^>\[]*>", re.DOTALL)
_ROOT = re.compile(rb"\s*<([a-z][\w:.-]*)")
_ITEM = re.compile(rb"<(?:item|entry)[\s>]", re.IGNORECASE)
_ROOTS = {b"rss", b"feed", b"rdf:rdf"}
_IDENTIFIES = re.compile(r"https?://|tag:|urn:", re.IGNORECASE)


def judge(body: bytes) -> None:
    """Let a whole feed pass, an empty one too.

    Raises:
        BadBodyError: it is empty or cut.
        BlockedError: it is something else, such as a page that blocks the client or asks for its consent.
        SourceError: it declares entities, which can make a small body huge, or holds items that cannot be read.

    """
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        raise BadBodyError("an empty body")
    lower = text.lower()
    if b"<!entity" in lower:
        raise SourceError("the feed declares entities of its own, which no feed needs; refused")
    root = _ROOT.match(_ASIDE.sub(b"", lower[:HEAD]))
    name = root[1] if root else b""
    if name not in _ROOTS:
        raise BlockedError(f"no feed but another page, so the client is blocked or asked for consent: {text[:80]!r}")
    if b"</" + name + b">" not in lower[-HEAD:]:
        raise BadBodyError(f"a feed cut short: it ends {text[-80:]!r}")
    try:
        found = _parsed(body)
    except ValueError as error:  # an encoding or a character that there is not makes the library give up
        raise SourceError(f"a feed that cannot be read: {error}") from error
    if not found.get("version"):
        raise BlockedError(f"no kind of feed that is known: {text[:80]!r}")
    if found.bozo and not found.entries and count(body):
        raise SourceError(f"a feed whose items cannot be read: {found.bozo_exception}")


def count(body: bytes) -> int:
    """Return how many items a feed holds."""
    return len(_ITEM.findall(body))


def items(body: bytes, feed: str, search: str | None = None) -> tuple[list[Json], list[Json]]:
    """Return a feed's items as rows of the item table, and those that nothing identifies.

    Args:
        body: the feed.
        feed: its address, or :data:`GOOGLE`.
        search: what was searched for.

    """
    found = _parsed(body)
    rows: list[Json] = []
    nameless: list[Json] = []
    for position, entry in enumerate(found.entries):
        row = _row(entry, found.feed, feed, search)
        if row["item_id"]:
            rows.append(row)
        else:
            start = str(row["title"])[:80]
            nameless.append({"position": position, "id": "", "reason": "neither identifier nor link", "start": start})
    return rows, nameless


def first_of_each(rows: Iterable[Json]) -> Iterator[Json]:
    """Yield of the rows of one item the first."""
    seen: set[str] = set()
    for row in rows:
        if row["item_id"] not in seen:
            seen.add(row["item_id"])
            yield row


def headline(title: str, publisher: str | None, feed: str) -> str:
    """Return a title without the publisher's name behind it, which a search always adds.

    >>> headline("Fictium met - or missed? - Wire", "Wire", "https://x.invalid/feed")
    'Fictium met - or missed?'
    >>> headline("Fictium met - or missed?", "Wire", "https://x.invalid/feed")
    'Fictium met - or missed?'
    >>> headline("Fictium met its endpoint - Wire.invalid", "Wire", GOOGLE)
    'Fictium met its endpoint'
    """
    if publisher and title.endswith(f" - {publisher}"):
        return title.removesuffix(f" - {publisher}")
    return title.rpartition(" - ")[0] or title if feed == GOOGLE else title


def _row(entry: Any, channel: Any, feed: str, search: str | None) -> Json:
    source = entry.get("source", {})
    publisher = source.get("title") or (channel.get("title") if feed != GOOGLE else None)
    title = " ".join(entry.get("title", "").split())
    return {
        "item_id": _identifier(entry, feed),
        "title": title or None,
        "headline": headline(title, publisher, feed) or None,
        "publisher": publisher,
        "publisher_url": source.get("href") or (channel.get("link") if feed != GOOGLE else None),
        "link": entry.get("link") or None,
        "published_text": entry.get("published") or None,
        "published_at": _instant(entry.get("published_parsed")),
        "feed": feed,
        "search": search,
    }


def _identifier(entry: Any, feed: str) -> str | None:
    """Return the item's identifier; one that is no address is told from another feed's by that feed's address."""
    found = entry.get("id") or entry.get("link") or None
    return found if not found or feed == GOOGLE or _IDENTIFIES.match(found) else f"{feed} {found}"


def _instant(utc: Any) -> str | None:
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*utc[:6]) if utc else None


def _parsed(body: bytes) -> Any:
    # Every command imports every connector, and this library is slow to import.
    import feedparser  # type: ignore[import-untyped]  # noqa: PLC0415

    return feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
