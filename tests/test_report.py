"""The label function report: figures worked out by hand, and a page that stands alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cto.gold import Gold
from cto.lake import Lake
from cto.release import Release
from cto.report import function_report
from cto.report_html import findings, render

Json = dict[str, Any]
Vote = tuple[str, str, int]
"""Label function, trial, vote."""

TRIAL = pa.schema(
    {
        "nct_id": pa.string(),
        "phase": pa.string(),
        "completion_date": pa.date32(),
        "primary_completion_date": pa.date32(),
        "overall_status": pa.string(),
        "is_ended": pa.bool_(),
    }
)
VOTE = pa.schema(
    {
        "nct_id": pa.string(),
        "label_function": pa.string(),
        "definition": pa.string(),
        "version": pa.int32(),
        "vote": pa.int8(),
    }
)
FUNCTIONS = {
    "alpha": ("outcome", "one"),
    "beta": ("outcome", "two"),
    "only": ("conduct", "three"),
    "quiet": ("design", "one"),
}


def trial(number: int, **changes: Any) -> Json:
    row = {"nct_id": f"NCT{number:08}", "phase": "PHASE2", "completion_date": date(2010, 5, 1)}
    return row | {"overall_status": "COMPLETED", "is_ended": True, "primary_completion_date": None} | changes


def votes(name: str, cast: Mapping[int, int]) -> list[Vote]:
    return [(name, f"NCT{number:08}", vote) for number, vote in cast.items()]


def published(
    home: Path,
    trials: Sequence[Json],
    cast: Iterable[Vote],
    functions: Mapping[str, tuple[str, str]] | None = None,
    meaning: str = "Vote as the test says.",
) -> tuple[Lake, Release]:
    """Write a release by hand: what the report reads of one, and no more."""
    lake = Lake(str(home / "lake"))
    folder = home / "lake" / "releases" / "2026.01.31"
    folder.mkdir(parents=True)
    rows = [
        {"nct_id": nct_id, "label_function": name, "definition": "success", "version": 1, "vote": vote}
        for name, nct_id, vote in cast
    ]
    pq.write_table(pa.Table.from_pylist(list(trials), TRIAL), folder / "trials.parquet")
    pq.write_table(pa.Table.from_pylist(rows, VOTE), folder / "votes.parquet")
    told = {
        name: {"version": 1, "kind": kind, "group": group, "informs": {"success": 1}, "meaning": meaning}
        for name, (kind, group) in (FUNCTIONS if functions is None else functions).items()
    }
    labels: Json = {"success": {}, "endpoint_met": {}}
    manifest = {"as_of": "2026-01-31", "is_sample": True, "label_functions": told, "labels": labels}
    return lake, Release("2026.01.31", manifest)


@pytest.fixture
def dozen(tmp_path: Path) -> tuple[Lake, Release]:
    """Return twelve ended trials and one that goes on, whose votes must not count."""
    early, middle, late = date(2010, 5, 1), date(2011, 5, 1), date(2012, 5, 1)
    trials = [
        *(trial(n, phase="PHASE1", completion_date=early) for n in (1, 2, 3, 4)),
        *(trial(n, phase="PHASE1", completion_date=middle) for n in (5, 6)),
        trial(7, phase="PHASE3", completion_date=middle),
        trial(8, phase="PHASE3", completion_date=None, primary_completion_date=middle),
        *(trial(n, phase="PHASE3", completion_date=late) for n in (9, 10)),
        trial(11, phase="NA", completion_date=late, overall_status="TERMINATED"),
        trial(12, phase=None, completion_date=None, overall_status="TERMINATED"),
        trial(13, is_ended=False, overall_status="RECRUITING"),
    ]
    alpha = votes("alpha", {1: 1, 2: 1, 3: 1, 4: 1, 5: 0, 6: 0, 7: 0, 8: 0, 13: 1})
    beta = votes("beta", {3: 1, 4: 0, 5: 0, 6: 1, 7: 0, 8: 0, 9: 1, 10: 1, 13: 0})
    return published(tmp_path, trials, [*alpha, *beta, *votes("only", {1: 1, 9: 1, 11: 1})])


GOLD = {f"NCT{n:08}": answer for n, answer in {1: 1, 2: 1, 3: 0, 4: 1, 5: 0, 6: 0, 7: 1, 8: 0, 9: 1, 11: 0}.items()}


def functions_of(report: Json, definition: str = "success") -> dict[str, Json]:
    return {f["function"]: f for f in report["definitions"][definition]["functions"]}


def pair_of(report: Json, a: str, b: str) -> Json:
    return next(p for p in report["definitions"]["success"]["pairs"] if (p["a"], p["b"]) == (a, b))


def test_coverage_overlap_and_conflict_are_shares_of_ended_trials(dozen: tuple[Lake, Release]) -> None:
    report = function_report(*dozen)
    found = functions_of(report)
    assert report["n_ended_trials"] == 12
    assert found["alpha"]["all"] == {
        "trials": 12,
        "votes": 8,
        "ones": 4,
        "zeros": 4,
        "coverage": 8 / 12,
        "share_of_ones": 0.5,
        "polarity": [0, 1],
        "overlap": 7 / 8,  # beta on six, only on trial 1
        "conflict": 2 / 8,  # beta on trials 4 and 6
        "unique_coverage": 1 / 12,  # trial 2
    }
    beta, only = found["beta"]["all"], found["only"]["all"]
    assert (beta["overlap"], beta["conflict"], beta["unique_coverage"]) == (7 / 8, 2 / 8, 1 / 12)
    assert (only["votes"], only["polarity"], only["overlap"], only["conflict"]) == (3, [1], 2 / 3, 0)
    assert found["alpha"]["is_fused"] is True
    assert found["quiet"]["is_fused"] is False


def test_phases_and_years_come_in_order_with_their_own_trials(dozen: tuple[Lake, Release]) -> None:
    alpha = functions_of(function_report(*dozen))["alpha"]
    counts = {
        by: {value: (s["trials"], s["votes"], s["ones"]) for value, s in alpha[by].items()}
        for by in ("by_phase", "by_year")
    }
    phases = {"PHASE1": (6, 6, 4), "PHASE3": (4, 2, 0), "NA": (1, 0, 0), "unstated": (1, 0, 0)}
    years = {"2010": (4, 4, 4), "2011": (4, 4, 0), "2012": (3, 0, 0), "unstated": (1, 0, 0)}
    assert counts == {"by_phase": phases, "by_year": years}
    assert [list(counts["by_phase"]), list(counts["by_year"])] == [list(phases), list(years)]
    assert alpha["by_phase"]["NA"]["share_of_ones"] is None


def test_a_silent_function_is_told_and_not_dropped(dozen: tuple[Lake, Release]) -> None:
    report = function_report(*dozen, GOLD)
    quiet = functions_of(report)["quiet"]
    assert (quiet["all"]["votes"], quiet["all"]["coverage"], quiet["all"]["overlap"]) == (0, 0, None)
    assert quiet["all"]["polarity"] == []
    assert quiet["gold"]["all"]["accuracy"]["value"] is None
    assert pair_of(report, "alpha", "quiet")["n_both"] == 0
    assert "quiet is silent: it votes on no ended trial." in render(report)


def test_pairs_agree_where_both_vote(dozen: tuple[Lake, Release]) -> None:
    report = function_report(*dozen)
    pair = pair_of(report, "alpha", "beta")  # on trials 3 to 8: 11 10 00 01 00 00
    assert (pair["n_both"], pair["agreement"]) == (6, pytest.approx(4 / 6))
    assert pair["phi"] == pytest.approx((1 * 3 - 1 * 1) / 8)
    assert pair["kappa"] == pytest.approx((4 / 6 - 20 / 36) / (16 / 36))
    one_sided = pair_of(report, "alpha", "only")
    assert (one_sided["n_both"], one_sided["agreement"], one_sided["phi"], one_sided["kappa"]) == (1, 1, None, None)
    assert pair["dependence"] is None
    assert "mixes signal and dependence" in report["dependence_note"]


def test_gold_counts_ended_trials_of_the_release_only(dozen: tuple[Lake, Release]) -> None:
    report = function_report(*dozen, GOLD | {"NCT00000013": 1, "NCT09999999": 1})
    assert report["gold"] == {
        "n_given": 12,
        "all": {"n": 10, "base_rate": 0.5},
        "completed": {"n": 9, "base_rate": 5 / 9},
    }
    alpha = functions_of(report)["alpha"]["gold"]["all"]
    no_interval = {"low": None, "high": None, "why": "fewer than 10 trials"}
    assert alpha["accuracy"] == {"value": 6 / 8, "n": 8} | no_interval
    assert alpha["kappa"] == {"value": 0.5, "n": 8} | no_interval
    assert alpha["base_rate"] == 0.5
    assert alpha["lift"]["1"] == {"value": 0.75 - 0.5, "n": 4, "right": 0.75} | no_interval
    assert alpha["lift"]["0"] == {"value": 0.75 - 0.5, "n": 4, "right": 0.75} | no_interval
    only = functions_of(report)["only"]["gold"]
    assert (only["all"]["accuracy"]["n"], only["completed"]["accuracy"]["n"]) == (3, 2)


def test_intervals_from_ten_trials_on(tmp_path: Path) -> None:
    """Of twenty 1-votes fifteen are right, and of twenty 0-votes fifteen."""
    cast = votes("alpha", {n: int(n < 20) for n in range(40)})
    lake, release = published(tmp_path, [trial(n) for n in range(40)], cast)
    gold = {f"NCT{n:08}": int(n < 15 or n >= 35) for n in range(40)}
    found = functions_of(function_report(lake, release, gold))["alpha"]["gold"]["all"]
    accuracy, kappa, lift = found["accuracy"], found["kappa"], found["lift"]["1"]
    assert [round(accuracy[key], 4) for key in ("value", "low", "high")] == [0.75, 0.5981, 0.8581]
    assert [round(lift[key], 3) for key in ("value", "low", "high")] == [0.25, 0.095, 0.348]
    assert kappa["value"] == 0.5
    assert 0.1 < kappa["low"] < 0.4
    assert 0.6 < kappa["high"] < 0.9


def test_a_one_sided_function_has_no_kappa(tmp_path: Path) -> None:
    lake, release = published(tmp_path, [trial(n) for n in range(20)], votes("only", dict.fromkeys(range(20), 1)))
    gold = {f"NCT{n:08}": n % 2 for n in range(20)}
    found = functions_of(function_report(lake, release, gold))["only"]["gold"]["all"]
    assert (found["kappa"]["value"], found["kappa"]["why"]) == (None, "votes or gold never vary")
    assert found["lift"]["1"]["value"] == 0
    assert found["lift"]["1"]["why"] == "fewer than 10 trials without this vote"


def crossed(home: Path, cells: Sequence[tuple[int, int, int, int]], groups: tuple[str, str]) -> Json:
    """Return the report on trials given as (gold, vote of alpha, vote of beta, how many)."""
    rows = [(gold, a, b) for gold, a, b, n in cells for _ in range(n)]
    cast = [
        *votes("alpha", {n: a for n, (_, a, _) in enumerate(rows)}),
        *votes("beta", {n: b for n, (_, _, b) in enumerate(rows)}),
    ]
    functions = {"alpha": ("outcome", groups[0]), "beta": ("outcome", groups[1])}
    lake, release = published(home, [trial(n) for n in range(len(rows))], cast, functions)
    return function_report(lake, release, {f"NCT{n:08}": gold for n, (gold, _, _) in enumerate(rows)})


def test_functions_that_are_both_right_do_not_depend_on_each_other(tmp_path: Path) -> None:
    """Both are right on 80 %, one after the other's back: they agree, but no longer once gold is known."""
    right = [(1, 1, 1, 640), (1, 1, 0, 160), (1, 0, 1, 160), (1, 0, 0, 40)]
    wrong = [(0, 0, 0, 640), (0, 0, 1, 160), (0, 1, 0, 160), (0, 1, 1, 40)]
    pair = pair_of(crossed(tmp_path, [*right, *wrong], ("one", "two")), "alpha", "beta")
    assert pair["phi"] == pytest.approx(0.36)
    assert pair["dependence"]["phi"] == pytest.approx(0)
    assert (pair["dependence"]["n"], pair["dependence"]["finding"]) == (2000, "none")


