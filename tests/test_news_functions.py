"""What headlines say and how they sound: the annotator's rows, and votes with their day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from annotators.news_sentiment import news_sentiment as annotator
from annotators.news_sentiment import read
from cto import registry
from cto.annotate.annotator import BadAnswerError
from cto.annotate.request import Reply
from cto.plan import macros
from label_functions.news_event import news_endpoint, news_event
from label_functions.news_sentiment import news_sentiment
from tests.conftest import Query, Rows

DONE = date(2024, 3, 1)
MET = "Norvia's NV-201 meets primary endpoint in Phase 3 asthma trial"
MISSED = "Norvia's NV-201 misses primary endpoint in asthma trial"
HALTED = "Norvia halts asthma trial of NV-201 for futility"
APPROVED = "FDA approves Norvia's NV-201 for asthma"
REFUSED = "Norvia receives complete response letter from FDA for NV-201"
UNSURE = "Norvia reports topline results of NV-201 in asthma"

TABLES = ("core_study", "core_headline", "core_trial_headline", "annot_news_sentiment")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(macros())
        con.execute("create table run (as_of date, is_current boolean)")
        for name in TABLES:
            con.execute(registry.tables()[name].ddl())
        yield con


@pytest.fixture
def empty(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return the few tables that are read here, emptied, in place of all there are."""
    for name in ("run", *TABLES):
        con.execute(f"delete from {name}")
    return con


Told = tuple[str, int]
"""A headline, and how many days after the trial's completion it was published."""


def tables(*told: Told, **match: Any) -> dict[str, Rows]:
    """Return the rows of one phase 3 trial and its headlines, each matched by drug, condition and sponsor."""
    study = {
        "nct_id": "NCT1",
        "study_type": "INTERVENTIONAL",
        "phase": "PHASE3",
        "overall_status": "COMPLETED",
        "start_date": DONE - timedelta(days=700),
    }
    named = {"match_basis": "drug_condition", "names_drug": True, "names_condition": True, "names_sponsor": True}
    headlines, matches = [], []
    for number, (headline, days) in enumerate(told, start=1):
        day = DONE + timedelta(days=days)
        headlines.append(
            {"headline_id": f"h{number}", "headline": headline, "published_on": day, "publishers": ["Wire"]}
        )
        matched = {"nct_id": "NCT1", "headline_id": f"h{number}", "match_score": 0.8, "published_on": day}
        matches.append(matched | {"days_from_completion": days} | named | match)
    return {"core_study": [study], "core_headline": headlines, "core_trial_headline": matches}


WORDS = (
    "update core_headline set words = headline_words(headline), tells_result = tells_result(headline_words(headline))"
)


def votes(run_sql: Query, sql: str, *told: Told, as_of: int = 3000, **more: Any) -> list[tuple[int, int]]:
    """Return the votes, each with the days from the completion to its day."""
    study = more.pop("study", {})
    rows = tables(*told, **more.pop("match", {})) | more
    rows["core_study"][0].update(study)
    run_sql(WORDS, **rows)
    run = {"as_of": DONE + timedelta(days=as_of), "is_current": True}
    return [(row["vote"], (row["available_at"] - DONE).days) for row in run_sql(sql, run=[run])]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([(MET, 60)], [(1, 60)]),
        ([(APPROVED, 400)], [(1, 400)]),
        ([(MISSED, 60)], [(0, 60)]),
        ([(HALTED, -300)], [(0, -300)]),
        ([(REFUSED, 400)], [(0, 400)]),
        ([(UNSURE, 60)], []),
        ([(MET, 60), (MET, 20), (UNSURE, 10)], [(1, 20)]),
        ([(MET, 60), (MISSED, 61)], []),
        ([(MISSED, 60), (HALTED, 61)], [(0, 60)]),
        # what became of the application says less of the trial than its own result
        ([(MET, 60), (REFUSED, 400)], [(1, 60)]),
        ([(APPROVED, 400), (REFUSED, 300)], []),
        # an earlier trial's endpoint, a stop before the start, an approval before the end, news of another decade
        ([(MET, -31)], []),
        ([(MET, -30)], [(1, -30)]),
        ([(HALTED, -701)], []),
        ([(APPROVED, -1)], []),
        ([(MET, 731)], []),
        ([(HALTED, 731)], []),
    ],
)
def test_a_trial_gets_the_vote_of_what_its_headlines_say_for_certain(
    run_sql: Query, told: list[Told], expected: list[tuple[int, int]]
) -> None:
    assert votes(run_sql, news_event.sql, *told) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [([(MET, 60), (APPROVED, 400)], [(1, 60)]), ([(MISSED, 60)], [(0, 60)]), ([(HALTED, 60), (APPROVED, 90)], [])],
)
def test_of_the_endpoint_only_headlines_of_the_endpoint_speak(
    run_sql: Query, told: list[Told], expected: list[tuple[int, int]]
) -> None:
    assert votes(run_sql, news_endpoint.sql, *told) == expected


