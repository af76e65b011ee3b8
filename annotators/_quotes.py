"""Finds what a model quotes in the text that it read, so that a quote is always the text's own words."""

from __future__ import annotations

import re
import unicodedata

MARKS = {
    **dict.fromkeys("‘’‚‛′`´“”„‟″«»", '"'),
    "'": '"',
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "·": ".",
}
"""Marks that models write in one way for all; every one is folded to one character."""


def find_quote(text: str, quote: str) -> str | None:
    """Return the stretch of ``text`` that ``quote`` repeats, in the text's own characters; None when it has none.

    Case, white space, and the forms of quotation marks, dashes and compatible characters make no difference.

    >>> find_quote("Survival was  longer (P\u2009=\u20090·01) with “A”.", 'survival was longer (P = 0.01) with "A".')
    'Survival was  longer (P\u2009=\u20090·01) with “A”.'
    >>> find_quote("Survival was longer.", "Survival was shorter.") is None
    True
    """
    folded, origins = _folded(text)
    wanted, _ = _folded(quote)
    at = folded.find(wanted)
    if not wanted or at < 0:
        return None
    return text[origins[at] : origins[at + len(wanted) - 1] + 1]


def _folded(text: str) -> tuple[str, list[int]]:
    """Return the text without what makes no difference, and of each of its characters where it stood."""
    characters: list[str] = []
    origins: list[int] = []
    for position, character in enumerate(text):
        for plain in unicodedata.normalize("NFKC", MARKS.get(character, character)).casefold():
            if not re.match(r"\s", plain):
                characters.append(MARKS.get(plain, plain))
                origins.append(position)
    return "".join(characters), origins
