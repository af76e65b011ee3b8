"""The client against vLLM's own: the same questions to the same server, at the same number in flight.

Run in an environment with vLLM (cto[vllm], or .venv-vllm of tools/vllm_cpu.sh):

    python -m benchmarks.llm_against_vllm --model MODEL [--url URL] [--in-flight 8 16] [--questions 64] [--rounds 2]

Without an address it serves the model itself; --cpu says that there is no GPU. Both clients ask in turn, and each
round asks new questions, so that no client finds another's in the server's cache. The lengths are the same: a question
differs from another in its number, and the schema leaves the answer one length. Tokens are those the server wrote.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from cto.annotate.openai_server import OpenAIServer
from cto.annotate.request import Reply, Request
from tools.vllm_server import WITHOUT_GPU, vllm_server

Json = dict[str, Any]

ANSWER_CHARACTERS = 120
SCHEMA: Json = {
    "type": "object",
    "properties": {
        "sentence": {"type": "string", "minLength": ANSWER_CHARACTERS, "maxLength": ANSWER_CHARACTERS},
        "met": {"type": "string", "enum": ["yes", "no"]},
    },
    "required": ["sentence", "met"],
    "additionalProperties": False,
}
ABSTRACT = (
    "BACKGROUND: An invented antibody was tested. METHODS: 600 adults were assigned to the antibody or placebo. The "
    "primary endpoint was a response at week 16. RESULTS: The primary endpoint was met: 76.2% responded with the "
    "antibody and 8.1% with placebo (P<0.0001). CONCLUSIONS: The antibody was superior to placebo."
)
MAX_TOKENS = 128


def main() -> None:
    """Measure and print a row for each number in flight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--url", default="", help="base address that ends in /v1")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, _served(chosen, Path(name)) as url:
        numbers = count()
        _ours(url, chosen.model, 4, _questions(numbers, 8))  # the first questions find a cold server
        print(f"{'in flight':>9} {'client':8} {'seconds':>8} {'questions/s':>11} {'tokens/s':>9} {'of vLLM':>8}")
        for in_flight in chosen.in_flight:
            spent = {"vllm": [0.0, 0.0], "cto": [0.0, 0.0]}
            for _ in range(chosen.rounds):
                for client, ask in (("vllm", _theirs), ("cto", _ours)):
                    seconds, tokens = ask(url, chosen.model, in_flight, _questions(numbers, chosen.questions))
                    spent[client][0] += seconds
                    spent[client][1] += tokens
            for client, (taken, written) in spent.items():
                asked = chosen.rounds * chosen.questions
                share = spent["vllm"][0] / taken
                row = f"{taken:8.1f} {asked / taken:11.2f} {written / taken:9.1f} {share:8.1%}"
                print(f"{in_flight:9} {client:8} {row}", flush=True)


@contextmanager
def _served(chosen: argparse.Namespace, folder: Path) -> Iterator[str]:
    if chosen.url:
        yield chosen.url
        return
    with vllm_server(chosen.model, WITHOUT_GPU if chosen.cpu else {}, folder / "server.log") as url:
        yield url


def _questions(numbers: Iterator[int], n: int) -> list[str]:
    return [f"Question {100_000 + next(numbers)}. Which sentence tells the result?\n\n{ABSTRACT}" for _ in range(n)]


def _ours(url: str, model: str, in_flight: int, questions: list[str]) -> tuple[float, int]:
    asked = [Request(model, "", "benchmark", "", text, SCHEMA, max_tokens=MAX_TOKENS) for text in questions]
    start = time.perf_counter()
    replies = [reply for _, reply in OpenAIServer(url, model, in_flight=in_flight, seconds=600).answer(asked)]
    seconds = time.perf_counter() - start
    bad = [reply for reply in replies if not isinstance(reply, Reply) or reply.refusal]
    if bad:
        sys.exit(f"{len(bad)} of {len(questions)} questions got no answer: {bad[0]}")
    return seconds, sum(reply.completion_tokens for reply in replies if isinstance(reply, Reply))


def _theirs(url: str, model: str, in_flight: int, questions: list[str]) -> tuple[float, int]:
    shape = {"type": "json_schema", "json_schema": {"name": "benchmark", "strict": True, "schema": SCHEMA}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "questions.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in questions))
        command = [
            *(str(Path(sys.executable).parent / "vllm"), "bench", "serve", "--backend", "openai-chat"),
            *("--base-url", url.removesuffix("/v1"), "--endpoint", "/v1/chat/completions", "--model", model),
            *("--dataset-name", "custom", "--dataset-path", str(folder / "questions.jsonl"), "--skip-chat-template"),
            *("--custom-output-len", str(MAX_TOKENS), "--num-prompts", str(len(questions))),
            *("--max-concurrency", str(in_flight), "--temperature", "0"),
            *("--extra-body", json.dumps({"response_format": shape, "seed": 0})),
            *("--disable-tqdm", "--save-result", "--result-dir", name, "--result-filename", "result.json"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
        if done.returncode:
            sys.exit(f"vllm bench serve failed:\n{done.stderr[-2000:]}")
        found = json.loads((folder / "result.json").read_text())
    if found["completed"] != len(questions):
        sys.exit(f"vllm bench serve completed {found['completed']} of {len(questions)} questions")
    return found["duration"], found["total_output_tokens"]


if __name__ == "__main__":
    main()
