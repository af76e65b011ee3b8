"""Real answers and real abstracts of PubMed are read without loss."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors import pubmed as module
from connectors.pubmed import pubmed
from cto import pipeline, snapshot
from cto.raw import open_raw
from cto.sandbox import Sandbox
from cto.settings import Settings
from tests.real import AS_OF, SHARED

SAMPLES = sorted((SHARED / "pubmed" / "efetch_samples").glob("*.xml"))
ABSTRACTS = SHARED / "pubmed" / "abstracts.jsonl.gz"
NOW = datetime(2026, 11, 1, tzinfo=UTC)

needs_samples = pytest.mark.skipif(not SAMPLES, reason="no efetch answers at ../shared/data/pubmed/efetch_samples")
needs_abstracts = pytest.mark.skipif(not ABSTRACTS.exists(), reason="no abstracts at ../shared/data/pubmed")

Json = dict[str, Any]

# The issue's date of each record in the samples, read by hand.
ISSUES = {
    "9997": "1976-09-28",
    "11700088": "2001-11",
    "11748933": "2001-06",
    "12091962": "1990 Spring",
    "27797938": "2017-06",
    "28775130": "2018-02",
    "29963580": "2018-04",
    "30108519": "2018",
}


def plain(markup: str) -> str:
    """Return what is left of a piece of XML without its tags, each run of white space one blank."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", markup)).split())


def pieces(pattern: str, text: str) -> list[str]:
    return [found for found in (plain(piece) for piece in re.findall(pattern, text, re.DOTALL)) if found]


@needs_samples
def test_the_samples_are_read_to_the_last_record() -> None:
    found = [module.parse("articles", path.read_bytes()).tables[module.ARTICLE.name] for path in SAMPLES]
    assert [table.num_rows for table in found] == [2, 2, 1, 1, 1, 1]
    assert {pmid for table in found for pmid in table["pmid"].to_pylist()} == ISSUES.keys()


@needs_samples
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_real_answer_is_read_as_its_text_says(path: Path) -> None:
    text = path.read_text("utf-8")
    found = module.parse("articles", path.read_bytes())
    rows = {name.partition("__")[2]: table.to_pylist() for name, table in found.tables.items()}
    records = re.findall(
        r"<PubmedArticle>.*?</PubmedArticle>|<PubmedBookArticle>.*?</PubmedBookArticle>", text, re.DOTALL
    )
    assert found.quarantine == ()
    assert len(rows["article"]) == len(records) == text.count("<PubmedArticle>") + text.count("<PubmedBookArticle>")
    assert sum(row["is_book"] for row in rows["article"]) == text.count("<PubmedBookArticle>")
    for row, record in zip(rows["article"], records, strict=True):
        citation = record.partition("<ReferenceList>")[0]
        own = {name: [r for r in rows[name] if r["pmid"] == row["pmid"]] for name in rows}
        assert [row["pmid"]] == pieces(r"<PMID[^>]*>(.*?)</PMID>", citation)[:1]
        assert [row["title"]] == pieces(r"<ArticleTitle[^>]*>(.*?)</ArticleTitle>", citation)
        assert [row["journal"]] == pieces(r"<Title>(.*?)</Title>", citation)
        assert [r["text"] for r in own["abstract_section"]] == pieces(
            r"<AbstractText[^>]*>(.*?)</AbstractText>", citation
        )
        assert [r["label"] for r in own["abstract_section"] if r["label"]] == re.findall(
            r'<AbstractText Label="([^"]+)"', citation
        )
        types = pieces(r"<PublicationType [^>]*>(.*?)</PublicationType>", citation)
        assert [r["publication_type"] for r in own["publication_type"]] == types
        assert [row["doi"]] == (pieces(r'<ArticleId IdType="doi">(.*?)</ArticleId>', citation) or [None])
        assert [row["pmc_id"]] == (pieces(r'<ArticleId IdType="pmc">(.*?)</ArticleId>', citation) or [None])
        entrez = re.findall(r'<PubMedPubDate PubStatus="entrez">(.*?)</PubMedPubDate>', record, re.DOTALL)
        assert [row["entrez_date_text"]] == [ymd(date) for date in entrez]
        electronic = re.findall(r'<ArticleDate DateType="Electronic">(.*?)</ArticleDate>', record, re.DOTALL)
        assert [row["electronic_date_text"]] == ([ymd(date) for date in electronic] or [None])
        assert row["issue_date_text"] == ISSUES[row["pmid"]]
        notes = [kind for kind in re.findall(r'<CommentsCorrections RefType="(\w+)"', record) if kind != "Cites"]
        assert [r["ref_type"] for r in own["correction"]] == notes


