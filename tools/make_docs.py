"""Writes the documents that follow from the code: data dictionary, sources and label functions, command line.

Run: python tools/make_docs.py [--check]; with --check nothing is written and a difference is an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cto import registry
from cto.cli import main as cto
from cto.schema import Column, Table

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Write or check the generated documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a document is out of date")
    check = parser.parse_args().check
    stale = [name for name, text in documents().items() if _read(DOCS / name) != text]
    if check and stale:
        sys.exit(f"out of date: {', '.join(stale)}; run make docs")
    for name in [] if check else stale:
        (DOCS / name).write_text(documents()[name])


def documents() -> dict[str, str]:
    """Return the text of every generated document by its file name."""
    return {
        "data_dictionary.md": "\n".join(_dictionary()) + "\n",
        "reference.md": "\n".join(_reference()) + "\n",
        "command_line.md": "\n".join(_command_line()) + "\n",
    }


def _reference() -> Iterator[str]:
    yield "# Sources, annotators and label functions"
    yield ""
    yield "Generated from the code by `make docs`."
    yield "\n## Sources\n"
    yield "| source | address | seconds between requests | licence |"
    yield "|---|---|---:|---|"
    for c in registry.connectors():
        yield f"| [{c.name}]({c.homepage}) | {c.url} | {c.seconds_between_requests} | {c.licence} |"
    yield "\n## Annotators\n"
    yield "| annotator | read by | prompt | what it does |"
    yield "|---|---|---|---|"
    for a in registry.annotators():
        yield f"| `{a.name}` | {a.reads_with or 'SQL'} | {a.prompt.name if a.prompt else ''} | {a.meaning} |"
    yield "\n## Label functions\n"
    yield "| function | version | kind | group | informs | votes |"
    yield "|---|---|---|---|---|---|"
    for f in registry.label_functions():
        informs = ", ".join(f"{name} {polarity:+d}" for name, polarity in f.informs.items())
        yield f"| `{f.name}` | {f.version} | {f.kind} | {f.group} | {informs} | {f.meaning} |"


def _dictionary() -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield "Generated from the contracts by `make docs`. Published tables first, then annotators', core, then raw."
    tables = registry.tables()
    layers = {"annot": 1, "core": 2, "raw": 3}
    for name in sorted(tables, key=lambda name: (layers.get(name.partition("_")[0], 0), name)):
        yield from _table(tables[name])


def _table(table: Table) -> Iterator[str]:
    yield f"\n## {table.name}\n"
    yield f"{table.description} Key: {', '.join(f'`{name}`' for name in table.key)}.\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    yield from (f"| `{c.name}` | {c.type} | {_meaning(c)} |" for c in table.columns)


def _meaning(column: Column) -> str:
    codes = f" One of: {', '.join(f'`{value}`' for value in column.values)}." if column.values else ""
    return (column.description + codes).replace("|", "\\|")


def _command_line() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "Generated from `cto --help` by `make docs`."
    yield from _help("cto", cto, None)
    for name, command in sorted(cto.commands.items()):
        yield from _help(name, command, click.Context(cto, info_name="cto"))


def _help(name: str, command: click.Command, parent: click.Context | None) -> Iterator[str]:
    yield f"\n## {name if parent is None else f'cto {name}'}\n"
    yield "```text"
    yield command.get_help(click.Context(command, info_name=name, parent=parent, max_content_width=100)).rstrip()
    yield "```"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    main()
