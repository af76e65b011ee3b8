"""Stops that rules do not understand: which texts are read, which answers can be used, and which become votes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from annotators.stop_reason_reader import stop_reason_reader
from cto.annotate.annotator import BadAnswerError
from cto.annotate.request import Reply
from label_functions.stop_reason_reader import stop_reason_reader as votes

Json = dict[str, Any]
Rows = list[Json]
Query = Callable[..., Rows]

NCT = "NCT99990001"
TEXT = "The look at week 24 gave no hint that the aim\u00a0could be reached"
ANSWER = {"quote": "no hint that the aim could be reached", "reason": "efficacy", "confidence": "high"}


def read(**changes: Any) -> Json:
    assert stop_reason_reader.read
    return stop_reason_reader.read({"text": TEXT}, Reply(json.dumps(ANSWER | changes)))


def test_an_answer_keeps_the_texts_own_words() -> None:
    assert read() == ANSWER | {"quote": "no hint that the aim\u00a0could be reached"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quote": "the drug did not work"}, "quote_not_in_text"),
        ({"reason": "futility"}, "schema"),
        ({"confidence": 0.9}, "schema"),
        ({"more": 1}, "schema"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(changes: Json, reason: str) -> None:
    with pytest.raises(BadAnswerError) as error:
        read(**changes)
    assert error.value.reason == reason


def stopped(**changes: Any) -> Json:
    return {
        "nct_id": NCT,
        "study_type": "INTERVENTIONAL",
        "overall_status": "TERMINATED",
        "why_stopped": TEXT,
        "stop_known_since": date(2015, 3, 2),
        "stop_known_basis": "earlier_version",
    } | changes


@pytest.mark.parametrize(
    ("reason", "changes", "expected"),
    [
        ("other", {}, [None]),
        ("none", {"overall_status": "WITHDRAWN"}, [None]),
        ("other", {"overall_status": "SUSPENDED"}, [None]),
        ("other", {"why_stopped": "x y z " * 400}, ["text_too_long"]),
        ("other", {"why_stopped": "Study terminated."}, []),
        ("other", {"why_stopped": "N/A - - -"}, []),
        ("other", {"overall_status": "COMPLETED"}, []),
        ("other", {"study_type": "OBSERVATIONAL"}, []),
        ("accrual", {}, []),
        ("business", {}, []),
    ],
)
def test_only_texts_that_the_rules_do_not_understand_are_read(
    run_sql: Query, reason: str, changes: Json, expected: list[str | None]
) -> None:
    rules = [{"nct_id": NCT, "reasons": [reason], "reason": reason}]
    found = run_sql(stop_reason_reader.sql, core_study=[stopped(**changes)], core_stop_reason=rules)
    assert [row["skip_reason"] for row in found] == expected


@pytest.mark.parametrize(
    ("changes", "study", "rule", "expected"),
    [
        ({}, {}, "other", [0]),
        ({}, {}, "none", [0]),
        ({"reason": "safety"}, {}, "other", [0]),
        ({"reason": "accrual"}, {"overall_status": "WITHDRAWN"}, "other", [0]),
        ({"reason": "benefit"}, {}, "other", [1]),
        ({"reason": "other"}, {}, "other", []),
        ({"confidence": "low"}, {}, "other", []),
        ({"confidence": "medium"}, {}, "other", [0]),
        ({"abstain_reason": "quote_not_in_text"}, {}, "other", []),
        ({}, {"overall_status": "SUSPENDED"}, "other", []),
        ({}, {}, "accrual", []),
        ({}, {}, "business", []),
    ],
)
def test_a_reading_votes_as_the_rules_would_and_never_beside_them(
    run_sql: Query, changes: Json, study: Json, rule: str, expected: list[int]
) -> None:
    found = run_sql(
        votes.sql,
        annot_stop_reason_reader=[{"nct_id": NCT, **ANSWER, "model": "reader"} | changes],
        core_study=[stopped(**study)],
        core_stop_reason=[{"nct_id": NCT, "reasons": [rule], "reason": rule}],
    )
    assert [row["vote"] for row in found] == expected


def test_a_vote_names_model_words_and_day(run_sql: Query) -> None:
    [row] = run_sql(
        votes.sql,
        annot_stop_reason_reader=[{"nct_id": NCT, **ANSWER, "model": "reader"}],
        core_study=[stopped()],
        core_stop_reason=[{"nct_id": NCT, "reasons": ["other"], "reason": "other"}],
    )
    assert row["evidence"]["says"] == (
        f'The trial was terminated for lack of efficacy, as reader read in "{ANSWER["quote"]}": "{TEXT}"'
    )
    assert (row["available_at"], row["available_at_basis"]) == (date(2015, 3, 2), "earlier_version")
