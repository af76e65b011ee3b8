"""Grouped Dawid–Skene: the label is latent, and a group of functions is heard as one voice through its joint pattern.

Functions of one group and kind are a *block*. The votes of a block on a trial are one pattern, and the model learns, by
expectation maximisation and without any gold, how much likelier each pattern is among successes than among failures. So
functions that repeat each other count once: that they agree is in the pattern, and is no evidence by itself.

Abstentions inside a pattern: by default (``auto``) that of a two-sided function is ignored and that of a one-sided
function, all of whose votes are the same, is a symbol. Ignored means conditioned upon: a pattern competes only with
patterns in which the same two-sided functions abstain, as P(votes | who votes, label). Results or a paper then say what
they say and nothing by being there, and a block that is silent says nothing. A symbol competes: no stop on record is
evidence, as all that its function can do is to record one.

A fit starts from the majority of the blocks and stays within the declared polarity, that 1 speaks for 1: a pattern with
more 1s than 0s never speaks against 1, nor the other way round; where the data would have it cross, it is heard as
saying nothing. That does not yet make the label the right one: without an anchor it is whatever most functions share,
be it the size of the trial. :mod:`cto.fuse.guard` refuses such fits.

A fit needs the trials on which nothing votes, too. Without them every silence of one function is a vote of another: if
all who report no results were stopped, to be silent about results would seem to tell what a stop tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from cto.fuse.majority import Majority, share_of_voices
from cto.fuse.matrix import NO_VOTE, Floats, Json, LabelMatrix, function_table
from cto.fuse.patterns import Abstain, Block, Tables, Words, blocks_of, patterns

_SIGN = {NO_VOTE: "-", 0: "0", 1: "1"}


@dataclass(frozen=True, slots=True)
class GroupedDawidSkene:
    """Two-class Dawid–Skene over blocks, with a prior for each stratum.

    Attributes:
        smoothing: trials' worth of belief, above 0, in what ``trust`` says and in that a stratum is like the others;
        trust: the odds, before any vote is counted, that a pattern is right in what it is declared to speak for.
        abstain: ``auto`` as above; ``ignore`` or ``symbol`` for all functions alike.
        sample: trials learnt from, at most, drawn by ``seed``. All are predicted.
        tolerance, iterations: a fit ends when P(1) moves by less than this on average, or after so many, above 0.
        prior, priors: as learnt, P(1), and P(1) by stratum.
        blocks: what was learnt of the functions; none before a fit.

    """

    smoothing: float = 10.0
    trust: float = 2.0
    abstain: Abstain = "auto"
    sample: int = 60_000
    seed: int = 0
    tolerance: float = 1e-4
    iterations: int = 100
    prior: float = field(default=0.5, repr=False)
    priors: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    blocks: tuple[Block, ...] = field(default=(), repr=False)
    name: str = "grouped_dawid_skene"
    version: int = 1

    def fit(self, matrix: LabelMatrix) -> Self:
        """Learn from the votes, and from the trials without any, and return the fitted model.

        Raises:
            ValueError: a group has more than :data:`cto.fuse.patterns.MOST` functions of one kind.

        """
        blocks = blocks_of(matrix, self.abstain)
        words = Words(blocks)
        trials, times = words.distinct(matrix.sample(self.sample, self.seed))
        codes = words.codes(trials)
        tables = Tables.of(blocks, words.count(codes, times))
        p = _majority(trials)
        for _ in range(self.iterations):
            prior, priors = self._priors(trials, times, p)
            log_ratio = tables.log_ratio(words.count(codes, times * p), self.smoothing, self.trust)
            before, p = p, _sigmoid(_logit(priors)[trials.strata] + words.total(codes, log_ratio))
            if times @ np.abs(p - before) < self.tolerance * times.sum():
                break
        by_stratum = tuple(zip(matrix.stratum_names, priors.tolist(), strict=True))
        return replace(self, prior=prior, priors=by_stratum, blocks=_learnt(blocks, log_ratio.tolist()))

    def predict_proba(self, matrix: LabelMatrix) -> Floats:
        """Return P(1) by trial, NaN where no outcome function votes; a stratum never met has the overall prior.

        Raises:
            ValueError: the matrix has other functions than those that the model was fitted on.

        """
        found = zip(matrix.chunks(), self._beliefs(matrix), strict=True)
        return np.concatenate([np.where(chunk.informative(), p, np.nan) for chunk, p in found])

    def function_table(self, matrix: LabelMatrix) -> list[Json]:
        """Return what each function says of the label under this model: :func:`cto.fuse.matrix.function_table`."""
        heard = [name for block in self.blocks for name, _ in block.silences]
        return function_table(matrix, np.concatenate(list(self._beliefs(matrix))), heard)

    def state(self) -> Json:
        """Return what was learnt; of a block's patterns, spelt like ``1-0``, those that say something."""
        return {"prior": self.prior, "priors": dict(self.priors), "blocks": [_spelt(block) for block in self.blocks]}

    def with_state(self, state: Json) -> Self:
        """Return the model as fitted, from its :meth:`state`."""
        priors = tuple((name, float(prior)) for name, prior in state["priors"].items())
        return replace(self, prior=float(state["prior"]), priors=priors, blocks=tuple(map(_read, state["blocks"])))

    def _beliefs(self, matrix: LabelMatrix) -> Iterator[Floats]:
        """Yield P(1) by trial, informative or not, of each chunk of the matrix."""
        matrix.require((name, block.group, block.kind) for block in self.blocks for name in block.functions)
        words, priors = Words(self.blocks), dict(self.priors)
        log_ratio = np.array([ratio for block in self.blocks for ratio in block.log_ratio])
        prior = _logit(np.array([priors.get(name, self.prior) for name in matrix.stratum_names]))
        for chunk in matrix.chunks():
            yield _sigmoid(prior[chunk.strata] + words.total(words.codes(chunk), log_ratio))

    def _priors(self, trials: LabelMatrix, times: Floats, p: Floats) -> tuple[float, Floats]:
        """Return P(1), and P(1) by stratum."""
        prior = float((times @ p + self.smoothing / 2) / (times.sum() + self.smoothing))
        strata = len(trials.stratum_names)
        ones = np.bincount(trials.strata, weights=times * p, minlength=strata)
        of_stratum = np.bincount(trials.strata, weights=times, minlength=strata)
        return prior, (ones + self.smoothing * prior) / (of_stratum + self.smoothing)