def ymd(date: str) -> str:
    """Return year, month and day as given in numbers."""
    return "-".join(number.zfill(2) for number in re.findall(r"<(?:Year|Month|Day)>(\d+)<", date))


@pytest.fixture(scope="module")
def abstracts() -> dict[str, Json]:
    """Return the real abstracts by PubMed identifier."""
    with gzip.open(ABSTRACTS, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    assert len({line["pmid"] for line in found}) == len(found) == 2131
    return {line["pmid"]: line for line in found}


@pytest.fixture(scope="module")
def crawled(
    abstracts: dict[str, Json], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return the raw tables after a crawl for a trial that refers to every one of the abstracts."""
    folder = tmp_path_factory.mktemp("abstracts")
    with (folder / "pubmed.jsonl").open("w", encoding="utf-8") as file:
        for line in abstracts.values():
            told = {name: line[name] for name in ("pmid", "title", "abstract", "journal", "doi") if line[name]}
            file.write(json.dumps({**told, "issue_date": str(line.get("year") or "")}) + "\n")
    references = [{"pmid": pmid, "type": "DERIVED"} for pmid in abstracts]
    study = {
        "identificationModule": {"nctId": "NCT00000001"},
        "designModule": {"studyType": "INTERVENTIONAL"},
        "referencesModule": {"references": references},
    }
    with Sandbox(world=folder) as sandbox, duckdb.connect() as con:
        sandbox.post_studies([{"protocolSection": study}])
        settings = Settings(str(folder / "lake"), AS_OF, sandbox.urls, 0.001)
        lake = pipeline.open_lake(settings)
        for connector in (*pipeline.sources(["clinicaltrials_gov"], settings), pubmed):
            pipeline.ingest_source(lake, settings, connector, lambda: NOW)
        found = snapshot.load(lake, "pubmed")
        assert found
        assert len(found.pages) == 11
        open_raw(lake, con, [found])
        yield con


@needs_abstracts
def test_every_real_abstract_comes_back_as_it_was_but_for_white_space(
    abstracts: dict[str, Json], crawled: duckdb.DuckDBPyConnection
) -> None:
    """Each run of white space is one blank on both sides, and none at the ends; nothing else may differ."""
    sql = "select pmid, title, abstract, journal, issue_date_text, doi from raw_pubmed__article"
    came = {pmid: told for pmid, *told in crawled.execute(sql).fetchall()}
    assert came.keys() == abstracts.keys()

    def spaced(text: str | None) -> str | None:
        return " ".join((text or "").split()) or None

    for pmid, line in abstracts.items():
        year = str(line["year"]) if line.get("year") else None
        assert came[pmid] == [
            *(spaced(line[name]) for name in ("title", "abstract", "journal")),
            year,
            line["doi"] or None,
        ]


@needs_abstracts
def test_every_real_abstract_is_one_section_with_all_of_its_text(crawled: duckdb.DuckDBPyConnection) -> None:
    differing = """
        select count(*) from raw_pubmed__article a left join raw_pubmed__abstract_section s on a.pmid = s.pmid
        where a.abstract is distinct from s.text
            or (a.abstract is not null and s.section_index is distinct from 1) or s.label is not null
    """
    assert crawled.execute(differing).fetchone() == (0,)
