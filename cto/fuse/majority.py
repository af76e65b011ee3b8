"""The majority of the groups: the plainest label model, and the one that needs nothing to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from cto.fuse.matrix import NO_VOTE, Floats, Json, LabelMatrix


@dataclass(frozen=True, slots=True)
class Majority:
    """Share of voices for 1. Each group has one voice, the mean of its votes, so many alike do not outvote one.

    ``conduct_weight`` is the weight of a voice that only tells how a trial went, against 1 for one that tells what came
    of it: results that are posted and free of harm shall not outvote the missed endpoint that they report.
    """

    conduct_weight: float = 0.25
    name: str = "majority"
    version: int = 2

    def fit(self, matrix: LabelMatrix) -> Self:
        """Return the model as it is: a majority learns nothing."""
        return self

    def predict_proba(self, matrix: LabelMatrix) -> Floats:
        """Return the weighted share of voices for 1 by trial; NaN where no outcome function votes.

        >>> groups, kinds = {"p": "efficacy", "r": "reporting"}, {"p": "outcome", "r": "conduct"}
        >>> m = LabelMatrix.of(["NCT1", "NCT1", "NCT2"], ["p", "r", "r"], [0, 1, 1], groups, kinds)
        >>> Majority().predict_proba(m).round(3).tolist()
        [0.2, nan]
        """
        share = share_of_voices(matrix, {"outcome": 1.0, "conduct": self.conduct_weight, "design": self.conduct_weight})
        return np.where(matrix.informative(), share, np.nan)

    def state(self) -> Json:
        """Return the weight of conduct; a majority learns nothing."""
        return {"conduct_weight": self.conduct_weight}

    def with_state(self, state: Json) -> Self:
        """Return the model with the weight of conduct that a :meth:`state` holds."""
        return replace(self, conduct_weight=float(state["conduct_weight"]))


def share_of_voices(matrix: LabelMatrix, weights: Mapping[str, float]) -> Floats:
    """Return the share of voices for 1 by trial, each weighing what its kind does; NaN where none speaks."""
    blocks = list(zip(matrix.groups, matrix.kinds, strict=True))
    voice_sum, weight_sum = np.zeros(len(matrix.nct_ids)), np.zeros(len(matrix.nct_ids))
    for block in sorted(set(blocks)):
        votes = matrix.votes[:, [i for i, of in enumerate(blocks) if of == block]]
        cast = (votes != NO_VOTE).sum(axis=1)
        weight = np.where(cast > 0, weights[block[1]], 0.0)
        voice_sum += weight * (votes == 1).sum(axis=1) / np.maximum(cast, 1)
        weight_sum += weight
    return np.where(weight_sum > 0, voice_sum / np.where(weight_sum > 0, weight_sum, 1.0), np.nan)
