"""Fits: cut points and label models are learnt once, on what was known, and carried on unchanged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cto import fit as fits
from cto import fitting, pipeline, registry
from cto.check import GateError
from cto.diff import diff
from cto.fit import Fit
from cto.lake import Lake, LakeError
from cto.pipeline import Night
from cto.plan import plan
from cto.release import Release
from cto.sample import STUDIES
from cto.sandbox import Sandbox
from cto.settings import Settings
from cto.status import lines, status

DAY = date(2026, 1, 31)
WORLD = STUDIES[1]
Refresh = Callable[..., Night]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def listed(lake: Lake, day: date, is_carried: bool = True, cut: float = 1.0) -> Fit:
    fit = fits.store(lake, day, [{"cut": cut}], {})
    fits.enlist(lake, fit, is_carried)
    return fit


def usable(lake: Lake, day: date, is_current: bool = False) -> Fit | None:
    return fits.usable(lake, day, is_current)


# Which fit a day uses


def test_a_day_uses_the_newest_fit_carried_from_before_it(lake: Lake) -> None:
    old, new = listed(lake, date(2020, 1, 1)), listed(lake, date(2022, 1, 1), cut=2.0)
    for is_current in (True, False):
        assert usable(lake, date(2021, 6, 1), is_current) == old
        assert usable(lake, date(2023, 6, 1), is_current) == new
        assert usable(lake, date(2019, 6, 1), is_current) is None


def test_a_fit_made_for_a_look_back_serves_its_own_day_alone(lake: Lake) -> None:
    passing = listed(lake, date(2015, 1, 1), is_carried=False)
    assert usable(lake, date(2015, 1, 1)) == passing
    assert usable(lake, date(2015, 1, 1), is_current=True) is None
    assert usable(lake, date(2015, 1, 2)) is None


def test_of_two_fits_of_a_day_the_later_made_counts(lake: Lake) -> None:
    listed(lake, DAY)
    later = listed(lake, DAY, cut=2.0)
    listed(lake, date(2020, 1, 1))
    assert usable(lake, DAY) == later


def test_a_fit_of_other_label_functions_is_not_used(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(lake, DAY)
    functions = registry.label_functions()
    changed = (replace(functions[0], version=functions[0].version + 1), *functions[1:])
    monkeypatch.setattr(registry, "label_functions", lambda: changed)
    assert usable(lake, DAY) is None


def test_a_fit_of_another_version_of_a_model_is_not_used(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(lake, DAY)
    monkeypatch.setattr(fits, "MODELS", tuple(replace(model, version=99) for model in fits.MODELS))
    assert usable(lake, DAY) is None


def test_fits_that_are_listed_at_once_are_all_listed(lake: Lake) -> None:
    days = [date(2020, 1, day) for day in range(1, 9)]
    with ThreadPoolExecutor(len(days)) as pool:
        made = list(pool.map(lambda day: listed(lake, day), days))
    assert [usable(lake, day) for day in days] == made


def test_a_damaged_list_of_fits_names_itself(lake: Lake) -> None:
    lake.put(fits.HEAD, b"{")
    with pytest.raises(LakeError, match=r"fits/HEAD\.json is damaged.*cto fit"):
        usable(lake, DAY)


# What is fitted


@pytest.fixture
def con(empty: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return tables of 85 ended trials, 40 of phase 2, 40 of phase 3, 5 of phase 1; trial i lost i percent."""
    empty.execute("insert into run values ('2021-01-01', false)")
    empty.execute(
        """
        insert into core_study by name
        select 'NCT' || i as nct_id, 'INTERVENTIONAL' as study_type, 'COMPLETED' as overall_status,
            date '2019-01-01' as completion_date, 'day' as completion_date_precision,
            date '2018-01-01' as first_post_date, date '2020-01-01' as results_first_post_date,
            case when i < 40 then 'PHASE2' when i < 80 then 'PHASE3' else 'PHASE1' end as phase
        from range(85) t(i)
        """
    )
    empty.execute(
        """
        insert into core_event_rate by name
        select 'NCT' || i as nct_id, 'dropout' as event, 'pooled' as score_basis, 'pooled' as arm_match,
            1.0 as standard_error, 1 as affected, 10 as at_risk, i as percent
        from range(85) t(i)
        """
    )
    return empty


