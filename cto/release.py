"""Publishes a release: immutable, versioned, with a manifest, and never twice with the same content."""

from __future__ import annotations

import contextlib
import hashlib
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from cto import annotation, card, registry
from cto.build import connect
from cto.lake import Lake, LakeError, MissingError, Pointer
from cto.plan import Plan, Stage
from cto.schema import parquet
from cto.snapshot import Snapshot, checked_at, head

Json = dict[str, Any]

LATEST = "releases/LATEST"
VERSION = re.compile(r"\d{4}\.\d\d\.\d\d(\.\d+)?")
FILES = ("labels", "votes", "trials", "cut_points")
HASHED = ("trials", "votes", "labels")
NOT_CONTENT = ("as_of", "version")
"""Columns outside the content hash: the same labels on another day, or from a renamed code, are the same content."""


class NoReleaseError(LakeError):
    """There is no such release."""


@dataclass(frozen=True, slots=True)
class Release:
    """A published release: its version, and its manifest as published."""

    version: str
    manifest: Json

    def file(self, name: str) -> str:
        """Return the lake key of one of its files."""
        return f"releases/{self.version}/{name}"


def publish(lake: Lake, plan: Plan, now: datetime) -> tuple[Release, bool]:
    """Publish the labels and return the release, and whether it is new: the same content is not published again.

    The version is the day ``as_of``, with a number when that day has one already. A killed run's claim on a version is
    taken up by the next run with the same content. ``releases/LATEST`` follows unless it stands at a later day.
    """
    content = content_hash(lake, plan.label)
    pointer = lake.pointer(LATEST)
    before = _pointed(lake, pointer)
    if before and before.manifest["content_hash"] == content and before.manifest["as_of"] <= str(plan.as_of):
        return before, False
    version = _claim(lake, plan.as_of, content, before)
    is_new = not lake.exists(f"releases/{version}/manifest.json")
    if is_new:
        _write(lake, plan, version, content, before, now)
    release = read(lake, version)
    if before is None or before.manifest["as_of"] <= release.manifest["as_of"]:
        lake.move_pointer(LATEST, version, pointer)
    return release, is_new


def latest(lake: Lake) -> Release | None:
    """Return the latest release, or None before the first.

    Raises:
        NoReleaseError: its folder was taken away; the next refresh publishes again.

    """
    pointer = lake.pointer(LATEST)
    found = _pointed(lake, pointer)
    if pointer and not found:
        raise NoReleaseError(f"{LATEST} names {pointer.text}, but its folder is gone: cto refresh publishes again")
    return found


def _pointed(lake: Lake, pointer: Pointer | None) -> Release | None:
    """Return the release that ``LATEST`` names, or None when it names none that is there."""
    if pointer and lake.exists(f"releases/{pointer.text}/manifest.json"):
        return read(lake, pointer.text)
    return None


def read(lake: Lake, version: str) -> Release:
    """Return a published release.

    Raises:
        NoReleaseError: there is none of that version.

    """
    with contextlib.suppress(MissingError):
        if not VERSION.fullmatch(version):
            raise MissingError(version)
        return Release(version, lake.read_json(f"releases/{version}/manifest.json"))
    pointer = lake.pointer(LATEST)
    newest = f"the latest is {pointer.text}" if pointer else "there is none yet: run cto refresh"
    raise NoReleaseError(f"{lake.root} holds no release {version!r}; {newest}")


