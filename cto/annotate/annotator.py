"""What an annotator is: which rows are read, what a model is asked about each, and how its answer is understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from cto.annotate.request import Json, Reply
from cto.schema import Column, Table

Row = Mapping[str, Any]
Kind = Literal["llm", "sentiment", "embedding"]

PROVENANCE = (
    Column("model", "VARCHAR", "Model that read it; null when nothing was asked."),
    Column("revision", "VARCHAR", "Revision of the model's weights, as configured."),
    Column("prompt", "VARCHAR", "Name and version of the prompt."),
    Column("input_digest", "VARCHAR", "Sha256 of the question, by which its answer is kept."),
    Column("engine", "VARCHAR", "What brought the question to the model."),
    Column("attempts", "INTEGER", "How often it was asked until an answer could be used, or was given up."),
    Column("abstain_reason", "VARCHAR", "Why the row says nothing: not asked, or no usable answer."),
)
"""Columns that every table filled by a model ends with."""


class BadAnswerError(ValueError):
    """An answer cannot be used: worth a second try, and after that an abstention for ``reason``."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """Keep the reason, a code such as ``invalid_json``, beside the detail for a reader."""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt from a file: name and version, what the model is told, and the template of what it reads.

    The file is ``annotators/prompts/<name>.v<number>.txt``: the system's text, a line ``---``, the user's text, in
    which ``{column}`` stands for a value of the row.
    """

    name: str
    system: str
    template: str

    def user(self, row: Row) -> str:
        """Return the text about a row; braces in its values stay as they are."""
        return re.sub(r"\{([a-z_]+)\}", lambda m: str(row[m[1]]), self.template)


def prompt(name: str) -> Prompt:
    """Read a prompt by name and version, such as ``pubmed_verdict.v1``."""
    text = (files("annotators") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")
    system, user = text.split("\n---\n", 1)
    return Prompt(name, system.strip(), user.strip())


@dataclass(frozen=True, slots=True)
class Annotator:
    """Reads core rows and says what it read in the table ``annot_<name>``.

    Attributes:
        name: module name, too.
        meaning: one line for readers: what it reads and says.
        table: contract of its table; with a model it ends with :data:`PROVENANCE`.
        sql: without ``reads_with`` the whole table. With it the rows to read: the key columns of the table, what
            ``ask`` and ``read`` need, and ``skip_reason``: why a row is not to be asked about, else null. May read core
            tables and the tables of other annotators.
        reads_with: kind of model, None when SQL does it all.
        prompt: the prompt, for an LLM.
        schema: JSON schema of the answer, for an LLM.
        choices: fields of the schema whose probabilities are wanted.
        max_tokens: most tokens of an answer.
        text: column of ``sql`` that a model without a prompt reads.
        read: turns a row and its answer into the table's own columns (key and provenance are added). Raises
            :class:`BadAnswerError`.

    """

    name: str
    meaning: str
    table: Table
    sql: str
    reads_with: Kind | None = None
    prompt: Prompt | None = None
    schema: Json | None = None
    choices: tuple[str, ...] = ()
    max_tokens: int = 512
    text: str = "text"
    read: Callable[[Row, Reply], Json] | None = None
