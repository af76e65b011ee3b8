"""The label function report: what each function covers, which hang together, and how right they are by gold."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from cto.build import connect
from cto.gold import Gold
from cto.labels import DEFINITIONS
from cto.lake import Lake
from cto.metrics import Floats, interval, wilson
from cto.release import Release
from cto.schema import parquet

Json = dict[str, Any]
Cells = Floats
"""Counts of pairs of 0/1 values, in the last dimension: both 0, only the second 1, only the first 1, both 1."""

MIN_ROWS = 10
"""No interval and no dependence is reported from fewer."""
MIN_PHI, MIN_Z = 0.12, 4.0
"""What a residual phi and its z must exceed to count as dependence: found to recover groups without a false one."""
RESAMPLES = 2000
GOLD_STRATA = ("all", "completed")
PLAIN = (
    "Without gold there is only the plain phi, which mixes signal and dependence: functions that are both right agree "
    "without copying each other. So nothing is flagged."
)
RESIDUAL = (
    "Functions that are both right agree without copying each other. The residual phi is what is left of phi once gold "
    f"is known; beyond {MIN_PHI}, with z beyond {MIN_Z:g}, it counts as dependence."
)


def function_report(lake: Lake, release: Release, gold: Mapping[str, int] | Gold | None = None, seed: int = 0) -> Json:
    """Return the report of a release as plain values; the same release, gold and seed give the same report.

    Everything is about ended trials, per definition. Shares run from 0 to 1; a share of nothing is null. Overlap and
    conflict are those of Snorkel's ``LFAnalysis``, as shares of the trials that the function votes on. A figure with
    an interval is ``{value, n, low, high, why}``: 95 %, or why there is none. The lift of 1 is how far the share of
    right ones among the function's 1-votes (``right``) lies above the share of 1 in all gold; that of 0 likewise.

    Args:
        lake: where the release lies.
        release: whose votes are described.
        gold: trial → 1 or 0; what it says of trials that have not ended, or are not in the release, is left out.
        seed: of the resamples behind the interval of kappa.

    Raises:
        ValueError: gold holds an answer other than 0 and 1.

    """
    has_gold, answers = gold is not None, _answers(gold or {})
    functions = release.manifest["label_functions"]
    with connect() as con:
        _open(con, lake, release, answers)
        n_ended = _dicts(con, "select count(*) as n from trial")[0]["n"]
        figures = _figures(con)
        pairs, judged, known = (_cells(con, sql) for sql in (_PAIRS, _JUDGED, _KNOWN))
    definitions: Json = {}
    listed = {*release.manifest["labels"], *(d for f in functions.values() for d in f["informs"])}
    for definition in sorted(listed, key=lambda d: ([*DEFINITIONS, d].index(d), d)):
        meant = DEFINITIONS.get(definition)
        voters = {name: f for name, f in sorted(functions.items()) if definition in f["informs"]}
        definitions[definition] = {
            "meaning": meant and meant.meaning,
            "functions": [
                {
                    "function": name,
                    **{key: f[key] for key in ("kind", "group", "version", "meaning")},
                    "is_fused": meant and f["kind"] in meant.kinds,
                    **figures[definition, name],
                    "gold": {s: _against(judged[definition, name, s][0], known[(s,)][0], seed) for s in GOLD_STRATA}
                    if has_gold
                    else None,
                }
                for name, f in voters.items()
            ],
            "pairs": [
                _pair(a, b, voters[a]["group"] == voters[b]["group"], pairs[definition, a, b], has_gold)
                for a, b in combinations(voters, 2)
            ],
        }
    return {
        "release": release.version,
        **{key: release.manifest[key] for key in ("as_of", "is_sample")},
        "seed": seed,
        "n_ended_trials": n_ended,
        "gold": {"n_given": len(answers)} | {s: _prior(known[(s,)][0]) for s in GOLD_STRATA} if has_gold else None,
        "dependence_note": RESIDUAL if has_gold else PLAIN,
        "definitions": definitions,
    }


def _answers(gold: Mapping[str, int] | Gold) -> dict[str, int]:
    if isinstance(gold, Gold):
        return dict(zip(gold.nct_ids.tolist(), gold.labels.tolist(), strict=True))
    if wrong := [f"{nct_id}: {answer!r}" for nct_id, answer in gold.items() if answer not in (0, 1)]:
        raise ValueError(f"gold answers 0 or 1, not {'; '.join(wrong[:5])}")
    return {nct_id: int(answer) for nct_id, answer in gold.items()}


def _open(con: duckdb.DuckDBPyConnection, lake: Lake, release: Release, answers: Mapping[str, int]) -> None:
    """Make the tables ``function``, ``trial`` (those that ended, with gold) and ``ballot`` (the votes on them)."""
    named = release.manifest["label_functions"].items()
    rows = [{"definition": d, "name": name, "version": f["version"]} for name, f in named for d in f["informs"]]
    text, whole = pa.string(), pa.int32()
    columns = {"definition": text, "name": text, "version": whole}
    con.register("function", pa.Table.from_pylist(rows, pa.schema(columns)))
    gold = [{"nct_id": nct_id, "gold": answer} for nct_id, answer in answers.items()]
    con.register("known", pa.Table.from_pylist(gold, pa.schema({"nct_id": text, "gold": whole})))
    trials, votes = (parquet(lake.url(release.file(f"{name}.parquet"))) for name in ("trials", "votes"))
    con.execute(f"create table trial as {_TRIAL.format(trials=trials)}")
    con.execute(f"create table ballot as {_BALLOT.format(votes=votes)}")


_TRIAL = """
select
    nct_id,
    gold,
    coalesce(overall_status = 'COMPLETED', false) as is_completed,
    coalesce(phase, 'unstated') as phase,
    coalesce(year(coalesce(completion_date, primary_completion_date))::varchar, 'unstated') as year
