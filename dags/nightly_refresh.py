"""The night on Airflow: every task is one call into the pipeline, the call that the command line makes too.

A source that fails is shown as failed and its last snapshot is used; the others go on. The task ``plan`` fixes which
snapshots and which day count, so every later task works on the same state, on whatever worker and however often.
Where the lake and the sources are comes from the ``CTO_*`` variables of the worker, as on the command line.
"""

# ruff: noqa: PLC0415  (tasks import what they call, so that the scheduler parses this file quickly)

from __future__ import annotations

import logging
import os
import pkgutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronTriggerTimetable, Param, TriggerRule, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

import connectors

if TYPE_CHECKING:
    from cto.lake import Lake
    from cto.plan import Plan
    from cto.settings import Settings

Json = dict[str, Any]

SOURCES = sorted(m.name for m in pkgutil.iter_modules(connectors.__path__) if not m.name.startswith("_"))
"""What the trigger form offers: the names of the files, none of which is imported."""

SHARDS = int(os.environ.get("CTO_ANNOTATE_SHARDS") or 1)
"""Into how many parts the questions to models are divided, each for a worker."""

log = logging.getLogger(__name__)


def now() -> datetime:
    """Return the time; the only clock below which nothing asks for it."""
    return datetime.now(UTC)


@contextmanager
def no_retry(*errors: type[Exception]) -> Iterator[None]:
    """Fail the task at once, with the reason, on errors that another try cannot mend."""
    try:
        yield
    except errors as error:
        raise AirflowFailException(str(error.args[0] if isinstance(error, KeyError) else error)) from error


def settings() -> Settings:
    """Return the settings of this run; the day is the form's, else ``CTO_AS_OF``, else that of the run itself."""
    from cto.settings import Settings, SettingsError

    context = get_current_context()
    run_at = context.get("logical_date") or context["dag_run"].run_after
    as_of = context["params"]["as_of"] or os.environ.get("CTO_AS_OF") or str(run_at.astimezone(UTC).date())
    with no_retry(SettingsError):
        return Settings.of(os.environ, now().date(), as_of=as_of)


def state(planned: Json) -> tuple[Lake, Plan]:
    """Return the lake, and the plan that this run made."""
    from cto import pipeline
    from cto import plan as planning

    lake = pipeline.open_lake(settings())
    made = planned.get("annotations"), planned.get("fit")
    return lake, planning.plan(lake, date.fromisoformat(planned["as_of"]), planned["snapshots"], *made)


@task(execution_timeout=timedelta(minutes=5))
def sources(are_following: bool) -> list[str]:
    """Name the sources to fetch that are asked outright, or those asked for what follows from the others' rows."""
    from cto import pipeline, wants

    with no_retry(KeyError):
        waves = wants.waves(pipeline.sources(get_current_context()["params"]["only"], settings()))
    return [connector.name for connector in waves[are_following]]


@task(
    execution_timeout=timedelta(hours=5),
    map_index_template="{{ task.op_kwargs['source'] }}",
    multiple_outputs=False,
    trigger_rule=TriggerRule.ALL_DONE,
)
def ingest(source: str) -> Json:
    """Bring one source up to date."""
    from cto import pipeline
    from cto.http import BlockedError, RefusedError

    chosen = settings()
    [connector] = pipeline.sources([source], chosen)
    with no_retry(BlockedError, RefusedError):
        found = pipeline.ingest_source(pipeline.open_lake(chosen), chosen, connector, now)
    return {
        "snapshot": found.snapshot.id,
        "new_pages": found.n_new_pages,
        "requests": found.n_requests,
        "retries": found.n_retries,
        "notes": list(found.notes),
    }


