"""The label matrix: trials × label functions, each cell 1, 0 or no vote; and what a label model does with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

NO_VOTE = -1

Votes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class LabelMatrix:
    """Votes of one definition, sorted by trial and by function so that no order of arrival can matter.

    Attributes:
        nct_ids: the n trials with at least one vote.
        functions: names of the m label functions.
        groups, kinds: group and kind of each function; a group is heard as one voice.
        votes: int8, n × m; 1, 0, or -1 for no vote.

    """

    nct_ids: npt.NDArray[np.str_]
    functions: tuple[str, ...]
    groups: tuple[str, ...]
    kinds: tuple[str, ...]
    votes: Votes

    @classmethod
    def of(
        cls,
        trials: npt.NDArray[np.str_],
        names: npt.NDArray[np.str_],
        votes: Votes,
        groups: dict[str, str],
        kinds: dict[str, str],
    ) -> LabelMatrix:
        """Return the matrix of a long vote table: row i says that function ``names[i]`` votes ``votes[i]`` on a trial.

        >>> t, f = np.array(["NCT2", "NCT1", "NCT2"]), np.array(["a", "a", "b"])
        >>> v = np.array([1, 0, 0], dtype=np.int8)
        >>> LabelMatrix.of(t, f, v, {"a": "g", "b": "g"}, {"a": "outcome", "b": "conduct"}).votes.tolist()
        [[0, -1], [1, 0]]
        """
        nct_ids, row = np.unique(trials, return_inverse=True)
        functions, column = np.unique(names, return_inverse=True)
        matrix = np.full((len(nct_ids), len(functions)), NO_VOTE, dtype=np.int8)
        matrix[row, column] = votes
        listed = tuple(str(name) for name in functions)
        return cls(nct_ids, listed, tuple(groups[n] for n in listed), tuple(kinds[n] for n in listed), matrix)

    def informative(self) -> npt.NDArray[np.bool_]:
        """Return, by trial, whether any outcome function votes: without one there is nothing to label by."""
        outcome = np.array([kind == "outcome" for kind in self.kinds], dtype=bool)
        return np.asarray((self.votes[:, outcome] != NO_VOTE).any(axis=1), dtype=bool)


class LabelModel(Protocol):
    """Turns a label matrix into probabilities; deterministic, and leaves its input as it was."""

    @property
    def name(self) -> str:
        """Name of the model in a release's manifest."""

    @property
    def version(self) -> int:
        """Raised by hand when the model fuses the same votes differently."""

    def fit(self, matrix: LabelMatrix) -> Self:
        """Learn from the votes and return the model."""

    def predict_proba(self, matrix: LabelMatrix) -> Floats:
        """Return P(1) by trial, NaN where no informative vote was cast."""
