"""How sure a model was of a field: every way in which tokens may cut the beginning of a value."""

from __future__ import annotations

import pytest

from cto.annotate.choices import Token, alternatives

TEXT = '{"quote": "P<0.01", "met": "yes"}'


def tokens(*before: str, at: dict[str, float], after: tuple[str, ...] = ('"}',)) -> list[Token]:
    """Return an answer's tokens, of which the likeliest at ``at`` was taken."""
    own = max(at, key=lambda text: at[text])
    return [*(Token(text, {text: 1.0}) for text in before), Token(own, at), *(Token(text, {}) for text in after)]


HEAD = ('{"', "quote", '": "', "P<0.01", '", "', "met", '"')


@pytest.mark.parametrize(
    ("before", "at", "after", "expected"),
    [
        ((*HEAD, ': "'), {"yes": 0.75, "no": 0.25}, ('"}',), {"yes": 0.75, "no": 0.25}),
        ((*HEAD, ":"), {' "yes': 0.75, ' "no': 0.25}, ('"}',), {"yes": 0.75, "no": 0.25}),
        ((*HEAD, ": "), {'"y': 0.75, '"n': 0.25}, ("es", '"}'), {"y": 0.75, "n": 0.25}),
        ((*HEAD, ": "), {'"yes"': 0.75, '"no"': 0.25}, ("}",), {"yes": 0.75, "no": 0.25}),
        (HEAD, {': "yes"}': 0.75, ': "mixed"}': 0.25}, (), {"yes": 0.75, "mixed": 0.25}),
        ((*HEAD, ":"), {' "yes': 0.5, '"Yes': 0.25, '\n"no': 0.25}, ('"}',), {"yes": 0.75, "no": 0.25}),
        ((*HEAD, ': "'), {"yes": 0.5, "YES": 0.125, " no": 0.25}, ('"}',), {"yes": 0.625, "no": 0.25}),
        ((*HEAD, ":"), {' "yes': 0.75, " ": 0.125, ' "': 0.0625, "\n": 0.0625}, ('"}',), {"yes": 0.75}),
        ((*HEAD, ': "'), {"yes": 0.75, '"': 0.25}, ('"}',), {"yes": 0.75}),
    ],
)
def test_alternatives_are_told_however_the_value_begins_in_a_token(
    before: tuple[str, ...], at: dict[str, float], after: tuple[str, ...], expected: dict[str, float]
) -> None:
    assert alternatives(TEXT, tokens(*before, at=at, after=after), "met") == expected


def test_white_space_that_a_server_strips_from_the_answer_makes_no_difference() -> None:
    told = tokens("\n\n", '{"met":', at={' "yes': 0.75, ' "no': 0.25}, after=('"', "}", "\n", "<|end|>"))
    assert alternatives('{"met": "yes"}', told, "met") == {"yes": 0.75, "no": 0.25}


def test_pieces_of_characters_before_the_value_make_no_difference() -> None:
    text = '{"quote": "−0.9 (P=0.04)", "met": "no"}'
    pieces = ('{"quote": "', "bytes:\\xe2\\x88", "bytes:\\x92", "0.9 (P=0.04)", '", "met": "')
    assert alternatives(text, tokens(*pieces, at={"no": 0.75, "yes": 0.25}), "met") == {"no": 0.75, "yes": 0.25}


def test_a_field_that_is_named_in_another_value_is_not_mistaken_for_it() -> None:
    text = '{"quote": "say \\"met\\": \\"no\\"", "met": "yes"}'
    told = tokens('{"quote": "say \\"met\\": \\"no\\"",', ' "met": "', at={"yes": 0.75, "no": 0.25})
    assert alternatives(text, told, "met") == {"yes": 0.75, "no": 0.25}


def test_what_a_model_thought_before_its_answer_is_passed_over() -> None:
    told = tokens('<think>{"met": "yes"}?</think>', '{"met": "', at={"yes": 0.75, "no": 0.25})
    assert alternatives('{"met": "yes"}', told, "met") == {"yes": 0.75, "no": 0.25}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEXT, []),
        ("", tokens(*HEAD, ': "', at={"yes": 1.0})),
        ("not JSON", tokens("not JSON", at={"yes": 1.0})),
        ('{"met": true}', tokens('{"met": ', at={"true": 1.0}, after=("}",))),
        ('{"met": ""}', tokens('{"met": "', at={'"': 1.0}, after=("}",))),
        ('{"met": "yes", "met": "no"}', tokens('{"met": "yes", "met": "', at={"no": 1.0})),
        (TEXT, tokens(*HEAD, ': "', at={"no": 1.0})),
        (TEXT, tokens(*HEAD[:-2], at={"other": 1.0})),
    ],
)
def test_nothing_is_told_where_the_value_cannot_be_found(text: str, told: list[Token]) -> None:
    assert alternatives(text, told, "met") == {}
