"""Flat rows from JSON documents: the paths a table declares become one DuckDB type and one query a table.

A path is dotted, with ``[]`` after every array: ``periods[].milestones[].type``. A table's ``each`` is the array whose
elements are its rows; its columns may read the element, anything around it, and, with a leading ``#``, the position
(from 1) of an enclosing array's element. Leaves are read as text, so that no value is lost to a guess about its type.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cto.connector import Parsed
from cto.http import read_json
from cto.schema import ContractError, Table, quote

Json = dict[str, Any]

SMALL_DOCUMENT = 4 << 20
"""Bytes that one document is first given room for: the reader allocates twice as much, and few need more."""

Tree = dict[str, "Tree"]


def document_columns(tables: Iterable[Table]) -> dict[str, str]:
    """Return, for ``read_json``, the top-level fields and their types: just what the tables' paths need.

    >>> from cto.schema import Column
    >>> c = Column("name", "VARCHAR", "Its name.", path="pets[].name")
    >>> document_columns([Table("pet", "Pets.", ("name",), (c,), each="pets[]")])
    {'pets': 'STRUCT("name" VARCHAR)[]'}
    """
    tree: Tree = {}
    for table in tables:
        for path in [table.each, *(c.path for c in table.columns if c.path)]:
            node = tree
            for part in path.lstrip("#").split(".") if path else ():
                node = node.setdefault(part, {})
    return {name.removesuffix("[]"): _type(name, child) for name, child in tree.items()}


def rows_query(table: Table, source: str) -> str:
    """Return the ``select`` that reads the table's rows from the document table ``source``."""
    arrays = _arrays(table.each)
    query = _level(table, source, arrays, 0)
    for depth in range(1, len(arrays) + 1):
        query = _level(table, f"({query})", arrays, depth)
    return query


def _level(table: Table, source: str, arrays: list[str], depth: int) -> str:
    """Select what the columns need of nesting level ``depth``, pass on the outer levels, open the next array."""
    at = "".join(arrays[:depth])
    items = []
    for number, column in enumerate(table.columns):
        if column.path is None:
            raise ContractError(f"raw table {table.name}: column {column.name} has no path")
        level = _depth(table, column.path, arrays)
        if level <= depth:
            value = f"c{number}" if level < depth else _leaf(column.path, at, depth)
            items.append(f"{value} as {quote(column.name) if depth == len(arrays) else f'c{number}'}")
    if depth < len(arrays):
        array = _field(arrays[depth].strip(".").removesuffix("[]"), depth)
        items += [f"unnest({array}) as e{depth + 1}", f"generate_subscripts({array}, 1) as i{depth + 1}"]
    return f"select {', '.join(items)} from {source}"


def _arrays(each: str) -> list[str]:
    """Split ``a.b[].c[]`` into its arrays: ``a.b[]`` and ``.c[]``."""
    if each and not each.endswith("[]"):
        raise ContractError(f"'each' must end in [], not {each!r}")
    return [part + "[]" for part in each.split("[]")[:-1]]


def _depth(table: Table, path: str, arrays: list[str]) -> int:
    """Return how many of the table's arrays enclose the path."""
    bare = path.lstrip("#")
    for depth in range(len(arrays), 0, -1):
        around = "".join(arrays[:depth])
        if bare == around or bare.startswith(around + "."):
            return depth
    if path.startswith("#") or "[]" in bare.removesuffix("[]"):
        raise ContractError(f"raw table {table.name}: path {path} leaves the rows of {table.each or 'the document'}")
    return 0


def _leaf(path: str, at: str, depth: int) -> str:
    if path.startswith("#"):
        return f"i{depth}"
    return _field(path.removeprefix(at).strip(".").removesuffix("[]"), depth)


def _field(path: str, depth: int) -> str:
    parts = [quote(part) for part in path.split(".") if part]
    return ".".join(([f"e{depth}"] if depth else []) + parts)


def _type(name: str, tree: Tree) -> str:
    fields = ", ".join(f"{quote(k.removesuffix('[]'))} {_type(k, v)}" for k, v in tree.items())
    return (f"STRUCT({fields})" if tree else "VARCHAR") + ("[]" if name.endswith("[]") else "")


