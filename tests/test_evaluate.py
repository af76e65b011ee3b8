"""Labels against gold: a dozen trials whose every figure is worked out by hand, in a release written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import duckdb
import numpy as np
import pytest

from cto import registry
from cto.evaluate import evaluate, lines
from cto.fuse import NO_VOTE, LabelMatrix, Majority
from cto.gold import Gold, GoldError, read_gold
from cto.lake import Lake
from cto.release import Release

Json = dict[str, Any]
Rows = list[dict[str, Any]]
Compare = Callable[..., Json]

FUNCTIONS = {
    name: {"kind": kind, "group": group, "informs": {definition: 1}}
    for name, kind, group, definition in (
        ("cto_p_value", "outcome", "cto_rule", "cto_compatible"),
        ("p_value", "outcome", "efficacy", "success"),
        ("paper", "outcome", "paper", "success"),
        ("posted", "conduct", "reporting", "success"),
        ("silent", "outcome", "silent", "success"),
        ("stop", "outcome", "stop", "success"),
    )
}
MODELS = {definition: {"name": "majority", "version": 2} for definition in ("success", "cto_compatible")}

# trial, status, gold, sponsor, votes; what the majority says of it
WORLD: list[tuple[int, str, int | None, str | None, dict[str, int]]] = [
    (1, "COMPLETED", 1, "A", {"p_value": 1, "cto_p_value": 1}),  # 1
    (2, "COMPLETED", 1, "A", {"p_value": 1, "posted": 1, "cto_p_value": 1}),  # 1
    (3, "COMPLETED", 1, "B", {"p_value": 0, "paper": 1}),  # 1/2
    (4, "COMPLETED", 1, "B", {}),  # nothing
    (5, "COMPLETED", 0, "C", {"p_value": 0, "cto_p_value": 0}),  # 0
    (6, "COMPLETED", 0, "C", {"p_value": 0, "posted": 1}),  # 1/3
    (7, "COMPLETED", 0, "D", {"paper": 1}),  # 1
    (8, "TERMINATED", 0, "A", {"stop": 0}),  # 0
    (9, "WITHDRAWN", 0, "B", {"stop": 0}),  # 0
    (10, "TERMINATED", 1, "D", {"stop": 0, "p_value": 1, "cto_p_value": 1}),  # 1/2
    (11, "UNKNOWN", 0, "D", {"posted": 1}),  # nothing: no outcome function
    (12, "SUSPENDED", 0, None, {}),  # nothing
    (13, "RECRUITING", 1, "A", {"p_value": 1}),
    (15, "COMPLETED", None, "A", {"p_value": 1}),
]
HALF = Majority(conduct_weight=0.5)
PUBLISHED = {1: 0.9, 5: 0.2, 7: 0.6}


def nct(number: int) -> str:
    return f"NCT{number:08}"


def world() -> dict[str, Rows]:
    """Return the rows of a release of the world above."""
    trials = [
        {
            "nct_id": nct(number),
            "overall_status": status,
            "lead_sponsor_name": sponsor,
            "phase": "PHASE2" if number % 2 else None,
            "completion_date": None if number in (1, 2) else "2015-06-30",
            "primary_completion_date": "2014-01-31" if number != 2 else None,
            "is_ended": status != "RECRUITING",
        }
        for number, status, _, sponsor, _ in WORLD
    ]
    informs = {name: next(iter(function["informs"])) for name, function in FUNCTIONS.items()}
    votes = [
        {"nct_id": nct(number), "label_function": name, "definition": informs[name], "version": 1, "vote": vote}
        for number, *_, cast in WORLD
        for name, vote in cast.items()
    ]
    labels = [
        {
            "nct_id": nct(number),
            "definition": definition,
            "p_success": PUBLISHED.get(number) if definition == "success" else 1,
        }
        for number, *_ in WORLD
        for definition in ("success", "cto_compatible")
    ]
    return {"trials": trials, "votes": votes, "labels": labels}


def publish(lake: Lake, tables: dict[str, Rows]) -> Release:
    """Write the rows as a release's files, with every column of their contracts."""
    with duckdb.connect() as con:
        for name, rows in tables.items():
            con.execute(registry.tables()[name].ddl(f"{name}_contract"))
            con.execute(f"create table {name} as from {name}_contract limit 0")  # without its constraints
            for row in rows:
                marks = ", ".join("?" for _ in row)
                con.execute(f"insert into {name} ({', '.join(row)}) values ({marks})", list(row.values()))
            file = Path(lake.url(f"releases/2026.01.31/{name}.parquet"))
            file.parent.mkdir(parents=True, exist_ok=True)
            con.execute(f"copy {name} to '{file}'")
    return Release("2026.01.31", {"label_functions": FUNCTIONS, "fit": {"models": MODELS}})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def gold(tmp_path: Path) -> Gold:
    file = tmp_path / "gold.csv"
    rows = [f"{nct(number)},{label}" for number, _, label, *_ in WORLD if label is not None]
    file.write_text("\n".join(["nct_id,label", *rows, f"{nct(14)},0", f"{nct(4)},1", f"{nct(16)},-1"]))
    return read_gold(file)