COPIES = [(gold, vote, vote, 10) for gold in (0, 1) for vote in (0, 1)]
UNRELATED = [(gold, a, b, 1) for gold in (0, 1) for a in (0, 1) for b in (0, 1)]


def times(cells: Sequence[tuple[int, int, int, int]], n: int) -> list[tuple[int, int, int, int]]:
    return [(gold, a, b, n * count) for gold, a, b, count in cells]


@pytest.mark.parametrize(
    ("cells", "groups", "finding"),
    [
        (COPIES, ("one", "two"), "undeclared"),
        (COPIES, ("one", "one"), "declared"),
        (times(UNRELATED, 150), ("one", "two"), "none"),
        (times(UNRELATED, 150), ("one", "one"), "declared but not seen"),
        (times(UNRELATED, 5), ("one", "one"), "too few to tell"),
        (UNRELATED, ("one", "one"), None),
    ],
)
def test_what_a_dependence_says_of_the_groups(
    tmp_path: Path, cells: list[tuple[int, int, int, int]], groups: tuple[str, str], finding: str | None
) -> None:
    pair = pair_of(crossed(tmp_path, cells, groups), "alpha", "beta")
    assert pair["is_one_group"] is (groups[0] == groups[1])
    assert pair["dependence"]["finding"] == finding
    assert (pair["dependence"]["why"] == "fewer than 10 trials with gold") is (finding is None)


