"""A real vLLM with real weights: its server and vLLM in process read the papers of the invented world alike."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest

from annotators.pubmed_verdict import p_met, pubmed_verdict
from cto.annotate.annotator import Annotator, BadAnswerError, Prompt
from cto.annotate.models import Name
from cto.annotate.openai_server import OpenAIServer
from cto.annotate.questions import batches, open_questions
from cto.annotate.questions import request as question
from cto.annotate.request import Engine, ModelError, Reply, Request
from cto.annotate.vllm_process import VllmProcess
from cto.build import open_core
from cto.lake import Lake
from cto.plan import macros, plan
from tools.gpu_check import DAY, build_sample
from tools.smollm2 import convert
from tools.vllm_server import WITHOUT_GPU, ServerError, vllm_server

Json = dict[str, Any]
Read = list[tuple[Json, Request, Reply]]

N_ROWS = 12
SHOWN: list[tuple[str, str, Json]] = [
    (
        "TRIAL NCT90000001\nTested: velorix\nPAPER\nMETHODS: We randomised 212 adults with heart failure to velorix or "
        "placebo. RESULTS: Walking distance rose by 14 m with velorix and by 11 m with placebo (p = 0.48). "
        "CONCLUSIONS: Velorix is safe.",
        "Walking distance rose by 14 m with velorix and by 11 m with placebo (p = 0.48).",
        {"primary_endpoint": "no", "direction": "neither", "nct_id": "NCT90000001"},
    ),
    (
        "TRIAL NCT90000002\nTested: telephone coaching\nPAPER\nBACKGROUND: Coaching may help. RESULTS: After six "
        "months mean HbA1c was lower in the coaching group than with usual care (p<0.01). CONCLUSION: Further studies "
        "are needed.",
        "After six months mean HbA1c was lower in the coaching group than with usual care (p<0.01).",
        {"primary_endpoint": "yes", "direction": "experimental", "nct_id": "NCT90000002"},
    ),
]
ON_LOOPBACK = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_HOST_IP": "127.0.0.1", "HF_HUB_OFFLINE": "1"}


def for_a_small_model(annotator: Annotator) -> Annotator:
    """Return the annotator with a prompt that shows two answers: a model this small quotes its instructions else."""
    assert annotator.prompt
    assert annotator.schema
    shown = [annotator.prompt.system]
    for text, quote, said in SHOWN:
        told = {"safety_stop": False, "is_about_trial": True, "confidence": "high", "quote": quote, **said}
        answer = {name: told[name] for name in annotator.schema["properties"]}
        shown.append(f"{text}\nANSWER\n{json.dumps(answer, separators=(',', ':'))}")
    prompt = Prompt("small.v1", "\n\n".join(shown), "TRIAL {nct_id}\nPAPER\n{abstract}\nANSWER")
    return replace(annotator, prompt=prompt)


READER = for_a_small_model(pubmed_verdict)


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Let vLLM ask no hub and no address, and take little memory."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ON_LOOPBACK.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def model() -> str:
    """Return the folder of the model, which is kept in the environment that the package is in."""
    return str(convert(Path(sys.prefix) / "smollm2"))


@pytest.fixture(scope="module")
def server(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAIServer]:
    with vllm_server(model, WITHOUT_GPU, tmp_path_factory.mktemp("server") / "log") as url:
        yield OpenAIServer(url, model, in_flight=32, seconds=600)


@pytest.fixture(scope="module")
def process(model: str) -> Iterator[VllmProcess]:
    engine = VllmProcess(model, options=WITHOUT_GPU)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Return the first rows of what the annotator reads of the invented world: trials with their papers."""
    lake = Lake(str(build_sample(tmp_path_factory.mktemp("sample") / "lake")))
    with duckdb.connect() as con:
        con.execute(macros())
        open_core(lake, con, plan(lake, DAY))
        open_questions(con, pubmed_verdict, Name("any", ""))
        asked = "select * from input where skip_reason is null order by position"
        return [row for some in batches(con, asked) for row in some][:N_ROWS]


def answered(engine: Engine, model: str, rows: list[Json], attempt: int = 0) -> Read:
    """Put the question about every row; return the answers in the rows' order."""
    asked = [question(READER, Name(model, ""), row, attempt) for row in rows]
    replies = {one.digest: reply for one, reply in engine.answer(iter(asked))}
    found = [(row, one, replies[one.digest]) for row, one in zip(rows, asked, strict=True)]
    assert all(isinstance(reply, Reply) for _, _, reply in found)
    return found