from {trials} left join known using (nct_id)
where is_ended
"""
_BALLOT = """
select v.definition, name, vote, t.*, count(*) over trial as n_votes, sum(vote) over trial as n_ones
from {votes} v join trial t using (nct_id)
join function f on v.definition = f.definition and v.label_function = f.name and v.version = f.version
window trial as (partition by v.definition, nct_id)
"""
_STRATUM = """
    case when phase is not null then 'by_phase' when year is not null then 'by_year' else 'all' end as stratum,
    coalesce(phase, year, 'all') as value"""
_FIGURES = f"""
with stratum as (
    select {_STRATUM}, count(*) as trials from trial group by grouping sets ((), (phase), (year))
),
tally as (
    select definition, name, {_STRATUM}, count(*) as votes, sum(vote)::bigint as ones,
        count(*) filter (n_votes > 1) as shared,
        count(*) filter (n_ones not in (0, n_votes)) as opposed,
        count(*) filter (n_votes = 1) as alone
    from ballot
    group by grouping sets ((definition, name), (definition, name, phase), (definition, name, year))
)
select
    definition, name, stratum, value, trials, coalesce(votes, 0) as votes, coalesce(ones, 0) as ones,
    coalesce(votes - ones, 0) as zeros, coalesce(votes, 0) / nullif(trials, 0) as coverage,
    ones / votes as share_of_ones, shared / votes as overlap, opposed / votes as conflict,
    coalesce(alone, 0) / nullif(trials, 0) as unique_coverage
from function cross join stratum left join tally using (definition, name, stratum, value)
order by value = 'unstated', value = 'NA', value
"""
_PAIRS = """
select definition, a.name, b.name, coalesce(a.gold, -1), 2 * a.vote + b.vote, count(*)
from ballot a join ballot b using (definition, nct_id) where a.name < b.name group by all
"""
_GOLD = f"(select unnest({[*GOLD_STRATA]}) as stratum) where gold is not null and (stratum = 'all' or is_completed)"
_JUDGED = f"select definition, name, stratum, 0, 2 * vote + gold, count(*) from ballot, {_GOLD} group by all"
_KNOWN = f"select stratum, 0, gold, count(*) from trial, {_GOLD} group by all"


def _dicts(con: duckdb.DuckDBPyConnection, sql: str) -> list[Json]:
    got = con.execute(sql)
    names = [column[0] for column in got.description]
    return [dict(zip(names, row, strict=True)) for row in got.fetchall()]


def _cells(con: duckdb.DuckDBPyConnection, sql: str) -> dict[tuple[str, ...], Cells]:
    """Return rows of (key …, row, cell, n) as one 3 × 4 matrix a key; row -1 is the last, an absent key is all 0."""
    found: dict[tuple[str, ...], Cells] = defaultdict(lambda: np.zeros((3, 4)))
    for *key, row, cell, n in con.execute(sql).fetchall():
        found[tuple(key)][row, cell] = n
    return found


def _figures(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Json]:
    """Return a function's figures on all trials, by phase and by year, each in order."""
    found: dict[tuple[str, str], Json] = defaultdict(lambda: {"all": {}, "by_phase": {}, "by_year": {}})
    for row in _dicts(con, _FIGURES):
        definition, name, stratum, value = (row.pop(key) for key in ("definition", "name", "stratum", "value"))
        row["polarity"] = [vote for vote, key in enumerate(("zeros", "ones")) if row[key]]
        found[definition, name][stratum] |= row if stratum == "all" else {value: row}
    return found


def _prior(known: Cells) -> Json:
    return {"n": int(known.sum()), "base_rate": _share(known[1], known.sum())}


