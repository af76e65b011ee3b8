"""The majority of the groups: the plainest label model, and the one that needs nothing to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from cto.fuse.matrix import NO_VOTE, Floats, LabelMatrix


@dataclass(frozen=True, slots=True)
class Majority:
    """Share of voices for 1. Each group has one voice, the mean of its votes, so many alike do not outvote one.

    ``conduct_weight`` is the weight of a voice that only tells how a trial went, against 1 for one that tells what came
    of it: posted results alone shall not outvote the p-value that they report.
    """

    conduct_weight: float = 0.5
    name: str = "majority"
    version: int = 1

    def fit(self, matrix: LabelMatrix) -> Self:
        """Return the model as it is: a majority learns nothing."""
        return self

    def predict_proba(self, matrix: LabelMatrix) -> Floats:
        """Return the weighted share of voices for 1 by trial; NaN where no outcome function votes.

        >>> groups, kinds = {"p": "efficacy", "r": "reporting"}, {"p": "outcome", "r": "conduct"}
        >>> m = LabelMatrix.of(["NCT1", "NCT1", "NCT2"], ["p", "r", "r"], [0, 1, 1], groups, kinds)
        >>> Majority().predict_proba(m).round(3).tolist()
        [0.333, nan]
        """
        voice_sum = np.zeros(len(matrix.nct_ids))
        weight_sum = np.zeros(len(matrix.nct_ids))
        for group in sorted(set(zip(matrix.groups, matrix.kinds, strict=True))):
            members = [i for i, of in enumerate(zip(matrix.groups, matrix.kinds, strict=True)) if of == group]
            votes = matrix.votes[:, members]
            cast = (votes != NO_VOTE).sum(axis=1)
            weight = np.where(cast > 0, 1.0 if group[1] == "outcome" else self.conduct_weight, 0.0)
            voice_sum += weight * (votes == 1).sum(axis=1) / np.maximum(cast, 1)
            weight_sum += weight
        known = matrix.informative()
        share = voice_sum / np.where(known, weight_sum, 1.0)
        return np.where(known, share, np.nan)
