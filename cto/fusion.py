"""Writes the published tables: trials, votes, labels and cut points, from core tables and votes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from cto import registry
from cto.build import connect, examine, open_table, open_tables, order, write_table
from cto.fuse import NO_VOTE, LabelMatrix
from cto.fuse.stored import from_json
from cto.labels import DEFINITIONS, LabelFunction
from cto.lake import Lake
from cto.plan import Plan, macros, published
from cto.progress import Progress, quiet
from cto.vote import open_cut_points, open_run

Json = dict[str, Any]


def fuse(lake: Lake, plan: Plan, progress: Progress = quiet) -> None:
    """Fuse the votes and write the published tables, each checked against its contract."""
    stage = plan.label
    if stage.is_whole(lake, published()):
        return
    with lake.scratch() as folder, connect() as con:
        con.execute(macros())
        open_tables(lake, con, plan)
        open_table(lake, con, plan.vote, "vote")
        open_run(con, plan)
        con.execute("create table fused_function (definition varchar, name varchar)")
        con.executemany("insert into fused_function values (?, ?)", [[d, f] for d in DEFINITIONS for f in fused(d)])
        con.execute("create table definition as select unnest(?::varchar[]) as definition", [list(DEFINITIONS)])
        open_cut_points(con, plan.fitted.cut_points)
        con.execute("create table probability (nct_id varchar, definition varchar, p_success double)")
        for number, definition in enumerate(DEFINITIONS, start=1):
            matrix = label_matrix(con, definition)
            model = from_json(plan.fitted.models[definition])
            p_success = pa.array(model.predict_proba(matrix), from_pandas=True)
            con.register("fused", pa.table({"nct_id": matrix.nct_ids.tolist(), "p_success": p_success}))
            con.execute("insert into probability select nct_id, ?, p_success from fused", [definition])
            con.unregister("fused")
            progress("fuse", number, len(DEFINITIONS))
        for name in order(published()):
            table = registry.tables()[name]
            write_table(con, table, published()[name], folder / f"{name}.parquet")
            lake.adopt(stage.table(name), folder / f"{name}.parquet")
            open_table(lake, con, stage, name)
            examine(con, table)
    told = {definition: {k: v for k, v in m.items() if k != "state"} for definition, m in plan.fitted.models.items()}
    fit = {"id": plan.fitted.id, "fitted_as_of": str(plan.fitted.fitted_as_of), "models": told}
    lake.put_json(stage.manifest, {"vote": plan.vote.key, "fit": fit})


def fused(definition: str) -> dict[str, LabelFunction]:
    """Return the label functions, by name, that a definition's label is fused from."""
    kinds = DEFINITIONS[definition].kinds
    return {f.name: f for f in registry.label_functions() if definition in f.informs and f.kind in kinds}


class Voice(NamedTuple):
    """What a label matrix needs to know of a function."""

    group: str
    kind: str


def fused_in(manifest: Json, definition: str) -> dict[str, Voice]:
    """Return the label functions, by name, that a definition's label is fused from in a release, as it names them."""
    kinds = DEFINITIONS[definition].kinds
    named = manifest["label_functions"].items()
    return {
        name: Voice(f["group"], f["kind"]) for name, f in named if definition in f["informs"] and f["kind"] in kinds
    }


def label_matrix(
    con: duckdb.DuckDBPyConnection,
    definition: str,
    among: str = "voted",
    functions: Mapping[str, LabelFunction | Voice] | None = None,
) -> LabelMatrix:
    """Return the votes of the ``vote`` table that a definition's label is fused from.

    ``among`` names a table with the ``nct_id`` of the trials to include, by default those with a vote. A model learns
    from silence too, so what it is fitted on must hold the silent trials: among those with a vote alone, the absence of
    one function's vote would mean the presence of another's. ``functions`` are by default those of the present code.
    """
    functions = fused(definition) if functions is None else functions
    names = sorted(functions)
    con.execute(
        "create or replace temp table voted as "
        "select nct_id, list_position($names, label_function) - 1 as function, vote from vote "
        "where definition = $definition and list_contains($names, label_function)",
        {"names": names, "definition": definition},
    )
    con.execute(
        "create or replace temp table voted_trial as "
        "select nct_id, coalesce(phase, 'NA') as phase, row_number() over (order by nct_id) - 1 as number "
        f"from core_study semi join {among} using (nct_id)"
    )
    trials = con.execute("select nct_id, phase from voted_trial order by number").fetchnumpy()
    cells = con.execute("select number, function, vote from voted join voted_trial using (nct_id)").fetchnumpy()
    votes = np.full((len(trials["nct_id"]), len(names)), NO_VOTE, dtype=np.int8)
    votes[cells["number"], cells["function"]] = cells["vote"]
    stratum_names, strata = np.unique(np.array(trials["phase"], dtype=np.str_), return_inverse=True)
    return LabelMatrix(
        np.array(trials["nct_id"], dtype=np.str_),
        tuple(names),
        tuple(functions[name].group for name in names),
        tuple(functions[name].kind for name in names),
        votes,
        strata.astype(np.int16),
        tuple(str(name) for name in stratum_names),
    )
