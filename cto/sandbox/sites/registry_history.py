"""A stand-in for the record histories of ClinicalTrials.gov: the versions of ``registry_history.jsonl``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, json_response, text_response

Json = dict[str, Any]


PROBED = "NCT00000102"
"""The study that ``cto doctor`` asks for, whatever the world holds."""


class RegistryHistorySite(WorldSite):
    """Answers with a study's changes, numbered from 0, and with the record of each version.

    A line of the file is a study: {nct_id, versions: [{date, status, modules, study}, …]}, the earliest version first.
    """

    source = "registry_history"
    prefix = "/api/int"
    faults: Mapping[str, str] = {"history_gone": "Every address of record histories is answered 404."}

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        study = {"protocolSection": {"identificationModule": {"nctId": PROBED}}}
        first = {"date": "1999-10-28", "status": "COMPLETED", "modules": [], "study": study}
        self.versions: dict[str, list[Json]] = {PROBED: [first]}
        self.add(self.lines("registry_history.jsonl"))

    def add(self, histories: Iterable[Json]) -> None:
        """Add or replace histories."""
        self.versions.update((history["nct_id"], history["versions"]) for history in histories)

    def handle(self, request: Request) -> Response:
        """Answer a call of the endpoint."""
        if request.method != "GET" or request.query:
            return text_response(400, "Bad request")
        if self.take("history_gone"):
            return text_response(404, "Not found")
        match request.path.split("/")[1:]:
            case ["studies", nct_id, "history"] if nct_id in self.versions:
                return _page({"changes": [_change(i, v) for i, v in enumerate(self.versions[nct_id])]})
            case ["studies", nct_id, "history", number] if number.isdecimal():
                if int(number) < len(self.versions.get(nct_id, ())):
                    return _page({"studyVersion": int(number), "study": self.versions[nct_id][int(number)]["study"]})
        return text_response(404, "Not found")


def _page(document: Json) -> Response:
    found = json_response(document)
    return Response(200, found.body, found.content_type, n_records=1)


def _change(number: int, version: Json) -> Json:
    """Return an entry of the list; the first version changes nothing and so names no modules."""
    change = {"version": number, "date": version["date"], "status": version["status"]}
    return change | ({"moduleLabels": version["modules"]} if number else {})


SITE = RegistryHistorySite
