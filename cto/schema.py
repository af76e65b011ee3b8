"""Table contracts: what every table's columns are called, hold and mean, and the DDL that follows from that."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

IDENTIFIER = re.compile(r"^[a-z][a-z0-9_]*$")


class ContractError(ValueError):
    """A table, or rows offered for it, break the table's contract; the message names table, column and value."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    ``type`` is a DuckDB type. ``values`` lists the codes known for an enumeration: another code is kept, counted and
    shown, and stops a publish when more than ``tolerance`` of the table's rows carry one. ``path`` says, for a raw
    table, where in the source's document the value stands (see :mod:`cto.jsonrows`). ``text_of`` names the parsed
    column whose unread text this one keeps: a row with a text here and no value there is counted as unreadable, unless
    the text is one of ``unknown``, by which the source says that it does not know.
    """

    name: str
    type: str
    description: str
    path: str | None = None
    required: bool = False
    values: tuple[str, ...] = ()
    tolerance: float = 0.01
    text_of: str | None = None
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a name that SQL would have to quote."""
        if not IDENTIFIER.match(self.name):
            raise ContractError(f"column name {self.name!r} is not lower_snake_case")


@dataclass(frozen=True, slots=True)
class Table:
    """A contract: name, meaning, primary key and columns.

    ``each`` is, for a raw table, the path of the array of which every element is one row. ``inherits`` names a table
    whose columns precede this table's own, so that a column that merely passes through is declared once, where it
    enters.
    """

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    each: str = ""
    inherits: str | None = None

    def __post_init__(self) -> None:
        """Refuse duplicate columns and, once nothing is left to inherit, a key outside the columns."""
        if not IDENTIFIER.match(self.name):
            raise ContractError(f"table name {self.name!r} is not lower_snake_case")
        names = [column.name for column in self.columns]
        if len(names) != len(set(names)):
            raise ContractError(f"table {self.name}: a column is declared twice in {names}")
        if self.inherits is None and not set(self.key) <= set(names):
            raise ContractError(f"table {self.name}: key {self.key} is not among its columns {names}")

    def ddl(self, name: str = "") -> str:
        """Return ``create table`` for an empty table under this contract, called ``name`` if not as the contract.

        >>> Table("pet", "One row a pet.", ("name",), (Column("name", "VARCHAR", "Its name."),)).ddl()
        'create or replace table pet ("name" VARCHAR)'
        """
        columns = ", ".join(f"{quote(column.name)} {column.type}" for column in self.columns)
        return f"create or replace table {name or self.name} ({columns})"

    def select_list(self) -> str:
        """Return the columns in contract order, each cast to its declared type, for the head of a ``select``."""
        return ", ".join(f"{quote(c.name)}::{c.type} as {quote(c.name)}" for c in self.columns)

    def order(self) -> str:
        """Return the ``order by`` list of the key: a total order, so that a written file is reproducible."""
        return ", ".join(quote(name) for name in self.key)

    def fingerprint(self) -> str:
        """Return a short digest that changes when a name, type, path or key does, and not when a description does."""
        shape = [(c.name, c.type, c.path, c.text_of) for c in self.columns]
        return digest(repr((self.name, self.key, self.each, shape)))


def resolve(tables: Iterable[Table]) -> dict[str, Table]:
    """Return the tables by name with inherited columns filled in; a name declared twice is an error.

    >>> a = Table("raw_a", "Raw.", ("id",), (Column("id", "VARCHAR", "Id."), Column("x", "VARCHAR", "X.")))
    >>> b = Table("core_a", "Core.", ("id",), (Column("y", "INTEGER", "Y."),), inherits="raw_a")
    >>> [c.name for c in resolve([a, b])["core_a"].columns]
    ['id', 'x', 'y']
    """
    declared: dict[str, Table] = {}
    for table in tables:
        if table.name in declared:
            raise ContractError(f"table {table.name} is declared twice")
        declared[table.name] = table
    return {name: _inherit(table, declared) for name, table in declared.items()}


def _inherit(table: Table, declared: Mapping[str, Table]) -> Table:
    if table.inherits is None:
        return table
    if table.inherits not in declared:
        raise ContractError(f"table {table.name} inherits from {table.inherits}, which nothing declares")
    parent = _inherit(declared[table.inherits], declared)
    own = {column.name for column in table.columns}
    kept = tuple(replace(column, path=None) for column in parent.columns if column.name not in own)
    return replace(table, columns=kept + table.columns, inherits=None)


def quote(name: str) -> str:
    """Return an SQL identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return an SQL string literal, for the few statements (``COPY … TO``) that take no parameter.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def parquet(*paths: str) -> str:
    """Return the SQL that reads Parquet files as they are: a folder called ``a=1`` is no column."""
    return f"read_parquet([{', '.join(map(literal, paths))}], hive_partitioning = false)"


def digest(text: str, length: int = 16) -> str:
    """Return the first ``length`` hexadecimal digits of the text's sha256."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
