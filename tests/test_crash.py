"""Runs that are killed or collide leave the last good state, and the same command goes on to the same result."""

import fcntl
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import connectors.clinicaltrials_gov as connector
from cto import pipeline, release, snapshot, warehouse_file
from cto.lake import Lake, PointerMovedError
from cto.plan import plan
from cto.sandbox import Sandbox
from cto.settings import Settings
from cto.status import status

SOURCE = "clinicaltrials_gov"
REFRESH = ("refresh", "--only", SOURCE)
AS_OF = date(2024, 6, 30)
NOW = datetime(2024, 7, 1, tzinfo=UTC)
PAGE_SIZE = 10
PATIENCE = 30.0

Json = dict[str, Any]

SETUP = f"import connectors.clinicaltrials_gov as c; c.PAGE_SIZE = {PAGE_SIZE}; from cto.cli import main"

NURSERY = f"""
import json, os, sys
import pandas  # DuckDB imports it at its first parameter, and swallows a Ctrl-C meanwhile: once here, not in every run
{SETUP}
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if not child:
        out = os.open(order["output"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(out, 1), os.dup2(out, 2)
        os.environ.update(order["environment"])
        sys.argv = ["cto", *order["arguments"]]
        code = 1
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        finally:
            sys.stdout.flush()
            os._exit(code)  # without the libraries' farewell to threads that a fork does not have
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Forks one ``cto`` after the other from a process that has imported it, so that no run waits for imports."""


def study(number: int, updated: str = "", p_value: str = "0.01", results: str = "2003-05-06") -> Json:
    """Return a small completed trial with a posted primary analysis."""
    analysis = {"groupIds": ["OG000", "OG001"], "pValue": p_value}
    measure = {"type": "PRIMARY", "title": "Survival", "reportingStatus": "POSTED", "analyses": [analysis]}
    return {
        "protocolSection": {
            "identificationModule": {"nctId": f"NCT{number:08d}", "briefTitle": f"Étude {number}"},
            "statusModule": {
                "overallStatus": "COMPLETED",
                "completionDateStruct": {"date": "2002-01"},
                "studyFirstPostDateStruct": {"date": f"{(1999, 2001, 2003)[number % 3]}-03-04"},
                "resultsFirstPostDateStruct": {"date": results},
                "lastUpdatePostDateStruct": {"date": updated or f"2003-10-{number % 20 + 1:02d}"},
            },
            "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE3"]},
        },
        "resultsSection": {"outcomeMeasuresModule": {"outcomeMeasures": [measure]}},
        "hasResults": True,
    }


STUDIES = [study(number) for number in range(1, 61)]
N_PAGES = 9
CHANGES = [study(number, "2003-10-22", "0.8") for number in (5, 25, 45, 61)]


