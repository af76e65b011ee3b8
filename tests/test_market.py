"""The market: prices, readouts and how shares reacted; rows in, rows and votes out."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from label_functions.stock_reaction import stock_after_completion, stock_reaction
from tests.worlds.market import build, fill

Connection = duckdb.DuckDBPyConnection
Rows = list[dict[str, Any]]


FIRST = date(2019, 1, 1)


def weekdays(n: int) -> list[date]:
    days = (FIRST + timedelta(days=i) for i in range(2 * n))
    return [day for day in days if day.weekday() < 5][:n]


DAYS = weekdays(200)
EVENT = DAYS[160]


def walk(ticker: str, returns: list[float], role: str = "sponsor", days: list[date] = DAYS) -> tuple[Rows, Rows]:
    """Return the raw rows of a ticker with these returns."""
    price, rows = 100.0, []
    for day, change in zip(days, returns, strict=True):
        price *= 1 + change
        rows.append(
            {"ticker": ticker, "day": day, "open": price, "close": price, "adj_close": price / 2, "volume": 1.0}
        )
    return [{"ticker": ticker, "role": role, "timezone": "America/New_York", "currency": "USD"}], rows


def market(con: Connection, *shares: tuple[Rows, Rows]) -> None:
    for history, rows in shares:
        fill(con, "raw_prices__history", history)
        fill(con, "raw_prices__day", rows)
    build(con, ["core_price"])


def noise(seed: int, scale: float, n: int = 200) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(0, scale) for _ in range(n)]


def test_a_day_has_its_return_and_that_of_the_funds(empty: Connection) -> None:
    days = DAYS[:3]
    market(empty, walk("FICT", [0, 0.1, -0.5], days=days), walk("SPY", [0, 0.01, 0.02], "market", days),
           walk("XBI", [0, 0.03, 0.04], "sector", days))  # fmt: skip
    found = empty.execute("""
        select
            day_index, round(daily_return, 6), round(market_return, 6), market_basis, round(sector_return, 6),
            adjustment
        from core_price where ticker = 'FICT' order by 1
    """).fetchall()
    assert found[0] == (1, None, None, None, None, 0.5)
    assert found[1:] == [(2, 0.1, 0.01, "index", 0.03, 0.5), (3, -0.5, 0.02, "index", 0.04, 0.5)]


def test_without_a_fund_the_mean_of_the_others_stands_for_the_market(empty: Connection) -> None:
    days = DAYS[:2]
    market(empty, *(walk(f"T{i}", [0, change], days=days) for i, change in enumerate([0.1, 0.1, 0.1, 0.1, 600.0, 0.3])))
    found = dict(empty.execute("select ticker, round(market_return, 6) from core_price where day_index = 2").fetchall())
    assert found["T5"] == pytest.approx((4 * 0.1 + 0.5) / 5)  # the sixhundredfold one counts as a half
    assert found["T4"] == pytest.approx((4 * 0.1 + 0.3) / 5)
    assert empty.execute("select distinct market_basis from core_price where day_index = 2").fetchall() == [
        ("mean_of_others",)
    ]


def test_four_others_are_no_market(empty: Connection) -> None:
    market(empty, *(walk(f"T{i}", [0, 0.1], days=DAYS[:2]) for i in range(5)))
    assert empty.execute("select count(market_return), count(market_basis) from core_price").fetchone() == (0, 0)


TRIAL = {
    "nct_id": "NCT1", "study_type": "INTERVENTIONAL", "is_removed": False, "is_fictional": True,
    "primary_completion_date": date(2019, 5, 1), "primary_completion_date_precision": "day",
    "completion_date": date(2019, 6, 3), "completion_date_precision": "day", "completion_date_type": "ACTUAL",
    "results_first_post_date": date(2020, 6, 1), "results_first_post_date_precision": "day",
}  # fmt: skip


def headline(headline_id: str, at: str | None, tells: bool = True) -> dict[str, Any]:
    when = at and datetime.fromisoformat(at)
    return {"headline_id": headline_id, "headline": headline_id, "words": headline_id, "published_at": when,
            "published_on": when and when.date(), "tells_result": tells}  # fmt: skip


def readouts(con: Connection, trial: dict[str, Any], *headlines: Any) -> dict[str, tuple[Any, ...]]:
    fill(con, "core_study", [trial])
    fill(con, "core_headline", list(headlines))
    fill(con, "core_trial_headline", [{"nct_id": "NCT1", "headline_id": h["headline_id"]} for h in headlines])
    build(con, ["core_readout"])
    return {row[0]: row[1:] for row in con.execute(
        "select readout_basis, readout_on, source_id, is_first from core_readout").fetchall()}  # fmt: skip


def test_a_trial_reads_out_by_headline_and_by_posting_and_the_first_is_marked(empty: Connection) -> None:
    found = readouts(
        empty, TRIAL, headline("late", "2019-09-01T12:00"), headline("first", "2019-08-01T12:00"),
        headline("idle", "2019-07-01T12:00", tells=False), headline("before", "2019-03-01T12:00"),
        headline("undated", None),
    )  # fmt: skip
    assert found == {
        "headline": (date(2019, 8, 1), "first", True),
        "results_posted": (date(2020, 6, 1), None, False),
        "completion": (date(2019, 6, 3), None, False),
    }


def test_a_paper_of_results_reads_a_trial_out_once_its_data_are_collected(empty: Connection) -> None:
    papers = [
        ("9", "2019-08-02", True),
        ("8", "2019-08-01", False),
        ("7", "2019-05-01", True),
        ("6", "2019-09-01", True),
    ]
    fill(empty, "core_trial_publication", [
        {"nct_id": "NCT1", "pmid": pmid, "available_on": date.fromisoformat(day), "is_result_paper": is_result}
        for pmid, day, is_result in papers
    ])  # fmt: skip
    found = readouts(empty, TRIAL, headline("later", "2019-08-03T12:00"))
    assert found["publication"] == (date(2019, 8, 2), "9", True)
    assert found["headline"][2] is False


@pytest.mark.parametrize(
    "changes",
    [{"completion_date_type": "ESTIMATED"}, {"completion_date_precision": "month"}, {"completion_date": None}],
)
def test_a_completion_that_is_expected_or_known_by_month_is_none(empty: Connection, changes: dict[str, Any]) -> None:
    assert "completion" not in readouts(empty, TRIAL | changes)


def reaction(con: Connection, returns: list[float], at: str, *, n_trials: int = 1, sector: bool = True) -> Rows:
    """Return the reactions of a share to a headline about a trial, or about several, of its company."""
    funds = [walk("SPY", noise(1, 0.01), "market")] + [walk("XBI", noise(2, 0.015), "sector")] * sector
    market(con, walk("FICT", returns), *funds)
    when = datetime.fromisoformat(at)
    ids = [f"NCT{i}" for i in range(1, n_trials + 1)]
    fill(con, "core_readout", [{"nct_id": i, "readout_basis": "headline", "readout_on": when.date(), "readout_at": when,
                                "source_id": "h", "is_first": True} for i in ids])  # fmt: skip
    fill(con, "core_sponsor", [{"nct_id": i, "sponsor_index": 0, "sponsor_name": "Fictional", "is_lead": True}
                               for i in ids])  # fmt: skip
    fill(con, "core_sponsor_ticker", [{"sponsor_name": "Fictional", "ticker": "FICT", "match_basis": "exact"}])
    build(con, ["core_market_reaction"])
    got = con.execute("from core_market_reaction order by nct_id")
    names = [column[0] for column in got.description]
    return [dict(zip(names, row, strict=True)) for row in got.fetchall()]


def following(beta: float, gamma: float, jump: float = 0.0, on: int = 160) -> list[float]:
    own = noise(3, 0.02)
    both = zip(own, noise(1, 0.01), noise(2, 0.015), strict=True)
    return [e + beta * m + gamma * s + (jump if i == on else 0) for i, (e, m, s) in enumerate(both)]


def test_a_reaction_is_what_market_and_sector_do_not_explain(empty: Connection) -> None:
    [row] = reaction(empty, following(1.2, 0.7, jump=0.4), f"{EVENT}T12:00")
    assert row["event_day"] == EVENT
    assert (row["first_day"], row["last_day"]) == (DAYS[159], DAYS[163])
    assert row["market_beta"] == pytest.approx(1.2, abs=0.4)
    assert row["sector_beta"] == pytest.approx(0.7, abs=0.3)
    assert row["abnormal_return"] == pytest.approx(0.4 + sum(noise(3, 0.02)[159:164]), abs=0.03)
    assert row["noise"] == pytest.approx(0.02 * 5**0.5, rel=0.35)
    assert row["z"] == pytest.approx(row["abnormal_return"] / row["noise"])
    assert (row["adjusted_for"], row["n_days"], row["n_trials"]) == ("market_and_sector", 120, 1)


def test_the_noise_is_that_of_the_sums_themselves(empty: Connection) -> None:
    """What the closed form gives is what the windows of the period give when they are summed one by one."""
    [row] = reaction(empty, following(1.2, 0.7, jump=0.4), f"{EVENT}T12:00")
    sql = """
        select stddev_samp(five) from (
            select day_index, sum(daily_return - $b * market_return - $c * sector_return) over (
                order by day_index rows 4 preceding) as five
            from core_price where ticker = 'FICT'
        ) where day_index between 161 - 130 and 161 - 11
    """
    [(expected,)] = empty.execute(sql, {"b": row["market_beta"], "c": row["sector_beta"]}).fetchall()
    assert row["noise"] == pytest.approx(expected)


def test_without_a_sector_the_market_alone_explains(empty: Connection) -> None:
    [row] = reaction(empty, following(1.2, 0.0, jump=0.4), f"{EVENT}T12:00", sector=False)
    assert (row["adjusted_for"], row["sector_beta"]) == ("market", None)
    assert row["market_beta"] == pytest.approx(1.2, abs=0.4)


@pytest.mark.parametrize(
    ("at", "index"),
    [
        (f"{EVENT}T11:00", 160),
        (f"{EVENT}T19:30", 160),  # 15:30 in New York, in summer
        (f"{EVENT}T20:00", 161),  # 16:00
        (f"{EVENT + timedelta(days=1)}T02:00", 161),  # in the evening of the day itself
    ],
)
def test_what_is_told_after_the_close_moves_the_next_day(empty: Connection, at: str, index: int) -> None:
    [row] = reaction(empty, following(1, 0), at)
    assert row["event_day"] == DAYS[index]


def test_on_a_weekend_the_next_day_of_trade_counts(empty: Connection) -> None:
    friday = next(i for i, day in enumerate(DAYS) if i > 150 and day.weekday() == 4)
    [row] = reaction(empty, following(1, 0), f"{DAYS[friday] + timedelta(days=1)}T12:00")
    assert row["event_day"] == DAYS[friday + 1]


@pytest.mark.parametrize("day", [DAYS[60], DAYS[198], DAYS[199] + timedelta(days=30), DAYS[0] - timedelta(days=30)])
def test_a_readout_without_prices_before_and_after_it_has_no_reaction(empty: Connection, day: date) -> None:
    assert reaction(empty, following(1, 0), f"{day}T12:00") == []


def test_a_company_that_did_not_own_the_sponsor_then_did_not_react(empty: Connection) -> None:
    reaction(empty, following(1, 0, 0.4), f"{EVENT}T12:00")
    for owned, n in [
        ({"owned_from": EVENT}, 1),
        ({"owned_from": EVENT + timedelta(days=1)}, 0),
        ({"owned_to": EVENT}, 0),
    ]:
        empty.execute("delete from core_sponsor_ticker")
        fill(
            empty,
            "core_sponsor_ticker",
            [{"sponsor_name": "Fictional", "ticker": "FICT", "match_basis": "subsidiary"} | owned],
        )
        build(empty, ["core_market_reaction"])
        assert empty.execute("select count(*) from core_market_reaction").fetchone() == (n,), owned


@pytest.mark.parametrize(
    ("jump", "n_trials", "votes"), [(0.5, 1, [1]), (-0.5, 1, [0]), (0.0, 1, []), (0.5, 3, [1, 1, 1]), (0.5, 4, [])]
)
def test_a_reaction_far_beyond_the_noise_is_a_vote_unless_many_share_it(
    empty: Connection, jump: float, n_trials: int, votes: list[int]
) -> None:
    reaction(empty, following(1.0, 0.5, jump), f"{EVENT}T12:00", n_trials=n_trials)
    rows = empty.execute(stock_reaction.sql).fetchall()
    assert [row[1] for row in rows] == votes
    if n_trials == 1 and votes:
        _, _, score, available_at, basis, evidence = rows[0]
        assert (score > 2) == (jump > 0)
        assert (available_at, basis) == (DAYS[163] + timedelta(days=1), "price_window")
        assert evidence["rows"] == ["core_market_reaction:NCT1:headline:FICT"]
        for part in ("FICT", f"{DAYS[159]:%-d %B %Y}", f"{DAYS[163]:%-d %B %Y}", "market and sector explain"):
            assert part in evidence["says"]


@pytest.mark.parametrize(
    "changes", ["readout_basis = 'results_posted'", "readout_basis = 'publication'", "is_first = false"]
)
def test_a_day_on_which_the_market_had_learnt_already_is_no_vote(empty: Connection, changes: str) -> None:
    reaction(empty, following(1.0, 0.5, 0.5), f"{EVENT}T12:00")
    empty.execute(f"update core_market_reaction set {changes}")
    assert empty.execute(stock_reaction.sql).fetchall() == []


def after(con: Connection, returns: list[float], completion: date, days: list[date] = DAYS) -> list[tuple[Any, ...]]:
    market(con, walk("FICT", returns, days=days))
    fill(con, "core_study", [TRIAL | {"completion_date": completion}])
    fill(con, "core_sponsor", [{"nct_id": "NCT1", "sponsor_index": 0, "sponsor_name": "Fictional", "is_lead": True}])
    fill(con, "core_sponsor_ticker", [{"sponsor_name": "Fictional", "ticker": "FICT", "match_basis": "exact"}])
    build(con, ["core_readout"])
    return con.execute(stock_after_completion.sql).fetchall()


@pytest.mark.parametrize(("change", "votes"), [(0.01, [1]), (-0.01, [0]), (0.0, [])])
def test_the_convention_votes_by_the_slope_after_completion(empty: Connection, change: float, votes: list[int]) -> None:
    found = after(empty, [0.0] * 100 + [change] * 100, DAYS[99])
    assert [row[1] for row in found] == votes
    if change > 0:
        closes = [1.01**i for i in range(7)]
        assert found[0][2] == pytest.approx((sum(closes[2:]) / 5 / closes[0] - 1) / 6)
        assert found[0][3:5] == (DAYS[106] + timedelta(days=1), "price_window")
    assert stock_after_completion.kind == "design"
    assert stock_after_completion.informs == {"cto_compatible": +1}


def test_the_convention_wants_seven_closes_after_the_day_itself(empty: Connection) -> None:
    jump = [0.0] * 99 + [5.0] + [0.01] * 100  # the rise on the day itself does not count
    assert [row[1] for row in after(empty, jump, DAYS[99])] == [1]


@pytest.mark.parametrize("completion", [DAYS[193], DAYS[199], DAYS[0] - timedelta(days=40)])
def test_fewer_closes_are_no_vote(empty: Connection, completion: date) -> None:
    assert after(empty, [0.01] * 200, completion) == []