def test_z_of_a_copy(tmp_path: Path) -> None:
    given = pair_of(crossed(tmp_path, COPIES, ("one", "two")), "alpha", "beta")["dependence"]
    assert given["phi"] == pytest.approx(1)
    assert given["z"] == pytest.approx(10 / (2 * 25 / 19) ** 0.5)  # per class of 20: both variances are 5


def test_findings_name_what_to_look_at(tmp_path: Path) -> None:
    report = crossed(tmp_path, COPIES, ("one", "two"))
    found = report["definitions"]["success"]
    [said] = findings(found["functions"], found["pairs"])
    assert said.startswith("alpha and beta depend on each other beyond gold (residual phi 1.00, z 6.2, 40 trials)")


def test_the_same_inputs_give_the_same_report_and_page(dozen: tuple[Lake, Release]) -> None:
    gold = Gold(
        "gold.csv",
        np.array(sorted(GOLD)),
        np.array([GOLD[nct_id] for nct_id in sorted(GOLD)], dtype=np.int8),
        np.array([""] * len(GOLD)),
        0,
        0,
    )
    report = function_report(*dozen, gold)
    assert report == function_report(*dozen, dict(reversed(GOLD.items())))
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert render(report) == render(function_report(*dozen, gold))


def test_gold_other_than_0_and_1_is_refused(dozen: tuple[Lake, Release]) -> None:
    with pytest.raises(ValueError, match="NCT00000001: 2"):
        function_report(*dozen, {"NCT00000001": 2})


