"""Histories of records are read within bounds, version by version as they are numbered, until the endpoint goes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

import connectors.registry_history as connector
from connectors.registry_history import Change, registry_history, versions_to_read
from cto import parts, pipeline, snapshot
from cto.http import BadBodyError, BlockedError, SourceError
from cto.ingest import Ingested
from cto.lake import Lake
from cto.sandbox import Sandbox
from cto.settings import Settings
from tests.conftest import Query

NOW = datetime(2026, 11, 1, tzinfo=UTC)
Json = dict[str, Any]


def nct(number: int) -> str:
    return f"NCT{number:08d}"


def study(number: int, updated: str = "2020-01-02", **changes: Any) -> Json:
    """Return the registry's record of an ended trial of a drug; the higher its number, the later its end."""
    status = {
        "overallStatus": "COMPLETED",
        "completionDateStruct": {"date": f"{2000 + number}-01"},
        "lastUpdatePostDateStruct": {"date": updated},
    }
    return {
        "protocolSection": {
            "identificationModule": {"nctId": nct(number)},
            "statusModule": status,
            "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE2"]},
            "armsInterventionsModule": {"interventions": [{"type": "DRUG", "name": "Velorimab"}]},
        }
        | changes
    }


def version(number: int, day: str, status: str = "COMPLETED", modules: Iterable[str] = (), **changes: Any) -> Json:
    """Return one version of a record; its enrolment is its day of the month, by which it is told from the others."""
    of = {"nctId": changes.pop("nct_id", nct(number))}
    posted = {"lastUpdatePostDateStruct": {"date": day}, "primaryCompletionDateStruct": {"date": "2011-03"}}
    section = {
        "identificationModule": of,
        "statusModule": {"overallStatus": status} | posted | changes,
        "designModule": {"enrollmentInfo": {"count": int(day[-2:]), "type": "ESTIMATED"}},
        "outcomesModule": {"primaryOutcomes": [{"measure": "Pain", "timeFrame": "Week 8"}, {"measure": "Sleep"}]},
    }
    return {"date": day, "status": status, "modules": list(modules), "study": {"protocolSection": section}}


def history(number: int, *versions: Json) -> Json:
    return {"nct_id": nct(number), "versions": list(versions) or [version(number, "2010-01-01")]}


@dataclass
class Nights:
    """The endpoint of histories, the registry and a lake."""

    sandbox: Sandbox
    home: Path

    def run(self, *studies: Json, now: datetime = NOW) -> Ingested:
        """Post studies, fetch them and then their histories."""
        self.sandbox.post_studies(studies)
        settings = Settings(str(self.home), NOW.date(), self.sandbox.urls, backoff=0.001)
        lake = pipeline.open_lake(settings)
        [registry] = pipeline.sources(["clinicaltrials_gov"], settings)
        pipeline.ingest_source(lake, settings, registry, lambda: now)
        self.sandbox.clear_requests()
        return pipeline.ingest_source(lake, settings, registry_history, lambda: now)

    def calls(self) -> list[str]:
        """Return the studies and versions asked for."""
        paths = [r["path"] for r in self.sandbox.requests if r["path"].startswith("/api/int/studies/")]
        return [path.removeprefix("/api/int/studies/NCT").replace("/history", "").lstrip("0") for path in paths]

    def rows(self, thing: str, columns: str) -> list[tuple[Any, ...]]:
        lake = Lake(str(self.home))
        snap = snapshot.load(lake, registry_history.name)
        assert snap
        files = parts.files(
            lake, registry_history, parts.parse(lake, registry_history, snap), f"raw_registry_history__{thing}"
        )
        return duckdb.sql(f"select {columns} from read_parquet({files}) order by all").fetchall() if files else []


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with Sandbox() as sandbox:
        yield Nights(sandbox, tmp_path / "lake")


def hold(nights: Nights, *numbers: int) -> None:
    nights.sandbox.site("registry_history").add(history(number) for number in numbers)


def test_ended_trials_of_drugs_are_wanted_the_latest_first(run_sql: Query) -> None:
    plain: Json = {
        "study_type": "INTERVENTIONAL",
        "overall_status": "COMPLETED",
        "phase": "PHASE2",
        "is_removed": False,
        "last_update_post_date_text": "2020-01-02",
    }
    trials: list[Json] = [
        {"nct_id": "NCT1", "completion_date": "2010-01-01"},
        {"nct_id": "NCT2", "completion_date": "2015-01-01", "last_update_post_date_text": None},
        {"nct_id": "NCT3", "completion_date": "2030-01-01", "overall_status": "RECRUITING"},
        {"nct_id": "NCT4", "completion_date": "2012-01-01", "phase": "PHASE4"},
        {"nct_id": "NCT5", "completion_date": "2012-01-01", "is_removed": True},
        {"nct_id": "NCT6", "completion_date": "2012-01-01"},
    ]
    types = {"NCT6": "DEVICE"}
    given = [
        {"nct_id": t["nct_id"], "intervention_index": 1, "intervention_type": types.get(str(t["nct_id"]), "DRUG")}
        for t in trials
    ]
    found = run_sql(
        f"select * from ({registry_history.wants}) as t (nct_id, day)",
        core_study=[plain | trial for trial in trials],
        core_intervention=given,
        run=[{"as_of": "2026-11-01", "is_current": True}],
    )
    assert found == [{"nct_id": "NCT2", "day": ""}, {"nct_id": "NCT1", "day": "2020-01-02"}]


