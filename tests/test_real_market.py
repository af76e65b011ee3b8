"""Headlines, companies and prices on real rows: figures of how well names match and of what shares did on a readout."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors._clinicaltrials_gov_tables import TABLES
from connectors.clinicaltrials_gov import NCT_ID
from cto import registry
from cto.jsonrows import read_page
from cto.plan import macros
from tests.real import REGISTRY, SHARED, needs_registry
from tests.worlds.market import build, fill

NEWS, PRICES = SHARED / "news", SHARED / "prices"
READ = Path(__file__).parent / "readings" / "sponsor_tickers.csv"
needs_news = pytest.mark.skipif(
    not NEWS.exists() or not PRICES.exists(), reason="no rows at ../shared/data/news and prices"
)
RECORD = ("study", "collaborator", "condition", "intervention", "arm")
Connection = duckdb.DuckDBPyConnection

# The collector wrote New York's time and called it UTC.
RELEASES = f"""
    select
        *,
        timezone('UTC', published_date) as told_here,
        timezone('UTC', timezone('America/New_York', told_here)) as told_at
    from read_csv('{NEWS}/releases.csv.gz')
"""
HEADLINES = RELEASES.replace("releases.csv", "headlines.csv")
NAMES = f"select distinct Ticker as ticker, name as company_name from read_csv('{PRICES}/tickers.csv')"


def connect() -> Connection:
    """Return a database with every contract's table, empty."""
    con = duckdb.connect()
    con.execute(macros())
    con.execute("create table raw_page (source varchar, page ubigint, position integer, kind varchar)")
    for table in registry.tables().values():
        con.execute(table.ddl())
    return con


def list_companies(con: Connection, names: str) -> None:
    fill(con, "raw_tickers__company", con.execute(
        f"select *, row_number() over (order by ticker, company_name) as list_index, 'company' as list from ({names})"
    ).arrow().read_all())  # fmt: skip


def publish(con: Connection, *sources: str) -> None:
    """Fill the news; a search that stands for nothing keeps the row's ticker, which nothing but the test reads."""
    for number, source in enumerate(sources):
        fill(con, "raw_news__item", con.execute(f"""
            select '{number} ' || row_number() over (order by published_date, ticker, title) as item_id, title,
                title as headline, publisher, link, 'feed' as feed, ticker as search,
                strftime(told_at, '%Y-%m-%dT%H:%M:%SZ') as published_at
            from ({source})
        """).arrow().read_all())  # fmt: skip
    build(con, ["core_company_name", "core_headline", "core_headline_company"])


def share(con: Connection, sql: str) -> tuple[Any, ...]:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row


@needs_news
@pytest.mark.parametrize(
    ("source", "n", "precision", "recall"),
    [(RELEASES, 1500, 0.98, 0.82), (HEADLINES, 870, 0.99, 0.88)],
    ids=["releases", "headlines"],
)
def test_the_company_of_a_headline_is_told_by_its_words(source: str, n: int, precision: float, recall: float) -> None:
    con = connect()
    of_rows = " union ".join(f"select ticker, company from ({rows})" for rows in (RELEASES, HEADLINES))
    list_companies(con, f"{NAMES} union {of_rows}")
    publish(con, source)
    n_found, n_right, n_all = share(con, """
        with truth as (select distinct headline_words(headline) as words, search as ticker from raw_news__item),
        told as (
            select words, arg_min(c.ticker, (c.match_basis <> 'ticker', c.word_index)) as ticker
            from core_headline_company c join core_headline using (headline_id)
            group by words
        )
        select count(g.ticker), count(*) filter (g.ticker = t.ticker), count(*)
        from truth t left join told g using (words)
    """)  # fmt: skip
    assert n_all > n
    assert n_right / n_found > precision, (n_right, n_found)
    assert n_right / n_all > recall, (n_right, n_all)


