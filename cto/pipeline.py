"""The night, verb by verb: what the command line and the scheduler both call.

Each verb takes a :class:`Plan`, which names the snapshots and the day; the keys of all stages follow from it. So any
verb may run on any worker, twice or again after a crash, and finds or makes the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches

from cto import annotation, fitting, fusion, ingest, registry, release, snapshot, wants, warehouse_file
from cto import build as building
from cto import check as checking
from cto import fit as fits
from cto import vote as voting
from cto.annotate.runner import Asked
from cto.annotation import Annotated
from cto.connector import Connector
from cto.http import Http, SourceError
from cto.ingest import Ingested
from cto.lake import Lake, LakeError, to_json
from cto.plan import Plan, Stage, plan
from cto.progress import Progress, quiet
from cto.release import Release
from cto.settings import Settings, SettingsError


class UnknownSourceError(KeyError):
    """No source is called so; the message names those that are."""


def open_lake(settings: Settings) -> Lake:
    """Open the lake; refuse to mix the sample with live data.

    Raises:
        LakeError: the lake holds the other of the two.

    """
    names = [*(connector.name for connector in registry.connectors()), "llm"]
    for given, what in ((settings.urls, "URL"), (settings.keys, "API_KEY")):
        for name in given.keys() - set(names):
            for meant in get_close_matches(name, names, cutoff=0.8):
                raise SettingsError(f"CTO_{name.upper()}_{what} names no source; is CTO_{meant.upper()}_{what} meant?")
    lake = Lake(settings.home)
    if lake.folder is None:
        raise LakeError(f"{settings.home} is an object store; building tables needs a folder for now: set CTO_HOME")
    kind = "sample" if settings.is_sample else "live"
    lake.create("lake.json", to_json({"holds": kind}))
    held = lake.read_json("lake.json")["holds"]
    if held != kind:
        raise LakeError(
            f"{settings.home} holds {held} data and this run would bring {kind} data; the two are never mixed: "
            f"name another place with --home or CTO_HOME"
        )
    return lake


def ingest_source(
    lake: Lake,
    settings: Settings,
    connector: Connector,
    now: Callable[[], datetime],
    options: Mapping[str, bool] | None = None,
    progress: Progress = quiet,
) -> Ingested:
    """Bring one source up to date; a failure is kept beside what still counts, for ``cto status``, and raised."""
    try:
        return ingest.ingest(
            lake,
            connector,
            http(settings, connector),
            settings.urls.get(connector.name, connector.url),
            now,
            options,
            progress,
            lambda: wants.wanted(lake, connector, now().date()),
            settings.variables.get(connector.variable, ""),
        )
    except SourceError as error:
        value, pointer = snapshot.head(lake, connector.name)
        failure = {"at": now().isoformat(timespec="seconds"), "error": str(error)}
        snapshot.move_head(lake, connector.name, value | {"last_failure": failure}, pointer)
        raise


def http(settings: Settings, connector: Connector) -> Http:
    """Return a session that is as polite as the source asks, with its key if there is one."""
    key = settings.keys.get(connector.name, "") if connector.key_as else ""
    return Http(
        interval=connector.seconds_with_key if key else connector.seconds_between_requests,
        backoff=settings.backoff,
        contact=settings.contact,
        key=key,
        key_as=connector.key_as,
        max_bytes=connector.max_bytes,
    )


def build(lake: Lake, plan: Plan, progress: Progress = quiet) -> None:
    """Build the core tables."""
    building.build(lake, plan, progress)


def annotate(
    lake: Lake,
    plan: Plan,
    settings: Settings,
    progress: Progress = quiet,
    told: Mapping[str, Asked] | None = None,
) -> Annotated:
    """Ask the models what is not answered yet and write the annotators' tables; return the plan that has them.

    With ``told``, what :func:`ask_shard` came to on other workers, nothing more is asked.
    """
    _need(lake, plan.core, "build")
    return annotation.annotate(lake, plan, settings, progress, told)


def ask_shard(
    lake: Lake, plan: Plan, settings: Settings, shard: int, shards: int, progress: Progress = quiet
) -> dict[str, Asked]:
    """Ask one of ``shards`` equal parts of what is not answered yet; any number of workers may at once."""
    _need(lake, plan.core, "build")
    return annotation.ask_shard(lake, plan, settings, shard, shards, progress)


def fit(lake: Lake, plan: Plan, progress: Progress = quiet, anew: bool = False) -> Plan:
    """Return the plan with a fit: the one that its day may use, else one made for it now.

    What is fitted for a look back is for its day alone. What is fitted in passing for a current build is carried on by
    later days once that build is published: a night that is held back teaches nothing.

    Args:
        lake: where the core tables are, and the fit goes.
        plan: the snapshots and the day.
        progress: told how far it is.
        anew: fit although there is one, on purpose: builds of that day and later ones use it from now on.

    """
    if plan.fit and not anew:
        return plan
    _need(lake, plan.core, "build")
    made = fitting.fit(lake, plan, progress)
    if anew or not plan.is_current:
        fits.enlist(lake, made, is_carried=anew)
    return replace(plan, fit=made)


def vote(lake: Lake, plan: Plan, progress: Progress = quiet) -> None:
    """Run the label functions."""
    _need(lake, plan.core, "build")
    voting.vote(lake, plan, progress)


def fuse(lake: Lake, plan: Plan, progress: Progress = quiet) -> None:
    """Fuse votes into labels."""
    _need(lake, plan.vote, "vote")
    fusion.fuse(lake, plan, progress)


def check(lake: Lake, plan: Plan) -> None:
    """Run the checks that stand before a publish."""
    _need(lake, plan.label, "fuse")
    checking.check(lake, plan)


def publish(lake: Lake, plan: Plan, now: datetime) -> tuple[Release, bool]:
    """Publish a release, unless the latest has the same content, and bring the warehouse file up to it."""
    _need(lake, plan.label, "fuse")
    published, is_new = release.publish(lake, plan, now)
    if plan.is_current and fits.usable(lake, plan.as_of, plan.is_current) is None:
        fits.enlist(lake, plan.fitted, is_carried=True)
    newest = release.latest(lake)
    if newest and newest.version == published.version:
        warehouse_file.refresh(lake, plan, published)
    return published, is_new


@dataclass(frozen=True, slots=True)
class Night:
    """What a refresh came to."""

    release: Release
    is_new: bool
    ingested: Mapping[str, Ingested]
    failures: Mapping[str, SourceError]
    asked: Mapping[str, Asked]


def refresh(
    settings: Settings,
    only: Sequence[str] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    options: Mapping[str, bool] | None = None,
    progress: Progress = quiet,
) -> Night:
    """Run every stage. A source that fails leaves its last snapshot in use and is reported, and the others go on.

    Raises:
        LockedError: another run on this machine is at it.
        SourceError: a source failed and no source has ever been fetched.
        GateError: a check failed; nothing was published.

    """
    chosen = sources(only, settings)
    lake = open_lake(settings)
    ingested: dict[str, Ingested] = {}
    failures: dict[str, SourceError] = {}
    with lake.run_lock(f"cto refresh since {now().isoformat(timespec='seconds')}"):
        for connector in chosen:
            try:
                ingested[connector.name] = ingest_source(lake, settings, connector, now, options, progress)
            except SourceError as error:
                failures[connector.name] = error
        if failures and not any(snapshot.load(lake, connector.name) for connector in registry.connectors()):
            raise next(iter(failures.values()))
        # A night that passes midnight is of the day on which its last source was read: else it would be a look back.
        planned = plan(lake, max(settings.as_of, now().date()) if settings.is_today else settings.as_of)
        build(lake, planned, progress)
        annotated = annotate(lake, planned, settings, progress)
        planned = fit(lake, annotated.plan, progress)
        vote(lake, planned, progress)
        fuse(lake, planned, progress)
        check(lake, planned)
        published, is_new = publish(lake, planned, now())
    return Night(published, is_new, ingested, failures, annotated.asked)


def sources(only: Sequence[str], settings: Settings) -> list[Connector]:
    """Return the named connectors, or all that are on, in the order in which to fetch them.

    A source that is optional is on when its address is set.

    Raises:
        UnknownSourceError: a name that is no source.

    """
    by_name = {connector.name: connector for connector in registry.connectors()}
    unknown = [name for name in only if name not in by_name]
    if unknown:
        raise UnknownSourceError(f"no source is called {unknown[0]!r}; the sources are {', '.join(by_name)}")
    on = [name for name, connector in by_name.items() if not connector.is_optional or name in settings.urls]
    leading, following = wants.waves([by_name[name] for name in only or on])
    return leading + following


def _need(lake: Lake, stage: Stage, verb: str) -> None:
    if not lake.exists(stage.manifest):
        raise LakeError(
            f"the {stage.name} tables for the present snapshots, day and code are not there: run cto {verb}"
        )
