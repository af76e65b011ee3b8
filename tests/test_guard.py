"""The guard: which fits without gold may label."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from benchmarks.votes import generate
from cto.fuse import NO_VOTE, GroupedDawidSkene, LabelMatrix, Majority, Triplet, Verdict, fit_or_refuse, guard
from cto.fuse.matrix import Floats, Json


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


@dataclass(frozen=True)
class Given(Majority):
    """Predicts what it is given: one thing with the function ``lead``, another without."""

    whole: tuple[float, ...] = ()
    part: tuple[float, ...] = ()

    def predict_proba(self, matrix: LabelMatrix) -> Floats:
        return np.array(self.whole if "lead" in matrix.functions else self.part)

    def function_table(self, matrix: LabelMatrix) -> list[Json]:
        return [{"name": "lead", "kind": "outcome", "information": 1.0}]


@pytest.mark.parametrize(
    ("whole", "part", "is_accepted"),
    [
        ((0.9, 0.8, 0.7, 0.4), (0.4, 0.7, 0.8, 0.9), False),
        ((0.9, 0.8, 0.7, 0.4), (0.9, 0.4, 0.7, 0.3), True),
        ((0.9, 0.8, 0.7, 0.6), (0.6, 0.7, 0.8, 0.9), True),
        ((0.9, 0.8, 0.7, 0.4), (0.5, 0.5, 0.5, 0.5), True),
    ],
    ids=["half stay but ranks turn", "ranks stay", "one label only, whose ranks mean nothing", "nothing to compare"],
)
def test_ranks_that_turn_over_are_refused_as_labels_are(
    whole: tuple[float, ...], part: tuple[float, ...], is_accepted: bool
) -> None:
    for_it, against = np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1])
    votes = matrix({"lead": for_it, "paper": for_it, "p_value": against}, {})
    verdict = guard(Given(whole=whole, part=part), votes)
    assert verdict.accepted == is_accepted
    assert ("without 'lead', trials rank the other way round" in verdict.reason) != is_accepted


def test_a_fit_that_overrules_outcome_votes_by_conduct_is_refused() -> None:
    votes = matrix(
        {"p_value": np.array([0, 0, 1, 1]), "paper": np.array([0, NO_VOTE, 1, 1]), "safety": np.array([1, 1, 1, 0])},
        {"safety": "conduct"},
    )
    verdict = guard(Given(whole=np.array([0.1, 0.6, 0.9, 0.8]), part=np.array([0.1, 0.6, 0.9, 0.8])), votes)
    assert not verdict.accepted
    assert verdict.reason == "It labels 25% of the trials against outcome votes that agree."


def test_two_groups_are_too_few_to_learn_from() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(2, size=2_000)
    two = {"p_value": ballots(rng, y, 0.9), "paper": ballots(rng, y, 0.9), "silent": np.full(len(y), NO_VOTE)}
    verdict = guard_of(matrix(two, {}))
    assert not verdict.accepted
    assert verdict.reason == "Too few groups vote to learn from (p_value, paper): it takes 3."


def test_a_group_is_not_left_out_when_all_outcome_votes_left_would_be_the_same() -> None:
    rng = np.random.default_rng(4)
    y = rng.integers(2, size=5_000)
    stopped = rng.random(len(y)) < np.where(y == 1, 0.02, 0.3)
    columns = {"p_value": ballots(rng, y, 0.9), "safety": ballots(rng, y, 0.6), "stop": np.where(stopped, 0, NO_VOTE)}
    verdict = guard_of(matrix(columns, {"safety": "conduct"}))
    assert verdict.accepted, verdict.reason
    assert verdict.reason.endswith("Not left out, as all outcome votes left would be the same: 'p_value'.")


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