def test_a_later_headline_does_not_change_the_vote_of_an_earlier_day(run_sql: Query) -> None:
    assert votes(run_sql, news_event.sql, (MET, 60), (MISSED, 100), as_of=99) == [(1, 60)]


def test_a_headline_of_a_later_day_takes_part_from_that_day_on(run_sql: Query) -> None:
    assert votes(run_sql, news_event.sql, (MET, 60), (MISSED, 100), as_of=100) == []


@pytest.mark.parametrize(
    ("match", "speaks"),
    [
        ({}, True),
        ({"names_sponsor": False, "names_phase": True}, True),
        ({"names_sponsor": False, "names_phase": None}, False),
        ({"names_drug": False, "names_phase": True, "match_basis": "sponsor_date"}, False),
        ({"names_drug": False, "names_sponsor": False, "match_basis": "acronym"}, True),
        ({"names_drug": False, "names_sponsor": False, "match_basis": "nct"}, True),
    ],
)
def test_a_headline_speaks_for_a_trial_that_it_names_well_enough(
    run_sql: Query, match: dict[str, Any], speaks: bool
) -> None:
    assert bool(votes(run_sql, news_event.sql, (MISSED, 60), match=match)) == speaks


def test_an_early_result_is_the_trials_own_when_its_acronym_is_named(run_sql: Query) -> None:
    assert votes(run_sql, news_event.sql, (MET, -200), match={"match_basis": "acronym"}) == [(1, -200)]


@pytest.mark.parametrize("headline", [APPROVED, REFUSED])
def test_the_regulator_is_not_heard_on_a_trial_that_is_not_pivotal(run_sql: Query, headline: str) -> None:
    assert votes(run_sql, news_event.sql, (headline, 60), study={"phase": "PHASE1"}) == []


def test_the_evidence_cites_headline_publisher_and_day(run_sql: Query) -> None:
    run_sql(WORDS, run=[{"as_of": DONE + timedelta(days=900)}], **tables((MISSED, 60), (HALTED, 61)))
    (row,) = run_sql(news_event.sql)
    assert row["evidence"] == {
        "says": f'"{MISSED}" (Wire, 30 April 2024) says that the primary endpoint was missed; 1 more agree.',
        "rows": ["core_headline:h1", "core_headline:h2", "core_trial_headline:NCT1"],
    }


def annotated(*sentiments: str | None) -> Rows:
    return [
        {"headline_id": f"h{n}", "sentiment": s, "positive": 0.9, "negative": 0.8, "neutral": 0.1, "model": "acme/tone"}
        for n, s in enumerate(sentiments, start=1)
    ]


