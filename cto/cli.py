"""The command line: one verb for each intent."""

from __future__ import annotations

import csv
import os
import shlex
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import duckdb
from rich.console import Console

from cto import explain as explaining
from cto import pipeline, release, warehouse_file
from cto import status as state
from cto.card import fused_by
from cto.cli_annotate import annotate, tell_asked
from cto.cli_context import (
    as_of_option,
    as_text,
    json_option,
    now,
    open_lake,
    open_release,
    settings,
    version_option,
)
from cto.cli_judge import evaluate, report
from cto.cli_sources import doctor, sandbox, sources
from cto.diff import diff as compare
from cto.exits import EXIT_SOURCE_FAILED, told
from cto.http import SourceError
from cto.lake import Lake
from cto.plan import Plan, plan
from cto.progress import Bars, Progress
from cto.settings import Settings

OFFLINE = {"CTO_LLM_ENGINE": "openai", "CTO_SENTIMENT_MODEL": "none", "CTO_EMBEDDING_MODEL": "none"}
"""Settings of a demo: no model is fetched, and the one that is asked is the stand-in's."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", metavar="PLACE", help="Folder of the lake (CTO_HOME, else ./data).")
@click.version_option(package_name="cto")
def main(home: str | None) -> None:
    """Open, evidence-backed labels of clinical-trial outcomes.

    \b
    Try it offline:            cto demo
    Refresh from the sources:  cto refresh
    Why is a trial labelled?   cto explain NCT01234567
    How good are the labels?   cto evaluate labels GOLD.csv
    What do functions say?     cto report functions
    Ask anything in SQL:       cto sql "select * from labels limit 5"
    What is there, how fresh:  cto status
    Do the sources answer?     cto doctor
    """


@main.command()
@click.option("--only", metavar="SOURCE", multiple=True, help="Fetch only this source; may be repeated.")
@click.option("--full", is_flag=True, help="Fetch everything anew instead of what changed.")
@as_of_option
@told
def refresh(only: tuple[str, ...], full: bool, as_of: str | None) -> None:
    """Fetch, build, annotate, vote, fuse, check and publish.

    Only what changed is fetched and only what follows from it is built again. A run that was interrupted goes on where
    it stopped. When nothing changed, nothing is published.

    \b
    Exit codes: 0 done · 3 a source or model failed (what it gave before was used) · 4 a check failed, nothing
                published · 5 the budget for models is spent, the next run goes on · 75 another refresh is running
    """
    _refresh(settings(as_of), only, {"full": True} if full else {})


@main.command()
@as_of_option
@told
def demo(as_of: str | None) -> None:
    """Run everything on the shipped sample, offline, into ./demo.

    The sample holds facts of some real trials and an invented world of a few more (ids NCT999…).
    """
    from cto.sample import STUDIES, WORLD  # noqa: PLC0415
    from cto.sandbox import Sandbox  # noqa: PLC0415  (a server that only the demo needs)

    root = click.get_current_context().find_root().params.get("home")
    home = root or os.environ.get("CTO_HOME") or "demo"
    with Sandbox(studies=STUDIES, world=WORLD) as sandbox:
        chosen = Settings.of({**os.environ, **OFFLINE, **sandbox.environment}, now().date(), home, as_of)
        _refresh(replace(chosen, urls=sandbox.urls, keys={}, is_sample=True), tuple(sandbox.urls), {})
    again = f"{shlex.quote(sys.argv[0])} --home {shlex.quote(home)}"
    click.echo(
        f"\nLook at it:\n"
        f"  {again} status\n"
        f"  {again} explain NCT99900003\n"
        f'  {again} sql "select definition, label, count(*) from labels group by all order by all"'
    )


def _refresh(chosen: Settings, only: tuple[str, ...], options: dict[str, bool]) -> None:
    with Bars() as bars:
        night = pipeline.refresh(chosen, only, now, options, bars.show)
    for name, found in night.ingested.items():
        click.echo(f"{name}: {found.n_new_pages} new pages, {found.n_requests} requests, {found.n_retries} repeated")
        for note in found.notes:
            click.echo(f"  {note}")
    version = night.release.version
    place = f"{chosen.home}/releases/{version}"
    click.echo(
        f"Published release {version}: {place}" if night.is_new else f"Nothing changed since release {version}: {place}"
    )
    for definition, n in night.release.manifest["labels"].items():
        click.echo(
            f"  {definition}: {n['one']} × 1, {n['zero']} × 0, {n['none']} unlabelled of {n['rows']} ended trials"
        )
    for name, error in night.failures.items():
        click.secho(f"{name} failed, its last snapshot was used: {error}", fg="red", err=True)
    exit_code = tell_asked(night.asked)
    if night.failures or exit_code:
        sys.exit(EXIT_SOURCE_FAILED if night.failures else exit_code)


@main.command()
@click.option("--only", metavar="SOURCE", multiple=True, help="Only this source; may be repeated.")
@click.option("--full", is_flag=True, help="Fetch everything anew instead of what changed.")
@click.option("--reconcile", is_flag=True, help="Read the full list of identifiers and mark what is gone.")
@told
def ingest(only: tuple[str, ...], full: bool, reconcile: bool) -> None:
    """Fetch what changed from the sources and parse it. A source that fails stops no other; the exit code is then 3."""
    chosen = settings()
    lake = pipeline.open_lake(chosen)
    options = {name: True for name, wanted in (("full", full), ("reconcile", reconcile)) if wanted}
    failures: list[str] = []
    with lake.run_lock("cto ingest"), Bars() as bars:
        for connector in pipeline.sources(only, chosen):
            try:
                found = pipeline.ingest_source(lake, chosen, connector, now, options, bars.show)
            except SourceError as error:
                failures.append(f"{connector.name} failed, its last snapshot stays in use: {error}")
                continue
            click.echo(f"{connector.name}: {found.n_new_pages} new pages; data public by {found.snapshot.public_by}")
            for note in found.notes:
                click.echo(f"  {note}")
    for failure in failures:
        click.secho(failure, fg="red", err=True)
    if failures:
        sys.exit(EXIT_SOURCE_FAILED)


def _stage(name: str, description: str, run: Callable[[Lake, Plan, Progress], object]) -> None:
    """Add a verb that runs one stage for the present snapshots and day."""

    @main.command(name=name, help=description)
    @as_of_option
    @told
    def verb(as_of: str | None) -> None:
        chosen = settings(as_of)
        lake = open_lake()
        with lake.run_lock(f"cto {name}"), Bars() as bars:
            run(lake, plan(lake, chosen.as_of), bars.show)


_stage("build", "Build the core tables from what was fetched.", pipeline.build)


@main.command()
@as_of_option
@told
def fit(as_of: str | None) -> None:
    """Fit cut points and label models anew, on trials that had ended by a day.

    A refresh fits once and then carries the fit on unchanged, so that no label moves for a trial nobody touched. This
    fits on purpose: builds use the fit of the newest day that is not after their own. Never fitted on gold labels.
    """
    chosen = settings(as_of)
    lake = open_lake()
    with lake.run_lock("cto fit"), Bars() as bars:
        fitted = pipeline.fit(lake, plan(lake, chosen.as_of), bars.show, anew=True).fitted
    click.echo(f"Fitted as of {fitted.fitted_as_of}: {len(fitted.cut_points)} cut points ({fitted.id})")
    for definition, model in fitted.models.items():
        click.echo(f"  {definition}: {fused_by(model)}")


_stage("vote", "Run the label functions over the core tables.", pipeline.vote)
_stage("fuse", "Fuse the votes into labels.", pipeline.fuse)
_stage("check", "Run the checks that stand before a publish.", lambda lake, planned, _: pipeline.check(lake, planned))


@main.command(name="release")
@as_of_option
@told
def publish(as_of: str | None) -> None:
    """Publish the labels as a release, unless the latest has the same content."""
    chosen = settings(as_of)
    lake = open_lake()
    with lake.run_lock("cto release"):
        planned = plan(lake, chosen.as_of)
        pipeline.check(lake, planned)
        published, is_new = pipeline.publish(lake, planned, now())
    click.echo(f"{'Published' if is_new else 'Nothing changed since'} release {published.version}")


@main.command()
@click.argument("nct_id")
@version_option
@json_option
@told
def explain(nct_id: str, version: str | None, as_json: bool) -> None:
    """Say why a trial is labelled as it is: every vote, its evidence and since when that was public."""
    lake = open_lake()
    found = explaining.explain(lake, open_release(lake, version), nct_id)
    click.echo(as_text(found) if as_json else "\n".join(explaining.sentences(found)))


@main.command()
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
@told
def sql(query: str, as_csv: bool) -> None:
    """Ask the warehouse in SQL (DuckDB's). It can be read and nothing else: no writing, no other files.

    \b
    cto sql "show tables"
    cto sql "select phase, label, count(*) from labels join trials using (nct_id)
             where definition = 'success' and in_scope group by all order by all"
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        warehouse_file.open_locked(open_lake(), Path(folder)) as con,
    ):
        try:
            _print_rows(con, query, as_csv)
        except duckdb.Error as error:  # the query is the user's, and so is its mistake
            raise click.ClickException(str(error)) from error


