"""Which papers report a trial's results, measured on the papers that real records refer to.

A citation gives a paper's title, journal and dates; abstracts, types and numbers are not at hand. So what rests on
titles and dates is measured: the harder half, as a real article says more of itself.
"""

from __future__ import annotations

import calendar
import csv
import gzip
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pytest

from cto import registry
from cto.plan import models
from tests.real import REGISTRY, at, needs_registry
from tests.worlds.publications import build, connect

pytestmark = needs_registry

Studies = dict[str, dict[str, Any]]
READINGS = Path(__file__).parent / "readings" / "publications.csv"
# 'Authors. Title. Journal. 2005 Oct 1;23(28):6854-64. doi: … Epub 2005 Sep 1.'
DAY = r"[12]\d{3}(?: [A-Z][a-z]{2,5}(?:-[A-Z][a-z]{2})?)?(?: \d{1,2}(?:-\d{1,2})?)?"
CITATION = re.compile(rf"(?:.+?\. )?(?P<title>.+?[.?!]) (?P<journal>[^.?!]+)\. (?P<issue>{DAY})[;.:]")
ELECTRONIC = re.compile(rf"Epub ({DAY})\.")
MONTHS = {month: number for number, month in enumerate(calendar.month_abbr)}


class Cited(NamedTuple):
    """A paper that a record refers to."""

    nct_id: str
    pmid: str
    reference_type: str
    title: str
    journal: str
    issue: str
    electronic: str | None


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database with the core tables of trials that papers are judged by."""
    with connect() as con, gzip.open(REGISTRY, "rb") as lines:
        con.execute("create table raw_page as select 'clinicaltrials_gov' as source, 0::ubigint as page, 0 as position")
        for thing in ("listing", "study"):
            con.execute(f"alter table raw_clinicaltrials_gov__{thing} add column page ubigint default 0")
        con.execute("create view raw_clinicaltrials_gov__study_version as select *, 0 as position "
                    "from raw_clinicaltrials_gov__study")  # fmt: skip
        (source,) = (source for source in registry.connectors() if source.name == "clinicaltrials_gov")
        body = b'{"studies": [' + b",".join(lines.read().splitlines()) + b"]}"
        for name, rows in source.parse("studies", body).tables.items():
            con.register("rows", rows)
            con.execute(f"insert into {name} by name from rows")
            con.unregister("rows")
        for name in ("study", "condition", "sponsor", "intervention", "registered_outcome"):
            table = registry.tables()[f"core_{name}"]
            con.execute(f"insert into {table.name} select {table.select_list()} from ({models()[table.name]})")
        yield con


@pytest.fixture(scope="module")
def cited(studies: Studies) -> list[Cited]:
    """Return the papers that real trials refer to and whose citation can be taken apart, each once a trial."""
    found = {}
    for nct_id, study in studies.items():
        for reference in at(study, "protocolSection.referencesModule.references", []):
            parts = CITATION.match(reference.get("citation", ""))
            is_trial = at(study, "protocolSection.designModule.studyType") == "INTERVENTIONAL"
            if is_trial and parts and reference.get("pmid"):
                electronic = ELECTRONIC.search(reference["citation"])
                found[nct_id, reference["pmid"]] = Cited(
                    nct_id,
                    reference["pmid"],
                    reference["type"],
                    parts["title"],
                    parts["journal"],
                    _day(parts["issue"]),
                    _day(electronic[1]) if electronic else None,
                )
    return list(found.values())


def _day(words: str) -> str:
    """'2005 Oct 1' as PubMed's connector writes it, 2005-10-01; a span stays in words."""
    year, *rest = words.split()
    if not rest or rest[0] not in MONTHS or (len(rest) > 1 and not rest[1].isdigit()):
        return words
    return "-".join([year, f"{MONTHS[rest[0]]:02}", *(f"{int(day):02}" for day in rest[1:])])


def judge(con: duckdb.DuckDBPyConnection, papers: Iterable[Cited], pairs: Iterable[tuple[str, str]]) -> None:
    """Fill the tables of papers as if the records of these trials gave these papers as results."""
    articles = list({paper.pmid: paper for paper in papers}.values())
    columns = {"pmid": "pmid", "title": "title", "journal": "journal"} | {
        "issue_date_text": "issue",
        "electronic_date_text": "electronic",
    }
    rows = {column: [getattr(paper, name) for paper in articles] for column, name in columns.items()}
    con.register("articles", pa.table(rows | {"is_book": [False] * len(articles)}))
    con.register("pairs", pa.table(dict(zip(("nct_id", "pmid"), zip(*sorted(set(pairs)), strict=True), strict=True))))
    con.execute("delete from raw_pubmed__article")
    con.execute("insert into raw_pubmed__article by name from articles")
    con.execute("delete from core_reference")
    con.execute(
        "insert into core_reference by name select *, 1 as reference_index, 'RESULT' as reference_type from pairs"
    )
    build(con)


def test_nearly_every_citation_can_be_taken_apart(studies: Studies, cited: list[Cited]) -> None:
    n = {
        (nct_id, reference["pmid"])
        for nct_id, study in studies.items()
        if at(study, "protocolSection.designModule.studyType") == "INTERVENTIONAL"
        for reference in at(study, "protocolSection.referencesModule.references", [])
        if reference.get("pmid")
    }
    assert len(cited) >= 0.98 * len(n) >= 6_500


N_PAPERS, N_DECOYS = 400, 200


