"""Label functions: core rows in, votes out; absence of evidence is never one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from label_functions.overall_status import overall_status
from label_functions.primary_p_value import primary_p_value
from label_functions.results_reported import results_reported
from tests.conftest import Query

DAY = date(2020, 1, 2)


def study(**changes: Any) -> dict[str, Any]:
    plain = {"nct_id": "NCT1", "study_type": "INTERVENTIONAL", "overall_status": "COMPLETED", "has_results": True}
    return plain | {"results_first_post_date": DAY, "last_update_post_date": DAY} | changes


def analysis(p: str | None, number: int = 1, **changes: Any) -> dict[str, Any]:
    plain = {"nct_id": "NCT1", "measure_index": 1, "analysis_index": number, "outcome_type": "PRIMARY"}
    return plain | {"title": "Change in pain", "n_groups": 2, "p_value_text": p} | changes


def votes(run_sql: Query, analyses: list[dict[str, Any]], *more: dict[str, Any]) -> list[int]:
    parsed = "p_value = p_value(p_value_text), p_value_operator = p_value_operator(p_value_text)"
    names = ("nct_id", "measure_index", "outcome_type", "title")
    measures = {a["measure_index"]: {n: a[n] for n in names} | {"reporting_status": "POSTED"} for a in analyses}
    tables = {"core_study": [study()], "core_outcome_analysis": analyses}
    run_sql(f"update core_outcome_analysis set {parsed}", **tables, core_outcome_measure=[*measures.values(), *more])
    return [row["vote"] for row in run_sql(primary_p_value.sql)]


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        (["0.049"], [1]),
        (["0.05"], [0]),
        (["<0.05"], [1]),
        (["<=0.05"], [1]),
        (["<0.1"], []),
        ([">0.05"], [0]),
        ([">0.01"], []),
        ([">=0.99"], [0]),
        (["NS"], [0]),
        (["see text"], []),
        ([None], []),
        (["0.9", "0.01"], [1]),
        (["0.9", "0.5"], [0]),
        (["0.9", "see text"], []),
        (["0.01", "see text"], [1]),
    ],
    ids=str,
)
def test_a_significant_primary_analysis_is_a_vote_for(
    run_sql: Query, p_values: list[str | None], expected: list[int]
) -> None:
    assert votes(run_sql, [analysis(p, number) for number, p in enumerate(p_values)]) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome_type": "SECONDARY"},
        {"non_inferiority_type": "NON_INFERIORITY"},
        {"non_inferiority_type": "NON_INFERIORITY_OR_EQUIVALENCE_LEGACY"},
        {"non_inferiority_type": "EQUIVALENCE"},
        {"title": "Number of participants with adverse events"},
        {"title": "Plasma Cmax of the drug"},
        {"title": "Safety and tolerability"},
        {"title": "AUC(0-24) of the drug"},
        {"title": "Baseline cortisol level"},
    ],
    ids=str,
)
def test_what_is_not_a_test_of_efficacy_is_no_vote(run_sql: Query, changes: dict[str, Any]) -> None:
    assert votes(run_sql, [analysis("0.001", **changes)]) == []


def test_a_clinical_area_under_a_curve_is_efficacy(run_sql: Query) -> None:
    assert votes(run_sql, [analysis("0.001", title="Area under the curve of the change in spasticity")]) == [1]


@pytest.mark.parametrize(("p", "expected"), [("0.6", []), ("0.01", [1])])
def test_an_untested_primary_outcome_withholds_a_vote_against(run_sql: Query, p: str, expected: list[int]) -> None:
    untested = {"nct_id": "NCT1", "measure_index": 2, "outcome_type": "PRIMARY", "reporting_status": "POSTED"}
    assert votes(run_sql, [analysis(p)], untested | {"title": "Overall survival"}) == expected


def test_a_within_group_test_counts_only_where_no_groups_are_compared(run_sql: Query) -> None:
    assert votes(run_sql, [analysis("0.001", 1, n_groups=1)]) == [1]


def test_a_comparison_of_groups_overrules_tests_within_them(run_sql: Query) -> None:
    assert votes(run_sql, [analysis("0.001", 1, n_groups=1), analysis("0.6", 2)]) == [0]


def test_a_p_value_vote_names_its_rows_and_day(run_sql: Query) -> None:
    votes(run_sql, [analysis("< 0.001", method="ANCOVA"), analysis("0.2", 2)])
    found = run_sql(primary_p_value.sql)[0]
    assert found["evidence"] == {
        "says": "1 of 2 primary efficacy analyses were significant at .05; "
        'the smallest p-value (< 0.001, ANCOVA) is for "Change in pain".',
        "rows": ["core_outcome_analysis:NCT1:1:1", "core_outcome_analysis:NCT1:1:2"],
    }
    assert (found["score"], found["available_at"], found["available_at_basis"]) == (0.001, DAY, "results_first_posted")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"overall_status": "TERMINATED"}, [0]),
        ({"overall_status": "WITHDRAWN", "why_stopped": " - "}, [0]),
        ({"overall_status": "TERMINATED", "why_stopped": "Low accrual"}, []),
        ({"overall_status": "COMPLETED"}, []),
        ({"overall_status": "SUSPENDED"}, []),
        ({"overall_status": "UNKNOWN"}, []),
        ({"overall_status": None}, []),
        ({"overall_status": "TERMINATED", "study_type": "OBSERVATIONAL"}, []),
    ],
    ids=str,
)
def test_only_a_stop_without_a_reason_is_a_vote(run_sql: Query, changes: dict[str, Any], expected: list[int]) -> None:
    assert [row["vote"] for row in run_sql(overall_status.sql, core_study=[study(**changes)])] == expected


@pytest.mark.parametrize(("has_results", "expected"), [(True, [1]), (False, []), (None, [])])
def test_posted_results_are_a_vote_and_missing_ones_none(
    run_sql: Query, has_results: bool | None, expected: list[int]
) -> None:
    found = run_sql(results_reported.sql, core_study=[study(has_results=has_results)])
    assert [row["vote"] for row in found] == expected


def test_an_undated_posting_says_so(run_sql: Query) -> None:
    found = run_sql(results_reported.sql, core_study=[study(results_first_post_date=None)])[0]
    assert (found["available_at"], found["evidence"]["says"]) == (None, "Results were posted to the registry.")
