"""Annotators run against a stand-in model server: nothing is asked twice or lost, nothing wrong becomes a row."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from cto import pipeline, registry
from cto import plan as planning
from cto.annotate.answers import Answer, Answers
from cto.annotate.budget import Budget
from cto.annotate.models import Name, NoModel, model_for
from cto.annotate.request import Reply, Request
from cto.annotation import sentence, told
from cto.cli import main
from cto.exits import EXIT_BUDGET, EXIT_SOURCE_FAILED
from cto.lake import Lake
from cto.plan import Plan
from cto.sample import STUDIES, WORLD
from cto.sandbox import Sandbox
from cto.settings import Settings, SettingsError

DAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
VERDICT = "pubmed_verdict"
SOURCES = ("clinicaltrials_gov", "pubmed")
INVENTED = STUDIES[1]
READERS = [annotator.name for annotator in registry.annotators() if annotator.reads_with == "llm"]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with the invented world's studies and papers, built and read by nobody."""
    home = tmp_path_factory.mktemp("built") / "lake"
    with Sandbox(studies=INVENTED, world=WORLD) as running:
        chosen = Settings(str(home), DAY, running.urls, backoff=0.0)
        lake = pipeline.open_lake(chosen)
        for source in pipeline.sources(SOURCES, chosen):
            pipeline.ingest_source(lake, chosen, source, lambda: NOW)
        pipeline.build(lake, planning.plan(lake, DAY))
    return home


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "lake"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(world=WORLD) as running:
        yield running


def settings(home: Path, sandbox: Sandbox | None, **variables: str) -> Settings:
    """Return settings with the stand-in's model, and no other."""
    found = {"CTO_SENTIMENT_MODEL": "none"} | (sandbox.environment if sandbox else {}) | variables
    return Settings(str(home), DAY, {}, backoff=0.001, variables=found)


def annotate(chosen: Settings, **arguments: Any) -> pipeline.Annotated:
    lake = Lake(chosen.home)
    return pipeline.annotate(lake, planning.plan(lake, DAY), chosen, **arguments)


def read(home: Path, annotator: str, planned: Plan | None = None) -> list[Json]:
    """Return the rows of an annotator's table."""
    lake = Lake(str(home))
    stage = (planned or planning.plan(lake, DAY)).annotated
    found = duckdb.execute("from read_parquet(?)", [lake.url(stage.table(f"annot_{annotator}"))])
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def rows(home: Path, planned: Plan | None = None) -> dict[str, Json]:
    """Return the verdicts by paper."""
    return {row["pmid"]: row for row in read(home, VERDICT, planned)}


def all_attempts(home: Path) -> list[int]:
    """Return how often every question to the language model was put."""
    return sorted(row["attempts"] for name in READERS for row in read(home, name) if row["attempts"])


def times_answered(sandbox: Sandbox) -> Mapping[str, int]:
    counts: Mapping[str, int] = sandbox.site("llm").answered
    return counts


def assert_nothing_was_asked_twice(home: Path, sandbox: Sandbox) -> None:
    """Compare what the stand-in answered with what the table says: a second time only where the first was of no use."""
    assert sorted(times_answered(sandbox).values()) == all_attempts(home)


def test_every_question_is_answered_once_and_never_again(home: Path, sandbox: Sandbox) -> None:
    first = annotate(settings(home, sandbox))
    asked = first.asked[VERDICT]
    assert asked.questions == asked.answered > 10
    assert_nothing_was_asked_twice(home, sandbox)
    found = rows(home, first.plan)
    assert sum(row["attempts"] == 1 for row in found.values()) > 10
    assert len(found) == asked.questions
    assert {row["model"] for row in found.values()} == {"scripted"}
    assert {row["engine"] for row in found.values()} == {"openai"}
    assert all(row["prompt"].startswith(f"{VERDICT}.v") and len(row["input_digest"]) == 64 for row in found.values())
    n_calls = len(sandbox.requests)
    second = annotate(settings(home, sandbox))
    assert second.plan.annotated == first.plan.annotated
    assert len(sandbox.requests) == n_calls