@pytest.fixture(scope="module")
def served(server: OpenAIServer, model: str, rows: list[Json]) -> Read:
    return answered(server, model, rows)


@pytest.fixture(scope="module")
def in_process(process: VllmProcess, model: str, rows: list[Json]) -> Read:
    return answered(process, model, rows)


@pytest.fixture(params=["served", "in_process"])
def read(request: pytest.FixtureRequest) -> Read:
    return request.getfixturevalue(request.param)


def test_every_answer_that_was_not_cut_is_one_of_the_schema(read: Read) -> None:
    whole = [reply for _, _, reply in read if reply.finish_reason == "stop"]
    assert len(whole) > len(read) / 2
    assert {reply.finish_reason for _, _, reply in read} <= {"stop", "length"}
    for reply in whole:
        jsonschema.Draft202012Validator(pubmed_verdict.schema).validate(json.loads(reply.text))


def test_an_answer_is_used_only_with_a_quote_that_stands_in_the_abstract(read: Read) -> None:
    quotes = [(row["abstract"], found["quote"]) for row, found in usable(read)]
    assert quotes
    assert all(quote in abstract for abstract, quote in quotes)


def test_the_probability_of_met_comes_from_the_alternatives_of_the_first_token(read: Read) -> None:
    for _, _, reply in read:
        if reply.finish_reason == "stop":
            told = reply.choices["primary_endpoint"]
            assert 0.5 < sum(told.values()) <= 1.0001
            chance = p_met(reply)
            assert chance is not None
            assert 0 <= chance <= 1


def test_both_engines_read_the_same_tokens_and_mostly_say_the_same(served: Read, in_process: Read) -> None:
    pairs = [(one, other) for (_, _, one), (_, _, other) in zip(served, in_process, strict=True)]
    assert [one.prompt_tokens for one, _ in pairs] == [other.prompt_tokens for _, other in pairs]
    assert all(one.prompt_tokens > 100 for one, _ in pairs)
    same = [(one, other) for one, other in pairs if one.text == other.text]
    assert len(same) >= 0.8 * len(pairs)
    assert all(one.completion_tokens == other.completion_tokens for one, other in same)
    assert all(p_met(one) == pytest.approx(p_met(other), abs=0.01) for one, other in same)


@pytest.mark.parametrize("name", ["server", "process"])
def test_a_question_that_is_too_long_is_refused_alone(
    request: pytest.FixtureRequest, name: str, model: str, rows: list[Json]
) -> None:
    engine: Engine = request.getfixturevalue(name)
    endless = {**rows[0], "abstract": "A response was seen. " * 4000}
    (_, _, refused), (_, _, fine) = answered(engine, model, [endless, rows[1]])
    assert "context length" in refused.refusal
    assert refused.text == ""
    assert not fine.refusal
    assert fine.text


def test_a_second_attempt_is_sampled_otherwise(process: VllmProcess, model: str, rows: list[Json]) -> None:
    first, again = (answered(process, model, rows[:4], attempt) for attempt in (0, 1))
    assert [reply.prompt_tokens for _, _, reply in first] == [reply.prompt_tokens for _, _, reply in again]
    assert [reply.text for _, _, reply in first] != [reply.text for _, _, reply in again]
    assert [reply.text for _, _, reply in again] == [
        reply.text for _, _, reply in answered(process, model, rows[:4], 1)
    ]


def test_who_stops_listening_leaves_no_answer_behind(process: VllmProcess, model: str, rows: list[Json]) -> None:
    left = [replace(question(READER, Name(model, ""), row), max_tokens=64) for row in rows[:6]]
    answers = process.answer(iter(left))
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    asked = [one for one, _ in process.answer(iter([replace(left[0], user="What is a trial?")]))]
    assert [one.user for one in asked] == ["What is a trial?"]


def test_a_model_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    with pytest.raises(ModelError, match=absent):
        list(VllmProcess(absent, options=WITHOUT_GPU).answer(iter([Request(absent, "", "none", "", "Hello")])))
    with pytest.raises(ServerError, match="vllm serve ended"), vllm_server(absent, WITHOUT_GPU, tmp_path / "log"):
        pass


def usable(read: Read) -> list[tuple[Json, Json]]:
    """Return the rows whose answer can be used, with what was understood."""
    found = []
    for row, _, reply in read:
        try:
            found.append((row, pubmed_verdict.read(row, reply)))  # type: ignore[misc]
        except BadAnswerError:
            continue
    return found
