"""Headlines: which copies are one, whom they name and which trials they are about."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from tests.worlds.market import build, fill, item, market_world

NEWS = ("core_company_name", "core_sponsor_ticker", "core_headline", "core_headline_company", "core_trial_headline")
Connection = duckdb.DuckDBPyConnection


def headlines(con: Connection, *items: tuple[str, str | None]) -> list[tuple[Any, ...]]:
    fill(con, "raw_news__item", [item(str(i), text, at, f"Wire {i}") for i, (text, at) in enumerate(items)])
    build(con, ["core_headline"])
    return con.execute("select headline, published_at, n_copies, publishers from core_headline order by all").fetchall()


def test_copies_within_three_days_are_one_headline_and_later_ones_another(empty: Connection) -> None:
    found = headlines(
        empty,
        ("Fictium Meets Endpoint", "2020-01-03T12:00:00Z"),
        ("Fictium meets endpoint!", "2020-01-01T12:00:00Z"),
        ("FICTIUM MEETS ENDPOINT", "2020-01-06T11:59:00Z"),
        ("Fictium meets endpoint", "2020-01-09T12:00:00Z"),
        ("Fictium misses endpoint", "2020-01-01T12:00:00Z"),
    )
    assert found == [
        ("Fictium meets endpoint", datetime(2020, 1, 9, 12), 1, ["Wire 3"]),
        ("Fictium meets endpoint!", datetime(2020, 1, 1, 12), 3, ["Wire 0", "Wire 1", "Wire 2"]),
        ("Fictium misses endpoint", datetime(2020, 1, 1, 12), 1, ["Wire 4"]),
    ]


def test_a_headline_without_a_day_is_kept_apart_with_none(empty: Connection) -> None:
    found = headlines(empty, ("Fictium wins", None), ("Fictium wins", "2020-01-01T12:00:00Z"), ("Fictium wins!", None))
    assert [(at, n) for _, at, n, _ in found] == [(datetime(2020, 1, 1, 12), 1), (None, 2)]


def test_a_headline_without_a_word_is_none(empty: Connection) -> None:
    assert headlines(empty, ("…", "2020-01-01T12:00:00Z"), ("", None)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MFT-101 in Type 2 Diabetes", "mft101 in type 2 diabetes"),
        ("mft 101, in 2024", "mft101 in 2024"),
        ("Société’s Drug: Phase-3", "societe s drug phase 3"),
    ],
)
def test_a_code_is_one_word_however_it_is_written(empty: Connection, text: str, words: str) -> None:
    assert empty.execute("select headline_words(?)", [text]).fetchall() == [(words,)]


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("Phase 1/2 trial", [1, 2]),
        ("Phase IIb", [2]),
        ("Phase III study", [3]),
        ("late-stage trial", [3]),
        ("pivotal Phase 3", [3]),
        ("mid-stage study", [2]),
        ("in the next phase of growth", []),
    ],
)
def test_a_headline_names_phases_in_many_ways(empty: Connection, text: str, phases: list[int]) -> None:
    found = empty.execute("select list_sort(phases_named(headline_words(?)))", [text]).fetchall()
    assert found == [(phases,)]


@pytest.mark.parametrize(
    ("text", "condition", "expected"),
    [
        ("Drug clears plaques of psoriasis", "Plaque Psoriasis", True),
        ("Drug for NSCLC", "Carcinoma, Non-Small-Cell Lung", True),
        ("Drug improves lung function", "Lung Cancer", False),
        ("Drug in breast cancer", "Lung Cancer", False),
        ("Drug in heart failure", "Heart Failure", True),
        ("Shares fall on failure", "Heart Failure", False),
        ("Drug in Alzheimer's", "Alzheimer Disease", True),
        ("Drug in severe disease", "Chronic Disease", False),
    ],
)
def test_a_condition_is_named_by_a_telling_word_or_by_all(
    empty: Connection, text: str, condition: str, expected: bool
) -> None:
    sql = "select names_condition(condition_words(headline_words($1)), condition_words($2))"
    assert empty.execute(sql, [text, condition]).fetchall() == [(expected,)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fictium meets primary endpoint", True),
        ("Trial of Fictium halted for futility", True),
        ("Fictional to report third quarter financial results", False),
        ("Fictional to present data at conference", False),
        ("First patient dosed in trial", False),
        ("Fictional prices offering", False),
    ],
)
def test_a_result_is_told_from_what_is_to_come(empty: Connection, text: str, expected: bool) -> None:
    assert empty.execute("select tells_result(headline_words(?))", [text]).fetchall() == [(expected,)]


COMPANIES = [
    {"ticker": t, "company_name": n, "cik": i, "list": "company", "list_index": i}
    for i, (t, n) in enumerate(
        [
            ("FICT", "FICTIONAL THERAPEUTICS, INC."),
            ("VERX", "Vertigo Energy Inc"),
            ("VRT", "Vertigo"),
            ("BEAM", "Beam Inc"),
        ]
    )
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Study by Fictional Therapeutics ends", [("FICT", "name")]),
        ("Fictional reports data", [("FICT", "core")]),
        ("A fictional story", []),
        ("Vertigo Energy drills", [("VERX", "name")]),
        ("Vertigo drug works", [("VRT", "name")]),
        ("New drug for vertigo", []),
        ("Why Vertigo's drug works", [("VRT", "name")]),
        ("A drug (NASDAQ: FICT) works", [("FICT", "ticker")]),
        ("A beam of light", []),
    ],
)
def test_a_headline_names_companies(empty: Connection, text: str, expected: list[tuple[str, str]]) -> None:
    fill(empty, "raw_tickers__company", COMPANIES)
    fill(empty, "raw_news__item", [item("1", text, "2020-01-01T12:00:00Z")])
    build(empty, ["core_company_name", "core_headline", "core_headline_company"])
    assert empty.execute("select ticker, match_basis from core_headline_company").fetchall() == expected


TRIAL = {
    "nct_id": "NCT99900001", "study_type": "INTERVENTIONAL", "phase": "PHASE3", "acronym": "ORBIT-3",
    "start_date": date(2018, 1, 1), "primary_completion_date": date(2020, 1, 1), "is_removed": False,
    "is_fictional": True,
}  # fmt: skip


def matched(con: Connection, text: str, on: str | None = "2020-03-01", **changes: Any) -> list[tuple[Any, ...]]:
    fill(con, "core_study", [TRIAL | changes])
    fill(con, "core_sponsor", [{"nct_id": "NCT99900001", "sponsor_index": 0, "sponsor_name": "Fictional Therapeutics",
                                "sponsor_class": "INDUSTRY", "is_lead": True}])  # fmt: skip
    fill(con, "core_condition", [{"nct_id": "NCT99900001", "condition_index": 1, "condition": "Plaque Psoriasis"},
                                 {"nct_id": "NCT99900099", "condition_index": 1, "condition": "Asthma"}])  # fmt: skip
    drug = {"intervention_type": "DRUG", "role_basis": "listed", "nct_id": "NCT99900001"}
    fill(con, "core_intervention", [
        drug | {"intervention_index": 1, "intervention_name": "Fictiumab 10 mg", "other_names": ["FIC-123"],
                "role": "experimental"},
        drug | {"intervention_index": 2, "intervention_name": "Comparatol", "other_names": None, "role": "comparator"},
    ])  # fmt: skip
    fill(con, "raw_news__item", [item("1", text, on and f"{on}T12:00:00Z")])
    build(con, NEWS)
    return con.execute("select match_basis, days_from_completion from core_trial_headline").fetchall()


@pytest.mark.parametrize(
    ("text", "on", "expected"),
    [
        ("Results of NCT99900001 posted", "2020-03-01", ("nct", 60)),
        ("Results of nct99900001 posted", None, ("nct", None)),
        ("ORBIT-3: Fictiumab works", "2020-03-01", ("acronym", 60)),
        ("Fictional Therapeutics' ORBIT-3 trial", "2020-03-01", ("acronym", 60)),
        ("ORBIT-3 is a satellite", "2020-03-01", None),
        ("The orbit-3 trial of Fictium in a psoriasis", "2020-03-01", None),
        ("Fictiumab clears psoriasis", "2020-03-01", ("drug_condition", 60)),
        ("FIC 123 clears psoriasis", "2020-03-01", ("drug_condition", 60)),
        ("Comparatol clears psoriasis", "2020-03-01", None),
        ("Fictiumab clears psoriasis", "2022-01-02", None),
        ("Fictiumab clears psoriasis", "2017-12-31", None),
        ("Fictiumab clears psoriasis", None, None),
        ("Fictiumab clears psoriasis in phase 2 trial", "2020-03-01", None),
        ("Fictional says Fictiumab works", "2020-03-01", ("sponsor_date", 60)),
        ("Fictional says Fictiumab works in asthma", "2020-03-01", None),
        ("Fictional says Fictiumab works", "2021-03-01", None),
        ("Fictional wins in phase 3 psoriasis trial", "2020-03-01", ("sponsor_date", 60)),
        ("Fictional wins in psoriasis trial", "2020-03-01", None),
        ("Fictional wins in phase 3 trial", "2020-03-01", None),
        ("Fictiumab works", "2020-03-01", None),
    ],
)
def test_a_headline_is_about_a_trial_when_it_names_enough_of_it(
    empty: Connection, text: str, on: str | None, expected: tuple[str, int | None] | None
) -> None:
    assert matched(empty, text, on) == ([expected] if expected else [])


def test_planted_headlines_find_their_trials_and_decoys_none(empty: Connection) -> None:
    world = market_world(n_trials=260, seed=11)
    fill(empty, "core_study", [row | {"is_fictional": True} for row in world.studies])
    fill(empty, "core_sponsor", world.sponsors)
    fill(empty, "core_condition", world.conditions)
    fill(empty, "core_intervention", world.interventions)
    fill(empty, "raw_news__item", world.items)
    fill(empty, "raw_tickers__company", world.companies)
    build(empty, NEWS)
    rows = empty.execute("""
        select m.nct_id, i.item_id, m.match_basis
        from core_trial_headline m
        join core_headline h using (headline_id)
        join raw_news__item i on h.words = headline_words(i.headline) and h.published_on::varchar = i.published_at[:10]
    """).fetchall()
    found = {(nct_id, item_id) for nct_id, item_id, _ in rows}
    right = len(found & world.pairs)
    assert len(world.pairs) >= 500
    assert len(world.items) - len(world.pairs) >= 500
    assert right / len(found) > 0.94, (right, len(found))
    # Two of the fourteen templates name nothing that a registry holds.
    assert right / len(world.pairs) > 0.79, (right, len(world.pairs))
