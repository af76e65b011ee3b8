"""The convention of the CTO labels of 2024: two rules first, then a vote of all functions. For comparison only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cto.fuse.majority import share_of_voices
from cto.fuse.matrix import Floats, Json, LabelMatrix

STATUS, P_VALUE = "cto_status", "cto_p_value"


@dataclass(frozen=True, slots=True)
class CtoConvention:
    """A stop is 0; else a primary p-value under .05 is 1; else the majority of the groups.

    So hard labels stand beside shares of votes, as in what it rebuilds: ``p_success`` is no probability here.
    """

    name: str = "cto_convention"
    version: int = 1

    def fit(self, matrix: LabelMatrix) -> Self:
        """Return the model as it is: a convention learns nothing."""
        return self

    def predict_proba(self, matrix: LabelMatrix) -> Floats:
        """Return 0, 1 or the share of votes by trial; NaN where nothing votes at all.

        >>> kinds = {"cto_status": "outcome", "cto_p_value": "outcome", "sites": "design"}
        >>> m = LabelMatrix.of(
        ...     ["NCT1", "NCT1", "NCT2", "NCT2", "NCT3"],
        ...     ["cto_p_value", "cto_status", "cto_p_value", "sites", "sites"],
        ...     [1, 0, 1, 0, 0],
        ...     {name: name for name in kinds},
        ...     kinds,
        ... )
        >>> CtoConvention().predict_proba(m).tolist()
        [0.0, 1.0, 0.0]
        """
        share = share_of_voices(matrix, {"outcome": 1.0, "conduct": 1.0, "design": 1.0})
        share = np.where(_column(matrix, P_VALUE) == 1, 1.0, share)
        return np.where(_column(matrix, STATUS) == 0, 0.0, share)

    def state(self) -> Json:
        """Return what was learned: nothing."""
        return {}

    def with_state(self, state: Json) -> Self:
        """Return the model as it is."""
        return self


def _column(matrix: LabelMatrix, name: str) -> np.ndarray[Any, Any]:
    return matrix.votes[:, matrix.functions.index(name)]
