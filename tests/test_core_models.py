"""Core models: rows of the record in, entities out."""

from __future__ import annotations

from typing import Any

import pytest

from cto.plan import models
from tests.conftest import Query

RAW = "raw_clinicaltrials_gov__"
E, A, P, S, N = "EXPERIMENTAL", "ACTIVE_COMPARATOR", "PLACEBO_COMPARATOR", "SHAM_COMPARATOR", "NO_INTERVENTION"


def roles(run_sql: Query, arms: dict[str, str | None], interventions: dict[str, list[str]]) -> dict[str, str]:
    found = run_sql(
        models()["core_intervention"],
        **{
            f"{RAW}arm": [
                {"nct_id": "NCT1", "arm_index": i, "arm_label": label, "arm_type": kind}
                for i, (label, kind) in enumerate(arms.items())
            ],
            f"{RAW}intervention": [
                {"nct_id": "NCT1", "intervention_index": i, "intervention_name": name, "arm_labels": labels}
                for i, (name, labels) in enumerate(interventions.items())
            ],
        },
    )
    return {row["intervention_name"]: f"{row['role']} {row['role_basis']}" for row in found}


@pytest.mark.parametrize(
    ("arms", "interventions", "expected"),
    [
        ({"T": E, "C": P}, {"Drug": "T", "Placebo": "C"}, ["experimental arm_type", "placebo name"]),
        ({"T": E, "C": A}, {"New": "T", "Old": "C"}, ["experimental arm_type", "comparator arm_type"]),
        ({"T": E, "C": P}, {"Drug": "T", "Chemo": "TC"}, ["experimental arm_type", "background arm_type"]),
        ({"T": E, "C": N}, {"Drug": "TC"}, ["experimental arm_type"]),
        ({"A": A, "B": A}, {"X": "A", "Y": "B"}, ["experimental arm_type", "experimental arm_type"]),
        ({"T": E, "C": S}, {"Device": "T", "Mock device": "C"}, ["experimental arm_type", "comparator arm_type"]),
        ({"t ": E}, {"Drug": "T"}, ["experimental arm_type"]),
        ({}, {"Drug": "", "Placebo tablet": ""}, ["experimental listed", "placebo name"]),
        ({}, {"Drug": "", "Standard of care": ""}, ["experimental listed", "comparator name"]),
        ({"T": None}, {"Drug": "T"}, ["experimental listed"]),
        ({"T": E}, {"Placebo for Drug": "T"}, ["placebo name"]),
        ({"T": E, "C": P}, {"Drug or Placebo": "TC"}, ["experimental arm_type"]),
        ({"T": E, "C": P}, {"Drug": "T", "Placebo and diet": "C"}, ["experimental arm_type", "placebo arm_type"]),
    ],
    ids=[
        "placebo by name",
        "comparator arm",
        "background of both arms",
        "only one intervention, in all arms",
        "comparators compared with each other",
        "sham arm",
        "labels match whatever case and blanks",
        "no arms: placebo by name",
        "no arms: comparator by name",
        "untyped arm",
        "placebo in an experimental arm",
        "a drug or placebo under one name",
        "placebo with more in its arm",
    ],
)
def test_an_intervention_has_a_role(
    run_sql: Query, arms: dict[str, str | None], interventions: dict[str, str], expected: list[str]
) -> None:
    found = roles(run_sql, arms, {name: list(labels) for name, labels in interventions.items()})
    assert [found[name] for name in interventions] == expected


def study(run_sql: Query, **tables: Any) -> dict[str, Any]:
    page = [{"source": "clinicaltrials_gov", "page": n, "position": n, "kind": "studies"} for n in (1, 2, 3)]
    return run_sql(models()["core_study"], raw_page=page, **tables)[0]


def test_a_study_is_removed_when_a_later_list_lacks_it(run_sql: Query) -> None:
    listing = [{"nct_id": "NCT2", "page": 3}]
    assert study(run_sql, **{f"{RAW}study": [{"nct_id": "NCT1", "page": 2}], f"{RAW}listing": listing})["is_removed"]


