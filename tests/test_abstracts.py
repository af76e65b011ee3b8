"""How a model's readings of judged abstracts are measured: six papers whose every figure is worked out by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cto.abstracts import by_keywords, read_abstracts
from cto.cli import main
from cto.gold import GoldError
from cto.sandbox import Sandbox
from tests.real import SHARED

Json = dict[str, Any]

FILE = SHARED / "pubmed" / "evidence_inference.jsonl.gz"
RESULT = "Pain was lower by 12 mm (p<0.01)."
NULL = "Pain did not differ (p = 0.6)."


def paper(number: int, is_met: bool, text: str, **changes: Any) -> Json:
    finding = {"intervention": "velorix", "comparator": "placebo", "outcome": "pain", "direction": -1 if is_met else 0}
    return {
        "pmcid": str(number),
        "sections": [["METHODS", "We gave 90 adults velorix."], ["RESULTS", text]],
        "findings": [finding, finding | {"outcome": "sleep"}],
        "all_significant": is_met,
        "none_significant": not is_met,
    } | changes


PAPERS = [
    paper(1, True, RESULT),  # right
    paper(2, True, RESULT),  # wrong
    paper(3, False, NULL),  # right
    paper(4, False, NULL),  # mixed, though p_met says not met
    paper(5, False, "Pain was significantly lower, so they say."),  # a quote that is not there
    paper(6, True, f"{RESULT} Registered as NCT99990006."),  # about another trial
    paper(7, True, RESULT, none_significant=True),
    paper(8, True, RESULT, all_significant=False),
    paper(9, True, RESULT, sections=[]),
]


def line(number: int, verdict: str, p_yes: float, quote: str = RESULT, is_about_trial: bool = True) -> Json:
    name = f"PMC{number}" if number != 6 else "NCT99990006"
    answer = {
        "nct_id": name,
        "is_about_trial": is_about_trial,
        "quote": quote,
        "primary_endpoint": verdict,
        "direction": "experimental",
        "safety_stop": False,
        "confidence": "high",
    }
    # the rest is for mixed, so that p_met is what p_yes says
    p = {"primary_endpoint": {"yes": p_yes / 2, "no": (1 - p_yes) / 2, "mixed": 0.5}}
    return {"contains": [name], "answer": answer, "p": p}


SCRIPT = [
    line(1, "yes", 0.95),
    line(2, "no", 0.25, RESULT),
    line(3, "no", 0.05, NULL),
    line(4, "mixed", 0.25, NULL),
    line(5, "yes", 0.95, "Nobody wrote this."),
    line(6, "yes", 0.75, is_about_trial=False),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.site("llm").add(SCRIPT)
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, PAPERS)


def written(folder: Path, papers: list[Json]) -> Path:
    file = folder / "papers.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(one) + "\n" for one in papers)
    return file


def measured(file: Path, environment: dict[str, str], *options: str) -> Result:
    given = {"CTO_HOME": str(file.parent / "lake"), "CTO_LLM_URL": "", "CTO_LLM_MODEL": ""} | environment
    return CliRunner().invoke(main, ["evaluate", "abstracts", str(file), *options], env=given)


def test_every_figure_is_as_worked_out_by_hand(sandbox: Sandbox, file: Path) -> None:
    found = json.loads(measured(file, sandbox.environment, "--json").stdout)
    assert {name: (share["n"], share["of"]) for name, share in found["accuracy"].items()} == {
        "answered": (2, 3),
        "all, abstentions wrong": (2, 6),
        "all, by p_met": (4, 6),  # 1, 3, 4 and 6
        "always met": (3, 6),
        "keyword rule": (5, 6),  # all but 5
    }
    assert found["left_out"] == {"not_clear_cut": 2, "without_text": 1}
    assert found["abstained"] == {"mixed": 1, "not_about_trial": 1, "quote_not_in_abstract": 1}
    assert found["n_with_p_met"] == 5
    # met: .95, .25, .75; not met: .05, .25; five of the six pairs won, one tied
    assert found["roc_auc"] == pytest.approx(5.5 / 6, abs=1e-6)
    assert found["brier"] == pytest.approx((0.05**2 + 0.75**2 + 0.25**2 + 0.05**2 + 0.25**2) / 5, abs=1e-6)
    assert [(row["from"], row["n"], row["share_met"]) for row in found["calibration"]] == [
        (0.0, 1, 0.0),
        (0.2, 2, 0.5),
        (0.7, 1, 1.0),
        (0.9, 1, 1.0),
    ]


def test_the_table_shows_the_shares_with_their_intervals(sandbox: Sandbox, file: Path) -> None:
    text = measured(file, sandbox.environment).stdout
    assert "  all, abstentions wrong          2     6   0.333  0.097–0.700" in text.splitlines()


def test_no_answer_is_asked_for_twice(sandbox: Sandbox, file: Path) -> None:
    first = measured(file, sandbox.environment, "--json")
    asked = sandbox.site("llm").answered.total()
    assert asked == 7  # the quote that is not there is asked for once more
    assert measured(file, sandbox.environment, "--json").stdout == first.stdout
    assert sandbox.site("llm").answered.total() == asked


def test_a_measurement_that_its_budget_ends_gives_no_figures_and_goes_on(sandbox: Sandbox, file: Path) -> None:
    ended = measured(file, sandbox.environment | {"CTO_LLM_BUDGET_REQUESTS": "3"})
    assert (ended.exit_code != 0, "run again" in ended.output) == (True, True)
    assert measured(file, sandbox.environment).exit_code == 0
    assert sandbox.site("llm").answered.total() == 7


def test_without_a_model_it_says_what_to_set(file: Path) -> None:
    ended = measured(file, {})
    assert (ended.exit_code, "CTO_LLM_MODEL" in ended.output) == (1, True)


def test_the_reader_is_shown_what_the_doctors_judged(file: Path) -> None:
    row = read_abstracts(file).rows[0]
    assert row["trial"] == "Tested: velorix\nCompared with: placebo\nPrimary outcomes: pain; sleep"
    assert row["abstract"] == f"METHODS: We gave 90 adults velorix. RESULTS: {RESULT}"


@pytest.mark.parametrize(
    ("text", "met"),
    [
        (RESULT, 1),
        (NULL, 0),
        ("Pain fell significantly.", 1),
        ("There was no significant difference in pain.", 0),
        ("Pain was similar. Sleep improved significantly. Mood was comparable.", 0),
        ("We measured pain.", 0),
    ],
)
def test_the_keyword_rule_weighs_significance_against_its_absence(text: str, met: int) -> None:
    assert by_keywords(text) == met


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"pmcid": "1"', "line 1"),
        (b'{"pmcid": "1"}\n', "line 1"),
        (b"[1]\n", "line 1"),
        (b"", "no paper"),
        (json.dumps(paper(1, True, RESULT, none_significant=True)).encode(), "no paper"),
        (gzip.compress(json.dumps(paper(1, True, RESULT)).encode())[:-9], "cut"),
        (b"\xff\xff", "damaged"),
    ],
)
def test_a_file_that_holds_no_judged_papers_is_refused(tmp_path: Path, body: bytes, says: str) -> None:
    file = tmp_path / "papers.jsonl"
    file.write_bytes(body)
    with pytest.raises(GoldError, match=says):
        read_abstracts(file)


@pytest.mark.skipif(not FILE.exists(), reason=f"the judged abstracts are not at {FILE}")
def test_the_real_papers_are_counted_and_the_keyword_rule_beats_always_met() -> None:
    found = read_abstracts(FILE)
    assert (len(found.rows), found.n_without_text, found.n_not_clear_cut) == (375, 45, 293)
    assert sum(row["label"] for row in found.rows) == 202
    right = sum(by_keywords(row["abstract"]) == row["label"] for row in found.rows)
    assert 0.65 < right / 375 < 0.8
