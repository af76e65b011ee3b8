"""Companies: what their names are but for legal form and trade, and which sponsor is which listed company."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.worlds.market import build, fill

Connection = duckdb.DuckDBPyConnection
Rows = list[dict[str, Any]]


@pytest.mark.parametrize(
    ("text", "name", "core"),
    [
        ("Pfizer Inc.", "pfizer", "pfizer"),
        ("VERTEX PHARMACEUTICALS INC / MA", "vertex pharmaceuticals", "vertex"),
        ("ASHGROVE INVENTED PHARMA INC /DE/", "ashgrove invented pharma", "ashgrove invented"),
        ("Novo Nordisk A/S", "novo nordisk", "novo nordisk"),
        ("Chiesi Farmaceutici S.p.A.", "chiesi farmaceutici", "chiesi farmaceutici"),
        ("Johnson & Johnson", "johnson and johnson", "johnson and johnson"),
        ("The Medicines Company", "medicines", "medicines"),
        ("Dr. Reddy's Laboratories Limited", "dr reddys laboratories", "dr reddys"),
        ("Wyeth is now a wholly owned subsidiary of Pfizer", "wyeth", "wyeth"),
        ("Genzyme, a Sanofi Company", "genzyme", "genzyme"),
        ("AbbVie (prior sponsor, Abbott)", "abbvie", "abbvie"),
        ("Laboratórios Açaí, S.A.", "laboratorios acai", "laboratorios acai"),
    ],
)
def test_a_company_is_called_by_its_name_without_its_legal_form(
    empty: Connection, text: str, name: str, core: str
) -> None:
    assert empty.execute("select company_name($1), company_core($1)", [text]).fetchall() == [(name, core)]


def listed(*lines: tuple[str, str, int | None, str | None]) -> Rows:
    return [
        dict(zip(("ticker", "company_name", "cik", "exchange"), line, strict=True))
        | {"list": "exchange", "list_index": i}
        for i, line in enumerate(lines)
    ]


LISTED = listed(
    ("PFE", "PFIZER INC", 1, "NYSE"),
    ("NVSEF", "NOVARTIS AG", 2, "OTC"),
    ("NVS", "NOVARTIS AG", 2, "NYSE"),
    ("MRK", "Merck & Co., Inc.", 3, "NYSE"),
    ("MKKGY", "MERCK KGAA", 4, "OTC"),
    ("BMY", "BRISTOL MYERS SQUIBB CO", 5, "NYSE"),
    ("FICT-A", "Fictional Therapeutics, Inc.", 6, "Nasdaq"),
    ("FICT", "Fictional Therapeutics, Inc.", 6, "Nasdaq"),
    ("VERX", "Vertex, Inc.", 7, "Nasdaq"),
    ("VRTX", "VERTEX PHARMACEUTICALS INC / MA", 8, "Nasdaq"),
    ("ORCH", "Orchid Energy Corp", 9, "NYSE"),
    ("APEX", "Apexia Therapeutics Inc", 10, "Nasdaq"),
    ("ALC", "ALCON INC", 11, "NYSE"),
)


@pytest.mark.parametrize(
    ("sponsor", "expected"),
    [
        ("Pfizer Inc", [("PFE", "exact")]),
        ("Pfizer", [("PFE", "normalised")]),
        ("Pfizer Japan", [("PFE", "core")]),
        ("Novartis Pharmaceuticals", [("NVS", "core")]),
        ("Fictional Therapeutics", [("FICT", "normalised")]),
        ("Fictional Pharma", []),  # another trade: another company
        ("Vertex Pharmaceuticals Incorporated", [("VRTX", "normalised")]),
        ("Vertex Biotech", []),  # two companies have the core
        ("Merck", []),  # two companies have the name
        ("Merck Sharp & Dohme LLC", [("MRK", "alias")]),
        ("Merck KGaA, Darmstadt, Germany", [("MKKGY", "alias")]),
        ("Celgene Corporation", [("BMY", "subsidiary")]),
        ("Genentech, Inc.", []),  # its owner is not on the list
        ("Orchid Pharma", []),
        ("Alcon Research", [("ALC", "subsidiary"), ("NVS", "subsidiary")]),
        ("University of Pfizer", []),
    ],
)
def test_a_sponsor_is_the_company_that_its_name_says(
    empty: Connection, sponsor: str, expected: list[tuple[str, str]]
) -> None:
    fill(empty, "raw_tickers__company", LISTED)
    fill(empty, "core_sponsor", [{"nct_id": "NCT1", "sponsor_index": 0, "sponsor_name": sponsor,
                                  "sponsor_class": "INDUSTRY", "is_lead": True}])  # fmt: skip
    build(empty, ["core_company_name", "core_sponsor_ticker"])
    found = empty.execute("select ticker, match_basis from core_sponsor_ticker order by 1").fetchall()
    assert found == expected


def test_both_lists_of_companies_name_a_ticker_once(empty: Connection) -> None:
    fill(empty, "raw_tickers__company", LISTED)
    fill(empty, "raw_tickers__company", [row | {"list": "company", "exchange": None} for row in LISTED])
    build(empty, ["core_company_name"])
    [(n, n_distinct)] = empty.execute(
        "select count(*), count(distinct (name, ticker)) from core_company_name"
    ).fetchall()
    assert n == n_distinct
    assert empty.execute("select ticker from core_company_name where name = 'pfizer'").fetchall() == [("PFE",)]


def test_only_companies_have_tickers(empty: Connection) -> None:
    fill(empty, "raw_tickers__company", LISTED)
    fill(empty, "core_sponsor", [{"nct_id": "NCT1", "sponsor_index": 0, "sponsor_name": "Pfizer",
                                  "sponsor_class": "OTHER", "is_lead": True}])  # fmt: skip
    build(empty, ["core_company_name", "core_sponsor_ticker"])
    assert empty.execute("from core_sponsor_ticker").fetchall() == []