def content_hash(lake: Lake, label: Stage) -> str:
    """Return a digest of the rows of trials, votes and labels, whatever their order."""
    parts = []
    with connect() as con:
        for name in HASHED:
            rows = parquet(lake.url(label.table(name)))
            dropped = [c for c in NOT_CONTENT if c in (column.name for column in registry.tables()[name].columns)]
            row = con.execute(
                f"select count(*), sum(md5_number_lower(to_json(t)::varchar)::hugeint) "
                f"from (select * exclude ({', '.join(dropped)}) from {rows}) t"
            ).fetchone()
            parts.append(f"{name} {row}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _claim(lake: Lake, as_of: date, content: str, before: Release | None) -> str:
    """Take the first version of the day that is free, or that a run with this very content left unfinished.

    A look back may find its content finished long ago: that release is the one.
    """
    base = as_of.strftime("%Y.%m.%d")
    number = 0
    while True:
        version = f"{base}.{number}" if number else base
        if lake.create(f"claims/{version}", content.encode()):
            return version
        if lake.read(f"claims/{version}").decode() == content:
            try:
                manifest = lake.read_json(f"releases/{version}/manifest.json")
            except MissingError:
                return version
            is_look_back = before is not None and str(as_of) < before.manifest["as_of"]
            if is_look_back or manifest["previous"] == (before.version if before else None):
                return version
        number += 1


def _write(lake: Lake, plan: Plan, version: str, content: str, before: Release | None, now: datetime) -> None:
    """Write the files, the card, and last the manifest, which makes the release one."""
    files: Json = {}
    with lake.scratch() as folder:
        for name in FILES:
            data = lake.read(plan.label.table(name))
            lake.put(f"releases/{version}/{name}.parquet", data)
            files[f"{name}.parquet"] = {
                "sha256": hashlib.sha256(data).hexdigest(),
                "bytes": len(data),
                "rows": _rows(data, folder),
            }
    manifest = {
        "version": version,
        "as_of": str(plan.as_of),
        "created_at": now.isoformat(timespec="seconds"),
        "content_hash": content,
        "is_sample": plan.is_sample,
        "previous": before.version if before else None,
        "files": files,
        "code": {"cto": installed_version("cto"), "commit": _commit(), "duckdb": duckdb.__version__},
        "snapshots": {s.source: _snapshot(lake, s, plan.core) for s in plan.snapshots},
        "sources_without_snapshot": _without_snapshot(lake, plan),
        "annotators": annotation.told(lake, plan),
        "label_functions": _functions(lake, version, lake.read_json(plan.vote.manifest)),
        "fit": lake.read_json(plan.label.manifest)["fit"],
        "stages": {stage.name: stage.key for stage in (plan.core, plan.annotated, plan.vote, plan.label)},
        "labels": _label_counts(lake, version),
    }
    readme = card.render(manifest).encode()
    lake.put(f"releases/{version}/README.md", readme)
    manifest["files"]["README.md"] = {"sha256": hashlib.sha256(readme).hexdigest(), "bytes": len(readme)}
    lake.put_json(f"releases/{version}/manifest.json", manifest)


def _rows(data: bytes, folder: Path) -> int:
    file = folder / "rows.parquet"
    file.write_bytes(data)
    return int(pq.read_metadata(file).num_rows)


def _snapshot(lake: Lake, snapshot: Snapshot, core: Stage) -> Json:
    return {
        "id": snapshot.id,
        "state": snapshot.state,
        "started_at": snapshot.started_at,
        "finished_at": snapshot.finished_at,
        "checked_at": checked_at(lake, snapshot),
        "last_failure": head(lake, snapshot.source)[0].get("last_failure"),
        "public_by": str(snapshot.public_by),
        "watermark": snapshot.watermark,
        "notes": list(snapshot.notes),
        "pages": len(snapshot.pages),
        "quarantined": sum(row["source"] == snapshot.source for row in lake.read_json(core.manifest)["quarantine"]),
    }


def _without_snapshot(lake: Lake, plan: Plan) -> Json:
    """Return the sources that this release rests on nothing of: why the last try failed, or None if never tried."""
    held = {snap.source for snap in plan.snapshots}
    names = [c.name for c in registry.connectors() if c.name not in held]
    return {name: head(lake, name)[0].get("last_failure") for name in names}


def _functions(lake: Lake, version: str, voted: Mapping[str, Any]) -> Json:
    with connect() as con:
        rows = con.execute(
            "select label_function, count(distinct nct_id) filter (vote = 1), count(distinct nct_id) filter (vote = 0) "
            f"from {parquet(lake.url(f'releases/{version}/votes.parquet'))} group by label_function"
        ).fetchall()
    cast = {name: {"for": n_for, "against": n_against} for name, n_for, n_against in rows}
    return {
        f.name: {
            "version": f.version,
            "kind": f.kind,
            "group": f.group,
            "informs": dict(f.informs),
            "digest": f.fingerprint(),
            "meaning": f.meaning,
            "votes": cast.get(f.name, {"for": 0, "against": 0}) | voted["functions"][f.name],
        }
        for f in registry.label_functions()
    }


def _label_counts(lake: Lake, version: str) -> Json:
    with connect() as con:
        rows = con.execute(
            "select definition, count(*), count(*) filter (label = 1), count(*) filter (label = 0), "
            f"count(*) filter (label is null) from {parquet(lake.url(f'releases/{version}/labels.parquet'))} "
            "group by definition order by definition"
        ).fetchall()
    return {name: dict(zip(("rows", "one", "zero", "none"), counts, strict=True)) for name, *counts in rows}


def _commit() -> str:
    """Return the commit of the code that runs, if this very file is under version control."""
    here = Path(__file__)
    git = ("git", "-C", str(here.parent))
    try:
        subprocess.run([*git, "ls-files", "--error-unmatch", here.name], capture_output=True, check=True)
        done = subprocess.run(
            [*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "not under version control"
    return done.stdout.strip()
