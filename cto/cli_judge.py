"""Commands that judge what the pipeline made: labels and readers against gold, label functions against each other."""

from __future__ import annotations

from pathlib import Path

import click

from cto import abstracts as judging
from cto import evaluate as evaluating
from cto import report as reporting
from cto import report_html
from cto.annotate import models
from cto.annotate.request import ModelError
from cto.cli_context import as_text, json_option, open_lake, open_release, settings, version_option
from cto.exits import told
from cto.fuse import GroupedDawidSkene, Triplet
from cto.gold import read_gold
from cto.labels import DEFINITIONS
from cto.lake import Lake
from cto.progress import Bars

gold_file = click.Path(exists=True, dir_okay=False, path_type=Path)
definition_option = click.option(
    "--definition",
    type=click.Choice(list(DEFINITIONS)),
    default="success",
    show_default=True,
    help="Whose labels to compare.",
)


@click.group()
def evaluate() -> None:
    """Hold the labels against gold ones, from which no label, threshold or prior is ever made."""


@evaluate.command(name="labels")
@click.argument("gold", type=gold_file)
@definition_option
@version_option
@click.option("--draws", type=click.IntRange(100), default=1000, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the resampling.")
@json_option
@told
def labels(gold: Path, definition: str, version: str | None, draws: int, seed: int, as_json: bool) -> None:
    """Compare a release's labels, and every label model, with those of a gold file.

    GOLD is a csv or csv.gz with columns nct_id and label (1, 0; empty or -1 for unlabelled), optionally source; other
    columns are ignored. Figures are given beside three baselines (the status alone, all positive, the majority), for
    all gold trials and for those that no simple rule decides, with intervals that resample lead sponsors.
    """
    lake = open_lake()
    models = (GroupedDawidSkene(), Triplet())
    found = evaluating.evaluate(
        lake, open_release(lake, version), read_gold(gold), models, definition, n_bootstrap=draws, seed=seed
    )
    click.echo(as_text(found) if as_json else "\n".join(evaluating.lines(found)))


@evaluate.command(name="abstracts")
@click.argument("file", type=gold_file)
@json_option
@told
def abstracts(file: Path, as_json: bool) -> None:
    """Measure how the configured language model reads abstracts whose results doctors have judged.

    FILE holds one paper a line as JSON (jsonl, jsonl.gz): pmcid, sections, findings with intervention, comparator and
    outcome, all_significant and none_significant. Accuracy is given with 95 % intervals, over the papers that the model
    answers and over all, and beside two baselines. Answers are kept: what was answered is never asked again.
    """
    judged = judging.read_abstracts(file)
    configured = settings()
    model = models.model_for("llm", configured)
    if isinstance(model, models.NoModel):
        raise ModelError(model.reason)
    with Bars() as bars:
        found = judging.measure(Lake(configured.home), judged, model, models.budget(configured), bars.show)
    click.echo(as_text(found) if as_json else "\n".join(judging.lines(found)))


@click.group()
def report() -> None:
    """Report on the parts that labels are made of."""


@report.command(name="functions")
@click.option("--gold", type=gold_file, help="Gold labels to hold the functions against (csv, csv.gz).")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("functions.html"),
    show_default=True,
    help="Where to write the page.",
)
@version_option
@json_option
@told
def functions(gold: Path | None, html: Path, version: str | None, as_json: bool) -> None:
    """Show what the label functions cover, where they overlap and conflict, and how they depend on each other.

    Writes one page with pictures, which needs nothing else to be read. With --gold it adds each function's accuracy,
    kappa and lift with intervals. --json prints the figures and writes no page.
    """
    lake = open_lake()
    found = reporting.function_report(lake, open_release(lake, version), read_gold(gold) if gold else None)
    if as_json:
        click.echo(as_text(found))
        return
    html.write_text(report_html.render(found), encoding="utf-8")
    click.echo(f"Wrote {html}")
