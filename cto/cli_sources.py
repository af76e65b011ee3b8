"""The verbs about the sources themselves: whether they answer, what they are, and stand-ins for them."""

from __future__ import annotations

import signal
import sys
from dataclasses import asdict
from pathlib import Path

import click

from cto import doctor as doctoring
from cto import pipeline, registry
from cto.cli_context import as_text, json_option, settings
from cto.exits import EXIT_SOURCE_FAILED, told


@click.command()
@click.option("--studies", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True,
              help="API v2 records to serve, one JSON a line, plain or gzipped (default: the sample).")  # fmt: skip
@click.option("--world", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
              help="Folder with a file a source, as in the sample's world (default: the sample).")  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port on 127.0.0.1; 0 picks one."
)
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Break it; see --list-faults. May be repeated.")
@click.option("--list-faults", is_flag=True, help="Print the faults it knows, and end.")
@told
def sandbox(
    studies: tuple[Path, ...], world: Path | None, port: int, faults: tuple[str, ...], list_faults: bool
) -> None:
    """Serve stand-ins for the sources on loopback, by their real protocols, until interrupted.

    It prints the variables by which the other commands find them. A fault named SOURCE:NAME hits that source only.

    POST /_sandbox/studies adds or replaces studies, which is a data refresh; GET /_sandbox/requests lists the calls.
    """
    from cto.sample import STUDIES, WORLD  # noqa: PLC0415
    from cto.sandbox import FAULTS, Sandbox  # noqa: PLC0415  (a server that only this verb needs)

    if list_faults:
        for name, meaning in FAULTS.items():
            click.echo(f"{name:24} {meaning}")
        return
    if not studies and not world:
        studies, world = STUDIES, WORLD
    made = Sandbox(studies=studies, port=port, world=world)
    for name in faults:
        try:
            made.add_fault(name)
        except ValueError as error:
            raise click.BadParameter(f"{error}; see --list-faults", param_hint="--fault") from error
    with made as server:
        for name, value in server.environment.items():
            click.echo(f"{name}={value}")
        click.echo("Serving until interrupted (Ctrl-C).", err=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.pause()


@click.command()
@click.option("--only", metavar="SOURCE", multiple=True, help="Only this source; may be repeated.")
@json_option
@told
def doctor(only: tuple[str, ...], as_json: bool) -> None:
    """Ask every source one small thing and say whether it still answers as its connector expects.

    Nothing is kept or changed. Sources that are off are asked only when named.

    \b
    Exit codes: 0 all are well · 3 one is not
    """
    chosen = settings()
    findings = []
    for found in doctoring.examine(chosen, pipeline.sources(only, chosen)):
        findings.append(found)
        if not as_json:
            click.secho(f"{found.source}: {found.verdict} ({found.seconds} s)", fg=None if found.is_well else "red")
    if as_json:
        click.echo(as_text([asdict(found) for found in findings]))
    if not all(found.is_well for found in findings):
        sys.exit(EXIT_SOURCE_FAILED)


@click.command()
def sources() -> None:
    """List the sources and label functions."""
    for connector in registry.connectors():
        click.echo(f"{connector.name}: {connector.homepage}; {connector.licence}")
    for function in registry.label_functions():
        click.echo(f"{function.name} ({function.kind}, informs {', '.join(function.informs)}): {function.meaning}")
