"""Opens raw rows for SQL: of every source the rows that count now, and nothing where a source was never fetched."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cto import parts, registry
from cto.connector import Connector
from cto.lake import Lake, LakeError
from cto.schema import ContractError, parquet, quote
from cto.snapshot import Snapshot

Json = dict[str, Any]


def open_raw(lake: Lake, con: duckdb.DuckDBPyConnection, snapshots: Iterable[Snapshot]) -> list[Json]:
    """Make a view of every raw table's current rows, and ``raw_page``; return what is in quarantine."""
    con.execute(
        "create table raw_page (source varchar, page ubigint, position integer, kind varchar, fetched_at varchar)"
    )
    by_source = {snap.source: snap for snap in snapshots}
    quarantine: list[Json] = []
    for connector in registry.connectors():
        snap = by_source.get(connector.name)
        parsed: Json = {}
        if snap and snap.pages:
            _add_pages(con, snap)
            parsed = parts.parse(lake, connector, snap)
        _open_tables(lake, con, connector, parsed)
        quarantine += _quarantine(con, connector, snap, parsed) if snap else []
    return quarantine


def _add_pages(con: duckdb.DuckDBPyConnection, snap: Snapshot) -> None:
    """Add a snapshot's pages to ``raw_page``; one that is there for several subjects counts where it is last."""
    last = {page.number: (position, page) for position, page in enumerate(snap.pages)}
    columns: dict[str, pa.Array] = {
        "page": pa.array(last, pa.uint64()),
        "position": pa.array((position for position, _ in last.values()), pa.int32()),
        "kind": pa.array((page.kind for _, page in last.values()), pa.string()),
        "fetched_at": pa.array((page.fetched_at for _, page in last.values()), pa.string()),
    }
    con.register("added", pa.table(columns))
    con.execute("insert into raw_page select ?, page, position, kind, fetched_at from added", [snap.source])
    con.unregister("added")


def tables_read(con: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """Return the names of the tables that a query reads, without those that it defines itself."""
    row = con.execute("select json_serialize_sql($1)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {}
    if tree.get("error"):
        raise ContractError(f"not a query that DuckDB can read: {tree.get('error_message')}: {sql[:200]}")
    found: set[str] = set()
    defined: set[str] = set()
    todo: list[object] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE":
                found.add(node["table_name"])
            defined |= {entry["key"] for entry in node.get("cte_map", {}).get("map", ())}
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)
    return found - defined


def _quarantine(con: duckdb.DuckDBPyConnection, connector: Connector, snap: Snapshot, parsed: Json) -> list[Json]:
    """Return the records that cannot be read now: each once, and none of which a later page holds a readable version.

    A record without an identifier cannot be told from another, so it counts only in the crawl that brought it.
    """
    latest: dict[str, Json] = {}
    for position, page in enumerate(snap.pages):
        holds_records = connector.tables[0].name in parsed[page.key]["rows"]
        for number, row in enumerate(parsed[page.key]["quarantine"] if holds_records else ()):
            if row["id"] or position >= snap.first_page:
                latest[row["id"] or f"{page.key} {number}"] = row | {"source": snap.source, "page": position}
    names = [name for name in latest if connector.entity and latest[name]["id"]]
    if not names or not any(found["rows"].get(connector.tables[0].name) for found in parsed.values()):
        return list(latest.values())
    readable = con.execute(
        f"select {connector.entity}, position from newest_{connector.name} join raw_page using (page) "
        f"where {connector.entity} in (select unnest(?::varchar[]))",
        [names],
    ).fetchall()
    for name, position in readable:
        if position > latest[name]["page"]:
            del latest[name]
    return list(latest.values())


def _open_tables(lake: Lake, con: duckdb.DuckDBPyConnection, connector: Connector, parsed: Json) -> None:
    """Make the views of one source: rows of the newest page that holds their entity; empty tables for absent ones.

    Of the table with one row an entity, every stored version is there too, under ``<table>_version``.
    """
    newest = f"newest_{connector.name}"
    for number, table in enumerate(connector.tables):
        paths = parts.files(lake, connector, parsed, table.name)
        if not paths:
            con.execute(table.ddl())
            con.execute(f"alter table {table.name} add column page ubigint")
            if number == 0:
                con.execute(f"create view {table.name}_version as select *, 0 as position from {table.name}")
                if connector.entity:
                    con.execute(f"create view {newest} as select {quote(connector.entity)}, page from {table.name}")
            continue
        lost = [path for path in paths if not Path(path).exists()]
        if lost:
            raise LakeError(f"{lost[0]} is gone; delete the folder parts/{connector.name} of the lake and run again")
        rows = parquet(*paths)
        if number == 0 and connector.entity:
            entity = quote(connector.entity)
            con.execute(
                f"create table {newest} as select {entity}, max_by(page, position) as page "
                f"from {rows} join raw_page using (page) group by {entity}"
            )
        if number == 0:
            con.execute(
                f"create view {table.name}_version as select t.*, position from {rows} t join raw_page using (page)"
            )
        whole = table.name.rpartition("__")[2] in connector.whole_kinds or not connector.entity
        join = (
            "" if whole else f" semi join {newest} n on t.{connector.entity} = n.{connector.entity} and t.page = n.page"
        )
        con.execute(f"create view {table.name} as select t.* from {rows} t{join}")
