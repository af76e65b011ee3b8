"""What trials say of themselves, as vectors: titles and summaries of those that phase linkage compares."""

from __future__ import annotations

import json
import math

from cto.annotate.annotator import PROVENANCE, Annotator, BadAnswerError, Row
from cto.annotate.request import Json, Reply
from cto.schema import Column, Table
from warehouse.columns import NCT_ID


def _read(row: Row, reply: Reply) -> Json:
    """Return the vector of an answer, a JSON list of numbers."""
    try:
        vector = json.loads(reply.text)
    except json.JSONDecodeError as error:
        raise BadAnswerError("invalid_json", str(error)) from error
    if not isinstance(vector, list) or not all(type(x) in (int, float) and math.isfinite(x) for x in vector):
        raise BadAnswerError("no_vector", "a list of numbers is wanted")
    if not any(vector):
        raise BadAnswerError("no_vector", "it has no direction")
    return {"vector": vector}


text_embedding = Annotator(
    name="text_embedding",
    meaning="Turns titles and summaries of trials that phase linkage compares into vectors.",
    table=Table(
        "annot_text_embedding",
        "One row a title or summary of a trial that phase linkage compares with another.",
        ("nct_id", "text_kind"),
        (
            NCT_ID,
            Column("text_kind", "VARCHAR", "Which text it is.", required=True, values=("title", "summary")),
            Column("vector", "FLOAT[]", "Its direction in the model's space; null when it was not read."),
            *PROVENANCE,
        ),
    ),
    sql="""
    select
        nct_id,
        text_kind,
        trim(text) as text,
        case when coalesce(trim(text), '') = '' then 'no_text' end as skip_reason
    from (
        select nct_id, 'title' as text_kind, concat_ws('. ', brief_title, official_title) as text from core_study
        union all
        select nct_id, 'summary', brief_summary from core_summary
    )
    where nct_id in (select nct_id from annot_phase_candidate union all select later_nct_id from annot_phase_candidate)
    """,
    reads_with="embedding",
    read=_read,
)
