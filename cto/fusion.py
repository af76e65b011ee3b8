"""Writes the published tables: trials, votes, labels and cut points, from core tables and votes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from importlib.resources import files
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from cto import registry
from cto.build import Stage, connect, macros, open_table, open_tables, write_table
from cto.fuse import LabelMatrix, LabelModel
from cto.labels import DEFINITIONS
from cto.lake import Lake
from cto.schema import digest

Json = dict[str, Any]
Progress = Callable[[str, int], None]

SEED = 0
KINDS = ("outcome", "conduct")
"""What a label is fused from. Design functions vote and are published, but a label made of start-time features would
teach a predictor the rule that made it."""


def plan(votes: Stage, model: LabelModel) -> Stage:
    """Return the label stage that follows from the votes and the label model."""
    return Stage("label", digest(repr((votes.key, repr(model), SEED, trials_sql(), sorted(DEFINITIONS)))))


def trials_sql() -> str:
    """Return the query of the published ``trials``."""
    return (files("warehouse") / "published" / "trials.sql").read_text()


def fuse(
    lake: Lake,
    core: Stage,
    votes: Stage,
    model: LabelModel,
    as_of: date,
    is_current: bool,
    progress: Progress = lambda stage, n: None,
) -> Stage:
    """Fuse the votes and write the published tables; return the finished stage."""
    stage = plan(votes, model)
    if lake.exists(stage.manifest):
        return stage
    tables = registry.tables()
    with lake.scratch() as folder, connect() as con:
        con.execute(macros())
        open_tables(lake, con, core)
        open_table(lake, con, votes, "vote")
        con.execute("create table run as select ?::date as as_of, ?::boolean as is_current", [as_of, is_current])
        con.execute(f"create table trials as {trials_sql()}")
        con.execute("create table probability (nct_id varchar, definition varchar, p_success double)")
        for definition in DEFINITIONS:
            con.register("fused", _probabilities(con, definition, model))
            con.execute("insert into probability select nct_id, ?, p_success from fused", [definition])
            con.unregister("fused")
            progress("fuse", 1)
        con.execute("create table definition as select unnest(?::varchar[]) as definition", [list(DEFINITIONS)])
        con.execute(tables["cut_points"].ddl())
        queries = {"trials": "from trials", "votes": _VOTES, "labels": _LABELS, "cut_points": "from cut_points"}
        for name, sql in queries.items():
            file = folder / f"{name}.parquet"
            write_table(con, tables[name], sql, file)
            lake.adopt(stage.table(name), file)
    lake.put_json(
        stage.manifest,
        {
            "vote": votes.key,
            "model": {"name": model.name, "version": model.version, "value": repr(model)},
            "seed": SEED,
        },
    )
    return stage


# A vote on a trial that is not in this release (not yet public then) is no row of it.
_VOTES = "select v.* from vote v semi join trials t on v.nct_id = t.nct_id"

_LABELS = """
with n_votes as (
    select nct_id, definition, count(*) as n_votes from vote where label_function in (select name from fused_function)
    group by nct_id, definition
)
select
    t.nct_id,
    d.definition,
    case when p.p_success > 0.5 then 1 when p.p_success < 0.5 then 0 end as label,
    p.p_success,
    null as p_low,
    null as p_high,
    'none' as calibration,
    coalesce(n.n_votes, 0) as n_votes,
    case when p.p_success is null then 'no_evidence' when p.p_success = 0.5 then 'tie' end as abstain_reason,
    coalesce(t.overall_status, '') <> 'SUSPENDED' as is_final,
    false as is_censored,
    null as horizon_end,
    t.as_of
from trials t cross join definition d
left join probability p on p.nct_id = t.nct_id and p.definition = d.definition
left join n_votes n on n.nct_id = t.nct_id and n.definition = d.definition
where t.is_ended
"""


def _probabilities(con: duckdb.DuckDBPyConnection, definition: str, model: LabelModel) -> pa.Table:
    """Return ``nct_id, p_success`` for every trial that a fused function votes on under the definition."""
    functions = {f.name: f for f in registry.label_functions() if f.kind in KINDS}
    con.execute("create or replace table fused_function as select unnest(?::varchar[]) as name", [sorted(functions)])
    rows = con.execute(
        "select nct_id, label_function, vote from vote v semi join fused_function f on v.label_function = f.name "
        "where definition = ? order by nct_id, label_function",
        [definition],
    ).to_arrow_table()
    if not rows.num_rows:
        return pa.table({"nct_id": pa.array([], pa.string()), "p_success": pa.array([], pa.float64())})
    matrix = LabelMatrix.of(
        np.array(rows["nct_id"].to_pylist()),
        np.array(rows["label_function"].to_pylist()),
        rows["vote"].to_numpy().astype(np.int8),
        {name: function.group for name, function in functions.items()},
        {name: function.kind for name, function in functions.items()},
    )
    p_success = model.fit(matrix).predict_proba(matrix)
    return pa.table({"nct_id": matrix.nct_ids.tolist(), "p_success": pa.array(p_success, from_pandas=True)})
