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
