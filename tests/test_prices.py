"""Prices come through yfinance as they were traded, and a source that turns us away is never a ticker that is gone."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import requests

import connectors.prices as connector
from connectors.prices import prices
from cto import parts, pipeline, snapshot
from cto.doctor import examine
from cto.http import BadBodyError, BlockedError, SourceError
from cto.ingest import Ingested, ingest
from cto.lake import Lake
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.sandbox.site import Response
from cto.settings import Settings
from tests.real import SHARED
from tools import make_world_prices

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
INDEXES = ["SPY", "XBI"]

Rows = list[tuple[Any, ...]]


def days(ticker: str, first: str, closes: Sequence[float | None], **more: Any) -> list[dict[str, Any]]:
    """Return a ticker's days from the first on, each with its close."""
    start = date.fromisoformat(first)
    return [
        {"ticker": ticker, "date": str(start + timedelta(days=n)), "open": close, "close": close, "volume": 1000} | more
        for n, close in enumerate(closes)
    ]


@dataclass
class Nights:
    """Yahoo, a lake, and the tickers that a night wants."""

    sandbox: Sandbox
    home: Path

    def run(self, *tickers: str, later: int = 0, full: bool = False) -> Ingested:
        """Fetch the prices of these tickers, so many days after the first night."""
        self.sandbox.clear_requests()
        now = NOW + timedelta(days=later)
        settings = Settings(str(self.home), now.date(), self.sandbox.urls, backoff=0.001)
        return ingest(
            pipeline.open_lake(settings),
            prices,
            pipeline.http(settings, prices),
            self.sandbox.urls["prices"],
            lambda: now,
            {"full": full},
            wanted=lambda: [(ticker,) for ticker in tickers],
        )

    def charts(self) -> list[str]:
        """Return the tickers whose histories were asked for, in their order."""
        asked = [r["path"] for r in self.sandbox.requests if "period1" in r["query"]]
        return [path.rpartition("/")[2] for path in asked]

    def rows(self, thing: str, columns: str = "*", where: str = "true") -> Rows:
        lake = Lake(str(self.home))
        snap = snapshot.load(lake, prices.name)
        if snap is None:
            return []
        files = parts.files(lake, prices, parts.parse(lake, prices, snap), f"raw_prices__{thing}")
        sql = f"select {columns} from read_parquet({files}) where {where} order by all"
        return duckdb.sql(sql).fetchall() if files else []


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with Sandbox() as sandbox:
        for ticker, close in {"SPY": 400.0, "XBI": 80.0, "AAA": 10.0, "BBB": 20.0, "CCC": 30.0}.items():
            sandbox.site("prices").add(days(ticker, "2026-10-05", [close, close + 1, close + 2]))
        yield Nights(sandbox, tmp_path / "lake")


def test_prices_come_with_currency_role_dividends_and_splits(nights: Nights) -> None:
    paid = days("AAA", "2026-10-08", [20.0, 18.0], dividend=2.0) + days("AAA", "2026-10-10", [9.0], split=2)
    nights.sandbox.site("prices").add([*days("AAA", "2026-10-06", [20.0, 20.0]), *paid])
    nights.run("AAA")
    assert nights.rows("history", "* exclude page") == [
        ("AAA", "USD", "America/New_York", "sponsor"),
        ("SPY", "USD", "America/New_York", "market"),
        ("XBI", "USD", "America/New_York", "sector"),
    ]
    found = nights.rows("day", "day::varchar, close, round(adj_close, 4), dividend, split", "ticker = 'AAA'")
    assert found == [
        ("2026-10-05", 10.0, 8.1, 0.0, 0.0),
        ("2026-10-06", 20.0, 16.2, 0.0, 0.0),
        ("2026-10-07", 20.0, 16.2, 0.0, 0.0),
        ("2026-10-08", 20.0, 18.0, 2.0, 0.0),
        ("2026-10-09", 18.0, 18.0, 2.0, 0.0),
        ("2026-10-10", 9.0, 9.0, 0.0, 2.0),
    ]


