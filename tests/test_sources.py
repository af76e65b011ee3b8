"""The sources beside each other: one that is dead stops no other, stays visible, and its old evidence still votes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from cto import pipeline, registry, release, wants
from cto.check import GateError
from cto.cli import main
from cto.connector import Connector
from cto.doctor import examine
from cto.exits import EXIT_SOURCE_FAILED
from cto.lake import Lake
from cto.sample import STUDIES, WORLD
from cto.sandbox import Sandbox
from cto.schema import ContractError
from cto.settings import Settings, SettingsError
from cto.status import lines, status

DAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
NAMES = [connector.name for connector in registry.connectors()]
REGISTRY = "clinicaltrials_gov"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return stand-ins that serve the invented world."""
    with Sandbox(world=WORLD) as running:
        yield running


def settings(home: Path, sandbox: Sandbox, day: date = DAY) -> Settings:
    return Settings(str(home), day, sandbox.urls, backoff=0.001, variables=sandbox.environment)


def night(home: Path, sandbox: Sandbox, days: int = 0) -> pipeline.Night:
    """Run the night so many days after the first."""
    later = timedelta(days=days)
    return pipeline.refresh(settings(home, sandbox, DAY + later), now=lambda: NOW + later)


@dataclass(frozen=True)
class First:
    """What a first night over all sources left; no test changes it."""

    home: Path
    release: release.Release
    n_requests: int


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> First:
    home = tmp_path_factory.mktemp("first") / "lake"
    with Sandbox(world=WORLD) as running:
        return First(home, night(home, running).release, len(running.requests))


@pytest.fixture
def later(first: First, tmp_path: Path) -> Path:
    """Return a lake of one's own after the first night."""
    return shutil.copytree(first.home, tmp_path / "lake")


def by_source(name: str) -> Connector:
    return next(connector for connector in registry.connectors() if connector.name == name)


