"""PubMed's articles on trials come whole and once, whatever the E-utilities do."""

from __future__ import annotations

import gzip
import json
import logging
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from connectors import _pubmed_search as search
from connectors import pubmed as module
from connectors.pubmed import pubmed
from cto import pipeline, snapshot
from cto.doctor import examine
from cto.http import BadBodyError, Http, SourceError
from cto.ingest import Ingested
from cto.raw import open_raw
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.settings import Settings
from tests.conftest import Query

DAY = date(2026, 11, 1)
NIGHT = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "secret0123456789abcdef"

Json = dict[str, Any]
Rows = list[tuple[Any, ...]]


def trial(number: int, *pmids: str | int, kind: str = "RESULT", status: str = "COMPLETED") -> Json:
    """Return a study that refers to some articles."""
    return {
        "protocolSection": {
            "identificationModule": {"nctId": nct(number), "briefTitle": "A trial"},
            "statusModule": {"overallStatus": status, "completionDateStruct": {"date": "2020-01"}},
            "designModule": {"studyType": "INTERVENTIONAL"},
            "referencesModule": {"references": [{"pmid": str(pmid), "type": kind} for pmid in pmids]},
        }
    }


def nct(number: int) -> str:
    return f"NCT{number:08d}"


def article(pmid: str | int, *numbers: int, **more: Any) -> Json:
    """Return an article that gives the accession numbers of some trials."""
    accessions = {"ClinicalTrials.gov": [nct(number) for number in numbers]} if numbers else {}
    told = {"pmid": str(pmid), "title": f"Article {pmid}", "entrez_date": "2021-05-04", "abstract": "Words."}
    return told | {"accessions": accessions, "types": ["Journal Article"]} | more


class Nights:
    """A lake that is fed from stand-ins for the registry and PubMed, night by night."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.sandbox, self.home = sandbox, home
        self.site = sandbox.site("pubmed")
        self.connector = pubmed
        self.key, self.contact = "", "https://example.org"

    def post(self, *studies: Json) -> None:
        """Put studies into the registry and fetch them."""
        self.sandbox.post_studies(studies)
        [registry] = pipeline.sources(["clinicaltrials_gov"], self.settings)
        pipeline.ingest_source(pipeline.open_lake(self.settings), self.settings, registry, lambda: NIGHT)

    def fetch(self, days: int = 0, **options: bool) -> Ingested:
        """Run PubMed's part of the night so many days after the first."""
        self.site.asked.clear()
        lake, now = pipeline.open_lake(self.settings), NIGHT + timedelta(days)
        return pipeline.ingest_source(lake, self.settings, self.connector, lambda: now, options)

    @property
    def settings(self) -> Settings:
        keys = {"pubmed": self.key} if self.key else {}
        return Settings(str(self.home), DAY, self.sandbox.urls, 0.001, self.contact, keys=keys)

    def rows(self, sql: str) -> Rows:
        """Query the raw rows that count now."""
        lake = pipeline.open_lake(self.settings)
        found = snapshot.load(lake, "pubmed")
        with duckdb.connect() as con:
            open_raw(lake, con, [found] if found else [])
            return con.execute(sql).fetchall()

    def pmids(self) -> list[str]:
        return [pmid for (pmid,) in self.rows("select pmid from raw_pubmed__article order by pmid::int")]

    def searched(self) -> set[str]:
        """Return the trials that were searched for by their accession number."""
        return set(re.findall(r"(NCT\d{8})\[si\]", " ".join(call.get("term", "") for call in self.site.asked)))

    def fetched(self) -> list[list[str]]:
        """Return the articles that were asked for, by request."""
        return [call["id"].split(",") for call in self.site.asked if call["path"] == "/efetch.fcgi"]

    def stored(self) -> int:
        return len(list((self.home / "sources/pubmed/pages").rglob("*.gz")))

    def told(self, ingested: Ingested, words: str) -> bool:
        return words in "\n".join(ingested.notes)


Serve = Callable[..., Nights]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return what starts stand-ins over some articles, with an empty lake."""
    running: list[Sandbox] = []

    def start(*articles: Json) -> Nights:
        world = tmp_path / f"world{len(running)}"
        world.mkdir()
        (world / "pubmed.jsonl").write_text("".join(json.dumps(one) + "\n" for one in articles))
        running.append(Sandbox(world=world).start())
        return Nights(running[-1], tmp_path / f"lake{len(running)}")

    yield start
    for sandbox in running:
        sandbox.stop()


@pytest.fixture(scope="module")
def five_trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with five trials and nothing of PubMed."""
    home = tmp_path_factory.mktemp("trials") / "lake"
    with Sandbox() as sandbox:
        Nights(sandbox, home).post(trial(1), trial(2), trial(3, 13), trial(4), trial(5))
    return home


@pytest.fixture
def plain(serve: Serve, five_trials: Path) -> Nights:
    """Return nights of a world in which five trials have five articles and one has none, and a stranger is there."""
    named = article(14, abstract=f"On {nct(4)}.")
    nights = serve(article(11, 1), article(12, 2), article(13), named, article(15, 1, 2), article(99))
    shutil.copytree(five_trials, nights.home)
    return nights


# What is wanted


