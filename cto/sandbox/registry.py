"""A stand-in for the ClinicalTrials.gov API, version 2, over any studies, with the faults in force on a board."""

import base64
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from cto.sandbox.essie import BadRequestError, FieldPath, parse_fields, project
from cto.sandbox.faults import FaultBoard
from cto.sandbox.parameters import (
    LIST_PARAMETERS,
    PAGING_PARAMETERS,
    STUDY_PARAMETERS,
    check_parameters,
    choice,
    page_size,
    parse_nct_id,
)
from cto.sandbox.site import Request, Response, Site, json_response, text_response
from cto.sandbox.store import Catalog, StudyStore
from cto.sandbox.studies import PIECES, Study, as_line, body_lines

API_PREFIX = "/api/v2"
API_VERSION = "2.0.5"
REGISTRY_FAULTS: dict[str, str] = {
    "refresh_mid_crawl": "Right after `after` pages of studies the data version changes, so the next token is refused.",
    "study_vanishes": "Right after `after` pages of studies the study with the last id disappears.",
    "bad_token": "A page token is refused although it is valid.",
    "token_on_full_last_page": "A last page that is exactly full carries a token that leads to an empty page.",
}


class RegistrySite(Site):
    """Answers as the registry would, from a store of studies."""

    source = "clinicaltrials_gov"
    prefix = API_PREFIX
    faults = REGISTRY_FAULTS

    def __init__(self, store: StudyStore, board: FaultBoard) -> None:
        self._store = store
        self._board = board

    def handle(self, request: Request) -> Response:
        """Answer a call of the API."""
        if request.method != "GET":
            return text_response(405, "Method not allowed")
        try:
            return self._route(request)
        except BadRequestError as error:
            return text_response(400, str(error))

    def _route(self, request: Request) -> Response:
        match request.path.split("/")[1:]:
            case ["version"]:
                return self._version(request)
            case ["studies"]:
                return self._page(request)
            case ["stats", "size"]:
                return self._sizes(request)
            case ["studies", name] if name not in {"metadata", "search-areas", "enums"}:
                return self._study(request, parse_nct_id(name))
            case _:
                return text_response(404, "Not found")

    def _version(self, request: Request) -> Response:
        check_parameters(request.query, ())
        self._store.reload_if_replaced()
        return json_response({"apiVersion": API_VERSION, "dataTimestamp": self._store.catalog.timestamp})

    def _page(self, request: Request) -> Response:
        query = request.query
        check_parameters(query, LIST_PARAMETERS)
        size, choose = page_size(query), choice(query)
        paths = parse_fields(query["fields"]) if "fields" in query else None
        if "pageToken" not in query:
            self._store.reload_if_replaced()
        catalog = self._store.catalog
        key = json.dumps(sorted((name, text) for name, text in query.items() if name not in PAGING_PARAMETERS))
        start = self._start(query, catalog, key)
        chosen = catalog.select(key, choose)
        records = [_record(catalog, study, paths) for study in chosen[start : start + size]]
        is_counted = not start and query.get("countTotal", "").lower() == "true"
        body = b'{%s"studies":[%s]%s}' % (
            b'"totalCount":%d,' % len(chosen) if is_counted else b"",
            b",\n".join(records),
            self._next_token(catalog, key, start + size, len(chosen)),
        )
        self._disturb()
        return Response(200, body, "application/json", n_records=len(records))

    def _start(self, query: Mapping[str, str], catalog: Catalog, key: str) -> int:
        if "pageToken" not in query:
            return 0
        start = _position(query["pageToken"])
        if query["pageToken"] != _token(catalog, key, start) or self._board.take("bad_token", site=self.source):
            raise BadRequestError("Parameter 'pageToken' has an invalid value")
        return start

    def _next_token(self, catalog: Catalog, key: str, end: int, total: int) -> bytes:
        is_last = end >= total and not (end == total and self._board.take("token_on_full_last_page", site=self.source))
        return b"" if is_last else b',"nextPageToken":"%s"' % _token(catalog, key, end).encode()

    def _disturb(self) -> None:
        if self._board.take("refresh_mid_crawl", served=1, site=self.source):
            self._store.force_refresh()
        if self._board.take("study_vanishes", served=1, site=self.source):
            self._store.remove_last()

    def _sizes(self, request: Request) -> Response:
        check_parameters(request.query, ())
        studies = sorted(self._store.catalog.studies.values(), key=lambda study: study.length, reverse=True)
        sizes = [study.length for study in reversed(studies)]
        ranges = Counter((size // 1024).bit_length() for size in sizes)
        return json_response(
            {
                "averageSizeBytes": sum(sizes) // max(1, len(sizes)),
                "largestStudies": [{"id": study.nct_id, "sizeBytes": study.length} for study in studies[:10]],
                "percentiles": {str(p): sizes[len(sizes) * p // 100] for p in (1, 10, 25, 50, 75, 90, 99) if sizes},
                "ranges": [{"sizeRange": f"< {2**n} KB", "studiesCount": ranges[n]} for n in sorted(ranges)],
                "totalStudies": len(studies),
            }
        )

    def _study(self, request: Request, nct_id: str) -> Response:
        check_parameters(request.query, STUDY_PARAMETERS)
        paths = parse_fields(request.query["fields"]) if "fields" in request.query else None
        catalog = self._store.catalog
        if nct_id in catalog.studies:
            return Response(200, _record(catalog, catalog.studies[nct_id], paths), "application/json")
        current = next((study.nct_id for study in catalog.studies.values() if study.is_any_of({nct_id})), None)
        if current is None:
            return text_response(404, f"NCT number {nct_id} not found")
        suffix = f"?{urlencode(request.query)}" if request.query else ""
        return Response(301, headers={"Location": f"{request.root}/studies/{current}{suffix}"})

    def control(self, request: Request) -> Response | None:
        """Add, replace or remove studies; None for a control that is not about studies."""
        try:
            match request.method, request.path.split("/")[1:]:
                case "POST", ["studies"]:
                    is_pending = request.query.get("pending", "0") != "0"
                    return json_response(self.post(body_lines(request.body), is_pending))
                case "DELETE", ["studies", nct_id]:
                    return json_response(self.remove(parse_nct_id(nct_id)))
        except KeyError:
            return text_response(404, "No such study")
        except (ValueError, OSError, EOFError, zlib.error) as error:
            return text_response(400, str(error))
        return None

    def post(self, lines: Iterable[bytes], is_pending: bool = False) -> dict[str, Any]:
        """Add or replace studies, or keep them aside for the fault `refresh_mid_crawl`; return the state."""
        if is_pending:
            self._store.hold(lines)
        else:
            self._store.add(lines)
        return self._state()

    def remove(self, nct_id: str) -> dict[str, Any]:
        """Remove a study and return the state; raises KeyError when there is none with that id."""
        self._store.remove(nct_id)
        return self._state()

    def _state(self) -> dict[str, Any]:
        catalog = self._store.catalog
        return {"studies": len(catalog.studies), "dataTimestamp": catalog.timestamp}


def _record(catalog: Catalog, study: Study, paths: list[FieldPath] | None) -> bytes:
    if paths is None:
        return catalog.spool.read(study)
    document = study.outline()
    if not set(paths) <= set(PIECES.values()):
        with suppress(ValueError):
            document = json.loads(catalog.spool.read(study).decode("utf-8", "replace"))
    return as_line(project(document, paths) or {})


def _token(catalog: Catalog, key: str, start: int) -> str:
    seal = hashlib.sha256(f"{catalog.version}\n{start}\n{key}".encode()).digest()[:12]
    return base64.urlsafe_b64encode(start.to_bytes(4) + seal).decode().rstrip("=")


def _position(token: str) -> int:
    with suppress(ValueError):
        return int.from_bytes(base64.urlsafe_b64decode(token + "==")[:4])
    return 0