@pytest.mark.parametrize("zone", ["Australia/Sydney", "Pacific/Auckland", "Europe/London"])
def test_a_day_is_that_of_the_exchange(nights: Nights, zone: str) -> None:
    traded = days("FAR", "2026-03-27", [1.0, 2.0, 3.0, 4.0], timezone=zone, currency="XXX")  # the clocks change in it
    nights.sandbox.site("prices").add(traded)
    nights.run("FAR")
    assert nights.rows("day", "day::varchar, close", "ticker = 'FAR'") == [(d["date"], d["close"]) for d in traded]
    assert ("FAR", "XXX", zone) in nights.rows("history", "ticker, currency, timezone")
    opens = datetime(2026, 3, 27, 9, 30, tzinfo=ZoneInfo(zone)).astimezone(UTC).date()
    assert (opens < date(2026, 3, 27)) == (zone != "Europe/London")  # else the test would prove nothing


def test_a_day_without_trade_is_left_out_and_so_is_today(nights: Nights) -> None:
    nights.sandbox.site("prices").add(days("AAA", "2026-10-29", [1.0, 2.0, 3.0, 4.0]))
    nights.sandbox.add_fault("yahoo_nulls", after=2)
    nights.run("AAA")
    found = nights.rows("day", "day::varchar, open, close", "ticker = 'AAA'")
    assert found == [
        ("2026-10-05", 10.0, 10.0),
        ("2026-10-06", 11.0, 11.0),
        ("2026-10-29", 1.0, 1.0),
        ("2026-10-30", 2.0, 2.0),
    ]


def test_a_history_is_replaced_after_a_week_by_the_newest_with_its_adjustments(nights: Nights) -> None:
    nights.run("AAA")
    assert nights.run("AAA", later=6).n_requests == 0
    nights.sandbox.site("prices").add(days("AAA", "2026-10-08", [12.0], dividend=6.0))
    nights.run("AAA", later=7)
    assert nights.charts() == ["SPY", "XBI", "AAA"]
    assert nights.rows("day", "day::varchar, close, adj_close", "ticker = 'AAA'") == [
        ("2026-10-05", 10.0, 5.0),
        ("2026-10-06", 11.0, 5.5),
        ("2026-10-07", 12.0, 6.0),
        ("2026-10-08", 12.0, 12.0),
    ]
    assert len(nights.rows("history")) == 3


def test_a_night_without_need_changes_nothing(nights: Nights) -> None:
    first = nights.run("AAA", "GONE").snapshot
    assert nights.run("AAA", "GONE", later=1).snapshot == first


def test_the_indexes_reach_as_far_as_any_ticker(nights: Nights) -> None:
    nights.run("AAA")
    nights.run("AAA", "BBB", later=3)
    assert nights.charts() == ["SPY", "XBI", "BBB"]


def test_a_class_of_shares_is_asked_for_with_a_dash_and_what_is_no_ticker_not_at_all(nights: Nights) -> None:
    nights.sandbox.site("prices").add(days("BRK-B", "2026-10-05", [5.0]))
    notes = "".join(nights.run("BRK.B", "brk-b", "../x", "US0378331005", "").notes)
    assert nights.charts() == ["SPY", "XBI", "BRK-B"]
    assert "3 tickers are none that the source knows how to write: , --/X, US0378331005" in notes


# Gone, or turned away


def test_a_ticker_that_is_gone_is_noted_once_and_asked_for_again_after_a_month(nights: Nights) -> None:
    night = nights.run("AAA", "GONE")
    assert "1 tickers are unknown to the source: GONE" in night.notes
    assert nights.rows("delisted", "* exclude page") == [("GONE", "No data found, symbol may be delisted")]
    for later, asked in {8: False, 29: False, 30: True, 38: False}.items():
        nights.run("AAA", "GONE", later=later)
        assert any(r["path"].endswith("/GONE") for r in nights.sandbox.requests) == asked, later
    nights.sandbox.site("prices").add(days("GONE", "2026-10-05", [1.0]))
    nights.run("AAA", "GONE", later=60)
    assert nights.rows("delisted") == []
    assert nights.rows("day", "close", "ticker = 'GONE'") == [(1.0,)]


