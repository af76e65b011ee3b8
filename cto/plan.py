"""What follows from what: from the snapshots and the day, the key of every stage's tables.

A key is a digest of all that a stage's tables follow from: the pages, the code that reads them, the stages before. So
a stage that is there need not run, the same inputs always lead to the same files, and no state has to be kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import duckdb

from cto import fit as fits
from cto import registry, snapshot
from cto.fit import Fit
from cto.labels import DEFINITIONS
from cto.lake import Lake, LakeError
from cto.schema import digest
from cto.snapshot import Snapshot

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's immutable tables under ``<name>/<key>/``, and the manifest written after them."""

    name: str
    key: str

    @property
    def manifest(self) -> str:
        """Lake key of the manifest, the mark that the stage is whole."""
        return f"{self.name}/{self.key}/manifest.json"

    def is_whole(self, lake: Lake, tables: Iterable[str]) -> bool:
        """Return whether the stage has run and all its tables are still there."""
        return lake.exists(self.manifest) and all(lake.exists(self.table(name)) for name in tables)

    def table(self, name: str) -> str:
        """Return the lake key of one of its tables."""
        return f"{self.name}/{self.key}/{name}.parquet"


@dataclass(frozen=True)
class Plan:
    """What a night follows from: snapshots, by source, the last day whose evidence counts, annotations, and a fit.

    ``annotations`` is None until the annotators ran (:mod:`cto.annotation`), ``fit`` until one was made that the day
    may use (:mod:`cto.fit`).
    """

    snapshots: tuple[Snapshot, ...]
    as_of: date
    is_sample: bool
    annotations: Stage | None = None
    fit: Fit | None = None

    @property
    def is_current(self) -> bool:
        """Whether the day is not before any source's own: else this is a look back, where undated evidence is none."""
        return all(self.as_of >= snap.public_by for snap in self.snapshots)

    @property
    def day(self) -> tuple[date, bool]:
        """The last day whose evidence counts, and whether that is now."""
        return self.as_of, self.is_current

    @property
    def fitted(self) -> Fit:
        """The cut points and label models.

        Raises:
            LakeError: there are none yet for this day and these label functions.

        """
        if self.fit is None:
            raise LakeError(f"no cut points and label models are there for {self.as_of}: run cto fit")
        return self.fit

    @cached_property
    def core(self) -> Stage:
        """The core tables: they follow from the pages, the parsers, the models and their contracts."""
        tables = registry.tables()
        contracts = [(t.fingerprint(), [c.values for c in t.columns]) for t in tables.values()]
        parsers = [connector.fingerprint for connector in registry.connectors()]
        pages = [(snap.source, snap.state) for snap in self.snapshots]
        return Stage(
            "core",
            digest(
                repr((duckdb.__version__, _code("build.py", "raw.py"), macros(), models(), contracts, parsers, pages))
            ),
        )

    @property
    def annotated(self) -> Stage:
        """The annotators' tables.

        Raises:
            LakeError: they are not there yet for the present core tables and code.

        """
        if self.annotations is None:
            raise LakeError("the annotators' tables for the present snapshots and code are not there: run cto annotate")
        return self.annotations

    @cached_property
    def annotation_pointer(self) -> str:
        """Lake key of the pointer to the newest annotators' tables: models may say more about the same core tables."""
        contracts = [annotator.table.fingerprint() for annotator in registry.annotators()]
        code = _code("annotate/questions.py", "annotate/tables.py"), _texts("annotators")
        return f"annot/{digest(repr((self.core.key, contracts, code)))}/HEAD.json"

    def annotation_stage(self, content: str) -> Stage:
        """Return the stage of annotators' tables of that content."""
        return Stage("annot", digest(repr((self.annotation_pointer, content))))

    @cached_property
    def vote(self) -> Stage:
        """The votes: they follow from the core tables, the label functions, the cut points and the day."""
        functions = [function.fingerprint() for function in registry.label_functions()]
        read = self.core.key, self.annotated.key
        inputs = *read, _code("vote.py"), functions, self.fitted.cut_points, str(self.as_of), self.is_current
        return Stage("vote", digest(repr(inputs)))

    @cached_property
    def label(self) -> Stage:
        """The published tables: they follow from the votes and the fitted label models."""
        models = sorted(file.name for file in (files("cto") / "fuse").iterdir() if file.name.endswith(".py"))
        code = _code("fusion.py", *(f"fuse/{name}" for name in models))
        definitions = [(name, definition.kinds) for name, definition in sorted(DEFINITIONS.items())]
        inputs = self.vote.key, code, self.fitted.models, published(), definitions
        return Stage("label", digest(repr(inputs)))

    def to_json(self) -> Json:
        """Return the plan as plain values, for a scheduler to hand on to :func:`plan`."""
        made = {"annotations": self.annotations.key} if self.annotations else {}
        made |= {"fit": self.fit.id} if self.fit else {}
        return {"snapshots": {s.source: s.id for s in self.snapshots}, "as_of": str(self.as_of)} | made


