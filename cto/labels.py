"""Label functions: named SQL that votes on trials, with what each says, on which evidence, since when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from cto.schema import digest

Kind = Literal["outcome", "conduct", "design"]

KINDS: tuple[Kind, ...] = ("outcome", "conduct", "design")


@dataclass(frozen=True, slots=True)
class Definition:
    """What a label says.

    Attributes:
        meaning: what 1 means.
        kinds: which kinds of functions it is fused from. Design functions vote and are published, but a label made of
            start-time features would teach a predictor the rule that made it.

    """

    meaning: str
    kinds: tuple[Kind, ...] = ("outcome", "conduct")


DEFINITIONS: Mapping[str, Definition] = {
    "success": Definition("the trial met its aim and was not stopped for cause"),
    "endpoint_met": Definition("a primary efficacy endpoint was met, in the stated direction"),
    "cto_compatible": Definition(
        "success by the convention of the CTO labels of 2024, for comparison only: every stop is a failure, "
        "any primary p-value under .05 a success, the rest a vote of all functions",
        KINDS,
    ),
}

COLUMNS = {
    "nct_id": "VARCHAR",
    "vote": "TINYINT",
    "score": "DOUBLE",
    "available_at": "DATE",
    "available_at_basis": "VARCHAR",
    "evidence": "STRUCT(says VARCHAR, rows VARCHAR[])",
}
"""What a label function's query returns, one row a trial. ``evidence.says`` is a sentence for a reader,
``evidence.rows`` names the core rows it rests on as ``table:key:…``."""


@dataclass(frozen=True, slots=True)
class LabelFunction:
    """A named query over core and annotation tables.

    Attributes:
        name: the name in the vote table.
        kind: ``outcome`` (what happened to endpoint or drug), ``conduct`` (how the trial went) or ``design`` (what was
            known at its start).
        group: correlated functions share one; fusion hears a group as one voice.
        informs: definition → polarity: +1 when the vote speaks for it as it stands, -1 when turned over.
        version: raised by hand whenever the meaning changes; old votes keep the old one.
        meaning: the docstring's first line.
        sql: the query, returning :data:`COLUMNS`.
        module: where it is defined.

    """

    name: str
    kind: Kind
    group: str
    informs: Mapping[str, int]
    version: int
    meaning: str
    sql: str
    module: str = ""

    def fingerprint(self) -> str:
        """Return a digest that changes when the function may vote differently."""
        return digest(repr((self.name, self.kind, self.group, sorted(self.informs.items()), self.version, self.sql)))


def label_function(
    *, kind: Kind, group: str, informs: Mapping[str, int], version: int = 1
) -> Callable[[Callable[[], str]], LabelFunction]:
    """Make a label function of a Python function that returns its SQL.

    Raises:
        ValueError: an unknown definition or a polarity other than +1 and -1, or no docstring.

    >>> @label_function(kind="conduct", group="reporting", informs={"success": +1})
    ... def has_a_title() -> str:
    ...     "Vote success when the trial has a title."
    ...     return "select …"
    >>> has_a_title.name, has_a_title.meaning
    ('has_a_title', 'Vote success when the trial has a title.')

    """
    for definition, polarity in informs.items():
        if definition not in DEFINITIONS:
            raise ValueError(f"unknown definition {definition!r}; known: {', '.join(DEFINITIONS)}")
        if polarity not in (1, -1):
            raise ValueError(f"polarity of {definition} must be +1 or -1, not {polarity!r}")

    def make(function: Callable[[], str]) -> LabelFunction:
        if not function.__doc__:
            raise ValueError(f"label function {function.__name__} needs a docstring that says when it votes")
        meaning = function.__doc__.strip().splitlines()[0]
        return LabelFunction(
            function.__name__, kind, group, dict(informs), version, meaning, function().strip(), function.__module__
        )

    return make
