"""Figures and intervals, against definitions written out plainly."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from cto import metrics
from cto.metrics import MEASURES, bootstrap, figures, interval, resampled, wilson

Sample = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.str_]]


@pytest.fixture(params=range(8))
def sample(request: pytest.FixtureRequest) -> Sample:
    """Return labels, probabilities full of ties and exact halves, and clusters of unequal size."""
    rng = np.random.default_rng(request.param)
    n = int(rng.integers(20, 60))
    labels = rng.integers(2, size=n)
    scores = np.round(np.clip(labels * 0.2 + rng.random(n) * 0.8, 0, 1), 1)
    return labels, scores, np.array(["sponsor " + "aaabbcdefgh"[i] for i in rng.integers(11, size=n)])


def counts(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> tuple[int, int, int, int]:
    decided = [(bool(y), s > 0.5) for y, s in zip(labels, scores, strict=True) if s != 0.5]
    true_1, false_1, true_0, false_0 = (decided.count(kind) for kind in ((1, 1), (0, 1), (0, 0), (1, 0)))  # type: ignore[arg-type]
    return true_1, false_1, true_0, false_0


def test_roc_auc_is_the_share_of_pairs_in_order(sample: Sample) -> None:
    labels, scores, _ = sample
    pairs = list(product(scores[labels == 1], scores[labels == 0]))
    wins = sum(1.0 if one > zero else 0.5 if one == zero else 0.0 for one, zero in pairs)
    assert metrics.roc_auc(labels, scores) == pytest.approx(wins / len(pairs))


@pytest.mark.parametrize(("name", "of", "sign"), [("pr_auc", 1, 1), ("pr_auc_failure", 0, -1)])
def test_pr_auc_sums_precision_over_the_steps_in_recall(sample: Sample, name: str, of: int, sign: int) -> None:
    labels, scores = sample[0] == of, sign * sample[1]
    area, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        found = (labels & chosen).sum() / labels.sum()
        area += (found - recall) * (labels & chosen).sum() / chosen.sum()
        recall = found
    assert figures(sample[0], sample[1], [name])[name] == pytest.approx(area)


def test_decisions_leave_out_exact_halves(sample: Sample) -> None:
    labels, scores, _ = sample
    true_1, false_1, true_0, false_0 = counts(labels, scores)
    n = true_1 + false_1 + true_0 + false_0
    assert n < len(labels) or 0.5 not in scores
    agreed = (true_1 + true_0) / n
    chance = ((true_1 + false_1) * (true_1 + false_0) + (true_0 + false_0) * (true_0 + false_1)) / n**2
    precision, recall = true_1 / (true_1 + false_1), true_1 / (true_1 + false_0)
    assert metrics.accuracy(labels, scores) == pytest.approx(agreed)
    assert metrics.kappa(labels, scores) == pytest.approx((agreed - chance) / (1 - chance))
    assert metrics.f1(labels, scores) == pytest.approx(2 * precision * recall / (precision + recall))


def test_probabilities_are_judged_by_their_distance(sample: Sample) -> None:
    labels, scores, _ = sample
    assert metrics.brier(labels, scores) == pytest.approx(((scores - labels) ** 2).mean())
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = [(bins == b).mean() * abs(scores[bins == b].mean() - labels[bins == b].mean()) for b in set(bins)]
    assert metrics.ece(labels, scores) == pytest.approx(sum(gaps))


def test_what_is_undefined_is_none_and_never_zero() -> None:
    both = ["roc_auc", "pr_auc", "pr_auc_failure", "kappa"]
    for labels in ([1, 1], [0, 0]):
        assert figures(labels, [0.2, 0.9], both) == dict.fromkeys(both)
    assert metrics.f1([0, 0], [0.9, 0.1]) is None
    assert metrics.accuracy([1, 0], [0.5, 0.5]) is None
    assert figures([], [], list(MEASURES)) == dict.fromkeys(MEASURES)
    assert wilson(0, 0) is None


def test_a_constant_score_has_no_skill_and_says_so() -> None:
    found = figures([1, 1, 1, 0], [1.0, 1.0, 1.0, 1.0], list(MEASURES))
    assert found == {
        "roc_auc": 0.5,
        "pr_auc": 0.75,
        "pr_auc_failure": 0.25,
        "f1": pytest.approx(6 / 7),
        "kappa": 0.0,
        "accuracy": 0.75,
        "brier": 0.25,
        "ece": 0.25,
    }


@pytest.mark.parametrize(("labels", "scores"), [([0, 1], [0.1, np.nan]), ([0, -1], [0.1, 0.2])])
def test_rows_without_label_or_score_are_refused(labels: list[int], scores: list[float]) -> None:
    with pytest.raises(ValueError, match="leave out the rows"):
        figures(labels, scores, ["roc_auc"])


def test_resamples_are_what_drawing_whole_clusters_gives(sample: Sample) -> None:
    labels, scores, clusters = sample
    names = np.unique(clusters)
    drawn = np.random.default_rng(5).integers(len(names), size=(40, len(names)))
    found = resampled(labels, scores, clusters, list(MEASURES), 40, 5)
    for i, chosen in enumerate(drawn):
        rows = np.concatenate([np.flatnonzero(clusters == names[c]) for c in chosen])
        plain = figures(labels[rows], scores[rows], list(MEASURES))
        for name, value in plain.items():
            assert found[name][i] == pytest.approx(np.nan if value is None else value, nan_ok=True), name


def test_equal_seeds_give_equal_intervals_whatever_fits_in_memory(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bootstrap(*sample, list(MEASURES), n=200, seed=3)
    monkeypatch.setattr(metrics, "CELLS", 100)
    assert bootstrap(*sample, list(MEASURES), n=200, seed=3) == one
    assert bootstrap(*sample, list(MEASURES), n=200, seed=4) != one


def test_the_order_of_rows_cannot_matter(sample: Sample) -> None:
    order = np.random.default_rng(1).permutation(len(sample[0]))
    one, other = (bootstrap(*(a[o] for a in sample), ["roc_auc"], 50, 0) for o in (slice(None), order))
    assert one == other


def test_clusters_alike_inside_make_intervals_wider() -> None:
    labels = np.repeat([0, 1] * 20, 10)
    scores = np.repeat(np.random.default_rng(0).random(40), 10)
    apart = bootstrap(labels, scores, np.arange(400), ["roc_auc"])["roc_auc"]
    together = bootstrap(labels, scores, np.repeat(np.arange(40), 10), ["roc_auc"])["roc_auc"]
    assert apart is not None
    assert together is not None
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for trial in range(200):
        is_right = np.repeat(rng.random(60) < 0.7, 3)
        limits = bootstrap(
            np.ones(180), np.where(is_right, 0.9, 0.1), np.repeat(range(60), 3), ["accuracy"], 300, trial
        )
        assert limits["accuracy"] is not None
        covered += limits["accuracy"][0] <= 0.7 <= limits["accuracy"][1]
    assert 0.90 <= covered / 200 <= 0.985


def test_no_interval_where_it_would_mean_nothing() -> None:
    labels, scores = [0, 1, 0, 1], [0.1, 0.9, 0.6, 0.7]
    assert bootstrap(labels, scores, ["a"] * 4, ["roc_auc", "brier"]) == {"roc_auc": None, "brier": None}
    rare = bootstrap([1] + [0] * 9, [0.5] * 10, range(10), ["roc_auc", "brier"])  # 35 % of draws have no 1
    assert rare == {"roc_auc": None, "brier": (0.25, 0.25)}
    assert interval(np.array([np.nan] * 4 + [1.0] * 96)) == (1.0, 1.0)
    assert interval(np.array([np.nan] * 6 + [1.0] * 94)) is None


@pytest.mark.parametrize(
    ("n_of", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)]
)
def test_wilson_gives_the_published_limits(n_of: int, n: int, low: float, high: float) -> None:
    assert wilson(n_of, n) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
