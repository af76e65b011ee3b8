"""Median of triplets: the rates of each function in closed form, from how pairs of functions vary together.

When votes depend on each other through the label alone, cov(i, j) = d(i) d(j) P(1) P(0), where d is how much likelier a
function votes 1 on a success than on a failure. So three functions give d² of each: cov(i, j) cov(i, k) / cov(j, k).
Each function takes the median over its triplets of three groups: within a group, votes agree for other reasons too. A
one-sided function is read as voting on every trial, 1 or 0 by whether it spoke. Where groups are declared rightly this
is weaker than Dawid–Skene, but it is one pass over the trials with nothing to converge: a check on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import log
from typing import Self

import numpy as np
import numpy.typing as npt

from cto.fuse.matrix import NO_VOTE, Floats, Json, LabelMatrix, function_table

_SURE = 0.01
"""No rate is nearer to 0 or 1 than this: moments are noisy, and must not say never."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What was learnt of a function.

    Attributes:
        name, group, kind: of the function.
        reads: what it is read as when it is silent, votes 0 and votes 1; None is no vote.
        given_1, given_0: P(read as 1 | label is 1) and P(read as 1 | label is 0), when it is read at all.

    """

    name: str
    group: str
    kind: str
    reads: tuple[int | None, int | None, int | None]
    given_1: float
    given_0: float


@dataclass(frozen=True, slots=True)
class Triplet:
    """Naive Bayes over functions whose rates are medians of triplets.

    Attributes:
        class_balance: P(1), which the moments cannot tell.
        common: trials, at least, that both functions of a pair must vote on for it to count.
        rates: what was learnt, by function; none before a fit.

    """

    class_balance: float = 0.5
    common: int = 30
    rates: tuple[Rates, ...] = field(default=(), repr=False)
    name: str = "triplet"
    version: int = 1

    def fit(self, matrix: LabelMatrix) -> Self:
        """Learn from the votes, and from the trials without any, and return the fitted model.

        A function that runs against the others, or shares no triplet with two of them, is heard as saying nothing.
        """
        reads = _reads(matrix)
        both, of_ones, ones = _pairs(matrix, reads)
        share = 1 / np.maximum(both, 1.0)
        covariance = ones * share - (of_ones * share) * (of_ones.T * share)
        group = np.array(matrix.groups)
        usable = (both >= self.common) & (group[:, None] != group[None, :])
        spread = self.class_balance * (1 - self.class_balance)
        rates = []
        for i, name in enumerate(matrix.functions):
            d = min(1.0, (_median_square(i, covariance, usable) / spread) ** 0.5)
            mean = of_ones[i, i] * share[i, i]
            given_1 = float(np.clip(mean + (1 - self.class_balance) * d, _SURE, 1 - _SURE))
            given_0 = float(np.clip(mean - self.class_balance * d, _SURE, 1 - _SURE))
            rates.append(Rates(name, matrix.groups[i], matrix.kinds[i], reads[i], given_1, given_0))
        return replace(self, rates=tuple(rates))

    def predict_proba(self, matrix: LabelMatrix) -> Floats:
        """Return P(1) by trial, NaN where no outcome function votes.

        Raises:
            ValueError: the matrix has other functions than those that the model was fitted on.

        """
        found = zip(matrix.chunks(), self._beliefs(matrix), strict=True)
        return np.concatenate([np.where(chunk.informative(), p, np.nan) for chunk, p in found])

    def function_table(self, matrix: LabelMatrix) -> list[Json]:
        """Return what each function says of the label under this model: :func:`cto.fuse.matrix.function_table`."""
        heard = [rates.name for rates in self.rates if rates.reads[0] is not None]
        return function_table(matrix, np.concatenate(list(self._beliefs(matrix))), heard)

    def state(self) -> Json:
        """Return the class balance, and the rates by function."""
        rates = {
            of.name: {
                "group": of.group,
                "kind": of.kind,
                "reads": list(of.reads),
                "given_1": of.given_1,
                "given_0": of.given_0,
            }
            for of in self.rates
        }
        return {"class_balance": self.class_balance, "rates": rates}

    def with_state(self, state: Json) -> Self:
        """Return the model as fitted, from its :meth:`state`."""
        rates = tuple(Rates(name, **of | {"reads": tuple(of["reads"])}) for name, of in state["rates"].items())
        return replace(self, class_balance=float(state["class_balance"]), rates=rates)

    def _beliefs(self, matrix: LabelMatrix) -> Iterator[Floats]:
        """Yield P(1) by trial, informative or not, of each chunk of the matrix."""
        matrix.require((rates.name, rates.group, rates.kind) for rates in self.rates)
        column = {name: i for i, name in enumerate(matrix.functions)}
        prior = log(self.class_balance / (1 - self.class_balance))
        for chunk in matrix.chunks():
            log_odds = np.full(len(chunk.nct_ids), prior)
            for rates in self.rates:
                log_odds += _log_ratio(rates)[chunk.votes[:, column[rates.name]] - NO_VOTE]
            yield 1 / (1 + np.exp(-log_odds))


def _reads(matrix: LabelMatrix) -> list[tuple[int | None, int | None, int | None]]:
    """Return, by function, what it is read as when it is silent, votes 0 and votes 1."""
    silence = {name: 1 - vote for name, vote in matrix.only_votes().items()}
    return [(silence.get(name), 0, 1) for name in matrix.functions]


def _pairs(
    matrix: LabelMatrix, reads: list[tuple[int | None, int | None, int | None]]
) -> tuple[Floats, Floats, Floats]:
    """Return, by pair (i, j): trials that both are read on; those of them where i is read as 1; and where both are."""
    read = np.array([value is not None for of in reads for value in of], dtype=bool).reshape(-1, 3).T
    one = np.array([value == 1 for of in reads for value in of], dtype=bool).reshape(-1, 3).T
    functions: npt.NDArray[np.intp] = np.arange(len(reads))
    both, of_ones, ones = np.zeros((3, len(reads), len(reads)))
    for chunk in matrix.chunks():
        symbols = chunk.votes - NO_VOTE
        # Single precision holds counts up to 2**24 exactly, and a chunk has fewer trials.
        is_read, is_one = (table[symbols, functions].astype(np.float32) for table in (read, one))
        both += is_read.T @ is_read
        of_ones += is_one.T @ is_read
        ones += is_one.T @ is_one
    return both, of_ones, ones


def _median_square(i: int, covariance: Floats, usable: npt.NDArray[np.bool_]) -> float:
    """Return d² P(1) P(0) of function i; 0 when it runs against the others or no triplet has it."""
    others = np.flatnonzero(usable[i])
    among = usable[np.ix_(others, others)] & (covariance[np.ix_(others, others)] != 0)
    first, second = np.nonzero(np.triu(among))
    if not len(first) or covariance[i, others].sum() <= 0:
        return 0.0
    j, k = others[first], others[second]
    return max(0.0, float(np.median(covariance[i, j] * covariance[i, k] / covariance[j, k])))


def _log_ratio(rates: Rates) -> Floats:
    """Return ln P(· | 1) / P(· | 0) of a silence, a 0 and a 1."""
    says = (log((1 - rates.given_1) / (1 - rates.given_0)), log(rates.given_1 / rates.given_0))
    return np.array([0.0 if value is None else says[value] for value in rates.reads])
