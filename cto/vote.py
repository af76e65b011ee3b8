"""Runs the label functions over the core tables and writes the long vote table."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb

from cto import registry
from cto.build import connect, open_tables, write_table
from cto.labels import COLUMNS, LabelFunction
from cto.lake import Lake
from cto.plan import Plan, macros
from cto.progress import Progress, quiet
from cto.schema import ContractError

Json = dict[str, Any]


def vote(lake: Lake, plan: Plan, progress: Progress = quiet) -> None:
    """Write the votes whose evidence was public by the plan's day.

    Undated evidence counts only in a current build: in a look back nobody can say that it was there.

    Raises:
        ContractError: a label function's query does not return what :data:`cto.labels.COLUMNS` asks for.

    """
    stage = plan.vote
    if stage.is_whole(lake, ("vote",)):
        return
    table = registry.tables()["votes"]
    report: dict[str, Json] = {}
    with lake.scratch() as folder, connect() as con:
        con.execute(macros())
        open_tables(lake, con, plan.core)
        con.execute(table.ddl("vote"))
        functions = registry.label_functions()
        for number, function in enumerate(functions, start=1):
            report[function.name] = _run(con, function, plan.as_of, plan.is_current)
            progress("vote", number, len(functions))
        file = folder / "vote.parquet"
        write_table(con, table, "from vote", file)
        lake.adopt(stage.table("vote"), file)
    lake.put_json(stage.manifest, {"core": plan.core.key, "as_of": str(plan.as_of), "functions": report})


def check_columns(con: duckdb.DuckDBPyConnection, function: LabelFunction) -> None:
    """Refuse a label function whose query cannot be read or returns other columns than asked for."""
    try:
        found = [row[0] for row in con.execute(f"describe {function.sql}").fetchall()]
    except duckdb.Error as error:
        raise ContractError(f"label function {function.name}: {error}") from error
    if found != list(COLUMNS):
        raise ContractError(f"label function {function.name} returns {found}, not {list(COLUMNS)}")


def _run(con: duckdb.DuckDBPyConnection, function: LabelFunction, as_of: date, is_current: bool) -> Json:
    """Add one function's votes, one row a definition it informs; return how many are later or undated."""
    check_columns(con, function)
    cast = ", ".join(f"{name}::{type_} as {name}" for name, type_ in COLUMNS.items())
    con.execute(f"create or replace temp table cast_vote as select {cast} from ({function.sql})")
    bad = con.execute(
        "select nct_id, list(vote) from cast_vote group by nct_id "
        "having nct_id is null or count(*) > 1 or not coalesce(bool_and(vote in (0, 1)), false) limit 5"
    ).fetchall()
    if bad:
        raise ContractError(f"label function {function.name} must cast one vote of 0 or 1 a trial; it cast {bad}")
    for definition, polarity in sorted(function.informs.items()):
        con.execute(
            """
            insert into vote
            select nct_id, $name, $definition, $version, case when $polarity = 1 then vote else 1 - vote end, score,
                available_at, available_at_basis, to_json(evidence)
            from cast_vote
            where available_at <= $as_of or (available_at is null and $is_current)
            """,
            {
                "name": function.name,
                "definition": definition,
                "version": function.version,
                "polarity": polarity,
                "as_of": as_of,
                "is_current": is_current,
            },
        )
    row = con.execute(
        """
        select
            count(*) filter (available_at > $as_of), count(*) filter (available_at is null)
        from cast_vote
        """,
        {"as_of": as_of},
    ).fetchone()
    assert row is not None
    return dict(zip(("later", "undated"), row, strict=True))
