"""Grouped Dawid–Skene on generated votes, whose truth it is never shown."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.votes import SCENARIOS, Truth, generate, ungrouped
from cto.fuse import NO_VOTE, GroupedDawidSkene, LabelMatrix, LabelModel, Majority, Triplet
from cto.fuse.matrix import Floats
from cto.metrics import roc_auc

Votes = tuple[LabelMatrix, Truth]


@pytest.fixture(scope="module")
def world() -> dict[str, Votes]:
    return {scenario: generate(scenario, 125_000) for scenario in SCENARIOS}


def auc(model: LabelModel, votes: LabelMatrix, y: Truth) -> float:
    found = roc_auc(y, model.fit(votes).predict_proba(votes))
    assert found is not None
    return found


def matrix(columns: dict[str, np.ndarray], groups: dict[str, str] | None = None) -> LabelMatrix:
    names = tuple(sorted(columns))
    votes = np.stack([columns[name] for name in names], axis=1).astype(np.int8)
    of = tuple((groups or {}).get(name, name) for name in names)
    nct_ids = np.array([f"NCT{i:08}" for i in range(len(votes))])
    return LabelMatrix(nct_ids, names, of, ("outcome",) * len(names), votes, np.zeros(len(votes), np.int16), ("NA",))


def ballots(rng: np.random.Generator, y: np.ndarray, accuracy: float, coverage: float = 1.0) -> np.ndarray:
    votes = np.where(rng.random(len(y)) < accuracy, y, 1 - y)
    return np.where(rng.random(len(y)) < coverage, votes, NO_VOTE)


def log_ratios(model: GroupedDawidSkene, *functions: str) -> dict[str, float]:
    (block,) = (block for block in model.state()["blocks"] if block["functions"] == sorted(functions))
    return block["log_ratio"]


# How good


@pytest.mark.parametrize(("scenario", "least"), [("A", 0.90), ("B", 0.83)])
def test_declared_groups_and_no_gold_suffice_to_rank_correlated_votes(
    world: dict[str, Votes], scenario: str, least: float
) -> None:
    assert auc(GroupedDawidSkene(), *world[scenario]) >= least


@pytest.mark.parametrize("scenario", ["C", "D"])
def test_groups_cost_next_to_nothing_where_votes_are_independent(world: dict[str, Votes], scenario: str) -> None:
    votes, y = world[scenario]
    rivals = [auc(Majority(), votes, y), auc(Triplet(), votes, y), auc(GroupedDawidSkene(), ungrouped(votes), y)]
    assert auc(GroupedDawidSkene(), votes, y) >= max(rivals) - 0.005


def test_planted_accuracies_are_recovered_within_two_points(world: dict[str, Votes]) -> None:
    votes, y = world["D"]
    for row, cast in zip(GroupedDawidSkene().fit(votes).function_table(votes), votes.votes.T, strict=True):
        voted = cast != NO_VOTE
        assert row["coverage"] == pytest.approx(voted.mean())
        assert row["accuracy"] == pytest.approx((cast == y)[voted].mean(), abs=0.02), row["name"]
        assert row["p_vote1_given_1"] == pytest.approx(cast[voted & (y == 1)].mean(), abs=0.04), row["name"]
        assert row["p_vote1_given_0"] == pytest.approx(cast[voted & (y == 0)].mean(), abs=0.04), row["name"]


def test_the_prior_of_each_stratum_is_learnt(world: dict[str, Votes]) -> None:
    votes, y = world["D"]
    priors = GroupedDawidSkene().fit(votes).state()["priors"]
    true = {name: y[votes.strata == i].mean() for i, name in enumerate(votes.stratum_names)}
    assert priors == pytest.approx(true, abs=0.02)


# What it is


def test_without_groups_and_silences_it_is_plain_dawid_skene() -> None:
    votes = ungrouped(generate("D", 20_000)[0])
    model = GroupedDawidSkene(abstain="ignore")
    np.testing.assert_allclose(model.fit(votes).predict_proba(votes), plain_dawid_skene(votes), atol=1e-9)


def plain_dawid_skene(matrix: LabelMatrix) -> Floats:
    """Dense, one row a trial and one column a function; ten trials' worth of belief that a vote is right two to one."""
    one, zero = (matrix.votes == 1).astype(float), (matrix.votes == 0).astype(float)
    strata = np.eye(len(matrix.stratum_names))[matrix.strata]
    usual = one.sum(axis=0) / (one + zero).sum(axis=0)
    believed_1 = 2 * usual / (2 * usual + (1 - usual))
    believed_0 = usual / (usual + 2 * (1 - usual))
    p = one.sum(axis=1) / (one + zero).sum(axis=1)
    for _ in range(100):
        overall = (p.sum() + 5) / (len(p) + 10)
        prior = (strata.T @ p + 10 * overall) / (strata.sum(axis=0) + 10)
        rate_1 = (p @ one + 10 * believed_1) / (p @ (one + zero) + 10)
        rate_0 = ((1 - p) @ one + 10 * believed_0) / ((1 - p) @ (one + zero) + 10)
        odds = one @ np.log(rate_1 / rate_0) + zero @ np.log((1 - rate_1) / (1 - rate_0))
        before, p = p, 1 / (1 + np.exp(-odds - strata @ np.log(prior / (1 - prior))))
        if np.abs(p - before).mean() < 1e-4:
            break
    return p


