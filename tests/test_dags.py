"""The DAGs run on a real Airflow, offline, and come to what the command line comes to."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cto import pipeline, release
from cto.lake import Lake
from cto.sample import STUDIES, WORLD
from cto.sandbox import Sandbox
from cto.settings import Settings

DAGS = Path(__file__).parents[1] / "dags"
DAY = date(2026, 11, 1)
INVENTED = STUDIES[1]
SOURCE = "clinicaltrials_gov"

Json = dict[str, Any]

READ_DAGS = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError

def refuses(dag, **values):
    try:
        [dag.params.get_param(name).resolve(value) for name, value in values.items()]
    except ParamValidationError:
        return True
    return False

bag = DagBag(sys.argv[1])
night = bag.dags["nightly_refresh"]
print(json.dumps({
    "errors": bag.import_errors,
    "files": {dag_id: dag.fileloc for dag_id, dag in bag.dags.items()},
    "tasks": {task.task_id: sorted(task.upstream_task_ids) for task in night.tasks},
    "retries": [task.retries for task in night.tasks],
    "unlimited": [task.task_id for task in night.tasks if not task.execution_timeout],
    "imported": [name for name in ("cto.pipeline", "connectors.clinicaltrials_gov", "duckdb") if name in sys.modules],
    "refused": [refuses(night, only=["nowhere"]), refuses(night, as_of="yesterday"), refuses(night, only="all")],
    "taken": [not refuses(night, only=[], as_of=None), not refuses(night, only=["clinicaltrials_gov"])],
}))
"""


@dataclass(frozen=True)
class Run:
    """What became of a run of a DAG."""

    code: int
    log: str
    tasks: Mapping[str, tuple[str, int]]
    plan: Json | None

    @property
    def states(self) -> dict[str, str]:
        """How each task ended."""
        return {name: state for name, (state, _) in self.tasks.items()}


@dataclass(frozen=True)
class Airflow:
    """An Airflow of its own, with its metadata in a file."""

    home: Path

    def call(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in this Airflow, away from the network and from the caller's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CTO_"))}
        dead_end = "http://127.0.0.1:9"
        environment = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "HTTP_PROXY": dead_end,
            "HTTPS_PROXY": dead_end,
            "NO_PROXY": "127.0.0.1,localhost,in-process.invalid",
        }
        return subprocess.run(
            command, env=kept | environment | variables, capture_output=True, text=True, check=False, timeout=300
        )

    def night(self, lake: Path, sandbox: Sandbox, day: date = DAY, **form: Any) -> Run:
        """Run the nightly refresh of the day, instead of any run of that day before, with what the form says."""
        done = self.call(
            sys.executable, "-m", "airflow", "dags", "test", "nightly_refresh", str(day), "-c", json.dumps(form),
            CTO_HOME=str(lake), CTO_HTTP_BACKOFF_SECONDS="0", **sandbox.environment,
        )  # fmt: skip
        log = done.stdout + done.stderr
        of_run = "join dag_run using (dag_id, run_id) where date(logical_date) = ?"
        name = "task_id || iif(map_index < 0, '', ' ' || rendered_map_index)"
        tasks = self.ask(f"select {name}, task_instance.state, try_number from task_instance {of_run}", str(day))
        plans = self.ask(f"select value from xcom {of_run} and task_id = 'plan'", str(day))
        plan = json.loads(plans[0][0]) if plans else None
        return Run(done.returncode, log, {name: (state, tries) for name, state, tries in tasks}, plan)

    def ask(self, sql: str, *values: str) -> list[Any]:
        """Ask the metadata."""
        con = sqlite3.connect(self.home / "airflow.db")
        try:
            return con.execute(sql, values).fetchall()
        finally:
            con.close()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    made = Airflow(tmp_path_factory.mktemp("airflow"))
    done = made.call(sys.executable, "-m", "airflow", "db", "migrate")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The invented world, for tests that change nothing."""
    with Sandbox(world=WORLD) as running:
        yield running


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def first_night(airflow: Airflow, lake: Path, sandbox: Sandbox) -> Run:
    return airflow.night(lake, sandbox)


@pytest.fixture
def later(first_night: Run, lake: Path, tmp_path: Path) -> Path:
    """Return a lake of one's own, as the first night left it."""
    assert first_night.code == 0, first_night.log
    return shutil.copytree(lake, tmp_path / "lake")


def refresh(home: Path, sandbox: Sandbox) -> release.Release:
    """Do what ``cto refresh`` does."""
    settings = Settings(str(home), DAY, sandbox.urls, backoff=0, variables=sandbox.environment)
    return pipeline.refresh(settings).release


def published(home: Path) -> release.Release:
    """Return the latest release, which must be there."""
    found = release.latest(Lake(str(home)))
    assert found
    return found


