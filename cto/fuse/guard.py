"""The guard: refuses a fit without gold whose latent label is not the outcome, or that hangs on one group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cto.fuse.matrix import NO_VOTE, Floats, Json, LabelMatrix, LabelModel

ROWS = 10_000
"""Trials that a fit is judged on and refitted on: enough to see a label turn over, and cheap."""
FEWEST_GROUPS = 3
"""Groups that must vote for the accuracy of any to be learnt: two voices that differ may each be the wrong one."""
MOST_OVERRULED = 0.05
"""Share of trials that a fit may label against outcome votes that agree."""


class Explained(LabelModel, Protocol):
    """A label model that tells what each function says under it."""

    def function_table(self, matrix: LabelMatrix) -> list[Json]:
        """Return the table of :func:`cto.fuse.matrix.function_table`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a fit may label.

    Attributes:
        accepted: whether.
        reason: why, in a sentence or two for a reader of the release.
        strongest: the function that tells most of the latent label; empty where none tells anything.

    """

    accepted: bool
    reason: str
    strongest: str


def fit_or_refuse(model: Explained, matrix: LabelMatrix, fallback: LabelModel) -> tuple[LabelModel, Verdict]:
    """Return the fitted model or, where the guard refuses it, the fitted fallback; and the verdict."""
    fitted = model.fit(matrix)
    verdict = guard(fitted, matrix)
    return fitted if verdict.accepted else fallback.fit(matrix), verdict


def guard(model: Explained, matrix: LabelMatrix) -> Verdict:
    """Judge a fitted model by the votes it was fitted on, at most :data:`ROWS` trials of them.

    It is refused when

    - fewer than three groups vote: no two voices can tell which of them is right;
    - its strongest function does not tell an outcome: then the latent label is the size of the trial or the like;
    - it often labels against outcome votes that agree: then how trials went outweighs what came of them;
    - leaving out one group and fitting anew turns the labels over: more than half of those that both fits give are
      opposite, or the two rank trials the other way round. A group is not left out when all outcome votes left would be
      the same.
    """
    trials = matrix.sample(ROWS, seed=0)
    voting = {g for g, votes in zip(trials.groups, trials.votes.T, strict=True) if (votes != NO_VOTE).any()}
    if len(voting) < FEWEST_GROUPS:
        heard = ", ".join(sorted(voting)) or "none"
        reason = f"Too few groups vote to learn from ({heard}): it takes {FEWEST_GROUPS}."
        return Verdict(accepted=False, reason=reason, strongest="")
    table = model.function_table(trials)
    best = max(table, key=lambda row: (row["information"], row["name"]), default=None)
    if best is None or best["information"] <= 0:
        return Verdict(accepted=False, reason="No function says anything of the latent label.", strongest="")
    strongest = f"{best['name']!r}, of kind {best['kind']}"
    if best["kind"] != "outcome":
        reason = f"The latent label is not the outcome: the function that says most of it is {strongest}."
        return Verdict(accepted=False, reason=reason, strongest=best["name"])
    whole = model.predict_proba(trials)
    overruled = _overruled(trials, whole)
    if overruled > MOST_OVERRULED:
        reason = f"It labels {overruled:.0%} of the trials against outcome votes that agree."
        return Verdict(accepted=False, reason=reason, strongest=best["name"])
    skipped = []
    for group in sorted(set(trials.groups)):
        others = trials.columns([i for i, of in enumerate(trials.groups) if of != group])
        if _only_label(others):
            skipped.append(repr(group))
        elif how := _turned_over(whole, model.fit(others).predict_proba(others)):
            reason = f"The labels hang on one group: without {group!r}, {how}."
            return Verdict(accepted=False, reason=reason, strongest=best["name"])
    reason = f"The strongest function is {strongest}, and no group turns the labels over when it is left out."
    if skipped:
        reason += f" Not left out, as all outcome votes left would be the same: {', '.join(skipped)}."
    return Verdict(accepted=True, reason=reason, strongest=best["name"])


def _overruled(matrix: LabelMatrix, p_success: Floats) -> float:
    """Return the share of trials labelled against outcome votes that agree, among those that have such votes."""
    outcome = matrix.votes[:, [kind == "outcome" for kind in matrix.kinds]]
    for_it, against = (outcome == 1).any(axis=1), (outcome == 0).any(axis=1)
    agree = for_it != against
    return float(((p_success > 0.5) != for_it)[agree].mean()) if agree.any() else 0.0


def _only_label(matrix: LabelMatrix) -> bool:
    """Return whether all outcome votes are the same: then every labelled trial is declared to be the same."""
    outcome = matrix.votes[:, [kind == "outcome" for kind in matrix.kinds]]
    return len(np.unique(outcome[outcome != NO_VOTE])) < 2


def _turned_over(whole: Floats, part: Floats) -> str:
    """Return how two fits of the same trials contradict each other; empty when they do not."""
    labelled = (whole != 0.5) & (part != 0.5) & ~np.isnan(whole) & ~np.isnan(part)
    whole, part = whole[labelled], part[labelled]
    if not len(whole):
        return ""
    agreement = float(((whole > 0.5) == (part > 0.5)).mean())
    if agreement < 0.5:
        return f"only {agreement:.0%} of the labels stay"
    # Ranks among trials of one label only are noise: every stopped trial is 0, whichever way they are ordered.
    if all(np.unique(p > 0.5).size == 2 for p in (whole, part)):
        correlation = float(np.corrcoef(_ranks(whole), _ranks(part))[0, 1])
        if correlation < 0:
            return f"trials rank the other way round (correlation {correlation:.2f})"
    return ""


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value; equal values share their mean rank."""
    _, which, times = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(times) - (times - 1) / 2)[which], dtype=np.float64)