def test_a_function_repeated_within_its_group_adds_nothing() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(2, size=4000)
    columns = {name: ballots(rng, y, accuracy) for name, accuracy in (("a", 0.8), ("b", 0.7), ("c", 0.75))}
    once = matrix(columns)
    twice = matrix(columns | {"again": columns["a"]}, {"again": "a"})
    found = [GroupedDawidSkene().fit(votes).predict_proba(votes) for votes in (once, twice)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)


# Silence


def test_that_a_two_sided_function_votes_at_all_says_nothing() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(2, size=40_000)
    columns = {name: ballots(rng, y, 0.85) for name in "abc"}
    columns["coin"] = np.where(rng.random(len(y)) < np.where(y == 1, 0.6, 0.2), rng.integers(2, size=len(y)), NO_VOTE)
    columns["mate"] = np.where(columns["coin"] != NO_VOTE, rng.integers(2, size=len(y)), NO_VOTE)
    grouped = {"coin": "pair", "mate": "pair"}
    heard = {
        abstain: log_ratios(GroupedDawidSkene(abstain=abstain).fit(matrix(columns, grouped)), "coin", "mate")
        for abstain in ("auto", "symbol")
    }
    assert "--" not in heard["auto"]
    assert max(map(abs, heard["auto"].values())) < 0.1
    assert heard["symbol"]["--"] == pytest.approx(np.log(0.4 / 0.8), abs=0.1)


def test_the_silence_of_a_one_sided_function_speaks_against_what_it_would_say() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(2, size=40_000)
    stopped = rng.random(len(y)) < np.where(y == 1, 0.02, 0.3)
    votes = matrix({name: ballots(rng, y, 0.8) for name in "abc"} | {"stop": np.where(stopped, 0, NO_VOTE)})
    heard = log_ratios(GroupedDawidSkene().fit(votes), "stop")
    assert heard == pytest.approx({"-": np.log(0.98 / 0.7), "0": np.log(0.02 / 0.3)}, abs=0.1)
    assert log_ratios(GroupedDawidSkene(abstain="ignore").fit(votes), "stop") == {}


def test_how_usual_silence_is_has_to_be_learnt_from_trials_on_which_nothing_votes() -> None:
    """Among trials with a vote, those without results are those with another: that of a stop."""
    rng = np.random.default_rng(4)
    y = rng.integers(2, size=40_000)
    stopped = rng.random(len(y)) < np.where(y == 1, 0.03, 0.3)
    reported = rng.random(len(y)) < 0.25
    columns = {name: np.where(reported, ballots(rng, y, 0.8), NO_VOTE) for name in ("p_value", "paper", "safety")}
    every = matrix(columns | {"results": np.where(reported, 1, NO_VOTE), "stop": np.where(stopped, 0, NO_VOTE)})
    voted = every.rows((every.votes != NO_VOTE).any(axis=1))
    silence = [log_ratios(GroupedDawidSkene().fit(votes), "results")["-"] for votes in (every, voted)]
    assert silence[0] > -0.3
    assert silence[1] < -3


def test_trials_without_an_outcome_vote_have_no_probability() -> None:
    votes, _ = generate("A", 500)
    votes.votes[::5] = NO_VOTE
    found = GroupedDawidSkene().fit(votes).predict_proba(votes)
    np.testing.assert_array_equal(np.isnan(found), ~votes.informative())
    assert np.isnan(found).sum() >= 100


# Polarity


def test_a_function_that_runs_against_its_polarity_is_not_heard_rather_than_turned_over() -> None:
    votes, y = generate("D", 20_000)
    rng = np.random.default_rng(4)
    liar = ballots(rng, 1 - y, 0.8, coverage=0.6)
    fooled = matrix({name: votes.votes[:, i] for i, name in enumerate(votes.functions)} | {"liar": liar})
    model = GroupedDawidSkene().fit(fooled)
    assert log_ratios(model, "liar") == {}
    assert {row["name"]: row for row in model.function_table(fooled)}["liar"]["information"] == 0
    without = fooled.columns([i for i, name in enumerate(fooled.functions) if name != "liar"])
    np.testing.assert_allclose(model.predict_proba(fooled), model.fit(without).predict_proba(without), atol=0.01)