def releases(home: Path) -> list[str]:
    """Return the versions that are whole."""
    return sorted(manifest.parent.name for manifest in home.glob("releases/*/manifest.json"))


def test_every_file_is_a_dag_of_its_name_and_reading_it_does_no_work(airflow: Airflow) -> None:
    done = airflow.call(sys.executable, "-c", READ_DAGS, str(DAGS))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == {}
    assert found["files"] == {file.stem: str(file) for file in DAGS.glob("*.py")}
    assert found["imported"] == []
    assert found["tasks"] == {
        "leading_sources": [],
        "following_sources": [],
        "ingest_leading": ["leading_sources"],
        "ingest_following": ["following_sources", "ingest_leading"],
        "plan": ["following_sources", "ingest_following", "leading_sources"],
        "build": ["plan"],
        "ask": ["build", "plan"],
        "annotate": ["ask", "plan"],
        "fit": ["annotate"],
        "vote": ["fit"],
        "fuse": ["fit", "vote"],
        "check": ["fit", "fuse"],
        "release": ["check", "fit"],
    }
    assert set(found["retries"]) == {1}
    assert found["unlimited"] == []
    assert found["refused"] == [True, True, True]
    assert found["taken"] == [True, True]


def test_a_night_publishes_what_the_command_line_publishes(
    first_night: Run, lake: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    assert first_night.code == 0, first_night.log
    assert set(first_night.states.values()) == {"success"}
    found = published(lake)
    assert found.manifest["as_of"] == str(DAY)
    assert not found.manifest["is_sample"]
    assert found.manifest["content_hash"] == refresh(tmp_path, sandbox).manifest["content_hash"]


def test_a_second_night_on_the_same_data_publishes_nothing(
    first_night: Run, airflow: Airflow, lake: Path, sandbox: Sandbox
) -> None:
    before = releases(lake)
    second = airflow.night(lake, sandbox, day=date(2026, 11, 2), as_of=str(DAY), only=[SOURCE])
    assert second.code == 0, second.log
    assert second.plan is not None
    assert first_night.plan is not None
    fit, annotations = second.plan.pop("fit"), second.plan.pop("annotations")
    assert second.plan == first_night.plan
    assert second.plan["as_of"] == str(DAY)
    assert fit == published(lake).manifest["fit"]["id"]
    assert [annotations] == [manifest.parent.name for manifest in lake.glob("annot/*/manifest.json")]
    assert releases(lake) == before
    assert len(before) == 1


def test_a_night_without_any_source_ever_publishes_nothing(airflow: Airflow, tmp_path: Path) -> None:
    with Sandbox(world=WORLD, faults=[{"name": "blocked", "times": None}]) as sandbox:
        night = airflow.night(tmp_path, sandbox)
    assert night.code != 0
    assert {night.tasks[f"ingest_leading {source}"] for source in (SOURCE, "tickers")} == {("failed", 1)}
    assert night.tasks["check"] == ("failed", 1)
    assert night.states["release"] == "upstream_failed"
    assert "there are studies: broken by" in night.log
    assert releases(tmp_path) == []


def test_a_blocked_source_is_shown_as_failed_and_its_last_snapshot_is_used(airflow: Airflow, later: Path) -> None:
    earlier = published(later)
    with Sandbox(world=WORLD, faults=[{"name": "blocked", "times": None, "site": SOURCE}]) as sandbox:
        night = airflow.night(later, sandbox)
    assert night.code == 0, night.log
    failed = f"ingest_leading {SOURCE}"
    assert night.tasks[failed] == ("failed", 1)
    assert night.states == dict.fromkeys(night.states, "success") | {failed: "failed"}
    assert night.plan is not None
    assert night.plan["snapshots"][SOURCE] == earlier.manifest["snapshots"][SOURCE]["id"]
    assert night.plan["fit"] == earlier.manifest["fit"]["id"]
    assert releases(later) == [earlier.version]


def test_a_failed_check_ends_the_night_with_its_reason_and_the_earlier_release_stays(
    airflow: Airflow, later: Path
) -> None:
    earlier = published(later)
    with Sandbox(world=WORLD) as sandbox:
        study = json.loads(INVENTED.read_text().splitlines()[0])
        updated = {"overallStatus": "NO_SUCH_STATUS", "lastUpdatePostDateStruct": {"date": "2026-10-30"}}
        study["protocolSection"]["statusModule"] |= updated
        sandbox.post_studies([study])
        night = airflow.night(later, sandbox, only=[SOURCE])
    assert night.code != 0
    assert night.tasks["check"] == ("failed", 1)
    assert night.states["release"] == "upstream_failed"
    assert "core_study.overall_status holds codes that its contract does not know" in night.log
    assert published(later).version == earlier.version
    assert releases(later) == [earlier.version]
