"""Turns raw rows into core tables: runs the SQL models in the order of what they read, each under its contract."""

from __future__ import annotations

import graphlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from cto import registry
from cto.lake import Lake
from cto.plan import Plan, Stage, macros, models
from cto.progress import Progress, quiet
from cto.raw import open_raw, tables_read
from cto.schema import ContractError, Table, literal, parquet, quote

Json = dict[str, Any]

MEMORY_LIMIT = "280MB"
"""What DuckDB may hold before it spills while it builds core tables: enough for 100,000 studies."""
MORE_MEMORY = ("512MB", "1GB", "2GB", "4GB")
"""What a query is given, step by step, that cannot do with less: some sorts cannot, although they spill."""
ROW_GROUP_SIZE = 50_000


def build(lake: Lake, plan: Plan, progress: Progress = quiet) -> None:
    """Build every core table from the snapshots' pages and check it.

    Raises:
        ContractError: a model does not give its contract's columns, or a key is null or repeated.

    """
    stage = plan.core
    if stage.is_whole(lake, models()):
        return
    with lake.scratch() as folder, connect(MEMORY_LIMIT) as con:
        con.execute(macros())
        quarantine = open_raw(lake, con, plan.snapshots)
        report: dict[str, Json] = {}
        for number, name in enumerate(order(models()), start=1):
            table = registry.tables()[name]
            file = folder / f"{name}.parquet"
            write_table(con, table, models()[name], file)
            lake.adopt(stage.table(name), file)
            open_table(lake, con, stage, name)
            report[name] = examine(con, table)
            progress("build", number, len(models()))
    snapshots = {snap.source: snap.id for snap in plan.snapshots}
    lake.put_json(stage.manifest, {"snapshots": snapshots, "tables": report, "quarantine": quarantine})


def open_core(lake: Lake, con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Make a view of every core table of a finished build."""
    for name in models():
        open_table(lake, con, plan.core, name)


def open_tables(lake: Lake, con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Make a view of every core table and of every annotator's."""
    open_core(lake, con, plan)
    for annotator in registry.annotators():
        open_table(lake, con, plan.annotated, annotator.table.name)


def open_table(lake: Lake, con: duckdb.DuckDBPyConnection, stage: Stage, name: str) -> None:
    """Make a view of one table of a stage."""
    con.execute(f"create view {name} as from {parquet(lake.url(stage.table(name)))}")


def write_table(con: duckdb.DuckDBPyConnection, table: Table, sql: str, file: Path) -> None:
    """Write one table: the contract's columns, cast, in the order of its key, so that equal rows give equal bytes.

    Raises:
        ContractError: the query lacks a column of the contract, or a value does not fit its type.

    """
    copy = (
        f"copy (select {table.select_list()} from ({sql}\n) order by {table.order()}) to {literal(str(file))} "
        f"(format parquet, compression zstd, row_group_size {ROW_GROUP_SIZE})"
    )
    for limit in (None, *MORE_MEMORY):
        if limit:
            con.execute(f"set memory_limit = '{limit}'")
        try:
            con.execute(copy)
        except duckdb.OutOfMemoryException:
            if limit == MORE_MEMORY[-1]:
                raise
        except (duckdb.BinderException, duckdb.ConversionException) as error:
            raise ContractError(f"the query for {table.name} does not give what its contract says: {error}") from error
        else:
            return


def connect(memory_limit: str = MORE_MEMORY[2]) -> duckdb.DuckDBPyConnection:
    """Return an in-memory database that spills to the system's folder for temporary files."""
    spill = Path(tempfile.gettempdir()) / f"cto-spill-{os.getpid()}"
    return duckdb.connect(config={"memory_limit": memory_limit, "threads": 2, "temp_directory": str(spill)})


def order(sql_by_name: Mapping[str, str]) -> list[str]:
    """Return the model names so that each comes after the models it reads.

    >>> order({"b": "select * from a join x using (id)", "a": "select 1 as id"})
    ['a', 'b']
    """
    with duckdb.connect() as con:
        reads = {name: tables_read(con, sql) & set(sql_by_name) for name, sql in sorted(sql_by_name.items())}
    return list(graphlib.TopologicalSorter(reads).static_order())


def examine(con: duckdb.DuckDBPyConnection, table: Table) -> Json:
    """Return a table's figures (rows, unreadable texts, unknown codes); refuse a key that is null or repeated."""
    key = table.order()
    figures = {"rows": "count(*)", "keys": f"count(distinct ({key}))"}
    figures |= {f"null {c.name}": f"count(*) filter ({quote(c.name)} is null)" for c in table.columns if c.required}
    figures |= {
        f"unreadable {c.name}": _count_unreadable(c.name, c.text_of, c.unknown) for c in table.columns if c.text_of
    }
    figures |= {
        f"unknown {c.name}": f"count(*) filter ({quote(c.name)} not in ({', '.join(map(literal, c.values))}))"
        for c in table.columns
        if c.values
    }
    row = con.execute(f"select {', '.join(figures.values())} from {table.name}").fetchone()
    assert row is not None
    found = dict(zip(figures, row, strict=True))
    if found["keys"] != found["rows"]:
        raise ContractError(f"{table.name}: {found['rows'] - found['keys']} rows repeat a key ({key})")
    nulls = [f"{n} × {name.removeprefix('null ')}" for name, n in found.items() if name.startswith("null ") and n]
    if nulls:
        raise ContractError(f"{table.name}: required columns are null: {', '.join(nulls)}")
    return {
        "rows": found["rows"],
        "unreadable": {k.removeprefix("unreadable "): n for k, n in found.items() if k.startswith("unreadable ") and n},
        "unknown": {k.removeprefix("unknown "): n for k, n in found.items() if k.startswith("unknown ") and n},
    }


def _count_unreadable(text: str, value: str | None, unknown: tuple[str, ...]) -> str:
    known = f" and upper(trim({quote(text)})) not in ({', '.join(map(literal, unknown))})" if unknown else ""
    return f"count(*) filter (trim({quote(text)}) <> '' and {quote(value or '')} is null{known})"
