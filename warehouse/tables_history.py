"""Contracts of the core tables of a record's history."""

from cto.schema import Table

HISTORY: tuple[Table, ...] = ()