def test_a_changed_code_of_the_tables_asks_nothing_anew(
    home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = annotate(settings(home, sandbox))
    monkeypatch.setattr(planning, "_texts", lambda _: (("changed", ""),))
    second = annotate(settings(home, sandbox))
    assert second.plan.annotated != first.plan.annotated
    assert second.asked[VERDICT].questions == 0
    assert rows(home, second.plan) == rows(home, first.plan)


def test_another_revision_of_the_model_is_asked_everything(home: Path, sandbox: Sandbox) -> None:
    first = annotate(settings(home, sandbox)).asked[VERDICT]
    second = annotate(settings(home, sandbox, CTO_LLM_MODEL="scripted@4f2c")).asked[VERDICT]
    assert second.questions == first.questions
    assert {row["revision"] for row in rows(home).values()} == {"4f2c"}


def test_what_a_model_said_still_counts_when_it_is_not_configured_any_more(home: Path, sandbox: Sandbox) -> None:
    first = annotate(settings(home, sandbox))
    second = annotate(settings(home, None))
    assert rows(home, second.plan) == rows(home, first.plan)
    assert second.asked[VERDICT].no_model == "no language model is configured: set CTO_LLM_MODEL and CTO_LLM_URL"
    assert "NOT ASKED in the last run" in sentence(told(Lake(str(home)), second.plan)[VERDICT])


def test_a_model_that_was_never_configured_is_a_visible_gap(home: Path) -> None:
    found = annotate(settings(home, None))
    assert rows(home, found.plan) == {}
    assert sentence(told(Lake(str(home)), found.plan)[VERDICT]).startswith(
        "SKIPPED, nothing was ever read: no language"
    )
    assert list(found.asked[VERDICT].lines(VERDICT)) == [f"{VERDICT} asked nothing: {found.asked[VERDICT].no_model}"]


@pytest.mark.parametrize("budget", [{"CTO_LLM_BUDGET_REQUESTS": "7"}, {"CTO_LLM_BUDGET_TOKENS": "4000"}])
def test_a_spent_budget_stops_cleanly_and_the_next_run_goes_on(
    home: Path, sandbox: Sandbox, budget: dict[str, str]
) -> None:
    chosen = settings(home, sandbox, **budget, CTO_LLM_IN_FLIGHT="2")
    runs, counts = [], [0]
    for _ in range(12):
        runs.append(annotate(chosen).asked[VERDICT])
        counts.append(sum(times_answered(sandbox).values()))
    total = runs[0].questions
    stopped = [run for run in runs if run.is_budget_spent]
    assert stopped
    assert all(0 < run.answered < run.questions for run in stopped)
    if "CTO_LLM_BUDGET_REQUESTS" in budget:
        assert counts[1] == 7
        assert max(after - before for before, after in pairwise(counts)) == 7
    else:
        assert max(run.tokens for run in runs) <= 4000
    assert sum(run.answered for run in runs) == total == len(rows(home))
    assert_nothing_was_asked_twice(home, sandbox)
    assert not runs[-1].is_budget_spent
    assert any("the budget" in line for line in stopped[0].lines(VERDICT))


def test_workers_share_the_questions_and_one_of_them_writes_the_table(home: Path, sandbox: Sandbox) -> None:
    chosen, lake = settings(home, sandbox), Lake(str(home))
    planned = planning.plan(lake, DAY)
    parts = [pipeline.ask_shard(lake, planned, chosen, shard, 3)[VERDICT] for shard in range(3)]
    assert all(part.questions == part.answered > 0 for part in parts)
    made = pipeline.annotate(lake, planned, settings(home, None), told={VERDICT: parts[0]})
    assert len(rows(home, made.plan)) == 0  # nobody told this worker which model was asked
    made = pipeline.annotate(lake, planned, chosen, told={VERDICT: parts[0]})
    assert len(rows(home, made.plan)) == sum(part.questions for part in parts)
    assert_nothing_was_asked_twice(home, sandbox)


ONE_MORE_TRY = {"invalid_json_once", "cut_at_length", "quote_not_in_abstract", "other_trial"}
RETRIED = {"rate_limited", "server_error", "unavailable", "html_at_200", "truncated_json", "reset_mid_body"}


@pytest.mark.parametrize("fault", sorted(ONE_MORE_TRY | RETRIED))
def test_one_fault_ends_in_the_right_answers(home: Path, sandbox: Sandbox, tmp_path: Path, fault: str) -> None:
    undisturbed = rows_without_fault(home, tmp_path)
    expected = {pmid: row["primary_endpoint"] for pmid, row in undisturbed.items()}
    sandbox.faults.add(f"llm:{fault}", times=1, after=2)
    found = annotate(settings(home, sandbox)).asked[VERDICT]
    assert (found.failure, found.unanswered, found.answered) == (None, {}, found.questions)
    assert {pmid: row["primary_endpoint"] for pmid, row in rows(home).items()} == expected
    more = sum(row["attempts"] for row in rows(home).values()) - sum(row["attempts"] for row in undisturbed.values())
    assert more == (1 if fault in ONE_MORE_TRY else 0)


def rows_without_fault(home: Path, tmp_path: Path) -> dict[str, Json]:
    other = Path(shutil.copytree(home, tmp_path / "undisturbed"))
    with Sandbox(world=WORLD) as running:
        annotate(settings(other, running))
    return rows(other)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("cut_at_length", "cut"),
        ("quote_not_in_abstract", "quote_not_in_abstract"),
        ("other_trial", "other_trial"),
    ],
)
def test_an_answer_that_stays_wrong_is_an_abstention_with_its_reason(
    home: Path, sandbox: Sandbox, fault: str, reason: str
) -> None:
    sandbox.faults.add(f"llm:{fault}", times=None)
    first = annotate(settings(home, sandbox))
    found = rows(home, first.plan)
    assert {row["abstain_reason"] for row in found.values()} == {reason}
    assert {row["primary_endpoint"] for row in found.values()} == {None}
    assert {row["quote"] for row in found.values()} == {None}
    assert {row["attempts"] for row in found.values()} == {2}
    asked = len(sandbox.requests)
    assert annotate(settings(home, sandbox)).asked[VERDICT].questions == 0
    assert len(sandbox.requests) == asked
    assert f"{len(found)} {reason}" in sentence(told(Lake(str(home)), first.plan)[VERDICT])


