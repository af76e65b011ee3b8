"""Runs one connector: fetch pages into the lake, turn new pages into rows, move the source's pointer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import urlencode

import duckdb

from cto import parts, snapshot
from cto.connector import Connector
from cto.http import BadBodyError, Http, Params, SourceError, read_json
from cto.lake import Lake, LakeError
from cto.progress import Progress, quiet
from cto.schema import digest
from cto.snapshot import Page, Snapshot

Json = dict[str, Any]
Rows = list[tuple[Any, ...]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one run brought: the snapshot that counts now, and figures for the report."""

    snapshot: Snapshot
    n_requests: int
    n_retries: int
    n_new_pages: int
    notes: tuple[str, ...]


def ingest(
    lake: Lake,
    connector: Connector,
    http: Http,
    url: str,
    now: Callable[[], datetime],
    options: Mapping[str, bool] | None = None,
    progress: Progress = quiet,
    wanted: Callable[[], Rows] = list,
    setting: str = "",
) -> Ingested:
    """Bring one source up to date and return what counts now.

    A run that was killed is taken up where it stopped: its stored pages are not fetched again. When nothing new came,
    the same snapshot goes on to count.

    Args:
        lake: where pages go.
        connector: the source.
        http: the session to ask with.
        url: its base address.
        now: the clock.
        options: what the user asked of this run.
        progress: told how far it is.
        wanted: gives the rows of the connector's ``wants`` when the connector asks for them.
        setting: what the connector's own variable says.

    Raises:
        SourceError: the source failed or blocks us; the last finished snapshot still counts.
        PointerMovedError: another run finished first.

    """
    value, pointer = snapshot.head(lake, connector.name)
    last = snapshot.read(lake, connector.name, value["head"]) if value["head"] else None
    opened: Json = value["open"]
    if opened is None or not set(options or ()) <= set(opened["options"]):
        started = now().isoformat(timespec="seconds")
        opened = {"id": _snapshot_id(started, value["head"]), "started_at": started, "options": dict(options or {})}
        pointer = snapshot.move_head(lake, connector.name, value | {"open": opened}, pointer)
    sound = _without_damaged(lake, connector, last) if last and opened["options"].get("full") else last
    crawl = _Crawl(connector, http, url, lake, now, opened, sound, progress, wanted, setting)
    for page in set(last.pages) - set(sound.pages) if last and sound else ():
        crawl.note(f"page {page.request} of {page.fetched_at} is damaged and left out; what only it held is lost")
    watermark = connector.fetch(crawl)
    fresh = not last or bool(crawl.pages) or watermark != last.watermark
    if fresh:
        merged = _merge(connector, sound, crawl.pages)
        result = Snapshot(
            source=connector.name,
            id=f"{opened['id']}-{digest(repr(merged), 8)}",
            parent=value["head"],
            started_at=opened["started_at"],
            finished_at=now().isoformat(timespec="seconds"),
            watermark=watermark,
            notes=tuple(crawl.notes),
            first_page=len(merged) - len(_merge(connector, None, crawl.pages)),
            pages=merged,
        )
        snapshot.write(lake, result)
    else:
        assert last is not None
        result = last
    parts.parse(lake, connector, result, progress)
    checked = {"head": result.id, "open": None, "checked_at": now().isoformat(timespec="seconds")}
    snapshot.move_head(lake, connector.name, checked, pointer)
    return Ingested(result, http.n_requests, http.n_retries, crawl.n_new, tuple(crawl.notes))


@dataclass
class Asked:
    """A source that can be asked (:class:`cto.connector.Source`)."""

    connector: Connector
    http: Http
    url: str

    @property
    def contact(self) -> str:
        return self.http.contact

    def answer(self, path: str, params: Params, kind: str, form: bool = False) -> tuple[bytes, Any]:
        return self.http.get(self._address(path), params, partial(self.connector.read, kind), form)

    def pause(self) -> None:
        self.http.pause(self.url)

    def retried(self, what: str, ask: Callable[[], T]) -> T:
        return self.http.retried(what, ask)

    def _address(self, path: str) -> str:
        return path if path.startswith(("http://", "https://")) else self.url + path