def test_a_study_read_after_the_list_is_not_removed(run_sql: Query) -> None:
    listing = [{"nct_id": "NCT2", "page": 2}]
    assert not study(run_sql, **{f"{RAW}study": [{"nct_id": "NCT1", "page": 3}], f"{RAW}listing": listing})[
        "is_removed"
    ]


def test_without_a_list_nothing_is_removed(run_sql: Query) -> None:
    assert not study(run_sql, **{f"{RAW}study": [{"nct_id": "NCT1", "page": 1}]})["is_removed"]


def test_an_enrolment_of_99999999_is_unknown(run_sql: Query) -> None:
    row = {"nct_id": "NCT1", "page": 1, "enrollment_text": "99999999", "phases": ["PHASE1", "PHASE2"]}
    found = study(run_sql, **{f"{RAW}study": [row]})
    assert (found["enrollment"], found["phase"]) == (None, "PHASE1/PHASE2")


def test_flow_counts_are_read_by_period_and_arm(run_sql: Query) -> None:
    def milestone(name: str, number: int, subjects: str) -> dict[str, Any]:
        return {"nct_id": "NCT1", "period_index": 1, "milestone_index": number, "milestone": name, "group_id": "FG000",
                "subjects_text": subjects}  # fmt: skip

    rows = [milestone("STARTED", 1, "1,050"), milestone("COMPLETED", 2, "x"), milestone("Treated", 3, "7")]
    found = run_sql(models()["core_participant_flow"], **{f"{RAW}flow_milestone": rows})
    assert [(r["started"], r["completed"], r["completed_text"], r["not_completed"]) for r in found] == [
        (1050, None, "x", None)
    ]


# Groups of the results


def sides(run_sql: Query, arms: dict[str, str | None], *titles: str) -> list[str]:
    found = run_sql(
        models()["core_result_group"],
        **{
            f"{RAW}arm": [
                {"nct_id": "NCT1", "arm_index": i, "arm_label": label, "arm_type": kind}
                for i, (label, kind) in enumerate(arms.items())
            ],
            f"{RAW}event_group": [
                {"nct_id": "NCT1", "group_index": i, "group_title": title} for i, title in enumerate(titles)
            ],
        },
    )
    told = {row["group_title"]: f"{row['arm_role']} {row['arm_match']}" for row in found}
    return [told[title] for title in titles]


@pytest.mark.parametrize(
    ("arms", "titles", "expected"),
    [
        ({"Drug 5 mg": E, "Placebo": P}, ["Drug, 5 mg", "placebo"], ["experimental exact", "control exact"]),
        ({"Drug": E, "Old drug": A}, ["Drug", "Old drug"], ["experimental exact", "control exact"]),
        ({"Botulin": A, "Saline": P}, ["Botulin", "Saline"], ["experimental exact", "control exact"]),
        ({"X": A, "Y": A}, ["X", "Y"], ["None none", "None none"]),
        ({"Drug": E, "Sham": S}, ["Arm 1: Drug daily", "Sham (6 weeks)"], ["experimental fuzzy", "control fuzzy"]),
        ({"Celecoxib": E, "Placebo": P}, ["Celecoxibe", "Placebo"], ["experimental fuzzy", "control exact"]),
        ({}, ["Drug", "Placebo"], ["experimental name", "control name"]),
        ({}, ["Drug + placebo", "Standard care"], ["experimental name", "control name"]),
        ({}, ["Radiation", "Surgery"], ["None none", "None none"]),
        ({}, ["All participants", "Drug", "Placebo"], ["None none", "experimental name", "control name"]),
        ({"Drug": E, "Old": A}, ["Run-in", "Unheard of", "Placebo"], ["None none", "None none", "control name"]),
        ({"1": E, "2": P}, ["100 mg 2 times daily"], ["None none"]),
        ({"Vitamin D": E}, ["No vitamin D"], ["None none"]),
        ({"Drug X": E, "Comparator": A}, ["Drug X placebo"], ["None none"]),
        ({"Drug": E, "Healthy volunteers": "OTHER"}, ["Healthy volunteers"], ["None none"]),
        ({"Dose A": E, "Dose B": P}, ["Dose"], ["None none"]),
        ({"Drug": E, "Drug and diet": N}, ["Drug"], ["experimental exact"]),
    ],
    ids=[
        "same words",
        "active comparator beside an experimental arm",
        "active comparator beside placebo alone",
        "comparators on an equal footing",
        "label within the title",
        "a spelling apart",
        "by name, without arms",
        "a drug with placebo is the drug's side",
        "nothing to tell by",
        "everybody is on no side",
        "with typed arms, nothing is tested for standing beside a control",
        "a short label",
        "a negated label",
        "the placebo of a drug",
        "an arm of no side",
        "as like to both sides",
        "exact before fuzzy",
    ],
)
def test_a_group_is_on_the_side_of_the_arm_it_is_named_after(
    run_sql: Query, arms: dict[str, str | None], titles: list[str], expected: list[str]
) -> None:
    assert sides(run_sql, arms, *titles) == expected


