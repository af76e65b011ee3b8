"""Fusion: the label matrix and the majority of the groups."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cto.fuse import CtoConvention, GroupedDawidSkene, LabelMatrix, LabelModel, Majority, Triplet
from cto.fuse.stored import from_json, to_json

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


@pytest.mark.parametrize(
    "model",
    [Majority(), Majority(conduct_weight=1.0), Triplet(class_balance=0.1), GroupedDawidSkene(), CtoConvention()],
    ids=lambda model: repr(model)[:40],
)
def test_a_stored_model_says_what_it_said(model: LabelModel) -> None:
    rng = np.random.default_rng(3)
    names = {"cto_p_value": "outcome", "cto_status": "outcome", **KINDS}
    votes = [(f"NCT{i:03}", name, int(rng.integers(2))) for i in range(80) for name in names if rng.random() < 0.7]
    trials, functions, values = zip(*votes, strict=True)
    of = LabelMatrix.of(trials, functions, values, {name: GROUPS.get(name, name) for name in names}, names)
    fitted = model.fit(of)
    stored = from_json(json.loads(json.dumps(to_json(fitted))))
    np.testing.assert_array_equal(stored.predict_proba(of), fitted.predict_proba(of))


def test_a_model_of_another_version_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no label model is called majority version 1: run cto fit"):
        from_json({"name": "majority", "version": 1, "state": {}})
