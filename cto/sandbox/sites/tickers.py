"""A stand-in for the SEC's lists of tickers, over the companies of a world."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, json_response, text_response

Json = dict[str, Any]

UNDECLARED = (
    b"<!DOCTYPE html><html><head><title>SEC.gov | Request Rate Threshold Exceeded</title></head>"
    b"<body><h1>Your Request Originates from an Undeclared Automated Tool</h1></body></html>\n"
)
_CONTACT = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+|https?://\S+")


class TickersSite(WorldSite):
    """Answers with both lists, and only clients whose user agent holds a mail or an address.

    A line of ``tickers.csv`` is a company and one of its tickers, the largest company first: ticker, cik, name and the
    exchange, which may be empty.
    """

    source = "tickers"
    prefix = "/sec"

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        self.companies: list[Json] = []
        path = self.file("tickers.csv")
        if path:
            with path.open(encoding="utf-8", newline="") as file:
                self.add(csv.DictReader(file))

    def add(self, companies: Iterable[Mapping[str, Any]]) -> None:
        """Add companies at the end of the lists."""
        self.companies += [dict(company) for company in companies]

    def handle(self, request: Request) -> Response:
        """Answer a request for one of the lists."""
        if not _CONTACT.search(request.headers.get("user-agent", "")):
            return Response(403, UNDECLARED, "text/html; charset=utf-8")
        if request.method != "GET" or request.query:
            return text_response(400, "Bad request")
        match request.path:
            case "/company_tickers_exchange.json":
                found: Any = {"fields": ["cik", "name", "ticker", "exchange"], "data": self._table()}
            case "/company_tickers.json":
                found = {str(number): _entry(company) for number, company in enumerate(self.companies)}
            case _:
                return Response(404, b"<html><body>Not found</body></html>\n", "text/html; charset=utf-8")
        return replace(json_response(found), n_records=len(self.companies))

    def _table(self) -> list[list[Any]]:
        return [[int(c["cik"]), c["name"], c["ticker"], c.get("exchange") or None] for c in self.companies]


def _entry(company: Json) -> Json:
    return {"cik_str": int(company["cik"]), "ticker": company["ticker"], "title": company["name"]}


SITE = TickersSite
