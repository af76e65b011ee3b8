"""Verdicts on papers: what is asked about which, which answers can be used, and which readings become votes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from annotators._quotes import find_quote
from annotators.pubmed_verdict import SCHEMA, p_met, pubmed_verdict
from cto.annotate.annotator import BadAnswerError
from cto.annotate.request import Reply
from label_functions.pubmed_verdict import pubmed_verdict as votes

Json = dict[str, Any]
Rows = list[Json]
Query = Callable[..., Rows]

NCT, PMID = "NCT99990001", "99990001"
QUOTED = "Pain fell by 12 mm more with velorix (95\u2009% CI 4–20; p\u2009=\u20090·003)."
ABSTRACT = f"METHODS: We gave 90 adults velorix. RESULTS: {QUOTED} It was “safe”."
ROW = {"nct_id": NCT, "pmid": PMID, "abstract": ABSTRACT}
ANSWER = {
    "nct_id": NCT,
    "is_about_trial": True,
    "quote": "Pain fell by 12 mm more with velorix (95% CI 4-20; p = 0.003).",
    "primary_endpoint": "yes",
    "direction": "experimental",
    "safety_stop": False,
    "confidence": "high",
}


def reply(**changes: Any) -> Reply:
    return Reply(json.dumps(ANSWER | changes), choices={"primary_endpoint": {"yes": 0.6, "no": 0.2, "mixed": 0.2}})


def read(given: Reply) -> Json:
    assert pubmed_verdict.read
    return pubmed_verdict.read(ROW, given)


def test_an_answer_is_stored_in_the_terms_of_the_table_and_the_abstracts_own_characters() -> None:
    assert read(reply()) == {
        "is_about_trial": True,
        "primary_endpoint": "met",
        "p_met": pytest.approx(0.75),
        "direction": "experimental",
        "is_safety_stop": False,
        "quote": QUOTED,
        "confidence": "high",
    }


def test_a_paper_about_another_trial_is_a_reading_and_no_error() -> None:
    assert read(reply(is_about_trial=False))["is_about_trial"] is False


@pytest.mark.parametrize(
    ("answer", "stored"), [("yes", "met"), ("no", "not_met"), ("mixed", "mixed"), ("unclear", "not_reported")]
)
def test_what_is_answered_is_told_apart_by_its_first_letter(answer: str, stored: str) -> None:
    assert read(reply(primary_endpoint=answer))["primary_endpoint"] == stored
    answers = SCHEMA["properties"]["primary_endpoint"]["enum"]
    assert len({word[0] for word in answers}) == len(answers)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Reply("{", finish_reason="length"), "cut"),
        (Reply("I think it was met."), "invalid_json"),
        (Reply("[]"), "schema"),
        (Reply(json.dumps({**ANSWER, "note": "more"})), "schema"),
        (Reply(json.dumps({name: value for name, value in ANSWER.items() if name != "quote"})), "schema"),
        (reply(primary_endpoint="maybe"), "schema"),
        (reply(primary_endpoint=["yes"]), "schema"),
        (reply(safety_stop="no"), "schema"),
        (reply(is_about_trial=1), "schema"),
        (reply(quote=""), "schema"),
        (reply(quote="x" * 601), "schema"),
        (reply(nct_id="NCT99990002"), "other_trial"),
        (reply(quote="Pain fell by 22 mm more with velorix."), "quote_not_in_abstract"),
        (reply(quote=" \u2009 \n           "), "quote_not_in_abstract"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(given: Reply, reason: str) -> None:
    with pytest.raises(BadAnswerError) as error:
        read(given)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, None),
        ({"primary_endpoint": {"mixed": 1.0}}, None),
        ({"primary_endpoint": {"y": 0.25, "ye": 0.25, "n": 0.5}}, 0.5),
        ({"primary_endpoint": {"yes": 0.9, "not": 0.05, "none": 0.05}}, 1.0),
    ],
)
def test_the_probability_of_met_counts_what_begins_either_word(choices: Json, expected: float | None) -> None:
    assert p_met(Reply("", choices=choices)) == expected


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("A  b\nc.", "a B c", "A  b\nc"),
        ("It’s 5–6 ‘mm’", 'It\'s 5-6 "mm"', "It’s 5–6 ‘mm’"),
        ("ﬁve", "five", "ﬁve"),
        ("10 mm", "1 mm", None),
        ("abc", "", None),
    ],
)
def test_a_quote_is_found_whatever_its_spaces_and_marks(text: str, quote: str, found: str | None) -> None:
    assert find_quote(text, quote) == found


def world(**changes: Any) -> dict[str, Rows]:
    tables: dict[str, Rows] = {
        "core_study": [{"nct_id": NCT, "study_type": "INTERVENTIONAL", "brief_title": "Velorix for pain"}],
        "core_trial_publication": [{"nct_id": NCT, "pmid": PMID, "is_result_paper": True, "result_rank": 1}],
        "core_publication": [{"pmid": PMID, "title": "Velorix: a trial"}],
        "core_abstract": [{"pmid": PMID, "abstract": ABSTRACT}],
    }
    return tables | changes


def test_what_is_asked_shows_the_trial_and_the_paper(run_sql: Query) -> None:
    arms = [("EXPERIMENTAL", "Velorix"), ("PLACEBO_COMPARATOR", "Placebo")]
    [row] = run_sql(
        pubmed_verdict.sql,
        **world(
            core_arm=[
                {"nct_id": NCT, "arm_index": i, "arm_type": kind, "arm_label": label}
                for i, (kind, label) in enumerate(arms)
            ],
            core_intervention=[
                {"nct_id": NCT, "intervention_index": 0, "intervention_name": "velorix", "role": "experimental"},
                {"nct_id": NCT, "intervention_index": 1, "intervention_name": "sugar pill", "role": "placebo"},
            ],
            core_registered_outcome=[
                {"nct_id": NCT, "outcome_type": "PRIMARY", "outcome_index": 0, "measure": "pain at 12 weeks"},
                {"nct_id": NCT, "outcome_type": "SECONDARY", "outcome_index": 0, "measure": "sleep"},
            ],
        ),
    )
    assert row["skip_reason"] is None
    assert row["trial"].splitlines() == [
        "Title: Velorix for pain",
        "Tested: velorix",
        "Compared with: sugar pill",
        "Arms: experimental: Velorix; placebo_comparator: Placebo",
        "Primary outcomes: pain at 12 weeks",
    ]
    assert pubmed_verdict.prompt
    text = pubmed_verdict.prompt.user(row)
    assert all(part in text for part in (NCT, row["trial"], "Velorix: a trial", ABSTRACT))


def test_what_is_shown_of_a_trial_is_bounded(run_sql: Query) -> None:
    outcomes = [
        {"nct_id": NCT, "outcome_type": "PRIMARY", "outcome_index": i, "measure": "x" * 5000} for i in range(90)
    ]
    [row] = run_sql(pubmed_verdict.sql, **world(core_registered_outcome=outcomes))
    assert len(row["trial"]) < 3000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [None]),
        ({"core_abstract": []}, ["no_abstract"]),
        ({"core_abstract": [{"pmid": PMID, "abstract": "x" * 20_001}]}, ["abstract_too_long"]),
        ({"core_trial_publication": [{"nct_id": NCT, "pmid": PMID, "is_result_paper": True}]}, []),
        ({"core_trial_publication": [{"nct_id": NCT, "pmid": PMID, "is_result_paper": False}]}, []),
        ({"core_study": [{"nct_id": NCT, "study_type": "OBSERVATIONAL"}]}, []),
    ],
)
def test_only_result_papers_with_an_abstract_are_asked_about(
    run_sql: Query, changes: dict[str, Rows], expected: list[str | None]
) -> None:
    assert [row["skip_reason"] for row in run_sql(pubmed_verdict.sql, **world(**changes))] == expected


def verdict(pmid: str = PMID, **changes: Any) -> Json:
    return {
        "nct_id": NCT,
        "pmid": pmid,
        "is_about_trial": True,
        "primary_endpoint": "met",
        "p_met": 0.9,
        "direction": "experimental",
        "is_safety_stop": False,
        "quote": QUOTED,
        "confidence": "high",
        "model": "reader",
    } | changes


def paper(pmid: str = PMID, day: str | None = "2015-03-02", is_result_paper: bool = True) -> Json:
    return {"nct_id": NCT, "pmid": pmid, "is_result_paper": is_result_paper, "available_on": day}


def voted(run_sql: Query, verdicts: Rows, papers: Rows | None = None, **changes: Any) -> Rows:
    tables: dict[str, Rows] = {
        "annot_pubmed_verdict": verdicts,
        "core_trial_publication": papers or [paper()],
        "core_study": [{"nct_id": NCT, "study_type": "INTERVENTIONAL", "phase": "PHASE3"}],
        "run": [{"as_of": date(2020, 1, 1), "is_current": True}],
    }
    return run_sql(votes.sql, **tables | changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [1]),
        ({"direction": "neither"}, [1]),
        ({"p_met": None}, [1]),
        ({"primary_endpoint": "not_met", "direction": "neither"}, [0]),
        ({"primary_endpoint": "not_met", "direction": "control"}, [0]),
        ({"primary_endpoint": "mixed"}, []),
        ({"primary_endpoint": "not_reported"}, []),
        ({"direction": "control"}, []),
        ({"is_safety_stop": True}, []),
        ({"is_about_trial": False}, []),
        ({"quote": None}, []),
        ({"abstain_reason": "quote_not_in_abstract"}, []),
    ],
)
def test_only_a_clear_reading_with_its_quote_is_a_vote(run_sql: Query, changes: Json, expected: list[int]) -> None:
    assert [row["vote"] for row in voted(run_sql, [verdict(**changes)])] == expected


def test_a_vote_quotes_the_paper_and_has_its_day(run_sql: Query) -> None:
    [row] = voted(run_sql, [verdict()])
    assert (row["score"], row["available_at"], row["available_at_basis"]) == (
        0.9,
        date(2015, 3, 2),
        "publication_date",
    )
    assert row["evidence"]["says"] == (
        f'Primary endpoint met, as reader read in the abstract of PMID {PMID} (public by 2 March 2015): "{QUOTED}".'
    )
    assert row["evidence"]["rows"] == [f"annot_pubmed_verdict:{NCT}:{PMID}", f"core_trial_publication:{NCT}:{PMID}"]


@pytest.mark.parametrize(
    ("second", "as_of", "expected"),
    [
        (verdict("2", p_met=0.7), "2020-01-01", [(1, "2015-03-02", 0.9)]),
        (verdict("2", primary_endpoint="not_met"), "2020-01-01", []),
        (verdict("2", primary_endpoint="not_met"), "2017-12-31", [(1, "2015-03-02", 0.9)]),
        (verdict("2", primary_endpoint="mixed"), "2020-01-01", [(1, "2015-03-02", 0.9)]),
        (verdict("2", direction="control"), "2020-01-01", []),
        (verdict("2"), "2015-03-01", []),
    ],
)
def test_papers_that_disagree_are_no_vote_from_the_day_they_do(
    run_sql: Query, second: Json, as_of: str, expected: list[tuple[int, str, float]]
) -> None:
    run = [{"as_of": date.fromisoformat(as_of), "is_current": False}]
    found = voted(run_sql, [verdict(), second], [paper(), paper("2", "2018-01-01")], run=run)
    assert [(row["vote"], str(row["available_at"]), row["score"]) for row in found] == expected


@pytest.mark.parametrize(("is_current", "expected"), [(True, [(1, None)]), (False, [])])
def test_an_undated_paper_counts_only_in_a_current_build(
    run_sql: Query, is_current: bool, expected: list[tuple[int, None]]
) -> None:
    run = [{"as_of": date(2020, 1, 1), "is_current": is_current}]
    found = voted(run_sql, [verdict()], [paper(day=None)], run=run)
    assert [(row["vote"], row["available_at"]) for row in found] == expected


def test_a_paper_retracted_since_it_was_read_is_not_heard(run_sql: Query) -> None:
    assert voted(run_sql, [verdict()], [paper(is_result_paper=False)]) == []


@pytest.mark.parametrize(
    ("phase", "measures", "expected"),
    [
        ("PHASE1", [], []),
        ("PHASE1", ["maximum tolerated dose; adverse events"], []),
        ("PHASE1", ["Cmax of velorix"], []),
        ("PHASE1", ["adverse events", "pain at 12 weeks"], [1]),
        ("PHASE1/PHASE2", [], [1]),
        ("PHASE3", [], [1]),
        ("PHASE3", ["adverse events"], []),
        (None, [], [1]),
    ],
)
def test_a_trial_without_an_efficacy_endpoint_is_no_vote(
    run_sql: Query, phase: str | None, measures: list[str], expected: list[int]
) -> None:
    outcomes = [
        {"nct_id": NCT, "outcome_type": "PRIMARY", "outcome_index": i, "measure": measure}
        for i, measure in enumerate(measures)
    ]
    study = [{"nct_id": NCT, "study_type": "INTERVENTIONAL", "phase": phase}]
    found = voted(run_sql, [verdict()], core_registered_outcome=outcomes, core_study=study)
    assert [row["vote"] for row in found] == expected
