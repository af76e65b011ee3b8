"""The median of triplets on generated votes, whose truth it is never shown."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.votes import SCENARIOS, Truth, generate, ungrouped
from cto.fuse import NO_VOTE, LabelMatrix, Triplet
from cto.metrics import roc_auc

Votes = tuple[LabelMatrix, Truth]


@pytest.fixture(scope="module")
def world() -> dict[str, Votes]:
    return {scenario: generate(scenario, 125_000) for scenario in SCENARIOS}


@pytest.mark.parametrize(("scenario", "least"), [("A", 0.88), ("B", 0.81), ("C", 0.90), ("D", 0.895)])
def test_it_ranks_trials_without_gold(world: dict[str, Votes], scenario: str, least: float) -> None:
    votes, y = world[scenario]
    found = roc_auc(y, Triplet().fit(votes).predict_proba(votes))
    assert found is not None
    assert found >= least


def test_planted_rates_are_recovered_where_votes_are_independent(world: dict[str, Votes]) -> None:
    votes, y = world["D"]
    learnt = Triplet(class_balance=float(y.mean())).fit(votes).state()["rates"]
    for name, cast in zip(votes.functions, votes.votes.T, strict=True):
        for given, label in (("given_1", 1), ("given_0", 0)):
            true = cast[(cast != NO_VOTE) & (y == label)].mean()
            assert learnt[name][given] == pytest.approx(true, abs=0.04), name


def test_functions_of_one_group_do_not_vouch_for_each_other() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(2, size=20_000)
    votes, groups = {}, {}
    for i in range(4):
        votes[f"good{i}"], groups[f"good{i}"] = np.where(rng.random(len(y)) < 0.8, y, 1 - y), f"g{i}"
    rumour = rng.integers(2, size=len(y))
    for i in range(6):
        votes[f"echo{i}"], groups[f"echo{i}"] = np.where(rng.random(len(y)) < 0.95, rumour, 1 - rumour), "echo"
    names = tuple(sorted(votes))
    ids = np.array([f"NCT{i:08}" for i in range(len(y))])
    cast = np.stack([votes[name] for name in names], axis=1).astype(np.int8)
    strata = np.zeros(len(y), np.int16)
    matrix = LabelMatrix(ids, names, tuple(groups[n] for n in names), ("outcome",) * len(names), cast, strata, ("NA",))
    declared, alone = (Triplet().fit(each).state()["rates"] for each in (matrix, ungrouped(matrix)))
    assert declared["good0"]["given_1"] == pytest.approx(0.8, abs=0.03)
    assert declared["echo0"]["given_1"] == pytest.approx(0.5, abs=0.1)
    assert alone["echo0"]["given_1"] > 0.9


def test_the_silence_of_a_one_sided_function_is_a_symbol(world: dict[str, Votes]) -> None:
    votes, _ = world["A"]
    learnt = Triplet().fit(votes).state()["rates"]["status"]
    assert learnt["reads"] == [1, 0, 1]
    assert learnt["given_1"] > 0.9 > learnt["given_0"]


def test_a_function_that_runs_against_the_others_is_not_heard() -> None:
    votes, _ = generate("D", 20_000)
    liar = replace(votes, votes=votes.votes.copy())
    column = votes.functions.index("linkage")
    cast = votes.votes[:, column]
    liar.votes[:, column] = np.where(cast == NO_VOTE, NO_VOTE, 1 - cast)
    learnt = Triplet().fit(liar).state()["rates"]["linkage"]
    assert learnt["given_1"] == learnt["given_0"]


def test_trials_without_an_outcome_vote_have_no_probability() -> None:
    votes, _ = generate("A", 500)
    votes.votes[::5] = NO_VOTE
    np.testing.assert_array_equal(np.isnan(Triplet().fit(votes).predict_proba(votes)), ~votes.informative())


def test_neither_the_order_of_trials_nor_that_of_functions_matters() -> None:
    votes, _ = generate("B", 3_000)
    rng = np.random.default_rng(2)
    rows, columns = rng.permutation(3_000), rng.permutation(len(votes.functions))
    shuffled = replace(
        votes,
        nct_ids=votes.nct_ids[rows],
        strata=votes.strata[rows],
        votes=votes.votes[np.ix_(rows, columns)],
        functions=tuple(votes.functions[i] for i in columns),
        groups=tuple(votes.groups[i] for i in columns),
    )
    one, other = (Triplet().fit(each).predict_proba(each) for each in (votes, shuffled))
    np.testing.assert_allclose(one[rows], other, rtol=0, atol=1e-12)


def test_a_kept_state_predicts_the_same_to_the_last_bit() -> None:
    votes, _ = generate("A", 2_000)
    fitted = Triplet().fit(votes)
    kept = Triplet().with_state(json.loads(json.dumps(fitted.state())))
    np.testing.assert_array_equal(kept.predict_proba(votes), fitted.predict_proba(votes))
    assert kept == fitted != Triplet()


def test_other_functions_than_those_fitted_are_refused_by_name() -> None:
    votes, _ = generate("A", 500)
    with pytest.raises(ValueError, match="why_stopped"):
        Triplet().fit(votes).predict_proba(votes.columns(range(24)))


def test_a_matrix_without_trials_is_no_error() -> None:
    none = LabelMatrix.of([], [], [], {}, {})
    assert Triplet().fit(none).predict_proba(none).shape == (0,)