def test_the_trials_to_search_for_have_ended_and_background_is_left_out(run_sql: Query) -> None:
    ended = {"study_type": "INTERVENTIONAL", "overall_status": "COMPLETED"}
    running = {"study_type": "INTERVENTIONAL", "overall_status": "ACTIVE_NOT_RECRUITING"}
    day = {"completion_date": date(2026, 11, 1), "completion_date_precision": "month"}
    found = run_sql(
        module.WANTS,
        run=[{"as_of": date(2026, 11, 20), "is_current": True}],
        core_study=[
            {"nct_id": nct(1), **ended},
            *({"nct_id": nct(n), **ended, "overall_status": status}
              for n, status in enumerate(("TERMINATED", "WITHDRAWN", "SUSPENDED", "UNKNOWN"), 2)),
            {"nct_id": nct(6), **running},
            {"nct_id": nct(7), **running, **day},
            {"nct_id": nct(8), **running, **day, "completion_date_precision": "day"},
            {"nct_id": nct(9), "study_type": "OBSERVATIONAL", "overall_status": "COMPLETED"},
            {"nct_id": nct(10), "study_type": "INTERVENTIONAL"},
        ],
        core_reference=[
            {"nct_id": nct(number), "reference_index": index, "pmid": pmid, "reference_type": kind}
            for number, index, pmid, kind in [
                (1, 1, "5", "RESULT"), (1, 2, "3", "DERIVED"), (1, 3, "5", "DERIVED"), (1, 4, "7", "BACKGROUND"),
                (1, 5, None, "RESULT"), (6, 1, "8", "RESULT"), (7, 1, "9", None), (9, 1, "10", "RESULT"),
            ]
        ],
    )  # fmt: skip
    assert [(row["nct_id"], row["is_ended"], row["pmids"]) for row in found] == [
        (nct(1), True, ["3", "5"]),
        *((nct(n), True, []) for n in (2, 3, 4, 5)),
        (nct(6), False, ["8"]),
        (nct(7), False, []),
        (nct(8), True, []),
        (nct(10), False, []),
    ]


def test_articles_are_found_by_reference_by_accession_number_and_by_text(plain: Nights) -> None:
    night = plain.fetch()
    assert plain.pmids() == ["11", "12", "13", "14", "15"]
    assert plain.searched() == {nct(n) for n in (1, 2, 3, 4, 5)}
    assert plain.fetched() == [["11", "12", "13", "14", "15"]]
    assert night.notes == (
        "1 articles are referenced, 0 of them by no PubMed identifier; 5 trials to search for",
        "3 articles found by accession number; 3 of 5 trials unknown to PubMed by it, 1 answers rejected",
        "1 articles found by text; 4 of 5 trials unknown to PubMed by it, 1 answers rejected",
        "5 articles asked for, 0 missing: none",
    )


def test_a_reference_that_is_no_pubmed_identifier_is_counted_and_not_asked_for(serve: Serve) -> None:
    nights = serve(article(11))
    nights.post(trial(1, 11, "PMC77", "012", "123456789", "0"))
    assert nights.told(nights.fetch(), "5 articles are referenced, 4 of them by no PubMed identifier")
    assert nights.fetched() == [["11"]]


@pytest.mark.parametrize(("contact", "email"), [("https://example.org", None), ("me@example.org", "me@example.org")])
def test_everything_is_posted_and_an_email_is_told_only_when_there_is_one(
    plain: Nights, contact: str, email: str | None
) -> None:
    plain.contact = contact
    plain.fetch()
    assert {(call.get("tool"), call.get("email")) for call in plain.site.asked} == {("cto", email)}
    calls = [call for call in plain.sandbox.requests if call["path"].startswith("/eutils")]
    assert {(call["method"], str(call["query"])) for call in calls} == {("POST", "{}")}


def test_a_hundred_trials_are_one_search_and_two_hundred_articles_one_fetch(serve: Serve) -> None:
    nights = serve(*(article(1000 + n, n, abstract=nct(n)) for n in range(1, 251)))
    nights.post(*(trial(n) for n in range(1, 251)))
    nights.fetch()
    sizes = [call["term"].count("NCT") for call in nights.site.asked if "term" in call]
    assert Counter(sizes) == {100: 4, 50: 2}
    assert [len(ids) for ids in nights.fetched()] == [200, 50]
    assert len(nights.pmids()) == 250


# Later nights


def test_trials_are_searched_on_their_buckets_day_or_when_that_was_missed(serve: Serve) -> None:
    nights = serve(article(1))
    nights.post(*(trial(n) for n in range(1, 61)))
    nights.fetch()
    assert len(nights.searched()) == 60
    nights.fetch()
    assert nights.searched() == set(), "twice in a night"
    for days in (1, 2):
        nights.fetch(days)
        bucket = (DAY + timedelta(days)).toordinal() % 30
        assert nights.searched() == {nct(n) for n in range(1, 61) if n % 30 == bucket}
    nights.fetch(31)
    buckets = {(DAY + timedelta(days)).toordinal() % 30 for days in (1, 2)}
    assert nights.searched() == {
        nct(n) for n in range(1, 61) if n % 30 not in buckets - {31 % 30 + DAY.toordinal() % 30}
    }