def test_what_is_held_of_a_ticker_that_goes_stays(nights: Nights) -> None:
    nights.run("AAA", "BBB")
    nights.sandbox.site("prices").delist("AAA")
    nights.run("AAA", "BBB", later=7)
    assert nights.rows("delisted", "ticker") == [("AAA",)]
    assert len(nights.rows("day", "day", "ticker = 'AAA'")) == 3


def test_an_index_that_is_unknown_all_of_a_sudden_is_not_believed_of_anybody(nights: Nights) -> None:
    nights.sandbox.add_fault("yahoo_not_found", times=None)
    with pytest.raises(SourceError, match="SPY: the source says 'No data found, symbol may be delisted' of an index"):
        nights.run("AAA", "BBB")


@pytest.mark.parametrize("fault", ["blocked", "rate_limited", "html_at_200", "yahoo_unauthorized"])
def test_a_source_that_turns_us_away_fails_and_no_ticker_is_taken_for_gone(nights: Nights, fault: str) -> None:
    nights.run("AAA")
    nights.sandbox.add_fault(f"prices:{fault}", times=None)
    with pytest.raises(BlockedError, match="/v8/finance/chart/SPY: "):
        nights.run("AAA", "BBB", later=7)
    assert nights.rows("delisted") == []
    assert len(nights.rows("history")) == 3
    nights.sandbox.faults.clear()
    assert "unknown" not in "".join(nights.run("AAA", "BBB", later=7).notes)
    assert len(nights.rows("history")) == 4


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html>Not Found</html>"),
        (404, b'{"chart": {"result": null, "error": {"code": "Gone", "description": "No data found"}}}'),
        (404, b'{"finance": {"error": {"code": "Not Found", "description": "No data found"}}}'),
        (500, b'{"chart": {"result": null, "error": {"code": "Not Found", "description": "No data found"}}}'),
        (200, b"Not Found, symbol may be delisted"),
        (200, b'{"chart": {"result": [], "error": null}}'),
        (302, b""),
    ],
)
def test_nothing_but_the_sources_own_word_means_that_a_ticker_is_gone(nights: Nights, status: int, body: bytes) -> None:
    answer = nights.sandbox.site("prices").handle
    other = nights.sandbox.urls["prices"] + "/v8/finance/chart/BBB?interval=1d&range=max"
    odd = Response(status, body, headers={"Location": other} if status == 302 else {})
    nights.sandbox.site("prices").handle = lambda request: odd if "/AAA" in request.path else answer(request)
    with suppress(BlockedError):
        notes = "".join(nights.run("AAA", "BBB").notes)
        assert "FAILED AAA" in notes
        assert "unknown" not in notes
    assert nights.rows("delisted") == []


