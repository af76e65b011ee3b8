"""Fits cut points and label models on trials that had ended by a day, from what was public by then; never on gold."""

from __future__ import annotations

from typing import Any

import duckdb

from cto import fit as fits
from cto import registry
from cto.build import connect, open_tables
from cto.fit import Fit
from cto.fuse import CtoConvention, GroupedDawidSkene, Majority, fit_or_refuse
from cto.fuse.stored import to_json
from cto.fusion import label_matrix
from cto.labels import DEFINITIONS
from cto.lake import Lake
from cto.plan import Plan, macros
from cto.progress import Progress, quiet
from cto.vote import cast_votes, open_run

Json = dict[str, Any]

FEWEST = 30
"""Trials that a phase must have for a cut point of its own; with fewer it takes that of all phases together."""


def fit(lake: Lake, plan: Plan, progress: Progress = quiet) -> Fit:
    """Fit as of the plan's day, store the fit, and return it."""
    with connect() as con:
        con.execute(macros())
        open_tables(lake, con, plan)
        open_run(con, plan)
        open_ended(con)
        cut_points = learn_cut_points(con)
        cast_votes(con, plan, cut_points)
        models: Json = {}
        for number, definition in enumerate(DEFINITIONS, start=1):
            models[definition] = _model(con, definition)
            progress("fit", number, len(DEFINITIONS))
    return fits.store(lake, plan.as_of, cut_points, models)


def open_ended(con: duckdb.DuckDBPyConnection) -> None:
    """Make the ``ended`` table: the trials that were known and had ended by the day in ``run``, and their phase."""
    con.execute("create or replace temp table ended as " + _ENDED)


_ENDED = """
select s.nct_id, coalesce(phase, 'NA') as phase
from core_study s cross join run left join core_record_history h on s.nct_id = h.nct_id
where has_ended(study_type, overall_status, completion_date, completion_date_precision, primary_completion_date,
    primary_completion_date_precision, stop_public(stop_known_since, stop_stated_on), as_of, is_current)
    and (first_post_date <= as_of or (first_post_date is null and is_current))
"""


def learn_cut_points(con: duckdb.DuckDBPyConnection) -> list[Json]:
    """Return the cut points: those that a function's own query fits, else the median of its scores in a phase.

    The band around a median is half the width of the middle third of the scores.
    """
    con.execute(
        "create or replace temp table score (label_function varchar, version integer, nct_id varchar, score double, "
        "score_basis varchar, available_at date)"
    )
    for function in registry.label_functions():
        if function.better:
            con.execute(
                f"insert into score select ?, ?, nct_id, score, score_basis, available_at from ({function.sql})",
                [function.name, function.version],
            )
    columns = {column.name: column for column in registry.tables()["cut_points"].columns}
    con.execute("create or replace temp table cut as " + _CUT_POINTS, [FEWEST, list(columns["phase"].values)])
    for function in registry.label_functions():
        if function.cuts:
            con.execute(
                f"insert into cut by name {_OWN_CUTS.format(cuts=function.cuts)}", [function.name, function.version]
            )
    found = con.execute(f"select {', '.join(columns)} from cut order by all").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]


_OWN_CUTS = """
select
    $1 as label_function, phase, score_basis, $2 as version, cut, band, n, fitted_on,
    (select as_of from run)::varchar as fitted_as_of
from ({cuts})
"""


_CUT_POINTS = """
with known as (
    select s.*, e.phase
    from score s join ended e on s.nct_id = e.nct_id
    where available_at <= (select as_of from run)
),
fitted as (
    select label_function, version, score_basis, phase, quantile_cont(score, [1/3, 1/2, 2/3]) as q, count(*) as n
    from known
    group by grouping sets ((label_function, version, score_basis, phase), (label_function, version, score_basis))
    having count(*) >= $1
),
phase as (
    select unnest($2::varchar[]) as phase
),
chosen as (
    select o.label_function, p.phase, o.score_basis, o.version, coalesce(own.q, o.q) as q, coalesce(own.n, o.n) as n,
        case when own.n is null then 'all' else 'phase' end as fitted_on
    from fitted o
    cross join phase p
    left join fitted own
        on own.label_function = o.label_function and own.score_basis = o.score_basis and own.phase = p.phase
    where o.phase is null
)
select
    label_function,
    phase,
    score_basis,
    version,
    round_significant(q[2], 2) as cut,
    round_significant((q[3] - q[1]) / 2, 2) as band,
    n,
    fitted_on,
    (select as_of from run)::varchar as fitted_as_of
from chosen
"""


def _model(con: duckdb.DuckDBPyConnection, definition: str) -> Json:
    """Fit a definition's label model; one that cannot be trusted is refused in favour of the majority."""
    matrix = label_matrix(con, definition, among="ended")
    if definition == "cto_compatible":  # a published rule has nothing to learn
        return to_json(CtoConvention().fit(matrix))
    model, verdict = fit_or_refuse(GroupedDawidSkene(), matrix, Majority())
    return to_json(model) | {"accepted": verdict.accepted, "reason": verdict.reason, "trials": len(matrix.nct_ids)}