@pytest.mark.parametrize("name", [name for name in NAMES if name != REGISTRY])
def test_a_source_that_is_dead_from_the_start_stops_no_other(
    first: First, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    parsed = "parts"  # all is fetched from the start; only parsing the same pages again is spared
    shutil.copytree(first.home / parsed, tmp_path / parsed, ignore=shutil.ignore_patterns(name))
    sandbox.add_fault("blocked", times=None, site=name)
    found = night(tmp_path, sandbox)
    assert set(found.failures) == {name}
    assert set(found.ingested) == set(NAMES) - {name}
    assert found.is_new
    assert list(found.release.manifest["sources_without_snapshot"]) == [name]
    card = Lake(str(tmp_path)).read(f"releases/{found.release.version}/README.md").decode()
    assert f"**{name} is not in this release**: its fetch failed." in card
    shown = list(lines(status(Lake(str(tmp_path)), NOW)))
    told = shown[shown.index(f"  {name}: never fetched") :]
    assert told[1].startswith("    a crawl begun 2026-11-01T12:00:00+00:00 is not finished")
    assert told[2].startswith("    FAILED 2026-11-01T12:00:00+00:00: ")


def test_a_source_that_dies_stays_visible_its_old_evidence_votes_and_past_its_tolerance_nothing_is_published(
    first: First, sandbox: Sandbox, later: Path
) -> None:
    before = votes(later, first.release, "fda_approval")
    assert before
    sandbox.add_fault("blocked", times=None, site="drugs_at_fda")
    change_one_study(sandbox)
    tolerance = by_source("drugs_at_fda").stale_after_days

    second = night(later, sandbox, days=tolerance)
    assert set(second.failures) == {"drugs_at_fda"}
    assert second.is_new
    assert votes(later, second.release, "fda_approval") == before
    lake = Lake(str(later))
    card = lake.read(f"releases/{second.release.version}/README.md").decode()
    assert "**drugs_at_fda has failed since 2026-11-01**; what it said until then still counts." in card
    shown = "\n".join(lines(status(lake, NOW + timedelta(days=tolerance))))
    assert f"drugs_at_fda: data public by 2026-11-01, fetched {24 * tolerance}.0 h ago" in shown
    assert "    FAILED 2026-11-15T12:00:00+00:00: " in shown

    with pytest.raises(GateError, match=f"drugs_at_fda last answered {tolerance + 1} days before 2026-11-16, over"):
        night(later, sandbox, days=tolerance + 1)
    assert "drugs_at_fda: STALE, past its tolerance" in "\n".join(
        lines(status(lake, NOW + timedelta(days=tolerance + 1)))
    )
    latest = release.latest(lake)
    assert latest
    assert latest.version == second.release.version

    sandbox.faults.clear()
    assert night(later, sandbox, days=tolerance + 1).failures == {}


def change_one_study(sandbox: Sandbox) -> None:
    study = json.loads(STUDIES[1].read_text().splitlines()[0])
    study["protocolSection"]["statusModule"]["lastUpdatePostDateStruct"] = {"date": "2026-10-30"}
    sandbox.post_studies([study])


def votes(home: Path, published: release.Release, function: str) -> list[tuple[str, int]]:
    file = home / "releases" / published.version / "votes.parquet"
    sql = "select distinct nct_id, vote from read_parquet(?) where label_function = ? order by all"
    return duckdb.execute(sql, [str(file), function]).fetchall()


def test_a_look_back_casts_the_votes_of_the_present_that_were_public(
    first: First, sandbox: Sandbox, later: Path
) -> None:
    functions = ["fda_approval", "fda_refusal", "stock_reaction", "stock_after_completion", "outcome_switch"]
    past = pipeline.refresh(settings(later, sandbox, date(2018, 6, 30)), now=lambda: NOW).release
    sql = (
        "select distinct nct_id, label_function, definition, vote, available_at from read_parquet(?) "
        "where list_contains(?, label_function) and available_at <= '2018-06-30' order by all"
    )
    cast = [
        duckdb.execute(sql, [str(later / "releases" / found.version / "votes.parquet"), functions]).fetchall()
        for found in (first.release, past)
    ]
    assert cast[0] == cast[1]
    assert {row[1] for row in cast[1]} == set(functions) - {"outcome_switch"}


def test_a_second_night_without_news_asks_little_and_publishes_nothing(
    first: First, sandbox: Sandbox, later: Path
) -> None:
    second = night(later, sandbox)
    assert not second.is_new
    assert second.release.version == first.release.version
    assert len(sandbox.requests) < first.n_requests / 2


def test_every_stand_in_passes_the_doctors_checks(sandbox: Sandbox, tmp_path: Path) -> None:
    chosen = settings(tmp_path, sandbox)
    found = {f.source: f for f in examine(chosen, pipeline.sources((), chosen))}
    assert set(found) == set(NAMES)
    assert {name: f.verdict for name, f in found.items() if not f.is_well} == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", ["blocked", "html_at_200", "server_error"])
def test_the_doctor_tells_a_source_that_does_not_speak_its_contract(
    sandbox: Sandbox, tmp_path: Path, name: str, fault: str
) -> None:
    sandbox.add_fault(fault, times=None, site=name)
    [found] = examine(settings(tmp_path, sandbox), [by_source(name)])
    assert not found.is_well
    assert found.source == name


def test_a_source_that_is_off_is_asked_only_when_named_or_addressed(tmp_path: Path) -> None:
    plain = Settings(str(tmp_path), DAY, {})
    optional = {connector.name for connector in registry.connectors() if connector.is_optional}
    assert optional == {"registry_history"}
    assert {c.name for c in pipeline.sources((), plain)} == set(NAMES) - optional
    assert [c.name for c in pipeline.sources(["registry_history"], plain)] == ["registry_history"]
    addressed = replace(plain, urls={"registry_history": "http://127.0.0.1:9"})
    assert {c.name for c in pipeline.sources((), addressed)} == set(NAMES)


def test_sources_that_want_what_others_hold_come_after_them() -> None:
    leading, following = wants.waves(registry.connectors())
    assert {c.name for c in leading} == {REGISTRY, "tickers", "orange_book", "drugs_at_fda"}
    for connector in following:
        assert REGISTRY in wants.follows(connector)
    assert wants.follows(by_source("prices")) == {REGISTRY, "tickers"}


def test_a_source_that_wants_what_follows_from_a_following_one_is_refused() -> None:
    wrong = replace(by_source("pubmed"), name="wrong", wants="select headline from core_headline")
    with pytest.raises(ContractError, match="wrong wants what follows from news, which wants something itself"):
        wants.waves([wrong])


def test_a_key_for_no_source_is_refused_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CTO_PUBMD_API_KEY names no source; is CTO_PUBMED_API_KEY meant"):
        pipeline.open_lake(Settings.of({"CTO_PUBMD_API_KEY": "secret"}, DAY, str(tmp_path)))


def test_settings_never_show_a_key() -> None:
    chosen = Settings.of({"CTO_PUBMED_API_KEY": "s3cret", "CTO_HOME": "x"}, DAY)
    assert chosen.keys == {"pubmed": "s3cret"}
    assert "s3cret" not in repr(chosen)
    assert "s3cret" not in repr(pipeline.http(chosen, by_source("pubmed")))
    assert not any("KEY" in name for name in chosen.variables)


def cto(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=variables)


def test_ingest_goes_on_after_a_source_that_fails_and_ends_with_its_exit_code(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add_fault("blocked", times=None, site="orange_book")
    only = ("--only", "orange_book", "--only", "tickers")
    done = cto("--home", str(tmp_path), "ingest", *only, **sandbox.environment)
    assert done.exit_code == EXIT_SOURCE_FAILED
    assert "tickers: 2 new pages" in done.stdout
    assert "orange_book failed, its last snapshot stays in use: " in done.stderr


def test_the_doctor_says_what_it_found_and_ends_with_a_code_for_it(sandbox: Sandbox) -> None:
    well = cto("doctor", **sandbox.environment)
    assert well.exit_code == 0
    assert [line.partition(":")[0] for line in well.stdout.splitlines()] == [
        c.name for wave in wants.waves(registry.connectors()) for c in wave
    ]
    sandbox.add_fault("blocked", times=None, site="tickers")
    ill = cto("doctor", "--json", **sandbox.environment)
    assert ill.exit_code == EXIT_SOURCE_FAILED
    assert [found["source"] for found in json.loads(ill.stdout) if not found["is_well"]] == ["tickers"]
