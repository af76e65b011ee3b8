"""Phase linkage: which trials continue which, since when one knows, and when silence tells that none does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from typing import Any

import duckdb
import pytest

from annotators.drug_share import drug_share
from annotators.phase_candidate import phase_candidate
from annotators.phase_linkage import phase_linkage
from annotators.phase_progress import phase_progress
from annotators.text_embedding import text_embedding
from cto.annotate.annotator import BadAnswerError
from cto.annotate.request import Reply
from cto.fitting import open_ended
from cto.plan import published
from label_functions.phase_progression import phase_progression, stopped_for_good

Rows = list[dict[str, Any]]
Query = Callable[..., Rows]

DAY = date(2020, 1, 1)
NUMBERS = count(1)


def trial(
    nct_id: str,
    phase: str,
    start: date,
    *drugs: str,
    condition: str = "Psoriasis",
    term: str | None = None,
    sponsor: str = "Meadow Pharma",
    days: int = 300,
    roles: dict[str, str] | None = None,
    **study: Any,
) -> dict[str, Rows]:
    """Return the core rows of one trial; ``roles`` tells the roles of drugs that are not experimental."""
    roles = roles or {}
    tested = sorted(drug for drug in drugs if roles.get(drug, "experimental") == "experimental")
    given = [
        {
            "nct_id": nct_id,
            "intervention_index": index,
            "intervention_name": drug,
            "role": roles.get(drug, "experimental"),
        }
        for index, drug in enumerate(drugs, start=1)
    ]
    drug_rows = [
        row
        | {
            "is_experimental": row["role"] == "experimental",
            "drug_id": row["intervention_name"],
            "ingredient_ids": [row["intervention_name"]],
            "ingredients": [row["intervention_name"]],
            "basis": "rxnorm_exact",
        }
        for row in given
        if row["role"] != "placebo"
    ]
    whole = {"nct_id": nct_id, "drug_id": "+".join(tested), "ingredient_ids": tested, "ingredients": tested}
    return {
        "core_study": [
            {
                "nct_id": nct_id,
                "phase": phase,
                "study_type": "INTERVENTIONAL",
                "overall_status": "COMPLETED",
                "start_date": start,
                "start_date_precision": "day",
                "first_post_date": start,
                "primary_completion_date": start + timedelta(days=days),
                "primary_completion_date_precision": "day",
                "brief_title": f"{' and '.join(drugs)} in {condition}",
            }
            | study
        ],
        "core_intervention": [row | {"intervention_type": "DRUG"} for row in given],
        "core_trial_drug": drug_rows,
        "core_trial_ingredients": [whole | {"n_experimental": len(tested), "is_whole": True}] if tested else [],
        "core_condition": [{"nct_id": nct_id, "condition_index": 1, "condition": condition}],
        "core_condition_term": [{"nct_id": nct_id, "term_index": 1, "term": term}] if term else [],
        "core_sponsor": [
            {
                "nct_id": nct_id,
                "sponsor_index": 0,
                "sponsor_name": sponsor,
                "sponsor_class": "INDUSTRY",
                "is_lead": True,
            }
        ],
    }


def rows_of(*trials: dict[str, Rows]) -> dict[str, Rows]:
    """Return the rows of several trials by table."""
    return {name: [row for one in trials for row in one.get(name, [])] for one in trials for name in one}


@pytest.fixture
def linked(run_sql: Query, empty: duckdb.DuckDBPyConnection) -> Callable[..., dict[tuple[str, str], dict[str, Any]]]:
    """Return a function that links trials and answers the rows of annot_phase_linkage by pair."""

    def link(*trials: dict[str, Rows], **tables: Rows) -> dict[tuple[str, str], dict[str, Any]]:
        run_sql("select 1", **rows_of(*trials), **tables)
        for annotator in (drug_share, phase_candidate, phase_linkage, phase_progress):
            table = annotator.table
            empty.execute(f"insert into {table.name} select {table.select_list()} from ({annotator.sql})")
        return {(row["nct_id"], row["later_nct_id"]): row for row in run_sql("from annot_phase_linkage")}

    return link


def odds(pair: dict[str, Any]) -> float:
    return float(pair["link_probability"] / (1 - pair["link_probability"]))


EARLY = trial("E", "PHASE1", date(2010, 1, 1), "newdrug")


def later(start: date = date(2012, 1, 1), phase: str = "PHASE2", drug: str = "newdrug", **more: Any) -> dict[str, Rows]:
    return trial("L", phase, start, drug, **more)


def test_a_later_phase_of_the_drug_in_its_condition_is_a_link(linked: Any) -> None:
    found = linked(EARLY, later(sponsor="Another Company"))
    pair = found["E", "L"]
    assert pair["is_link"]
    assert pair["shared_ingredients"] == ["newdrug"]
    assert (pair["drug_relation"], pair["condition_relation"], pair["sponsor_relation"]) == ("same", "same", "none")
    assert (pair["gap_days"], pair["start_gap_days"], pair["posted_on"]) == (430, 730, date(2012, 1, 1))


def test_another_condition_is_no_link_even_of_the_same_sponsor(linked: Any) -> None:
    assert not linked(EARLY, later(condition="Parkinson Disease")).get(("E", "L"), {"is_link": False})["is_link"]


def test_a_mesh_term_in_common_is_the_same_condition(linked: Any) -> None:
    early = trial("E", "PHASE1", date(2010, 1, 1), "newdrug", condition="Plaque-type skin disease", term="Psoriasis")
    assert linked(early, later(term="Psoriasis"))["E", "L"]["condition_relation"] == "same"


def test_titles_that_name_kinds_apart_make_it_another_condition(linked: Any) -> None:
    early = trial("E", "PHASE2", date(2010, 1, 1), "newdrug", condition="Lung Cancer", brief_title="A in NSCLC")
    after = later(phase="PHASE3", condition="Lung Cancer", brief_title="A in Small-Cell Lung Cancer")
    assert linked(early, after)["E", "L"]["condition_relation"] == "near"


@pytest.mark.parametrize("role", ["placebo", "comparator", "background"])
def test_what_is_not_under_test_links_nothing(linked: Any, role: str) -> None:
    early = trial("E", "PHASE1", date(2010, 1, 1), "own", "shared", roles={"shared": role})
    after = trial("L", "PHASE2", date(2012, 1, 1), "other", "shared", roles={"shared": role})
    assert linked(early, after) == {}


def test_what_one_tests_and_the_other_compares_with_links_nothing(linked: Any) -> None:
    after = trial("L", "PHASE2", date(2012, 1, 1), "other", "newdrug", roles={"newdrug": "comparator"})
    assert linked(EARLY, after) == {}


def test_a_drug_goes_on_in_a_combination(linked: Any) -> None:
    found = linked(EARLY, trial("L", "PHASE2", date(2012, 1, 1), "newdrug", "partner"))["E", "L"]
    assert found["is_link"]
    assert (found["drug_relation"], found["is_combination"]) == ("later_adds", False)


def test_a_partner_that_goes_on_without_the_new_drug_continues_another_trial(linked: Any) -> None:
    others = [trial(f"C{n}", "PHASE4", date(2005, 1, 1 + n), "partner", condition="Gout") for n in range(20)]
    early = trial("E", "PHASE2", date(2010, 1, 1), "newdrug", "partner")
    found = linked(early, later(drug="partner", phase="PHASE3"), *others)["E", "L"]
    assert (found["drug_relation"], found["shares_earlier_rarest"]) == ("later_drops", False)
    assert not found["is_link"]


@pytest.mark.parametrize(
    ("earlier", "after", "is_candidate"),
    [
        ("PHASE1", "PHASE1/PHASE2", True),
        ("EARLY_PHASE1", "PHASE2", True),
        ("PHASE1", "PHASE3", True),
        ("PHASE1/PHASE2", "PHASE2", True),
        ("PHASE2", "PHASE2/PHASE3", True),
        ("PHASE2/PHASE3", "PHASE3", True),
        ("EARLY_PHASE1", "PHASE1", False),
        ("PHASE2", "PHASE2", False),
        ("PHASE2", "PHASE1", False),
        ("PHASE3", "PHASE4", False),
        ("PHASE1", "PHASE4", False),
        ("PHASE1", "NA", False),
    ],
)
def test_steps_lead_to_later_phases_and_never_to_phase_4(
    linked: Any, earlier: str, after: str, is_candidate: bool
) -> None:
    assert (("E", "L") in linked(trial("E", earlier, date(2010, 1, 1), "newdrug"), later(phase=after))) == is_candidate


@pytest.mark.parametrize(
    ("precision", "start", "is_candidate"),
    [
        ("day", date(2010, 1, 2), True),
        ("day", date(2010, 1, 1), False),
        ("day", date(2009, 12, 31), False),
        ("month", date(2010, 1, 20), False),
        ("month", date(2010, 2, 1), True),
        ("year", date(2010, 12, 31), False),
    ],
)
def test_the_later_trial_must_certainly_start_later(
    linked: Any, precision: str, start: date, is_candidate: bool
) -> None:
    early = trial("E", "PHASE1", date(2010, 1, 1), "newdrug", start_date_precision=precision)
    assert (("E", "L") in linked(early, later(start))) == is_candidate


def test_a_start_within_the_earlier_trial_weighs_less(linked: Any) -> None:
    after, within = later(), trial("P", "PHASE2", date(2010, 6, 1), "newdrug")
    found = linked(EARLY, after, within)
    assert odds(found["E", "P"]) < odds(found["E", "L"]) / 1.3


def test_what_is_for_children_alone_is_not_continued_by_what_is_for_adults(linked: Any) -> None:
    ages = [{"nct_id": "E", "maximum_age_years": 18.0, "sex": "ALL"}, {"nct_id": "L", "minimum_age_years": 18.0}]
    found = linked(EARLY, later(), core_eligibility=ages)["E", "L"]
    assert not found["population_agrees"]


def common(n: int, drug: str, condition: str, sponsor: str = "") -> list[dict[str, Rows]]:
    """Return phase 2 trials of a drug, of sponsors of their own."""
    start = date(2000, 1, 1)
    numbers = [next(NUMBERS) for _ in range(n)]
    return [
        trial(
            f"C{number:05}",
            "PHASE2",
            start + timedelta(days=number),
            drug,
            condition=condition,
            sponsor=sponsor or f"Company {number}",
        )
        for number in numbers
    ]


def test_a_common_drug_needs_a_condition_or_a_sponsor_in_common(linked: Any) -> None:
    others = common(60, "newdrug", "Gout")
    elsewhere = trial("X", "PHASE3", date(2012, 1, 2), "newdrug", condition="Migraine", sponsor="Elsewhere Pharma")
    found = linked(EARLY, later(sponsor="Other Pharma"), elsewhere, *others)
    assert ("E", "L") in found
    assert ("E", "X") not in found


def test_pairs_of_a_drug_in_a_thousand_trials_of_a_condition_stay_few(run_sql: Query, linked: Any) -> None:
    found = common(1000, "statin", "Psoriasis")
    trials = [
        *found[:500],
        *[one | {"core_study": [one["core_study"][0] | {"phase": "PHASE3"}]} for one in found[500:]],
    ]
    own = [
        trial("A", "PHASE2", date(2018, 1, 1), "statin", sponsor="Meadow Pharma"),
        trial("B", "PHASE3", date(2019, 1, 1), "statin", sponsor="Meadow Pharma"),
    ]
    linked(*trials, *own)
    (row,) = run_sql(
        "select count(*) as n, bool_or((nct_id, later_nct_id) = ('A', 'B')) as own from annot_phase_candidate"
    )
    assert row["n"] < 150 * 150
    assert row["own"]


def test_the_commoner_the_drug_the_less_it_tells(linked: Any) -> None:
    new = trial("N", "PHASE1", date(2010, 1, 1), "rare"), trial("O", "PHASE2", date(2012, 1, 1), "rare")
    found = linked(EARLY, later(), *new, *common(30, "newdrug", "Gout"))
    assert odds(found["E", "L"]) < odds(found["N", "O"]) / 3


def test_later_trials_of_a_drug_change_no_earlier_pair(linked: Any, empty: duckdb.DuckDBPyConnection) -> None:
    before = linked(EARLY, later(sponsor="Other Pharma"))["E", "L"]
    for name in ("annot_drug_share", "annot_phase_candidate", "annot_phase_linkage", "annot_phase_progress"):
        empty.execute(f"delete from {name}")
    after = [
        trial(f"F{n}", "PHASE3", date(2015, 1, 1) + timedelta(days=n), "newdrug", condition="Gout") for n in range(200)
    ]
    assert linked(*after)["E", "L"] == before


def vectors(earlier: list[float], after: list[float]) -> Rows:
    return [
        {"nct_id": nct_id, "text_kind": kind, "vector": vector, "model": "model", "revision": "1"}
        for nct_id, vector in (("E", earlier), ("L", after))
        for kind in ("title", "summary")
    ]


def test_embeddings_stand_in_for_words_where_both_trials_have_them(linked: Any) -> None:
    alike = linked(EARLY, later(), annot_text_embedding=vectors([1.0, 0.0], [1.0, 0.0]))["E", "L"]
    assert alike["embedding_similarity"] == pytest.approx(1)
    assert (alike["model"], alike["revision"]) == ("model", "1")


def test_embeddings_that_differ_speak_against_a_link(linked: Any) -> None:
    unlike = linked(EARLY, later(), annot_text_embedding=vectors([1.0, 0.0], [0.0, 1.0]))["E", "L"]
    assert unlike["embedding_similarity"] == pytest.approx(0)
    assert unlike["link_probability"] < 0.8


def test_without_the_embedding_of_one_the_words_count(linked: Any) -> None:
    half = linked(EARLY, later(), annot_text_embedding=vectors([1.0, 0.0], [0.0, 1.0])[:2])["E", "L"]
    assert (half["embedding_similarity"], half["model"]) == (None, None)


def test_texts_are_read_of_compared_trials_alone_and_empty_ones_are_not_asked_about(
    run_sql: Query, linked: Any
) -> None:
    alone = trial("A", "PHASE1", date(2010, 1, 1), "elsewhere")
    linked(EARLY, later(), alone, core_summary=[{"nct_id": "E", "brief_summary": " "}])
    found = run_sql(f"select nct_id, text_kind, skip_reason from ({text_embedding.sql}) order by all")
    assert [tuple(row.values()) for row in found] == [
        ("E", "summary", "no_text"),
        ("E", "title", None),
        ("L", "title", None),
    ]


def test_a_vector_is_read_from_a_list_of_numbers() -> None:
    assert text_embedding.read
    assert text_embedding.read({}, Reply("[0.5, -1]")) == {"vector": [0.5, -1]}


@pytest.mark.parametrize("answer", ["", "{}", "[]", "[0, 0]", '["a"]', "[true]", "[NaN, 1]", "[1e999]"])
def test_anything_else_is_no_vector(answer: str) -> None:
    assert text_embedding.read
    with pytest.raises(BadAnswerError):
        text_embedding.read({}, Reply(answer))


def cut(phase: str = "PHASE1", days: float = 1000) -> Rows:
    return [{"label_function": "phase_progression", "phase": phase, "score_basis": "days_to_next_phase", "cut": days}]


@pytest.fixture
def votes(run_sql: Query, empty: duckdb.DuckDBPyConnection, linked: Any) -> Callable[..., dict[str, dict[str, Any]]]:
    """Return a function that answers the votes on trials as of a day."""

    def vote(*trials: dict[str, Rows], as_of: date = DAY, is_current: bool = True, **tables: Rows) -> Any:
        linked(*trials, run=[{"as_of": as_of, "is_current": is_current}], **tables)
        return {row["nct_id"]: row for row in run_sql(phase_progression.vote_sql)}

    return vote


def test_a_link_is_a_vote_from_the_later_trials_first_posting_on(votes: Any) -> None:
    found = votes(EARLY, later(first_post_date=date(2012, 3, 4)))["E"]
    assert (found["vote"], found["available_at"]) == (1, date(2012, 3, 4))
    assert found["available_at_basis"] == "later_trial_posted"
    assert "L" in found["evidence"]["says"]
    assert "annot_phase_linkage:E:L" in found["evidence"]["rows"]


def test_before_that_it_is_none(votes: Any) -> None:
    assert votes(EARLY, later(), as_of=date(2011, 12, 31), is_current=False) == {}


def test_an_undated_posting_counts_only_now(votes: Any, run_sql: Query, empty: duckdb.DuckDBPyConnection) -> None:
    found = votes(EARLY, later(first_post_date=None))["E"]
    assert (found["vote"], found["available_at"]) == (1, None)
    empty.execute("update run set is_current = false")
    assert run_sql(phase_progression.vote_sql) == []


def test_a_trial_registered_after_its_continuation_has_a_vote_once_it_is_public(votes: Any) -> None:
    early = trial("E", "PHASE1", date(2010, 1, 1), "newdrug", first_post_date=date(2013, 1, 1))
    assert votes(early, later())["E"]["available_at"] == date(2013, 1, 1)


def test_a_withdrawn_trial_continues_nothing_once_that_is_known(
    votes: Any, run_sql: Query, empty: duckdb.DuckDBPyConnection
) -> None:
    withdrawn = later(overall_status="WITHDRAWN", stop_known_since=date(2013, 1, 1))
    assert votes(EARLY, withdrawn) == {}
    empty.execute("update run set as_of = date '2012-06-01', is_current = false")
    assert [row["vote"] for row in run_sql(phase_progression.vote_sql)] == [1]


def test_silence_is_failure_once_the_waiting_time_has_passed(votes: Any) -> None:
    found = votes(EARLY, cut_point=cut())["E"]
    assert (found["vote"], found["score"], found["available_at"]) == (0, 1000, date(2013, 7, 24))
    assert found["available_at_basis"] == "waiting_time_passed"


def test_until_then_the_trial_is_censored(votes: Any, run_sql: Query) -> None:
    day = date(2013, 7, 23)
    assert votes(EARLY, cut_point=cut(), as_of=day, is_current=False) == {}
    ended = [{"nct_id": "E", "is_ended": True, "as_of": day}]
    (label,) = run_sql(published()["labels"], trials=ended, definition=[{"definition": "progressed"}])
    assert (label["label"], label["is_censored"], label["horizon_end"]) == (None, True, date(2013, 7, 24))


def test_a_link_after_the_waiting_time_turns_failure_into_success(
    votes: Any, run_sql: Query, empty: duckdb.DuckDBPyConnection
) -> None:
    assert votes(EARLY, later(date(2015, 1, 1)), cut_point=cut())["E"]["vote"] == 1
    empty.execute("update run set as_of = date '2014-12-31', is_current = false")
    assert [row["vote"] for row in run_sql(phase_progression.vote_sql)] == [0]


@pytest.mark.parametrize(
    ("why", "early", "tables"),
    [
        ("its phase has no waiting time", EARLY, {"cut_point": cut("PHASE2")}),
        ("it may go on", trial("E", "PHASE1", date(2010, 1, 1), "a", overall_status="SUSPENDED"), {}),
        ("it goes on", trial("E", "PHASE1", date(2010, 1, 1), "a", overall_status="RECRUITING"), {}),
        ("its start is not known", {**EARLY, "core_study": [EARLY["core_study"][0] | {"start_date": None}]}, {}),
        (
            "a drug of it is not identified",
            {**EARLY, "core_trial_ingredients": [EARLY["core_trial_ingredients"][0] | {"is_whole": False}]},
            {},
        ),
        (
            "it tests a supplement",
            {
                **EARLY,
                "core_intervention": [EARLY["core_intervention"][0] | {"intervention_type": "DIETARY_SUPPLEMENT"}],
            },
            {},
        ),
        ("no drug of it is identified", {**EARLY, "core_trial_ingredients": []}, {}),
    ],
)
def test_silence_tells_nothing(votes: Any, why: str, early: dict[str, Rows], tables: dict[str, Rows]) -> None:
    assert votes(early, **{"cut_point": cut(), **tables}) == {}, why


def test_silence_on_a_drug_too_common_to_be_followed_tells_nothing(votes: Any) -> None:
    assert "E" not in votes(*common(10, "newdrug", "Gout"), EARLY, cut_point=cut())


def test_silence_tells_nothing_beside_a_trial_that_may_be_a_continuation(
    votes: Any, empty: duckdb.DuckDBPyConnection, run_sql: Query
) -> None:
    partly = later(brief_title="Tablets for children with psoriasis", sponsor="Other Pharma")
    ages = [{"nct_id": "L", "maximum_age_years": 12.0}]
    assert "E" not in votes(EARLY, partly, cut_point=cut(), core_eligibility=ages)
    (pair,) = run_sql("select link_probability as p from annot_phase_linkage")
    assert 0.2 <= pair["p"] < 0.5
    empty.execute("update annot_phase_progress set signs = []")
    assert [row["vote"] for row in run_sql(phase_progression.vote_sql)] == [0]


PHASE_3 = trial("E", "PHASE3", date(2010, 1, 1), "newdrug")


def approval(day: date, drug: str = "newdrug") -> Rows:
    return [
        {
            "application_number": "NDA1",
            "kind": "original",
            "submission_number": "1",
            "approved_on": day,
            "drug_id": drug,
            "source": "drugs_at_fda",
        }
    ]


SPEAKS = [
    {
        "nct_id": "E",
        "application_number": "NDA1",
        "kind": "original",
        "submission_number": "1",
        "approved_on": date(2012, 5, 6),
        "speaks": True,
    }
]


def test_phase_3_goes_on_to_an_approval_that_speaks_for_it(votes: Any) -> None:
    found = votes(PHASE_3, core_approval=approval(date(2012, 5, 6)), core_trial_approval=SPEAKS)["E"]
    assert (found["vote"], found["available_at"]) == (1, date(2012, 5, 6))
    assert found["available_at_basis"] == "approval_date"


def test_phase_3_without_an_approval_fails_only_where_approvals_are_at_hand(votes: Any) -> None:
    cuts = cut("PHASE3")
    assert votes(PHASE_3, cut_point=cuts) == {}


def test_phase_3_fails_when_others_are_approved(votes: Any) -> None:
    found = votes(PHASE_3, cut_point=cut("PHASE3"), core_approval=approval(date(2005, 1, 1), "elsewhere"))
    assert found["E"]["vote"] == 0


@pytest.mark.parametrize("day", [date(2005, 1, 1), date(2018, 1, 1)])
def test_any_approval_of_the_drugs_keeps_phase_3_from_failing(votes: Any, day: date) -> None:
    assert votes(PHASE_3, cut_point=cut("PHASE3"), core_approval=approval(day)) == {}


def test_an_approval_to_come_is_not_known_in_a_look_back(votes: Any) -> None:
    others = approval(date(2001, 1, 1), "elsewhere")
    own = [approval(date(2018, 1, 1))[0] | {"application_number": "NDA2"}]
    found = votes(
        PHASE_3, cut_point=cut("PHASE3"), core_approval=others + own, as_of=date(2017, 1, 1), is_current=False
    )
    assert found["E"]["vote"] == 0


def test_a_business_stop_fails_to_progress_and_says_nothing_of_success(votes: Any, run_sql: Query) -> None:
    early = trial("E", "PHASE1", date(2010, 1, 1), "newdrug", overall_status="TERMINATED", stop_known_since=DAY)
    reason = [{"nct_id": "E", "reason": "business"}]
    assert votes(early, cut_point=cut(), core_stop_reason=reason) == {}
    assert [(row["nct_id"], row["vote"]) for row in run_sql(stopped_for_good.sql)] == [("E", 0)]
    assert set(stopped_for_good.informs) == {"progressed"}


def waited(number: int, days: int, goes_on: bool) -> list[dict[str, Rows]]:
    """Return a phase 1 trial that ended that many days before DAY, or before its continuation was posted."""
    drug = f"drug{number}"
    early = trial(f"E{number:03}", "PHASE1", DAY - timedelta(days=days + 100), drug, days=100)
    if not goes_on:
        return [early]
    start = date(2005, 1, 1)
    return [
        trial(f"E{number:03}", "PHASE1", start, drug, days=100),
        trial(f"L{number:03}", "PHASE2", start + timedelta(days=100 + days), drug),
    ]


def test_the_waiting_time_is_the_product_limit_estimates(
    run_sql: Query, empty: duckdb.DuckDBPyConnection, linked: Any
) -> None:
    """Of 40 waiting trials 10 go on after 100 days and 5 are censored at 150, 8 go on after 200, 4 after 500.

    By hand: 1 - 30/40 = .25; 1 - .75 × 17/25 = .49; 1 - .51 × 13/17 = .61. Four fifths of .61 are .488: 200 days.
    """
    spans = [(100, True)] * 10 + [(150, False)] * 5 + [(200, True)] * 8 + [(500, True)] * 4 + [(900, False)] * 13
    trials = [one for number, (days, goes_on) in enumerate(spans) for one in waited(number, days, goes_on)]
    linked(*trials, run=[{"as_of": DAY, "is_current": True}])
    open_ended(empty)
    assert run_sql(f"select * from ({phase_progression.cuts})") == [
        {"phase": "PHASE1", "score_basis": "days_to_next_phase", "cut": 200, "band": 0, "n": 40, "fitted_on": "phase"}
    ]


def test_too_few_that_go_on_give_no_waiting_time(run_sql: Query, empty: duckdb.DuckDBPyConnection, linked: Any) -> None:
    spans = [(100, True)] * 19 + [(900, False)] * 21
    linked(
        *[one for number, (days, on) in enumerate(spans) for one in waited(number, days, on)],
        run=[{"as_of": DAY, "is_current": True}],
    )
    open_ended(empty)
    assert run_sql(phase_progression.cuts) == []


def test_the_curve_knows_no_link_of_a_later_day(run_sql: Query, empty: duckdb.DuckDBPyConnection, linked: Any) -> None:
    spans = [(100, True)] * 20 + [(400, True)] * 20
    trials = [one for number, (days, on) in enumerate(spans) for one in waited(number, days, on)]
    linked(*trials, run=[{"as_of": date(2005, 1, 1) + timedelta(days=300), "is_current": False}])
    open_ended(empty)
    (row,) = run_sql(phase_progression.cuts)
    assert (row["cut"], row["n"]) == (100, 40)
    empty.execute("update run set as_of = date '2020-01-01'")
    open_ended(empty)
    (row,) = run_sql(phase_progression.cuts)
    assert row["cut"] == 400