@pytest.fixture(scope="module")
def records() -> Iterator[Connection]:
    """Return a database with the protocols of the real registry file and the real list of tickers."""
    con = connect()
    with gzip.open(REGISTRY, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    for study in found:
        study.pop("resultsSection", None)
    wanted = [table for table in TABLES if table.name.rpartition("__")[2] in RECORD]
    parsed = read_page(json.dumps({"studies": found}).encode(), "studies", wanted, "nct_id", NCT_ID)
    con.execute("insert into raw_page values ('clinicaltrials_gov', 1, 1, 'studies')")
    con.execute("alter table raw_clinicaltrials_gov__study add column page ubigint default 1")
    con.execute("alter table raw_clinicaltrials_gov__listing add column page ubigint")
    for name, rows in parsed.tables.items():
        fill(con, name, rows)
    con.execute("update raw_clinicaltrials_gov__study set page = 1")
    con.execute(
        "create view raw_clinicaltrials_gov__study_version as select *, 1 as position "
        "from raw_clinicaltrials_gov__study"
    )
    list_companies(con, NAMES)
    build(con, ["core_study", "core_sponsor", "core_condition", "core_intervention"])
    build(con, ["core_company_name", "core_sponsor_ticker"])
    yield con
    con.close()


@needs_registry
@needs_news
def test_sponsors_are_the_companies_that_a_reader_takes_them_for(records: Connection) -> None:
    with READ.open(encoding="utf-8", newline="") as file:
        read = {(row["sponsor_name"], row["ticker"]): row["is_right"] == "yes" for row in csv.DictReader(file)}
    rows = records.execute("select sponsor_name, ticker, match_basis from core_sponsor_ticker").fetchall()
    assert {row[:2] for row in rows} <= set(read), "a match that nobody has read"
    by_name = [read[row[:2]] for row in rows if row[2] in ("exact", "normalised", "core")]
    assert len(by_name) >= 50
    assert sum(by_name) / len(by_name) > 0.96, by_name.count(False)
    assert len(rows) >= 90
    reviewed = [read[row[:2]] for row in rows if row[2] not in ("exact", "normalised", "core")]
    assert len(reviewed) >= 40
    assert all(reviewed)


@needs_registry
@needs_news
def test_headlines_of_companies_without_a_trial_in_the_file_are_about_none(records: Connection) -> None:
    """The file holds few trials of the years and companies of the news: of 1,983 headlines none names one."""
    publish(records, RELEASES, HEADLINES)
    build(records, ["core_trial_headline"])
    assert share(records, "select count(*) from core_headline")[0] > 1900
    assert share(records, "select count(*) from core_trial_headline")[0] <= 2


@pytest.fixture(scope="module")
def year() -> Iterator[Connection]:
    """Return a database with the prices of 2024, and table ``told``: each release once."""
    con = connect()
    fill(con, "raw_prices__day", con.execute(
        "select ticker, date as day, open, high, low, close, close as adj_close, volume "
        f"from read_csv('{PRICES}/daily_2024.csv.gz')"
    ).arrow().read_all())  # fmt: skip
    build(con, ["core_price"])
    con.execute(f"""
        create table told as
        select md5(ticker || title) as nct_id, ticker, title, min(told_at) as told_at, min(told_here) as told_here,
            arg_min(event, published_date) as event, arg_min(price_change_percentage, published_date) as recorded
        from ({RELEASES})
        where year(told_here) = 2024 and ticker in (select ticker from core_price)
        group by ticker, title
    """)
    yield con
    con.close()


def react(con: Connection, events: str) -> None:
    """Take each event for the readout of a trial of its own and build the reaction to it."""
    for name in ("core_readout", "core_sponsor", "core_sponsor_ticker"):
        con.execute(f"delete from {name}")
    con.execute(f"""
        insert into core_readout by name
        select nct_id, 'headline' as readout_basis, told_at::date as readout_on, told_at as readout_at, true as is_first
        from ({events})
    """)
    con.execute(f"""
        insert into core_sponsor by name
        select nct_id, 0 as sponsor_index, ticker as sponsor_name, true as is_lead from ({events})
    """)
    con.execute(
        f"insert into core_sponsor_ticker by name select distinct ticker as sponsor_name, ticker from ({events})"
    )
    build(con, ["core_market_reaction"])


# The first price after the news against the last before it: over night, or, told during the session, within it.
MOVES = """
    select t.*, day.open / before.close - 1 as gap, day.close / day.open - 1 as session,
        told_here::time between time '09:30' and time '15:59:59' as is_in_session
    from told t
    asof join core_price day on t.ticker = day.ticker
        and t.told_here::date + (t.told_here::time >= time '16:00')::integer <= day.day
    join core_price before on before.ticker = day.ticker and before.day_index = day.day_index - 1
"""


@needs_news
def test_the_day_of_a_release_is_the_one_whose_move_was_recorded(year: Connection) -> None:
    n, n_same, n_zero = share(year, f"""
        select
            count(*) filter (recorded <> 0 and gap <> 0),
            count(*) filter (recorded <> 0 and sign(gap) = sign(recorded)),
            count(*) filter (recorded = 0 or gap = 0)
        from ({MOVES})
    """)  # fmt: skip
    assert n > 700
    assert n_zero < 0.2 * (n + n_zero)  # shares that hardly trade do not move: neither agrees nor disagrees
    assert n_same / n > 0.93, (n_same, n)


@needs_news
def test_what_is_told_before_the_opening_moves_it_and_the_rest_moves_the_session(year: Connection) -> None:
    sql = "select avg((sign({}) = sign(recorded))::integer), count(*) from ({}) where recorded <> 0 and {} <> 0 and {}"
    for move, when, least in (("gap", "not is_in_session", 600), ("session", "is_in_session", 40)):
        agreement, n = share(year, sql.format(move, MOVES, move, when))
        assert n > least
        assert agreement > 0.98, move
    agreement, _ = share(year, sql.format("gap", MOVES, "gap", "is_in_session"))
    assert agreement < 0.6


@needs_news
def test_the_reaction_of_five_days_is_loosely_tied_to_the_gap(year: Connection) -> None:
    react(year, "select nct_id, ticker, told_at from told")
    both = f"select * from ({MOVES}) join core_market_reaction using (nct_id)"
    n, correlation, agreement, agreement_far = share(year, f"""
        select count(*), corr(abnormal_return, gap),
            avg((sign(abnormal_return) = sign(gap))::integer) filter (gap <> 0),
            avg((sign(abnormal_return) = sign(gap))::integer) filter (gap <> 0 and abs(z) > 2)
        from ({both})
    """)  # fmt: skip
    assert n > 650
    assert 0.3 < correlation < 0.5
    assert 0.5 < agreement < 0.6
    assert agreement_far > 0.6


@needs_news
def test_releases_of_results_move_shares_far_more_often_than_any_day_does(year: Connection) -> None:
    react(year, "select nct_id, ticker, told_at from told")
    far = "avg((abs(z) > 2)::integer), avg((abs(z) > 3)::integer), count(*)"
    results = share(year, f"""
        select {far} from core_market_reaction join told using (nct_id)
        where tells_result(headline_words(title)) and regexp_matches(title, '\\b(phase|trial|study)\\b')
    """)  # fmt: skip
    any_day = """
        select ticker || day as nct_id, ticker, day::timestamp + interval 12 hours as told_at
        from core_price
        where day_index % 4 = 0
    """
    react(year, any_day)
    usual = share(year, f"select {far} from core_market_reaction")
    assert results[2] > 50
    assert usual[2] > 3000
    assert results[1] > 2 * usual[1]  # beyond three standard deviations
    assert results[0] > usual[0]  # beyond two the tails of any day are heavy too
    assert usual[0] < 0.1