@pytest.mark.parametrize(
    ("days", "sentiments", "as_of", "expected"),
    [
        ([60], ["positive"], 900, [(1, 60)]),
        ([60], ["negative"], 900, [(0, 60)]),
        ([60], ["neutral"], 900, []),
        ([60], [None], 900, []),
        ([-1], ["negative"], 900, []),
        ([731], ["negative"], 900, []),
        # a tie until the third comes
        ([60, 70], ["positive", "negative"], 900, []),
        ([60, 70, 80], ["positive", "negative", "negative"], 900, [(0, 80)]),
        ([60, 70, 80], ["positive", "negative", "negative"], 79, []),
        ([60, 70, 80], ["positive", "negative", "negative"], 69, [(1, 60)]),
        ([60, 70, 80], ["positive", "positive", "negative"], 900, [(1, 80)]),
        ([60, 70], ["positive", "neutral"], 900, [(1, 60)]),
    ],
)
def test_a_trial_gets_the_vote_of_most_headlines_that_sound_one_way(
    run_sql: Query, days: list[int], sentiments: list[str | None], as_of: int, expected: list[tuple[int, int]]
) -> None:
    told = [(UNSURE, day) for day in days]
    found = votes(run_sql, news_sentiment.sql, *told, as_of=as_of, annot_news_sentiment=annotated(*sentiments))
    assert found == expected


def test_the_evidence_of_a_sentiment_names_the_model(run_sql: Query) -> None:
    run = [{"as_of": DONE + timedelta(days=900)}]
    sounds = annotated("positive", "negative", "positive")
    run_sql(WORDS, run=run, annot_news_sentiment=sounds, **tables((UNSURE, 60), (UNSURE, 61), (UNSURE, 62)))
    (row,) = run_sql(news_sentiment.sql)
    assert row["evidence"] == {
        "says": f'"{UNSURE}" (Wire, 30 April 2024) sounds positive to acme/tone (90%); so do 2 of 3 headlines of a '
        "result that sound one way or the other.",
        "rows": ["annot_news_sentiment:h1", "annot_news_sentiment:h3", "core_trial_headline:NCT1"],
    }


def test_a_model_reads_headlines_of_results_whose_words_are_not_certain(run_sql: Query) -> None:
    told = {
        MET: ("endpoint_met", "event_is_certain"),
        HALTED: ("halted", "event_is_certain"),
        UNSURE: ("other", None),
        "Norvia's NV-201 meets one of two primary endpoints in asthma trial": (None, None),
        "Norvia to present NV-201 data at congress": ("other", "tells_no_result"),
        "Could NV-201 meet its primary endpoint?": (None, "tells_no_result"),
        "Norvia names new chief financial officer": ("other", "tells_no_result"),
    }
    run_sql(WORDS, **tables(*((headline, 60) for headline in told)))
    run_sql("insert into core_headline (headline_id, headline, words) values ('h99', 'Of no trial', 'of no trial')")
    found = {row["text"]: (row["event"], row["skip_reason"]) for row in run_sql(annotator.sql)}
    assert found == told


@pytest.mark.parametrize(
    ("scores", "sentiment"),
    [
        ((0.9, 0.05, 0.05), "positive"),
        ((0.1, 0.6, 0.3), "negative"),
        ((0.45, 0.1, 0.45), "neutral"),
        ((0.5, 0.1, 0.4), "neutral"),
        ((0.2, 0.1, 0.7), "neutral"),
        ((0.6, 0.4, 0.0), "positive"),
    ],
)
def test_a_class_counts_that_leads_by_the_margin(scores: tuple[float, ...], sentiment: str) -> None:
    answer = dict(zip(("positive", "negative", "neutral"), scores, strict=True))
    assert read({}, Reply(json.dumps(answer))) == {**answer, "sentiment": sentiment}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "invalid_json"),
        ("[]", "invalid_json"),
        ("3", "invalid_json"),
        ('{"positive": 1}', "invalid_json"),
        ('{"positive": "x", "negative": 0, "neutral": 0}', "invalid_json"),
        ('{"positive": 0.9, "negative": 0.9, "neutral": 0}', "no_probabilities"),
        ('{"positive": NaN, "negative": NaN, "neutral": NaN}', "no_probabilities"),
    ],
)
def test_an_answer_that_is_no_three_probabilities_cannot_be_used(text: str, reason: str) -> None:
    with pytest.raises(BadAnswerError) as error:
        read({}, Reply(text))
    assert error.value.reason == reason


def test_the_annotator_is_found_with_its_table() -> None:
    assert annotator in registry.annotators()
    assert registry.tables()["annot_news_sentiment"].key == ("headline_id",)
