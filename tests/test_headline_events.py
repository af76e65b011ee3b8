"""Which headlines tell an event for certain, and which only seem to."""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cto.plan import macros
from tests.real import SHARED

READING = Path(__file__).parent / "readings" / "headline_events.csv"

CERTAIN = {
    "endpoint_met": [
        "Norvia Announces NV-201 Met Primary Endpoint in Phase 3 BREEZE Trial in Severe Asthma",
        "Orlutide Meets Primary and All Key Secondary Endpoints in Pivotal Obesity Study",
        "Halden's pill meets main goal of late-stage psoriasis trial",
        "Halden drug hits main goal in mid-stage lupus study",
        "Phase III trial of velimab achieves co-primary endpoints of progression-free and overall survival",
        "Sarnex achieved both primary endpoints in two Phase 3 studies of dry eye",
        "Primary Endpoint Met in Norvia's Phase 2b Study of NV-114 in Gout",
        "Norvia says primary endpoint of overall survival was met in lung cancer trial",
        "Gene therapy reaches primary objective in haemophilia trial",
        "Velimab trial meets its primary efficacy endpoint, sending shares higher",
        "Arcton's Phase 2 migraine trial meets primary endpoint, as expected",
        "BREEZE-1 study meets all endpoints",
    ],
    "endpoint_missed": [
        "Norvia's NV-201 Fails to Meet Primary Endpoint in Phase 3 Asthma Trial",
        "Halden Announces BREEZE Study Did Not Meet Its Primary Endpoint",
        "Halden asthma drug misses main goal in late-stage trial",
        "Shares plunge as Halden drug misses primary endpoint but meets key secondary endpoint",
        "Velimab did not achieve statistically significant effect as primary endpoint not met",
        "Primary endpoint was not met in Sarnex's dry eye study",
        "Halden's Alzheimer's drug fails in late-stage trial",
        "Halden's Alzheimer's drug fails big Phase 3 cognition trial",
        "Halden's depression pill fails to beat placebo in Phase 2 study",
        "Norvia halts BREEZE trial after NV-201 missed its primary endpoint",
        "Norvia study falls short of primary endpoint",
        "Halden drug no better than placebo in sciatica trial",
        "Norvia: NV-201 didn't meet primary endpoint in COPD",
        "Velimab trial did not reach statistical significance on its primary endpoint",
        "Halden's schizophrenia pill fails two mid-stage trials",
    ],
    "halted": [
        "Norvia Stops Phase 3 Trial of NV-201 for Futility",
        "Halden to Discontinue BREEZE Study Following Futility Analysis",
        "Data monitoring committee recommends stopping velimab trial due to lack of efficacy",
        "Norvia ends heart failure trial on safety concerns",
        "Halden terminates Phase 2 study of HL-7 after patient deaths",
        "Sarnex scraps gene therapy trial after liver toxicity",
        "Norvia halts trial as NV-201 unlikely to meet primary endpoint",
        "Norvia discontinues study of NV-9 due to slow enrollment",
        "Halden discontinues BREEZE-2 for futility",
    ],
    "approved": [
        "FDA Approves Norvia's NV-201 (orlutide) for Severe Asthma",
        "U.S. FDA Grants Accelerated Approval to Halden's Velimab for Bladder Cancer",
        "Norvia Receives FDA Approval for Orlutide in Adults with Gout",
        "European Commission Approves Velimab for Melanoma",
        "Halden wins European Commission approval for velimab",
        "Velimab Approved in the U.S. as First Treatment for Rare Anaemia",
        "Norvia Announces U.S. Food and Drug Administration (FDA) Approval of Orlutide for Obesity",
        "Velimab approved by Health Canada for psoriasis",
        "Halden's gout drug wins FDA approval",
        "The FDA has approved velimab for lupus",
    ],
    "refused": [
        "Norvia Receives Complete Response Letter from FDA for Orlutide",
        "FDA Issues Complete Response Letter for Halden's Velimab NDA",
        "FDA declines to approve Halden's depression drug",
        "FDA rejects Halden's ALS therapy",
        "Halden hit with surprise CRL for eye drug",
        "FDA refuses to approve Sarnex's stem cell therapy",
    ],
}

