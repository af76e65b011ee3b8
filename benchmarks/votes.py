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
    prevalence = sum(share * p for share, p in PHASES.values())
    blocks: dict[str, npt.NDArray[np.bool_]] = {"": np.ones(n, dtype=bool)}
    for name, rates in ({**BLOCKS, "stopped": STOPPED}).items():
        fair = scenario in "CD" and name != "stopped"
        p0, p1 = (prevalence * rates[0] + (1 - prevalence) * rates[1],) * 2 if fair else rates[::-1]
        blocks[name] = rng.random(n) < np.where(y == 1, p1, p0)
    factors = {group: rng.standard_normal(n, dtype=np.float32) for group in CORRELATION}
    votes = np.full((n, len(functions)), NO_VOTE, dtype=np.int8)
    for column, function in enumerate(functions):
        block, group = function["block"], function["group"]
        covered = rng.random(n, dtype=np.float32) < float(function["coverage_within_block"])
        if scenario == "D" and block:
            covered &= rng.random(n, dtype=np.float32) < blocks[block].mean()
        else:
            covered &= blocks[block]
        if scenario in "AB" and block == "results":
            covered &= ~blocks["stopped"] | (rng.random(n, dtype=np.float32) >= RESULTS_LOST)
        rho = CORRELATION.get(group, 0.0) if scenario in "AB" else 0.0
        latent = np.float32((1 - rho) ** 0.5) * rng.standard_normal(n, dtype=np.float32)
        if rho:
            latent += np.float32(rho**0.5) * factors[group]
        p1, p0 = (float(function[f"p_vote1_given_{outcome}"]) for outcome in ("success", "failure"))
        below = latent < np.where(y == 1, _threshold(p1), _threshold(p0))
        votes[covered, column] = below[covered]
    names = tuple(f["function"] for f in functions)
    groups = tuple("stop" if f["block"] == "stopped" else f["group"] or f["function"] for f in functions)
    nct_ids = np.char.add("NCT", np.char.zfill(np.arange(1, n + 1).astype("U8"), 8))
    return LabelMatrix(nct_ids, names, groups, ("outcome",) * len(names), votes, strata, tuple(PHASES)), y


def ungrouped(matrix: LabelMatrix) -> LabelMatrix:
    """Return the matrix with every function in a group of its own."""
    return replace(matrix, groups=matrix.functions)


def _functions(scenario: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / "vote_scenarios.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["scenario"] == ("B" if scenario == "B" else "A")]
    return [row for row in rows if not (scenario == "D" and row["block"] == "stopped")]


def _threshold(rate: float) -> float:
    """Return the point that a standard normal number is below at the rate."""
    return NormalDist().inv_cdf(rate) if 0 < rate < 1 else float("inf" if rate else "-inf")
