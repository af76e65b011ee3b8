"""Label functions: core rows in, votes out; absence of evidence is never one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cto import registry
from cto.labels import LabelFunction
from cto.plan import models
from label_functions.overall_status import overall_status
from label_functions.primary_p_value import primary_p_value
from label_functions.results_reported import results_reported
from label_functions.stop_reason import stop_reason
from tests.conftest import Query

DAY = date(2020, 1, 2)


def study(**changes: Any) -> dict[str, Any]:
    plain = {"nct_id": "NCT1", "study_type": "INTERVENTIONAL", "overall_status": "COMPLETED", "has_results": True}
    dates = {"results_first_post_date": DAY, "last_update_post_date": DAY, "stop_known_since": DAY}
    return plain | dates | {"stop_known_basis": "last_update_posted", "phase": "PHASE2"} | changes


def analysis(p: str | None, number: int = 1, **changes: Any) -> dict[str, Any]:
    plain = {"nct_id": "NCT1", "measure_index": 1, "analysis_index": number, "outcome_type": "PRIMARY"}
    return plain | {"title": "Pain", "n_groups": 2, "group_ids": ["1", "2"], "p_value_text": p} | changes


def group(measure: int, number: str, role: str | None, value: float | None, **changes: Any) -> dict[str, Any]:
    plain = {"nct_id": "NCT1", "measure_index": measure, "group_index": number, "group_id": number, "n_values": 1}
    return plain | {"arm_role": role, "arm_match": "exact", "value": value} | changes


def votes(
    run_sql: Query, analyses: list[dict[str, Any]], *more: dict[str, Any], unit: str | None = None, **tables: Any
) -> list[int]:
    """Return the votes on analyses of measures, each by default with an experimental and a control group."""
    parsed = "p_value = p_value(p_value_text), p_value_operator = p_value_operator(p_value_text)"
    names = ("nct_id", "measure_index", "outcome_type", "title")
    posted = {"reporting_status": "POSTED", "unit": unit}
    measures = {a["measure_index"]: {n: a[n] for n in names} | posted for a in analyses}
    groups = [
        {
            "nct_id": "NCT1",
            "measure_index": index,
            "group_index": i,
            "group_id": i,
            "arm_role": role,
            "arm_match": "exact",
        }
        for index in measures
        for i, role in (("1", "experimental"), ("2", "control"))
    ]
    run_sql(
        f"update core_outcome_analysis set {parsed}",
        **{"core_study": [study()], "core_outcome_analysis": analyses, "core_primary_outcome_group": groups} | tables,
        core_outcome_measure=[*measures.values(), *more],
    )
    run_sql(f"insert into core_primary_analysis by name {models()['core_primary_analysis']}")
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
        "says": 'Primary endpoint met: "Pain", p < 0.001 (ANCOVA). 1 of 2 primary efficacy analyses were met.',
        "rows": ["core_primary_analysis:NCT1:1:1", "core_primary_analysis:NCT1:1:2"],
    }
    assert (found["score"], found["available_at"], found["available_at_basis"]) == (0.001, DAY, "results_first_posted")


NI = {"non_inferiority_type": "NON_INFERIORITY", "estimate_type": "Hazard Ratio (HR)", "title": "Death"}
DIFFERENCE = NI | {"estimate_type": "Risk Difference (RD)", "title": "Clinical cure"}
EQUIVALENCE = DIFFERENCE | {"non_inferiority_type": "EQUIVALENCE"}
SCORE = DIFFERENCE | {"title": "Score"}


@pytest.mark.parametrize(
    ("changes", "comment", "interval", "expected"),
    [
        (NI, "a margin of 1.3", (0.9, 1.2), [1]),
        (NI, "a margin of 1.3", (0.9, 1.4), [0]),
        (NI, None, (0.9, 1.2), []),
        (DIFFERENCE, "margin -10%", (-7.0, 2.0), [1]),
        (DIFFERENCE, "margin -10%", (-12.0, 2.0), [0]),
        (DIFFERENCE, "margin -10%", (-0.07, 0.02), [1]),
        (DIFFERENCE | {"unit": "percentage of participants"}, "margin -0.10", (-12.0, 2.0), [0]),
        (DIFFERENCE, "lower limit of the 95% CI above -10%", (-30.0, -11.0), [0]),
        (DIFFERENCE, "NI if p<0.025", (-30.0, -11.0), []),
        (NI | {"group_description": "aged >= 18 years"}, None, (1.5, 2.6), []),
        (NI, "a margin of 67%", (0.4, 0.62), [0]),
        (NI, "a margin of 10%", (0.4, 0.62), []),
        (DIFFERENCE | {"title": "HbA1c"}, "upper bound of the 95% CI below a margin of 1.5", (-0.6, 0.8), [1]),
        (SCORE, "margin of 0.4; upper bound of the 95% CI", (0.3, 1.3), [0]),
        (DIFFERENCE, "margin 10, control minus drug", (15.0, 25.0), []),
        (SCORE, "upper limit of the CI less than 5", (-2.0, 4.0), [1]),
        (EQUIVALENCE, "margin 5", (-4.0, 4.0), [1]),
        (EQUIVALENCE, "margin 5", (-6.0, 4.0), [0]),
        (EQUIVALENCE | {"estimate_type": "GMT ratio"}, "within 80% to 125%", (0.9, 1.2), [1]),
        (EQUIVALENCE | {"estimate_type": "GMT ratio"}, "within 80% to 125%", (2.5, 3.5), [0]),
    ],
    ids=[
        "a ratio inside its margin",
        "a ratio that reaches it",
        "no margin stated",
        "a difference inside its margin",
        "a difference that reaches it",
        "percent against shares",
        "shares against percent",
        "a confidence level is no margin",
        "a p-value is no margin",
        "an age is no margin",
        "percent of a ratio",
        "a margin that no ratio has",
        "an assay's name and a confidence level",
        "a confidence level's percent is not the margin's",
        "subtracted the other way round",
        "the bound that the record names",
        "equivalent",
        "not equivalent",
        "bioequivalent",
        "not bioequivalent",
    ],
)
def test_non_inferiority_is_judged_by_interval_and_margin(
    run_sql: Query, changes: dict[str, Any], comment: str | None, interval: tuple[float, float], expected: list[int]
) -> None:
    unit = changes.get("unit")
    told = {name: value for name, value in changes.items() if name != "unit"} | {"non_inferiority_comment": comment}
    tested = analysis("0.6", ci_lower=interval[0], ci_upper=interval[1], **told)
    assert votes(run_sql, [tested], unit=unit) == expected


@pytest.mark.parametrize(
    ("title", "treated", "control", "changes", "expected"),
    [
        ("Overall survival", 20.0, 12.0, {}, [1]),
        ("Overall survival", 12.0, 20.0, {}, [0]),
        ("Deaths", 12.0, 20.0, {}, [1]),
        ("Deaths", 20.0, 12.0, {}, [0]),
        ("Time to progression", 9.0, 6.0, {}, [1]),
        ("Time to relief of symptoms", 9.0, 6.0, {}, [0]),
        ("Change in weird score", 9.0, 6.0, {}, [1]),
        ("Change in pain", 9.0, 6.0, {}, [1]),
        ("Change in pain", -3.0, -6.0, {}, [0]),
        ("Time from randomization to death", 20.0, 12.0, {"estimate_type": "Hazard Ratio (HR)", "estimate": 0.6}, [1]),
        ("Percentage of participants with LDL-C < 70 mg/dL", 80.0, 50.0, {}, [1]),
        ("Participants without relapse", 80.0, 50.0, {}, [1]),
        ("At least 50% reduction in seizure frequency", 80.0, 50.0, {}, [1]),
        ("Non-responders", 20.0, 50.0, {}, [1]),
        ("Score of those studied in the kitchen", 20.0, 50.0, {}, [1]),
        ("Overall survival", None, None, {"estimate_type": "Hazard Ratio (HR)", "estimate": 0.7}, [1]),
        ("Overall survival", 12.0, 20.0, {"estimate_type": "Hazard Ratio (HR)", "estimate": 0.7}, [1]),
    ],
    ids=[
        "longer survival",
        "shorter survival",
        "fewer deaths",
        "more deaths",
        "later progression",
        "later relief",
        "a score of unknown direction",
        "a rise that may be a fall without its sign",
        "a smaller fall of a complaint",
        "a time from the start",
        "a share below a threshold",
        "a share without",
        "a share that lost some",
        "a share that did not respond",
        "words within words",
        "a hazard ratio alone",
        "values and estimate at odds",
    ],
)
def test_significance_counts_in_the_right_direction(
    run_sql: Query,
    title: str,
    treated: float | None,
    control: float | None,
    changes: dict[str, Any],
    expected: list[int],
) -> None:
    groups = [group(1, "1", "experimental", treated), group(1, "2", "control", control)]
    assert votes(run_sql, [analysis("0.01", title=title, **changes)], core_primary_outcome_group=groups) == expected


@pytest.mark.parametrize("title", ["Pre-emptive drug", "Preparation A"])
def test_a_group_called_pre_something_is_no_time_before_treatment(run_sql: Query, title: str) -> None:
    groups = [group(1, "1", "experimental", 9.0, group_title=title), group(1, "2", "control", 3.0)]
    assert votes(run_sql, [analysis("0.01", title="Deaths")], core_primary_outcome_group=groups) == [0]


def test_before_and_after_are_within_a_group(run_sql: Query) -> None:
    groups = [group(1, "1", None, 9.0, group_title="Pre-dose"), group(1, "2", None, 3.0, group_title="Week 4")]
    votes(run_sql, [analysis("0.01")], core_primary_outcome_group=groups)
    assert run_sql("select comparison from core_primary_analysis") == [{"comparison": "within"}]


def test_a_difference_between_two_treatments_on_an_equal_footing_is_no_vote(run_sql: Query) -> None:
    groups = [group(1, "1", None, 3.0), group(1, "2", None, 5.0)]
    assert votes(run_sql, [analysis("0.01")], core_primary_outcome_group=groups) == []


def test_the_reference_drug_against_placebo_is_no_vote(run_sql: Query) -> None:
    groups = [group(1, "1", "control", 3.0), group(1, "2", "control", 5.0)]
    assert votes(run_sql, [analysis("0.01")], core_primary_outcome_group=groups) == []


@pytest.mark.parametrize(
    ("p", "words", "expected"),
    [
        ("0.03", "significance level of 0.01", [0]),
        ("0.03", "at the .025 level", [0]),
        ("0.03", "one-sided alpha of 0.025", [1]),
        ("0.06", "two-sided alpha of 0.10", [1]),
        ("0.03", "90% power to detect 0.02", [1]),
        ("0.03", "statistical significance p=0.03", [1]),
        ("0.08", "at the 10% significance level", [1]),
    ],
)
def test_a_stated_significance_level_is_held_to(run_sql: Query, p: str, words: str, expected: list[int]) -> None:
    assert votes(run_sql, [analysis(p, statistical_comment=words)]) == expected


HAZARD = {"estimate_type": "Hazard Ratio (HR)", "estimate": 0.7}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (HAZARD | {"ci_lower": 0.5, "ci_upper": 0.9}, [1]),
        (HAZARD | {"ci_lower": 0.5, "ci_upper": 1.2}, [0]),
        (HAZARD | {"estimate_type": "Mean", "ci_lower": 0.5, "ci_upper": 0.9}, []),
        (HAZARD | {"estimate_type": "Difference in mean duration", "ci_lower": 0.5, "ci_upper": 0.9}, [1]),
        (HAZARD | {"estimate_type": "Difference in mean duration", "ci_lower": -0.5, "ci_upper": 0.5}, [0]),
        (HAZARD | {"estimate_type": "Log odds ratio", "ci_lower": -0.5, "ci_upper": 0.5}, [0]),
        (HAZARD | {"estimate_type": "Difference or change (hr)", "ci_lower": -0.5, "ci_upper": 0.5}, [0]),
        (HAZARD | {"ci_lower": 0.5, "ci_upper": 0.9, "ci_percent": 80.0}, []),
    ],
    ids=[
        "excludes no effect",
        "holds it",
        "no contrast",
        "a difference that excludes 0",
        "a difference that holds it",
        "a logarithm",
        "words that are no ratio",
        "not confident",
    ],
)
def test_an_interval_stands_in_for_a_p_value(run_sql: Query, changes: dict[str, Any], expected: list[int]) -> None:
    assert votes(run_sql, [analysis(None, title="Death", **changes)]) == expected


def test_a_co_primary_outcome_without_a_test_withholds_the_vote(run_sql: Query) -> None:
    untested = {"nct_id": "NCT1", "measure_index": 2, "outcome_type": "PRIMARY", "reporting_status": "POSTED"}
    tested = analysis("0.01", statistical_comment="Two co-primary endpoints")
    assert votes(run_sql, [tested], untested | {"title": "Overall survival"}) == []


@pytest.mark.parametrize(("comment", "expected"), [("Co-primary endpoint", []), (None, [1])])
def test_co_primary_outcomes_must_all_be_met(run_sql: Query, comment: str | None, expected: list[int]) -> None:
    tests = [
        analysis("0.01", statistical_comment=comment),
        analysis("0.6", measure_index=2, statistical_comment=comment),
    ]
    assert votes(run_sql, tests) == expected


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
    stated = [{"nct_id": "NCT1", "reasons": ["accrual"], "reason": "accrual"}] if "accrual" in str(changes) else []
    found = run_sql(overall_status.sql, core_study=[study(**changes)], core_stop_reason=stated)
    assert [row["vote"] for row in found] == expected


@pytest.mark.parametrize(
    ("text", "reason", "expected"),
    [
        ("Study discontinued.", "none", [0]),
        ("Withdrawn", "none", [0]),
        ("Study completed", "none", []),
        ("See detailed description", "none", []),
        ("Business decision", "business", []),
    ],
)
def test_a_text_that_gives_no_reason_is_none(run_sql: Query, text: str, reason: str, expected: list[int]) -> None:
    stops = [{"nct_id": "NCT1", "reasons": [reason], "reason": reason}]
    stopped = study(overall_status="TERMINATED", why_stopped=text)
    found = run_sql(overall_status.sql, core_study=[stopped], core_stop_reason=stops)
    assert [row["vote"] for row in found] == expected


@pytest.mark.parametrize(("has_results", "expected"), [(True, [1]), (False, []), (None, [])])
def test_posted_results_are_a_vote_and_missing_ones_none(
    run_sql: Query, has_results: bool | None, expected: list[int]
) -> None:
    found = run_sql(results_reported.sql, core_study=[study(has_results=has_results)])
    assert [row["vote"] for row in found] == expected


def test_an_undated_posting_says_so(run_sql: Query) -> None:
    found = run_sql(results_reported.sql, core_study=[study(results_first_post_date=None)])[0]
    assert (found["available_at"], found["evidence"]["says"]) == (None, "Results were posted to the registry.")


@pytest.mark.parametrize(
    ("reason", "status", "expected"),
    [
        ("efficacy", "TERMINATED", [0]),
        ("safety", "WITHDRAWN", [0]),
        ("accrual", "TERMINATED", [0]),
        ("benefit", "TERMINATED", [1]),
        ("business", "TERMINATED", []),
        ("funding", "WITHDRAWN", []),
        ("logistics", "TERMINATED", []),
        ("other", "TERMINATED", []),
        ("none", "TERMINATED", []),
        ("efficacy", "SUSPENDED", []),
        ("efficacy", "COMPLETED", []),
    ],
)
def test_a_stop_votes_by_its_reason(run_sql: Query, reason: str, status: str, expected: list[int]) -> None:
    stops = [{"nct_id": "NCT1", "reasons": [reason], "reason": reason}]
    stopped = study(overall_status=status, why_stopped="In their words.")
    found = run_sql(stop_reason.sql, core_study=[stopped], core_stop_reason=stops)
    assert [row["vote"] for row in found] == expected
    assert all(row["evidence"]["says"].endswith(': "In their words."') for row in found)


# Functions that vote by a cut point

CUT = {"phase": "PHASE2", "version": 1, "cut": 10.0, "band": 2.0, "n": 50, "fitted_on": "phase", "fitted_as_of": DAY}


def scored(run_sql: Query, name: str, cut: dict[str, Any], **tables: Any) -> list[dict[str, Any]]:
    function = function_named(name)
    rows = [CUT | {"label_function": name} | cut]
    return run_sql(function.vote_sql, **{"core_study": [study()]} | tables, cut_point=rows)


def function_named(name: str) -> LabelFunction:
    return next(function for function in registry.label_functions() if function.name == name)


def event(**changes: Any) -> dict[str, Any]:
    plain = {"nct_id": "NCT1", "event": "dropout", "affected": 30, "at_risk": 100, "arm_match": "pooled"}
    return plain | {"score_basis": "pooled", "percent": 30.0, "standard_error": 1.0} | changes


@pytest.mark.parametrize(
    ("percent", "noise", "expected"),
    [(30.0, 1.0, [0]), (3.0, 1.0, [1]), (11.0, 0.5, []), (8.5, 0.5, []), (13.0, 0.6, []), (13.1, 0.5, [0])],
    ids=["above", "below", "in the band", "in the band below", "lost in noise", "beyond band and noise"],
)
@pytest.mark.parametrize("name", ["dropout", "deaths", "serious_adverse_events", "other_adverse_events"])
def test_a_rate_votes_beyond_the_band_and_its_noise(
    run_sql: Query, name: str, percent: float, noise: float, expected: list[int]
) -> None:
    rates = [event(event=name, percent=percent, standard_error=noise)]
    found = scored(run_sql, name, {"score_basis": "pooled"}, core_event_rate=rates)
    assert [row["vote"] for row in found] == expected


def test_a_rate_says_what_it_compared(run_sql: Query) -> None:
    sides = {"experimental_affected": 3, "experimental_at_risk": 60, "control_affected": 9, "control_at_risk": 40}
    rates = [event(event="deaths", score_basis="difference", arm_match="fuzzy", percent=-17.0, **sides)]
    found = scored(run_sql, "deaths", {"score_basis": "difference", "cut": 0.0}, core_event_rate=rates)[0]
    assert found["evidence"]["says"] == (
        "3 of 60 participants (5.0%) in the experimental arms and 9 of 40 (22.5%) in the control arms died, "
        "a difference of -17.0 points (arms matched by similar titles), clearly below the 0 ± 2 points usual in PHASE2 "
        "trials."
    )
    assert (found["available_at"], found["available_at_basis"]) == (DAY, "results_first_posted")


@pytest.mark.parametrize(
    "changes", [{"score_basis": "difference"}, {"phase": "PHASE3"}, {"label_function": "deaths"}], ids=str
)
def test_without_a_cut_point_of_its_phase_and_scale_nothing_votes(run_sql: Query, changes: dict[str, Any]) -> None:
    assert scored(run_sql, "dropout", {"score_basis": "pooled"} | changes, core_event_rate=[event()]) == []


@pytest.mark.parametrize(
    ("name", "tables", "expected"),
    [
        ("enrollment", {"core_study": [study(enrollment=300, enrollment_type="ACTUAL")]}, [1]),
        ("enrollment", {"core_study": [study(enrollment=3, enrollment_type="ACTUAL")]}, [0]),
        ("enrollment", {"core_study": [study(enrollment=300, enrollment_type="ESTIMATED")]}, []),
        ("enrollment", {"core_study": [study(enrollment=None, enrollment_type="ACTUAL")]}, []),
        ("sites", {"core_facility": [{"nct_id": "NCT1", "location_index": i} for i in range(20)]}, [1]),
        ("sites", {"core_facility": [{"nct_id": "NCT1", "location_index": 1}]}, [0]),
        ("sites", {}, []),
        (
            "sponsors",
            {"core_sponsor": [{"nct_id": "NCT1", "sponsor_index": i, "is_lead": i == 0} for i in range(13)]},
            [1],
        ),
        ("update_lag", {"core_study": [study(completion_date=date(2020, 1, 1), completion_date_precision="day")]}, [1]),
        ("update_lag", {"core_study": [study(completion_date=date(2018, 1, 1), completion_date_precision="day")]}, [0]),
        ("update_lag", {"core_study": [study()]}, []),
    ],
)
def test_design_votes_for_the_convention_alone(
    run_sql: Query, name: str, tables: dict[str, Any], expected: list[int]
) -> None:
    basis = "days" if name == "update_lag" else "count"
    assert [row["vote"] for row in scored(run_sql, name, {"score_basis": basis}, **tables)] == expected
    assert set(function_named(name).informs) == {"cto_compatible"}
