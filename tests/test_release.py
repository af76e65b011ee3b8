"""Releases: immutable, versioned, and never twice with the same content."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cto import pipeline, release
from cto.diff import diff
from cto.lake import Lake
from cto.pipeline import Night
from cto.plan import plan
from cto.sample import STUDIES
from cto.sandbox import Sandbox
from cto.settings import Settings
from cto.status import lines, status

DAY = date(2026, 1, 31)
WORLD = STUDIES[1]
Refresh = Callable[..., Night]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(studies=WORLD) as running:
        yield running


def night(home: Path, sandbox: Sandbox, day: date = DAY) -> Night:
    settings = Settings(str(home), day, {"clinicaltrials_gov": sandbox.registry_url}, backoff=0)
    return pipeline.refresh(settings, ["clinicaltrials_gov"], now=lambda: datetime(2026, 2, 1, tzinfo=UTC))


@pytest.fixture
def refresh(tmp_path: Path, sandbox: Sandbox) -> Refresh:
    """Return a refresh of the lake in ``tmp_path / "lake"``, of a day and, if asked, another lake."""
    return lambda day=DAY, home="lake": night(tmp_path / home, sandbox, day)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Night]:
    """Return a lake that no test changes, and the night that made it."""
    home = tmp_path_factory.mktemp("first") / "lake"
    with Sandbox(studies=WORLD) as running:
        return home, night(home, running)


@pytest.fixture
def first(first_night: tuple[Path, Night], tmp_path: Path) -> Night:
    """Return the first night, after which the test's lake goes on."""
    home, made = first_night
    shutil.copytree(home, tmp_path / "lake", dirs_exist_ok=True)
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def stopped(nct_id: str, **changes: Any) -> dict[str, Any]:
    """Return a study of the world, terminated without a reason."""
    found = next(json.loads(line) for line in WORLD.open() if nct_id in line)
    found["protocolSection"]["statusModule"] |= {
        "overallStatus": "TERMINATED",
        "lastUpdatePostDateStruct": {"date": "2026-01-15", "type": "ACTUAL"},
    } | changes
    return found


def rows(night: Night, home: Path, name: str, sql: str) -> list[Any]:
    file = home / "lake" / "releases" / night.release.version / f"{name}.parquet"
    return duckdb.execute(f"select {sql} from read_parquet($1) t", [str(file)]).fetchall()


def test_the_same_content_publishes_nothing_even_on_another_day(first: Night, refresh: Refresh) -> None:
    again, later = refresh(), refresh(date(2026, 2, 1))
    assert [night.is_new for night in (first, again, later)] == [True, False, False]
    assert {night.release.version for night in (first, again, later)} == {"2026.01.31"}


def test_a_second_release_of_a_day_is_numbered(first: Night, refresh: Refresh, sandbox: Sandbox, lake: Lake) -> None:
    sandbox.post_studies([stopped("NCT99900020")])
    after = refresh()
    assert (first.release.version, after.release.version) == ("2026.01.31", "2026.01.31.1")
    assert after.release.manifest["previous"] == "2026.01.31"
    assert release.latest(lake) == after.release


def test_content_that_comes_back_is_a_release_of_its_own(first: Night, refresh: Refresh, sandbox: Sandbox) -> None:
    original = next(json.loads(line) for line in WORLD.open() if "NCT99900020" in line)
    sandbox.post_studies([stopped("NCT99900020")])
    refresh()
    original["protocolSection"]["statusModule"]["lastUpdatePostDateStruct"]["date"] = "2026-01-15"
    sandbox.post_studies([original])
    third = refresh()
    assert third.is_new
    assert third.release.version == "2026.01.31.2"
    assert first.release.version == "2026.01.31"


def test_the_diff_names_the_labels_that_moved_and_the_votes_that_moved_them(
    first: Night, refresh: Refresh, sandbox: Sandbox, lake: Lake
) -> None:
    moved = "NCT99900030"
    sandbox.post_studies([stopped(moved, whyStopped="-")])
    found = diff(lake, first.release, refresh().release)
    assert found["trials"] == {"came": 0, "went": 0}
    assert {(row["nct_id"], row["definition"], row["after"]) for row in found["labels"]} <= {(moved, "success", 0)}
    assert all("overall_status: none → 0" in row["votes"] for row in found["labels"])