@dataclass
class _Crawl(Asked):
    """The run that a connector's ``fetch`` sees (:class:`cto.connector.Crawl`)."""

    lake: Lake
    now: Callable[[], datetime]
    opened: Json
    last: Snapshot | None
    progress: Progress
    want: Callable[[], Rows]
    setting: str
    pages: list[Page] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_new: int = 0
    expected: int | None = None

    @property
    def watermark(self) -> Json:
        return dict(self.last.watermark) if self.last else {}

    @property
    def options(self) -> Mapping[str, bool]:
        return self.opened["options"]  # type: ignore[no-any-return]

    @property
    def today(self) -> date:
        return datetime.fromisoformat(self.opened["started_at"]).date()

    @cached_property
    def wanted(self) -> Rows:
        return self.want()

    def page(
        self,
        path: str,
        params: Params,
        kind: str,
        attempt: str = "",
        subject: str = "",
        form: bool = False,
    ) -> Any:
        request = f"{path}?{urlencode(sorted(params.items()))}" if params else path
        return self._kept(request, kind, attempt, subject, lambda: self.answer(path, params, kind, form))

    def keep(self, name: str, kind: str, get: Callable[[], bytes], subject: str = "") -> Any:
        def taken() -> tuple[bytes, Any]:
            body = get()
            try:
                return body, self.connector.read(kind, body)
            except BadBodyError as error:
                raise SourceError(f"{self.url}: {name}: what came is no page of kind {kind!r}: {error}") from error

        return self._kept(name, kind, "", subject, taken)

    def changed(self, path: str, kind: str, seen: Json) -> tuple[Any | None, Json]:
        record = self._record(kind, path, str(sorted(seen.items())))
        if not self.lake.exists(record):
            read = partial(self.connector.read, kind)
            came, validators = self.http.changed(self._address(path), read, seen)
            page = self._stored(kind, path, came[0], "") if came else None
            self.lake.put_json(record, {"page": asdict(page) if page else None, "validators": dict(validators)})
        found = self.lake.read_json(record)
        if found["page"] is None:
            return None, found["validators"]
        page = Page(**found["page"])
        self._count(page)
        return self.connector.read(kind, self._bytes(page)), found["validators"]

    def _kept(self, request: str, kind: str, attempt: str, subject: str, get: Callable[[], tuple[bytes, Any]]) -> Any:
        record = self._record(kind, request, attempt)
        if self.lake.exists(record):
            page = Page(**self.lake.read_json(record))
            found = self.connector.read(kind, self._bytes(page))
        else:
            body, found = get()
            page = self._stored(kind, request, body, subject)
            self.lake.put_json(record, asdict(page))
        self._count(page)
        return found

    def _record(self, kind: str, request: str, attempt: str) -> str:
        """Return the lake key under which this run notes which page answered a request."""
        return self._key(f"{digest(f'{kind} {request} {attempt}', 32)}.json")

    def _key(self, name: str) -> str:
        return f"sources/{self.connector.name}/requests/{self.opened['id']}/{name}"

    def _stored(self, kind: str, request: str, body: bytes, subject: str) -> Page:
        self.n_new += 1
        sha256 = snapshot.store_page(self.lake, self.connector.name, body)
        return Page(kind, request, sha256, len(body), self.now().isoformat(timespec="seconds"), subject)

    def _bytes(self, page: Page) -> bytes:
        return snapshot.read_page(self.lake, self.connector.name, page)

    def _count(self, page: Page) -> None:
        self.pages.append(page)
        self.progress("fetch", len(self.pages), self.expected)

    def attempt(self, name: str) -> int:
        key = self._attempt_key(name)
        return int(self.lake.read(key)) if self.lake.exists(key) else 0

    def abandon(self, name: str) -> None:
        self.lake.put(self._attempt_key(name), str(self.attempt(name) + 1).encode())

    def _attempt_key(self, name: str) -> str:
        return self._key(f"attempts/{digest(name, 32)}")

    def ask(self, path: str, name: str) -> Any:
        def read(body: bytes) -> Any:
            found = read_json(body)
            if not isinstance(found, dict) or name not in found:
                raise BadBodyError(f"an answer without {name!r}: {body[:80]!r}")
            return found[name]

        return self.http.get(self.url + path, None, read)[1]

    def known(self, table: str, column: str) -> set[str]:
        files = parts.files(self.lake, self.connector, self._parsed(), table)
        if not files:
            return set()
        with duckdb.connect() as con:
            return {row[0] for row in con.read_parquet(files).select(column).distinct().fetchall()}

    def unreadable(self) -> set[str]:
        return {row["id"] for found in self._parsed().values() for row in found["quarantine"] if row["id"]}

    def _parsed(self) -> Json:
        return parts.parse_pages(self.lake, self.connector, _merge(self.connector, self.last, self.pages))

    def expect(self, pages: int) -> None:
        self.expected = pages

    def forget(self, kind: str) -> None:
        self.pages = [page for page in self.pages if page.kind != kind]

    def note(self, message: str) -> None:
        self.notes.append(message)


def _without_damaged(lake: Lake, connector: Connector, last: Snapshot) -> Snapshot:
    """Leave out stored pages that can no longer be read, as everything is fetched anew; what is parsed still counts."""

    def is_sound(page: Page) -> bool:
        if parts.is_parsed(lake, connector, page):
            return True
        try:
            snapshot.read_page(lake, connector.name, page)
        except LakeError:
            return False
        return True

    return replace(last, pages=tuple(page for page in last.pages if is_sound(page)))


def _merge(connector: Connector, last: Snapshot | None, new: Sequence[Page]) -> tuple[Page, ...]:
    """Append new pages to earlier ones; a page that came again counts where it came last.

    Of a kind that the connector fetches whole, the new crawl's pages replace all earlier ones; of pages about one
    subject, the newest does. Two subjects that were answered in the same bytes stay two pages, as each may change.
    """
    replaced = {page.kind for page in new} & set(connector.whole_kinds)
    before = [page for page in last.pages if page.kind not in replaced] if last else []
    found: dict[tuple[str, str], Page] = {}
    for page in (*before, *new):
        name = (page.subject, "" if page.subject else page.key)
        found.pop(name, None)
        found[name] = page
    return tuple(found.values())


def _snapshot_id(started: str, parent: str | None) -> str:
    return f"{started[:19].replace(':', '').replace('-', '')}-{digest(f'{started} {parent} {os.getpid()}', 6)}"
