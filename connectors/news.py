"""News: headlines about trials, from Google News searches and from publishers' feeds."""

from __future__ import annotations

from cto.connector import Connector, Crawl, Json, Parsed, Probe
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
TABLES = (ITEM,)


def fetch(crawl: Crawl) -> Json:
    """Not written yet."""
    return {}


def read(kind: str, body: bytes) -> bytes:
    """Not written yet."""
    return body


def parse(kind: str, body: bytes) -> Parsed:
    """Not written yet."""
    return Parsed({})


news = Connector(
    name="news",
    homepage="https://news.google.com",
    licence="headlines belong to their publishers: only their digest, address and date are published",
    url="https://news.google.com/rss",
    seconds_between_requests=2.0,
    tables=TABLES,
    entity="item_id",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=Probe("", {}, ""),
    max_bytes=16 << 20,
    variable="CTO_FEEDS",
)
