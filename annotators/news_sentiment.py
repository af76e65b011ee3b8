"""How headlines about trials sound, by a text classifier, where their words do not tell for certain what happened."""

from __future__ import annotations

import json

from cto.annotate.annotator import PROVENANCE, Annotator, BadAnswerError, Row
from cto.annotate.request import Json, Reply
from cto.schema import Column, Table

MARGIN = 0.2
"""Least lead of the likeliest class over the second; with less a headline counts as neutral."""

CLASSES = ("positive", "negative", "neutral")


def read(_: Row, reply: Reply) -> Json:
    """Return the probabilities and the class that leads them."""
    try:
        scores = {name: float(json.loads(reply.text)[name]) for name in CLASSES}
    except (ValueError, TypeError, KeyError) as error:
        raise BadAnswerError("invalid_json", reply.text[:100]) from error
    if not 0.99 <= sum(scores.values()) <= 1.01:
        raise BadAnswerError("no_probabilities", reply.text[:100])
    first, second = sorted(CLASSES, key=lambda name: -scores[name])[:2]
    leads = round(scores[first] - scores[second], 6) >= MARGIN
    return {**scores, "sentiment": first if leads else "neutral"}


news_sentiment = Annotator(
    name="news_sentiment",
    meaning="How a headline about a trial's result sounds, where its words do not tell the event for certain.",
    table=Table(
        "annot_news_sentiment",
        "One row a headline that is about a trial.",
        ("headline_id",),
        (
            Column("headline_id", "VARCHAR", "Digest of the headline's words and first day.", required=True),
            Column(
                "event",
                "VARCHAR",
                "What its words say for certain, 'other' when they are about no such event; null when they may be.",
                values=("endpoint_met", "endpoint_missed", "halted", "approved", "refused", "other"),
            ),
            *(Column(name, "DOUBLE", f"Probability that it sounds {name}.") for name in CLASSES),
            Column(
                "sentiment",
                "VARCHAR",
                f"The likeliest of the three, 'neutral' where its lead is below {MARGIN}.",
                values=CLASSES,
            ),
            *PROVENANCE,
        ),
    ),
    sql="""
    select
        headline_id,
        headline as text,
        headline_event(words) as event,
        case
            when event <> 'other' then 'event_is_certain'
            when not tells_result or headline_speculates(words) then 'tells_no_result'
        end as skip_reason
    from core_headline
    where headline_id in (select headline_id from core_trial_headline)
    """,
    reads_with="sentiment",
    read=read,
)
