"""What a source is to the pipeline: a value that says how to fetch its pages and which rows a page holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa

from cto.schema import Table, digest

Json = dict[str, Any]


class Crawl(Protocol):
    """One run of a connector: what :mod:`cto.ingest` offers to ``fetch``.

    Every page got through :meth:`page` is stored before it is returned. A run that starts again after a crash is given
    the stored pages in the same order without asking the source, so ``fetch`` is written as if nothing ever broke.
    """

    @property
    def watermark(self) -> Json:
        """What the last finished crawl's ``fetch`` returned; empty before the first."""

    @property
    def options(self) -> Mapping[str, bool]:
        """What the user asked of this run, such as ``full``."""

    def page(self, path: str, params: Mapping[str, str | int], kind: str, attempt: str = "") -> Any:
        """Store a body of the given kind and return it as the connector's ``read`` reads it.

        ``attempt`` tells a deliberate repeat from a resumed request.
        """

    def attempt(self, name: str) -> int:
        """Return how often this crawl, earlier runs of it included, abandoned what ``name`` names."""

    def abandon(self, name: str) -> None:
        """Note that the pages got for ``name`` lead nowhere, so that a resumed run does not follow them again."""

    def ask(self, path: str, name: str) -> Any:
        """Return one field of a small JSON answer that is not kept."""

    def known(self, table: str, column: str) -> set[str]:
        """Return a column's distinct values over all pages stored so far, this run's included."""

    def unreadable(self) -> set[str]:
        """Return the identifiers of records in quarantine, over the same pages."""

    def expect(self, pages: int) -> None:
        """Say how many pages this run will come to, for the progress bar."""

    def forget(self, kind: str) -> None:
        """Leave this run's pages of one kind out of the snapshot: they turned out to be of two data versions."""

    def note(self, message: str) -> None:
        """Add a line to the run's report."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one page holds: rows by table name, and what could not be read, with the reason."""

    tables: Mapping[str, pa.Table]
    quarantine: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Connector:
    """A source, whole.

    Attributes:
        name: module name, object name and prefix of its raw tables.
        homepage, licence: where the data comes from and what one may do with it.
        url: default base address; ``CTO_<NAME>_URL`` overrides it.
        seconds_between_requests: the politeness the source asks for.
        tables: contracts of its raw tables.
        entity: the column by which a later page's rows replace an earlier page's; empty when rows only add up.
        fetch: effects: gets pages through the crawl and returns the next watermark.
        parse: pure: a page's kind and bytes to rows.
        read: a kind and a body to what ``fetch`` wants to see of it; raises :class:`cto.http.BadBodyError` on a body
            that is cut or not of its kind, which is then not stored.
        whole_kinds: kinds of page of which a newer crawl's replace all earlier ones (lists that come complete).
        parser_version: raised by hand when ``parse`` reads the same bytes differently.

    """

    name: str
    homepage: str
    licence: str
    url: str
    seconds_between_requests: float
    tables: tuple[Table, ...]
    entity: str
    fetch: Callable[[Crawl], Json]
    parse: Callable[[str, bytes], Parsed]
    read: Callable[[str, bytes], Any]
    whole_kinds: tuple[str, ...] = ()
    parser_version: int = 1

    @cached_property
    def fingerprint(self) -> str:
        """A digest that changes when stored pages must be parsed again."""
        return digest(repr((self.name, self.parser_version, [table.fingerprint() for table in self.tables])))