def _majority(matrix: LabelMatrix) -> Floats:
    """Return the share of voices for 1 by trial, informative or not; 0.5 where none speaks."""
    weight = Majority().conduct_weight
    share = share_of_voices(matrix, {"outcome": 1.0, "conduct": weight, "design": weight})
    return np.where(np.isnan(share), 0.5, share)


def _learnt(blocks: tuple[Block, ...], log_ratio: list[float]) -> tuple[Block, ...]:
    """Return the blocks, each with its part of the log ratios."""
    ratios = iter(log_ratio)
    return tuple(replace(b, log_ratio=tuple(next(ratios) for _ in patterns(len(b.functions)))) for b in blocks)


def _spelt(block: Block) -> Json:
    spelling = ("".join(_SIGN[vote] for vote in pattern) for pattern in patterns(len(block.functions)))
    return {
        "group": block.group,
        "kind": block.kind,
        "functions": list(block.functions),
        "silences": dict(block.silences),
        "log_ratio": {pattern: ratio for pattern, ratio in zip(spelling, block.log_ratio, strict=True) if ratio},
    }


def _read(block: Json) -> Block:
    spelling = ("".join(_SIGN[vote] for vote in pattern) for pattern in patterns(len(block["functions"])))
    ratios = tuple(float(block["log_ratio"].get(pattern, 0.0)) for pattern in spelling)
    return Block(block["group"], block["kind"], tuple(block["functions"]), tuple(block["silences"].items()), ratios)


def _logit(p: Floats) -> Floats:
    return np.log(p) - np.log1p(-p)


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))
