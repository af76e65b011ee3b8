"""Fusion: votes on a trial become one probability per definition."""

from cto.fuse.majority import Majority
from cto.fuse.matrix import NO_VOTE, LabelMatrix, LabelModel

__all__ = ["NO_VOTE", "LabelMatrix", "LabelModel", "Majority"]