def test_a_server_that_goes_silent_fails_the_model_and_the_next_run_asks_the_rest(home: Path, sandbox: Sandbox) -> None:
    sandbox.faults.add("llm:server_error", times=None, after=6)
    chosen = settings(home, sandbox, CTO_LLM_IN_FLIGHT="1")
    first = annotate(chosen).asked[VERDICT]
    assert first.answered == 5  # one call asked which models there are
    assert first.failure or first.unanswered
    sandbox.faults.clear()
    second = annotate(chosen).asked[VERDICT]
    assert (second.questions, second.answered) == (first.questions - 5,) * 2
    assert len(rows(home)) == first.questions
    assert_nothing_was_asked_twice(home, sandbox)


def test_a_wrong_key_fails_at_once_and_is_never_shown(home: Path, sandbox: Sandbox) -> None:
    sandbox.site("llm").key = "the right one"
    chosen = replace(settings(home, sandbox), keys={"llm": "sesame-4711"})
    failure = annotate(chosen).asked[VERDICT].failure
    assert failure
    assert "CTO_LLM_API_KEY" in failure
    assert "sesame" not in failure
    assert len(sandbox.requests) == len(READERS)
    assert not [file for file in home.rglob("*") if file.is_file() and b"sesame" in file.read_bytes()]


RUN = """
import sys
from datetime import date
from cto import pipeline
from cto import plan as planning
from cto.lake import Lake
from cto.settings import Settings
import os
chosen = Settings.of(os.environ, date(2026, 11, 1))
lake = Lake(chosen.home)
pipeline.annotate(lake, planning.plan(lake, date(2026, 11, 1)), chosen)
"""


def test_a_killed_run_loses_only_what_is_under_way(home: Path, sandbox: Sandbox) -> None:
    sandbox.site("llm").seconds = 0.05
    in_flight, kills = 2, 0
    variables = {
        "CTO_HOME": str(home),
        "CTO_SENTIMENT_MODEL": "none",
        "CTO_LLM_IN_FLIGHT": str(in_flight),
        **sandbox.environment,
    }
    for _ in range(20):
        before = sum(times_answered(sandbox).values())
        running = subprocess.Popen([sys.executable, "-c", RUN], env=os.environ | variables)
        while running.poll() is None and sum(times_answered(sandbox).values()) < before + 4:
            time.sleep(0.01)
        if running.poll() is not None:
            break
        running.send_signal(signal.SIGKILL)
        running.wait()
        kills += 1
    assert running.returncode == 0
    assert kills >= 3
    counts = times_answered(sandbox)
    assert len(all_attempts(home)) == len(counts)
    # A question may be put again only when its run was killed before its answer could be kept.
    assert sum(counts.values()) - sum(all_attempts(home)) <= kills * in_flight


def test_answers_are_kept_as_they_came(tmp_path: Path) -> None:
    answers = Answers(Lake(str(tmp_path)), VERDICT)
    reply = Reply('{"a": "é"}', "stop", {"a": {"y": 0.25}}, 10, 5, "openai")
    digest = Request("m", "", "p.v1", "s", "u").digest
    assert answers.get(digest) is None
    answers.put(digest, Answer(reply, 1))
    answers.put(digest, Answer(reply, 2))
    assert answers.get(digest) == Answer(reply, 2)