def test_a_trial_that_comes_later_waits_for_its_bucket_but_its_references_do_not(serve: Serve) -> None:
    nights = serve(article(11), article(12))
    number = (DAY.toordinal() + 3) % 30 + 30
    nights.post(trial(number + 1, 11))
    nights.fetch()
    nights.post(trial(number, 12))
    nights.fetch(1)
    assert nights.searched() == set()
    assert nights.pmids() == ["11", "12"]
    nights.site.put([article(13, number)])
    nights.fetch(2)
    assert nights.searched() == set()
    nights.fetch(3)
    assert nights.searched() == {nct(number)}
    assert nights.pmids() == ["11", "12", "13"]


def test_a_quiet_night_fetches_nothing_and_leaves_the_same_rows(plain: Nights) -> None:
    first = plain.fetch().snapshot
    second = plain.fetch(1).snapshot
    assert plain.fetched() == []
    assert (second.state, second.pages) == (first.state, first.pages)
    assert {page.kind for page in second.pages} == {"articles"}


def test_everything_is_fetched_anew_on_request(plain: Nights) -> None:
    plain.fetch()
    plain.site.put([article(11, 1, title="A better title")])
    plain.fetch(1)
    assert ("A better title",) not in plain.rows("select title from raw_pubmed__article")
    plain.fetch(2, full=True)
    assert len(plain.searched()) == 5
    assert plain.fetched() == [["11", "12", "13", "14", "15"]]
    assert ("A better title",) in plain.rows("select title from raw_pubmed__article")
    assert len(plain.pmids()) == 5


def test_an_article_that_is_retracted_is_fetched_again_and_the_newer_record_counts(plain: Nights) -> None:
    retracted = ["Journal Article", "Retracted Publication"]
    notice = [{"type": "RetractionIn", "pmid": "77", "source": "J. 2026"}]
    plain.fetch()
    plain.site.put([article(12, 2, types=retracted, corrections=notice, modified="2026-11-02")])
    plain.site.put([article(98, types=retracted, modified="2026-11-02")])
    plain.site.put([article(11, 1, types=retracted, modified="2026-10-01")])
    night = plain.fetch(2)
    assert plain.told(night, "2 retracted articles changed")
    assert plain.fetched() == [["12"]]
    types = plain.rows("select publication_type from raw_pubmed__publication_type where pmid = '12' order by all")
    assert types == [("Journal Article",), ("Retracted Publication",)]
    assert plain.rows("select ref_type, ref_pmid from raw_pubmed__correction") == [("RetractionIn", "77")]
    assert len(plain.pmids()) == 5


def test_where_pubmed_knows_no_retraction_the_widened_answer_is_not_used(plain: Nights) -> None:
    plain.fetch()
    plain.site.put([article(pmid, 1, title="Changed", modified="2026-11-02") for pmid in (11, 12)])
    night = plain.fetch(2)
    assert plain.told(night, 'PubMed knows no "Retracted Publication"[pt]')
    assert plain.fetched() == []


# Searches that are not what was asked


@pytest.mark.parametrize("n_nameless", [0, 1, 3, 100])
def test_an_answer_that_drops_terms_is_never_used(serve: Serve, n_nameless: int) -> None:
    known = range(1, 100, 7)
    nights = serve(*(article(1000 + n, n) for n in known), *(article(5000 + n) for n in range(50)))
    nights.post(*(trial(n) for n in range(1, 101)))
    if n_nameless:
        nights.sandbox.add_fault("pubmed_nameless_phrase", times=n_nameless)
    night = nights.fetch()
    assert nights.pmids() == [str(1000 + n) for n in known]
    told = re.findall(r"(\d+) of 100 trials unknown to PubMed by it, (\d+) answers rejected", "\n".join(night.notes))
    assert [int(unknown) for unknown, _ in told] == [100 - len(known), 100]
    assert int(told[0][1]) == {0: 1, 1: 3, 3: 7, 100: int(told[0][1])}[n_nameless]


def test_a_term_that_is_not_known_widens_the_stand_ins_answer(plain: Nights) -> None:
    def count(term: str) -> tuple[str, Json]:
        found = ask(plain, "/esearch.fcgi", term=term, retmode="json").json()["esearchresult"]
        return found["count"], found.get("errorlist", {}).get("phrasesnotfound") or found.get("warninglist")

    assert count(f"{nct(1)}[si]") == ("2", None)
    assert count(f"{nct(9)}[si]") == ("6", [f"{nct(9)}[si]"])
    assert count(f"{nct(9)}[si] AND {nct(2)}[si]") == ("2", [f"{nct(9)}[si]"])
    assert count(f"({nct(1)}[si] OR {nct(9)}[si]) AND {nct(2)}[si]") == ("1", [f"{nct(9)}[si]"])
    quoted = f'"{nct(9)}"[tiab]'
    warned = {"phrasesignored": [], "quotedphrasesnotfound": [quoted], "outputmessages": []}
    assert count(quoted) == ("6", warned)


def test_a_field_that_is_not_known_fails_the_source(plain: Nights) -> None:
    plain.sandbox.add_fault("pubmed_unknown_field")
    with pytest.raises(SourceError, match="no longer knows the field 'si'"):
        plain.fetch()
    plain.fetch()
    assert len(plain.pmids()) == 5


