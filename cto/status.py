"""The state of the lake: what each source holds and how fresh, what could not be read, what was published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cto import annotation, registry, release, snapshot
from cto import fit as fits
from cto.card import fused_by
from cto.fit import Fit
from cto.lake import Lake
from cto.plan import plan
from cto.snapshot import Snapshot

Json = dict[str, Any]


def status(lake: Lake, now: datetime) -> Json:
    """Return the state as plain values; ``core``, ``fit`` and ``release`` are None until made."""
    snapshots = [snap for c in registry.connectors() if (snap := snapshot.load(lake, c.name))]
    try:
        latest, lost = release.latest(lake), None
    except release.NoReleaseError as error:
        latest, lost = None, str(error)
    return {
        "home": lake.root,
        "sources": {c.name: _source(lake, c.name, snapshots, now, c.stale_after_days) for c in registry.connectors()},
        "core": _core(lake, snapshots, now),
        "annotators": annotation.told(lake, plan(lake, now.date())) if snapshots else {},
        "fit": _fit(fits.usable(lake, now.date(), is_current=True)),
        "release": _release(latest) if latest else None,
        "release_lost": lost,
    }


def _source(lake: Lake, name: str, snapshots: list[Snapshot], now: datetime, stale_after_days: int) -> Json:
    value, _ = snapshot.head(lake, name)
    snap = next((s for s in snapshots if s.source == name), None)
    checked = snapshot.checked_at(lake, snap) if snap else ""
    return {
        "public_by": str(snap.public_by) if snap else None,
        "fetched_at": snap.finished_at if snap else None,
        "checked_at": checked if snap else None,
        "hours_since_fetch": _hours(checked, now) if snap else None,
        "is_stale": bool(snap) and _hours(checked, now) > 24 * stale_after_days,
        "pages": len(snap.pages) if snap else 0,
        "notes": list(snap.notes) if snap else [],
        "crawl_under_way_since": value["open"]["started_at"] if value["open"] else None,
        "last_failure": value.get("last_failure"),
    }


def _core(lake: Lake, snapshots: list[Snapshot], now: datetime) -> Json | None:
    if not snapshots:
        return None
    stage = plan(lake, now.date()).core
    if not lake.exists(stage.manifest):
        return None
    manifest = lake.read_json(stage.manifest)
    tables = manifest["tables"]
    return {
        "rows": {name: found["rows"] for name, found in tables.items()},
        "unreadable": {f"{t}.{c}": n for t, found in tables.items() for c, n in found["unreadable"].items()},
        "unknown_codes": {f"{t}.{c}": n for t, found in tables.items() for c, n in found["unknown"].items()},
        "quarantine": manifest["quarantine"],
    }


def _fit(fit: Fit | None) -> Json | None:
    """Return what later builds carry on: when it was fitted, and which model fuses each definition, and why."""
    if fit is None:
        return None
    models = {name: {k: v for k, v in model.items() if k != "state"} for name, model in fit.models.items()}
    return {
        "id": fit.id,
        "fitted_as_of": str(fit.fitted_as_of),
        "models": models,
        "cut_points": dict(sorted(Counter(row["label_function"] for row in fit.cut_points).items())),
        "without_cut_points": [
            f.name
            for f in registry.label_functions()
            if f.better and f.name not in {row["label_function"] for row in fit.cut_points}
        ],
    }


def _release(latest: release.Release) -> Json:
    kept = ("version", "as_of", "created_at", "content_hash", "is_sample", "labels")
    return {name: latest.manifest[name] for name in kept}


def _hours(then: str, now: datetime) -> float:
    return round((now - datetime.fromisoformat(then)).total_seconds() / 3600, 1)


def lines(found: Json) -> Iterator[str]:
    """Yield the state line by line, for a reader."""
    yield f"Lake {found['home']}"
    for name, source in found["sources"].items():
        yield f"  {name}: {_freshness(source)}"
        if source["crawl_under_way_since"]:
            yield f"    a crawl begun {source['crawl_under_way_since']} is not finished; cto ingest goes on with it"
        if source["last_failure"]:
            yield f"    FAILED {source['last_failure']['at']}: {source['last_failure']['error']}"
        yield from (f"    {note}" for note in source["notes"])
    core = found["core"]
    if core is None:
        fetched = any(source["fetched_at"] for source in found["sources"].values())
        yield "  core tables: " + (
            "not built for the present snapshots and code; cto build" if fetched else "none: nothing was fetched yet"
        )
    else:
        yield f"  core tables: {core['rows']['core_study']:,} studies, {sum(core['rows'].values()):,} rows"
        yield from (f"    unreadable {column}: {n}" for column, n in core["unreadable"].items())
        yield from (f"    unknown codes in {column}: {n}" for column, n in core["unknown_codes"].items())
        yield from (f"    in quarantine: {row['reason']} ({row['start'][:60]})" for row in core["quarantine"][:10])
    for name, read in found["annotators"].items():
        yield f"  {name}: {annotation.sentence(read)}"
    if found["fit"]:
        yield f"  cut points and label models: fitted as of {found['fit']['fitted_as_of']}, carried on until cto fit"
        for definition, model in found["fit"]["models"].items():
            yield f"    {definition}: {fused_by(model)}"
        for name in found["fit"]["without_cut_points"]:
            yield f"    {name} casts no vote: too few trials to fit a cut point on"
    if found["release"] is None:
        yield f"  release: {found['release_lost'] or 'none yet'}"
        return
    yield f"  release {found['release']['version']}{' (sample)' if found['release']['is_sample'] else ''}"
    for definition, n in found["release"]["labels"].items():
        yield f"    {definition}: {n['one']} × 1, {n['zero']} × 0, {n['none']} unlabelled of {n['rows']}"


def _freshness(source: Json) -> str:
    if source["fetched_at"] is None:
        return "never fetched"
    stale = "STALE, past its tolerance: no release will be published; " if source["is_stale"] else ""
    return (
        f"{stale}data public by {source['public_by']}, fetched {source['hours_since_fetch']} h ago, "
        f"{source['pages']} pages"
    )
