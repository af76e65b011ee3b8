"""Blocks of functions that are heard as one voice, and the joint patterns of their votes: codes, counts and rivals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from cto.fuse.matrix import NO_VOTE, Floats, LabelMatrix

MOST = 8
"""Functions in a block: nine have 19,683 patterns, more than a sample fills. A larger group is refused, not split: its
parts would be heard as voices of their own, which is what declaring a group is to prevent."""

_WORD = 6  # more functions make tables that cost more than the passes they save

Abstain = Literal["auto", "ignore", "symbol"]
Codes = list[npt.NDArray[np.uint16]]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Block:
    """Functions heard as one voice.

    Attributes:
        group, kind: what they share.
        functions: their names, sorted.
        silences: those whose abstention is a symbol, each with what it leans to: 1 where a function only ever votes 0,
            -1 where it only votes 1, 0 where it does both.
        log_ratio: ln P(pattern | 1) / P(pattern | 0) by pattern, in the order of :func:`patterns`; 0 for those not met.

    """

    group: str
    kind: str
    functions: tuple[str, ...]
    silences: tuple[tuple[str, int], ...]
    log_ratio: tuple[float, ...] = ()


def patterns(functions: int) -> Iterator[tuple[int, ...]]:
    """Yield every joint vote of so many functions, the last one's varying fastest.

    >>> list(patterns(1))
    [(-1,), (0,), (1,)]
    """
    yield from product((NO_VOTE, 0, 1), repeat=functions)


def blocks_of(matrix: LabelMatrix, abstain: Abstain) -> tuple[Block, ...]:
    """Return the blocks of the functions, by group and kind.

    Raises:
        ValueError: a group has more than :data:`MOST` functions of one kind.

    """
    only_votes = matrix.only_votes()
    leans = {name: 1 - 2 * only_votes[name] if name in only_votes else 0 for name in matrix.functions}
    heard = {"auto": set(only_votes), "ignore": set[str](), "symbol": set(matrix.functions)}[abstain]
    members: dict[tuple[str, str], list[str]] = {}
    for name, group, kind in sorted(zip(matrix.functions, matrix.groups, matrix.kinds, strict=True)):
        members.setdefault((group, kind), []).append(name)
    for (group, kind), names in members.items():
        if len(names) > MOST:
            raise ValueError(f"group {group!r} has {len(names)} {kind} functions; at most {MOST} can be one voice")
    return tuple(
        Block(group, kind, tuple(names), tuple((name, leans[name]) for name in names if name in heard))
        for (group, kind), names in sorted(members.items())
    )


class Words:
    """Blocks packed into words of some functions, so that one pass over the trials does several blocks.

    A trial's code of a word is the number of its pattern. Counts and log ratios are of the patterns of all blocks, one
    block after the other.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        """Pack the blocks in their order."""
        self.words: list[list[Block]] = []
        for block in blocks:
            if not self.words or sum(len(b.functions) for b in [*self.words[-1], block]) > _WORD:
                self.words.append([])
            self.words[-1].append(block)
        self.sizes = [tuple(3 ** len(block.functions) for block in word) for word in self.words]

    def codes(self, matrix: LabelMatrix) -> Codes:
        """Return the codes of each word, by trial."""
        column = {name: i for i, name in enumerate(matrix.functions)}
        symbols = (matrix.votes - NO_VOTE).view(np.uint8)
        codes = []
        for word in self.words:
            code = np.zeros(len(symbols), dtype=np.uint16)
            for name in (name for block in word for name in block.functions):
                code = code * np.uint16(3) + symbols[:, column[name]]
            codes.append(code)
        return codes

    def distinct(self, matrix: LabelMatrix) -> tuple[LabelMatrix, Floats]:
        """Return one trial for each stratum and row of votes, in the order of their codes, and how many are like it."""
        key, bound = matrix.strata.astype(np.int64), max(len(matrix.stratum_names), 1)
        for code, sizes in zip(self.codes(matrix), self.sizes, strict=True):
            if bound * prod(sizes) >= 1 << 63:
                values, key = np.unique(key, return_inverse=True)
                bound = len(values)
            key, bound = key * prod(sizes) + code, bound * prod(sizes)
        _, first, times = np.unique(key, return_index=True, return_counts=True)
        return matrix.rows(first), times.astype(np.float64)

    def count(self, codes: Codes, weight: Floats) -> Floats:
        """Return the weight of each pattern."""
        counts = [np.zeros(0)]
        for code, sizes in zip(codes, self.sizes, strict=True):
            table = np.bincount(code, weights=weight, minlength=prod(sizes)).reshape(sizes)
            axes = range(len(sizes))
            counts += [table.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes]
        return np.concatenate(counts)

    def total(self, codes: Codes, log_ratio: Floats) -> Floats:
        """Return, by trial, the sum of its patterns' log ratios."""
        total, start = np.zeros(len(codes[0]) if codes else 0), 0
        for code, sizes in zip(codes, self.sizes, strict=True):
            table = np.zeros(1)
            for size in sizes:
                table = np.add.outer(table, log_ratio[start : start + size]).ravel()
                start += size
            total += table[code]
        return total