# More articles than are shown


@pytest.fixture
def _small_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "CAP", 5)


def crowd(n: int, **more: Any) -> list[Json]:
    return [article(100 + i, 1, **{"entrez_date": str(date(1999, 3, 1) + timedelta(31 * i)), **more}) for i in range(n)]


@pytest.mark.usefixtures("_small_cap")
@pytest.mark.parametrize(("n", "page_size"), [(5, 5), (6, 5), (23, 5), (5, 2), (23, 2)])
def test_a_search_with_too_many_articles_is_sliced_by_day_and_paged(serve: Serve, n: int, page_size: int) -> None:
    nights = serve(*crowd(n), *(article(900 + i) for i in range(5)))
    nights.site.cap, nights.site.page_size = 5, page_size
    nights.post(trial(1))
    nights.fetch()
    assert nights.pmids() == [str(100 + i) for i in range(n)]
    assert any("datetype" in call for call in nights.site.asked) == (n > 5)


@pytest.mark.usefixtures("_small_cap")
def test_too_many_retractions_of_one_day_are_sliced_by_the_day_they_came(serve: Serve) -> None:
    nights = serve(*crowd(23))
    nights.site.cap = 5
    nights.post(trial(1))
    nights.fetch()
    nights.site.put(crowd(23, types=["Retracted Publication"], modified="2026-11-02"))
    nights.fetch(1)
    assert sorted(pmid for ids in nights.fetched() for pmid in ids) == [str(100 + i) for i in range(23)]


@pytest.mark.usefixtures("_small_cap")
def test_a_single_day_with_too_many_articles_is_an_error_that_says_so_and_a_later_run_asks_anew(serve: Serve) -> None:
    nights = serve(*crowd(6, entrez_date="2012-02-29"))
    nights.site.cap = 5
    nights.post(trial(1))
    with pytest.raises(SourceError, match="counts 6 articles of 2012-02-29 and shows 5"):
        nights.fetch()
    nights.site.remove("100")
    nights.fetch()
    assert nights.pmids() == ["101", "102", "103", "104", "105"]


def test_the_stand_in_shows_no_more_than_its_cap(serve: Serve) -> None:
    nights = serve(*crowd(8))
    nights.site.cap = 5
    term = f"{nct(1)}[si]"
    found = ask(nights, "/esearch.fcgi", term=term, retmode="json", retmax=100).json()["esearchresult"]
    assert (found["count"], found["retmax"], len(found["idlist"])) == ("8", "5", 5)
    refused = ask(nights, "/esearch.fcgi", term=term, retmode="json", retstart=5).json()["esearchresult"]
    assert "cannot be larger than 4" in refused["ERROR"]


# Bad answers


