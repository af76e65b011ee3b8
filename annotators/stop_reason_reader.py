"""Why a trial was stopped, read in texts that the rules do not understand."""

from __future__ import annotations

from annotators._answers import read_object
from annotators._quotes import find_quote
from cto.annotate.annotator import PROVENANCE, Annotator, BadAnswerError, Row, prompt
from cto.annotate.request import Json, Reply
from cto.schema import Column, Table
from warehouse.columns import NCT_ID

REASONS = ("efficacy", "safety", "accrual", "benefit", "other")
CONFIDENCES = ("low", "medium", "high")

SCHEMA: Json = {
    "type": "object",
    "properties": {
        "quote": {"type": "string", "minLength": 3, "maxLength": 300},
        "reason": {"type": "string", "enum": list(REASONS)},
        "confidence": {"type": "string", "enum": list(CONFIDENCES)},
    },
    "required": ["quote", "reason", "confidence"],
    "additionalProperties": False,
}

TABLE = Table(
    "annot_stop_reason_reader",
    "One row a stopped trial whose stated reason the rules do not understand: what a model read in it.",
    ("nct_id",),
    (
        NCT_ID,
        Column(
            "reason",
            "VARCHAR",
            "What the text states: lack of efficacy, harm, too few participants, early benefit, or anything else.",
            values=REASONS,
        ),
        Column("quote", "VARCHAR", "The words that it rests on, verbatim from the text."),
        Column("confidence", "VARCHAR", "How sure the model calls itself.", values=CONFIDENCES),
        *PROVENANCE,
    ),
)

SQL = """
select
    s.nct_id,
    lower(s.overall_status) as status,
    trim(s.why_stopped) as text,
    case when length(trim(s.why_stopped)) > 2000 then 'text_too_long' end as skip_reason
from core_study s join core_stop_reason r on s.nct_id = r.nct_id
where s.study_type = 'INTERVENTIONAL'
    and s.overall_status in ('TERMINATED', 'WITHDRAWN', 'SUSPENDED')
    and r.reason in ('other', 'none')
    and len(regexp_extract_all(s.why_stopped, '\\pL+')) >= 3
order by s.nct_id
"""


def read(row: Row, reply: Reply) -> Json:
    """Return what the answer says, its quote in the text's own characters.

    Raises:
        BadAnswerError: the answer is cut, breaks the schema or quotes what is not there.

    """
    answer = read_object(reply, SCHEMA)
    quote = find_quote(row["text"], answer["quote"])
    if quote is None:
        raise BadAnswerError("quote_not_in_text", answer["quote"])
    return answer | {"quote": quote}


stop_reason_reader = Annotator(
    name="stop_reason_reader",
    meaning="Reads why a trial was stopped where the rules do not understand the text.",
    table=TABLE,
    sql=SQL,
    reads_with="llm",
    prompt=prompt("stop_reason_reader.v1"),
    schema=SCHEMA,
    max_tokens=200,
    read=read,
)