@pytest.fixture
def compare(lake: Lake, gold: Gold) -> Compare:
    """Return ``compare(models, tables, …)``, the comparison over a world, by default the one above."""

    def run(models: Sequence[Any] = (HALF,), tables: dict[str, Rows] | None = None, **options: Any) -> Json:
        return evaluate(lake, publish(lake, tables or world()), gold, models, **({"n_bootstrap": 200} | options))

    return run


def values(row: Json) -> Json:
    return {name: figure["value"] if isinstance(figure, dict) else figure for name, figure in row.items()}


def test_gold_that_cannot_be_compared_is_counted_by_reason(compare: Compare, gold: Gold) -> None:
    assert compare()["gold"] == {
        "path": gold.path,
        "n": 14,
        "n_unlabelled": 1,
        "n_repeated": 1,
        "n_compared": 12,
        "left_out": {"not in the release": 1, "not ended": 1},
    }


def test_the_majority_by_hand(compare: Compare) -> None:
    found = compare()["strata"]["all"]
    assert (found["n"], found["n_failures"], found["n_sponsors"]) == (12, 7, 5)
    assert values(found["rows"]["majority"]) == {
        "n_labelled": 9,
        "roc_auc": pytest.approx(28 / 35),  # the two at 1 win 6.5 of 7 each, the three at 1/2 win 5 each
        "roc_auc_labelled": pytest.approx(17 / 20),
        "pr_auc": pytest.approx(77 / 120),
        "pr_auc_failure": pytest.approx((3 + 1 + 2 * 6 / 9 + 7 / 12) / 7),
        "f1": pytest.approx(4 / 5),  # two true 1s, one false, none missed; two undecided
        "kappa": pytest.approx(16 / 23),
        "accuracy": pytest.approx(6 / 7),
        "brier": pytest.approx((1 + 1 / 4 + 1 / 4 + 1 / 9) / 9),
        "ece": None,
    }


def test_the_rules_by_hand(compare: Compare) -> None:
    rows = compare()["strata"]["all"]["rows"]
    status, positive = values(rows["status_only"]), values(rows["all_positive"])
    assert status["roc_auc"] == pytest.approx(21.5 / 35)  # four 1s win 5 each, the stopped one 1.5
    assert (status["n_labelled"], status["accuracy"]) == (12, pytest.approx(7 / 12))
    assert positive["roc_auc"] == 0.5
    assert (positive["kappa"], positive["pr_auc_failure"]) == (0, pytest.approx(7 / 12))


def test_the_published_labels_are_those_of_the_release_and_definition(compare: Compare) -> None:
    published = values(compare()["strata"]["all"]["rows"]["published"])
    assert (published["n_labelled"], published["accuracy"]) == (3, pytest.approx(2 / 3))
    assert published["roc_auc"] == pytest.approx((7 + 4 * (1 + 5 / 2)) / 35)
    other = compare(definition="cto_compatible")
    assert values(other["strata"]["all"]["rows"]["published"])["n_labelled"] == 12
    assert other["fitted_on"]["n_votes"] == {"cto_p_value": 4}


