"""Stands between labels and the public: checks that must return no row, and tolerances that must not be passed."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from typing import Any

import duckdb

from cto import registry, release, snapshot
from cto.build import connect, open_table, open_tables
from cto.lake import Lake
from cto.plan import Plan, macros, published
from cto.schema import parquet
from cto.vote import open_run

Json = dict[str, Any]
SHOWN = 5
QUARANTINE_TOLERANCE = 0.01
"""Share of the studies that may be unreadable before a release is held back: one bad record must not stop a night,
a changed format must."""


class GateError(RuntimeError):
    """A check failed, so nothing was published; the message holds the claims that failed and rows that break them."""


def checks() -> dict[str, str]:
    """Return the SQL of every check by its name, which is the claim it makes."""
    found = (files("warehouse") / "checks").iterdir()
    return {file.name.removesuffix(".sql"): file.read_text() for file in sorted(found, key=lambda file: file.name)}


def check(lake: Lake, plan: Plan) -> None:
    """Run every check over the core and published tables; raise :class:`GateError` when one fails."""
    failures = _tolerances(lake.read_json(plan.core.manifest)) + (_stale(lake, plan) if plan.is_current else [])
    with connect() as con:
        con.execute(macros())
        open_tables(lake, con, plan)
        for name in published():
            open_table(lake, con, plan.label, name)
        open_run(con, plan)
        _open_previous(lake, con, plan)
        for claim, sql in checks().items():
            rows = con.execute(f"select * from ({sql}\n) limit {SHOWN}").fetchall()
            if rows:
                failures.append(f"{claim.replace('_', ' ')}: broken by {', '.join(map(str, rows))}")
    if failures:
        raise GateError("nothing was published:\n- " + "\n- ".join(failures))


def _open_previous(lake: Lake, con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Make ``previous_trial``: the trials of the latest release; none before the first, for a day before the latest, or
    when that was taken away.
    """
    con.execute("create table previous_trial (nct_id varchar)")
    try:
        latest = release.latest(lake)
    except release.NoReleaseError:
        return
    if latest and latest.manifest["as_of"] <= str(plan.as_of):
        con.execute(f"insert into previous_trial select nct_id from {parquet(lake.url(latest.file('trials.parquet')))}")


def _stale(lake: Lake, plan: Plan) -> list[str]:
    """Return a sentence for every source whose last success lies farther back than its connector tolerates.

    Old evidence goes on to vote, as it is still evidence; but a release that says nothing of a source's long silence
    would pass for one that heard from it.
    """
    by_name = {connector.name: connector for connector in registry.connectors()}
    failures = []
    for snap in plan.snapshots:
        if by_name[snap.source].is_optional:  # it may have been turned off on purpose
            continue
        days = (plan.as_of - date.fromisoformat(snapshot.checked_at(lake, snap)[:10])).days
        tolerated = by_name[snap.source].stale_after_days
        if days > tolerated:
            failures.append(
                f"{snap.source} last answered {days} days before {plan.as_of}, over its tolerance of {tolerated}: see "
                f"cto status for why, then cto ingest --only {snap.source}"
            )
    return failures


def _tolerances(manifest: Json) -> list[str]:
    """Return a sentence for every share of unknown codes or unread records past its tolerance."""
    failures = []
    for name, found in manifest["tables"].items():
        columns = {column.name: column for column in registry.tables()[name].columns}
        for column, n in found["unknown"].items():
            if n > columns[column].tolerance * found["rows"]:
                failures.append(
                    f"{name}.{column} holds codes that its contract does not know in {n} of {found['rows']} rows, over "
                    f"the tolerance of {columns[column].tolerance:.0%}: add them to the contract if they are real"
                )
    n_studies, n_bad = manifest["tables"]["core_study"]["rows"], len(manifest["quarantine"])
    if n_bad > QUARANTINE_TOLERANCE * max(n_studies, 1):
        failures.append(f"{n_bad} records are in quarantine beside {n_studies} readable ones: see cto status")
    return failures