def plan(
    lake: Lake,
    as_of: date,
    snapshot_ids: Mapping[str, str] | None = None,
    annotations: str | None = None,
    fit_id: str | None = None,
) -> Plan:
    """Return the plan for a day over the given snapshots, annotations and fit, by default those that count now.

    Raises:
        LakeError: nothing was ingested yet.

    """
    if snapshot_ids is None:
        loaded = (snapshot.on(lake, connector.name, as_of) for connector in registry.connectors())
        found = tuple(snap for snap in loaded if snap)
    else:
        found = tuple(snapshot.read(lake, source, id_) for source, id_ in sorted(snapshot_ids.items()))
    if not found:
        raise LakeError(f"{lake.root} holds no snapshot of any source yet: run cto ingest")
    planned = Plan(found, as_of, lake.read_json("lake.json")["holds"] == "sample")
    fit = fits.read(lake, fit_id) if fit_id else fits.usable(lake, as_of, planned.is_current)
    stage = Stage("annot", annotations) if annotations else _annotations(lake, planned)
    return replace(planned, annotations=stage, fit=fit)


def _annotations(lake: Lake, planned: Plan) -> Stage | None:
    """Return the newest annotators' tables that were made of the plan's core tables."""
    pointer = lake.pointer(planned.annotation_pointer)
    stage = Stage("annot", json.loads(pointer.text)["key"]) if pointer else None
    return stage if stage and stage.is_whole(lake, [a.table.name for a in registry.annotators()]) else None


@cache
def models() -> dict[str, str]:
    """Return the SQL of every core model by the name of the table it makes, sorted by name."""
    return _sql("models")


@cache
def published() -> dict[str, str]:
    """Return the SQL of every published table by its name."""
    return _sql("published")


@cache
def macros() -> str:
    """Return the SQL macros that models and label functions may call."""
    return "\n".join(_sql("macros").values())


def _sql(folder: str) -> dict[str, str]:
    found = (file for file in (files("warehouse") / folder).iterdir() if file.name.endswith(".sql"))
    return {file.name.removesuffix(".sql"): file.read_text() for file in sorted(found, key=lambda file: file.name)}


@cache
def _texts(package: str) -> tuple[tuple[str, str], ...]:
    """Return every text file of a package, folders in it included, by name."""
    found: dict[str, str] = {}
    todo = [(files(package), "")]
    while todo:
        folder, prefix = todo.pop()
        for file in folder.iterdir():
            if file.is_dir() and file.name != "__pycache__":
                todo.append((file, f"{prefix}{file.name}/"))
            elif file.is_file():
                found[prefix + file.name] = file.read_text(encoding="utf-8")
    return tuple(sorted(found.items()))


@cache
def _code(*names: str) -> tuple[str, ...]:
    """Return the text of modules that a stage's tables follow from, so that a changed stage runs again."""
    return tuple((files("cto") / name).read_text() for name in names)
