"""Rows in, rows out: fills empty contract tables and runs one query over them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from cto import pipeline, registry
from cto.lake import Lake
from cto.plan import macros, plan
from cto.sandbox import Sandbox
from cto.settings import Settings
from tests.real import AS_OF, REGISTRY, Tables
from tests.stay_home import stay_home

Rows = list[dict[str, Any]]
Query = Callable[..., Rows]

stay_home()


@pytest.fixture(scope="session")
def blank() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database with every contract's table, without a row; made once, as hundreds of tests start from it."""
    with duckdb.connect() as con:
        con.execute(macros())
        con.execute("create table raw_page (source varchar, page ubigint, position integer, kind varchar)")
        con.execute("create table run (as_of date, is_current boolean)")
        con.execute("create table probability (nct_id varchar, definition varchar, p_success double)")
        con.execute("create table definition (definition varchar)")
        con.execute("create table fused_function (definition varchar, name varchar)")
        con.execute(registry.tables()["votes"].ddl("vote"))
        con.execute(registry.tables()["cut_points"].ddl("cut_point"))
        for table in registry.tables().values():
            con.execute(table.ddl())
            if table.name.startswith("raw_"):
                con.execute(f"alter table {table.name} add column page ubigint")
        for connector in registry.connectors():
            table = connector.tables[0].name
            version = f"select t.*, position from {table} t join raw_page using (page)"
            con.execute(f"create view {table}_version as {version}")
        yield con


@pytest.fixture
def empty(blank: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database with every contract's table, without a row, and undo what the test does to it."""
    with blank.cursor() as con:
        con.begin()
        yield con
        con.rollback()


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


@pytest.fixture(scope="session")
def studies() -> dict[str, dict[str, Any]]:
    """Return the records of the real registry file by identifier."""
    with gzip.open(REGISTRY, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return {study["protocolSection"]["identificationModule"]["nctId"]: study for study in found}


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Return the tables that a refresh from a stand-in registry with the real file leaves."""
    home = str(tmp_path_factory.mktemp("real") / "lake")
    with Sandbox(studies=REGISTRY) as sandbox:
        settings = Settings(home, AS_OF, {"clinicaltrials_gov": sandbox.registry_url}, backoff=0.01)
        night = pipeline.refresh(settings, ["clinicaltrials_gov"], now=lambda: datetime(2026, 11, 1, 12, tzinfo=UTC))
    assert night.failures == {}
    lake = Lake(home)
    return Tables(lake, plan(lake, AS_OF))