def events(run_sql: Query, groups: dict[str, tuple[int | None, int | None]], roles: dict[str, str]) -> dict[str, Any]:
    found = run_sql(
        models()["core_event_rate"],
        core_adverse_event_total=[
            {"nct_id": "NCT1", "group_index": i, "group_title": title, "serious_affected": x, "serious_at_risk": n}
            for i, (title, (x, n)) in enumerate(groups.items())
        ],
        core_result_group=[
            {"nct_id": "NCT1", "group_key": title.lower(), "arm_role": role, "arm_match": "exact"}
            for title, role in roles.items()
        ],
    )
    assert len(found) <= 1
    return found[0] if found else {}


def test_a_rate_is_the_difference_between_the_sides(run_sql: Query) -> None:
    found = events(
        run_sql, {"A": (3, 49), "B": (9, 99), "C": (1, 9)}, {"A": "experimental", "B": "control", "C": "experimental"}
    )
    assert (found["experimental_affected"], found["experimental_at_risk"]) == (4, 58)
    assert (found["score_basis"], found["arm_match"]) == ("difference", "exact")
    assert found["percent"] == pytest.approx(100 * (4.5 / 59 - 9.5 / 100))


@pytest.mark.parametrize("roles", [{}, {"A": "experimental", "B": "experimental"}], ids=["unmatched", "one side"])
def test_a_rate_without_two_sides_is_pooled(run_sql: Query, roles: dict[str, str]) -> None:
    found = events(run_sql, {"A": (3, 49), "B": (9, 99)}, roles)
    assert (found["score_basis"], found["arm_match"]) == ("pooled", "pooled")
    assert found["percent"] == pytest.approx(100 * 12.5 / 149)


@pytest.mark.parametrize("counts", [(3, None), (None, 10), (0, 0), (11, 10), (-1, 10)], ids=str)
def test_counts_that_cannot_be_are_no_rate(run_sql: Query, counts: tuple[int | None, int | None]) -> None:
    assert events(run_sql, {"A": counts}, {}) == {}


def test_dropouts_of_all_periods_are_a_share_of_who_started_the_first(run_sql: Query) -> None:
    def period(number: int, **counts: int) -> dict[str, Any]:
        return {"nct_id": "NCT1", "period_index": number, "group_id": "FG1", "group_title": "A"} | counts

    flow = [period(1, started=100, not_completed=10), period(2, started=90, completed=70)]
    found = run_sql(models()["core_event_rate"], core_participant_flow=flow)
    assert [(row["event"], row["affected"], row["at_risk"]) for row in found] == [("dropout", 30, 100)]


