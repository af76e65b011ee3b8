"""The label matrix: trials × label functions, each cell 1, 0 or no vote; and what a label model does with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

NO_VOTE = -1

Votes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Json = dict[str, Any]

_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False, slots=True)
class LabelMatrix:
    """Votes of one definition, sorted by trial and by function so that no order of arrival can matter.

    Attributes:
        nct_ids: the n trials. Those without any vote may be among them: they tell a fit how usual silence is.
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

    def rows(self, chosen: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> LabelMatrix:
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

    def chunks(self) -> Iterator[LabelMatrix]:
        """Yield the matrix as views of some ten thousand trials each, at least one, so that memory stays bounded."""
        for start in range(0, max(len(self.nct_ids), 1), _CHUNK):
            yield self.rows(slice(start, start + _CHUNK))

    def sample(self, rows: int, seed: int) -> LabelMatrix:
        """Return at most so many of the trials; which, depends on their identifiers and the seed only."""
        if len(self.nct_ids) <= rows:
            return self
        chosen = np.sort(np.random.default_rng(seed).choice(len(self.nct_ids), size=rows, replace=False))
        is_sorted = bool((self.nct_ids[1:] > self.nct_ids[:-1]).all())
        return self.rows(chosen if is_sorted else np.argsort(self.nct_ids)[chosen])

    def only_votes(self) -> dict[str, int]:
        """Return, by one-sided function, the only value that it ever votes."""
        seen = {name: set[int]() for name in self.functions}
        for chunk in self.chunks():
            for value in (0, 1):
                for column in np.flatnonzero((chunk.votes == value).any(axis=0)):
                    seen[self.functions[column]].add(value)
        return {name: min(values) for name, values in seen.items() if len(values) == 1}

    def require(self, signature: Iterable[tuple[str, str, str]]) -> None:
        """Refuse a matrix that does not have exactly these functions, each given as (name, group, kind).

        Raises:
            ValueError: names the first function that differs.

        """
        if odd := sorted(set(zip(self.functions, self.groups, self.kinds, strict=True)) ^ set(signature)):
            name, group, kind = odd[0]
            raise ValueError(f"only one of model and votes has function {name!r} of group {group!r} and kind {kind!r}")


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

    def state(self) -> Json:
        """Return what was learnt, as plain JSON values; empty for a model that learns nothing."""

    def with_state(self, state: Json) -> Self:
        """Return the model as fitted: it predicts what the model that gave the state predicts, to the last bit."""


def function_table(matrix: LabelMatrix, posterior: Floats, heard: Iterable[str]) -> list[Json]:
    """Return what each function says of the label, when the label is taken to be what a model believes it to be.

    Args:
        matrix: the votes.
        posterior: the model's P(1) by trial, also of trials that it would not label.
        heard: the functions whose abstention the model takes for a symbol.

    Returns:
        By function: ``name``, ``group``, ``kind``; ``coverage``, the share of trials it votes on; ``accuracy``,
        P(vote is the label | vote); ``p_vote1_given_1`` and ``p_vote1_given_0``, among its votes; ``information``, bits
        about the label that a trial gains by it on average (0 where the votes speak against the declared direction:
        models do not hear those). A rate of nothing is None.

    """
    heard = frozenset(heard)
    table: list[Json] = []
    for column, name in enumerate(matrix.functions):
        symbol = matrix.votes[:, column] - NO_VOTE
        n = np.bincount(symbol, minlength=3).astype(np.float64)
        ones = np.bincount(symbol, weights=posterior, minlength=3)
        joint: Floats = np.stack([n - ones, ones])
        says = joint if name in heard else joint[:, 1:]
        among_failures, among_successes = joint[0, 1:].sum(), joint[1, 1:].sum()
        table.append(
            {
                "name": name,
                "group": matrix.groups[column],
                "kind": matrix.kinds[column],
                "coverage": _ratio(n[1:].sum(), n.sum()) or 0.0,
                "accuracy": _ratio(joint[0, 1] + joint[1, 2], n[1:].sum()),
                "p_vote1_given_1": _ratio(joint[1, 2], among_successes),
                "p_vote1_given_0": _ratio(joint[0, 2], among_failures),
                "information": _bits(says) * float(says.sum() / n.sum()) if _is_right_way(says) else 0.0,
            }
        )
    return table


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _is_right_way(joint: Floats) -> bool:
    """Return whether votes are higher, on average, where the label is 1; false where one label never occurs."""
    of_label = joint.sum(axis=1)
    if not (of_label > 0).all():
        return False
    lean = joint @ np.array([0.0, -1.0, 1.0])[-joint.shape[1] :]
    return bool(lean[1] / of_label[1] > lean[0] / of_label[0])


def _bits(joint: Floats) -> float:
    """Return the mutual information of a table of counts."""
    share = joint / joint.sum()
    chance = np.outer(share.sum(axis=1), share.sum(axis=0))
    filled = share > 0
    return float((share[filled] * np.log2(share[filled] / chance[filled])).sum())
