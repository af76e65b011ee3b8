"""The DuckDB file for analysts: core, annotators' and published tables in one file, built aside, swapped in whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from cto import registry
from cto.build import MORE_MEMORY
from cto.lake import Lake, LakeError, MissingError
from cto.plan import Plan, models, published
from cto.release import Release
from cto.schema import parquet

Json = dict[str, Any]

FILE = "warehouse.duckdb"
HOLDS = "warehouse.json"


def refresh(lake: Lake, plan: Plan, release: Release) -> bool:
    """Make the warehouse file hold this state; return whether it had to be built.

    A reader who has the file open keeps the old one. ``warehouse.json``, written last, says what the file holds.
    """
    stages = {"core": plan.core.key, "annotations": plan.annotated.key, "label": plan.label.key}
    state: Json = stages | {"release": release.version}
    if lake.exists(FILE) and holds(lake) == state:
        return False
    with lake.scratch() as folder:
        file = folder / FILE
        with duckdb.connect(str(file), config={"memory_limit": MORE_MEMORY[2], "threads": 2}) as con:
            annotated = [annotator.table.name for annotator in registry.annotators()]
            for stage, names in ((plan.core, models()), (plan.annotated, annotated), (plan.label, published())):
                for name in names:
                    con.execute(f"create table {name} as from {parquet(lake.url(stage.table(name)))}")
            con.execute("create table release as select ? as version, ?::date as as_of", list(_facts(release)))
        lake.adopt(FILE, file)  # closed, so no write-ahead log is left to be replayed into the next file
    lake.put_json(HOLDS, state)
    return True


def holds(lake: Lake) -> Json | None:
    """Return what the warehouse file holds, or None when there is none."""
    try:
        return lake.read_json(HOLDS)
    except MissingError:
        return None


def open_locked(lake: Lake, folder: Path) -> duckdb.DuckDBPyConnection:
    """Open the warehouse so that a query can read its tables and nothing else: no writing, no files, no extensions.

    ``folder`` takes a copy of the file when the lake is an object store.
    """
    if not lake.exists(FILE):
        raise LakeError(f"{lake.root} holds no {FILE} yet: run cto refresh, or cto demo to try with the sample")
    path = lake.folder / FILE if lake.folder else folder / FILE
    if not lake.folder:
        path.write_bytes(lake.read(FILE))
    con = duckdb.connect(str(path), read_only=True)
    con.execute("set enable_external_access = false")
    con.execute("set autoinstall_known_extensions = false")
    con.execute("set autoload_known_extensions = false")
    con.execute("set lock_configuration = true")
    return con


def _facts(release: Release) -> tuple[str, str]:
    return release.version, str(release.manifest["as_of"])
