"""Rows in, rows out: fills empty contract tables and runs one query over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from cto import registry
from cto.plan import macros

Rows = list[dict[str, Any]]
Query = Callable[..., Rows]


@pytest.fixture
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database with every contract's table, without a row."""
    with duckdb.connect() as con:
        con.execute(macros())
        con.execute("create table raw_page (source varchar, page ubigint, position integer, kind varchar)")
        con.execute("create table run (as_of date, is_current boolean)")
        con.execute("create table probability (nct_id varchar, definition varchar, p_success double)")
        con.execute("create table definition (definition varchar)")
        con.execute("create table fused_function (definition varchar, name varchar)")
        con.execute(registry.tables()["votes"].ddl("vote"))
        for table in registry.tables().values():
            con.execute(table.ddl())
            if table.name.startswith("raw_"):
                con.execute(f"alter table {table.name} add column page ubigint")
        yield con


@pytest.fixture
def run_sql(empty: duckdb.DuckDBPyConnection) -> Query:
    """Return ``run(sql, table=[{column: value}, …], …)``, which answers the query's rows over those tables.

    Tables not given are empty; columns not given are null.
    """

    def run(sql: str, **tables: Rows) -> Rows:
        for name, rows in tables.items():
            for row in rows:
                marks = ", ".join("?" for _ in row)
                empty.execute(f"insert into {name} ({', '.join(row)}) values ({marks})", list(row.values()))
        got = empty.execute(sql)
        names = [column[0] for column in got.description]
        return [dict(zip(names, row, strict=True)) for row in got.fetchall()]

    return run
