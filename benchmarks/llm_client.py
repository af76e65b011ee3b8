"""How full the client keeps a model's server: questions a second against a stand-in of 64 slots and 200 ms an answer.

Run: python benchmarks/llm_client.py [--requests 4000] [--in-flight 32 64 96 128] [--slots 64] [--seconds 0.2]

The stand-in runs in a process of its own. A prompt has about 2,000 characters, an answer about 300; with probabilities
every token of the answer comes with its alternatives. The limit is slots / seconds; the ends of a run, at which the
server fills and empties, are in the figures. Processor time is the client's own, for all its threads.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cto.annotate.openai_server import OpenAIServer
from cto.annotate.request import Reply, Request

SERVER = """
import sys, time
from cto.sandbox import Sandbox
with Sandbox(world=sys.argv[1]) as sandbox:
    site = sandbox.site("llm")
    site.slots, site.seconds = int(sys.argv[2]), float(sys.argv[3])
    print(sandbox.environment["CTO_LLM_URL"], sandbox.environment["CTO_LLM_MODEL"], flush=True)
    sys.stdin.read()
"""
ANSWER = {
    "quote": "The primary endpoint was met: 76.2% responded with the drug and 8.1% with placebo (P<0.0001).",
    "primary_endpoint": "yes",
    "direction": "experimental",
    "safety_stop": False,
    "is_about_trial": True,
    "nct_id": "NCT99900003",
    "confidence": "high",
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        name: {"type": "boolean"} if isinstance(value, bool) else {"type": "string"} for name, value in ANSWER.items()
    },
    "required": list(ANSWER),
    "additionalProperties": False,
}
SCHEMA["properties"]["primary_endpoint"] = {"type": "string", "enum": ["yes", "no", "mixed", "unclear"]}


@contextmanager
def serving(slots: int, seconds: float) -> Iterator[tuple[str, str]]:
    """Run the stand-in in another process; yield its address and its model."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "llm.jsonl").write_text(json.dumps({"contains": [], "answer": ANSWER}) + "\n")
        command = [sys.executable, "-c", SERVER, folder, str(slots), str(seconds)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin
        assert process.stdout
        try:
            url, model = process.stdout.readline().split()
            yield url, model
        finally:
            process.stdin.close()
            process.wait()


def questions(model: str, n: int, choices: tuple[str, ...]) -> Iterator[Request]:
    """Yield questions of about 2,000 characters, every one different."""
    sentence = "Patients were randomly assigned to the drug or to placebo, and followed for 52 weeks. "
    for i in range(n):
        yield Request(model, "", "bench.v1", "Answer in JSON.", f"Trial {i}. " + sentence * 23, SCHEMA, choices, 400)


def measure(url: str, model: str, n: int, in_flight: int, choices: tuple[str, ...]) -> tuple[float, float]:
    """Return questions a second, and the processor time a question in seconds."""
    engine = OpenAIServer(url, model, in_flight=in_flight)
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    answered = sum(1 for _, reply in engine.answer(questions(model, n, choices)) if isinstance(reply, Reply))
    took, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    assert answered == n, f"{n - answered} of {n} questions have no answer"
    return n / took, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / n


def main() -> None:
    """Print a table: a line a number of questions under way, without and with probabilities."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[32, 64, 96, 128])
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.2)
    given = parser.parse_args()
    limit = given.slots / given.seconds
    with serving(given.slots, given.seconds) as (url, model):
        print(f"{given.requests} questions, {os.cpu_count()} cores, limit {limit:.0f} a second")
        print(f"{'in flight':>9} {'probabilities':>14} {'a second':>9} {'of the limit':>13} {'CPU ms each':>12}")
        for in_flight in given.in_flight:
            for choices in ((), ("primary_endpoint",)):
                rate, processor = measure(url, model, given.requests, in_flight, choices)
                told = "yes" if choices else "no"
                print(f"{in_flight:9} {told:>14} {rate:9.1f} {rate / limit:13.1%} {processor * 1e3:12.2f}", flush=True)


if __name__ == "__main__":
    main()
