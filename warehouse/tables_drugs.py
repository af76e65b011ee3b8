"""Contracts of the core tables of drugs: their identity, the trials that test them, approvals and refusals."""

from cto.schema import Table

DRUGS: tuple[Table, ...] = ()