def test_the_strata_part_what_rules_decide_from_what_they_do_not(compare: Compare) -> None:
    strata = compare()["strata"]
    counted = {name: (found["n"], found["n_failures"]) for name, found in strata.items()}
    assert counted == {"all": (12, 7), "completed": (7, 3), "by_status": (4, 3), "by_p_value": (2, 0), "hard": (5, 3)}
    assert values(strata["completed"]["rows"]["majority"])["roc_auc"] == pytest.approx(9 / 12)
    assert strata["by_p_value"]["rows"]["majority"]["roc_auc"] == {"value": None, "low": None, "high": None}
    assert strata["by_p_value"]["failures"]["value"] == 0


def test_a_release_without_the_p_value_rule_says_so(compare: Compare) -> None:
    tables = world()
    tables["votes"] = [row for row in tables["votes"] if row["label_function"] != "cto_p_value"]
    found = compare(tables=tables)
    assert (found["strata"]["by_p_value"], found["strata"]["hard"], found["adds"]["hard"]) == (None, None, None)
    assert "no vote of cto_p_value on cto_compatible" in found["notes"][-1]
    assert "hard: not judged" in list(lines(found))
    assert not any("cto_p_value" in note for note in compare()["notes"])


def test_functions_that_share_a_rule_with_gold_are_left_out_in_a_row(compare: Compare) -> None:
    rows = compare()["strata"]["all"]["rows"]
    assert list(rows) == [
        "published",
        "majority",
        "majority without stop rules",
        "majority without p-value rules",
        "status_only",
        "all_positive",
    ]
    no_stop, no_p = (values(rows[f"majority without {what} rules"]) for what in ("stop", "p-value"))
    assert (no_stop["n_labelled"], no_stop["roc_auc"]) == (7, pytest.approx(27.5 / 35))
    assert no_p["n_labelled"] == 5


def test_what_each_function_adds(compare: Compare) -> None:
    adds = compare()["adds"]
    assert adds["model"] == "majority"
    assert set(adds["completed"]) == {"p_value", "paper", "posted"}, "no stop votes on a completed trial"
    p_value = adds["completed"]["p_value"]
    assert (p_value["with"], p_value["without"]) == (pytest.approx(9 / 12), pytest.approx(5.5 / 12))
    assert p_value["value"] == pytest.approx(3.5 / 12)
    # two of four sponsors have no failure: too many resamples have no AUC
    assert (p_value["low"], p_value["high"]) == (None, None)


def test_it_says_which_model_fused_the_release(compare: Compare) -> None:
    assert "  Published labels are fused by majority." in list(lines(compare()))


def test_a_release_is_judged_by_the_functions_it_was_made_by(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    before = compare()
    monkeypatch.setattr(registry, "label_functions", tuple)
    assert compare() == before


@dataclass(frozen=True)
class Spy:
    """Says 1 of every trial, and keeps what it was fitted on."""

    name: str = "spy"
    version: int = 1
    seen: list[LabelMatrix] = field(default_factory=list)

    def fit(self, matrix: LabelMatrix) -> Self:
        self.seen.append(matrix)
        return self

    def predict_proba(self, matrix: LabelMatrix) -> np.ndarray[Any, Any]:
        return np.ones(len(matrix.nct_ids))


def test_models_learn_from_the_votes_of_every_ended_trial_and_never_from_gold(compare: Compare) -> None:
    spy = Spy()
    found = compare([spy])
    ended = spy.seen[0].nct_ids.tolist()
    assert set(ended) >= {nct(i) for i in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 15)}
    assert {nct(4), nct(12)} <= set(ended), "trials without a vote are learnt from too"
    assert found["fitted_on"] == {"n": 13, "n_votes": {"p_value": 7, "paper": 2, "posted": 3, "silent": 0, "stop": 3}}
    assert values(found["strata"]["all"]["rows"]["spy"])["n_labelled"] == 12
    assert "majority" in found["strata"]["all"]["rows"]
    without_stop = spy.seen[1]
    assert without_stop.functions == spy.seen[0].functions
    assert without_stop.nct_ids.tolist() == ended
    assert (without_stop.votes[:, without_stop.functions.index("stop")] == NO_VOTE).all()


def test_models_are_told_apart_by_name(compare: Compare) -> None:
    for models in ([Majority(), Majority()], [Spy("published")]):
        with pytest.raises(ValueError, match="each model needs a name of its own"):
            compare(models)
    assert compare([])["adds"]["model"] == "majority"


