"""Fusion: the label matrix and the majority of the groups."""

from __future__ import annotations

import numpy as np
import pytest

from cto.fuse import LabelMatrix, Majority

GROUPS = {"p": "efficacy", "paper": "efficacy", "status": "stop", "results": "reporting"}
KINDS = {"p": "outcome", "paper": "outcome", "status": "outcome", "results": "conduct"}


def matrix(*votes: tuple[str, str, int]) -> LabelMatrix:
    trials, names, values = zip(*votes, strict=True)
    return LabelMatrix.of(trials, names, values, GROUPS, KINDS)


@pytest.mark.parametrize(
    ("votes", "share"),
    [
        ([("NCT1", "p", 1)], 1.0),
        ([("NCT1", "p", 0)], 0.0),
        ([("NCT1", "p", 1), ("NCT1", "status", 0)], 0.5),
        ([("NCT1", "p", 0), ("NCT1", "results", 1)], 1 / 5),
        ([("NCT1", "results", 1)], None),
        ([("NCT1", "p", 1), ("NCT1", "paper", 1), ("NCT1", "status", 0)], 0.5),
        ([("NCT1", "p", 1), ("NCT1", "paper", 0)], 0.5),
    ],
    ids=["for", "against", "split", "conduct counts a quarter", "conduct alone", "a group is one voice", "split group"],
)
def test_the_majority_is_the_share_of_voices(votes: list[tuple[str, str, int]], share: float | None) -> None:
    found = Majority().predict_proba(matrix(*votes))
    assert found == pytest.approx([np.nan if share is None else share], nan_ok=True)


def test_the_order_of_votes_and_functions_cannot_matter() -> None:
    rng = np.random.default_rng(7)
    votes = [(f"NCT{i:03}", name, int(rng.integers(2))) for i in range(50) for name in GROUPS if rng.random() < 0.6]
    shuffled = [votes[i] for i in rng.permutation(len(votes))]
    one, other = matrix(*votes), matrix(*shuffled)
    assert one.functions == other.functions == tuple(sorted(GROUPS))
    np.testing.assert_array_equal(Majority().predict_proba(one), Majority().predict_proba(other))


def test_a_model_leaves_its_input_alone() -> None:
    votes = matrix(("NCT1", "p", 1), ("NCT2", "results", 1))
    before = votes.votes.copy()
    Majority().fit(votes).predict_proba(votes)
    np.testing.assert_array_equal(votes.votes, before)
