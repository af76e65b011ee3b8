"""The names of drugs are cleaned in one way and looked up at RxNav, whatever it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

import connectors.drug_names as connector
from connectors.drug_names import drug_names
from cto import parts, pipeline, snapshot
from cto.http import BadBodyError, BlockedError, SourceError
from cto.ingest import Ingested
from cto.lake import Lake
from cto.plan import macros
from cto.sandbox import Sandbox
from cto.settings import Settings
from tests.conftest import Query

NOW = datetime(2026, 11, 1, tzinfo=UTC)
WORLD = Path(__file__).parents[1] / "cto" / "sample" / "world"
CONCEPTS = [
    {"rxcui": "1", "name": "Acetaminophen", "tty": "IN", "synonyms": ["paracetamol", "APAP"]},
    {"rxcui": "2", "name": "codeine", "tty": "IN"},
    {"rxcui": "11", "name": "Tylenol", "tty": "BN", "ingredients": ["1"]},
    {"rxcui": "12", "name": "Tylenol with Codeine", "tty": "BN", "ingredients": ["1", "2"]},
    {"rxcui": "3", "name": "prednisolone", "tty": "IN"},
    {"rxcui": "4", "name": "interferon alfa", "tty": "IN"},
    {"rxcui": "5", "name": "ly3002811", "tty": "IN"},
    {"rxcui": "6", "name": "ambiguol", "tty": "IN"},
    {"rxcui": "7", "name": "Ambiguol", "tty": "IN"},
]

Rows = list[tuple[Any, ...]]


def test_names_are_cleaned_of_what_is_not_the_drug(run_sql: Query) -> None:
    cleaned = {
        "  Metformin  Hydrochloride ": "metformin hydrochloride",
        "Xarelto® (BAY 59-7939) 20 mg oral tablet": "xarelto",
        "VESIcare (R)": "vesicare",
        "(R)-ketamine": "(r)-ketamine",
        "1-(2-chloroethyl)-3-cyclohexyl-1-nitrosourea": "1-(2-chloroethyl)-3-cyclohexyl-1-nitrosourea",
        "peginterferon alfa-2a (40KD) [PEGASYS]": "peginterferon alfa-2a",
        "(Adriamycin)": "adriamycin",
        "Lamotrigine (Lamictal": "lamotrigine",
        "Insulin glargine 100 U/mL": "insulin glargine",
        "BCNU 200mg/m2": "bcnu",
        "0,6 % isoflurane": "isoflurane",
        "Pemafibrate 0.2mg/day (once daily)": "pemafibrate",
        "naltrexone for extended-release injectable suspension": "naltrexone",
        "IV Levodopa": "levodopa",
        "SC-52458": "sc-52458",
        "IM-862 SC": "im-862",
        "VP-16": "vp-16",
        "5-FU": "5-fu",
        "V501": "v501",
        "L-743,872": "l-743,872",
        "botulinum toxin Type A (200U)": "botulinum toxin type a",
        "hepatitis B vaccine": "hepatitis b vaccine",
        "Trastuzumab-MCC-DM1 Antibody-Drug Conjugate": "trastuzumab-mcc-dm1 antibody-drug conjugate",
        "Matching placebo": None,
        "100 mg": None,
        "Formulation A": None,
        "N/A": None,
        "": None,
        "word " * 20: None,
    }
    assert {text: run_sql(f"select drug_name('{text}') as name")[0]["name"] for text in cleaned} == cleaned
    assert run_sql("select drug_name(null) as name") == [{"name": None}]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Aspirin", ["aspirin"]),
        ("carbidopa/levodopa 25 mg/100 mg", ["carbidopa", "carbidopa/levodopa", "levodopa"]),
        ("Sorafenib (Nexavar) + Dacarbazine", ["dacarbazine", "sorafenib", "sorafenib + dacarbazine"]),
        ("Tretinoin 0.1% cream or placebo", ["tretinoin"]),
        ("2,4-dinitrophenol", ["2,4-dinitrophenol"]),
        ("interferon alfa-2a/2b", ["interferon alfa-2a", "interferon alfa-2a/2b"]),
        (", ".join(["cyclophosphamide", "doxorubicin", "vincristine", "prednisone", "rituximab"]),
         ["cyclophosphamide", "doxorubicin", "prednisone", "rituximab", "vincristine"]),
        (None, []),
    ],
    ids=str,
)  # fmt: skip
def test_a_combination_is_taken_apart(text: str | None, names: list[str]) -> None:
    with duckdb.connect() as con:
        con.execute(macros())
        assert con.execute("select list_sort(drug_parts($1))", [text]).fetchone() == (names,)


def test_names_of_drugs_are_wanted_and_no_placebos_the_most_used_first(run_sql: Query) -> None:
    plain: dict[str, Any] = {"intervention_type": "DRUG", "role": "experimental", "intervention_index": 1}
    given: list[dict[str, Any]] = [
        {"nct_id": "NCT1", "intervention_name": "Velorimab 5 mg", "other_names": ["MFT-101", "velorimab"]},
        {"nct_id": "NCT2", "intervention_name": "Velorimab", "role": "background", "intervention_type": "BIOLOGICAL"},
        {"nct_id": "NCT3", "intervention_name": "Inactive", "role": "placebo"},
        {"nct_id": "NCT4", "intervention_name": "Leaflet", "intervention_type": "BEHAVIORAL"},
        {"nct_id": "NCT5", "intervention_name": "Comparatol and Velorimab", "role": "comparator"},
        {"nct_id": "NCT6", "intervention_name": None},
    ]
    found = run_sql(drug_names.wants, core_intervention=[plain | row for row in given])
    assert [row["name"] for row in found] == ["velorimab", "comparatol", "comparatol and velorimab", "mft-101"]


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("acetominophen", "acetaminophen", True),
        ("ibuprofne", "ibuprofen", True),
        ("alfa interferon", "interferon alfa", True),
        ("clotrimazol", "clotrimazole", True),
        ("prednisone", "prednisolone", False),
        ("laquinimod", "paquinimod", False),
        ("ly3002813", "ly3002811", False),
        ("abt-199", "abt-198", False),
        ("codein", "codeine", False),
        ("interferon beta", "interferon alfa", False),
        ("insulin", "insulin glargine", False),
        ("velorimab", "", False),
    ],
)
def test_a_candidate_counts_only_when_it_spells_the_name(name: str, other: str, expected: bool) -> None:
    candidates = [connector.Candidate("7", other, 12.5)]
    found = connector._meaning(name, [], candidates)
    assert found == (
        {"rxcui": "7", "match": "approximate", "score": 12.5}
        if expected
        else {"rxcui": None, "match": "none", "score": None}
    )


@dataclass
class Nights:
    """RxNav, a lake, and the names that a night wants."""

    sandbox: Sandbox
    home: Path

    def run(self, names: Sequence[str], now: datetime = NOW) -> Ingested:
        """Post a trial of these drugs, fetch it and then what they mean."""
        self.sandbox.post_studies([study(list(names))])
        settings = Settings(str(self.home), NOW.date(), self.sandbox.urls, backoff=0.001)
        lake = pipeline.open_lake(settings)
        [registry] = pipeline.sources(["clinicaltrials_gov"], settings)
        pipeline.ingest_source(lake, settings, registry, lambda: now)
        self.sandbox.clear_requests()
        return pipeline.ingest_source(lake, settings, drug_names, lambda: now)

    def calls(self, path: str = "") -> list[str]:
        """Return what RxNav was asked: the name, term or path of each call."""
        found = [r for r in self.sandbox.requests if r["path"].startswith(f"/rxnav{path}")]
        return [r["query"].get("name") or r["query"].get("term") or r["path"].removeprefix("/rxnav") for r in found]

    def rows(self, thing: str, columns: str) -> Rows:
        lake = Lake(str(self.home))
        snap = snapshot.load(lake, drug_names.name)
        assert snap
        files = parts.files(lake, drug_names, parts.parse(lake, drug_names, snap), f"raw_drug_names__{thing}")
        return duckdb.sql(f"select {columns} from read_parquet({files}) order by all").fetchall() if files else []


def study(names: list[str]) -> dict[str, Any]:
    first, *others = names
    drug = {"type": "DRUG", "name": first, "otherNames": others}
    return {
        "protocolSection": {
            "identificationModule": {"nctId": "NCT00000001"},
            "statusModule": {"lastUpdatePostDateStruct": {"date": "2020-01-02"}, "overallStatus": "COMPLETED"},
            "designModule": {"studyType": "INTERVENTIONAL"},
            "armsInterventionsModule": {"interventions": [drug]},
        }
    }


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with Sandbox() as sandbox:
        sandbox.site("drug_names").add(CONCEPTS)
        yield Nights(sandbox, tmp_path / "lake")


def test_a_name_leads_to_its_ingredients_and_their_brands(nights: Nights) -> None:
    nights.run(["Paracetamol 500 mg", "Tylenol with Codeine", "acetominophen", "MFT-101", "ly3002813"])
    assert nights.rows("name", "name, rxcui, match, score is not null") == [
        ("acetominophen", "1", "approximate", True),
        ("codeine", "2", "exact", False),
        ("ly3002813", None, "none", False),
        ("mft-101", None, "none", False),
        ("paracetamol", "1", "exact", False),
        ("tylenol", "11", "exact", False),
        ("tylenol with codeine", "12", "exact", False),
    ]
    assert nights.rows("ingredient", "*  exclude page") == [
        ("acetominophen", "1", "acetaminophen"),
        ("codeine", "2", "codeine"),
        ("paracetamol", "1", "acetaminophen"),
        ("tylenol", "1", "acetaminophen"),
        ("tylenol with codeine", "1", "acetaminophen"),
        ("tylenol with codeine", "2", "codeine"),
    ]
    brands = [row[2] for row in nights.rows("synonym", "name, ingredient_rxcui, synonym") if row[0] == "paracetamol"]
    assert brands == ["tylenol", "tylenol with codeine"]


def test_a_code_is_never_asked_for_approximately(nights: Nights) -> None:
    nights.run(["ly3002813", "unknownol"])
    assert nights.calls("/approximateTerm") == ["unknownol"]


def test_what_many_names_lead_to_is_asked_for_once(nights: Nights) -> None:
    nights.run(["paracetamol", "apap", "acetaminophen"])
    assert sorted(nights.calls("/rxcui/")) == ["/rxcui/1/related.json"] * 2  # the ingredients and the brands
    assert len(nights.rows("synonym", "name")) == 3 * 2


def test_of_several_concepts_the_first_is_taken_and_it_is_said(nights: Nights) -> None:
    assert "1 names mean several concepts" in "".join(nights.run(["ambiguol"]).notes)
    assert nights.rows("name", "name, rxcui") == [("ambiguol", "6")]


def test_a_known_name_is_asked_for_again_only_after_half_a_year(nights: Nights) -> None:
    nights.run(["codeine", "unknownol"])
    nights.run(["codeine", "unknownol", "apap"], NOW + timedelta(days=100))
    assert nights.calls("/rxcui.json") == ["apap"]
    nights.run(["codeine", "unknownol", "apap"], NOW + timedelta(days=181))
    assert nights.calls("/rxcui.json") == ["codeine", "unknownol"]
    assert nights.run(["codeine"], NOW + timedelta(days=182)).n_requests == 0


def test_a_night_looks_up_so_many_and_says_how_many_are_left(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "NAMES_A_NIGHT", 4)
    monkeypatch.setattr(connector, "NAMES_A_BUNDLE", 2)
    names = [f"unknownol {letter}" for letter in "abcde"]
    assert "1 names are left" in "".join(nights.run(names).notes)
    assert nights.run(names).notes == ()
    assert len(nights.rows("name", "name")) == 5


@pytest.mark.parametrize(
    "fault", ["rate_limited", "unavailable", "truncated_json", "html_at_200", "reset_mid_body", "rxnav_empty"]
)
def test_a_passing_fault_is_got_over(nights: Nights, fault: str) -> None:
    nights.sandbox.add_fault(fault, times=2, after=1, site="drug_names")
    assert nights.run(["codeine", "unknownol"]).n_retries == 2
    assert nights.rows("name", "name, match") == [("codeine", "exact"), ("unknownol", "none")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("html_at_200", SourceError),
        ("rxnav_empty", SourceError),
        ("rxnav_refuses", SourceError),
        ("blocked", BlockedError),
    ],
)
def test_a_fault_that_stays_fails_the_source_and_leaves_the_last_snapshot(
    nights: Nights, fault: str, error: type[SourceError]
) -> None:
    nights.run(["codeine"])
    nights.sandbox.add_fault(fault, times=None, site="drug_names")
    with pytest.raises(error):
        nights.run(["apap"])
    assert nights.rows("name", "name") == [("codeine",)]


def test_one_refused_name_does_not_stop_the_others(nights: Nights) -> None:
    nights.sandbox.add_fault("rxnav_refuses")
    assert "1 names were refused" in "".join(nights.run(["apap", "codeine"]).notes)
    assert nights.rows("name", "name") == [("codeine",)]
    assert nights.run(["apap", "codeine"]).n_requests == 3  # the name, its ingredients, their brands
    assert nights.rows("name", "name") == [("apap",), ("codeine",)]


def test_a_killed_run_asks_for_nothing_twice(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "NAMES_A_BUNDLE", 2)
    names = ["unknownol a", "unknownol b", "codeine", "apap"]
    nights.sandbox.add_fault("blocked", after=7, site="drug_names")
    with pytest.raises(BlockedError):
        nights.run(names)
    done = nights.calls("/rxcui.json")[:2]
    nights.run([*names, "tylenol"])  # as it goes on, it wants another name besides
    assert len(done) == 2
    assert not set(done) & set(nights.calls("/rxcui.json"))
    assert len(nights.rows("name", "name")) == 5


def test_what_is_no_answer_of_rxnav_is_refused() -> None:
    for kind, body in [
        ("ids", b"{}"),
        ("ids", b'{"idGroup": {"rxnormId": ["../x"]}}'),
        ("ids", b'{"idGroup": {"rxnormId": "12"}}'),
        ("candidates", b'{"idGroup": {}}'),
        ("candidates", b'{"approximateGroup": {"candidate": [{"rxcui": "1", "score": "high"}]}}'),
        ("brands", b"<html>"),
        ("lookups", b"nonsense"),
    ]:
        with pytest.raises(BadBodyError):
            connector.read(kind, body)


def test_the_stand_in_speaks_xml_unless_asked_for_json_and_refuses_what_it_does_not_know(nights: Nights) -> None:
    def get(path: str) -> requests.Response:
        return requests.get(nights.sandbox.url + "/rxnav" + path, timeout=5)

    assert get("/rxcui.json?name=zz&search=2").json() == {"idGroup": {}}
    assert get("/approximateTerm.json?term=zzzz&maxEntries=4").json() == {"approximateGroup": {"inputTerm": None}}
    assert get("/rxcui/2/related.json?tty=PIN").json()["relatedGroup"]["conceptGroup"] == [{"tty": "PIN"}]
    assert get("/rxcui?name=codeine&search=2").text.startswith("<?xml")
    assert [get(path).status_code for path in ("/rxcui.json", "/drugs.json?name=x")] == [400, 404]


def test_the_fictional_drugs_are_known(tmp_path: Path) -> None:
    with Sandbox(world=WORLD) as sandbox:
        settings = Settings(str(tmp_path / "lake"), date(2026, 11, 1), sandbox.urls, backoff=0.001)
        lake = pipeline.open_lake(settings)
        for source in ("clinicaltrials_gov", "drug_names"):
            [found] = pipeline.sources([source], settings)
            pipeline.ingest_source(lake, settings, found, lambda: NOW)
        nights = Nights(sandbox, tmp_path / "lake")
        known: dict[str, str] = dict(nights.rows("name", "name, match"))
    assert known["mft-101"] == known["karvexa"] == "exact"
    assert known["nib-220"] == known["tanzoprex"] == "none"
    assert known["serolift"] == "approximate"
