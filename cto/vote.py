"""Runs the label functions over the core tables and writes the long vote table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        ContractError: a label function's query does not return what :attr:`LabelFunction.columns` asks for.

    """
    stage = plan.vote
    if stage.is_whole(lake, ("vote",)):
        return
    with lake.scratch() as folder, connect() as con:
        con.execute(macros())
        open_tables(lake, con, plan)
        open_run(con, plan)
        report = cast_votes(con, plan, plan.fitted.cut_points, progress)
        file = folder / "vote.parquet"
        write_table(con, registry.tables()["votes"], "from vote", file)
        lake.adopt(stage.table("vote"), file)
    lake.put_json(stage.manifest, {"core": plan.core.key, "as_of": str(plan.as_of), "functions": report})


def cast_votes(
    con: duckdb.DuckDBPyConnection, plan: Plan, cut_points: Sequence[Mapping[str, Any]], progress: Progress = quiet
) -> dict[str, Json]:
    """Make the ``vote`` table of a database that holds the core tables.

    Returns:
        by function: how many votes rest on later evidence (``later``) or on undated one (``undated``), and, for one
        that votes by a cut point, how many scored trials have no cut point (``without_cut_point``).

    """
    open_cut_points(con, cut_points)
    con.execute(registry.tables()["votes"].ddl("vote"))
    functions = registry.label_functions()
    report: dict[str, Json] = {}
    for number, function in enumerate(functions, start=1):
        report[function.name] = _run(con, function, plan)
        progress("vote", number, len(functions))
    return report


def open_run(con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Make the one-row table ``run``: the last day whose evidence counts (``as_of``), and whether that is now."""
    con.execute("create table run as select ?::date as as_of, ?::boolean as is_current", [*plan.day])


def open_cut_points(con: duckdb.DuckDBPyConnection, cut_points: Sequence[Mapping[str, Any]]) -> None:
    """Make the ``cut_point`` table."""
    table = registry.tables()["cut_points"]
    con.execute(table.ddl("cut_point"))
    for row in cut_points:
        marks = ", ".join("?" for _ in table.columns)
        con.execute(f"insert into cut_point values ({marks})", [row[column.name] for column in table.columns])


def check_columns(con: duckdb.DuckDBPyConnection, function: LabelFunction) -> None:
    """Refuse a label function whose query cannot be read or returns other columns than asked for."""
    try:
        found = [row[0] for row in con.execute(f"describe {function.sql}").fetchall()]
    except duckdb.Error as error:
        raise ContractError(f"label function {function.name}: {error}") from error
    if found != list(function.columns):
        raise ContractError(f"label function {function.name} returns {found}, not {list(function.columns)}")


def _run(con: duckdb.DuckDBPyConnection, function: LabelFunction, plan: Plan) -> Json:
    """Add one function's votes, one row a definition it informs; return what :func:`cast_votes` reports of it."""
    check_columns(con, function)
    cast = ", ".join(f"{name}::{type_} as {name}" for name, type_ in COLUMNS.items())
    con.execute(f"create or replace temp table cast_vote as select {cast} from ({function.vote_sql})")
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
                "as_of": plan.as_of,
                "is_current": plan.is_current,
            },
        )
    row = con.execute(
        """
        select
            count(*) filter (available_at > $as_of), count(*) filter (available_at is null)
        from cast_vote
        """,
        {"as_of": plan.as_of},
    ).fetchone()
    assert row is not None
    report: Json = dict(zip(("later", "undated"), row, strict=True))
    if function.better:
        report["without_cut_point"] = _without_cut_point(con, function)
    return report


def _without_cut_point(con: duckdb.DuckDBPyConnection, function: LabelFunction) -> int:
    row = con.execute(
        f"select count(*) from ({function.sql}) s join core_study t on s.nct_id = t.nct_id anti join "
        "(from cut_point where label_function = $name) c on c.phase = coalesce(t.phase, 'NA') "
        "and c.score_basis = s.score_basis",
        {"name": function.name},
    ).fetchone()
    assert row is not None
    return int(row[0])