@pytest.mark.parametrize("fault", ["server_error", "truncated_json", "reset_mid_body"])
def test_a_failure_that_stays_fails_the_source_after_a_few_tickers(nights: Nights, fault: str) -> None:
    nights.sandbox.add_fault(f"prices:{fault}", times=None)
    with pytest.raises(
        SourceError, match=r"5 tickers in a row failed; the last: .*/v8/finance/chart/CCC: gave up"
    ) as error:
        nights.run("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
    assert not isinstance(error.value, BlockedError)
    assert nights.rows("history") == []


def test_an_endless_answer_is_cut_short(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "MAX_BYTES", 1 << 20)
    nights.sandbox.add_fault("endless_body", after=4)
    assert "FAILED AAA, asked for again in the next night: /v8/finance/chart/AAA: the answer is larger" in "".join(
        nights.run("AAA", "BBB").notes
    )
    assert nights.rows("history", "ticker") == [("BBB",), ("SPY",), ("XBI",)]


def test_when_all_that_is_asked_fails_the_source_has_failed(nights: Nights) -> None:
    nights.sandbox.add_fault("truncated_json", times=None)
    with pytest.raises(SourceError, match=r"every ticker failed; the last: .*/v8/finance/chart/AAA: gave up"):
        nights.run("AAA")


@pytest.mark.parametrize("fault", ["rate_limited", "server_error", "truncated_json", "html_at_200", "reset_mid_body"])
def test_a_passing_fault_is_got_over(nights: Nights, fault: str) -> None:
    nights.sandbox.add_fault(f"prices:{fault}", times=2, after=2)
    night = nights.run("AAA")
    assert (night.n_retries, night.notes) == (2, ())
    assert len(nights.rows("day")) == 9


def test_an_answer_that_takes_too_long_is_asked_for_again(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors._prices_yahoo.SECONDS", 0.15)
    nights.sandbox.add_fault("slow")
    assert nights.run("AAA").n_retries == 1
    assert len(nights.rows("history")) == 3


def test_the_source_says_when_to_come_again(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    nights.sandbox.add_fault("unavailable", after=2)
    nights.run("AAA")
    assert max(waits) == 1.0


def test_a_ticker_that_cannot_be_read_does_not_stop_the_others(nights: Nights) -> None:
    nights.sandbox.add_fault("truncated_json", times=5, after=4)
    assert "FAILED AAA, asked for again in the next night: " in "".join(nights.run("AAA", "BBB").notes)
    assert nights.rows("history", "ticker") == [("BBB",), ("SPY",), ("XBI",)]
    nights.run("AAA", "BBB", later=1)
    assert nights.charts() == [*INDEXES, "AAA"]


def test_a_chart_that_yfinance_cannot_read_is_a_failure_of_its_ticker(nights: Nights) -> None:
    original = nights.sandbox.site("prices").handle

    def odd(request: Any) -> Any:
        answer = original(request)
        return replace(
            answer, body=answer.body.replace(b'"timestamp"', b'"time"' if "AAA" in request.path else b'"timestamp"')
        )

    nights.sandbox.site("prices").handle = odd
    notes = "".join(nights.run("AAA", "BBB").notes)
    assert "FAILED AAA, asked for again in the next night: AAA: yfinance cannot read the chart: KeyError" in notes
    assert len(nights.rows("history")) == 3


@pytest.mark.parametrize("fault", ["yahoo_no_crumb", "yahoo_crumb_text"])
def test_without_a_crumb_the_charts_decide(nights: Nights, fault: str) -> None:
    nights.sandbox.add_fault(fault, times=None)
    nights.run("AAA", "BBB")
    assert len(nights.rows("history")) == 4
    assert sum(r["path"].endswith("/getcrumb") for r in nights.sandbox.requests) == 1
    assert not any("crumb" in r["query"] for r in nights.sandbox.requests)


def test_a_closed_day_is_no_reason_to_forget_what_is_held(nights: Nights) -> None:
    nights.run("AAA")
    nights.sandbox.add_fault("yahoo_closed_day", after=2)
    assert "AAA has no prices" in "".join(nights.run("AAA", later=7).notes)
    assert len(nights.rows("day", "day", "ticker = 'AAA'")) == 3
    assert nights.rows("delisted") == []


# Nights


def test_a_night_asks_for_so_many_the_longest_held_first(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "TICKERS_A_NIGHT", 2)
    assert "1 tickers are left for the next nights, 2 a night" in nights.run("AAA", "BBB", "CCC").notes
    assert nights.charts() == [*INDEXES, "AAA", "BBB"]
    assert nights.run("AAA", "BBB", "CCC", later=6).notes == ()
    assert nights.charts() == [*INDEXES, "CCC"]
    nights.run("AAA", "BBB", "CCC", "DDD", later=7)
    assert nights.charts() == [*INDEXES, "AAA"]  # after DDD, which is not there
    nights.run("AAA", "BBB", "CCC", later=8, full=True)
    assert nights.charts() == [*INDEXES, "BBB", "CCC", "AAA"]


def test_a_killed_run_asks_for_nothing_twice(nights: Nights) -> None:
    nights.sandbox.add_fault("prices:blocked", after=8, times=None)
    with pytest.raises(BlockedError):
        nights.run("AAA", "BBB")
    assert nights.charts() == [*INDEXES, "AAA"]
    nights.sandbox.faults.clear()
    nights.run("AAA", "BBB")
    assert nights.charts() == ["BBB"]
    assert len(nights.rows("history")) == 4


def test_no_cookie_and_no_crumb_is_kept_or_told(
    nights: Nights, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    nights.run("AAA", "GONE")
    told = []
    for fault in ("yahoo_unauthorized", "truncated_json", "html_at_200", "reset_mid_body"):
        nights.sandbox.add_fault(fault, times=None)
        with pytest.raises(SourceError) as error:
            nights.run("AAA", later=8)
        told.append(str(error.value))
        nights.sandbox.faults.clear()
    secrets = nights.sandbox.site("prices").secrets
    assert len(secrets) == 10  # a cookie and a crumb a run
    assert any("crumb" in r["query"] for r in nights.sandbox.requests)
    files = [path.read_bytes() for path in nights.home.rglob("*") if path.is_file()]
    kept = [gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in files]
    everything = "\n".join([*(body.decode("latin-1") for body in kept), *told, caplog.text, *capfd.readouterr()])
    assert "AAA" in everything
    assert [secret for secret in secrets if secret in everything] == []


def test_two_sources_in_one_process_share_nothing(tmp_path: Path) -> None:
    for close in (1.0, 2.0):
        with Sandbox() as sandbox:
            for ticker in (*INDEXES, "AAA"):
                sandbox.site("prices").add(days(ticker, "2026-10-05", [close]))
            nights = Nights(sandbox, tmp_path / str(close))
            nights.run("AAA")
            assert nights.rows("day", "distinct close") == [(close,)]
            assert len(sandbox.requests) == 2 + 2 * 3


def test_no_proxy_is_asked_and_nothing_is_left_on_the_disk(nights: Nights, tmp_path: Path) -> None:
    ask = "import sys; from cto.cli import main; main(['doctor', '--only', 'prices'])"
    folder = tmp_path / "home"
    folder.mkdir()
    dead = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"), dead)
    own = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder), "CTO_PRICES_URL": nights.sandbox.urls["prices"]}
    env = {name: value for name, value in os.environ.items() if name != "no_proxy"} | proxies | own
    done = subprocess.run(
        [sys.executable, "-c", ask], env=env, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "prices: answers as expected: 1 of history, 3 of day" in done.stdout
    assert list(folder.iterdir()) == []


def test_the_doctor_says_when_the_index_is_unknown(nights: Nights, tmp_path: Path) -> None:
    nights.sandbox.site("prices").delist("SPY")
    [found] = examine(Settings(str(tmp_path), NOW.date(), nights.sandbox.urls, backoff=0.001), [prices])
    assert not found.is_well
    assert "no prices of SPY: No data found, symbol may be delisted" in found.verdict


# Bodies, the stand-in, the world


def test_what_is_no_history_is_refused() -> None:
    for body in (b"", b"{}", b"{}\n", b"{}\nDate,Open\n2026-10-05,1.0\n", b"<html>\n<body>"):
        with pytest.raises(BadBodyError):
            connector.read("history", body)


def test_a_price_that_is_no_number_is_null() -> None:
    names = ",".join(connector.COLUMNS.values())
    lines = ["2026-10-05,1,1,1,1,inf,0,0,0", "2026-10-06,1,,1,1,1,5,0,0", "2026-10-07,1,1,1,inf,1,5,0,0"]
    body = "\n".join(['{"ticker": "NA", "role": "sponsor"}', names, *lines]).encode()
    tables = connector.parse("history", body).tables
    found = tables["raw_prices__day"].select(["ticker", "high", "close", "adj_close"]).to_pylist()
    assert [tuple(row.values()) for row in found] == [("NA", 1.0, 1.0, None), ("NA", None, 1.0, 1.0)]


def test_the_stand_in_gives_a_crumb_for_its_cookie_alone_and_refuses_what_it_does_not_know(nights: Nights) -> None:
    def get(path: str, **headers: str) -> requests.Response:
        return requests.get(nights.sandbox.urls["prices"] + path, headers=headers, timeout=5)

    chart = "/v8/finance/chart/AAA?interval=1d&range="
    cookie = get("/").headers["Set-Cookie"].partition(";")[0]
    crumb = get("/v1/test/getcrumb", Cookie=cookie)
    assert crumb.status_code == 200
    assert get(f"{chart}1d&crumb={crumb.text}", Cookie=cookie).status_code == 200
    assert get("/v1/test/getcrumb").json()["finance"]["error"]["description"] == "Invalid Cookie"
    statuses = {
        chart + "1d": 200,
        f"{chart}1d&crumb={crumb.text}": 401,
        chart + "2y": 422,
        chart + "1d&lang=en": 422,
        "/v8/finance/chart/AAA?interval=1h&range=1d": 422,
        "/v8/finance/chart/ZZZ?interval=1d&range=1d": 404,
        "/v7/finance/download/AAA": 404,
    }
    assert {path: get(path).status_code for path in statuses} == statuses


def test_the_prices_of_the_world_are_those_that_its_tool_makes() -> None:
    assert gzip.decompress((WORLD / "prices.csv.gz").read_bytes()).decode() == make_world_prices.text()


def test_the_market_of_the_world_moves_on_the_days_of_its_headlines(tmp_path: Path) -> None:
    with Sandbox(world=WORLD) as sandbox:
        nights = Nights(sandbox, tmp_path / "lake")
        nights.run(*(share.ticker for share in make_world_prices.shares()))
        files = "ticker, day, close / lag(close) over (partition by ticker order by day) - 1 as move"
        moves = {(ticker, str(day)): move for ticker, day, move in nights.rows("day", files)}
    headlines = [json.loads(line) for line in (WORLD / "news.jsonl").read_text().splitlines()]
    told = {_day_of_trade(item["published"]) for item in headlines if item["published"]}
    for share in make_world_prices.shares():
        for day, jump in share.jumps.items():
            assert day in told, (share.ticker, day)
            assert moves[share.ticker, day] == pytest.approx(jump, abs=0.12 * (1 + abs(jump))), (share.ticker, day)


def test_the_tickers_of_the_worlds_sponsors_are_wanted(tmp_path: Path) -> None:
    with Sandbox(world=WORLD) as sandbox:
        settings = Settings(str(tmp_path / "lake"), NOW.date(), sandbox.urls, backoff=0.001)
        lake = pipeline.open_lake(settings)
        for source in pipeline.sources(["prices", "tickers", "clinicaltrials_gov"], settings):
            pipeline.ingest_source(lake, settings, source, lambda: NOW)
        found = {ticker for (ticker,) in Nights(sandbox, tmp_path / "lake").rows("history", "ticker")}
    assert found == {share.ticker for share in make_world_prices.shares()} | set(INDEXES)


def _day_of_trade(published: str) -> str:
    """Return the first day on which the market could know of a headline: the next after the close at 16:00."""
    at = datetime.strptime(published, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    local = at.astimezone(ZoneInfo("America/New_York"))
    return str(local.date() + timedelta(days=local.hour >= 16))


REAL = SHARED / "prices" / "daily_2015_2020.csv.gz"


@pytest.mark.skipif(not REAL.exists(), reason="the real prices are not beside the repository")
def test_real_prices_come_through_unchanged(nights: Nights) -> None:
    with gzip.open(REAL, "rt", encoding="utf-8", newline="") as file:
        real: list[Mapping[str, str]] = [row for row in csv.DictReader(file) if row["ticker"] in ("AAPL", "PFE")]
    nights.sandbox.site("prices").add(real)
    nights.run("AAPL", "PFE")
    names = ("open", "high", "low", "close", "adj_close", "volume")
    found = nights.rows("day", f"ticker, day::varchar, {', '.join(names)}", "ticker in ('AAPL', 'PFE')")
    assert len(found) > 2000
    assert found == sorted((row["ticker"], row["date"], *(float(row[name]) for name in names)) for row in real)