@pytest.mark.parametrize("after", [0, 2, 4])
@pytest.mark.parametrize(
    "fault",
    ["pubmed_error", "pubmed_rate_limit", "server_error", "html_at_200", "truncated_json", "reset_mid_body"],
)
def test_an_answer_that_is_no_answer_is_asked_for_again(
    plain: Nights, monkeypatch: pytest.MonkeyPatch, fault: str, after: int
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("cto.http.time.sleep", waits.append)
    plain.sandbox.add_fault(fault, after=after, site="pubmed")
    night = plain.fetch()
    assert plain.pmids() == ["11", "12", "13", "14", "15"]
    assert (night.n_retries, night.n_requests) == (1, 6)
    assert plain.stored() == 1 + 4 + 1
    assert plain.rows("select count(*) from raw_pubmed__accession") == [(4,)]
    assert (max(waits) >= 1) == (fault == "pubmed_rate_limit")


@pytest.mark.parametrize(
    ("fault", "after", "message"),
    [
        ("pubmed_error", 0, "Search Backend failed"),
        ("pubmed_error", 4, "Error occurred: no document"),
        ("pubmed_rate_limit", 0, "HTTP 429"),
        ("html_at_200", 0, "not JSON"),
        ("html_at_200", 4, "it is a html"),
        ("truncated_json", 4, "cut short"),
        ("blocked", 4, "blocks this client"),
        ("pubmed_xml_bomb", 0, "declares entities"),
    ],
)
def test_a_fault_that_lasts_fails_clearly_and_the_next_run_goes_on_where_it_stopped(
    plain: Nights, monkeypatch: pytest.MonkeyPatch, fault: str, after: int, message: str
) -> None:
    monkeypatch.setattr("cto.http.time.sleep", lambda _: None)
    plain.sandbox.add_fault(fault, times=None, after=after, site="pubmed")
    with pytest.raises(SourceError, match=message):
        plain.fetch()
    n_searches = 4 if after == 4 or fault == "pubmed_xml_bomb" else 0
    assert plain.stored() == 1 + n_searches
    plain.sandbox.faults.clear()
    plain.fetch()
    assert len(plain.site.asked) == 5 - n_searches
    assert plain.pmids() == ["11", "12", "13", "14", "15"]


@pytest.mark.parametrize("fault", ["", "endless_body"])
def test_a_body_that_is_too_large_is_refused_at_once_and_not_kept(plain: Nights, fault: str) -> None:
    plain.connector = replace(pubmed, max_bytes=1500)
    if fault:
        plain.sandbox.add_fault(fault, times=None, after=4, site="pubmed")
    with pytest.raises(SourceError, match="larger than 1500 bytes"):
        plain.fetch()
    assert len(plain.fetched()) == 1
    assert plain.stored() == 1 + 4


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("search", b""),
        ("search", b"[]"),
        ("search", b"{}"),
        ("search", b'{"error":"API rate limit exceeded","api-key":"x"}'),
        ("search", b'{"esearchresult":[]}'),
        ("search", b'{"esearchresult":{"ERROR":"Search Backend failed"}}'),
        ("search", b'{"esearchresult":{"idlist":["1"]}}'),
        ("search", b'{"esearchresult":{"count":"one","idlist":["1"]}}'),
        ("search", b'{"esearchresult":{"count":"1","idlist":["1; drop"]}}'),
        ("search", b'{"esearchresult":{"count":"2","retstart":"0","idlist":[]}}'),
        ("articles", b""),
        ("articles", b"<PubmedArticleSet>"),
        ("articles", b"<PubmedArticleSet><ERROR>cannot</ERROR></PubmedArticleSet>"),
        ("articles", b"<eFetchResult><ERROR>cannot</ERROR></eFetchResult>"),
        ("articles", b"<ERROR>cannot</ERROR>"),
        ("articles", b"<html><body>Blocked</body></html>"),
        ("articles", b'{"error":"API rate limit exceeded","api-key":"x"}'),
        ("articles", b'<?xml version="1.0" encoding="no-such"?><PubmedArticleSet/>'),
        ("articles", b"<PubmedArticleSet>\xff</PubmedArticleSet>"),
    ],
)
def test_a_body_that_is_not_of_its_kind_is_not_read(kind: str, body: bytes) -> None:
    with pytest.raises(BadBodyError):
        module.read(kind, body)


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE PubmedArticleSet [<!ENTITY a "b">]>',
        '<!DOCTYPE PubmedArticleSet [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE PubmedArticleSet [<!ENTITY % a SYSTEM "http://127.0.0.1/x.dtd"> %a;]>',
    ],
)
def test_xml_that_declares_entities_is_refused(declared: str) -> None:
    for use in (module.read, module.parse):
        with pytest.raises(SourceError, match="declares entities"):
            use("articles", f"{declared}<PubmedArticleSet/>".encode())


# Articles that do not come


def test_an_article_that_was_left_out_comes_when_it_is_asked_for_by_itself(plain: Nights) -> None:
    plain.sandbox.add_fault("pubmed_article_left_out")
    night = plain.fetch()
    assert plain.fetched() == [["11", "12", "13", "14", "15"], ["11"]]
    assert plain.pmids() == ["11", "12", "13", "14", "15"]
    assert plain.told(night, "5 articles asked for, 0 missing")


def test_an_article_that_was_asked_for_alone_is_asked_for_again_too(serve: Serve) -> None:
    nights = serve(article(11))
    nights.post(trial(1, 11))
    nights.sandbox.add_fault("pubmed_article_left_out")
    nights.fetch()
    assert nights.fetched() == [["11"], ["11"]]
    assert nights.pmids() == ["11"]


def test_a_missing_article_is_told_and_asked_for_again_after_thirty_days(serve: Serve) -> None:
    nights = serve(article(11), {"pmid": "13", "deleted": True})
    nights.post(trial(1, 11, 12, 13))
    night = nights.fetch()
    assert nights.told(night, "3 articles asked for, 2 missing: 12, 13")
    assert nights.fetched() == [["11", "12", "13"], ["12", "13"]]
    assert night.snapshot.watermark["missing"] == {"12": "2026-11-01", "13": "2026-11-01"}
    for days in (0, 1, 29):
        nights.fetch(days)
        assert nights.fetched() == []
    nights.site.put([article(12)])
    night = nights.fetch(30)
    assert nights.fetched() == [["12", "13"], ["13"]]
    assert nights.pmids() == ["11", "12"]
    assert night.snapshot.watermark["missing"] == {"13": "2026-12-01"}


def test_when_nothing_comes_of_many_articles_the_source_fails_and_the_next_run_asks_anew(serve: Serve) -> None:
    nights = serve()
    nights.post(trial(1, *range(1, 31)))
    with pytest.raises(SourceError, match="lacks all of the 30 articles"):
        nights.fetch()
    nights.site.put([article(n) for n in range(1, 31)])
    nights.fetch()
    assert len(nights.pmids()) == 30


def test_a_missing_article_is_no_sign_of_trouble_when_it_was_missing_before(serve: Serve) -> None:
    nights = serve(article(99))
    nights.post(trial(1, 99, *range(1, 31)))
    assert nights.told(nights.fetch(), "31 articles asked for, 30 missing: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10")
    assert nights.told(nights.fetch(40), "30 articles asked for, 30 missing")


# What an article says