@dataclass
class Run:
    """A ``cto`` at work in a process of its own."""

    process: int
    output: Path
    _nursery: subprocess.Popen[str]
    _code: int | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether nobody has waited for its end yet."""
        return self._code is None

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process, number)

    def wait(self) -> int:
        """Return the exit code, negative for a signal."""
        if self._code is None:
            assert self._nursery.stdout
            self._code = int(self._nursery.stdout.readline())
        return self._code

    def wait_until(self, is_time: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_time():
            assert time.monotonic() < deadline, f"the moment never came; {self.output.read_text()}"

    def kill_when(self, is_time: Callable[[], bool]) -> None:
        """Kill the run, without any warning, as soon as the moment has come."""
        self.wait_until(is_time)
        self.send(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL, self.output.read_text()

    def finish(self, code: int = 0) -> str:
        """Return what a run said that must end with this code."""
        found = self.wait()
        said = self.output.read_text()
        assert found == code, said
        return said


Start = Callable[..., Run]


@pytest.fixture(scope="module")
def nurseries() -> Iterator[list[subprocess.Popen[str]]]:
    """Start two nurseries, as each waits for its last child."""
    command = [sys.executable, "-c", NURSERY]
    found = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    yield found
    for nursery in found:
        nursery.communicate()


@pytest.fixture
def registry() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.post_studies(STUDIES)
        yield sandbox


def environment(registry: Sandbox) -> dict[str, str]:
    return {
        "CTO_CLINICALTRIALS_GOV_URL": registry.registry_url,
        "CTO_AS_OF": str(AS_OF),
        "CTO_HTTP_BACKOFF_SECONDS": "0.01",
    }


@pytest.fixture
def start(nurseries: list[subprocess.Popen[str]], registry: Sandbox, tmp_path: Path) -> Iterator[Start]:
    """Return what starts ``cto --home HOME …`` against the registry."""
    runs: list[Run] = []

    def start(home: Path, *arguments: str, on: int = 0) -> Run:
        nursery, output = nurseries[on], tmp_path / f"output{len(runs)}"
        order = {"arguments": ["--home", str(home), *(arguments or REFRESH)], "output": str(output)}
        assert nursery.stdin
        assert nursery.stdout
        nursery.stdin.write(json.dumps(order | {"environment": environment(registry)}) + "\n")
        nursery.stdin.flush()
        runs.append(Run(int(nursery.stdout.readline()), output, nursery))
        return runs[-1]

    yield start
    for run in runs:
        if run.is_at_work:
            run.send(signal.SIGKILL)
            run.wait()


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "PAGE_SIZE", PAGE_SIZE)


def settings(home: Path, registry: Sandbox) -> Settings:
    return Settings(str(home), AS_OF, {SOURCE: registry.registry_url}, backoff=0.01)


def refresh(home: Path, registry: Sandbox) -> release.Release:
    return pipeline.refresh(settings(home, registry), ["clinicaltrials_gov"], now=lambda: NOW).release


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake after one refresh that nothing disturbed, by the command as users start it."""
    home = tmp_path_factory.mktemp("undisturbed") / "lake"
    with Sandbox() as registry:
        registry.post_studies(STUDIES)
        subprocess.run(
            [sys.executable, "-c", f"{SETUP}; main()", "--home", str(home), *REFRESH],
            env=os.environ | environment(registry),
            check=True,
            capture_output=True,
        )
    return home


def files(home: Path, *folders: str) -> dict[str, str]:
    """Return the digest of every file below the folders, by its path."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in (home / folder).rglob("*")
        if path.is_file()
    }


def assert_whole(home: Path) -> release.Release:
    """Check that what LATEST names is there, whole, and that the lake's state can be told; return the release."""
    lake = Lake(str(home))
    found = release.latest(lake)
    assert found, "there is no release"
    for name, file in found.manifest["files"].items():
        assert hashlib.sha256(lake.read(found.file(name))).hexdigest() == file["sha256"], name
    assert status(lake, NOW)["release"]["version"] >= found.version
    return found


def assert_same(home: Path, expected: Path) -> None:
    """Check that two lakes came to the same: content, tables byte by byte, and no file that the other has not."""
    found, wanted = assert_whole(home), assert_whole(expected)
    assert found.version == wanted.version
    assert found.manifest["content_hash"] == wanted.manifest["content_hash"]
    kept = ("core", "fits", "vote", "label", "parts", "releases", "claims", f"sources/{SOURCE}/pages")
    ours, theirs = files(home, *kept), files(expected, *kept)
    assert ours.keys() == theirs.keys()
    differ = [name for name in ours if ours[name] != theirs[name]]
    assert [name for name in differ if not name.endswith(("manifest.json", "README.md"))] == []  # these name snapshots
    assert not list(home.glob("tmp/*"))
    assert warehouse_file.holds(Lake(str(home))) == warehouse_file.holds(Lake(str(expected)))
    assert_warehouse(home, found)


def assert_warehouse(home: Path, holds: release.Release) -> None:
    """Check that the warehouse file is that of the release."""
    with warehouse_file.open_locked(Lake(str(home)), home) as con:
        assert con.execute("select version from release").fetchall() == [(holds.version,)]
        assert con.execute("select count(*) from labels").fetchone() == (
            sum(n["rows"] for n in holds.manifest["labels"].values()),
        )


@contextmanager
def held(home: Path, pointer: str) -> Iterator[None]:
    """Hold a pointer's lock, so that nobody moves it meanwhile."""
    path = home / "locks" / f"{pointer.replace('/', '__')}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# Kills


