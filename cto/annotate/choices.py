"""How sure a model was of a field of its answer: the alternatives it had where the field's value begins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer, and with which probability each alternative would have stood there, itself included."""

    text: str
    alternatives: Mapping[str, float]


def alternatives(text: str, tokens: Sequence[Token], field: str) -> dict[str, float]:
    """Return the beginnings that the value of a field could have had, in lower case, with their probabilities.

    A beginning is what one token covers of the value, so that ``not`` may stand for ``not_met``. Alternatives that do
    not reach the value, such as a line break before it, are left out: the probabilities need not add up to 1. Empty
    when the value is no string, stands in ``text`` not once or otherwise than in the tokens.

    >>> alternatives('{"a": "yes"}', [Token('{"a":', {}), Token(' "yes', {' "yes': 0.75, '"No"': 0.25})], "a")
    {'yes': 0.75, 'no': 0.25}
    """
    values = list(_values(text, field))
    spoken = list(_values("".join(token.text for token in tokens), field))
    if len(values) != 1 or not spoken or spoken[-1][1] != values[0][1]:
        return {}
    start = spoken[-1][0]  # the last, as a model may have thought aloud before its answer
    for token in tokens:
        if start < len(token.text):
            return _beginnings(token, start)
        start -= len(token.text)
    return {}


def _values(text: str, field: str) -> list[tuple[int, str]]:
    """Return where the string values of a field start, and the values."""
    found = re.finditer(rf'"{re.escape(field)}"\s*:\s*"([^"\\]*)', text)
    return [(match.start(1), match[1]) for match in found]


def _beginnings(token: Token, start: int) -> dict[str, float]:
    """Sum the alternatives by what they hold from ``start`` on; before it they may differ in white space only."""
    before = re.compile(r"\s*".join(["", *(re.escape(mark) for mark in token.text[:start] if not mark.isspace())]))
    found: dict[str, float] = {}
    for alternative, probability in token.alternatives.items():
        lead = before.match(alternative)
        piece = alternative[lead.end() :].split('"')[0].strip().lower() if lead else ""
        if piece:
            found[piece] = found.get(piece, 0.0) + probability
    return found
