"""A stand-in for openFDA: the applications of ``drugs_at_fda.jsonl`` and the letters of ``letters.jsonl``."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, json_response, text_response

Json = dict[str, Any]

MOST_LIMIT = 1000
FIRST_UPDATE = date(2026, 10, 30)
APPLICATIONS = "/drug/drugsfda.json"
LETTERS = "/transparency/crl.json"
DAYS = r"submissions\.submission_status_date:\[(\d{8}) TO (\d{8})\]"


class DrugsAtFdaSite(WorldSite):
    """Answers pages of records with their count; what it finds nothing for is answered 404, as openFDA does.

    `key` is the key that it knows; a client that sends another is refused. `most_skipped` is how far it pages. Every
    change of what it holds moves `last_updated` a day on.
    """

    source = "drugs_at_fda"
    prefix = "/openfda"
    faults: Mapping[str, str] = {
        "over_rate_limit": "Any request to openFDA is answered 429 OVER_RATE_LIMIT.",
        "record_lost": "A page of openFDA lacks its last record, though the count includes it.",
        "endpoint_gone": "Any address of openFDA is answered 404 in plain text.",
    }

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        self.key = ""
        self.most_skipped = 25_000
        self.last_updated = FIRST_UPDATE
        self.applications: dict[str, Json] = {}
        self.letters: dict[str, Json] = {}
        self.add(self.lines("drugs_at_fda.jsonl"), self.lines("letters.jsonl"))
        self.last_updated = FIRST_UPDATE

    def add(self, applications: Iterable[Json] = (), letters: Iterable[Json] = ()) -> None:
        """Add or replace applications and letters."""
        self.applications.update((str(record.get("application_number")), record) for record in applications)
        self.letters.update((str(record.get("file_name")), record) for record in letters)
        self.last_updated += timedelta(days=1)

    def handle(self, request: Request) -> Response:
        """Answer a call of the API."""
        if request.method != "GET" or request.path not in (APPLICATIONS, LETTERS) or self.take("endpoint_gone"):
            return text_response(404, "Cannot GET this address")
        if self.take("over_rate_limit"):
            return _error(429, "OVER_RATE_LIMIT", "You have exceeded your rate limit. Try again later.")
        if self.key and _user(request) not in ("", self.key):
            return _error(403, "API_KEY_INVALID", "An invalid API key was supplied.")
        return self._answer(request.path, dict(part.partition("=")[::2] for part in request.raw_query.split("&")))

    def _answer(self, path: str, query: dict[str, str]) -> Response:
        """Answer a query as it was sent: its values are not decoded yet."""
        limit, skip, search = query.pop("limit", "1"), query.pop("skip", "0"), unquote_plus(query.pop("search", ""))
        if query or not limit.isdecimal() or not skip.isdecimal():
            return _error(400, "BAD_REQUEST", f"Parameters that this stand-in does not know: {limit} {skip} {query}")
        if int(limit) > MOST_LIMIT:
            return _error(403, "API_KEY_MISSING", "An API key is required.")
        if int(skip) > self.most_skipped:
            return _error(400, "BAD_REQUEST", f"Skip value must {self.most_skipped} or less.")
        records = self._found(path, search)
        if records is None:
            return _error(400, "BAD_REQUEST", f"A search that this stand-in does not know: {search}")
        return self._page(records, int(skip), int(limit))

    def _found(self, path: str, search: str) -> list[Json] | None:
        """Return what a search finds, or None for one of another form."""
        if not search:
            return list((self.applications if path == APPLICATIONS else self.letters).values())
        days = re.fullmatch(DAYS, search)
        if path == LETTERS or not days:
            return [] if "+" in search else None  # an encoded plus sign is a word that no record holds
        first, last = days.groups()
        return [record for record in self.applications.values() if _has_submission(record, first, last)]

    def _page(self, records: list[Json], skip: int, limit: int) -> Response:
        shown = records[skip : skip + limit]
        if not shown:
            return _error(404, "NOT_FOUND", "No matches found!")
        if self.take("record_lost"):
            shown = shown[:-1]
        counts = {"skip": skip, "limit": limit, "total": len(records)}
        meta = {"disclaimer": "FICTIONAL.", "last_updated": str(self.last_updated), "results": counts}
        return replace(json_response({"meta": meta, "results": shown}), n_records=len(shown))


def _has_submission(record: Json, first: str, last: str) -> bool:
    days = (str(submission.get("submission_status_date", "")) for submission in record.get("submissions") or [])
    return any(first <= day <= last for day in days)


def _error(status: int, code: str, message: str) -> Response:
    return replace(json_response({"error": {"code": code, "message": message}}), status=status)


def _user(request: Request) -> str:
    """Return the user name that a client sends along."""
    sent = request.headers.get("authorization", "").removeprefix("Basic ")
    return base64.b64decode(sent).decode().partition(":")[0]


SITE = DrugsAtFdaSite
