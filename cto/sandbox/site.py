"""What a stand-in for one source is to the server: a site that answers requests."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from cto.sandbox.faults import FaultBoard


@dataclass(frozen=True)
class Request:
    """One call as a site sees it: `path` is what follows the prefix (`root`) under which the site is mounted.

    `raw_query` is the query as it was sent; `headers` has lower-case names.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    root: str = ""
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def form(self) -> dict[str, str]:
        """The fields of the query and of a posted form; of a repeated one the last counts."""
        posted = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True) if self.body else []
        return {**self.query, **dict(posted)}


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
    """A stand-in for one source.

    `source` is the connector's name, `prefix` the path under which it is mounted, and `faults` describes those it knows
    beyond the ones every site shares. A site that no connector reads, such as a model's server, is no source.
    """

    source: str = ""
    is_source: bool = True
    prefix: str = ""
    faults: Mapping[str, str] = {}

    def handle(self, request: Request) -> Response:
        """Answer a call as the source would."""
        raise NotImplementedError

    def variables(self, url: str) -> dict[str, str]:
        """Return what the environment must say, besides its base address, for the source to be found here."""
        return {}

    def control(self, request: Request) -> Response | None:
        """Answer a call below the control prefix, or None when it is not this site's."""
        return None


class WorldSite(Site):
    """A stand-in over the files of a world's folder; a file that is not there leaves it empty."""

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        self._world = world
        self._board = board

    def take(self, *names: str, served: int = 0) -> str | None:
        """Return the first of the site's named faults that is due."""
        return self._board.take(*names, served=served, site=self.source)

    def file(self, name: str) -> Path | None:
        """Return a file of the world, plain or gzipped, or None when the world has none."""
        for found in (name, f"{name}.gz"):
            if self._world and (self._world / found).is_file():
                return self._world / found
        return None

    def lines(self, name: str) -> Iterator[Any]:
        """Yield the JSON values of a file of one a line."""
        path = self.file(name)
        if path:
            with (
                gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file
            ):
                yield from (json.loads(line) for line in file if line.strip())