def read_page(body: bytes, array: str, tables: Sequence[Table], entity: str, pattern: str) -> Parsed:
    """Return the rows that a page holds in its top-level ``array`` of documents.

    A document that cannot be read under the declared paths, is not valid UTF-8, or has no identifier or one that came
    before on the page, is put in quarantine with the reason; the others are read.

    Args:
        body: one JSON object.
        array: name of the field that holds the documents.
        tables: the tables to fill; the first has one row a document.
        entity: column of the first table that identifies a document.
        pattern: what an identifier looks like, as a regular expression.

    """
    path = next(column.path or "" for column in tables[0].columns if column.name == entity)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as con:
        reader = _Reader(con, Path(folder) / "documents.json", document_columns(tables))
        start = body.index(b"[", body.index(f'"{array}"'.encode()))
        try:
            reader.load(memoryview(body)[start : body.rindex(b"]") + 1])
        except duckdb.Error:
            reader.salvage(read_json(body)[array])
        reader.reject(_field(path, 0), pattern)
        rows = {table.name: con.sql(rows_query(table, "document")).to_arrow_table() for table in tables}
        named = [row | {"id": row["id"] or _identifier(row["start"], path, pattern)} for row in reader.quarantine]
        return Parsed(rows, tuple(row | {"start": _start(row["start"])} for row in named))


@dataclass
class _Reader:
    """Loads a page's documents into the table ``document`` and collects those that cannot be read."""

    con: duckdb.DuckDBPyConnection
    file: Path
    columns: dict[str, str]
    positions: list[int] | None = None
    quarantine: list[Json] = field(default_factory=list)

    def load(self, array: bytes | memoryview) -> None:
        """Read a JSON array of documents, all or, on any fault, none."""
        self.file.write_bytes(array)
        try:
            self._read(SMALL_DOCUMENT)
        except duckdb.InvalidInputException:
            if len(array) < SMALL_DOCUMENT:
                raise
            self._read(len(array) + 1)

    def _read(self, largest: int) -> None:
        self.con.execute(
            "create or replace table document as select * from read_json($file, format = 'array', columns = $columns, "
            "maximum_object_size = $largest)",
            {"file": str(self.file), "columns": self.columns, "largest": largest},
        )

    def salvage(self, documents: list[object]) -> None:
        """Load the documents that can be read, halving the page until each bad one stands alone."""
        self.positions = self._readable(list(enumerate(documents)))
        self.load(json.dumps([documents[position] for position in self.positions]).encode())

    def _readable(self, numbered: list[tuple[int, object]]) -> list[int]:
        try:
            self.load(json.dumps([document for _, document in numbered], ensure_ascii=False).encode())
        except (duckdb.Error, UnicodeEncodeError) as error:
            if len(numbered) > 1:
                half = len(numbered) // 2
                return self._readable(numbered[:half]) + self._readable(numbered[half:])
            self._set_aside(numbered[0][0], "", _reason(error), numbered[0][1])
            return []
        return [position for position, _ in numbered]

    def reject(self, identifier: str, pattern: str) -> None:
        """Delete documents whose identifier is none or came before on the page."""
        rows = self.con.execute(
            f"""
            with numbered as (
                select rowid as number, {identifier} as id, row_number() over (partition by id order by rowid) as seen
                from document
            )
            select number, id, coalesce(regexp_full_match(id, $pattern), false)
            from numbered
            where not coalesce(regexp_full_match(id, $pattern), false) or seen > 1
            order by number
            """,
            {"pattern": pattern},
        ).fetchall()
        for number, found, is_identifier in rows:
            self.con.execute("delete from document where rowid = ?", [number])
            position = self.positions[number] if self.positions else number
            reason = "identifier repeated on the page" if is_identifier else f"not an identifier: {found!r}"
            self._set_aside(position, found if is_identifier else "", reason, found)

    def _set_aside(self, position: int, identifier: str, reason: str, start: object) -> None:
        self.quarantine.append({"position": position, "id": identifier, "reason": reason, "start": start})


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "invalid UTF-8"
    return re.sub(r' in file ".*?", in record/value \d+', "", str(error).strip().splitlines()[0])[:300]


def _identifier(document: object, path: str, pattern: str) -> str:
    """Return the identifier of a document that could not be read, or an empty text."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) and re.fullmatch(pattern, document) else ""


def _start(document: object) -> str:
    return (document if isinstance(document, str) else json.dumps(document))[:200]