UNCERTAIN = [
    # expected, asked, advised or sued
    "Norvia ahead of readout: NV-201 expected to meet primary endpoint",
    "Could Halden's velimab meet its primary endpoint?",
    "Will FDA approve Norvia's orlutide?",
    "Analysts see Halden drug missing primary endpoint",
    "FDA approval of orlutide likely in March, analysts say",
    "Class action filed against Halden after trial failed to meet primary endpoint",
    "Norvia on track to report whether NV-201 meets primary endpoint",
    "Norvia plans to seek FDA approval of orlutide",
    "Norvia to discuss trial that met primary endpoint at conference",
    # some of it, another endpoint, or both ways
    "Halden drug meets one of two primary endpoints",
    "Halden drug meets primary endpoint in only one of two trials",
    "Norvia study meets key secondary endpoint",
    "Norvia study meets primary safety endpoint in phase 1",
    "Norvia meets enrollment goal in study with primary endpoint of survival",
    "Halden's velimab meets primary endpoint but fails to improve overall survival",
    "Mixed results: velimab meets primary endpoint, misses the other",
    "Norvia's drug meets secondary but not primary endpoint",
    "Velimab reaches endpoint in mice",
    "Study in patients who failed phase 3 therapy starts",
    # a pause, a business decision, good reasons to stop, a part of a trial
    "FDA lifts partial clinical hold on Norvia's sickle cell trial",
    "FDA places clinical hold on Norvia trial after patient death",
    "Norvia pauses trial after serious adverse event",
    "Norvia discontinues Phase 2 study in pipeline review",
    "Velimab trial stopped early for overwhelming efficacy",
    "Velimab trial halted early for efficacy after interim analysis",
    "Norvia trial passes futility analysis and will continue",
    "Norvia provides update from the futility analysis of its study",
    "Norvia stops high-dose arm due to toxicity",
    "Norvia terminates license agreement after deaths in trial",
    # a step of the procedure, another product, another cause
    "FDA accepts Norvia's supplemental application for approval of orlutide",
    "FDA approves Norvia's IND for phase 1 trial of NV-9",
    "FDA approves expanded access programme of orlutide",
    "FDA panel recommends approval of velimab",
    "FDA panel votes against approval of velimab",
    "CHMP recommends approval of velimab",
    "Norvia receives tentative FDA approval for generic orlutide",
    "FDA approves new label for velimab",
    "FDA approves manufacturing facility for velimab",
    "Norvia receives FDA approval for glucose monitoring device in the U.S.",
    "One year after FDA approves orlutide, sales lag",
    "European Commission withdraws approval for velimab in ALS",
    "FDA delays decision on approval of velimab",
    "Norvia resubmits application after complete response letter",
    "Norvia responds to complete response letter for orlutide",
    "FDA issues complete response letter for velimab over manufacturing facility inspection",
    "Norvia receives refuse-to-file letter, will meet FDA",
    "FDA rejects petition to pull orlutide",
    "FDA declines to approve injection form of velimab",
]

OTHER = [
    "Norvia announces positive topline results from Phase 3 trial of NV-201",
    "Norvia doses first patient in BREEZE trial",
    "Norvia completes enrollment of heart failure study",
    "Halden reports complete response rate of 40% in lymphoma",
    "Norvia appoints chief medical officer",
    "Norvia meets with FDA on design of study",
    "Velimab reduces exacerbations in severe asthma",
    "Misson Therapeutics reports new data",
]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(macros())
        yield con


def event(con: duckdb.DuckDBPyConnection, headline: str) -> str | None:
    row = con.execute("select headline_event(headline_words($1))", [headline]).fetchone()
    assert row is not None
    return None if row[0] is None else str(row[0])


@pytest.mark.parametrize(("expected", "headline"), [(name, text) for name, texts in CERTAIN.items() for text in texts])
def test_a_headline_in_so_many_words_is_that_event(
    con: duckdb.DuckDBPyConnection, expected: str, headline: str
) -> None:
    assert event(con, headline) == expected


@pytest.mark.parametrize("headline", UNCERTAIN)
def test_a_headline_that_only_touches_an_event_is_none_for_certain(
    con: duckdb.DuckDBPyConnection, headline: str
) -> None:
    assert event(con, headline) is None


@pytest.mark.parametrize("headline", OTHER)
def test_a_headline_about_no_such_event_is_other(con: duckdb.DuckDBPyConnection, headline: str) -> None:
    assert event(con, headline) == "other"


@pytest.mark.skipif(not (SHARED / "news").exists(), reason="the headlines are not at ../shared/data/news")
def test_real_headlines_are_read_as_by_hand(con: duckdb.DuckDBPyConnection) -> None:
    titles = {}
    for name in ("releases", "headlines"):
        with gzip.open(SHARED / "news" / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
            titles |= {hashlib.sha256(row["title"].encode()).hexdigest(): row["title"] for row in csv.DictReader(file)}
    with READING.open(encoding="utf-8", newline="") as file:
        read = {row["sha256"]: row["event"] for row in csv.DictReader(file)}
    found = {key: event(con, titles[key]) for key in read}
    certain = {key: told for key, told in found.items() if told not in (None, "other")}
    assert len(read) >= 150
    assert len(certain) >= 10
    assert certain.items() <= read.items()
    assert len(certain) >= 0.8 * sum(told != "" for told in read.values())