def test_phase_and_year_are_broken_down(compare: Compare) -> None:
    found = compare()
    assert {name: (of["n"], of["n_failures"]) for name, of in found["by_year"].items()} == {
        "2014": (1, 0),
        "2015": (10, 7),
        "undated": (1, 0),
    }
    assert {name: (of["n"], of["n_failures"]) for name, of in found["by_phase"].items()} == {
        "NA": (6, 3),
        "PHASE2": (6, 4),
    }
    assert found["by_year"]["2014"]["roc_auc"]["majority"] is None
    assert found["by_phase"]["PHASE2"]["roc_auc"]["majority"] == pytest.approx((3.5 + 2.5) / 8)


def test_calibration_is_judged_from_200_labelled_gold_trials_on(compare: Compare, lake: Lake) -> None:
    found = compare()["strata"]["all"]["rows"]["majority"]["ece"]
    assert found["value"] is None
    assert found["reason"].startswith("9 gold trials have a probability; fewer than 200")
    tables = world()
    tables["trials"] = [tables["trials"][0] | {"nct_id": nct(i), "lead_sponsor_name": f"S{i}"} for i in range(400)]
    tables["votes"] = [tables["votes"][0] | {"nct_id": nct(i), "vote": i % 2} for i in range(250)]
    ids = np.array([nct(i) for i in range(400)])
    labels = np.array([i % 4 != 0 for i in range(400)], dtype=np.int8)  # of those at 0 half are 1s
    big = Gold("big.csv", ids, labels, ids, 0, 0)
    found = evaluate(lake, publish(lake, tables), big, [Majority()], n_bootstrap=100)
    figure = found["strata"]["all"]["rows"]["majority"]["ece"]
    assert figure["value"] == pytest.approx(62 / 250)
    assert figure["low"] < figure["value"] < figure["high"]
    gain = found["adds"]["completed"]["p_value"]
    assert (gain["without"], gain["value"]) == (0.5, gain["with"] - 0.5)
    assert gain["low"] < gain["value"] < gain["high"]


def test_intervals_hold_their_figures_and_equal_inputs_give_equal_results(compare: Compare) -> None:
    one = compare([Majority()], seed=3)
    assert compare([Majority()], seed=3) == one
    assert json.loads(json.dumps(one, allow_nan=False)) == one
    figure = one["strata"]["all"]["rows"]["majority"]["brier"]
    assert figure["low"] < figure["value"] < figure["high"]


def test_gold_of_other_trials_is_refused_by_name(lake: Lake) -> None:
    gold = Gold("other.csv", np.array([nct(99)]), np.array([1], dtype=np.int8), np.array([""]), 0, 0)
    with pytest.raises(
        GoldError, match=r"none of the 1 trials of other\.csv is an ended trial of release 2026\.01\.31"
    ):
        evaluate(lake, publish(lake, world()), gold, [Majority()], n_bootstrap=10)


def test_a_release_without_votes_is_compared_by_its_rules(compare: Compare) -> None:
    found = compare(tables=world() | {"votes": []})
    assert values(found["strata"]["all"]["rows"]["majority"])["roc_auc"] == 0.5
    assert values(found["strata"]["all"]["rows"]["status_only"])["roc_auc"] == pytest.approx(21.5 / 35)
    assert found["adds"]["completed"] == {}


def test_the_lines_fit_a_terminal_and_show_the_figures(compare: Compare) -> None:
    text = list(lines(compare()))
    assert max(map(len, text[1:])) <= 120  # the first names the gold file
    assert any(line.startswith("all: 12 trials of 5 sponsors, 7 failures (0.583 ") for line in text)
    of_all = text[next(i for i, line in enumerate(text) if line.startswith("all: ")) :]
    row = next(line for line in of_all if line.startswith("  majority  "))
    assert row.split()[1:3] == ["9", "0.800"]
    assert row.split()[-5:] == ["0.800", "0.696", "0.857", "0.179", "–"]
    assert "    without stop rules" in "\n".join(text)
    assert any(line.startswith("  p_value") and "0.750  0.458   0.292" in line for line in text)
