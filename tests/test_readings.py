"""What the record says, against people's reading of it: p-values, analyses and trials, judged by hand on real records.

The readings hold identifiers, codes and judgements only; the records they judge are in the full registry file.
"""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from cto.plan import macros
from tests.real import Tables, needs_registry

READINGS = Path(__file__).parent / "readings"
Row = dict[str, str]


def readings(name: str) -> list[Row]:
    with (READINGS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def analyses(tables: Tables) -> list[tuple[Row, Row | None]]:
    """Return every analysis read by hand, beside what the warehouse makes of it (None: no analysis of a trial)."""
    columns = ("measure_kind", "hypothesis", "comparison", "is_significant", "favours", "verdict")
    key = "nct_id || ':' || measure_index || ':' || analysis_index"
    rows = tables.rows("core_primary_analysis", f"{key}, {', '.join(columns)}")
    found = {row[0]: {c: _code(v) for c, v in zip(columns, row[1:], strict=True)} for row in rows}
    read = readings("primary_analyses.csv")
    return [(row, found.get(f"{row['nct_id']}:{row['measure_index']}:{row['analysis_index']}")) for row in read]


def _code(value: object) -> str:
    return {None: "unclear", True: "true", False: "false"}.get(value, str(value))  # type: ignore[call-overload]


def agreement(pairs: list[tuple[Row, Row | None]], column: str) -> float:
    judged = [(read[column], found[column]) for read, found in pairs if found]
    return sum(one == other for one, other in judged) / len(judged)


def test_p_values_are_read_as_by_hand() -> None:
    read = readings("p_values.csv")
    assert len(read) >= 100
    with duckdb.connect() as con:
        con.execute(macros())
        for row in read:
            found = con.execute("select p_value_operator($1), p_value($1)", [row["text"]]).fetchone()
            expected = (row["operator"] or None, float(row["value"]) if row["value"] else None)
            assert found == expected, row["text"]


TURNED = {
    # non-inferiority that the record states in the protocol's words alone
    "NCT02028676:1:2",
    # sixteen tests of one score at several times: one favours the placebo and only its values tell
    "NCT00462228:2:2",
}
"""Analyses whose verdict is turned over: met by one reading and missed by the other."""


@needs_registry
def test_no_analysis_but_the_known_ones_is_read_the_other_way_round(analyses: list[tuple[Row, Row | None]]) -> None:
    turned = {
        f"{read['nct_id']}:{read['measure_index']}:{read['analysis_index']}"
        for read, found in analyses
        if found and {read["verdict"], found["verdict"]} == {"met", "missed"}
    }
    assert turned <= TURNED


@needs_registry
@pytest.mark.parametrize(
    ("column", "least"),
    [("measure_kind", 0.96), ("hypothesis", 0.93), ("comparison", 0.95), ("is_significant", 0.92), ("verdict", 0.82)],
)
def test_analyses_are_read_as_by_hand(analyses: list[tuple[Row, Row | None]], column: str, least: float) -> None:
    assert len([found for _, found in analyses if found]) >= 150
    assert agreement(analyses, column) >= least


@needs_registry
def test_a_side_that_is_named_is_the_one_a_reader_names(analyses: list[tuple[Row, Row | None]]) -> None:
    named = [(read["favours"], found["favours"]) for read, found in analyses if found and found["favours"] != "unclear"]
    assert len(named) >= 45
    assert sum({one, other} == {"experimental", "control"} for one, other in named) <= 1
    assert sum(one == other for one, other in named) >= 0.9 * len(named)


@needs_registry
def test_only_analyses_of_studies_that_are_no_trials_are_left_out(analyses: list[tuple[Row, Row | None]]) -> None:
    left_out = [read for read, found in analyses if found is None]
    assert {row["nct_id"] for row in left_out} == {"NCT00460798", "NCT00461175", "NCT00461253", "NCT00497770"}


@needs_registry
def test_trials_vote_as_a_reader_of_all_their_analyses_would(tables: Tables) -> None:
    where = "label_function = 'primary_p_value' and definition = 'endpoint_met'"
    votes = dict(tables.rows("votes", "nct_id, vote", where))
    read = {row["nct_id"]: row["verdict"] for row in readings("primary_trials.csv")}
    judged = {nct_id: {"met": 1, "missed": 0}.get(verdict) for nct_id, verdict in read.items()}
    decided = {nct_id: judged[nct_id] for nct_id in judged if nct_id in votes}
    wrong = {nct_id for nct_id, verdict in decided.items() if verdict != votes[nct_id]}
    # two significant results of unreadable direction, and the score of TURNED
    assert wrong <= {"NCT00001959", "NCT00498485", "NCT00462228"}
    assert len(decided) - len(wrong) >= 0.75 * sum(verdict is not None for verdict in judged.values())
