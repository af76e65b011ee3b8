"""What a stand-in for one source is to the server: a site that answers requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Request:
    """One call as a site sees it: `path` is what follows the prefix (`root`) under which the site is mounted."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    root: str = ""


@dataclass(frozen=True)
class Response:
    """One answer; `n_records` counts the records of a page of them and is None for every other answer.

    Only pages of records are damaged by faults. `delivery` is the server's: a "reset" sends half of the body and
    resets the connection, an "endless" body never finishes.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    n_records: int | None = None
    delivery: Literal["whole", "reset", "endless"] = "whole"


def text_response(status: int, message: str) -> Response:
    """Return a plain text answer."""
    return Response(status, message.encode())


def json_response(document: object) -> Response:
    """Return a JSON answer."""
    return Response(200, json.dumps(document).encode(), "application/json")


class Site:
    """A stand-in for one source; `faults` describes those it knows beyond the ones every site shares."""

    faults: Mapping[str, str] = {}

    def handle(self, request: Request) -> Response:
        """Answer a call as the source would."""
        raise NotImplementedError

    def control(self, request: Request) -> Response | None:
        """Answer a call below the control prefix, or None when it is not this site's."""
        return None
