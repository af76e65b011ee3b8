"""Writes the published tables: trials, votes, labels and cut points, from core tables and votes."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from cto import registry
from cto.build import connect, examine, open_table, open_tables, order, write_table
from cto.fuse import LabelMatrix
from cto.labels import DEFINITIONS, LabelFunction
from cto.lake import Lake
from cto.plan import MODEL, SEED, Plan, macros, published
from cto.progress import Progress, quiet

Json = dict[str, Any]

KINDS = ("outcome", "conduct")
"""What a label is fused from. Design functions vote and are published, but a label made of start-time features would
teach a predictor the rule that made it."""


def fuse(lake: Lake, plan: Plan, progress: Progress = quiet) -> None:
    """Fuse the votes and write the published tables, each checked against its contract."""
    stage = plan.label
    if stage.is_whole(lake, published()):
        return
    with lake.scratch() as folder, connect() as con:
        con.execute(macros())
        open_tables(lake, con, plan.core)
        open_table(lake, con, plan.vote, "vote")
        con.execute("create table run as select ?::date as as_of, ?::boolean as is_current", [*plan.day])
        con.execute("create table fused_function as select unnest(?::varchar[]) as name", [sorted(_fused())])
        con.execute("create table definition as select unnest(?::varchar[]) as definition", [list(DEFINITIONS)])
        con.execute("create table probability (nct_id varchar, definition varchar, p_success double)")
        for number, definition in enumerate(DEFINITIONS, start=1):
            con.register("fused", _probabilities(con, definition))
            con.execute("insert into probability select nct_id, ?, p_success from fused", [definition])
            con.unregister("fused")
            progress("fuse", number, len(DEFINITIONS))
        for name in order(published()):
            table = registry.tables()[name]
            write_table(con, table, published()[name], folder / f"{name}.parquet")
            lake.adopt(stage.table(name), folder / f"{name}.parquet")
            open_table(lake, con, stage, name)
            examine(con, table)
    model = {"name": MODEL.name, "version": MODEL.version, "value": repr(MODEL)}
    lake.put_json(stage.manifest, {"vote": plan.vote.key, "model": model, "seed": SEED})


def _fused() -> dict[str, LabelFunction]:
    return {function.name: function for function in registry.label_functions() if function.kind in KINDS}


def _probabilities(con: duckdb.DuckDBPyConnection, definition: str) -> pa.Table:
    """Return ``nct_id, p_success`` for every trial that a fused function votes on under the definition."""
    functions = _fused()
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
    p_success = MODEL.fit(matrix).predict_proba(matrix)
    return pa.table({"nct_id": matrix.nct_ids.tolist(), "p_success": pa.array(p_success, from_pandas=True)})
