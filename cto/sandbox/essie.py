"""Essie, the registry's query language: filter expressions as tests of a study, and lists of field names as paths."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cto.sandbox.studies import DATE_PIECES, PIECES, Study, full_date

MODULES: dict[str, str] = {
    "protocolSection": "identification status sponsorCollaborators oversight description conditions design"
    " armsInterventions outcomes eligibility contactsLocations references ipdSharingStatement",
    "resultsSection": "participantFlow baselineCharacteristics outcomeMeasures adverseEvents moreInfo",
    "annotationSection": "annotation",
    "documentSection": "largeDocument",
    "derivedSection": "miscInfo conditionBrowse interventionBrowse",
}
BRANCHES: set[tuple[str, ...]] = {
    ("hasResults",),
    *((section,) for section in MODULES),
    *((section, f"{name}Module") for section, names in MODULES.items() for name in names.split()),
}
FIELD_NAMES = {path[-1][0].upper() + path[-1][1:]: path for path in BRANCHES} | PIECES

FieldPath = tuple[str, ...]
Test = Callable[[Study], bool]


class BadRequestError(ValueError):
    """A request that the registry refuses with status 400 and this message."""


def parse_expression(text: str) -> Test:
    """Return the test that an Essie expression stands for; raises BadRequestError for what is not supported.

    Supported: AREA[piece] followed by RANGE[from,to], MISSING or a value, joined by AND, OR, NOT and parentheses.
    """
    parser = _ExpressionParser(text)
    test = parser.any_of(parser.area)
    if parser.peek():
        raise BadRequestError(f"Unexpected {parser.peek()!r} in expression: {text}")
    return test


class _ExpressionParser:
    """Reads alternatives of conjunctions of negations; what they are made of (`leaf`) is an area or one's value."""

    _TOKEN = re.compile(r"\s*(AREA\[\w*\]|RANGE\[[^\]]*\]|[()]|[\w-]+)\s*|(.+)", re.DOTALL)
    _RANGE = re.compile(r"RANGE\[\s*(MIN|\d{4}(?:-\d\d){0,2})\s*,\s*(MAX|\d{4}(?:-\d\d){0,2})\s*\]")

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [token or rest for token, rest in reversed(self._TOKEN.findall(text))]

    def any_of(self, leaf: Callable[[], Test]) -> Test:
        tests = [self._all_of(leaf)]
        while self._skip("OR"):
            tests.append(self._all_of(leaf))
        return lambda study: any(test(study) for test in tests)

    def _all_of(self, leaf: Callable[[], Test]) -> Test:
        tests = [self._one(leaf)]
        while self._skip("AND") or self.peek() == "NOT":
            tests.append(self._one(leaf))
        return lambda study: all(test(study) for test in tests)

    def _one(self, leaf: Callable[[], Test]) -> Test:
        if self._skip("NOT"):
            test = self._one(leaf)
            return lambda study: not test(study)
        if not self._skip("("):
            return leaf()
        test = self.any_of(leaf)
        if not self._skip(")"):
            raise BadRequestError(f"Missing ')' in expression: {self._text}")
        return test

    def area(self) -> Test:
        token = self._take()
        piece = token.removeprefix("AREA[").removesuffix("]")
        if not token.startswith("AREA[") or piece not in PIECES:
            raise self._unsupported(token)
        return self._one(lambda: self._value(piece))

    def _value(self, piece: str) -> Test:
        token = self._take()
        if token == "MISSING":  # noqa: S105
            return lambda study: study.pieces.get(piece) in (None, "", [])
        if piece in DATE_PIECES:
            return self._range(piece, token)
        if not re.fullmatch(r"[\w-]+", token) or token in {"AND", "OR", "NOT"}:
            raise self._unsupported(token)
        return lambda study: token.upper() in study.words(piece)

    def _range(self, piece: str, token: str) -> Test:
        bounds = self._RANGE.fullmatch(token)
        if bounds is None:
            raise self._unsupported(token)
        first = "" if bounds[1] == "MIN" else full_date(bounds[1])
        last = "~" if bounds[2] == "MAX" else full_date(bounds[2])
        return lambda study: bool(study.date(piece)) and first <= study.date(piece) <= last

    def peek(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def _take(self) -> str:
        return self._tokens.pop() if self._tokens else ""

    def _skip(self, token: str) -> bool:
        return self.peek() == token and bool(self._take())

    def _unsupported(self, token: str) -> BadRequestError:
        return BadRequestError(f"Unsupported {token!r} in expression: {self._text}")


def listed(text: str) -> list[str]:
    """Return the items of a list separated by bars or commas."""
    return [item.strip() for item in re.split(r"[|,]", text)]


def parse_fields(text: str) -> list[FieldPath]:
    """Return the path of every listed field; raises BadRequestError naming the first that is unknown."""
    return [_field_path(name) for name in listed(text)]


def _field_path(name: str) -> FieldPath:
    path = FIELD_NAMES.get(name, tuple(name.split(".")))
    if path[:2] not in BRANCHES or not all(re.fullmatch(r"[a-zA-Z]\w*", key) for key in path):
        raise BadRequestError(f"Parameter 'fields' contains invalid field name: '{name}'")
    return path


def project(node: Any, paths: list[FieldPath]) -> Any:
    """Return the JSON value cut down to the paths, lists descended into; None when nothing is left."""
    if () in paths:
        return node
    if isinstance(node, list):
        return [kept for kept in (project(item, paths) for item in node) if kept is not None] or None
    if not isinstance(node, dict):
        return None
    wanted = {key: [path[1:] for path in paths if path[0] == key] for key in node}
    kept = {key: project(node[key], below) for key, below in wanted.items() if below}
    return {key: value for key, value in kept.items() if value is not None} or None