def test_the_manifest_accounts_for_every_file(first: Night, tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "releases" / first.release.version
    files = first.release.manifest["files"]
    assert {path.name for path in folder.iterdir()} == {*files, "manifest.json"}
    for name, told in files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told["sha256"]
    assert files["trials.parquet"]["rows"] == 50
    said = first.release.manifest
    assert said["label_functions"]["primary_p_value"]["votes"]["for"] > 0
    assert said["snapshots"]["clinicaltrials_gov"]["watermark"]["data_timestamp"]
    assert {"code", "fit", "as_of", "created_at", "content_hash"} <= said.keys()


def test_a_published_release_is_never_written_again(
    first: Night, refresh: Refresh, sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "lake" / "releases" / first.release.version
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    sandbox.post_studies([stopped("NCT99900020")])
    refresh()
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before


def test_two_lakes_on_the_same_data_come_to_the_same_content_and_bytes(
    first: Night, refresh: Refresh, tmp_path: Path
) -> None:
    other = refresh(home="other")
    assert first.release.manifest["content_hash"] == other.release.manifest["content_hash"]
    for name in ("trials", "votes", "labels"):
        files = [tmp_path / home / "releases" / first.release.version / f"{name}.parquet" for home in ("lake", "other")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_publish_that_was_cut_short_is_taken_up(
    first_night: tuple[Path, Night], refresh: Refresh, lake: Lake
) -> None:
    content = first_night[1].release.manifest["content_hash"]
    assert lake.create("claims/2026.01.31", content.encode())
    assert refresh().release.version == "2026.01.31"


def test_a_version_claimed_for_other_content_is_passed_over(refresh: Refresh, lake: Lake) -> None:
    lake.create("claims/2026.01.31", b"something else")
    assert refresh().release.version == "2026.01.31.1"


def test_latest_follows_a_publish_that_was_cut_short_before_it(first: Night, refresh: Refresh, tmp_path: Path) -> None:
    version = first.release.version
    (tmp_path / "lake" / "releases" / "LATEST").unlink()
    night = refresh()
    assert (night.release.version, night.is_new) == (version, False)
    assert (tmp_path / "lake" / "releases" / "LATEST").read_text() == version


def test_a_release_that_was_taken_away_is_told_and_published_again(first: Night, refresh: Refresh, lake: Lake) -> None:
    version = first.release.version
    shutil.rmtree(Path(lake.url(f"releases/{version}")))
    with pytest.raises(release.NoReleaseError, match="its folder is gone"):
        release.latest(lake)
    told = status(lake, datetime(2026, 2, 1, tzinfo=UTC))
    assert any("its folder is gone" in line for line in lines(told))
    night = refresh()
    assert (night.release.version, night.is_new) == (version, True)
    assert release.latest(lake) == night.release


def test_a_look_back_is_published_and_does_not_become_the_latest(first: Night, refresh: Refresh, lake: Lake) -> None:
    past, past_again = refresh(date(2018, 6, 30)), refresh(date(2018, 6, 30))
    assert (past.release.version, past.is_new, past_again.is_new) == ("2018.06.30", True, False)
    assert release.latest(lake) == first.release


@pytest.mark.usefixtures("first")
def test_a_look_back_holds_nothing_later(refresh: Refresh, tmp_path: Path) -> None:
    day = date(2018, 6, 30)
    past = refresh(day)
    assert rows(past, tmp_path, "votes", "max(available_at), count(*) filter (available_at is null)")[0][1] == 0
    assert rows(past, tmp_path, "votes", "max(available_at)")[0][0] <= day
    assert rows(past, tmp_path, "trials", "max(first_post_date), count(*) filter (first_post_date is null)")[0][1] == 0
    assert rows(past, tmp_path, "trials", "max(first_post_date)")[0][0] <= day
    assert 0 < rows(past, tmp_path, "trials", "count(*)")[0][0] < 50


@pytest.mark.usefixtures("first")
def test_an_unknown_version_is_refused_by_name(lake: Lake) -> None:
    with pytest.raises(release.NoReleaseError, match=r"no release '1999\.01\.01'; the latest is 2026\.01\.31"):
        release.read(lake, "1999.01.01")


@pytest.mark.usefixtures("first")
def test_changed_code_runs_again_what_follows_from_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(lake, DAY)
    core, votes, labels = planned.core, planned.vote, planned.label
    functions = pipeline.registry.label_functions()
    changed = (replace(functions[0], sql=functions[0].sql + "\n-- reworded"), *functions[1:])
    monkeypatch.setattr(pipeline.registry, "label_functions", lambda: changed)
    after = plan(lake, DAY)
    assert (after.core == core, after.vote == votes, after.label == labels) == (True, False, False)


@pytest.mark.usefixtures("first")
def test_a_release_opens_in_a_bare_duckdb(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "lake" / "warehouse.duckdb"), read_only=True) as con:
        con.execute("set enable_external_access = false")
        tables = {row[0] for row in con.execute("show tables").fetchall()}
        assert {"labels", "votes", "trials", "cut_points", "core_study", "release"} <= tables
        assert con.execute("select version from release").fetchone() == ("2026.01.31",)
        assert con.execute("select count(*) from trials").fetchone() == (50,)