RECORD = """<PubmedArticle><MedlineCitation><PMID Version="2">7</PMID><Article>
<Journal><JournalIssue><PubDate><MedlineDate>2010 May-Jun</MedlineDate></PubDate></JournalIssue>
<Title>The  Journal</Title></Journal>
<ArticleTitle>Effect of H<sub>2</sub>O on <i>E. <b>coli</b></i> &lt;5&#181;m</ArticleTitle>
<ELocationID EIdType="doi" ValidYN="Y">10.1/e</ELocationID>
<Abstract>
  <AbstractText Label="AIM" NlmCategory="OBJECTIVE">To see <i>whether</i>
    P&lt;0.05.</AbstractText>
  <AbstractText Label="UNLABELLED" NlmCategory="UNASSIGNED">Unheaded.</AbstractText>
  <AbstractText Label="RESULTS" NlmCategory="RESULTS">x<sup>2</sup> rose.</AbstractText>
  <AbstractText Label="EMPTY"/><AbstractText/>
  <CopyrightInformation>(c) Nobody</CopyrightInformation>
</Abstract>
<DataBankList CompleteYN="Y">
  <DataBank><DataBankName>ClinicalTrials.gov</DataBankName><AccessionNumberList>
    <AccessionNumber>NCT00000001</AccessionNumber><AccessionNumber>NCT00000002</AccessionNumber>
    <AccessionNumber>NCT00000001</AccessionNumber></AccessionNumberList></DataBank>
  <DataBank><DataBankName>ISRCTN</DataBankName></DataBank>
</DataBankList>
<PublicationTypeList><PublicationType>Review</PublicationType><PublicationType>Review</PublicationType>
</PublicationTypeList>
<ArticleDate DateType="Electronic"><Year>2010</Year><Month>04</Month><Day>09</Day></ArticleDate>
</Article><OtherAbstract Type="Publisher" Language="fre"><AbstractText>Autre.</AbstractText></OtherAbstract>
<CommentsCorrectionsList>
  <CommentsCorrections RefType="Cites"><RefSource>J. 2001</RefSource><PMID>5</PMID></CommentsCorrections>
  <CommentsCorrections RefType="RetractionIn"><RefSource>J. 2012</RefSource><PMID>9</PMID></CommentsCorrections>
  <CommentsCorrections RefType="ErratumIn"><RefSource>J. 2011</RefSource></CommentsCorrections>
</CommentsCorrectionsList></MedlineCitation>
<PubmedData><History><PubMedPubDate PubStatus="received"><Year>2009</Year></PubMedPubDate>
<PubMedPubDate PubStatus="entrez"><Year>2010</Year><Month>4</Month><Day>10</Day><Hour>6</Hour></PubMedPubDate></History>
<ArticleIdList><ArticleId IdType="pubmed">7</ArticleId><ArticleId IdType="pmc">PMC7</ArticleId>
<ArticleId IdType="doi">10.1/a</ArticleId></ArticleIdList>
<ReferenceList><Reference><ArticleIdList><ArticleId IdType="doi">10.9/other</ArticleId></ArticleIdList></Reference>
</ReferenceList></PubmedData></PubmedArticle>"""
BOOK = """<PubmedBookArticle><BookDocument><PMID Version="1">8</PMID>
<ArticleIdList><ArticleId IdType="bookaccession">NBK8</ArticleId></ArticleIdList>
<Book><BookTitle>The Book</BookTitle><PubDate><Year>2012</Year></PubDate></Book>
<ArticleTitle>A chapter</ArticleTitle><Abstract><AbstractText>It is told.</AbstractText></Abstract>
<PublicationType>Review</PublicationType></BookDocument>
<PubmedBookData><History><PubMedPubDate PubStatus="entrez"><Year>2012</Year><Month>1</Month><Day>2</Day></PubMedPubDate>
</History><ArticleIdList><ArticleId IdType="pubmed">8</ArticleId></ArticleIdList></PubmedBookData>
</PubmedBookArticle>"""
NAMELESS = """<PubmedArticle><MedlineCitation><Article><ArticleTitle>Whose?</ArticleTitle></Article></MedlineCitation>
</PubmedArticle>"""
DELETED = "<DeleteCitation><PMID Version='1'>9</PMID></DeleteCitation>"


def parsed(*records: str) -> tuple[dict[str, Rows], tuple[Json, ...]]:
    """Return rows by thing, as tuples, and what is in quarantine."""
    found = module.parse("articles", f"<PubmedArticleSet>{''.join(records)}</PubmedArticleSet>".encode())
    tables = {name.partition("__")[2]: table for name, table in found.tables.items()}
    return {
        name: [tuple(row.values()) for row in table.to_pylist()] for name, table in tables.items()
    }, found.quarantine


