"""Both of the SEC's lists are read whole, and a client that does not say who it is learns what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from connectors.tickers import parse, read, tickers
from cto import pipeline, snapshot
from cto.doctor import examine
from cto.http import BadBodyError, BlockedError, SourceError
from cto.ingest import Ingested
from cto.lake import Lake
from cto.raw import open_raw
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.settings import Settings

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
COMPANIES = [
    {"cik": "1", "name": "Large Invented Corp", "ticker": "LIC-A", "exchange": "NYSE"},
    {"cik": "1", "name": "Large Invented Corp", "ticker": "LIC-B", "exchange": "NYSE"},
    {"cik": "9990042", "name": "SMALL INVENTED INC /DE/", "ticker": "SMAL", "exchange": ""},
]

Rows = list[tuple[Any, ...]]


@dataclass
class Nights:
    """The SEC and a lake."""

    sandbox: Sandbox
    home: Path

    def settings(self, contact: str = "ada@example.org") -> Settings:
        return Settings(str(self.home), NOW.date(), self.sandbox.urls, backoff=0.001, contact=contact)

    def run(self, later: int = 0, contact: str = "ada@example.org") -> Ingested:
        """Fetch the lists, so many days after the first night."""
        settings = self.settings(contact)
        now = NOW + timedelta(days=later)
        return pipeline.ingest_source(pipeline.open_lake(settings), settings, tickers, lambda: now)

    def rows(self, columns: str = "list, list_index, ticker, cik, company_name, exchange") -> Rows:
        lake = Lake(str(self.home))
        snap = snapshot.load(lake, tickers.name)
        assert snap
        with duckdb.connect() as con:
            open_raw(lake, con, [snap])
            return con.execute(f"select {columns} from raw_tickers__company order by all").fetchall()


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with Sandbox() as sandbox:
        sandbox.site("tickers").add(COMPANIES)
        yield Nights(sandbox, tmp_path / "lake")


def test_a_ticker_stands_in_both_lists_and_a_company_may_have_several(nights: Nights) -> None:
    night = nights.run()
    assert (night.n_requests, night.notes) == (2, ())
    assert nights.rows() == [
        ("company", 1, "LIC-A", 1, "Large Invented Corp", None),
        ("company", 2, "LIC-B", 1, "Large Invented Corp", None),
        ("company", 3, "SMAL", 9990042, "SMALL INVENTED INC /DE/", None),
        ("exchange", 1, "LIC-A", 1, "Large Invented Corp", "NYSE"),
        ("exchange", 2, "LIC-B", 1, "Large Invented Corp", "NYSE"),
        ("exchange", 3, "SMAL", 9990042, "SMALL INVENTED INC /DE/", None),
    ]


def test_lists_replace_those_of_the_night_before_and_the_same_change_nothing(nights: Nights) -> None:
    first = nights.run().snapshot
    assert nights.run(later=1).snapshot.state == first.state
    nights.sandbox.site("tickers").companies[:1] = []
    assert nights.run(later=2).snapshot.state != first.state
    assert nights.rows("ticker, list") == [(t, kind) for t in ("LIC-B", "SMAL") for kind in ("company", "exchange")]


@pytest.mark.parametrize("contact", ["https://example.org/about", "mailto:ada@example.org", "ada@example.org"])
def test_a_client_that_says_whom_to_write_to_is_answered(nights: Nights, contact: str) -> None:
    assert len(nights.run(contact=contact).snapshot.pages) == 2


def test_one_that_does_not_is_blocked_and_told_the_remedy(nights: Nights) -> None:
    with pytest.raises(BlockedError, match=r"403.*Undeclared Automated Tool.*set CTO_CONTACT to your mail address"):
        nights.run(contact="nobody")
    [found] = examine(nights.settings(contact="nobody"), [tickers])
    assert not found.is_well
    assert "set CTO_CONTACT" in found.verdict


@pytest.mark.parametrize("fault", ["rate_limited", "truncated_json", "html_at_200", "reset_mid_body"])
def test_a_passing_fault_is_got_over(nights: Nights, fault: str) -> None:
    nights.sandbox.add_fault(f"tickers:{fault}", times=2)
    assert nights.run().n_retries == 2
    assert len(nights.rows()) == 6


@pytest.mark.parametrize("fault", ["server_error", "truncated_json", "html_at_200"])
def test_a_fault_that_stays_fails_the_source_and_leaves_the_last_lists(nights: Nights, fault: str) -> None:
    nights.run()
    nights.sandbox.add_fault(fault, times=None)
    with pytest.raises(SourceError, match="gave up after 5 tries"):
        nights.run(later=1)
    assert len(nights.rows()) == 6


def test_an_endless_list_is_cut_short(nights: Nights) -> None:
    nights.sandbox.add_fault("endless_body")
    settings = nights.settings()
    with pytest.raises(SourceError, match="larger than 65536 bytes"):
        pipeline.ingest_source(pipeline.open_lake(settings), settings, replace(tickers, max_bytes=1 << 16), lambda: NOW)


def test_a_line_that_cannot_be_read_is_set_aside_with_its_reason() -> None:
    good = [9990001, "Fine Invented Inc", "fine", None]
    for line, reason in [
        ([9990001, "x", ""], "no ticker"),
        ([9990001, "x"], "no ticker"),
        ([9990001, "x", 5], "no ticker"),
        (["many", "x", "MANY"], "a company's number that is none: 'many'"),
        ([True, "x", "TRUE"], "a company's number that is none: 'True'"),
        ([-1, "x", "NEG"], "a company's number that is none: '-1'"),
        ([12345678901, "x", "LONG"], "a company's number that is none: '12345678901'"),
        ("LINE", "not a line of a list"),
    ]:
        listed = {"fields": ["cik", "name", "ticker", "exchange"], "data": [line, good]}
        found = parse("exchange", json.dumps(listed).encode())
        assert [(row["position"], row["reason"]) for row in found.quarantine] == [(1, reason)]
        table = found.tables["raw_tickers__company"].to_pylist()
        assert [(row["ticker"], row["exchange"], row["list_index"]) for row in table] == [("FINE", None, 2)]


def test_fields_are_read_by_their_names_and_lines_in_the_order_of_their_numbers() -> None:
    moved = {"fields": ["ticker", "extra", "exchange", "name", "cik"], "data": [["A", 0, "OTC", "Name", "7"]]}
    [row] = parse("exchange", json.dumps(moved).encode()).tables["raw_tickers__company"].to_pylist()
    assert (row["ticker"], row["cik"], row["company_name"], row["exchange"]) == ("A", 7, "Name", "OTC")
    mixed = {str(n): {"cik_str": n, "ticker": f"T{n}", "title": " T "} for n in (10, 9, 1)}
    table = parse("company", json.dumps(mixed).encode()).tables["raw_tickers__company"].to_pylist()
    assert [(row["ticker"], row["list_index"], row["company_name"]) for row in table] == [
        ("T1", 1, "T"),
        ("T9", 2, "T"),
        ("T10", 3, "T"),
    ]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("exchange", b"<html>"),
        ("exchange", b"[]"),
        ("exchange", b"{}"),
        ("exchange", b'{"fields": ["cik", "name", "ticker"], "data": []}'),
        ("exchange", b'{"fields": ["cik", "name"], "data": [[1, "x"]]}'),
        ("company", b"{}"),
        ("company", b'{"error": {"ticker": "A"}}'),
        ("company", b'{"0": {"cik_str": 1, "tick'),
    ],
)
def test_what_is_no_list_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(BadBodyError):
        read(kind, body)


def test_the_stand_in_refuses_what_it_does_not_know(nights: Nights) -> None:
    def status(path: str, agent: str = "Ada ada@example.org") -> int:
        url = nights.sandbox.urls["tickers"] + path
        return requests.get(url, headers={"User-Agent": agent}, timeout=5).status_code

    assert status("/company_tickers.json") == 200
    assert status("/company_tickers.json", agent="python-requests/2") == 403
    assert status("/company_tickers.json?x=1") == 400
    assert status("/ticker.txt") == 404


def test_the_fictional_companies_are_listed(tmp_path: Path) -> None:
    with Sandbox(world=WORLD) as sandbox:
        nights = Nights(sandbox, tmp_path / "lake")
        nights.run()
    found = {ticker: (cik, name) for ticker, cik, name in nights.rows("distinct ticker, cik, company_name")}
    assert {"MFTX", "NLIB", "QHIP", "BMUO", "SFBL", "AIPH"} <= found.keys()
    assert found["MFTX"] == (9990001, "MERIDIAN FICTIONAL THERAPEUTICS, INC.")
    assert found["IGNX-A"] == found["IGNX-B"]
    assert all(9990000 < cik < 9991000 for cik, _ in found.values())
