"""Contracts of the core tables of headlines, and which trials each is about."""

from cto.schema import Table

NEWS: tuple[Table, ...] = ()