@dataclass(frozen=True, slots=True)
class Tables:
    """Of every pattern: how often it is met, which patterns it competes with, and what it is declared to lean to.

    Patterns in which the same functions abstain, other than by silences that are symbols, are rivals: shares of one
    whole. The lean is the sign of votes for 1 less votes for 0 or, where nobody votes, of the silences' leans.
    """

    met: Floats
    rivals: Ints
    lean: Ints

    @classmethod
    def of(cls, blocks: Sequence[Block], met: Floats) -> Tables:
        """Return the tables of the blocks' patterns."""
        wholes: dict[tuple[object, ...], int] = {}
        rivals, lean = [], []
        for block in blocks:
            silences = dict(block.silences)
            for pattern in patterns(len(block.functions)):
                silent = [name for name, vote in zip(block.functions, pattern, strict=True) if vote == NO_VOTE]
                whole = (block.group, block.kind, *(name for name in silent if name not in silences))
                rivals.append(wholes.setdefault(whole, len(wholes)))
                says_nothing = len(silent) == len(pattern)
                lean.append(sum(silences.values()) if says_nothing else pattern.count(1) - pattern.count(0))
        return cls(met, np.array(rivals, dtype=np.int64), np.sign(np.array(lean, dtype=np.int64)))

    def log_ratio(self, ones: Floats, smoothing: float, trust: float) -> Floats:
        """Return ln P(pattern | 1) / P(pattern | 0), within its rivals, from the patterns' counts among successes.

        What crosses its declared lean is 0, and so is what was never met.

        Args:
            ones: the counts.
            smoothing: trials' worth of belief, of each class, in what is declared:
            trust: the odds that a pattern is right in what it leans to.

        """
        known = self.met > 0
        given_1 = self._share(ones, self.met * trust ** (0.5 * self.lean), smoothing)
        given_0 = self._share(np.maximum(self.met - ones, 0.0), self.met * trust ** (-0.5 * self.lean), smoothing)
        ratio = np.log(np.where(known, given_1, 1.0)) - np.log(np.where(known, given_0, 1.0))
        return np.where(ratio * self.lean >= 0, ratio, 0.0)

    def _share(self, count: Floats, believed: Floats, smoothing: float) -> Floats:
        """Return the share of each pattern among its rivals, by count and by so many trials' worth of belief."""
        of_count, of_believed = (np.bincount(self.rivals, weights=w)[self.rivals] for w in (count, believed))
        expected = believed / np.where(of_believed > 0, of_believed, 1.0)
        return np.asarray((count + smoothing * expected) / (of_count + smoothing), dtype=np.float64)