@pytest.mark.parametrize(
    ("statuses", "outcomes", "expected"),
    [
        ("C", [], [0]),
        ("NRCCC", [], [0, 4]),
        ("NRCCC", [1, 3], [0, 1, 3, 4]),
        ("NRTTT", [], [0, 2, 4]),
        ("NTRTT", [], [0, 3, 4]),
        ("TT", [], [0, 1]),
        ("R" * 20, range(1, 20), [0, *range(10, 20)]),
    ],
)
def test_the_first_the_last_the_stop_and_what_touches_outcomes_are_read(
    statuses: str, outcomes: Iterable[int], expected: list[int]
) -> None:
    names = {"C": "COMPLETED", "N": "NOT_YET_RECRUITING", "R": "RECRUITING", "T": "TERMINATED"}
    changes = [
        Change(i, None, names[s], ["Study Status", *(["Outcome Measures"] if i in outcomes else [])])
        for i, s in enumerate(statuses)
    ]
    assert versions_to_read(changes) == expected


def test_a_history_is_read_by_the_numbers_it_gives(nights: Nights) -> None:
    versions = [
        version(1, "2010-01-01", "RECRUITING"),
        version(1, "2010-01-02", "RECRUITING", ["Contacts/Locations"]),
        version(1, "2010-01-03", "TERMINATED", ["Study Status"], whyStopped="Futility"),
        version(1, "2010-01-04", "TERMINATED", ["Study Status", "Outcome Measures"], whyStopped="Futility"),
        version(1, "2010-01-05", "TERMINATED", ["References"], whyStopped="Futility"),
    ]
    nights.sandbox.site("registry_history").add([history(1, *versions)])
    nights.run(study(1))
    assert nights.calls() == ["1", "1/0", "1/2", "1/3", "1/4"]
    assert nights.rows("history", "nct_id, n_versions, read_after") == [(nct(1), 5, f"{nct(1)} 2020-01-02")]
    found = nights.rows("version", "version_index, version_date_text, overall_status, modules")
    assert [row[0] for row in found] == [0, 1, 2, 3, 4]
    assert found[0] == (0, "2010-01-01", "RECRUITING", [])
    assert found[3] == (3, "2010-01-04", "TERMINATED", ["Study Status", "Outcome Measures"])
    columns = "version_index, enrollment_text, enrollment_type, posted_on_text, why_stopped"
    assert nights.rows("record", columns) == [
        (0, "1", "ESTIMATED", "2010-01-01", None),
        (2, "3", "ESTIMATED", "2010-01-03", "Futility"),
        (3, "4", "ESTIMATED", "2010-01-04", "Futility"),
        (4, "5", "ESTIMATED", "2010-01-05", "Futility"),
    ]
    columns = "primary_completion_date_text, primary_measures, primary_time_frames"
    assert nights.rows("record", columns)[0] == ("2011-03", ["Pain", "Sleep"], ["Week 8", None])


def test_a_history_that_counts_from_one_is_followed_as_it_counts() -> None:
    body = json.dumps({"changes": [{"version": i, "date": f"2010-01-0{i}", "status": "COMPLETED"} for i in (2, 1)]})
    assert versions_to_read(connector.read("history", body.encode())) == [1, 2]


def test_a_trial_is_read_again_only_when_it_was_updated(nights: Nights) -> None:
    hold(nights, 1, 2)
    nights.run(study(1), study(2))
    assert nights.calls() == ["2", "2/0", "1", "1/0"]
    assert nights.run().n_requests == 0
    nights.run(study(1, updated="2021-05-06"))
    assert nights.calls() == ["1", "1/0"]


def test_a_night_reads_so_many_trials_and_says_how_many_are_left(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "TRIALS_A_NIGHT", 3)
    monkeypatch.setattr(connector, "TRIALS_A_BUNDLE", 2)
    hold(nights, *range(1, 6))
    notes = nights.run(*map(study, range(1, 6))).notes
    assert notes == ("2 trials are left for the next nights, 3 a night",)
    assert nights.calls() == ["5", "5/0", "4", "4/0", "3", "3/0"]
    assert nights.run().notes == ()
    assert len(nights.rows("history", "nct_id")) == 5


