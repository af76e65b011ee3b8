"""From stored registry pages to labels: studies a second and memory by stage, and the night after.

Run: python benchmarks/registry.py [--studies FILE] [--n 100000] [--changed 2000]

FILE holds API v2 records, one a line (default: the real ones beside the checkout if they are there, else the shipped
sample). They are replicated under new identifiers to n studies. Every measurement runs in a process of its own, so that
the memory shown is its own. Beside each stands the time DuckDB alone takes to read the same bytes under the same types.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from connectors.clinicaltrials_gov import TABLES, clinicaltrials_gov
from cto import build, parts, pipeline, snapshot
from cto import plan as planning
from cto.jsonrows import document_columns
from cto.lake import Lake, to_json
from cto.plan import Plan
from cto.sample import STUDIES
from cto.snapshot import Page, Snapshot

PAGE = 1000
DAY = date(2026, 1, 1)
REAL = Path(__file__).parents[2] / "shared" / "data" / "registry" / "studies.jsonl.gz"
_ID = re.compile(rb'"nctId": ?"NCT\d{8}"')


def main() -> None:
    """Measure and print one row a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=Path, default=REAL if REAL.exists() else STUDIES[0])
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--changed", type=int, default=2_000)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        print(json.dumps(_STEPS[chosen.step](Lake(chosen.home), chosen)))
        return
    print(f"{'case':34} {'studies':>8} {'seconds':>8} {'cpu s':>7} {'studies/s':>10} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name, home, prepare, steps in _CASES:
            _call(prepare, f"{folder}/{home}", chosen)
            for step in steps:
                found = _call(step, f"{folder}/{home}", chosen)
                rate = found["studies"] / found["seconds"]
                print(
                    f"{name + ': ' + _SAID[step]:34} {found['studies']:8,} {found['seconds']:8.2f} {found['cpu']:7.2f} "
                    f"{rate:10,.0f} {found['peak_mb']:8.0f}",
                    flush=True,
                )


def _call(step: str, home: str, chosen: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", step, "--home", home, "--studies", str(chosen.studies)]
    command += ["--n", str(chosen.n), "--changed", str(chosen.changed)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # type: ignore[no-any-return]


def _store_file(lake: Lake, chosen: argparse.Namespace) -> None:
    lake.create("lake.json", to_json({"holds": "live"}))
    _store(lake, _lines(chosen.studies))


def _store_many(lake: Lake, chosen: argparse.Namespace) -> None:
    lake.create("lake.json", to_json({"holds": "live"}))
    _store(lake, _replicated(chosen.studies, chosen.n))


def _change(lake: Lake, chosen: argparse.Namespace) -> None:
    """Store a night's pages: studies spread over the registry, each with a word changed."""
    spread = itertools.islice(_replicated(chosen.studies, chosen.n), 0, None, max(1, chosen.n // chosen.changed))
    _store(lake, (line.replace(b'"hasResults"', b'"changed":1,"hasResults"') for line in spread))


def _core(lake: Lake, chosen: argparse.Namespace) -> dict[str, float]:
    """Parse what is not parsed and build every core table."""
    snap = snapshot.load(lake, "clinicaltrials_gov")
    assert snap is not None
    plan = Plan((snap,), DAY, is_sample=False)
    with _Clock() as clock:
        parts.parse(lake, clinicaltrials_gov, snap)
        build.build(lake, plan)
    return clock.found(lake.read_json(plan.core.manifest)["tables"]["core_study"]["rows"])


def _stage(run: Callable[[Lake, Plan], object]) -> Callable[[Lake, argparse.Namespace], dict[str, float]]:
    """Return a step that runs one stage over the core tables that are there."""

    def step(lake: Lake, chosen: argparse.Namespace) -> dict[str, float]:
        planned = planning.plan(lake, DAY)
        with _Clock() as clock:
            run(lake, planned)
        return clock.found(lake.read_json(planned.core.manifest)["tables"]["core_study"]["rows"])

    return step


def _duckdb_alone(lake: Lake, chosen: argparse.Namespace) -> dict[str, float]:
    """Read the same pages, decompressed and sliced beforehand, into a typed table; nothing else."""
    snap = snapshot.load(lake, "clinicaltrials_gov")
    assert snap is not None
    columns, clock, n = document_columns(TABLES), _Clock(), 0
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 2}) as con:
        for page in snap.pages:
            body = snapshot.read_page(lake, "clinicaltrials_gov", page)
            file = Path(folder) / "page.json"
            file.write_bytes(body[body.index(b"[") : body.rindex(b"]") + 1])
            with clock:
                con.execute(
                    "create or replace table page as select * from read_json($file, format = 'array', "
                    "columns = $columns, maximum_object_size = 67108864)",
                    {"file": str(file), "columns": columns},
                )
            n += con.execute("select count(*) from page").fetchone()[0]  # type: ignore[index]
    return clock.found(n)


def _store(lake: Lake, lines: Iterator[bytes]) -> None:
    """Put pages of studies into the lake as a crawl would, after those that are there."""
    last = snapshot.load(lake, "clinicaltrials_gov")
    pages = list(last.pages) if last else []
    while batch := list(itertools.islice(lines, PAGE)):
        body = b'{"studies":[' + b",\n".join(batch) + b"]}"
        sha256 = snapshot.store_page(lake, "clinicaltrials_gov", body)
        pages.append(Page("studies", "", sha256, len(body), "2026-01-01T00:00:00+00:00"))
    empty = Snapshot("clinicaltrials_gov", "1", None, "", "2026-01-01", {}, (), 0, ())
    snap = replace(empty, id="2" if last else "1", pages=tuple(pages))
    snapshot.write(lake, snap)
    value, pointer = snapshot.head(lake, "clinicaltrials_gov")
    snapshot.move_head(lake, "clinicaltrials_gov", value | {"head": snap.id}, pointer)


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        yield from (line.rstrip(b"\n") for line in file)


def _replicated(path: Path, n: int) -> Iterator[bytes]:
    numbered = zip(range(n), itertools.cycle(_lines(path)), strict=False)
    for number, line in numbered:
        yield _ID.sub(b'"nctId":"NCT%08d"' % (10_000_000 + number), line)


class _Clock:
    """Adds up wall and processor seconds over its uses."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> _Clock:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter() - self._began[0]
        self.cpu += time.process_time() - self._began[1]

    def found(self, studies: int) -> dict[str, float]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"studies": studies, "seconds": self.wall, "cpu": self.cpu, "peak_mb": peak}


_STEPS: dict[str, Callable[[Lake, argparse.Namespace], object]] = {
    "store_file": _store_file,
    "store_many": _store_many,
    "change": _change,
    "core": _core,
    "duckdb": _duckdb_alone,
    "fit": _stage(partial(pipeline.fit, anew=True)),
    "vote": _stage(pipeline.vote),
    "fuse": _stage(pipeline.fuse),
}
_SAID = {
    "core": "pages to core",
    "duckdb": "DuckDB reads them",
    "fit": "cut points and models",
    "vote": "all label functions",
    "fuse": "votes to labels",
}
_CASES = (
    ("the file", "file", "store_file", ("core", "duckdb", "fit", "vote", "fuse")),
    ("generated", "many", "store_many", ("core", "duckdb", "fit", "vote", "fuse")),
    ("the night after", "many", "change", ("core", "vote", "fuse")),
)

if __name__ == "__main__":
    main()