def _against(cells: Cells, known: Cells, seed: int) -> Json:
    """Return how right votes are; the first of a cell's pair is the vote, the second gold. ``known``: all gold."""
    right_0, wrong_0, wrong_1, right_1 = cells
    n, right = int(cells.sum()), right_0 + right_1
    kappa, why = (None, "votes or gold never vary") if _is_constant(cells) else (float(_kappa(cells)), None)
    limits = None
    if kappa is not None:
        drawn = np.random.default_rng(seed).multinomial(n, cells / n, RESAMPLES).astype(np.float64)
        limits = interval(_kappa(drawn))
    return {
        "accuracy": _figure(n, _share(right, n), wilson(int(right), n)),
        "kappa": _figure(n, kappa, limits, why),
        "base_rate": _share(wrong_0 + right_1, n),
        "lift": {
            "1": _lift(right_1, right_1 + wrong_1, known[1], known.sum()),
            "0": _lift(right_0, right_0 + wrong_0, known[0], known.sum()),
        },
    }


def _lift(right: float, n: float, known: float, n_known: float) -> Json:
    """Return share ``right / n`` less share ``known / n_known``, the votes being among what is known.

    It is the difference between trials with and without the vote (Newcombe's interval), times the share without.
    """
    share, n_rest = _share(right, n), n_known - n
    here, there = wilson(int(right), int(n)), wilson(int(known - right), int(n_rest))
    lift, limits = None if share is None else share - known / n_known, None
    if share is not None and lift is not None and here and there:
        without, weight = (known - right) / n_rest, n_rest / n_known
        limits = (
            lift - weight * math.hypot(share - here[0], there[1] - without),
            lift + weight * math.hypot(here[1] - share, without - there[0]),
        )
    why = f"fewer than {MIN_ROWS} trials without this vote" if n_rest < MIN_ROWS else None
    return _figure(n, lift, limits, why) | {"right": share}


def _figure(n: float, value: float | None, limits: Sequence[float] | None, why: str | None = None) -> Json:
    why = f"fewer than {MIN_ROWS} trials" if n < MIN_ROWS else why
    low, high = (None, None) if why or limits is None else map(float, limits)
    return {"value": value, "n": int(n), "low": low, "high": high, "why": why}


def _pair(a: str, b: str, is_one_group: bool, cells: Cells, has_gold: bool) -> Json:
    """Return how two functions agree where both vote; a row of cells is a gold class, the last one unknown."""
    total = cells.sum(axis=0)
    return {
        "a": a,
        "b": b,
        "is_one_group": is_one_group,
        "n_both": int(total.sum()),
        "agreement": _share(total[0] + total[3], total.sum()),
        "kappa": None if _is_constant(total) else float(_kappa(total)),
        "phi": _residual_phi(total[None])[0],
        "dependence": _dependence(cells[:2], is_one_group) if has_gold else None,
    }


def _dependence(cells: Cells, is_one_group: bool) -> Json:
    """Return residual phi, z and what they say of the groups; n trials cannot show a phi below ``least_phi``."""
    n = int(cells.sum())
    phi, z = _residual_phi(cells) if n >= MIN_ROWS else (None, None)
    if phi is None or z is None:
        why = f"fewer than {MIN_ROWS} trials with gold" if n < MIN_ROWS else "they vary together in no class of gold"
        return {"n": n, "phi": None, "z": None, "least_phi": None, "finding": None, "why": why}
    is_seen = abs(phi) > MIN_PHI and abs(z) > MIN_Z
    least_phi = max(MIN_PHI, MIN_Z / math.sqrt(n))
    finding = ("none", "declared but not seen", "undeclared", "declared")[2 * is_seen + is_one_group]
    if not is_seen and least_phi > MIN_PHI:
        finding = "too few to tell"
    return {"n": n, "phi": phi, "z": z, "least_phi": least_phi, "finding": finding, "why": None}


def _residual_phi(classes: Cells) -> tuple[float, float] | tuple[None, None]:
    """Return the correlation of two votes centred per class, and its z (Mantel and Haenszel's)."""
    n = np.maximum(classes.sum(axis=1), 1)
    a, b, both = classes[:, 2] + classes[:, 3], classes[:, 1] + classes[:, 3], classes[:, 3]
    together, var_a, var_b = both - a * b / n, a - a * a / n, b - b * b / n
    spread = (var_a * var_b / np.maximum(n - 1, 1)).sum()
    if not spread:
        return None, None
    return float(together.sum() / math.sqrt(var_a.sum() * var_b.sum())), float(together.sum() / math.sqrt(spread))


def _kappa(cells: Cells) -> Cells:
    """Return Cohen's kappa, NaN where all pairs are one and the same."""
    n00, n01, n10, n11 = np.moveaxis(cells, -1, 0)
    by_chance = (n10 + n11) * (n00 + n10) + (n00 + n01) * (n01 + n11)
    return np.asarray(2 * (n11 * n00 - n10 * n01) / np.where(by_chance, by_chance, np.nan))


def _is_constant(cells: Cells) -> bool:
    n00, n01, n10, n11 = cells
    return not all((n00 + n01, n10 + n11, n00 + n10, n01 + n11))


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