class Page(HTMLParser):
    """Reads a page, and objects to a tag that is not closed, or not where it was opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("gold", [None, GOLD], ids=["without gold", "with gold"])
def test_the_page_is_well_formed_and_stands_alone(dozen: tuple[Lake, Release], gold: Mapping[str, int] | None) -> None:
    page = render(function_report(*dozen, gold))
    read = Page(page)
    assert {"svg", "table", "figure", "nav"} <= read.tags
    assert not read.tags & {"script", "link", "img", "iframe", "object", "base"}
    assert not read.attributes & {"src", "srcset", "onclick", "onload"}
    assert not [word for word in ("http", "//", "url(", "@import") if word in page]
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert ("Accuracy by gold" in read.text) is (gold is not None)
    for said in ("release 2026.01.31", "public by 2026-01-31", "Sample: to try the tools, not to use", "12 ended"):
        assert said in read.text
    assert "No label function informs it." in read.text  # endpoint_met


def test_what_a_function_says_of_itself_is_text_and_no_markup(tmp_path: Path) -> None:
    meaning = "Vote & win </style><script>alert('x')</script>"
    read = Page(render(function_report(*published(tmp_path, [trial(1)], votes("alpha", {1: 1}), meaning=meaning))))
    assert "script" not in read.tags
    assert meaning in read.text


@pytest.mark.parametrize("gold", [None, {}, GOLD], ids=["without gold", "empty gold", "gold on other trials"])
def test_an_empty_release_has_a_report_too(tmp_path: Path, gold: Mapping[str, int] | None) -> None:
    report = function_report(*published(tmp_path, [], []), gold)
    assert [f["all"]["votes"] for f in functions_of(report).values()] == [0, 0, 0, 0]
    assert functions_of(report)["alpha"]["all"]["coverage"] is None
    json.dumps(report, allow_nan=False)
    text = Page(render(report)).text
    assert text.count("is silent") == 4
    assert "No two functions vote on one trial." in text


def test_a_release_without_functions_has_a_report_too(tmp_path: Path) -> None:
    report = function_report(*published(tmp_path, [trial(1)], [], functions={}))
    assert report["definitions"]["success"]["functions"] == []
    assert Page(render(report)).text.count("No label function informs it.") == 2


def test_early_years_share_a_column(tmp_path: Path) -> None:
    trials = [trial(year, completion_date=date(year, 1, 1)) for year in range(1990, 2020)]
    text = Page(render(function_report(*published(tmp_path, trials, votes("alpha", {1990: 1}))))).text
    assert "to 2004" in text
    assert "2003" not in text.replace("to 2004", "")
