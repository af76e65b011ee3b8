"""Tells whether this host can read: vLLM as a server and in process, and sentiment, all on the sample's invented world.

    python -m tools.gpu_check MODEL[@REVISION] [--sentiment MODEL[@REVISION]] [--questions N] [--options JSON] [--cpu]

Every reader goes over the sample through the runner, as `cto annotate` does; then N questions, which no cache helps
with, are put to each engine for its rows a second. Ends with 1 and a message when anything does not work.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from cto import pipeline
from cto.annotate.annotator import Kind
from cto.annotate.answers import Answers
from cto.annotate.budget import Budget
from cto.annotate.classifier import SENTIMENT_MODEL, Classifier
from cto.annotate.models import Model, Name
from cto.annotate.openai_server import OpenAIServer
from cto.annotate.questions import batches, open_answers, open_questions, request
from cto.annotate.request import Engine, ModelError, Reply, Request
from cto.annotate.runner import ask
from cto.annotate.tables import tabulate
from cto.annotate.vllm_process import VllmProcess
from cto.annotation import ordered
from cto.build import connect, open_core
from cto.lake import Lake
from cto.plan import macros, plan
from cto.sample import STUDIES, WORLD
from cto.sandbox import Sandbox
from cto.settings import Settings
from tools.vllm_server import WITHOUT_GPU, ServerError, vllm_server

DAY = date(2026, 1, 5)
IN_FLIGHT = 128
DEVICE = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"


class CheckError(RuntimeError):
    """Something does not work on this host; the message says what, and what to do."""


@dataclass
class Readings:
    """What one engine made of the sample, and how fast it is.

    Attributes:
        engine: name of the engine.
        load_seconds: time until it could be asked.
        tables: figures of :func:`cto.annotate.tables.tabulate` by annotator.
        replies: answers by question, of all annotators.
        rows_a_second: questions answered a second.
        tokens_a_second: tokens written a second.

    """

    engine: str
    load_seconds: float
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    rows_a_second: float = 0.0
    tokens_a_second: float = 0.0


def main() -> None:
    """Check, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name on the hub, with @revision, or a folder")
    parser.add_argument("--sentiment", default=SENTIMENT_MODEL, help="model of sentiment; none leaves it out")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--options", type=json.loads, default={}, help="arguments of vllm.LLM as JSON")
    parser.add_argument("--cpu", action="store_true", help="there is no GPU")
    chosen = parser.parse_args()
    options = (WITHOUT_GPU if chosen.cpu else {}) | chosen.options
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    try:
        print(f"device: {_device(chosen.cpu)}", flush=True)
        with tempfile.TemporaryDirectory() as name:
            found = _check(Path(name), Name.of(chosen.model), chosen.sentiment, options, chosen.questions)
    except (CheckError, ModelError, ServerError) as error:
        sys.exit(f"gpu-check failed: {error}")
    _print(found)


def _device(is_cpu: bool) -> str:
    """Ask torch in a process of its own: vLLM wants to be the first that touches a GPU."""
    if is_cpu:
        return "none (--cpu)"
    done = subprocess.run([sys.executable, "-c", DEVICE], capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        said = done.stderr.strip().splitlines()[-1:] or ["torch sees none"]
        raise CheckError(f"no GPU: {said[0]}. Does nvidia-smi list one, and is torch a build for it? Else say --cpu")
    return done.stdout.strip()


def _check(folder: Path, model: Name, sentiment: str, options: Mapping[str, Any], n: int) -> list[Readings]:
    built = build_sample(folder / "built")
    found = []
    start = time.perf_counter()
    with vllm_server(model.model, options, folder / "server.log", revision=model.revision) as url:
        engine: Engine = OpenAIServer(url, model.model, in_flight=IN_FLIGHT, seconds=600)
        found.append(_readings(built, engine, model, "llm", n, time.perf_counter() - start))
    start = time.perf_counter()
    process = VllmProcess(*model, options)
    try:
        process.load()
        found.append(_readings(built, process, model, "llm", n, time.perf_counter() - start))
    finally:
        process.close()
    if sentiment != "none":
        named = Name.of(sentiment)
        start = time.perf_counter()
        engine = Classifier(*named)
        found.append(_readings(built, engine, named, "sentiment", n, time.perf_counter() - start))
    return found


def build_sample(home: Path) -> Path:
    """Bring the sample's invented world into a new lake, build its core tables, and return the lake's folder."""
    with Sandbox(studies=STUDIES, world=WORLD) as sandbox:
        settings = Settings(str(home), DAY, sandbox.urls, is_sample=True, variables=sandbox.environment)
        lake = pipeline.open_lake(settings)
        for source in pipeline.sources(tuple(sandbox.urls.keys() - {"llm"}), settings):
            pipeline.ingest_source(lake, settings, source, lambda: datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC))
        pipeline.build(lake, plan(lake, DAY))
    return home


