"""Label models on generated votes: how well they rank and how sure they are, in which time and memory.

Run: python benchmarks/label_models.py [--n 125000] [--large 500000] [--seed 0]

The models see votes only; the truth is for scoring. "groups" are those that the votes were generated with, "no groups"
is every function a group of its own. Every measurement runs in a process of its own, on one thread: processor seconds
of fit and prediction, and how far the peak of the resident memory rises above that with the votes loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from votes import SCENARIOS, generate, ungrouped

from cto.fuse import GroupedDawidSkene, LabelModel, Majority, Triplet
from cto.metrics import figures

MODELS: dict[str, LabelModel] = {"majority": Majority(), "triplet": Triplet(), "grouped": GroupedDawidSkene()}
CASES = (("majority", "groups"), ("triplet", "groups"), ("grouped", "groups"), ("grouped", "no groups"))
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> None:
    """Measure and print one row a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=125_000)
    parser.add_argument("--large", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step", nargs=5, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        print(json.dumps(_measure(*chosen.step, seed=chosen.seed)))
        return
    print(f"{'votes':>5} {'trials':>8} {'functions':>9} {'model':22}    AUC  Brier    ECE  cpu s    MB")
    for scenario, n, extra in [*((name, chosen.n, 0) for name in SCENARIOS), ("A", chosen.large, 5)]:
        for model, groups in CASES:
            step = [scenario, str(n), str(extra), model, groups]
            command = [sys.executable, __file__, "--seed", str(chosen.seed), "--step", *step]
            done = subprocess.run(command, check=True, capture_output=True, env=os.environ | ONE_THREAD)
            found = json.loads(done.stdout)
            print(
                f"{scenario:>5} {n:8,} {found['functions']:9} {model + ', ' + groups:22} {found['roc_auc']:6.3f} "
                f"{found['brier']:6.3f} {found['ece']:6.3f} {found['cpu']:6.2f} {found['mb']:5.0f}",
                flush=True,
            )


def _measure(scenario: str, n: str, extra: str, model: str, groups: str, seed: int) -> dict[str, float | None]:
    matrix, y = generate(scenario, int(n), seed, int(extra))
    if groups == "no groups":
        matrix = ungrouped(matrix)
    MODELS[model].fit(matrix.rows(slice(1000))).predict_proba(matrix.rows(slice(1000)))  # the code itself is loaded
    before = _memory(is_peak_new=True)
    began = time.process_time()
    p_success = MODELS[model].fit(matrix).predict_proba(matrix)
    cpu = time.process_time() - began
    known = matrix.informative()
    grown = _memory() - before
    scores = figures(y[known], p_success[known], ["roc_auc", "brier", "ece"])
    return scores | {"functions": len(matrix.functions), "cpu": cpu, "mb": grown}


def _memory(is_peak_new: bool = False) -> float:
    """Return the peak of the resident memory, in MB; the peak up to now can be forgotten first (Linux)."""
    if is_peak_new:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
