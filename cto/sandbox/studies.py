"""Studies as lines: how a line of JSON is read into what the index keeps of it, valid or not."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

PIECES: dict[str, tuple[str, ...]] = {
    "NCTId": ("protocolSection", "identificationModule", "nctId"),
    "NCTIdAlias": ("protocolSection", "identificationModule", "nctIdAliases"),
    "OverallStatus": ("protocolSection", "statusModule", "overallStatus"),
    "LastUpdatePostDate": ("protocolSection", "statusModule", "lastUpdatePostDateStruct", "date"),
    "StudyFirstPostDate": ("protocolSection", "statusModule", "studyFirstPostDateStruct", "date"),
    "StudyType": ("protocolSection", "designModule", "studyType"),
    "Phase": ("protocolSection", "designModule", "phases"),
    "HasResults": ("hasResults",),
}
DATE_PIECES = ("LastUpdatePostDate", "StudyFirstPostDate")


class Study(NamedTuple):
    """One line of the data: its id, the values of PIECES by name (only those present) and where its bytes are."""

    nct_id: str
    pieces: Mapping[str, Any]
    offset: int
    length: int
    digest: bytes

    def is_any_of(self, nct_ids: set[str]) -> bool:
        """Tell whether the id or an alias is among those given."""
        return self.nct_id in nct_ids or not nct_ids.isdisjoint(self.pieces.get("NCTIdAlias", ()))

    def words(self, piece: str) -> set[str]:
        """Return the values of a piece in capitals; a missing piece counts as the value NONE."""
        value = self.pieces.get(piece)
        return {str(item).upper() for item in (value if isinstance(value, list) else [value])}

    def date(self, piece: str) -> str:
        """Return a date piece as YYYY-MM-DD, a month counted as its first day, or an empty text when missing."""
        return full_date(str(self.pieces.get(piece, "")))

    def outline(self) -> dict[str, Any]:
        """Return the study cut down to the indexed pieces, in the shape of the API."""
        document: dict[str, Any] = {}
        for piece, value in self.pieces.items():
            *parents, leaf = PIECES[piece]
            node = document
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = value
        return document


def full_date(text: str) -> str:
    """Return a month as its first day, and any other text as it is."""
    return f"{text}-01" if len(text) == len("YYYY-MM") else text


def index_line(line: bytes, offset: int = 0) -> Study:
    """Return what the index keeps of a line; a line that is not JSON is searched for its id and dates."""
    text = line.decode("utf-8", "replace")
    modules = {name: _module(text, name) for name in ("identificationModule", "statusModule", "designModule")}
    document: dict[str, Any] = {"protocolSection": modules, "hasResults": _has_results(text)}
    found = {piece: _descend(document, path) for piece, path in PIECES.items()}
    found["NCTId"] = found["NCTId"] or _search(r'"nctId"\s*:\s*"(NCT\d+)"', text)
    for piece in DATE_PIECES:
        found[piece] = found[piece] or _search(rf'"{PIECES[piece][2]}"\s*:\s*\{{\s*"date"\s*:\s*"([\d-]+)"', text)
    pieces = {piece: value for piece, value in found.items() if _is_plain(value)}
    return Study(str(found["NCTId"] or ""), pieces, offset, len(line), hashlib.sha256(line).digest())


def _module(text: str, name: str) -> Any:
    start = re.search(rf'"{name}"\s*:\s*(?=\{{)', text)
    try:
        return json.JSONDecoder().raw_decode(text, start.end())[0] if start else None
    except (ValueError, RecursionError):
        return None


def _has_results(text: str) -> bool | None:
    last = re.compile(r'"hasResults"\s*:\s*(true|false)').match(text, max(0, text.rfind('"hasResults"')))
    return last[1] == "true" if last else None


def _descend(node: Any, path: Iterable[str]) -> Any:
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _search(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None


def _is_plain(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, str | bool) for item in items)


def as_line(study: object) -> bytes:
    """Return a study as a line: JSON for an object, the bytes of what is a line already."""
    if isinstance(study, bytes):
        return study
    text = study if isinstance(study, str) else json.dumps(study, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def body_lines(body: bytes) -> list[bytes]:
    """Return the studies of a body of JSON lines or one JSON array, gzip or not, each as a line.

    Lines are kept byte for byte, valid or not; raises ValueError, OSError, EOFError or zlib.error for a broken array
    or gzip.
    """
    plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    if plain.lstrip().startswith(b"["):
        return [as_line(study) for study in json.loads(plain)]
    return list(full_lines(plain.split(b"\n")))


def full_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines that are not blank, without their ends."""
    stripped = (line.rstrip(b"\r\n") for line in lines)
    return (line for line in stripped if line.strip())
