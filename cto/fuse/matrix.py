"""The label matrix: trials × label functions, each cell 1, 0 or no vote; and what a label model does with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
        strata: int16, n: the trial's phase as an index into ``stratum_names``; a model may learn a prior for each.
        stratum_names: the phases, sorted.

    """

    nct_ids: npt.NDArray[np.str_]
    functions: tuple[str, ...]
    groups: tuple[str, ...]
    kinds: tuple[str, ...]
    votes: Votes
    strata: npt.NDArray[np.int16]
    stratum_names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        trials: Sequence[str],
        names: Sequence[str],
        votes: Sequence[int],
        groups: Mapping[str, str],
        kinds: Mapping[str, str],
        phases: Mapping[str, str] | None = None,
    ) -> LabelMatrix:
        """Return the matrix of a long vote table: row i says that function ``names[i]`` votes ``votes[i]`` on a trial.

        >>> groups, kinds = {"a": "g", "b": "g"}, {"a": "outcome", "b": "conduct"}
        >>> LabelMatrix.of(["NCT2", "NCT1", "NCT2"], ["a", "a", "b"], [1, 0, 0], groups, kinds).votes.tolist()
        [[0, -1], [1, 0]]
        """
        nct_ids, row = np.unique(np.array(trials, dtype=np.str_), return_inverse=True)
        functions, column = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
        matrix = np.full((len(nct_ids), len(functions)), NO_VOTE, dtype=np.int8)
        matrix[row, column] = votes
        listed = tuple(str(name) for name in functions)
        stratum = [(phases or {}).get(str(nct_id), "") for nct_id in nct_ids]
        stratum_names, strata = np.unique(np.array(stratum, dtype=np.str_), return_inverse=True)
        return cls(
            nct_ids,
            listed,
            tuple(groups[name] for name in listed),
            tuple(kinds[name] for name in listed),
            matrix,
            strata.astype(np.int16),
            tuple(str(name) for name in stratum_names),
        )

    def rows(self, chosen: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> LabelMatrix:
        """Return the matrix of some of its trials, with the same functions and strata."""
        return replace(self, nct_ids=self.nct_ids[chosen], votes=self.votes[chosen], strata=self.strata[chosen])

    def columns(self, chosen: Sequence[int]) -> LabelMatrix:
        """Return the matrix of some of its functions, with the same trials."""
        kept = sorted(chosen)
        return replace(
            self,
            functions=tuple(self.functions[i] for i in kept),
            groups=tuple(self.groups[i] for i in kept),
            kinds=tuple(self.kinds[i] for i in kept),
            votes=np.ascontiguousarray(self.votes[:, kept]),
        )

    def informative(self) -> npt.NDArray[np.bool_]:
        """Return, by trial, whether any outcome function votes: without one there is nothing to label by."""
        outcome = np.array([kind == "outcome" for kind in self.kinds], dtype=bool)
        return np.asarray((self.votes[:, outcome] != NO_VOTE).any(axis=1), dtype=bool)


class LabelModel(Protocol):
    """Turns a label matrix into probabilities; deterministic, and leaves its input as it was.

    A model is a value: ``fit`` returns a fitted one and leaves the model it was called on as it was.
    """

    @property
    def name(self) -> str:
        """Name of the model in a release's manifest."""

    @property
    def version(self) -> int:
        """Raised by hand when the model fuses the same votes differently."""

    def fit(self, matrix: LabelMatrix) -> Self:
        """Learn from the votes and return the fitted model."""

    def predict_proba(self, matrix: LabelMatrix) -> Floats:
        """Return P(1) by trial, NaN where no informative vote was cast."""