def _print_rows(con: duckdb.DuckDBPyConnection, query: str, as_csv: bool) -> None:
    found = con.sql(query)
    if found is None:
        return
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(found.columns)
        while rows := found.fetchmany(10_000):
            writer.writerows(rows)
    else:
        found.show(max_width=max(Console().width, 80), max_rows=200)


@main.command()
@json_option
@told
def status(as_json: bool) -> None:
    """Show what each source holds and how fresh it is, what could not be read, and the latest release."""
    found = state.status(open_lake(), now())
    click.echo(as_text(found) if as_json else "\n".join(state.lines(found)))


@main.command()
@click.argument("before")
@click.argument("after", required=False)
@json_option
@told
def diff(before: str, after: str | None, as_json: bool) -> None:
    """Name the labels that moved between two releases, and the votes that moved them (AFTER: default the latest)."""
    lake = open_lake()
    found = compare(lake, release.read(lake, before), open_release(lake, after))
    if as_json:
        click.echo(as_text(found))
        return
    came, went = found["trials"]["came"], found["trials"]["went"]
    click.echo(
        f"{found['before']} → {found['after']}: {len(found['labels'])} labels moved, {came} trials came, {went} went"
    )
    for row in found["labels"]:
        shown = {None: "none"}
        votes = ", ".join(row["votes"]) or "no vote changed"
        click.echo(
            f"  {row['nct_id']} {row['definition']}: {shown.get(row['before'], row['before'])} → "
            f"{shown.get(row['after'], row['after'])}  ({votes})"
        )


for group in (annotate, evaluate, report, sandbox, doctor, sources):
    main.add_command(group)
