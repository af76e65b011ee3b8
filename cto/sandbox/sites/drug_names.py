"""A stand-in for RxNav: the concepts of ``drug_names.jsonl``, looked up by name and by relation."""

import json
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, text_response

Json = dict[str, Any]

LEAST_LIKENESS = 0.5
"""What RxNav takes for an approximate match is generous, so a client has to judge."""


class DrugNamesSite(WorldSite):
    """Answers as RxNav does: JSON below addresses that end in .json, else XML; what is empty is left out.

    A line of the file is a concept: {rxcui, name, tty, ingredients: [rxcui, …], synonyms: [name, …]}. An ingredient has
    the tty IN and is its own ingredient; a brand has BN.
    """

    source = "drug_names"
    prefix = "/rxnav"
    faults: Mapping[str, str] = {
        "rxnav_empty": "An answer of RxNav has status 200 and no body.",
        "rxnav_refuses": "A name is refused with status 400.",
    }

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        self.concepts: dict[str, Json] = {}
        self.add(self.lines("drug_names.jsonl"))

    def add(self, concepts: Iterable[Json]) -> None:
        """Add or replace concepts."""
        self.concepts.update((concept["rxcui"], concept) for concept in concepts)

    def handle(self, request: Request) -> Response:
        """Answer a call of the REST interface."""
        query = request.query
        match request.path.removesuffix(".json").split("/")[1:]:
            case ["rxcui"] if set(query) == {"name", "search"} and query["name"]:
                if self.take("rxnav_refuses"):
                    return text_response(400, "Bad request")
                found = self._ids(query["name"].lower())
            case ["approximateTerm"] if set(query) == {"term", "maxEntries"} and query["term"]:
                found = self._candidates(query["term"].lower(), int(query["maxEntries"]))
            case ["rxcui", rxcui, "related"] if set(query) == {"tty"}:
                found = self._related(rxcui, query["tty"].split())
            case ["rxcui"] | ["approximateTerm"] | ["rxcui", _, "related"]:
                return text_response(400, f"Other parameters than this stand-in knows: {request.raw_query}")
            case _:
                return text_response(404, "Not found")
        if self.take("rxnav_empty"):
            return Response(200, b"", "application/json")
        if not request.path.endswith(".json"):
            return Response(200, b'<?xml version="1.0"?><rxnormdata/>', "application/xml")
        return Response(200, json.dumps(found).encode(), "application/json", n_records=1)

    def _ids(self, name: str) -> Json:
        found = [rxcui for rxcui, concept in self.concepts.items() if name in _names(concept)]
        return {"idGroup": {"rxnormId": found} if found else {}}

    def _candidates(self, term: str, n: int) -> Json:
        likeness = {
            rxcui: max(SequenceMatcher(None, term, name).ratio() for name in _names(concept))
            for rxcui, concept in self.concepts.items()
        }
        ranked = sorted(likeness, key=lambda rxcui: (-likeness[rxcui], rxcui))[:n]
        candidates: list[Json] = []
        for rank, rxcui in enumerate((r for r in ranked if likeness[r] >= LEAST_LIKENESS), start=1):
            shared = {"rxcui": rxcui, "rxaui": f"9{rxcui}", "score": f"{16 * likeness[rxcui]:.14f}", "rank": str(rank)}
            candidates.append(shared | {"name": self.concepts[rxcui]["name"], "source": "RXNORM"})
            candidates.append(shared | {"source": "MMSL"})
        return {"approximateGroup": {"inputTerm": None, **({"candidate": candidates} if candidates else {})}}

    def _related(self, rxcui: str, types: list[str]) -> Json:
        groups = []
        for tty in types:
            found = [
                {"rxcui": other["rxcui"], "name": other["name"], "synonym": "", "tty": tty, "language": "ENG"}
                for other in self.concepts.values()
                if other["tty"] == tty and self._is_related(rxcui, other)
            ]
            groups.append({"tty": tty, **({"conceptProperties": found} if found else {})})
        return {"relatedGroup": {"rxcui": None, "termType": types, "conceptGroup": groups}}

    def _is_related(self, rxcui: str, other: Json) -> bool:
        """Return whether a concept shares an ingredient with another."""
        own = self.concepts.get(rxcui)
        return own is not None and bool(_ingredients(own) & _ingredients(other))


def _names(concept: Json) -> set[str]:
    return {name.lower() for name in (concept["name"], *concept.get("synonyms", []))}


def _ingredients(concept: Json) -> set[str]:
    return {concept["rxcui"]} if concept["tty"] == "IN" else set(concept["ingredients"])


SITE = DrugNamesSite