def read_sample(built: Path, engine: Engine, model: Name, kind: Kind) -> tuple[Readings, list[Request]]:
    """Let the engine answer every question of the annotators of a kind over a copy of the lake.

    Raises:
        CheckError: a question got no answer, or no answer could be used.
        ModelError: the model cannot be asked.

    """
    found, asked = Readings(engine.name, 0.0), []
    with tempfile.TemporaryDirectory() as name, connect() as con:
        lake = Lake(str(shutil.copytree(built, Path(name) / "lake")))
        con.execute(macros())
        open_core(lake, con, plan(lake, DAY))
        for annotator in ordered():
            file = Path(name) / f"{annotator.name}.parquet"
            if annotator.reads_with != kind:
                tabulate(con, annotator, None, file)
                continue
            answers = Answers(lake, annotator.name)
            open_questions(con, annotator, model)
            open_answers(con, annotator, answers)
            for rows in batches(con, "select * from input where skip_reason is null order by position"):
                asked += [request(annotator, model, row) for row in rows]
            told = ask(con, annotator, Model(model, engine.name, lambda: engine), answers, Budget())
            if told.failure or told.unanswered:
                raise CheckError(f"{annotator.name} through {engine.name}: {told.failure or told.unanswered}")
            open_answers(con, annotator, answers)
            found.tables[annotator.name] = tabulate(con, annotator, model, file)
            kept = {one.digest: answers.get(one.digest) for one in asked}
            found.replies |= {digest: answer.reply for digest, answer in kept.items() if answer}
    if not asked:
        raise CheckError(f"the sample holds nothing to read for {kind}")
    if not any(table["said"] for table in found.tables.values()):
        reasons = {name: table["abstained"] for name, table in found.tables.items()}
        raise CheckError(f"no answer of {model.model} through {engine.name} could be used: {reasons}")
    return found, asked


def _readings(built: Path, engine: Engine, model: Name, kind: Kind, n: int, load_seconds: float) -> Readings:
    found, asked = read_sample(built, engine, model, kind)
    many = (replace(one, user=f"{i} {one.user}") for i, one in enumerate(islice(cycle(asked), n)))
    start = time.perf_counter()
    replies = [reply for _, reply in engine.answer(many)]
    seconds = time.perf_counter() - start
    bad = [reply for reply in replies if not isinstance(reply, Reply) or reply.refusal]
    if bad:
        raise CheckError(f"{len(bad)} of {n} questions through {engine.name} got no answer: {bad[0]}")
    tokens = sum(reply.completion_tokens for reply in replies if isinstance(reply, Reply))
    return replace(
        found, load_seconds=load_seconds, rows_a_second=len(replies) / seconds, tokens_a_second=tokens / seconds
    )


def _print(found: list[Readings]) -> None:
    print(f"{'engine':13} {'load s':>7} {'rows/s':>8} {'tokens/s':>9}  read in the sample")
    for one in found:
        said = ", ".join(f"{name} {table['said']} of {table['rows']} rows" for name, table in one.tables.items())
        print(f"{one.engine:13} {one.load_seconds:7.1f} {one.rows_a_second:8.2f} {one.tokens_a_second:9.1f}  {said}")
    server, process = found[:2]
    same = sum(reply.text == process.replies[digest].text for digest, reply in server.replies.items())
    print(f"server and process give the same answer to {same} of {len(server.replies)} questions")


if __name__ == "__main__":
    main()
