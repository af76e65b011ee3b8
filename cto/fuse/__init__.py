"""Fusion: votes on a trial become one probability per definition."""

from cto.fuse.majority import Majority
from cto.fuse.matrix import LabelMatrix, LabelModel

__all__ = ["LabelMatrix", "LabelModel", "Majority"]
