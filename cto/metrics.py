"""Figures of how probabilities agree with labels, and intervals for them by resampling whole clusters.

A label is 1 or 0, a score a number whose larger values speak for 1. A figure that lacks what it needs (both classes, a
decision, a row at all) is None, never 0.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Interval = tuple[float, float]

BINS, Z_95 = 10, 1.959964
THRESHOLD = 0.5
"""Above it a probability says 1, below it 0; exactly at it nothing, as in the published labels."""
MAX_UNDEFINED = 0.05
"""Share of resamples without a figure above which there is no interval: those could lie anywhere, in both tails."""
CELLS = 200_000  # weights held at once while resampling


@dataclass(frozen=True, eq=False, slots=True)
class Tally:
    """The weight of either class at each distinct score, rising: all that a figure needs. A row each, if resampled."""

    scores: Floats
    ones: Floats
    zeros: Floats


Measure = Callable[[Tally], Floats]
MEASURES: dict[str, Measure] = {}
"""Every figure by its name: of each row of a tally, NaN where it is undefined."""


def _figure(measure: Measure) -> Callable[[ArrayLike, ArrayLike], float | None]:
    """Keep a measure under its name, and return it as a function of labels and scores."""
    MEASURES[measure.__name__] = measure

    @functools.wraps(measure)
    def figure(labels: ArrayLike, scores: ArrayLike) -> float | None:
        return figures(labels, scores, [measure.__name__])[measure.__name__]

    return figure


def figures(labels: ArrayLike, scores: ArrayLike, names: Sequence[str]) -> dict[str, float | None]:
    """Return the named figures of one set of rows; ValueError on a label that is not 0 or 1, or a score that is NaN."""
    label, score, order = _by_score(labels, scores)
    if not len(order):
        return dict.fromkeys(names)
    tally = _tally(label, score, np.ones(len(order)))
    values = {name: float(MEASURES[name](tally)) for name in names}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


@_figure
def roc_auc(t: Tally) -> Floats:
    """Return the chance that a random 1 scores above a random 0, ties counted half; None without both classes.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.9])  # three pairs won, one tied
    0.875
    """
    won = t.ones * (np.cumsum(t.zeros, axis=-1) - t.zeros / 2)
    return _share(won.sum(axis=-1), t.ones.sum(axis=-1) * t.zeros.sum(axis=-1))


@_figure
def pr_auc(t: Tally) -> Floats:
    """Return the average precision at the 1s, best first; None without both classes. Without skill: the share of 1s.

    >>> pr_auc([1, 0, 0, 1], [0.9, 0.5, 0.4, 0.1])  # precision 1 at the first, 2/4 at the last
    0.75
    """
    ones, zeros = t.ones[..., ::-1], t.zeros[..., ::-1]
    found = np.cumsum(ones, axis=-1)
    precision = found / np.maximum(np.cumsum(ones + zeros, axis=-1), 1)
    return _share((ones * precision).sum(axis=-1), found[..., -1] * (zeros.sum(axis=-1) > 0))


@_figure
def pr_auc_failure(t: Tally) -> Floats:
    """Return the average precision at the 0s, lowest score first; None without both classes.

    >>> pr_auc_failure([1, 0, 0, 1], [0.9, 0.5, 0.4, 0.1])  # precision 1/2 and 2/3
    0.5833333333333333
    """
    return MEASURES["pr_auc"](Tally(-t.scores[::-1], t.zeros[..., ::-1], t.ones[..., ::-1]))


@_figure
def f1(t: Tally) -> Floats:
    """Return the F1 of class 1 at the threshold; None when no decided row is a 1.

    >>> f1([1, 1, 0, 0], [0.9, 0.2, 0.8, 0.1])  # one found, one missed, one false
    0.5
    """
    true_1, false_1, _, false_0 = _decided(t)
    return _share(2 * true_1, (2 * true_1 + false_1 + false_0) * (true_1 + false_0 > 0))


@_figure
def kappa(t: Tally) -> Floats:
    """Return Cohen's kappa at the threshold, agreement beyond chance; None when the decided rows are of one class.

    >>> kappa([1, 1, 0, 0], [0.9, 0.9, 0.9, 0.1])  # .75 agree, .5 would by chance
    0.5
    """
    true_1, false_1, true_0, false_0 = _decided(t)
    ones, zeros = true_1 + false_0, true_0 + false_1
    most = (true_1 + false_1) * zeros + (true_0 + false_0) * ones
    return _share(2 * (true_1 * true_0 - false_1 * false_0), most * (ones * zeros > 0))


@_figure
def accuracy(t: Tally) -> Floats:
    """Return the share of decided rows that are decided right; None when none is decided.

    >>> accuracy([1, 0, 1], [0.9, 0.1, 0.5])  # the third is not decided
    1.0
    """
    true_1, false_1, true_0, false_0 = _decided(t)
    return _share(true_1 + true_0, true_1 + false_1 + true_0 + false_0)


@_figure
def brier(t: Tally) -> Floats:
    """Return the mean squared distance of probability and label; None without a row.

    >>> brier([1, 0], [0.5, 0.0])
    0.125
    """
    squares = t.ones * (1 - t.scores) ** 2 + t.zeros * t.scores**2
    return _share(squares.sum(axis=-1), (t.ones + t.zeros).sum(axis=-1))


@_figure
def ece(t: Tally) -> Floats:
    """Return the expected calibration error: the mean gap, over ten equal bins, of probability and share of 1s.

    >>> ece([1, 0, 1, 1], [0.625, 0.625, 0.875, 0.875])  # gaps of 1/8 and 1/8
    0.125
    """
    starts = np.flatnonzero(np.diff(np.minimum(t.scores * BINS, BINS - 1).astype(np.int64), prepend=-1))
    gaps = np.abs(np.add.reduceat(t.ones - t.scores * (t.ones + t.zeros), starts, axis=-1))
    return _share(gaps.sum(axis=-1), (t.ones + t.zeros).sum(axis=-1))


def wilson(n_of: int, n: int) -> Interval | None:
    """Return Wilson's 95 % interval of the share ``n_of`` / ``n``; None when ``n`` is 0.

    >>> [round(limit, 4) for limit in wilson(1, 10)]
    [0.0179, 0.4042]
    """
    if n == 0:
        return None
    share, slack = n_of / n, Z_95**2 / n
    middle, half = share + slack / 2, Z_95 * math.sqrt((share * (1 - share) + slack / 4) / n)
    return max(0.0, (middle - half) / (1 + slack)), min(1.0, (middle + half) / (1 + slack))


def bootstrap(
    labels: ArrayLike, scores: ArrayLike, clusters: ArrayLike, names: Sequence[str], n: int = 1000, seed: int = 0
) -> dict[str, Interval | None]:
    """Return the percentile 95 % interval of the named figures, drawing whole clusters: the same for the same seed.

    Rows of one cluster (trials of one sponsor) are alike, so they are drawn together or not at all. None where an
    interval would mean nothing: fewer than two clusters, or too many resamples without a figure.

    >>> bootstrap([0, 1, 0, 1], [0.1, 0.9, 0.3, 0.7], ["a", "a", "b", "b"], ["roc_auc"])
    {'roc_auc': (1.0, 1.0)}
    """
    return {name: interval(values) for name, values in resampled(labels, scores, clusters, names, n, seed).items()}


def resampled(
    labels: ArrayLike, scores: ArrayLike, clusters: ArrayLike, names: Sequence[str], n: int, seed: int
) -> Mapping[str, Floats]:
    """Return the named figures on ``n`` resamples of the clusters, NaN where one is undefined.

    The draws depend on the seed and the clusters only, so those of two scores of the same rows may be subtracted.
    """
    found = {name: np.full(n, np.nan) for name in names}
    cluster_names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    if len(cluster_names) < 2:
        return found
    label, score, order = _by_score(labels, scores)
    for at, drawn in _draws(len(cluster_names), len(order), n, seed):
        tally = _tally(label, score, drawn[:, cluster[order]])
        for name in names:
            found[name][at] = MEASURES[name](tally)
    return found


def interval(values: Floats) -> Interval | None:
    """Return the middle 95 % of resampled values, or None when more than 5 % of them are undefined."""
    defined = values[~np.isnan(values)]
    if not len(defined) or len(defined) < (1 - MAX_UNDEFINED) * len(values):
        return None
    low, high = np.percentile(defined, (2.5, 97.5))
    return float(low), float(high)


def _draws(n_clusters: int, n_rows: int, n: int, seed: int) -> Iterator[tuple[slice, Floats]]:
    """Yield some resamples at a time: which they are of all ``n``, and how often each, a row, drew each cluster."""
    rng = np.random.default_rng(seed)
    step = max(1, CELLS // max(n_clusters, n_rows))
    for start in range(0, n, step):
        size = min(step, n - start)
        drawn = rng.integers(n_clusters, size=(size, n_clusters)) + np.arange(size)[:, None] * n_clusters
        times = np.bincount(drawn.ravel(), minlength=size * n_clusters)
        yield slice(start, start + size), times.reshape(size, n_clusters).astype(np.float64)


def _by_score(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.generic], Floats, NDArray[np.intp]]:
    """Return labels and scores, sorted by score, and that order."""
    label, score = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if np.isnan(score).any() or not np.isin(label, (0, 1)).all():
        raise ValueError("labels must be 0 or 1, and scores numbers: leave out the rows that have none")
    order = np.argsort(score, kind="stable")
    return label[order], score[order], order


def _tally(label: NDArray[np.generic], score: Floats, weight: Floats) -> Tally:
    """Return the tally of rows sorted by score; ``weight`` may have a row a resample."""
    starts = np.flatnonzero(np.append(True, score[1:] != score[:-1]))
    ones = np.add.reduceat(weight * (label == 1), starts, axis=-1)
    return Tally(score[starts], ones, np.add.reduceat(weight, starts, axis=-1) - ones)


def _decided(t: Tally) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the weights of true and false 1s, then of true and false 0s."""
    at_1, at_0 = t.scores > THRESHOLD, t.scores < THRESHOLD
    true_1, false_1, true_0, false_0 = t.ones * at_1, t.zeros * at_1, t.zeros * at_0, t.ones * at_0
    return true_1.sum(axis=-1), false_1.sum(axis=-1), true_0.sum(axis=-1), false_0.sum(axis=-1)


def _share(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, NaN where the whole is 0."""
    nothing: Floats = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=nothing, where=np.asarray(whole) > 0)
