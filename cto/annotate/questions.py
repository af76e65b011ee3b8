"""What an annotator asks: the rows it reads as a table, the question about each, and what is answered already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from cto.annotate.annotator import Annotator, BadAnswerError, Row
from cto.annotate.answers import Answer, Answers
from cto.annotate.models import Name
from cto.annotate.request import Json, Reply, Request
from cto.schema import parquet

AT_ONCE = 2_000
ATTEMPTS = 2
"""How often a question is put whose answer cannot be used, before its row abstains."""


def open_questions(con: duckdb.DuckDBPyConnection, annotator: Annotator, model: Name) -> None:
    """Make tables ``input``, the rows that the annotator reads, and ``question`` (``position, digest``).

    Args:
        con: a database with the tables that the annotator's query reads.
        annotator: whose.
        model: which model is asked.

    """
    position = f"row_number() over (order by {annotator.table.order()}) as position"
    con.execute(f"create or replace table input as select *, {position} from ({annotator.sql}\n)")
    con.execute("create or replace table question (position bigint, digest varchar)")
    for rows in batches(con, "select * from input where skip_reason is null order by position"):
        found = [(row["position"], request(annotator, model, row).digest) for row in rows]
        _insert(con, "question", found)


def open_answers(con: duckdb.DuckDBPyConnection, annotator: Annotator, answers: Answers) -> None:
    """Make table ``answer`` (``digest, answer, attempts, is_final``): what is known of table ``question``.

    An answer that cannot be used is not final until the question was put for the last time.
    """
    con.execute("create or replace table answer (digest varchar, answer varchar, attempts integer, is_final boolean)")
    packed = answers.packed()
    if packed:
        known = f"select i.*, q.digest, k.answer from {ASKED_BY} join {parquet(packed)} k on q.digest = k.digest"
        for rows in batches(con, known):
            found = (_known(annotator, row, Answer.of_text(row["answer"])) for row in rows)
            _insert(con, "answer", [row for row in found if row[-1]])  # of another a newer one may have come since
    for rows in batches(con, f"select i.*, q.digest from {ASKED_BY} anti join answer a on q.digest = a.digest"):
        kept = ((row, answers.get(row["digest"])) for row in rows)
        _insert(con, "answer", [_known(annotator, row, answer) for row, answer in kept if answer])


ASKED_BY = """input i join (
    select digest, min(position) as position from question group by digest
) q on i.position = q.position"""
"""The first row that asks a question, and the question's digest."""


def _known(annotator: Annotator, row: Row, answer: Answer) -> tuple[str, str, int, bool]:
    return row["digest"], answer.to_text(), answer.attempts, is_final(annotator, row, answer)


def is_final(annotator: Annotator, row: Row, answer: Answer) -> bool:
    """Return whether an answer stands: it can be used, or asking again would not help."""
    _, problem = understood(annotator, row, answer.reply)
    return problem in (None, "refused") or answer.attempts >= ATTEMPTS


def request(annotator: Annotator, model: Name, row: Row, attempt: int = 0) -> Request:
    """Return the question about a row."""
    prompt = annotator.prompt
    return Request(
        model=model.model,
        revision=model.revision,
        prompt=prompt.name if prompt else "",
        system=prompt.system if prompt else "",
        user=prompt.user(row) if prompt else str(row[annotator.text]),
        schema=annotator.schema,
        choices=annotator.choices,
        max_tokens=annotator.max_tokens,
        attempt=attempt,
    )


def understood(annotator: Annotator, row: Row, reply: Reply) -> tuple[Json, str | None]:
    """Return what an answer says of a row, and None; or nothing, and why it cannot be used."""
    assert annotator.read is not None
    if reply.refusal:
        return {}, "refused"
    if reply.finish_reason == "length":
        return {}, "cut"
    try:
        return annotator.read(row, reply), None
    except BadAnswerError as error:
        return {}, error.reason


def open_due(con: duckdb.DuckDBPyConnection, shard: int = 0, shards: int = 1) -> int:
    """Make table ``due`` (``position, attempt``): the questions of a shard to be put, each once; return how many."""
    con.execute(
        f"""
        create or replace table due as
        select i.position, coalesce(a.attempts, 0) as attempt
        from {ASKED_BY} left join answer a on q.digest = a.digest
        where not coalesce(a.is_final, false) and ('0x' || q.digest[:8])::uinteger % $1 = $2
        """,
        [shards, shard],
    )
    row = con.execute("select count(*) from due").fetchone()
    assert row is not None
    return int(row[0])


def due(con: duckdb.DuckDBPyConnection, annotator: Annotator, model: Name) -> Iterator[tuple[Row, Request]]:
    """Yield the rows of table ``due`` with their questions."""
    sql = "select i.*, d.attempt from input i join due d on i.position = d.position order by i.position"
    for rows in batches(con, sql):
        for row in rows:
            yield row, request(annotator, model, row, row["attempt"])


def batches(con: duckdb.DuckDBPyConnection, sql: str, values: list[Any] | None = None) -> Iterator[list[Json]]:
    """Yield a query's rows, some at a time, over a cursor of its own, so that other statements may run meanwhile."""
    with con.cursor() as cursor:
        found = cursor.execute(sql, values)
        names = [column[0] for column in found.description]
        while rows := found.fetchmany(AT_ONCE):
            yield [dict(zip(names, row, strict=True)) for row in rows]


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        con.register("added", pa.table({f"c{i}": list(column) for i, column in enumerate(zip(*rows, strict=True))}))
        con.execute(f"insert into {table} select * from added")
        con.unregister("added")