def test_a_period_of_one_side_is_no_part_of_the_difference(run_sql: Query) -> None:
    def period(number: int, arm: str, started: int, left: int) -> dict[str, Any]:
        of = {"nct_id": "NCT1", "period_index": number, "group_id": arm, "group_title": arm}
        return of | {"started": started, "not_completed": left}

    flow = [period(1, "A", 300, 200), period(2, "A", 100, 10), period(2, "B", 100, 20), period(3, "B", 80, 70)]
    roles = [{"nct_id": "NCT1", "group_key": g, "arm_role": r, "arm_match": "exact"}
             for g, r in (("a", "experimental"), ("b", "control"))]  # fmt: skip
    found = run_sql(models()["core_event_rate"], core_participant_flow=flow, core_result_group=roles)[0]
    assert (found["experimental_affected"], found["experimental_at_risk"]) == (10, 100)
    assert (found["control_affected"], found["control_at_risk"]) == (20, 100)


def test_groups_of_one_title_are_added_up(run_sql: Query) -> None:
    flow = [
        {
            "nct_id": "NCT1",
            "period_index": 1,
            "group_id": g,
            "group_title": "Adults",
            "started": 100,
            "not_completed": 40,
        }
        for g in ("FG1", "FG2")
    ]
    found = run_sql(models()["core_event_rate"], core_participant_flow=flow)[0]
    assert (found["affected"], found["at_risk"]) == (80, 200)


def test_a_group_named_after_the_tested_drug_is_its_side(run_sql: Query) -> None:
    run_sql("select 1", core_intervention=[
        {"nct_id": "NCT1", "intervention_index": 1, "intervention_name": "Finerenone 10 mg", "role": "experimental"},
        {"nct_id": "NCT1", "intervention_index": 2, "intervention_name": "Eplerenone", "role": "comparator"},
    ])  # fmt: skip
    titles = "Finerenone (20 mg)", "Eplerenone", "Finerenone or eplerenone"
    assert sides(run_sql, {"Test": E, "Reference": A}, *titles) == ["experimental name", "control name", "None none"]


# Since when a field has been known


def versions(*rows: tuple[str | None, str | None, str | None]) -> dict[str, Any]:
    """Return the stored versions of a record, oldest first: last update, status, enrolment."""
    named = [
        {"nct_id": "NCT1", "page": i, "last_update_post_date_text": day, "overall_status": s, "enrollment_text": n}
        for i, (day, s, n) in enumerate(rows, start=1)
    ]
    pages = [{"source": "clinicaltrials_gov", "page": n, "position": n} for n in range(1, 9)]
    return {f"{RAW}study": named, "raw_page": pages}


@pytest.mark.parametrize(
    ("rows", "since", "basis"),
    [
        ([("2020-01-01", "TERMINATED", "9")], "2020-01-01", "last_update_posted"),
        ([("2020-01-01", "RECRUITING", "9"), ("2020-02-01", "TERMINATED", "9")], "2020-02-01", "last_update_posted"),
        ([("2020-01-01", "TERMINATED", "9"), ("2020-02-01", "TERMINATED", "8")], "2020-01-01", "earlier_version"),
        (
            [("2020-01-01", "TERMINATED", "9"), ("2020-02-01", "SUSPENDED", "9"), ("2020-03-01", "TERMINATED", "9")],
            "2020-03-01",
            "last_update_posted",
        ),
        ([("2020-01-01", "TERMINATED", "9"), (None, "TERMINATED", "9")], "2020-01-01", "earlier_version"),
        ([(None, "TERMINATED", "9")], None, "last_update_posted"),
    ],
    ids=["one version", "changed", "kept", "changed and changed back", "undated now", "never dated"],
)
def test_a_stop_is_known_since_the_first_version_that_held_it(
    run_sql: Query, rows: list[tuple[str | None, str | None, str | None]], since: str | None, basis: str
) -> None:
    found = run_sql(models()["core_study"], **versions(*rows))[-1]
    assert (str(found["stop_known_since"] or "") or None, found["stop_known_basis"]) == (since, basis)


def test_fields_are_dated_apart(run_sql: Query) -> None:
    rows = [("2020-01-01", "TERMINATED", "9"), ("2020-02-01", "TERMINATED", "8"), ("2020-03-01", "TERMINATED", "8")]
    found = run_sql(models()["core_study"], **versions(*rows))[-1]
    assert str(found["stop_known_since"]) == "2020-01-01"
    assert str(found["enrollment_known_since"]) == "2020-02-01"