def test_an_article_and_a_chapter_are_read_whole() -> None:
    rows, quarantine = parsed(RECORD, DELETED, BOOK)
    headed = "AIM: To see whether P<0.05. Unheaded. RESULTS: x2 rose."
    assert rows == {
        "article": [
            ("7", 2, "Effect of H2O on E. coli <5µm", headed, "The Journal", "2010 May-Jun", "2010-04-09", "2010-04-10",
             "10.1/a", "PMC7", False),
            ("8", 1, "A chapter", "It is told.", "The Book", "2012", None, "2012-01-02", None, None, True),
        ],
        "abstract_section": [
            ("7", 1, "AIM", "OBJECTIVE", "To see whether P<0.05."),
            ("7", 2, None, "UNASSIGNED", "Unheaded."),
            ("7", 3, "RESULTS", "RESULTS", "x2 rose."),
            ("7", 4, "EMPTY", None, None),
            ("8", 1, None, None, "It is told."),
        ],
        "publication_type": [("7", "Review"), ("8", "Review")],
        "accession": [("7", "ClinicalTrials.gov", nct(1)), ("7", "ClinicalTrials.gov", nct(2))],
        "correction": [("7", 2, "RetractionIn", "9", "J. 2012"), ("7", 3, "ErratumIn", None, "J. 2011")],
    }  # fmt: skip
    assert quarantine == ()


def test_a_record_without_a_pmid_goes_into_quarantine_and_takes_no_other_with_it() -> None:
    rows, quarantine = parsed(NAMELESS, BOOK)
    assert [row[0] for row in rows["article"]] == ["8"]
    assert quarantine == ({"position": 0, "id": "", "reason": "it has no PMID", "start": "Whose?"},)


def test_of_two_versions_of_a_record_the_higher_counts_once() -> None:
    first = RECORD.replace('Version="2"', 'Version="1"').replace("The  Journal", "Before")
    for order in ((first, RECORD), (RECORD, first)):
        rows, _ = parsed(*order)
        assert [(row[0], row[4]) for row in rows["article"]] == [("7", "The Journal")]
        assert len(rows["accession"]) == 2


def test_a_bare_record_is_read_as_what_little_it_is() -> None:
    rows, _ = parsed("<PubmedArticle><MedlineCitation><PMID>3</PMID></MedlineCitation></PubmedArticle>")
    assert rows["article"] == [("3", *[None] * 9, False)]
    assert not rows["abstract_section"] + rows["publication_type"] + rows["accession"] + rows["correction"]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ("<Year>2010</Year>", "2010"),
        ("<Year>2010</Year><Month>May</Month>", "2010-05"),
        ("<Year>2010</Year><Month>May</Month><Day>3</Day>", "2010-05-03"),
        ("<Year>2010</Year><Month>12</Month><Day>31</Day>", "2010-12-31"),
        ("<Year>2010</Year><Month>Sept</Month>", "2010-09"),
        ("<Year>2010</Year><Season>Spring</Season>", "2010 Spring"),
        ("<MedlineDate>2010 May-Jun</MedlineDate>", "2010 May-Jun"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", "1998 Dec-1999 Jan"),
        ("<Year>2010</Year><Month>Feb</Month><Day>30</Day>", "2010 Feb 30"),
        ("<Year>2010</Year><Month>13</Month>", "2010 13"),
        ("<Year>2010</Year><Month>Q3</Month>", "2010 Q3"),
        ("<Year>2010</Year><Day>3</Day>", "2010 3"),
        ("<Year>10</Year>", "10"),
        ("", None),
    ],
)
def test_a_date_keeps_its_precision_and_what_is_no_date_its_words(parts: str, text: str | None) -> None:
    pub_date = f"<PubDate>{parts}</PubDate>"
    rows, _ = parsed(re.sub("<PubDate>.*?</PubDate>", pub_date, RECORD, flags=re.DOTALL))
    assert rows["article"][0][5] == text


def test_odd_records_come_through_a_crawl(serve: Serve) -> None:
    nights = serve(
        {"pmid": "7", "xml": RECORD},
        {"pmid": "8", "xml": BOOK},
        {"pmid": "9", "deleted": True},
        {"pmid": "10", "xml": NAMELESS},
    )
    nights.post(trial(1, 7, 8, 9, 10))
    night = nights.fetch()
    assert nights.pmids() == ["7", "8"]
    assert nights.told(night, "4 articles asked for, 2 missing: 9, 10")


# The key


def contents(folder: Path) -> Iterator[bytes]:
    for path in folder.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            yield gzip.decompress(body) if path.suffix == ".gz" else body


