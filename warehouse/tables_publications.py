"""Contracts of the core tables of papers: publications, and which trial each reports on."""

from cto.schema import Table

PUBLICATIONS: tuple[Table, ...] = ()
