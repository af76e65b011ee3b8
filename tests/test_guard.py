"""The guard: which fits without gold may label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.votes import generate
from cto.fuse import GroupedDawidSkene, LabelMatrix, Majority, Triplet, Verdict, fit_or_refuse, guard


@pytest.fixture(scope="module")
def votes() -> LabelMatrix:
    return generate("A", 40_000)[0]


def matrix(columns: dict[str, np.ndarray], kinds: dict[str, str], groups: dict[str, str] | None = None) -> LabelMatrix:
    names = tuple(sorted(columns))
    cast = np.stack([columns[name] for name in names], axis=1).astype(np.int8)
    return LabelMatrix(
        np.array([f"NCT{i:08}" for i in range(len(cast))]),
        names,
        tuple((groups or {}).get(name, name) for name in names),
        tuple(kinds.get(name, "outcome") for name in names),
        cast,
        np.zeros(len(cast), np.int16),
        ("NA",),
    )


def ballots(rng: np.random.Generator, y: np.ndarray, accuracy: float) -> np.ndarray:
    return np.where(rng.random(len(y)) < accuracy, y, 1 - y)


@pytest.mark.parametrize("model", [GroupedDawidSkene(), Triplet()], ids=lambda model: model.name)
def test_a_fit_whose_groups_are_declared_is_accepted(model: GroupedDawidSkene | Triplet, votes: LabelMatrix) -> None:
    verdict = guard(model.fit(votes), votes)
    assert verdict.accepted, verdict.reason
    assert verdict.strongest in {"status", "gpt"}
    assert "Not left out" not in verdict.reason


def test_a_latent_label_that_is_the_size_of_the_trial_is_refused() -> None:
    rng = np.random.default_rng(1)
    y, large = rng.integers(2, size=(2, 20_000))
    sizes = {name: ballots(rng, large, 0.9) for name in ("arms", "enrolment", "sites", "sponsors")}
    outcomes = {name: ballots(rng, y, 0.6) for name in ("paper", "p_value")}
    verdict = guard_of(matrix(sizes | outcomes, dict.fromkeys(sizes, "design")))
    assert not verdict.accepted
    assert verdict.strongest in sizes
    assert "not the outcome" in verdict.reason
    assert "of kind design" in verdict.reason


def test_labels_that_turn_over_without_one_group_are_refused() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(2, size=20_000)
    speak_for = {"p_value": ballots(rng, y, 0.95), "paper": ballots(rng, y, 0.75)}
    speak_against = {name: ballots(rng, 1 - y, 0.7) for name in ("rumour", "shares")}
    verdict = guard_of(matrix(speak_for | speak_against, {}))
    assert not verdict.accepted
    assert "without 'p_value', only" in verdict.reason


def test_a_group_is_not_left_out_when_too_little_would_remain() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(2, size=2_000)
    two = matrix({"p_value": ballots(rng, y, 0.9), "paper": ballots(rng, y, 0.9)}, {})
    assert guard_of(two).reason.endswith("Not left out, as too little would remain: 'p_value', 'paper'.")


def test_votes_that_say_nothing_are_refused() -> None:
    none = LabelMatrix.of([], [], [], {}, {})
    alike = matrix({"stop": np.zeros(100)}, {})
    for silent in (none, alike):
        verdict = guard_of(silent)
        assert (verdict.accepted, verdict.strongest) == (False, "")


def test_a_refused_fit_gives_way_to_the_fallback(votes: LabelMatrix) -> None:
    model, verdict = fit_or_refuse(GroupedDawidSkene(), votes, Majority())
    assert verdict.accepted
    assert model == GroupedDawidSkene().fit(votes)
    designed = replace(votes, kinds=("design",) * (len(votes.kinds) - 1) + ("outcome",))
    model, verdict = fit_or_refuse(GroupedDawidSkene(), designed, Majority())
    assert not verdict.accepted
    assert model == Majority()


def guard_of(votes: LabelMatrix) -> Verdict:
    return guard(GroupedDawidSkene().fit(votes), votes)
