"""Turns stored pages into raw rows: a page is parsed once, into part files keyed by its content and its parser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cto import snapshot
from cto.connector import Connector
from cto.lake import Lake
from cto.progress import Progress, quiet
from cto.schema import ContractError, Table
from cto.snapshot import Page, Snapshot

Json = dict[str, Any]


def parse(lake: Lake, connector: Connector, snap: Snapshot, progress: Progress = quiet) -> Json:
    """Make sure that every page of the snapshot is parsed; return, by page key, its rows by table and quarantine.

    A page is parsed once: its part files are keyed by its kind, its sha256 and the connector's fingerprint.
    """
    summary = f"{_parts(connector)}/snapshot-{snap.state}.json"
    if not lake.exists(summary):
        lake.put_json(summary, parse_pages(lake, connector, snap.pages, progress))
    return lake.read_json(summary)


def parse_pages(lake: Lake, connector: Connector, pages: Sequence[Page], progress: Progress = quiet) -> Json:
    """Make sure that the pages are parsed; return what :func:`parse` does."""
    found: Json = {}
    with ThreadPoolExecutor(max_workers=2) as pool:  # two pages at once bound the memory and fill two cores
        parsed = pool.map(lambda page: _parse_page(lake, connector, page), pages)
        for page, marker in zip(pages, parsed, strict=True):
            found[page.key] = marker
            progress("parse", len(found), len(pages))
    pa.default_memory_pool().release_unused()
    return found


def files(lake: Lake, connector: Connector, parsed: Json, table: str) -> list[str]:
    """Return the addresses of a raw table's part files, in the order of the pages' keys."""
    return [
        lake.url(f"{_parts(connector)}/{table}/{key}.parquet")
        for key, found in sorted(parsed.items())
        if found["rows"].get(table)
    ]


def is_parsed(lake: Lake, connector: Connector, page: Page) -> bool:
    """Return whether the page's rows are there, so that its bytes are not needed again."""
    return lake.exists(_marker(connector, page))


def rows(table: Table, found: Iterable[Json]) -> pa.Table:
    """Return rows given as mappings as the table's contract wants them; a column that a row lacks is null there."""
    listed = list(found)
    fields = [(column.name, _arrow_type(column.type)) for column in table.columns]
    return pa.table({name: pa.array([row.get(name) for row in listed], type_) for name, type_ in fields})


def _arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type of a contract's column type; those that raw tables use."""
    if name.endswith("[]"):
        return pa.list_(_arrow_type(name.removesuffix("[]")))
    return {
        "VARCHAR": pa.string(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
    }[name]


def _parts(connector: Connector) -> str:
    return f"parts/{connector.name}/{connector.fingerprint}"


def _parse_page(lake: Lake, connector: Connector, page: Page) -> Json:
    """Write one page's part files, then the marker that says they are complete; return the marker."""
    marker = _marker(connector, page)
    if lake.exists(marker):
        return lake.read_json(marker)
    parsed = connector.parse(page.kind, snapshot.read_page(lake, connector.name, page))
    contracts = {table.name: table for table in connector.tables}
    for name, found in parsed.tables.items():
        declared = [column.name for column in contracts[name].columns]
        if found.schema.names != declared:
            raise ContractError(f"{name}: parse gave columns {found.schema.names}, the contract says {declared}")
        if found.num_rows:
            _write_part(lake, f"{_parts(connector)}/{name}/{page.key}.parquet", found, page.number)
    summary = {
        "rows": {name: found.num_rows for name, found in parsed.tables.items()},
        "quarantine": list(parsed.quarantine),
    }
    lake.put_json(marker, summary)
    return summary


def _marker(connector: Connector, page: Page) -> str:
    return f"{_parts(connector)}/pages/{page.key}.json"


def _write_part(lake: Lake, key: str, found: pa.Table, page_number: int) -> None:
    numbered = found.append_column("page", pa.repeat(pa.scalar(page_number, pa.uint64()), found.num_rows))
    with lake.scratch() as folder:
        file = folder / "part.parquet"
        pq.write_table(numbered, file, compression="zstd")
        lake.adopt(key, file)
