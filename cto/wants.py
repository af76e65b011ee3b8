"""What a source is asked for follows from what other sources hold: a query over the core tables, as they stand now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

import duckdb

from cto import registry, snapshot
from cto.build import connect, order
from cto.connector import Connector
from cto.lake import Lake
from cto.plan import macros, models
from cto.raw import open_raw, tables_read
from cto.schema import ContractError


def wanted(lake: Lake, connector: Connector, today: date) -> list[tuple[Any, ...]]:
    """Return the rows of the connector's ``wants`` over what every source holds now.

    Besides core tables the query may read table ``run`` (``as_of``, ``is_current``), which holds the day.

    Raises:
        ContractError: the query cannot be run.

    """
    needed = _needed(connector)
    snapshots = [snap for name in sorted(follows(connector)) if (snap := snapshot.load(lake, name))]
    with connect() as con:
        con.execute(macros())
        con.execute("create table run as select ?::date as as_of, true as is_current", [today])
        open_raw(lake, con, snapshots)
        for name in order(models()):
            if name in needed:
                columns = registry.tables()[name].select_list()
                con.execute(f"create view {name} as select {columns} from ({models()[name]}\n)")
        try:
            return con.execute(connector.wants).fetchall()
        except duckdb.Error as error:
            raise ContractError(f"{connector.name}: the query for what it wants fails: {error}") from error


def waves(connectors: Sequence[Connector]) -> tuple[list[Connector], list[Connector]]:
    """Return the sources that are asked outright, and those that are asked for what follows from the others.

    Raises:
        ContractError: a source wants what follows from one that itself wants something.

    """
    leading = [connector for connector in connectors if not connector.wants]
    following = [connector for connector in connectors if connector.wants]
    for connector in following:
        wrong = follows(connector) - {c.name for c in registry.connectors() if not c.wants}
        if wrong:
            raise ContractError(f"{connector.name} wants what follows from {min(wrong)}, which wants something itself")
    return leading, following


def follows(connector: Connector) -> set[str]:
    """Return the names of the sources that the connector's ``wants`` reads in the end."""
    raw = {name for name in _needed(connector) if name.startswith("raw_") and "__" in name}
    return {name.removeprefix("raw_").partition("__")[0] for name in raw}


def _needed(connector: Connector) -> frozenset[str]:
    try:
        return _closure(connector.wants)
    except ContractError as error:
        raise ContractError(f"{connector.name}: the query for what it wants cannot be read: {error}") from error


@cache
def _closure(sql: str) -> frozenset[str]:
    """Return the names of all tables that a query reads, directly or through models."""
    if not sql:
        return frozenset()
    found: set[str] = set()
    todo = [sql]
    with duckdb.connect() as con:
        while todo:
            new = tables_read(con, todo.pop()) - found
            found |= new
            todo += [models()[name] for name in new if name in models()]
    return frozenset(found)
