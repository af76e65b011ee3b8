"""A stand-in for Google News searches and for publishers' feeds, over the headlines of a world."""

import hashlib
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, text_response

RSS = "application/xml; charset=utf-8"
HTML = "text/html; charset=utf-8"
EDITION = {"hl": "en-US", "gl": "US", "ceid": "US:en"}
FULL = 100
CONSENT = b"<!doctype html><html><head><title>Before you continue</title></head><body>Consent.</body></html>\n"
BOMB = b'<!DOCTYPE rss [<!ENTITY a "boom"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>\n'
FAULTS: dict[str, str] = {
    "consent_redirect": "A search is answered 302 to a page that asks for consent.",
    "entity_bomb": "A feed declares entities that grow when they are unfolded.",
    "bare_ampersands": "The ampersands of a feed are not escaped, so that it is not XML.",
    "latin1_as_utf8": "A feed says that it is UTF-8 and is Latin-1.",
}
_TERMS = re.compile(r'"(?P<phrase>[^"]+)"|\((?P<any>[^()]*)\)|(?P<bound>after|before):(?P<day>\S+)|(?P<word>[^\s()"]+)')


@dataclass(frozen=True)
class Item:
    """A headline: `words` make a search find it beside its title, `feed` is `google` or a publisher's feed."""

    title: str
    publisher: str
    publisher_url: str
    link: str
    published: str | None
    words: str = ""
    feed: str = "google"
    guid: str = ""

    @property
    def at(self) -> datetime | None:
        """The time of publication; none when it is not given, or not as a time."""
        try:
            return parsedate_to_datetime(self.published or "").astimezone(UTC)
        except ValueError:
            return None

    @property
    def name(self) -> str:
        """The identifier by which a search names it."""
        return self.guid or "CBMi" + hashlib.sha256(self.link.encode()).hexdigest()[:40]


class NewsSite(WorldSite):
    """Answers `/search` as Google News would, and `/feeds/<name>.xml` as publishers would."""

    source = "news"
    prefix = "/news"
    faults = FAULTS

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        self._items = [Item(**line) for line in self.lines("news.jsonl")]

    def add(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Add headlines, given as the lines of a world's file."""
        self._items = [*self._items, *(Item(**item) for item in items)]

    def variables(self, url: str) -> dict[str, str]:
        """Return `CTO_FEEDS`: a list of the feeds, in a file that goes when the stand-in does."""
        if not hasattr(self, "_folder"):
            self._folder = Path(tempfile.mkdtemp(prefix="cto-feeds-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        names = sorted({item.feed for item in self._items} - {"google"})
        file = self._folder / "feeds.txt"
        file.write_text("".join(f"{url}/feeds/{name}.xml\n" for name in names))
        return {"CTO_FEEDS": str(file)}

    def handle(self, request: Request) -> Response:
        """Answer a search, or a request for a feed."""
        match request.path.split("/")[1:]:
            case _ if request.method != "GET":
                return text_response(405, "Method not allowed")
            case ["search"]:
                return self._search(request)
            case ["consent"]:
                return Response(200, CONSENT, HTML)
            case ["feeds", name] if self._listed(name.removesuffix(".xml")) and name.endswith(".xml"):
                return self._feed(request, name.removesuffix(".xml"))
            case _:
                return text_response(404, "Not found")

    def _listed(self, feed: str) -> list[Item]:
        """Return a feed's items, newest first, those without a date last."""
        dated = [(item.at or datetime.min.replace(tzinfo=UTC), item) for item in self._items if item.feed == feed]
        return [item for _, item in sorted(dated, key=lambda pair: pair[0], reverse=True)]

    def _search(self, request: Request) -> Response:
        query = request.query
        if any(query.get(name) != value for name, value in EDITION.items()) or not query.get("q"):
            return text_response(400, "hl, gl, ceid and q are needed")
        if self.take("consent_redirect"):
            return Response(302, headers={"Location": f"{request.root}/consent"})
        found = [item for item in self._listed("google") if is_found(item, query["q"])][:FULL]
        return self._rss("Search", "https://news.invalid", [_found(item) for item in found])

    def _feed(self, request: Request, name: str) -> Response:
        items = self._listed(name)
        answer = self._rss(items[0].publisher, items[0].publisher_url, [_own(item) for item in items])
        newest = next((item.at for item in items if item.at), datetime(2000, 1, 1, tzinfo=UTC))
        tag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        headers = {"ETag": tag, "Last-Modified": format_datetime(newest, usegmt=True)}
        asked = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
        if asked[0] == tag or (asked[0] is None and asked[1] == headers["Last-Modified"]):
            return Response(304, headers=headers)
        return Response(200, answer.body, answer.content_type, headers, answer.n_records)

    def _rss(self, title: str, link: str, items: list[str]) -> Response:
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
            f"<title>{escape(title)}</title><link>{escape(link)}</link>\n{''.join(items)}</channel></rss>\n"
        )
        if self.take("bare_ampersands"):
            text = text.replace("&amp;", "&")
        body = text.encode("latin-1", "replace") if self.take("latin1_as_utf8") else text.encode()
        if self.take("entity_bomb"):
            body = body.replace(b"<rss", BOMB + b"<rss", 1).replace(b"<title>", b"<title>&c;", 1)
        return Response(200, body, RSS, n_records=len(items))


def is_found(item: Item, query: str) -> bool:
    """Return whether a search finds the item: phrases, words, one of several, and days that are not included.

    An item without a date is found whenever its words are.
    """
    text = f"{item.title} {item.words}".lower()
    day = str(item.at.date()) if item.at else None
    for term in _TERMS.finditer(query):
        if term["bound"]:
            if day and not (day > term["day"] if term["bound"] == "after" else day < term["day"]):
                return False
        else:
            wanted = term["any"].split(" OR ") if term["any"] else [term["phrase"] or term["word"]]
            if not any(re.search(rf"\b{re.escape(word.strip().lower())}\b", text) for word in wanted):
                return False
    return True


def _found(item: Item) -> str:
    """Return an item as a search gives it: the publisher behind the title, and a link that leads nowhere by itself."""
    link = f"https://news.invalid/rss/articles/{item.name}?oc=5"
    description = f'<a href="{link}" target="_blank">{escape(item.title)}</a>&nbsp;&nbsp;<font>{item.publisher}</font>'
    return (
        f"<item><title>{escape(f'{item.title} - {item.publisher}')}</title><link>{escape(link)}</link>"
        f'<guid isPermaLink="false">{escape(item.name)}</guid>{_published(item)}'
        f"<description>{escape(description)}</description>"
        f"<source url={quoteattr(item.publisher_url)}>{escape(item.publisher)}</source></item>\n"
    )


def _own(item: Item) -> str:
    """Return an item as its publisher's feed gives it."""
    return (
        f"<item><title>{escape(item.title)}</title><link>{escape(item.link)}</link>"
        f"<guid>{escape(item.guid or item.link)}</guid>{_published(item)}</item>\n"
    )


def _published(item: Item) -> str:
    return f"<pubDate>{escape(item.published)}</pubDate>" if item.published else ""


SITE = NewsSite