def appeared(home: Path, pattern: str, n: int = 1) -> Callable[[], bool]:
    return lambda: sum(1 for _ in home.glob(pattern)) >= n


def stored(home: Path) -> set[str]:
    """Return the requests of the pages that were stored."""
    records = home.glob(f"sources/{SOURCE}/requests/*/*.json")
    return {record["request"] for path in records if (record := json.loads(path.read_bytes()))["kind"] == "studies"}


def asked(registry: Sandbox) -> set[str]:
    """Return the requests for pages that reached the registry."""
    calls = [call for call in registry.requests if call["path"].endswith("/studies")]
    return {f"/studies?{urlencode(sorted(call['query'].items()))}" for call in calls}


@pytest.mark.parametrize("k", [1, 5, 9])
def test_a_run_killed_while_fetching_asks_for_no_stored_page_again(
    start: Start, registry: Sandbox, tmp_path: Path, undisturbed: Path, k: int
) -> None:
    home = tmp_path / "lake"
    registry.add_fault("slow", after=k - 1)
    start(home).kill_when(appeared(home, f"sources/{SOURCE}/requests/*/*.json", k))  # the version and k - 1 pages
    before = stored(home)
    assert len(before) >= k - 1
    registry.clear_requests()
    start(home).finish()
    assert asked(registry).isdisjoint(before)
    assert len(stored(home)) == N_PAGES
    assert_same(home, undisturbed)


STAGES = ("core", "fits", "vote", "label", "claims", "releases", "warehouse.duckdb", "warehouse.json")


def copy_before(stage: str, of: Path, home: Path) -> None:
    """Copy a lake as it was before it came to a stage."""
    shutil.copytree(of, home)
    for name in STAGES[STAGES.index(stage) :]:
        shutil.rmtree(home / name) if (home / name).is_dir() else (home / name).unlink()


@pytest.mark.parametrize("pattern", [f"sources/{SOURCE}/HEAD.json", "parts/*/*/*/*.parquet"])
def test_a_first_run_killed_when_a_file_appears_goes_on(
    start: Start, tmp_path: Path, undisturbed: Path, pattern: str
) -> None:
    home = tmp_path / "lake"
    start(home).kill_when(appeared(home, pattern))
    start(home).finish()
    assert_same(home, undisturbed)


@pytest.mark.parametrize(
    ("stage", "pattern"),
    [
        ("core", "core/*/*"),
        ("fits", "fits/*"),
        ("vote", "vote/*/*"),
        ("label", "label/*/*"),
        ("claims", "claims/*"),
        ("releases", "releases/*/labels.parquet"),
        ("releases", "releases/LATEST"),
        ("warehouse.duckdb", "warehouse.duckdb"),
    ],
)
def test_a_run_killed_when_a_file_of_a_stage_appears_goes_on(
    start: Start, tmp_path: Path, undisturbed: Path, stage: str, pattern: str
) -> None:
    home = tmp_path / "lake"
    copy_before(stage, undisturbed, home)
    start(home).kill_when(appeared(home, pattern))
    start(home).finish()
    assert_same(home, undisturbed)


def test_a_run_killed_before_its_snapshot_counts_goes_on(
    start: Start, registry: Sandbox, tmp_path: Path, undisturbed: Path
) -> None:
    home = tmp_path / "lake"
    registry.add_fault("slow", after=3)
    run = start(home)
    run.wait_until(appeared(home, f"sources/{SOURCE}/requests/*/*.json", 4))
    with held(home, snapshot.head_name(SOURCE)):
        run.kill_when(appeared(home, "parts/*/*/snapshot-*"))
    assert snapshot.load(Lake(str(home)), SOURCE) is None
    registry.clear_requests()
    start(home).finish()
    assert asked(registry) == set()
    assert_same(home, undisturbed)


def test_a_run_killed_before_its_release_counts_publishes_that_release(
    start: Start, tmp_path: Path, undisturbed: Path
) -> None:
    home = tmp_path / "lake"
    copy_before("claims", undisturbed, home)
    with held(home, release.LATEST):
        start(home).kill_when(appeared(home, "releases/*/manifest.json"))
        assert release.latest(Lake(str(home))) is None
        published = files(home, "releases")
    start(home).finish()
    assert published.items() <= files(home, "releases").items()
    assert_same(home, undisturbed)


