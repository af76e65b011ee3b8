"""Many small answers as one stored page: one JSON line each, with what it answers, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cto.http import BadBodyError


class Answer(NamedTuple):
    """One answer of a source: what it is about, of which kind, and its bytes."""

    subject: str
    kind: str
    body: bytes


def pack(answers: Iterable[Answer]) -> bytes:
    """Return the answers as one body.

    >>> list(unpack(pack([Answer("aspirin", "names", b"{}")])))
    [Answer(subject='aspirin', kind='names', body=b'{}')]
    """
    lines = (json.dumps([a.subject, a.kind, a.body.decode("latin-1")], ensure_ascii=False) for a in answers)
    return "".join(line + "\n" for line in lines).encode()


def unpack(body: bytes) -> Iterator[Answer]:
    """Yield the answers of a bundle in their order; :class:`BadBodyError` when it is none."""
    for line in body.splitlines():
        try:
            subject, kind, text = json.loads(line)
            answer = Answer(subject, kind, text.encode("latin-1"))
        except (ValueError, TypeError, AttributeError) as error:
            raise BadBodyError(f"not a bundle of answers: {line[:80]!r}") from error
        yield answer