def test_large_records_make_smaller_bundles(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "BYTES_A_BUNDLE", 100)
    hold(nights, 1, 2, 3)
    assert nights.run(*map(study, (1, 2, 3))).n_new_pages == 3
    assert len(nights.rows("history", "nct_id")) == 3


def test_a_study_without_a_history_is_remembered_for_a_while(nights: Nights) -> None:
    hold(nights, 1)
    gone = "1 trials have no history; they are asked for again after 90 days"
    assert nights.run(study(1), study(2)).notes == (gone,)
    assert nights.run(now=NOW + timedelta(days=80)).n_requests == 0
    nights.run(now=NOW + timedelta(days=100))
    assert nights.calls() == ["2"]
    assert nights.rows("history", "nct_id") == [(nct(1),)]


@pytest.mark.parametrize("fault", ["history_gone", "html_at_200", "truncated_json"])
def test_an_endpoint_that_went_stops_the_source_and_what_was_held_counts(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(connector, "TRIALS_A_BUNDLE", 2)
    hold(nights, *range(1, 10))
    nights.run(study(9))
    nights.sandbox.add_fault(fault, times=None, after=4, site="registry_history")  # two more trials, a bundle, come
    with pytest.raises(SourceError, match="seems gone: 5 trials in a row failed"):
        nights.run(*map(study, range(1, 9)))
    assert nights.rows("history", "nct_id") == [(nct(9),)]
    nights.sandbox.faults.clear()
    nights.run()
    assert nights.calls() == [call for number in range(6, 0, -1) for call in (str(number), f"{number}/0")]
    assert len(nights.rows("history", "nct_id")) == 9


def test_failures_that_do_not_follow_each_other_are_asked_for_again(nights: Nights) -> None:
    hold(nights, *range(1, 11))
    for number in (1, 3, 5, 7, 9):
        nights.sandbox.site("registry_history").add([history(number, version(99, "2010-01-01"))])
    notes = nights.run(*map(study, range(1, 11))).notes
    assert notes == ("5 histories could not be read and are asked for again in the next night",)
    hold(nights, *range(1, 11))
    nights.run()
    assert nights.calls() == [call for number in (9, 7, 5, 3, 1) for call in (str(number), f"{number}/0")]


def test_no_trial_is_taken_for_one_without_history_while_the_endpoint_goes(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "TRIALS_A_BUNDLE", 2)
    hold(nights, *range(1, 9))
    nights.sandbox.add_fault("history_gone", times=None, after=2, site="registry_history")  # in the midst of a bundle
    with pytest.raises(SourceError, match="seems gone"):
        nights.run(*map(study, range(1, 9)))
    nights.sandbox.faults.clear()
    assert nights.run().notes == ()
    assert len(nights.rows("history", "nct_id")) == 8


@pytest.mark.parametrize("fault", ["rate_limited", "unavailable", "truncated_json", "html_at_200", "reset_mid_body"])
def test_a_passing_fault_is_got_over(nights: Nights, fault: str) -> None:
    hold(nights, 1)
    nights.sandbox.add_fault(fault, times=2, after=1, site="registry_history")
    assert nights.run(study(1)).n_retries == 2
    assert len(nights.rows("record", "nct_id")) == 1


def test_a_killed_run_asks_for_no_bundle_twice(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "TRIALS_A_BUNDLE", 2)
    hold(nights, *range(1, 7))
    nights.sandbox.add_fault("blocked", after=4, site="registry_history")
    with pytest.raises(BlockedError):
        nights.run(*map(study, range(1, 6)))
    nights.run(study(6))  # as it goes on, it wants another trial besides
    assert nights.calls() == ["6", "6/0", "3", "3/0", "2", "2/0", "1", "1/0"]
    assert len(nights.rows("history", "nct_id")) == 6


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("history", b"{}"),
        ("history", b'{"changes": []}'),
        ("history", b'{"changes": [{"date": "2010-01-01"}]}'),
        ("history", b'{"changes": [{"version": "../x"}]}'),
        ("history", b'{"changes": [{"version": -1}]}'),
        ("history", b'{"changes": [{"version": true}]}'),
        ("history", b'{"changes": [{"version": 1}, {"version": 1}]}'),
        ("history", b'{"changes": [{"version": 1, "moduleLabels": "Study Status"}]}'),
        ("record", b'{"study": null}'),
        ("record", b'{"study": {"hasResults": true}}'),
        ("record", b"<html>"),
    ],
)
def test_what_is_no_answer_of_the_endpoint_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(BadBodyError):
        connector.read(kind, body)


def test_the_stand_in_refuses_what_it_does_not_hold(nights: Nights) -> None:
    hold(nights, 1)
    paths = ["/studies/NCT00000001/history/1", "/studies/NCT00000002/history", "/studies/NCT00000001", "/x"]
    found = [requests.get(nights.sandbox.url + "/api/int" + path, timeout=5).status_code for path in paths]
    assert found == [404] * 4
