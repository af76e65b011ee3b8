"""What the result papers of a trial say about its primary endpoint."""

from __future__ import annotations

from annotators._answers import read_object
from annotators._quotes import find_quote
from cto.annotate.annotator import PROVENANCE, Annotator, BadAnswerError, Row, prompt
from cto.annotate.request import Json, Reply
from cto.schema import Column, Table
from warehouse.columns import NCT_ID

VERDICTS = {"yes": "met", "no": "not_met", "mixed": "mixed", "unclear": "not_reported"}
"""What is stored for an answer. The answers begin with different letters, so that the first token tells them apart."""
DIRECTIONS = ("experimental", "control", "neither", "unclear")
CONFIDENCES = ("low", "medium", "high")
LONGEST_QUOTE = 600

SCHEMA: Json = {
    "type": "object",
    "properties": {
        "nct_id": {"type": "string", "minLength": 1, "maxLength": 16},
        "is_about_trial": {"type": "boolean"},
        "quote": {"type": "string", "minLength": 10, "maxLength": LONGEST_QUOTE},
        "direction": {"type": "string", "enum": list(DIRECTIONS)},
        "primary_endpoint": {"type": "string", "enum": list(VERDICTS)},
        "safety_stop": {"type": "boolean"},
        "confidence": {"type": "string", "enum": list(CONFIDENCES)},
    },
    "required": [
        "nct_id",
        "is_about_trial",
        "quote",
        "direction",
        "primary_endpoint",
        "safety_stop",
        "confidence",
    ],
    "additionalProperties": False,
}
"""The fields are answered in this order: each follows from those before it, so the verdict comes after its quote."""

TABLE = Table(
    "annot_pubmed_verdict",
    "One row a trial and one of its two most relevant result papers: what a model read in the paper's abstract.",
    ("nct_id", "pmid"),
    (
        NCT_ID,
        Column("pmid", "VARCHAR", "PubMed identifier of the paper.", required=True),
        Column("is_about_trial", "BOOLEAN", "The paper gives results of this trial."),
        Column(
            "primary_endpoint",
            "VARCHAR",
            "What the abstract says of the primary endpoint: the groups differ significantly or the aim was reached; "
            "they do not; some of several endpoints; nothing.",
            values=tuple(VERDICTS.values()),
        ),
        Column(
            "p_met",
            "DOUBLE",
            "Probability that the model gives to met, of met and not met together; null when its server tells none.",
        ),
        Column("direction", "VARCHAR", "Whom the result favours.", values=DIRECTIONS),
        Column("is_safety_stop", "BOOLEAN", "The abstract says that the trial was stopped early because of harm."),
        Column("quote", "VARCHAR", "The sentence that it rests on, verbatim from the abstract."),
        Column("confidence", "VARCHAR", "How sure the model calls itself.", values=CONFIDENCES),
        *PROVENANCE,
    ),
)

SQL = """
with paper as (
    select nct_id, pmid
    from core_trial_publication join core_study using (nct_id)
    where is_result_paper and result_rank <= 2 and study_type = 'INTERVENTIONAL'
),
arm as (
    select
        nct_id,
        string_agg(lower(coalesce(arm_type, 'arm')) || ': ' || left(arm_label, 120), '; ' order by arm_index) as arms
    from core_arm semi join paper using (nct_id)
    where arm_index <= 8
    group by nct_id
),
intervention as (
    select
        nct_id,
        string_agg(left(intervention_name, 120), '; ' order by intervention_index)
            filter (role = 'experimental') as tested,
        string_agg(left(intervention_name, 120), '; ' order by intervention_index)
            filter (role in ('comparator', 'placebo')) as compared
    from core_intervention semi join paper using (nct_id)
    where intervention_index <= 12
    group by nct_id
),
outcome as (
    select nct_id, string_agg(left(measure, 200), '; ' order by outcome_index) as measures
    from core_registered_outcome semi join paper using (nct_id)
    where outcome_type = 'PRIMARY' and outcome_index <= 6
    group by nct_id
)
select
    p.nct_id,
    p.pmid,
    concat_ws(chr(10),
        'Title: ' || left(coalesce(s.official_title, s.brief_title), 300),
        'Tested: ' || left(i.tested, 400),
        'Compared with: ' || left(i.compared, 300),
        'Arms: ' || left(a.arms, 600),
        'Primary outcomes: ' || left(o.measures, 900)) as trial,
    concat_ws(chr(10), 'Title: ' || c.title, b.abstract) as paper,
    b.abstract,
    case
        when b.abstract is null then 'no_abstract'
        when length(b.abstract) > 20000 then 'abstract_too_long'
    end as skip_reason
from paper p
join core_study s on p.nct_id = s.nct_id
join core_publication c on p.pmid = c.pmid
left join core_abstract b on p.pmid = b.pmid
left join arm a on p.nct_id = a.nct_id
left join intervention i on p.nct_id = i.nct_id
left join outcome o on p.nct_id = o.nct_id
order by p.nct_id, p.pmid
"""


def read(row: Row, reply: Reply) -> Json:
    """Return what the answer says, its quote in the abstract's own characters.

    Raises:
        BadAnswerError: the answer is cut, breaks the schema, is about another trial or quotes what is not there.

    """
    answer = read_object(reply, SCHEMA)
    if answer["nct_id"].strip().upper() != row["nct_id"]:
        raise BadAnswerError("other_trial", answer["nct_id"])
    quote = find_quote(row["abstract"], answer["quote"])
    if quote is None:
        raise BadAnswerError("quote_not_in_abstract", answer["quote"])
    return {
        "is_about_trial": answer["is_about_trial"],
        "primary_endpoint": VERDICTS[answer["primary_endpoint"]],
        "p_met": p_met(reply),
        "direction": answer["direction"],
        "is_safety_stop": answer["safety_stop"],
        "quote": quote,
        "confidence": answer["confidence"],
    }


def p_met(reply: Reply) -> float | None:
    """Return the probability of ``yes`` where the answer is ``yes`` or ``no``; None when the engine told neither.

    A token may be a piece of a word: whatever begins it counts for it.
    """
    told = reply.choices.get("primary_endpoint", {})
    yes, no = (sum(p for piece, p in told.items() if piece and word.startswith(piece)) for word in ("yes", "no"))
    return yes / (yes + no) if yes + no > 0 else None


pubmed_verdict = Annotator(
    name="pubmed_verdict",
    meaning="Reads the abstracts of a trial's result papers: was the primary endpoint met?",
    table=TABLE,
    sql=SQL,
    reads_with="llm",
    prompt=prompt("pubmed_verdict.v2"),
    schema=SCHEMA,
    choices=("direction", "primary_endpoint"),
    max_tokens=400,
    read=read,
)