@pytest.fixture(scope="module")
def ranked(con: duckdb.DuckDBPyConnection, cited: list[Cited]) -> list[tuple[float, list[float]]]:
    """Return, of papers whose trial is known, how far their words agree with it, and with 200 decoys.

    Decoys are trials of one of its conditions, as many as there are, and others at random.
    """
    chance = random.Random(5)
    sql = "select lower(trim(condition)), nct_id from core_condition semi join core_study using (nct_id) order by all"
    by_condition, by_trial = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for condition, nct_id in con.execute(sql).fetchall():
        by_condition[condition].append(nct_id)
        by_trial[nct_id].append(condition)
    trials = sorted(by_trial)
    own = defaultdict[str, set[str]](set)
    for paper in cited:
        own[paper.pmid].add(paper.nct_id)
    papers = chance.sample([paper for paper in cited if paper.reference_type == "RESULT"], N_PAPERS)
    decoys = {}
    for paper in papers:
        alike = sorted({nct_id for condition in by_trial[paper.nct_id] for nct_id in by_condition[condition]})
        order = chance.sample(alike, len(alike)) + chance.sample(trials, 2 * N_DECOYS)
        decoys[paper] = [nct_id for nct_id in dict.fromkeys(order) if nct_id not in own[paper.pmid]][:N_DECOYS]
    judge(con, papers, ((nct_id, paper.pmid) for paper in papers for nct_id in [paper.nct_id, *decoys[paper]]))
    got = con.execute("select nct_id, pmid, text_relevance from core_publication_link").fetchall()
    agreement = {(nct_id, pmid): relevance for nct_id, pmid, relevance in got}
    return [(agreement[p.nct_id, p.pmid], [agreement[d, p.pmid] for d in decoys[p]]) for p in papers]


def test_without_its_number_a_paper_is_most_like_its_own_trial(ranked: list[tuple[float, list[float]]]) -> None:
    assert {len(decoys) for _, decoys in ranked} == {N_DECOYS}
    place = [sum(decoy >= true for decoy in decoys) for true, decoys in ranked]
    assert sum(place == 0 for place in place) >= 0.65 * N_PAPERS
    assert sum(place < 5 for place in place) >= 0.83 * N_PAPERS


def test_words_alone_tell_a_trial_from_one_decoy_and_not_from_all(ranked: list[tuple[float, list[float]]]) -> None:
    true, decoys = [true for true, _ in ranked], [decoy for _, decoys in ranked for decoy in decoys]
    recall = sum(t >= 0.3 for t in true) / len(true)
    false = sum(d >= 0.3 for d in decoys) / len(decoys)
    assert recall >= 0.71
    assert false <= 0.04
    assert recall / (recall + false) >= 0.93


@pytest.fixture(scope="module")
def judged(con: duckdb.DuckDBPyConnection, cited: list[Cited]) -> dict[tuple[str, str], str | None]:
    """Return why each paper is no report of the trial that refers to it, as if all were referred to as results."""
    judge(con, cited, ((paper.nct_id, paper.pmid) for paper in cited))
    got = con.execute("select nct_id, pmid, why_not from core_trial_publication").fetchall()
    return {(nct_id, pmid): why_not for nct_id, pmid, why_not in got}


def test_what_records_give_as_background_is_less_often_a_report(
    cited: list[Cited], judged: dict[tuple[str, str], str | None]
) -> None:
    by_type = defaultdict[str, list[str | None]](list)
    for paper in cited:
        by_type[paper.reference_type].append(judged[paper.nct_id, paper.pmid])
    least = {"BACKGROUND": 5_000, "RESULT": 1_600, "DERIVED": 90}
    assert {kind: len(found) >= least[kind] for kind, found in by_type.items()} == dict.fromkeys(least, True)
    share = {kind: found.count(None) / len(found) for kind, found in by_type.items()}
    assert share["RESULT"] >= 0.42
    assert share["BACKGROUND"] <= 0.24
    assert share["RESULT"] >= 1.9 * share["BACKGROUND"]
    early = {kind: found.count("before_completion") / len(found) for kind, found in by_type.items()}
    assert early["BACKGROUND"] >= 2.5 * early["RESULT"]
    secondary = {kind: found.count("secondary") / len(found) for kind, found in by_type.items()}
    assert secondary["DERIVED"] >= 2 * secondary["RESULT"]


@pytest.fixture(scope="module")
def read(judged: dict[tuple[str, str], str | None]) -> list[tuple[str, str | None]]:
    """Return what a reader and the code say of the same paper, without those of which the reader was not sure."""
    with READINGS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 150
    return [(r["judgement"], judged[r["nct_id"], r["pmid"]]) for r in rows if r["judgement"] != "unclear"]


def test_reports_are_those_that_a_reader_takes_for_reports(read: list[tuple[str, str | None]]) -> None:
    taken = [judgement == "result" for judgement, why_not in read if why_not is None]
    true = [why_not is None for judgement, why_not in read if judgement == "result"]
    assert len(read) >= 145
    assert min(len(taken), len(true)) >= 60
    assert sum(taken) >= 0.83 * len(taken)
    assert sum(true) >= 0.74 * len(true)
    agreed = [(judgement == "result") == (why_not is None) for judgement, why_not in read]
    assert sum(agreed) >= 0.79 * len(agreed)


def test_reports_that_are_missed_are_missed_by_their_date_and_not_by_their_title(
    read: list[tuple[str, str | None]],
) -> None:
    why = [why_not for judgement, why_not in read if judgement == "result"]
    by_date = sum(reason in {"before_completion", "too_late"} for reason in why)
    by_title = sum(reason in {"notice", "review", "protocol", "secondary"} for reason in why)
    assert by_title <= 0.04 * len(why)
    assert by_date > by_title
