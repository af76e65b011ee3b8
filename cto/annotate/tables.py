"""Writes an annotator's table: what it read, row by row, with the model, prompt and question behind each."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from cto.annotate.annotator import PROVENANCE, Annotator
from cto.annotate.answers import Answer
from cto.annotate.models import Name
from cto.annotate.questions import batches, open_due, understood
from cto.annotate.request import Json
from cto.build import examine, write_table
from cto.schema import literal, parquet

ROWS = """
select i.*, q.digest, a.answer
from input i left join question q on i.position = q.position left join answer a on q.digest = a.digest
where i.skip_reason is not null or a.answer is not null
order by i.position
"""


def tabulate(con: duckdb.DuckDBPyConnection, annotator: Annotator, model: Name | None, file: Path) -> Json:
    """Write the annotator's table to a file and make it a table of the database; return its figures.

    A row that is skipped or whose answer cannot be used says why in ``abstain_reason``; one whose question has no
    answer yet is not there, and counted.

    Args:
        con: a database with the tables that the annotator reads and, given a model, its questions and answers.
        annotator: whose table.
        model: which model read; None for an annotator that needs none, or that has never had one.
        file: where to write.

    Returns:
        ``rows``, ``said`` (rows that do not abstain), ``abstained`` (rows by reason) and ``unanswered`` (questions).

    """
    table = annotator.table
    if annotator.reads_with is None:
        sql = annotator.sql
    else:
        con.execute(table.ddl("annotated"))
        if model:
            _fill(con, annotator, model)
        sql = "from annotated"
    write_table(con, table, sql, file)
    con.execute(f"create or replace table {table.name} as from {parquet(str(file))}")
    figures = {"rows": examine(con, table)["rows"]}
    if annotator.reads_with is None:
        return figures
    reasons = con.execute(
        f"select coalesce(abstain_reason, ''), count(*) from {table.name} group by 1 order by 1"
    ).fetchall()
    abstained = {reason: n for reason, n in reasons if reason}
    said = figures["rows"] - sum(abstained.values())
    return figures | {"said": said, "abstained": abstained, "unanswered": open_due(con) if model else 0}


def write_pack(con: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Write the answers that stand, of table ``answer``, to a file, in an order of their own."""
    sql = "select digest, answer from answer where is_final order by digest"
    con.execute(f"copy ({sql}) to {literal(str(file))} (format parquet, compression zstd)")


def _fill(con: duckdb.DuckDBPyConnection, annotator: Annotator, model: Name) -> None:
    columns = annotator.table.columns
    casts = ", ".join(f'"{column.name}"::{column.type}' for column in columns)
    for rows in batches(con, ROWS):
        found = [_row(annotator, model, row) for row in rows]
        con.register("added", pa.table({column.name: [row.get(column.name) for row in found] for column in columns}))
        con.execute(f"insert into annotated select {casts} from added")
        con.unregister("added")


def _row(annotator: Annotator, model: Name, row: Json) -> Json:
    """Return a row of the table: columns that the query has pass through, those that were read take their place."""
    names = {column.name for column in annotator.table.columns} - {column.name for column in PROVENANCE}
    kept = {name: value for name, value in row.items() if name in names}
    if row["answer"] is None:
        return kept | {"abstain_reason": row["skip_reason"]}
    answer = Answer.of_text(row["answer"])
    said, problem = understood(annotator, row, answer.reply)
    return (
        kept
        | said
        | {
            "model": model.model,
            "revision": model.revision or None,
            "prompt": annotator.prompt.name if annotator.prompt else None,
            "input_digest": row["digest"],
            "engine": answer.reply.engine,
            "attempts": answer.attempts,
            "abstain_reason": problem,
        }
    )