@pytest.mark.parametrize(
    "other",
    [
        {"model": "n"},
        {"revision": "1"},
        {"prompt": "p.v2"},
        {"system": "t"},
        {"user": "v"},
        {"schema": {"type": "object"}},
        {"choices": ("x",)},
        {"max_tokens": 5},
        {"temperature": 0.5},
    ],
)
def test_all_that_an_answer_follows_from_is_in_its_key(other: Json) -> None:
    question = Request("m", "", "p.v1", "s", "u")
    assert replace(question, **other).digest != question.digest
    assert replace(question, attempt=1).digest == question.digest


def test_a_budget_is_reserved_before_and_settled_after() -> None:
    question = Request("m", "", "p.v1", "", "x" * 300, max_tokens=100)
    budget = Budget(tokens=450)
    assert budget.take(question)
    assert budget.take(replace(question, user="y" * 300))
    assert not budget.take(replace(question, user="z" * 300))  # 600 may be needed
    budget.settle(question, Reply("", prompt_tokens=10, completion_tokens=10))
    assert budget.take(replace(question, user="z" * 300))


@pytest.mark.parametrize(
    ("kind", "variables", "said"),
    [
        ("llm", {}, "CTO_LLM_MODEL"),
        ("llm", {"CTO_LLM_MODEL": "m"}, "CTO_LLM_URL"),
        ("llm", {"CTO_LLM_MODEL": "m", "CTO_LLM_ENGINE": "vllm"}, "not installed"),
        ("sentiment", {"CTO_SENTIMENT_MODEL": "none"}, "CTO_SENTIMENT_MODEL"),
        ("embedding", {}, "CTO_EMBEDDING_MODEL"),
    ],
)
def test_a_model_that_is_not_there_says_what_to_do(kind: Any, variables: dict[str, str], said: str) -> None:
    found = model_for(kind, Settings("home", DAY, {}, variables=variables))
    assert isinstance(found, NoModel)
    assert said in found.reason


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CTO_LLM_ENGINE": "magic"}, "CTO_LLM_ENGINE is 'magic'"),
        ({"CTO_LLM_IN_FLIGHT": "-1"}, "CTO_LLM_IN_FLIGHT is '-1'"),
    ],
)
def test_a_wrong_setting_is_named(variables: dict[str, str], said: str) -> None:
    url = {"CTO_LLM_MODEL": "m@1", "CTO_LLM_URL": "http://127.0.0.1:9/v1"}
    with pytest.raises(SettingsError, match=said):
        model_for("llm", Settings("home", DAY, {}, variables=url | variables))
    model = model_for("llm", Settings("home", DAY, {}, variables=url))
    assert not isinstance(model, NoModel)
    assert model.name == Name("m", "1")


def cto(home: Path, sandbox: Sandbox, *command: str, **variables: str) -> Result:
    """Run a command in the lake with the stand-in's model."""
    found = {"CTO_SENTIMENT_MODEL": "none", "CTO_AS_OF": str(DAY), **sandbox.environment, **variables}
    return CliRunner().invoke(main, ["--home", str(home), *command], env=found)


def test_the_command_says_what_was_asked_and_ends_with_a_code_for_a_spent_budget(home: Path, sandbox: Sandbox) -> None:
    first = cto(home, sandbox, "annotate", CTO_LLM_BUDGET_REQUESTS="4", CTO_LLM_IN_FLIGHT="2")
    assert first.exit_code == EXIT_BUDGET, first.output
    assert "of 19 questions answered" in first.output
    assert "the budget (CTO_LLM_BUDGET_…) is spent;" in first.output
    rest = [cto(home, sandbox, "annotate", "--shard", f"{part}/2") for part in (1, 2)]
    assert [part.exit_code for part in rest] == [0, 0]
    last = cto(home, sandbox, "annotate")
    assert last.exit_code == 0, last.output
    assert_nothing_was_asked_twice(home, sandbox)
    assert f"{VERDICT}: scripted says something of" in cto(home, sandbox, "status").output


@pytest.mark.parametrize("part", ["0/2", "3/2", "a/b", "2"])
def test_a_part_that_is_none_is_refused(home: Path, sandbox: Sandbox, part: str) -> None:
    refused = cto(home, sandbox, "annotate", "--shard", part)
    assert refused.exit_code == 2
    assert f"'{part}' is no part: write 2/4 for the second of four" in refused.output


def test_the_command_ends_with_a_code_for_a_model_that_fails(home: Path, sandbox: Sandbox) -> None:
    failed = cto(home, sandbox, "annotate", CTO_LLM_MODEL="nobody/nothing")
    assert failed.exit_code == EXIT_SOURCE_FAILED
    assert "does not serve nobody/nothing but scripted: set CTO_LLM_MODEL" in failed.output
    assert f"{VERDICT}: nobody/nothing says something of 0 of 0 rows; 19 questions are open; FAILED" in (
        cto(home, sandbox, "status").output
    )