@task(execution_timeout=timedelta(minutes=5), trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def plan(tried: Sequence[Sequence[str] | None]) -> Json:
    """Fix the snapshots and the day for the rest of the run, whichever sources failed tonight."""
    from cto import pipeline
    from cto import plan as planning
    from cto.lake import LakeError

    if None in tried:  # ALL_DONE also comes here when the sources could not be named
        raise AirflowFailException("the sources could not be named: see tasks leading_sources and following_sources")
    chosen = settings()
    with no_retry(LakeError):
        return planning.plan(pipeline.open_lake(chosen), chosen.as_of).to_json()


@task(execution_timeout=timedelta(hours=2))
def build(planned: Json) -> None:
    """Build the core tables."""
    from cto import pipeline

    pipeline.build(*state(planned))


@task(execution_timeout=timedelta(hours=6), map_index_template="part {{ task.op_kwargs['shard'] + 1 }}")
def ask(planned: Json, shard: int) -> Json:
    """Ask the models one part of what is not answered yet."""
    from cto import pipeline

    asked = pipeline.ask_shard(*state(planned), settings(), shard, SHARDS)
    return {name: found.to_json() for name, found in asked.items()}


@task(execution_timeout=timedelta(hours=2), multiple_outputs=False, trigger_rule=TriggerRule.ALL_DONE)
def annotate(planned: Json, parts: Sequence[Json | None]) -> Json:
    """Write the annotators' tables of what was answered, and add them to the plan; a part that failed stays open."""
    from cto import pipeline
    from cto.annotate.runner import Asked

    told = Asked.merged([part for part in parts if part])
    annotated = pipeline.annotate(*state(planned), settings(), told=told)
    for name, found in annotated.asked.items():
        for line in found.lines(name):
            log.log(logging.ERROR if found.failure else logging.INFO, "%s", line)
    return annotated.plan.to_json()


@task(execution_timeout=timedelta(hours=1), multiple_outputs=False)
def fit(planned: Json) -> Json:
    """Add to the plan the cut points and label models that the day may use; make them when there are none yet."""
    from cto import pipeline

    return pipeline.fit(*state(planned)).to_json()


@task(execution_timeout=timedelta(hours=1))
def vote(planned: Json) -> None:
    """Run the label functions."""
    from cto import pipeline

    pipeline.vote(*state(planned))


@task(execution_timeout=timedelta(hours=1))
def fuse(planned: Json) -> None:
    """Fuse the votes into labels."""
    from cto import pipeline

    pipeline.fuse(*state(planned))


@task(execution_timeout=timedelta(hours=1))
def check(planned: Json) -> None:
    """Run the checks that stand before a publish; when one fails, so does the run, and nothing is published."""
    from cto import pipeline
    from cto.check import GateError

    with no_retry(GateError):
        pipeline.check(*state(planned))


@task(execution_timeout=timedelta(hours=1))
def release(planned: Json) -> str:
    """Publish a release, unless the latest has the same content; return its version."""
    from cto import pipeline

    published, is_new = pipeline.publish(*state(planned), now())
    log.info("%s release %s", "Published" if is_new else "Nothing changed since", published.version)
    return published.version


@dag(
    schedule=CronTriggerTimetable("0 10 * * *", timezone="UTC"),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=16),
    default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},
    params={
        "only": Param(
            [],
            type="array",
            items={"type": "string", "enum": SOURCES},
            examples=SOURCES,
            title="Sources",
            description="Fetch only these sources; none chosen means all. The others keep their last snapshot.",
        ),
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date",
            title="As of",
            description="Use only evidence public by this day; empty means the day of the run.",
        ),
    },
    tags=["cto"],
    doc_md=__doc__,
)
def nightly_refresh() -> None:
    """Fetch, build, annotate, fit, vote, fuse, check and publish."""
    leading = sources.override(task_id="leading_sources")(are_following=False)
    following = sources.override(task_id="following_sources")(are_following=True)
    planned = plan([leading, following])
    fetched = ingest.override(task_id="ingest_leading").expand(source=leading)
    fetched >> ingest.override(task_id="ingest_following").expand(source=following) >> planned
    asked = ask.partial(planned=planned).expand(shard=list(range(SHARDS)))
    annotated = annotate(planned, asked)
    fitted = fit(annotated)
    build(planned) >> asked
    fitted >> vote(fitted) >> fuse(fitted) >> check(fitted) >> release(fitted)


nightly_refresh()
