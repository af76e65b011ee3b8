"""Runs one connector: fetch pages into the lake, turn new pages into rows, move the source's pointer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cto import snapshot
from cto.connector import Connector
from cto.http import BadBodyError, Http, read_json
from cto.lake import Lake, LakeError
from cto.progress import Progress, quiet
from cto.schema import ContractError, digest
from cto.snapshot import Page, Snapshot

Json = dict[str, Any]


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
) -> Ingested:
    """Bring one source up to date and return what counts now.

    A run that was killed is taken up where it stopped: its stored pages are not fetched again. When nothing new came,
    the same snapshot goes on to count.

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
    crawl = _Crawl(lake, connector, http, url, now, opened, sound, progress)
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
            first_page=len(merged) - len({page.key for page in crawl.pages}),
            pages=merged,
        )
        snapshot.write(lake, result)
    else:
        assert last is not None
        result = last
    parse(lake, connector, result, progress)
    snapshot.move_head(lake, connector.name, {"head": result.id, "open": None}, pointer)
    return Ingested(result, http.n_requests, http.n_retries, crawl.n_new, tuple(crawl.notes))


def parse(lake: Lake, connector: Connector, snap: Snapshot, progress: Progress = quiet) -> Json:
    """Make sure that every page of the snapshot is parsed; return, by page key, its rows by table and quarantine.

    A page is parsed once: its part files are keyed by its kind, its sha256 and the connector's fingerprint.
    """
    summary = f"{_parts(connector)}/snapshot-{snap.state}.json"
    if not lake.exists(summary):
        lake.put_json(summary, _parse_pages(lake, connector, snap.pages, progress))
    return lake.read_json(summary)


def part_files(lake: Lake, connector: Connector, parsed: Json, table: str) -> list[str]:
    """Return the addresses of a raw table's part files, in the order of the pages' keys."""
    return [
        lake.url(f"{_parts(connector)}/{table}/{key}.parquet")
        for key, found in sorted(parsed.items())
        if found["rows"].get(table)
    ]


@dataclass
class _Crawl:
    """The run that a connector's ``fetch`` sees (:class:`cto.connector.Crawl`)."""

    lake: Lake
    connector: Connector
    http: Http
    url: str
    now: Callable[[], datetime]
    opened: Json
    last: Snapshot | None
    progress: Progress
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

    def page(self, path: str, params: Mapping[str, str | int], kind: str, attempt: str = "") -> Any:
        request = f"{path}?{urlencode(sorted(params.items()))}"
        source = self.connector.name
        record = f"sources/{source}/requests/{self.opened['id']}/{digest(f'{kind} {request} {attempt}', 32)}.json"
        if self.lake.exists(record):
            page = Page(**self.lake.read_json(record))
            found = self.connector.read(kind, snapshot.read_page(self.lake, source, page))
        else:
            body, found = self.http.get(self.url + path, params, partial(self.connector.read, kind))
            sha256 = snapshot.store_page(self.lake, source, body)
            page = Page(kind, request, sha256, len(body), self.now().isoformat(timespec="seconds"))
            self.lake.put_json(record, {name: getattr(page, name) for name in page.__slots__})
            self.n_new += 1
        self.pages.append(page)
        self.progress("fetch", len(self.pages), self.expected)
        return found

    def attempt(self, name: str) -> int:
        key = self._attempt_key(name)
        return int(self.lake.read(key)) if self.lake.exists(key) else 0

    def abandon(self, name: str) -> None:
        self.lake.put(self._attempt_key(name), str(self.attempt(name) + 1).encode())

    def _attempt_key(self, name: str) -> str:
        return f"sources/{self.connector.name}/requests/{self.opened['id']}/attempts/{digest(name, 32)}"

    def ask(self, path: str, name: str) -> Any:
        def read(body: bytes) -> Any:
            found = read_json(body)
            if not isinstance(found, dict) or name not in found:
                raise BadBodyError(f"an answer without {name!r}: {body[:80]!r}")
            return found[name]

        return self.http.get(self.url + path, None, read)[1]

    def known(self, table: str, column: str) -> set[str]:
        files = part_files(self.lake, self.connector, self._parsed(), table)
        if not files:
            return set()
        with duckdb.connect() as con:
            return {row[0] for row in con.read_parquet(files).select(column).distinct().fetchall()}

    def unreadable(self) -> set[str]:
        return {row["id"] for found in self._parsed().values() for row in found["quarantine"] if row["id"]}

    def _parsed(self) -> Json:
        return _parse_pages(self.lake, self.connector, _merge(self.connector, self.last, self.pages))

    def expect(self, pages: int) -> None:
        self.expected = pages

    def forget(self, kind: str) -> None:
        self.pages = [page for page in self.pages if page.kind != kind]

    def note(self, message: str) -> None:
        self.notes.append(message)