def test_no_pattern_speaks_against_the_majority_of_its_votes(world: dict[str, Votes]) -> None:
    for votes in (world["B"][0], ungrouped(world["B"][0])):
        for block in GroupedDawidSkene().fit(votes).state()["blocks"]:
            for pattern, ratio in block["log_ratio"].items():
                assert ratio * (pattern.count("1") - pattern.count("0")) >= 0, (block["group"], pattern)


# Order, and being a value


def test_neither_the_order_of_trials_nor_that_of_functions_matters() -> None:
    votes, _ = generate("A", 8_000)
    rng = np.random.default_rng(5)
    rows, columns = rng.permutation(8_000), rng.permutation(len(votes.functions))
    shuffled = replace(
        votes,
        nct_ids=votes.nct_ids[rows],
        strata=votes.strata[rows],
        votes=votes.votes[np.ix_(rows, columns)],
        functions=tuple(votes.functions[i] for i in columns),
        groups=tuple(votes.groups[i] for i in columns),
        kinds=tuple(votes.kinds[i] for i in columns),
    )
    model = GroupedDawidSkene(sample=3_000)
    one, other = (model.fit(each).predict_proba(votes) for each in (votes, shuffled))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one[rows], model.fit(votes).predict_proba(shuffled))


def test_a_vote_table_in_any_order_gives_the_same_probabilities() -> None:
    votes, _ = generate("B", 1_000)
    cells = np.argwhere(votes.votes != NO_VOTE)
    groups, kinds = (dict(zip(votes.functions, of, strict=True)) for of in (votes.groups, votes.kinds))
    found = []
    for order in (np.arange(len(cells)), np.random.default_rng(6).permutation(len(cells))):
        rows, columns = cells[order].T
        names = [votes.functions[i] for i in columns]
        table = LabelMatrix.of(list(votes.nct_ids[rows]), names, list(votes.votes[rows, columns]), groups, kinds)
        found.append(GroupedDawidSkene().fit(table).predict_proba(table))
    np.testing.assert_array_equal(*found)


def test_a_fit_is_a_new_value_and_always_the_same() -> None:
    votes, _ = generate("A", 2_000)
    before = votes.votes.copy()
    model = GroupedDawidSkene()
    assert model.fit(votes) == model.fit(votes) != model == GroupedDawidSkene()
    np.testing.assert_array_equal(votes.votes, before)


def test_a_kept_state_predicts_the_same_to_the_last_bit() -> None:
    votes, _ = generate("A", 2_000)
    fitted = GroupedDawidSkene().fit(votes)
    kept = GroupedDawidSkene().with_state(json.loads(json.dumps(fitted.state())))
    np.testing.assert_array_equal(kept.predict_proba(votes), fitted.predict_proba(votes))
    assert kept == fitted


def test_a_stratum_never_met_has_the_overall_prior() -> None:
    votes, _ = generate("A", 2_000)
    fitted = GroupedDawidSkene().fit(votes)
    strange = replace(votes, stratum_names=("EARLY", "NA", "PHASE4"))
    even = replace(fitted, priors=tuple((name, fitted.prior) for name in votes.stratum_names))
    np.testing.assert_array_equal(fitted.predict_proba(strange), even.predict_proba(votes))


def test_a_matrix_without_trials_is_no_error() -> None:
    none = LabelMatrix.of([], [], [], {}, {})
    assert GroupedDawidSkene().fit(none).predict_proba(none).shape == (0,)


# Refusals


def test_other_functions_than_those_fitted_are_refused_by_name() -> None:
    votes, _ = generate("A", 500)
    fitted = GroupedDawidSkene().fit(votes)
    moved = replace(votes, groups=tuple("safety" if group == "ae" else group for group in votes.groups))
    for strange, name in ((votes.columns(range(24)), "why_stopped"), (moved, "ae_rate")):
        with pytest.raises(ValueError, match=name):
            fitted.predict_proba(strange)
    with pytest.raises(ValueError, match="ae_rate"):
        GroupedDawidSkene().predict_proba(votes)


def test_a_group_too_large_for_one_voice_is_refused_by_name() -> None:
    votes, _ = generate("A", 500)
    crowded = replace(votes, groups=("crowd",) * 9 + votes.groups[9:])
    with pytest.raises(ValueError, match="'crowd' has 9"):
        GroupedDawidSkene().fit(crowded)
