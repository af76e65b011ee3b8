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
        zero: what 0 means.
        kinds: which kinds of functions it is fused from. Design functions vote and are published, but a label made of
            start-time features would teach a predictor the rule that made it.
        is_probability: whether ``p_success`` is meant as the probability of 1; not where rules give hard labels.

    """

    meaning: str
    zero: str
    kinds: tuple[Kind, ...] = ("outcome", "conduct")
    is_probability: bool = True


DEFINITIONS: Mapping[str, Definition] = {
    "success": Definition(
        "the trial met its aim and was not stopped for cause",
        "it missed its aim, or was stopped for lack of efficacy, for safety or for poor accrual",
    ),
    "endpoint_met": Definition(
        "a primary efficacy endpoint was met, in the stated direction", "every primary efficacy endpoint was missed"
    ),
    "progressed": Definition(
        "a later-phase trial of the same experimental drugs in the same condition began, or the FDA approved them",
        "the time in which most that go on have gone on passed without one",
        ("outcome",),
    ),
    "cto_compatible": Definition(
        "success by the convention of the CTO labels of 2024, for comparison only: every stop is a failure, "
        "any primary p-value under .05 a success, the rest a vote of all functions",
        "the trial was stopped, or the vote went against it",
        KINDS,
        is_probability=False,
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


SCORE_COLUMNS = {
    "nct_id": "VARCHAR",
    "score": "DOUBLE",
    "noise": "DOUBLE",
    "score_basis": "VARCHAR",
    "available_at": "DATE",
    "available_at_basis": "VARCHAR",
    "evidence": "STRUCT(says VARCHAR, rows VARCHAR[])",
}
"""What the query of a function that votes by a cut point returns: its score, one standard error of it, and on which of
the function's scales it stands, each of which has a cut point of its own."""

Better = Literal["below", "above"]


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
        sql: the query, returning :data:`COLUMNS`, or :data:`SCORE_COLUMNS` when ``better`` is set.
        module: where it is defined.
        better: for a function that votes by a cut point, on which side of it the score speaks for 1.
        unit: unit of the score, as a reader would write it after a number.
        cuts: for a function that reads ``cut_point`` for a threshold of another kind than the median of its scores, the
            query that fits it: rows ``phase, score_basis, cut, band, n, fitted_on``. It may read core and annotation
            tables, ``run`` (``as_of``, ``is_current``) and ``ended`` (``nct_id``, ``phase``).

    """

    name: str
    kind: Kind
    group: str
    informs: Mapping[str, int]
    version: int
    meaning: str
    sql: str
    module: str = ""
    better: Better | None = None
    unit: str = ""
    cuts: str = ""

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns that its query returns, and their types."""
        return SCORE_COLUMNS if self.better else COLUMNS

    @property
    def vote_sql(self) -> str:
        """The query that returns its votes; that of a function with a cut point reads table ``cut_point`` besides."""
        return (
            _CUT.format(name=self.name, better=self.better, unit=self.unit, sql=self.sql) if self.better else self.sql
        )

    def fingerprint(self) -> str:
        """Return a digest that changes when the function may vote differently."""
        return digest(
            repr(
                (self.name, self.kind, self.group, sorted(self.informs.items()), self.version, self.vote_sql, self.cuts)
            )
        )


_CUT = """
with scored as (
{sql}
),
compared as (
    select
        s.*,
        c.phase,
        case when score < cut then 'below' else 'above' end as side,
        format('{{:.6g}} ± {{:.6g}}', cut, band) as usual
    from scored s
    join core_study t on s.nct_id = t.nct_id
    join cut_point c
        on c.label_function = '{name}' and c.phase = coalesce(t.phase, 'NA') and c.score_basis = s.score_basis
    where abs(score - cut) > band + 2 * noise
)
select
    nct_id,
    (side = '{better}')::tinyint as vote,
    score,
    available_at,
    available_at_basis,
    {{
        'says': evidence.says || ', clearly ' || side || ' the ' || usual || '{unit} usual in '
            || case phase when 'NA' then 'trials without a phase' else phase || ' trials' end || '.',
        'rows': evidence.rows
    }} as evidence
from compared
"""


def label_function(
    *,
    kind: Kind,
    group: str,
    informs: Mapping[str, int],
    version: int = 1,
    better: Better | None = None,
    unit: str = "",
    cuts: str = "",
) -> Callable[[Callable[[], str]], LabelFunction]:
    """Make a label function of a Python function that returns its SQL.

    With ``better`` the SQL returns a score (:data:`SCORE_COLUMNS`), and the function votes where the score lies clearly
    on one side of its fitted cut point: farther from it than the band around the cut and two standard errors together.

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
        meaning, sql = function.__doc__.strip().splitlines()[0], function().strip()
        return LabelFunction(
            function.__name__,
            kind,
            group,
            dict(informs),
            version,
            meaning,
            sql,
            function.__module__,
            better,
            unit,
            cuts,
        )

    return make
