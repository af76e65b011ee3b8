"""Papers: when they were public, what they are, which trial's results they report, and how often that is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import pytest

from tests.worlds.publications import MODELS, Rows, World, connect, fill, make

NCT, OTHER, PMID = "NCT99990001", "NCT99990002", "99990001"
Paper = Callable[..., dict[str, Any]]
Judge = Callable[..., Rows]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return connect()


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    got = con.execute(sql)
    names = [column[0] for column in got.description]
    return [dict(zip(names, row, strict=True)) for row in got.fetchall()]


@pytest.fixture(scope="module")
def paper(con: duckdb.DuckDBPyConnection) -> Paper:
    """Return a function that gives the row of core_publication on one article."""

    def run(
        types: tuple[str, ...] = (), notes: Rows = (), numbers: tuple[str, ...] = (), **article: Any
    ) -> dict[str, Any]:  # type: ignore[assignment]
        tables = {
            "raw_pubmed__article": [{"pmid": PMID, "is_book": False, **article}],
            "raw_pubmed__publication_type": [{"pmid": PMID, "publication_type": name} for name in types],
            "raw_pubmed__correction": [{"pmid": PMID, "correction_index": i, **n} for i, n in enumerate(notes, 1)],
            "raw_pubmed__accession": [
                {"pmid": PMID, "databank": "ClinicalTrials.gov", "accession": n} for n in numbers
            ],
        }
        fill(con, tables, MODELS[:1])
        (row,) = rows(con, "from core_publication")
        return row

    return run


@pytest.mark.parametrize(
    ("words", "start", "precision", "end"),
    [
        ("2010-05-03", "2010-05-03", "day", "2010-05-03"),
        ("2010-05", "2010-05-01", "month", "2010-05-31"),
        ("2010", "2010-01-01", "year", "2010-12-31"),
        ("2010 May-Jun", "2010-05-01", "month", "2010-06-30"),
        ("1998 Dec-1999 Jan", "1998-12-01", "month", "1999-01-31"),
        ("2001 Aug 13-27", "2001-08-01", "month", "2001-08-27"),
        ("2011 Jul 28-Aug 3", "2011-07-01", "month", "2011-08-03"),
        ("2008 Dec 29-2009 Jan 4", "2008-12-01", "month", "2009-01-04"),
        ("2010 Nov 31", "2010-11-01", "month", "2010-11-30"),
        ("2010 Spring", "2010-01-01", "year", "2010-06-30"),
        ("2010 Summer", "2010-01-01", "year", "2010-09-30"),
        ("2009 Fall-Winter", "2009-01-01", "year", "2010-03-31"),
        ("2000 1st Quart", "2000-01-01", "year", "2000-03-31"),
        ("1999-2000", "1999-01-01", "year", "2000-12-31"),
        ("1978-79", "1978-01-01", "year", "1979-12-31"),
        ("in press", None, None, None),
        (None, None, None, None),
    ],
)
def test_an_issue_is_public_for_certain_by_the_last_day_its_date_may_mean(
    paper: Paper, words: str | None, start: str | None, precision: str | None, end: str | None
) -> None:
    row = paper(issue_date_text=words)
    assert (row["publication_date"], row["publication_date_precision"], row["available_on"]) == (
        start and date.fromisoformat(start),
        precision,
        end and date.fromisoformat(end),
    )
    assert row["publication_date_basis"] == row["available_on_basis"] == (start and "issue")


@pytest.mark.parametrize(
    ("electronic", "issue", "entrez", "published", "basis", "available", "available_basis"),
    [
        ("2014-01-20", "2014-03", "2014-01-22", "2014-01-20", "electronic", "2014-01-20", "electronic"),
        ("2014-05-02", "2014-03", "2014-05-04", "2014-03-01", "issue", "2014-05-02", "electronic"),
        (None, "2014-03", "2014-02-22", "2014-02-22", "entrez", "2014-02-22", "entrez"),
        (None, "2010 May-Jun", "2010-09-15", "2010-05-01", "issue", "2010-09-15", "entrez"),
        ("2014-01", "2014-03-04", None, "2014-03-04", "issue", "2014-03-04", "issue"),
        (None, None, None, None, None, None, None),
    ],
)
def test_evidence_is_never_dated_before_it_was_public(
    paper: Paper,
    electronic: str | None,
    issue: str | None,
    entrez: str | None,
    published: str | None,
    basis: str | None,
    available: str | None,
    available_basis: str | None,
) -> None:
    row = paper(electronic_date_text=electronic, issue_date_text=issue, entrez_date_text=entrez)
    assert (row["publication_date"] and str(row["publication_date"]), row["publication_date_basis"]) == (
        published,
        basis,
    )
    assert (row["available_on"] and str(row["available_on"]), row["available_on_basis"]) == (available, available_basis)


FLAGS = ("is_retracted", "is_notice", "is_review", "is_protocol", "has_erratum", "is_trial_report")


@pytest.mark.parametrize(
    ("types", "notes", "flags"),
    [
        (("Journal Article", "Randomized Controlled Trial"), [], {"is_trial_report"}),
        (("Retracted Publication",), [], {"is_retracted"}),
        ((), [{"ref_type": "RetractionIn", "ref_pmid": "1"}], {"is_retracted"}),
        ((), [{"ref_type": "RetractionOf", "ref_pmid": "1"}], {"is_notice"}),
        ((), [{"ref_type": "ErratumIn", "ref_pmid": "1"}], {"has_erratum"}),
        ((), [{"ref_type": "CommentIn", "ref_pmid": "1"}], set()),
        (("Comment", "Editorial"), [], {"is_notice"}),
        (("Letter",), [], {"is_notice"}),
        (("Letter", "Randomized Controlled Trial"), [], {"is_trial_report"}),
        (("Published Erratum",), [{"ref_type": "ErratumFor", "ref_pmid": "1"}], {"is_notice"}),
        (("Meta-Analysis", "Randomized Controlled Trial"), [], {"is_review", "is_trial_report"}),
        (("Review",), [], {"is_review"}),
        (("Review", "Clinical Trial, Phase II"), [], {"is_trial_report"}),
        (("Clinical Trial Protocol",), [], {"is_protocol"}),
    ],
)
def test_types_and_notes_say_what_a_paper_is(
    paper: Paper, types: tuple[str, ...], notes: Rows, flags: set[str]
) -> None:
    row = paper(types, notes, title="An invented drug in gout")
    assert {flag for flag in FLAGS if row[flag]} == flags
    assert row["retraction_pmid"] == ("1" if "RetractionIn" in str(notes) else None)


@pytest.mark.parametrize(
    ("title", "kinds"),
    [
        ("Velorimab versus placebo in psoriasis: a randomised, double-blind, phase 3 trial", set()),
        ("Velorimab in patients with psoriasis: results of a phase 2 study of the Fictional Group", set()),
        ("Reverse transcriptase inhibitors in children: week 24 results", set()),
        ("Intensive treatment of leukaemia on protocol 076: per-protocol results", set()),
        ("A phase I and pharmacokinetic study of velorimab", set()),
        ("Final analysis of a randomised trial of velorimab", set()),
        ("Response to velorimab in psoriasis", set()),
        ("Rationale and design of the VELO-1 trial", {"is_protocol"}),
        ("Velorimab in psoriasis: study protocol for a randomised trial", {"is_protocol"}),
        ("Design, methods and baseline characteristics of VELO-1", {"is_protocol", "baseline"}),
        ("Velorimab for psoriasis: a systematic review and meta-analysis", {"is_review"}),
        ("Early therapy: a randomised trial and updated systematic review", set()),
        ("Why does velorimab fail?", {"is_review"}),
        ("Retraction notice to: Velorimab in psoriasis", {"is_notice"}),
        ("Comment on velorimab in psoriasis", {"is_notice"}),
        ("Velorimab in psoriasis: reply.", {"is_notice"}),
        ("Velorimab in psoriasis: a post-hoc analysis of VELO-1", {"post_hoc"}),
        ("Velorimab in psoriasis: pooled results of three trials", {"pooled"}),
        ("Velorimab in psoriasis: results of 4 randomised trials", {"pooled"}),
        ("Velorimab in psoriasis: two randomised phase 3 trials", set()),
        ("Velorimab according to baseline weight", {"subgroup"}),
        ("Five-year follow-up of VELO-1", {"long_term"}),
        ("Cost-effectiveness of velorimab", {"economic"}),
        ("Health-related quality of life with velorimab", {"quality_of_life"}),
        ("Survival and quality of life with velorimab", set()),
        ("Population pharmacokinetics of velorimab", {"pharmacology"}),
        ("IL-23 gene expression in skin", {"biomarker"}),
        ("Velorimab in psoriasis: a phase 2 biomarker trial", set()),
        ("Predictors of response to velorimab", {"association"}),
        ("Adherence to velorimab", {"adherence"}),
        ("Validation of a skin score", {"method"}),
    ],
)
def test_a_title_says_what_a_paper_is(paper: Paper, title: str, kinds: set[str]) -> None:
    row = paper(title=title)
    assert {flag for flag in ("is_notice", "is_review", "is_protocol") if row[flag]} | {
        *row["secondary_kinds"]
    } == kinds
    assert row["is_secondary"] == bool(row["secondary_kinds"])


def test_every_number_that_a_paper_gives_is_counted_once(paper: Paper) -> None:
    abstract = f"Registered as {NCT.lower()} and NCT 99990002; XNCT99990003 is none, nor is NCT999900044."
    row = paper(numbers=(NCT, "ISRCTN123", "nct99990009"), abstract=abstract)
    assert (row["accession_nct_ids"], row["text_nct_ids"]) == ([NCT, "NCT99990009"], [NCT, OTHER])
    assert row["n_trials"] == 3


STUDY = {
    "nct_id": NCT,
    "brief_title": "Velorimab in Psoriasis",
    "official_title": "A Randomized Phase 3 Study of Velorimab in Patients With Plaque Psoriasis",
    "acronym": "VELO-1",
    "nct_id_aliases": ["NCT99990777"],
    "start_date": date(2010, 1, 1),
    "start_date_precision": "day",
    "primary_completion_date": date(2012, 6, 1),
    "primary_completion_date_precision": "month",
}
REPORT = {
    "title": "Velorimab in plaque psoriasis (VELO-1): a randomised phase 3 trial",
    "electronic_date_text": "2013-05-02",
}
NAMED = f"It is registered as {NCT}."


@pytest.fixture(scope="module")
def judge(con: duckdb.DuckDBPyConnection) -> Judge:
    """Return a function that gives the rows on trials and papers; a paper names the trial if no abstract is given."""

    def run(*papers: dict[str, Any], studies: Rows = (STUDY,), references: Rows = (), **tables: Rows) -> Rows:  # type: ignore[assignment]
        articles = [{"pmid": PMID, "is_book": False, "abstract": NAMED, **REPORT, **paper} for paper in papers]
        given = {"core_study": studies, "core_reference": references, "raw_pubmed__article": articles}
        fill(con, given | tables)
        joined = "core_trial_publication t join core_publication_link using (nct_id, pmid)"
        return rows(con, f"select t.*, title_overlap, trial_overlap from {joined} order by nct_id, pmid")

    return run


def reference(reference_type: str, nct_id: str = NCT, pmid: str = PMID) -> dict[str, Any]:
    return {"nct_id": nct_id, "reference_index": 1, "pmid": pmid, "reference_type": reference_type}


@pytest.mark.parametrize(
    ("abstract", "accession", "reference_type", "basis"),
    [
        (NAMED, None, None, ["title_or_abstract"]),
        ("Registered as nct99990777.", None, None, ["title_or_abstract"]),
        (None, NCT, None, ["accession"]),
        (None, None, "RESULT", ["reference_result"]),
        (NAMED, NCT, "DERIVED", ["accession", "reference_derived", "title_or_abstract"]),
        (None, None, "BACKGROUND", None),
        ("Velorimab in plaque psoriasis, VELO-1.", None, None, None),
        ("Registered as NCT00000001.", None, None, None),
    ],
)
def test_only_a_number_or_a_reference_ties_a_paper_to_a_trial(
    judge: Judge, abstract: str | None, accession: str | None, reference_type: str | None, basis: list[str] | None
) -> None:
    numbers = [{"pmid": PMID, "databank": "ClinicalTrials.gov", "accession": accession}] if accession else []
    references = [reference(reference_type)] if reference_type else []
    got = judge({"abstract": abstract}, references=references, raw_pubmed__accession=numbers)
    assert [row["link_basis"] for row in got] == ([basis] if basis else [])


@pytest.mark.parametrize(
    ("change", "why_not"),
    [
        ({}, None),
        ({"title": "Erratum: velorimab in plaque psoriasis"}, "notice"),
        ({"title": "Velorimab: a review"}, "review"),
        ({"title": "Design of the VELO-1 trial of velorimab"}, "protocol"),
        ({"electronic_date_text": "2011-07-02"}, None),
        ({"electronic_date_text": "2011-05-02"}, "before_completion"),
        ({"electronic_date_text": "2009-12-31"}, "before_completion"),
        ({"electronic_date_text": "2017-06-29"}, None),
        ({"electronic_date_text": "2017-07-01"}, "too_late"),
        ({"electronic_date_text": None, "issue_date_text": "2011 Apr-Jul"}, None),
        ({"electronic_date_text": None}, None),
        ({"title": "Predictors of response to velorimab"}, "secondary"),
        ({"abstract": f"{NCT} NCT99990011 NCT99990012"}, None),
        ({"abstract": f"{NCT} NCT99990011 NCT99990012 NCT99990013"}, "secondary"),
        ({"title": "Eye disease in general practice"}, "low_relevance"),
    ],
)
def test_every_paper_that_is_no_report_says_why(judge: Judge, change: dict[str, Any], why_not: str | None) -> None:
    (row,) = judge(change)
    assert row["why_not"] == why_not
    assert (row["is_result_paper"], row["result_rank"]) == ((True, 1) if why_not is None else (False, None))


def test_a_retracted_report_reports_nothing(judge: Judge) -> None:
    types = [{"pmid": PMID, "publication_type": "Retracted Publication"}]
    (row,) = judge({}, raw_pubmed__publication_type=types)
    assert row["why_not"] == "retracted"


def test_a_trial_that_begins_after_a_paper_is_not_reported_by_it_whatever_its_end(judge: Judge) -> None:
    (row,) = judge({"electronic_date_text": "2009-06-01"}, studies=[STUDY | {"primary_completion_date": None}])
    assert (row["why_not"], row["days_from_completion"]) == ("before_completion", None)


@pytest.mark.parametrize(("day", "days"), [("2012-05-31", -1), ("2012-06-01", 0), ("2012-06-30", 0), ("2012-07-01", 1)])
def test_days_are_counted_from_the_edges_of_a_month(judge: Judge, day: str, days: int) -> None:
    assert judge({"electronic_date_text": day})[0]["days_from_completion"] == days


@pytest.mark.parametrize(
    ("change", "why_not"),
    [
        ({}, "secondary"),
        ({"official_title": "Quality of Life With Velorimab in Psoriasis"}, None),
        ({"measure": "Health-related quality of life"}, None),
        ({"measure": "Skin score"}, "secondary"),
    ],
)
def test_what_the_trial_is_about_is_not_secondary_to_it(
    judge: Judge, change: dict[str, Any], why_not: str | None
) -> None:
    study = STUDY | {k: v for k, v in change.items() if k != "measure"}
    outcomes = [{"nct_id": NCT, "outcome_type": "PRIMARY", "outcome_index": 1, "measure": change.get("measure")}]
    paper = {"title": "Quality of life with velorimab in psoriasis: the VELO-1 trial"}
    (row,) = judge(paper, studies=[study], core_registered_outcome=outcomes)
    assert row["why_not"] == why_not


SISTER = STUDY | {
    "nct_id": OTHER,
    "brief_title": "Velorimab Extension",
    "official_title": "Velorimab in Adolescents",
    "acronym": "VELO-2",
    "nct_id_aliases": [],
}


def test_a_paper_that_names_another_trial_only_is_that_ones(judge: Judge) -> None:
    paper = {"title": "Velorimab: a randomised trial"}
    got = judge(paper, studies=[STUDY, SISTER], references=[reference("RESULT", OTHER)])
    assert [row["why_not"] for row in got] == [None, "other_trial"]


def test_a_paper_with_a_sisters_acronym_is_the_sisters(judge: Judge) -> None:
    got = judge({"abstract": f"{NCT}, {OTHER}"}, studies=[STUDY, SISTER])
    assert [row["why_not"] for row in got] == [None, "other_trial"]
    assert [row["names_acronym"] for row in got] == [True, False]


def test_a_paper_that_names_one_trial_only_is_its_own_although_a_sister_claims_it(judge: Judge) -> None:
    got = judge({"abstract": OTHER}, studies=[STUDY, SISTER], references=[reference("RESULT")])
    assert [row["why_not"] for row in got] == ["other_trial", None]


def test_a_paper_whose_words_are_far_more_those_of_another_trial_is_that_ones(judge: Judge) -> None:
    paper = {"title": "Randomised phase 3 study of velorimab in plaque psoriasis", "abstract": None}
    other = SISTER | {"brief_title": "Eyes", "official_title": "Lens Opacity in Old Age", "acronym": None}
    got = judge(paper, studies=[STUDY, other], references=[reference("RESULT"), reference("RESULT", OTHER)])
    assert [row["why_not"] for row in got] == [None, "other_trial"]


def test_a_paper_on_two_trials_is_both_trials(judge: Judge) -> None:
    both = {
        "title": "Velorimab in psoriasis (VELO-1 and VELO-2): two randomised phase 3 trials",
        "abstract": f"{NCT}, {OTHER}",
    }
    assert [row["why_not"] for row in judge(both, studies=[STUDY, SISTER])] == [None, None]


def test_the_two_most_relevant_reports_are_ranked(judge: Judge) -> None:
    papers = [
        {"pmid": "1", "title": "Skin care with velorimab"},
        {"pmid": "2"},
        {"pmid": "3", "title": "Velorimab for psoriasis"},
        {"pmid": "4", "title": "Cost-effectiveness of velorimab in plaque psoriasis (VELO-1)"},
    ]
    got = judge(*papers)
    assert {row["pmid"]: row["result_rank"] for row in got} == {"1": None, "2": 1, "3": 2, "4": None}
    assert all(row["is_result_paper"] for row in got if row["pmid"] != "4")


def test_relevance_is_the_weighted_mean_of_its_parts(judge: Judge) -> None:
    weights = {"text_score": 0.4, "link_score": 0.2, "date_score": 0.15, "report_score": 0.15, "focus_score": 0.1}
    for row in judge(
        {}, {"pmid": "5", "title": "Eyes", "abstract": f"{NCT} {OTHER}"}, references=[reference("DERIVED")]
    ):
        assert row["relevance"] == pytest.approx(sum(weight * row[part] for part, weight in weights.items()))
        assert all(0 <= row[part] <= 1 for part in weights)


def test_rare_words_weigh_more_than_common_ones(judge: Judge) -> None:
    common = [
        STUDY | {"nct_id": f"NCT8888{i:04}", "official_title": "A study of patients", "brief_title": None}
        for i in range(50)
    ]
    rare, plain = judge(
        {"pmid": "1", "title": "Velorimab in eyes"},
        {"pmid": "2", "title": "Patients in eyes"},
        studies=[STUDY, *common],
    )
    assert rare["title_overlap"] > 1.2 * plain["title_overlap"]


def test_spelling_does_not_part_a_paper_from_its_trial(judge: Judge) -> None:
    study = STUDY | {"official_title": "Randomized Phase III Study of Anemia in Tumor Patients", "brief_title": None}
    (row,) = judge({"title": "Randomised phase 3 study of anaemia in tumours patient"}, studies=[study])
    assert row["title_overlap"] == pytest.approx(1)


@pytest.fixture(scope="module")
def world() -> tuple[World, Rows]:
    """Return a world of 1,200 trials, and what is made of each paper of each."""
    made, con = make(300, seed=20260101), connect()
    fill(con, made.tables)
    return made, rows(con, "select nct_id, pmid, result_rank as rank, why_not from core_trial_publication")


def test_the_first_paper_of_an_invented_trial_reports_its_results(world: tuple[World, Rows]) -> None:
    made, found = world
    first = {row["nct_id"]: row["pmid"] for row in found if row["rank"] == 1}
    reported = {nct_id for nct_id, pmids in made.reports.items() if pmids}
    assert len(made.reports) >= 1_000
    assert min(len(first), len(reported)) >= 900
    right = {nct_id for nct_id, pmid in first.items() if pmid in made.reports[nct_id]}
    assert len(right) >= 0.92 * len(first)
    assert len(right) >= 0.94 * len(reported)


def test_the_first_two_papers_of_an_invented_trial_report_its_results(world: tuple[World, Rows]) -> None:
    made, found = world
    ranked = {(row["nct_id"], row["pmid"]) for row in found if row["rank"]}
    true = {(nct_id, pmid) for nct_id, pmids in made.reports.items() for pmid in pmids}
    assert min(len(ranked), len(true)) >= 1_100
    assert len(ranked & true) >= 0.85 * len(ranked)
    assert len(ranked & true) >= 0.93 * len(true)


def test_what_is_taken_for_a_report_in_an_invented_world_has_a_title_that_does_not_tell(
    world: tuple[World, Rows],
) -> None:
    made, found = world
    wrong = Counter(
        made.kinds[row["pmid"]]
        for row in found
        if row["why_not"] is None and row["pmid"] not in made.reports[row["nct_id"]]
    )
    assert {"retracted", "comment", "background", "pooled"}.isdisjoint(wrong)
    titles = {row["pmid"]: row["title"] for row in made.tables["raw_pubmed__article"]}
    secondary = [
        titles[row["pmid"]] for row in found if row["why_not"] is None and made.kinds[row["pmid"]] == "secondary"
    ]
    assert len(secondary) >= 30
    assert all(title.startswith("Sleep and work") for title in secondary)
