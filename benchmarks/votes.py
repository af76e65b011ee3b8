"""Generated votes with a known truth: the scenarios A, B, C and D that label models are measured on.

``vote_scenarios.csv`` lists the functions of A (accuracies of .55 to .96) and B (coverages and agreements as the
reference publishes them: most functions look accurate and say next to nothing). In both, votes of one group share a
factor, the votes of a block (posted results, a publication, an industry sponsor) go missing together and more often for
failures, and two functions only ever vote 0. C is A without the factors and with blocks that miss successes and
failures alike; in D, every vote and every abstention is independent given the truth, and nothing is one-sided.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from cto.fuse import NO_VOTE, LabelMatrix

SCENARIOS = ("A", "B", "C", "D")
PHASES = {"PHASE1": (0.33, 0.40), "PHASE2": (0.42, 0.45), "PHASE3": (0.25, 0.60)}
"""Share of the trials, and P(success)."""
BLOCKS = {"results": (0.40, 0.24), "publication": (0.34, 0.20), "industry": (0.35, 0.35)}
"""P(block | success) and P(block | failure)."""
STOPPED = (0.012, 0.28)
"""P(stopped | success) and P(stopped | failure)."""
RESULTS_LOST = 0.4
"""P(a stopped trial casts no vote of the results block that it would have cast)."""
CORRELATION = {"ae": 0.80, "size": 0.40, "link": 0.55, "mkt": 0.35}
EXTRA = tuple(
    {"function": f"extra{i}", "group": "", "block": "", "coverage_within_block": "0.5"}
    | {"p_vote1_given_success": f"{0.55 + 0.02 * i:.2f}", "p_vote1_given_failure": "0.45"}
    for i in range(1, 6)
)
"""Five more functions, for the scale of 30."""

Truth = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]


def generate(scenario: str, n: int, seed: int = 0, extra: int = 0) -> tuple[LabelMatrix, Truth]:
    """Return the votes on n trials, and which of them are successes.

    Args:
        scenario: one of :data:`SCENARIOS`.
        n: number of trials.
        seed: of the one generator that everything is drawn from.
        extra: how many of :data:`EXTRA` to add.

    """
    rng = np.random.default_rng(seed)
    functions = sorted([*_functions(scenario), *EXTRA[:extra]], key=lambda f: f["function"])
    strata = rng.choice(len(PHASES), size=n, p=[share for share, _ in PHASES.values()]).astype(np.int16)
    y = (rng.random(n) < np.array([p for _, p in PHASES.values()])[strata]).astype(np.int8)
    blocks = _blocks(rng, scenario, y)
    factors = {group: rng.standard_normal(n, dtype=np.float32) for group in CORRELATION}
    votes = np.full((n, len(functions)), NO_VOTE, dtype=np.int8)
    for column, function in enumerate(functions):
        covered = _covered(rng, scenario, function, blocks)
        rho = CORRELATION.get(function["group"], 0.0) if scenario in "AB" else 0.0
        latent = np.float32((1 - rho) ** 0.5) * rng.standard_normal(n, dtype=np.float32)
        if rho:
            latent += np.float32(rho**0.5) * factors[function["group"]]
        p1, p0 = (float(function[f"p_vote1_given_{outcome}"]) for outcome in ("success", "failure"))
        votes[covered, column] = (latent < np.where(y == 1, _threshold(p1), _threshold(p0)))[covered]
    names = tuple(f["function"] for f in functions)
    groups = tuple("stop" if f["block"] == "stopped" else f["group"] or f["function"] for f in functions)
    nct_ids = np.char.add("NCT", np.char.zfill(np.arange(1, n + 1).astype("U8"), 8))
    return LabelMatrix(nct_ids, names, groups, ("outcome",) * len(names), votes, strata, tuple(PHASES)), y


def ungrouped(matrix: LabelMatrix) -> LabelMatrix:
    """Return the matrix with every function in a group of its own."""
    return replace(matrix, groups=matrix.functions)


def _blocks(rng: np.random.Generator, scenario: str, y: Truth) -> dict[str, Mask]:
    """Return, by block, the trials that are in it; all are in the one without a name."""
    blocks: dict[str, Mask] = {"": np.ones(len(y), dtype=bool)}
    prevalence = sum(share * p for share, p in PHASES.values())
    for name, (p1, p0) in {**BLOCKS, "stopped": STOPPED}.items():
        fair = prevalence * p1 + (1 - prevalence) * p0
        is_fair = scenario in "CD" and name != "stopped"
        blocks[name] = rng.random(len(y)) < (fair if is_fair else np.where(y == 1, p1, p0))
    return blocks


def _covered(rng: np.random.Generator, scenario: str, function: dict[str, str], blocks: dict[str, Mask]) -> Mask:
    """Return the trials that a function votes on."""
    block, n = function["block"], len(blocks[""])
    covered = rng.random(n, dtype=np.float32) < float(function["coverage_within_block"])
    if scenario == "D" and block:
        return covered & (rng.random(n, dtype=np.float32) < blocks[block].mean())
    if scenario in "AB" and block == "results":
        covered &= ~blocks["stopped"] | (rng.random(n, dtype=np.float32) >= RESULTS_LOST)
    return covered & blocks[block]


def _functions(scenario: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / "vote_scenarios.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["scenario"] == ("B" if scenario == "B" else "A")]
    return [row for row in rows if not (scenario == "D" and row["block"] == "stopped")]


def _threshold(rate: float) -> float:
    """Return the point that a standard normal number is below at the rate."""
    return NormalDist().inv_cdf(rate) if 0 < rate < 1 else float("inf" if rate else "-inf")
