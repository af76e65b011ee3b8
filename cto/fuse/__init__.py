"""Fusion: votes on a trial become one probability per definition."""

from cto.fuse.convention import CtoConvention
from cto.fuse.grouped import GroupedDawidSkene
from cto.fuse.guard import Verdict, fit_or_refuse, guard
from cto.fuse.majority import Majority
from cto.fuse.matrix import NO_VOTE, LabelMatrix, LabelModel
from cto.fuse.triplet import Triplet

__all__ = [
    "NO_VOTE",
    "CtoConvention",
    "GroupedDawidSkene",
    "LabelMatrix",
    "LabelModel",
    "Majority",
    "Triplet",
    "Verdict",
    "fit_or_refuse",
    "guard",
]
