"""The command that lets models read, and how a run tells what it asked them."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from cto import pipeline
from cto.annotate.runner import Asked
from cto.cli_context import as_of_option, open_lake, settings
from cto.exits import EXIT_BUDGET, EXIT_SOURCE_FAILED, told
from cto.plan import plan
from cto.progress import Bars


@click.command()
@as_of_option
@click.option("--shard", metavar="I/N", help="Ask the I-th of N parts of the open questions, and write no tables.")
@told
def annotate(as_of: str | None, shard: str | None) -> None:
    """Let models read what label functions need read: papers, headlines, reasons for stops; link trials to later ones.

    What a model answered is kept, and no question is put twice; a run that was stopped goes on where it was. Which
    models read is said by CTO_LLM_URL, CTO_LLM_MODEL (name@revision), CTO_LLM_API_KEY, CTO_LLM_ENGINE (openai, vllm),
    CTO_SENTIMENT_MODEL and CTO_EMBEDDING_MODEL; what a run may spend by CTO_LLM_BUDGET_TOKENS and
    CTO_LLM_BUDGET_REQUESTS. Several workers may each take a part, --shard 1/4 to 4/4; a run without it then writes
    the tables.

    \b
    Exit codes: 0 done · 3 a model failed (what it said before still counts) · 5 the budget is spent, run again
    """
    chosen = settings(as_of)
    lake = open_lake()
    planned = plan(lake, chosen.as_of)
    if shard:
        number, of = _shard(shard)
        with Bars() as bars:
            asked: Mapping[str, Asked] = pipeline.ask_shard(lake, planned, chosen, number - 1, of, bars.show)
    else:
        with lake.run_lock("cto annotate"), Bars() as bars:
            asked = pipeline.annotate(lake, planned, chosen, bars.show).asked
    exit_code = tell_asked(asked)
    if exit_code:
        sys.exit(exit_code)


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise click.BadParameter(f"{text!r} is no part: write 2/4 for the second of four", param_hint="--shard")
    return int(number), int(of)


def tell_asked(asked: Mapping[str, Asked]) -> int:
    """Say what became of the questions to models; return the exit code that follows."""
    for name, found in asked.items():
        for line in found.lines(name):
            click.secho(line, fg="red" if found.failure else None, err=bool(found.failure))
    if any(found.failure for found in asked.values()):
        return EXIT_SOURCE_FAILED
    return EXIT_BUDGET if any(found.is_budget_spent for found in asked.values()) else 0