def _without_damaged(lake: Lake, connector: Connector, last: Snapshot) -> Snapshot:
    """Leave out stored pages that can no longer be read, as everything is fetched anew; what is parsed still counts."""

    def is_sound(page: Page) -> bool:
        if lake.exists(_marker(connector, page)):
            return True
        try:
            snapshot.read_page(lake, connector.name, page)
        except LakeError:
            return False
        return True

    return replace(last, pages=tuple(page for page in last.pages if is_sound(page)))


def _merge(connector: Connector, last: Snapshot | None, new: list[Page]) -> tuple[Page, ...]:
    """Append new pages to earlier ones; a page that came again counts where it came last.

    Of a kind that the connector fetches whole, the new crawl's pages replace all earlier ones.
    """
    replaced = {page.kind for page in new} & set(connector.whole_kinds)
    before = [page for page in last.pages if page.kind not in replaced] if last else []
    ordered: dict[str, Page] = {}
    for page in [*before, *new]:
        ordered.pop(page.key, None)
        ordered[page.key] = page
    return tuple(ordered.values())


def _snapshot_id(started: str, parent: str | None) -> str:
    return f"{started[:19].replace(':', '').replace('-', '')}-{digest(f'{started} {parent} {os.getpid()}', 6)}"


def _parts(connector: Connector) -> str:
    return f"parts/{connector.name}/{connector.fingerprint}"


def _parse_pages(lake: Lake, connector: Connector, pages: Sequence[Page], progress: Progress = quiet) -> Json:
    found: Json = {}
    with ThreadPoolExecutor(max_workers=2) as pool:  # two pages at once bound the memory and fill two cores
        parsed = pool.map(lambda page: _parse_page(lake, connector, page), pages)
        for page, marker in zip(pages, parsed, strict=True):
            found[page.key] = marker
            progress("parse", len(found), len(pages))
    pa.default_memory_pool().release_unused()
    return found


def _parse_page(lake: Lake, connector: Connector, page: Page) -> Json:
    """Write one page's part files, then the marker that says they are complete; return the marker."""
    marker = _marker(connector, page)
    if lake.exists(marker):
        return lake.read_json(marker)
    parsed = connector.parse(page.kind, snapshot.read_page(lake, connector.name, page))
    contracts = {table.name: table for table in connector.tables}
    for name, rows in parsed.tables.items():
        declared = [column.name for column in contracts[name].columns]
        if rows.schema.names != declared:
            raise ContractError(f"{name}: parse gave columns {rows.schema.names}, the contract says {declared}")
        if rows.num_rows:
            _write_part(lake, f"{_parts(connector)}/{name}/{page.key}.parquet", rows, page.number)
    found = {
        "rows": {name: rows.num_rows for name, rows in parsed.tables.items()},
        "quarantine": list(parsed.quarantine),
    }
    lake.put_json(marker, found)
    return found


def _marker(connector: Connector, page: Page) -> str:
    return f"{_parts(connector)}/pages/{page.key}.json"


def _write_part(lake: Lake, key: str, rows: pa.Table, page_number: int) -> None:
    numbered = rows.append_column("page", pa.repeat(pa.scalar(page_number, pa.uint64()), rows.num_rows))
    with lake.scratch() as folder:
        file = folder / "part.parquet"
        pq.write_table(numbered, file, compression="zstd")
        lake.adopt(key, file)