def test_a_run_killed_again_and_again_arrives_and_leaves_nothing_behind(
    start: Start, tmp_path: Path, undisturbed: Path
) -> None:
    home, moments, n_kills = tmp_path / "lake", random.Random(11), 0
    while n_kills < 12:
        run = start(home)
        time.sleep(moments.uniform(0.01, 0.15))
        run.send(signal.SIGKILL)
        if run.wait() == 0:
            break
        n_kills += 1
        assert len(list(home.glob("tmp/*"))) <= 2, "what killed runs left grows"
    assert n_kills >= 2
    start(home).finish()
    assert_same(home, undisturbed)


def test_readers_always_find_a_whole_release_while_runs_are_killed(
    start: Start, registry: Sandbox, tmp_path: Path, undisturbed: Path
) -> None:
    home, moments = tmp_path / "lake", random.Random(5)
    shutil.copytree(undisturbed, home)
    before = assert_whole(home)
    registry.post_studies(CHANGES)
    is_over = threading.Event()
    seen: list[str] = []

    def read() -> None:
        while not is_over.is_set():
            found = assert_whole(home)
            with warehouse_file.open_locked(Lake(str(home)), home) as con:
                con.execute("select version from release").fetchall()
            seen.append(found.version)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            for _ in range(5):
                run = start(home)
                time.sleep(moments.uniform(0.05, 0.4))
                run.send(signal.SIGKILL)
                run.wait()
            start(home).finish()
            while not reading.done() and seen[-1:] != [f"{before.version}.1"]:
                time.sleep(0.01)
        finally:
            is_over.set()
        reading.result()
    assert list(dict.fromkeys(seen)) == [before.version, f"{before.version}.1"]
    other = tmp_path / "other"
    shutil.copytree(undisturbed, other)  # what was fetched and fitted before counts too
    assert refresh(other, registry).manifest["content_hash"] == assert_whole(home).manifest["content_hash"]


def test_a_run_stopped_by_its_user_says_so_and_goes_on(
    start: Start, registry: Sandbox, tmp_path: Path, undisturbed: Path
) -> None:
    home = tmp_path / "lake"
    registry.add_fault("slow", after=4)
    run = start(home)
    run.wait_until(appeared(home, f"sources/{SOURCE}/requests/*/*.json", 5))
    run.send(signal.SIGINT)
    assert "interrupted; what is stored is kept, the same command goes on from there" in run.finish(130)
    before = stored(home)
    assert len(before) >= 4
    registry.clear_requests()
    start(home).finish()
    assert asked(registry).isdisjoint(before)
    assert_same(home, undisturbed)


def test_the_claim_of_a_killed_run_does_not_hide_a_release_with_other_content(
    start: Start, registry: Sandbox, tmp_path: Path, undisturbed: Path
) -> None:
    home = tmp_path / "lake"
    copy_before("claims", undisturbed, home)
    with held(home, release.LATEST):
        start(home).kill_when(appeared(home, "claims/*"))
    registry.post_studies(CHANGES)
    start(home).finish()
    found = assert_whole(home)
    assert found.version == "2024.06.30.1", "the day's first is claimed for other content"
    assert found.manifest["content_hash"] != assert_whole(undisturbed).manifest["content_hash"]
    assert_warehouse(home, found)


# Collisions


def test_a_second_refresh_is_told_who_is_at_it_and_harms_nothing(
    start: Start, registry: Sandbox, tmp_path: Path, undisturbed: Path
) -> None:
    home = tmp_path / "lake"
    registry.add_fault("slow", times=2)
    first = start(home)
    first.wait_until(appeared(home, f"sources/{SOURCE}/requests/*/*.json"))
    said = start(home, on=1).finish(75)
    assert re.search(rf"in use by cto refresh since .* \(process {first.process}\); wait", said)
    first.finish()
    assert_same(home, undisturbed)


@pytest.mark.parametrize("verb", ["ingest", "build", "release"])
def test_every_verb_that_writes_waits_its_turn(start: Start, tmp_path: Path, undisturbed: Path, verb: str) -> None:
    home = tmp_path / "lake"
    shutil.copytree(undisturbed, home)
    command = (verb, "--only", SOURCE) if verb in {"refresh", "ingest"} else (verb,)
    with Lake(str(home)).run_lock("a test"):
        assert "in use by a test" in start(home, *command).finish(75)
    start(home, *command).finish()