def cut_points(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    fitting.open_ended(con)
    return {row["phase"]: row for row in fitting.learn_cut_points(con) if row["label_function"] == "dropout"}


def test_a_cut_point_is_the_median_of_its_phase_and_the_band_its_middle_third(con: duckdb.DuckDBPyConnection) -> None:
    found = cut_points(con)
    assert {k: found["PHASE2"][k] for k in ("cut", "band", "n", "fitted_on", "fitted_as_of")} == {
        "cut": 20.0,  # 19.5, to two significant digits
        "band": 6.5,
        "n": 40,
        "fitted_on": "phase",
        "fitted_as_of": "2021-01-01",
    }


def test_a_phase_of_few_trials_takes_the_cut_point_of_all(con: duckdb.DuckDBPyConnection) -> None:
    found = cut_points(con)
    assert (found["PHASE1"]["fitted_on"], found["PHASE1"]["n"]) == ("all", 85)
    assert found["PHASE1"]["cut"] != found["PHASE2"]["cut"]


def test_with_too_few_trials_there_is_no_cut_point(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("delete from core_event_rate where ltrim(nct_id, 'NCT')::integer >= 29")
    assert cut_points(con) == {}


@pytest.mark.parametrize(
    "change",
    [
        "results_first_post_date = '2022-01-01'",
        "results_first_post_date = null",
        "completion_date = '2022-01-01'",
        "first_post_date = '2022-01-01'",
        "study_type = 'OBSERVATIONAL'",
    ],
)
def test_trials_of_later_evidence_or_end_are_not_learnt_from(con: duckdb.DuckDBPyConnection, change: str) -> None:
    before = cut_points(con)["PHASE2"]["n"]
    con.execute(f"update core_study set {change} where nct_id in ('NCT1', 'NCT2')")
    assert (before, cut_points(con)["PHASE2"]["n"]) == (40, 38)


# How builds carry it


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(studies=STUDIES) as running:
        yield running


def night(home: str, sandbox: Sandbox, day: date = DAY) -> Night:
    settings = Settings(home, day, {"clinicaltrials_gov": sandbox.registry_url}, backoff=0)
    return pipeline.refresh(settings, ["clinicaltrials_gov"], now=lambda: datetime(2026, 2, 1, tzinfo=UTC))


@pytest.fixture
def refresh(lake: Lake, sandbox: Sandbox) -> Refresh:
    return lambda day=DAY: night(lake.root, sandbox, day)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Release]:
    """Return a lake that no test changes, and its release."""
    home = tmp_path_factory.mktemp("first") / "lake"
    with Sandbox(studies=STUDIES) as running:
        return home, night(str(home), running).release


@pytest.fixture
def first(first_night: tuple[Path, Release], lake: Lake) -> Release:
    """Return the first night's release, after which the test's lake goes on."""
    home, release = first_night
    shutil.copytree(home, lake.root, dirs_exist_ok=True)
    return release


def turned(nct_id: str) -> dict[str, Any]:
    """Return a trial of the world with other results: more dropouts, more events, another p-value."""
    text = next(line for line in WORLD.open(encoding="utf-8") if nct_id in line)
    study = json.loads(text)
    study["protocolSection"]["statusModule"]["lastUpdatePostDateStruct"]["date"] = "2026-01-15"
    study["protocolSection"]["designModule"]["enrollmentInfo"]["count"] = 5
    for group in study["resultsSection"]["adverseEventsModule"]["eventGroups"]:
        group["seriousNumAffected"] = group["seriousNumAtRisk"]
    for measure in study["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"]:
        for analysis in measure.get("analyses", []):
            analysis["pValue"] = "0.9"
    return study


def test_a_changed_study_moves_no_other_trials_label(
    first: Release, refresh: Refresh, sandbox: Sandbox, lake: Lake
) -> None:
    sandbox.post_studies([turned("NCT99900003")])
    after = refresh()
    assert after.is_new
    labels = "select * exclude (as_of) from read_parquet(?) where nct_id <> 'NCT99900003' order by all"
    both = (first, after.release)
    told = [duckdb.execute(labels, [lake.url(found.file("labels.parquet"))]).fetchall() for found in both]
    assert told[0] == told[1]
    assert len(told[0]) > 500
    moved = {row["nct_id"] for row in diff(lake, *both)["labels"]}
    assert moved == {"NCT99900003"}
    assert first.manifest["fit"] == after.release.manifest["fit"]


def test_later_days_carry_the_first_fit(first: Release, refresh: Refresh, lake: Lake) -> None:
    refresh(DAY + timedelta(days=1))
    assert plan(lake, DAY + timedelta(days=1)).fitted.id == first.manifest["fit"]["id"]


def test_a_fit_on_purpose_is_used_from_its_day_on(first: Release, lake: Lake) -> None:
    pipeline.build(lake, plan(lake, DAY))
    pipeline.fit(lake, plan(lake, date(2019, 1, 1)), anew=True)
    assert plan(lake, DAY).fitted.id == first.manifest["fit"]["id"]
    assert plan(lake, date(2025, 1, 1)).fitted.fitted_as_of == date(2019, 1, 1)


@pytest.mark.usefixtures("first")
def test_a_look_back_learns_nothing_from_later_days(refresh: Refresh, lake: Lake) -> None:
    past = refresh(date(2014, 1, 1)).release.manifest["fit"]
    assert past["fitted_as_of"] == "2014-01-01"
    assert plan(lake, date(2015, 1, 1)).fit is None
    assert plan(lake, date(2014, 1, 1)).fitted.id == past["id"]


def test_a_night_that_is_held_back_teaches_nothing(
    first_night: tuple[Path, Release], refresh: Refresh, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fetched in ("sources", "parts"):
        shutil.copytree(first_night[0] / fetched, Path(lake.root) / fetched)

    def refuse(*args: Any) -> None:
        raise GateError("held back")

    with monkeypatch.context() as held:
        held.setattr(pipeline.checking, "check", refuse)
        with pytest.raises(GateError):
            refresh()
    assert usable(lake, DAY, is_current=True) is None
    published = refresh().release.manifest["fit"]["id"]
    found = usable(lake, DAY, is_current=True)
    assert found is not None
    assert found.id == published


def test_the_status_tells_what_is_carried_and_what_cannot_vote(first_night: tuple[Path, Release], lake: Lake) -> None:
    assert status(lake, datetime(2026, 2, 1, tzinfo=UTC))["fit"] is None
    told = "\n".join(lines(status(Lake(str(first_night[0])), datetime(2026, 2, 1, tzinfo=UTC))))
    assert "fitted as of 2026-01-31, carried on until cto fit" in told
    refused = "the model learnt was refused: Too few groups vote to learn from (efficacy): it takes 3."
    assert f"endpoint_met: majority ({refused})" in told


def test_a_release_publishes_its_cut_points(first: Release, lake: Lake) -> None:
    rows = duckdb.execute(
        "select label_function, count(*), min(fitted_as_of) from read_parquet(?) group by 1",
        [lake.url(first.file("cut_points.parquet"))],
    ).fetchall()
    assert {name for name, *_ in rows} >= {"dropout", "enrollment", "sites", "sponsors", "update_lag"}
    assert {day for *_, day in rows} == {DAY}
