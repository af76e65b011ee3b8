"""A build as of a past day equals one from scratch for which all later evidence was deleted beforehand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cto import pipeline
from cto.lake import Lake
from cto.pipeline import Night
from cto.plan import plan
from cto.sample import STUDIES
from cto.sandbox import Sandbox
from cto.settings import Settings
from tests.real import REGISTRY, Json, at, needs_registry

TODAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = "2026-10-01"


def records(paths: list[Path]) -> Iterator[Json]:
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines)


def as_known_on(study: Json, day: date) -> Json | None:
    """Return what of a record was public by a day, or None for a record that was not; undated parts were not."""

    def was_public(struct: str) -> bool:
        text = at(study, f"protocolSection.statusModule.{struct}.date")
        return bool(text) and date.fromisoformat(text if len(text) > 7 else text + "-01") <= day

    if not was_public("studyFirstPostDateStruct"):
        return None
    known = deepcopy(study)
    protocol = known["protocolSection"]
    if not was_public("resultsFirstPostDateStruct"):
        known.pop("resultsSection", None)
        known["hasResults"] = False
        protocol["statusModule"].pop("resultsFirstPostDateStruct", None)
    if not was_public("lastUpdatePostDateStruct"):
        status = protocol["statusModule"]
        for name in ("whyStopped", "lastUpdatePostDateStruct"):
            status.pop(name, None)
        if status.get("overallStatus") in {"TERMINATED", "WITHDRAWN", "SUSPENDED"}:
            status["overallStatus"] = "UNKNOWN"
        protocol.get("designModule", {}).pop("enrollmentInfo", None)
        protocol.pop("contactsLocationsModule", None)
    return known  # with its sponsors, by which trials are linked; other votes on them are undated now


def newer(study: Json) -> Json:
    """Return a study of a later day, which makes every earlier build over its data a look back."""
    made = deepcopy(study)
    made["protocolSection"]["identificationModule"]["nctId"] = "NCT99999999"
    dates = {"date": LATER, "type": "ACTUAL"}
    made["protocolSection"]["statusModule"] |= {"studyFirstPostDateStruct": dates, "lastUpdatePostDateStruct": dates}
    return made


def settings(home: Path, url: str, day: date) -> Settings:
    return Settings(str(home), day, {"clinicaltrials_gov": url}, backoff=0)


def refresh(home: Path, url: str, day: date) -> Night:
    return pipeline.refresh(settings(home, url, day), ["clinicaltrials_gov"], now=lambda: NOW)


def fetch(home: Path, url: str, day: date) -> None:
    """Leave a snapshot alone, for tests that look at what is built after later ones."""
    chosen = settings(home, url, day)
    [source] = pipeline.sources(["clinicaltrials_gov"], chosen)
    pipeline.ingest_source(pipeline.open_lake(chosen), chosen, source, lambda: NOW)


def table(home: Path, night: Night, name: str, columns: str) -> list[Any]:
    file = str(home / "releases" / night.release.version / f"{name}.parquet")
    return duckdb.execute(f"select {columns} from read_parquet(?) order by all", [file]).fetchall()


Whole = tuple[list[Json], Sandbox, Path]


def opened(paths: list[Path], home: Path) -> Iterator[Whole]:
    """Yield the records, a stand-in that serves them, and a lake that has fetched them."""
    with Sandbox(studies=paths) as sandbox:
        refresh(home, sandbox.registry_url, TODAY)
        yield list(records(paths)), sandbox, home


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    yield from opened(list(STUDIES), tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    yield from opened([REGISTRY], tmp_path_factory.mktemp("real"))


def named_otherwise(home: Path, scratch: Path, day: date) -> set[str]:
    """Return the trials whose drugs later records give another name, and those that were compared with them.

    What a drug is called is taken from the present records, as the documents say; linkage of trials rests on it.
    """
    lakes = [(Lake(str(place)), plan(Lake(str(place)), day)) for place in (home, scratch)]
    drugs = [lake.url(planned.core.table("core_trial_ingredients")) for lake, planned in lakes]
    links = [lake.url(planned.annotated.table("annot_phase_linkage")) for lake, planned in lakes]
    sql = """
    with renamed as (
        select a.nct_id from read_parquet($1) a join read_parquet($2) b using (nct_id)
        where a.drug_id is distinct from b.drug_id
    )
    from renamed union select nct_id from read_parquet([$3, $4]) where later_nct_id in (from renamed)
    """
    return {row[0] for row in duckdb.execute(sql, [*drugs, *links]).fetchall()}


def assert_equals_a_build_from_scratch(whole: Whole, day: date, folder: Path) -> None:
    """Compare a look back in the lake of all records with a build over those cut down to the day."""
    everything, sandbox, home = whole
    known = [cut for study in everything if (cut := as_known_on(study, day))]
    assert len(known) < len(everything)
    lines = folder / "known.jsonl"
    lines.write_text("".join(json.dumps(study) + "\n" for study in [*known, newer(everything[0])]), encoding="utf-8")
    with Sandbox(studies=lines) as cut_down:
        scratch = refresh(folder / "scratch", cut_down.registry_url, day)
    past = refresh(home, sandbox.registry_url, day)
    renamed = named_otherwise(home, folder / "scratch", day)
    assert len(renamed) < 0.05 * len(known)
    for name, columns in (
        ("votes", "* exclude (evidence)"),
        ("labels", "*"),
        ("cut_points", "*"),
        ("trials", "nct_id, is_ended, in_scope, has_results"),
    ):
        found, expected = table(home, past, name, columns), table(folder / "scratch", scratch, name, columns)
        if name != "cut_points":
            found, expected = ([row for row in rows if row[0] not in renamed] for rows in (found, expected))
        assert found == expected, name
        assert found or name == "cut_points", name  # too few trials of the sample had results for one in 2010
    assert past.release.manifest["fit"]["models"] == scratch.release.manifest["fit"]["models"]
    assert max(row[0] for row in table(home, past, "votes", "available_at")) <= day
    assert max(row[0] for row in table(home, past, "trials", "first_post_date")) <= day


@pytest.mark.parametrize("day", [date(2010, 6, 30), date(2014, 1, 1), date(2018, 6, 30)], ids=str)
def test_a_look_back_on_the_sample_equals_a_build_from_scratch(sample: Whole, tmp_path: Path, day: date) -> None:
    assert_equals_a_build_from_scratch(sample, day, tmp_path)


@needs_registry
@pytest.mark.parametrize("day", [date(2009, 3, 1), date(2012, 1, 1), date(2016, 6, 30)], ids=str)
def test_a_look_back_on_the_real_registry_equals_a_build_from_scratch(real: Whole, tmp_path: Path, day: date) -> None:
    assert_equals_a_build_from_scratch(real, day, tmp_path)


# Earlier versions of a record prove what its last update hides


def stopped(nct_id: str, updated: str, **changes: Any) -> Json:
    found = next(study for study in records([STUDIES[1]]) if nct_id in json.dumps(study["protocolSection"]))
    found["protocolSection"]["statusModule"] |= {
        "overallStatus": "TERMINATED",
        "whyStopped": "Futility",
        "lastUpdatePostDateStruct": {"date": updated, "type": "ACTUAL"},
    } | changes
    return found


def votes_on(home: Path, night: Night, nct_id: str, function: str) -> list[Any]:
    found = table(home, night, "votes", "nct_id, label_function, vote, available_at, available_at_basis")
    return [row[2:] for row in found if row[:2] == (nct_id, function)]


def test_a_later_update_does_not_move_the_day_a_stop_was_known(tmp_path: Path) -> None:
    home, trial = tmp_path / "lake", "NCT99900020"
    with Sandbox(studies=STUDIES[1]) as sandbox:
        fetch(home, sandbox.registry_url, TODAY)
        sandbox.post_studies([stopped(trial, "2026-03-01")])
        known = refresh(home, sandbox.registry_url, TODAY)
        sandbox.post_studies([stopped(trial, "2026-09-01", lastUpdateSubmitDate="2026-08-30")])
        later = refresh(home, sandbox.registry_url, TODAY)
        sandbox.post_studies([stopped(trial, "2026-10-01", whyStopped="Toxicity")])
        changed = refresh(home, sandbox.registry_url, TODAY)
    assert votes_on(home, known, trial, "stop_reason") == [(0, date(2026, 3, 1), "last_update_posted")]
    assert votes_on(home, later, trial, "stop_reason") == [(0, date(2026, 3, 1), "earlier_version")]
    assert votes_on(home, changed, trial, "stop_reason") == [(0, date(2026, 10, 1), "last_update_posted")]


def test_a_look_back_to_a_day_with_a_snapshot_is_built_from_it(tmp_path: Path) -> None:
    home, trial = tmp_path / "lake", "NCT99900020"
    with Sandbox(studies=STUDIES[1]) as sandbox:
        sandbox.post_studies([stopped(trial, "2026-03-01")])
        fetch(home, sandbox.registry_url, date(2026, 4, 1))
        sandbox.post_studies([stopped(trial, "2026-09-01", overallStatus="COMPLETED", whyStopped=None)])
        now = refresh(home, sandbox.registry_url, TODAY)
        past = refresh(home, sandbox.registry_url, date(2026, 5, 1))
    lake = Lake(str(home))
    assert plan(lake, date(2026, 5, 1)).snapshots != plan(lake, TODAY).snapshots
    assert votes_on(home, now, trial, "stop_reason") == []
    assert votes_on(home, past, trial, "stop_reason") == [(0, date(2026, 3, 1), "last_update_posted")]


def test_a_look_back_is_not_held_back_for_studies_that_came_later(tmp_path: Path) -> None:
    home = tmp_path / "lake"
    with Sandbox(studies=STUDIES[1]) as sandbox:
        before = refresh(home, sandbox.registry_url, date(2026, 6, 1))
        sandbox.post_studies([newer(next(records([STUDIES[1]])))])
        refresh(home, sandbox.registry_url, TODAY)
        past = refresh(home, sandbox.registry_url, date(2026, 6, 2))
    assert past.release.manifest["content_hash"] == before.release.manifest["content_hash"]


def test_a_look_back_before_every_snapshot_uses_the_last(sample: Whole) -> None:
    lake = Lake(str(sample[2]))
    assert replace(plan(lake, date(2012, 1, 1)), as_of=TODAY, fit=None) == replace(plan(lake, TODAY), fit=None)