@pytest.mark.parametrize("fault", ["", "pubmed_rate_limit", "pubmed_error", "wrong"])
def test_the_key_is_posted_and_shown_nowhere(
    plain: Nights, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    monkeypatch.setattr("cto.http.time.sleep", lambda _: None)
    caplog.set_level(logging.DEBUG)
    plain.key, plain.site.key = KEY, "another" if fault == "wrong" else KEY
    told = ""
    if fault.startswith("pubmed"):
        plain.sandbox.add_fault(fault, times=None)
    if fault:
        with pytest.raises(SourceError) as caught:
            plain.fetch()
        told = str(caught.value)
        assert [finding for finding in examine(plain.settings, [pubmed]) if KEY in finding.verdict] == []
    else:
        told = "\n".join(plain.fetch().notes)
        assert len(plain.pmids()) == 5
    assert KEY not in told
    assert ("API key invalid" in told) == (fault == "wrong")
    assert "/eutils/esearch.fcgi" in caplog.text
    assert KEY not in caplog.text
    assert KEY not in str(plain.sandbox.requests)
    bodies = list(contents(plain.home))
    assert bodies
    assert not [body for body in bodies if KEY.encode() in body]


def test_without_the_key_the_stand_in_answers_nobody_and_in_an_address_it_takes_none(plain: Nights) -> None:
    plain.site.key = KEY
    fields = {"db": "pubmed", "id": "11", "retmode": "xml"}
    assert ask(plain, "/efetch.fcgi", **fields).status_code == 400
    url = plain.sandbox.urls["pubmed"] + "/efetch.fcgi"
    assert requests.get(url, {**fields, "api_key": KEY}, timeout=5).status_code == 400
    assert requests.post(url, {**fields, "api_key": KEY}, timeout=5).status_code == 200


# A run that is killed


def test_a_killed_run_goes_on_where_it_stopped_and_asks_nothing_twice(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(search, "TRIALS", 3)
    monkeypatch.setattr(module, "ARTICLES", 3)
    whole = serve(*(article(100 + n, n, abstract=nct(n)) for n in range(1, 7) if n % 3))
    whole.post(*(trial(n, 100 + n, 200 + n) for n in range(1, 7)))
    before, later = (shutil.copytree(whole.home, tmp_path / name) for name in ("before", "later"))
    whole.fetch()
    expected, calls = whole.pmids(), Counter(map(str, whole.site.asked))
    assert len(expected) == 4
    assert len(calls) == calls.total() == 15
    Nights(whole.sandbox, later).post(trial(50, 999))
    for n in range(1, calls.total()):
        nights = Nights(whole.sandbox, shutil.copytree(before, tmp_path / f"killed{n}"))
        with pytest.MonkeyPatch.context() as patch:
            kill_after(n, patch)
            with pytest.raises(KeyboardInterrupt):
                nights.fetch()
        asked = list(nights.site.asked)
        for folder in ("sources/clinicaltrials_gov", "parts/clinicaltrials_gov"):  # the registry moves on meanwhile
            shutil.copytree(later / folder, nights.home / folder, dirs_exist_ok=True)
        nights.fetch(1)
        assert Counter(map(str, asked + nights.site.asked)) == calls, n
        assert nights.pmids() == expected
    assert nights.fetch(2).snapshot.watermark["missing"].keys() >= {"999"}, "the registry had moved on"


def kill_after(n: int, patch: pytest.MonkeyPatch) -> None:
    """Let the process die when it has asked so often."""
    send, left = Http.get, [n]

    def get(self: Http, *args: Any, **more: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return send(self, *args, **more)

    patch.setattr(Http, "get", get)


# The stand-in, the sample and the doctor


def ask(nights: Nights, path: str, **fields: Any) -> requests.Response:
    return requests.get(nights.sandbox.urls["pubmed"] + path, {"db": "pubmed", **fields}, timeout=5)


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/elink.fcgi", {"retmode": "json"}, 404),
        ("/esearch.fcgi", {"retmode": "xml", "term": "x"}, 404),
        ("/efetch.fcgi", {"retmode": "json", "id": "1"}, 404),
        ("/efetch.fcgi", {"retmode": "xml", "db": "pmc", "id": "1"}, 404),
        ("/efetch.fcgi", {"retmode": "xml", "id": "none"}, 400),
        ("/esearch.fcgi", {"retmode": "json", "term": "(a"}, 400),
    ],
)
def test_the_stand_in_refuses_what_it_does_not_know(plain: Nights, path: str, fields: Json, status: int) -> None:
    assert ask(plain, path, **fields).status_code == status


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Return the shipped world, fetched."""
    with Sandbox(world=WORLD) as sandbox:
        nights = Nights(sandbox, tmp_path_factory.mktemp("sample"))
        nights.post()
        nights.fetch()
        yield nights


def test_every_article_of_the_sample_is_found_and_says_that_it_is_invented(sample: Nights) -> None:
    lines = [json.loads(line) for line in (WORLD / "pubmed.jsonl").read_text("utf-8").splitlines()]
    assert sample.pmids() == sorted(line["pmid"] for line in lines)
    texts = sample.rows("select text from raw_pubmed__abstract_section union all select title from raw_pubmed__article")
    assert len(texts) > 100
    assert [text for (text,) in texts if not text.startswith("FICTIONAL")] == []
    assert sample.rows("select count(*) from raw_pubmed__article where pmid not like '9990%'") == [(0,)]


def test_every_referenced_article_of_the_sample_names_its_trial(sample: Nights) -> None:
    studies = [
        json.loads(line)["protocolSection"] for line in (WORLD / "studies.jsonl").read_text("utf-8").splitlines()
    ]
    referenced = {
        (reference["pmid"], study["identificationModule"]["nctId"])
        for study in studies
        for reference in study.get("referencesModule", {}).get("references", [])
        if reference["type"] != "BACKGROUND"
    }
    assert len(referenced) == 16
    accessions = set(sample.rows("select pmid, accession from raw_pubmed__accession"))
    assert referenced <= accessions


def test_the_doctor_sees_whether_pubmed_answers_as_expected(sample: Nights, serve: Serve) -> None:
    [well] = examine(sample.settings, [pubmed])
    assert (well.is_well, well.verdict[:35]) == (True, "answers as expected: 1 of article, ")
    [empty] = examine(serve().settings, [pubmed])
    assert not empty.is_well
    assert "finds no article" in empty.verdict
