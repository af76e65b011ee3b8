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
def run_sql() -> Iterator[Query]:
    """Return ``run(sql, table=[{column: value}, …], …)``, which answers the query's rows over those tables.

    Tables not given are empty; columns not given are null.
    """
    with duckdb.connect() as con:
        con.execute(macros())
        con.execute("create table raw_page (source varchar, page ubigint, position integer, kind varchar)")
        for table in registry.tables().values():
            con.execute(table.ddl())
            if table.name.startswith("raw_"):
                con.execute(f"alter table {table.name} add column page ubigint")

        def run(sql: str, **tables: Rows) -> Rows:
            for name, rows in tables.items():
                for row in rows:
                    marks = ", ".join("?" for _ in row)
                    con.execute(f"insert into {name} ({', '.join(row)}) values ({marks})", list(row.values()))
            got = con.execute(sql)
            names = [column[0] for column in got.description]
            return [dict(zip(names, row, strict=True)) for row in got.fetchall()]

        yield run