def stages(home: Path, registry: Sandbox, together: threading.Barrier) -> str:
    """Run every stage without the run lock, as workers of a scheduler do; return how it ended."""
    chosen = settings(home, registry)
    together.wait()
    try:
        lake = pipeline.open_lake(chosen)
        for source in pipeline.sources([SOURCE], chosen):
            pipeline.ingest_source(lake, chosen, source, lambda: NOW)
        planned = plan(lake, AS_OF)
        pipeline.build(lake, planned)
        planned = pipeline.fit(lake, pipeline.annotate(lake, planned, chosen).plan)
        for stage in (pipeline.vote, pipeline.fuse, pipeline.check):
            stage(lake, planned)
        pipeline.publish(lake, planned, NOW)
    except PointerMovedError:
        return "moved"
    return "done"


@pytest.mark.parametrize("n", [2, 4])
def test_runs_that_do_not_know_of_each_other_come_to_one_state(
    registry: Sandbox, tmp_path: Path, undisturbed: Path, n: int
) -> None:
    home, together = tmp_path / "lake", threading.Barrier(n)
    with ThreadPoolExecutor(n) as pool:
        ended = [run.result() for run in [pool.submit(stages, home, registry, together) for _ in range(n)]]
    assert "done" in ended
    refresh(home, registry)
    assert_same(home, undisturbed)


def test_runs_that_publish_at_once_come_to_one_release(registry: Sandbox, tmp_path: Path, undisturbed: Path) -> None:
    home, together = tmp_path / "lake", threading.Barrier(4)
    copy_before("claims", undisturbed, home)

    def publish() -> str:
        lake = Lake(str(home))
        planned = plan(lake, AS_OF)
        together.wait()
        try:
            return pipeline.publish(lake, planned, NOW)[0].version
        except PointerMovedError:
            return "moved"

    with ThreadPoolExecutor(4) as pool:
        ended = [run.result() for run in [pool.submit(publish) for _ in range(4)]]
    assert set(ended) <= {"2024.06.30", "moved"}
    assert "2024.06.30" in ended
    assert_same(home, undisturbed)


def test_runs_for_several_days_at_once_leave_the_last_day_as_the_latest(
    registry: Sandbox, tmp_path: Path, undisturbed: Path
) -> None:
    home = tmp_path / "lake"
    shutil.copytree(undisturbed, home)
    days = [date(2024, 7, day) for day in (1, 2, 3)]
    registry.post_studies(study(day.day, "2003-10-22", results=str(day)) for day in days)  # a change for every day
    lake = Lake(str(home))
    for source in pipeline.sources([SOURCE], settings(home, registry)):
        pipeline.ingest_source(lake, settings(home, registry), source, lambda: NOW)
    together = threading.Barrier(len(days))

    def publish(day: date) -> None:
        own = Lake(str(home))
        planned = plan(own, day)
        pipeline.build(own, planned)
        planned = pipeline.fit(own, pipeline.annotate(own, planned, settings(home, registry)).plan)
        pipeline.vote(own, planned)
        pipeline.fuse(own, planned)
        together.wait()
        while True:
            with suppress(PointerMovedError):
                pipeline.publish(own, planned, NOW)
                return

    with ThreadPoolExecutor(len(days)) as pool:
        list(pool.map(publish, days))
    latest = assert_whole(home)
    assert latest.manifest["as_of"] == "2024-07-03"
    chain = [latest]
    while version := chain[-1].manifest["previous"]:
        chain.append(release.read(lake, version))
    assert chain[-1].version == "2024.06.30"
    as_of = [kept.manifest["as_of"] for kept in chain]
    assert as_of == sorted(as_of, reverse=True)


def test_two_lakes_with_the_same_pages_and_day_hold_the_same_bytes(
    registry: Sandbox, tmp_path: Path, undisturbed: Path
) -> None:
    refresh(tmp_path / "lake", registry)
    assert_same(tmp_path / "lake", undisturbed)
