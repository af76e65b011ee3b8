"""What readers and linkage vote as of a day is what they would vote had all later evidence never come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from cto import pipeline, registry
from cto.build import open_tables
from cto.lake import Lake
from cto.plan import macros, plan
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.settings import Settings

TODAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
READERS = {
    "news_endpoint",
    "news_event",
    "news_sentiment",
    "phase_progression",
    "pubmed_verdict",
    "stop_reason_reader",
    "stopped_for_good",
}
HELD = ["core_trial_publication", "core_headline", "core_approval", "core_trial_approval", "annot_phase_progress"]
FORGET = """
delete from core_trial_publication where coalesce(available_on > $1, true);
delete from core_headline where coalesce(published_on > $1, true);
delete from core_approval where coalesce(approved_on > $1, true);
delete from core_trial_approval where coalesce(approved_on > $1, true);
update annot_phase_progress set signs = list_filter(signs, lambda sign: sign.public_on <= $1);
"""
"""Deletes what came after a day, and what has no date."""

Votes = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return the invented world's tables, read by the scripted model and by a classifier that finds all news good."""
    home = tmp_path_factory.mktemp("world") / "lake"
    with Sandbox(world=WORLD) as sandbox:
        variables = {**sandbox.environment, "CTO_SENTIMENT_MODEL": "none"}
        pipeline.refresh(Settings(str(home), TODAY, sandbox.urls, backoff=0.0, variables=variables), now=lambda: NOW)
    lake = Lake(str(home))
    with duckdb.connect() as con:
        con.execute(macros())
        open_tables(lake, con, plan(lake, TODAY))
        for table in [*HELD, "annot_news_sentiment"]:
            con.execute(f"create table held as from {table}")
            con.execute(f"drop view {table}")
            con.execute(f"alter table held rename to {table}")
        con.execute("delete from annot_news_sentiment")
        con.execute(
            "insert into annot_news_sentiment by name select headline_id, 'positive' as sentiment, 0.9 as positive, "
            "0.05 as negative, 0.05 as neutral, 'all-is-well' as model from core_headline"
        )
        con.execute("create table run (as_of date, is_current boolean)")
        con.execute(registry.tables()["cut_points"].ddl("cut_point"))
        con.execute(
            "insert into cut_point by name select 'phase_progression' as label_function, unnest(['PHASE1', 'PHASE2', "
            "'PHASE3']) as phase, 'days_to_next_phase' as score_basis, 1 as version, 700 as cut, 0 as band, 99 as n, "
            "'phase' as fitted_on, '2010-01-01' as fitted_as_of"
        )
        yield con


def cast(con: duckdb.DuckDBPyConnection, name: str, day: date, is_current: bool) -> Votes:
    """Return a function's votes on evidence that was public by a day."""
    [function] = [f for f in registry.label_functions() if f.name == name]
    con.execute("delete from run")
    con.execute("insert into run values (?, ?)", [day, is_current])
    sql = f"select nct_id, vote, score, available_at from ({function.vote_sql}) where available_at <= ? order by all"
    return con.execute(sql, [day]).fetchall()


@pytest.mark.parametrize("day", [date(2016, 1, 1), date(2019, 1, 1), date(2021, 6, 30), date(2024, 1, 1)], ids=str)
@pytest.mark.parametrize("name", sorted(READERS))
def test_a_vote_as_of_a_day_knows_nothing_of_later_ones(world: duckdb.DuckDBPyConnection, name: str, day: date) -> None:
    past = cast(world, name, day, is_current=False)
    world.execute("begin")
    try:
        for statement in filter(str.strip, FORGET.split(";")):
            world.execute(statement, [day])
        assert past == cast(world, name, day, is_current=True)
    finally:
        world.execute("rollback")


@pytest.mark.parametrize("name", sorted(READERS - {"stop_reason_reader", "stopped_for_good"}))
def test_what_is_compared_are_votes_that_come_with_the_years(world: duckdb.DuckDBPyConnection, name: str) -> None:
    counts = [len(cast(world, name, day, is_current=False)) for day in (date(2005, 1, 1), TODAY)]
    assert counts[0] < counts[1]
