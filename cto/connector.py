"""What a source is to the pipeline: a value that says how to fetch its pages and which rows a page holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal, Protocol, TypeVar

import pyarrow as pa

from cto.http import MAX_BYTES, Params
from cto.schema import Table, digest

Json = dict[str, Any]
T = TypeVar("T")


class Source(Protocol):
    """A source that can be asked, whether or not what it answers is kept."""

    @property
    def url(self) -> str:
        """The base address."""

    @property
    def contact(self) -> str:
        """Whom the source may write to, an address or a mail."""

    def answer(self, path: str, params: Params, kind: str, form: bool = False) -> tuple[bytes, Any]:
        """Return a body of the given kind, and what the connector's ``read`` makes of it; nothing is kept.

        ``path`` follows the base address; one that starts with ``http`` stands alone. With ``form`` the parameters are
        posted instead of put into the address.
        """

    def pause(self) -> None:
        """Wait until the source may be asked again, for a library that asks by itself."""

    def retried(self, what: str, ask: Callable[[], T]) -> T:
        """Return what ``ask`` does, called again as long as another try may help: see :meth:`cto.http.Http.retried`."""


class Crawl(Source, Protocol):
    """One run of a connector: what :mod:`cto.ingest` offers to ``fetch``.

    Every page got through :meth:`page`, :meth:`keep` and :meth:`changed` is stored before it is returned. A run that
    starts again after a crash is given the stored pages in the same order without asking the source, so ``fetch`` is
    written as if nothing ever broke.
    """

    @property
    def watermark(self) -> Json:
        """What the last finished crawl's ``fetch`` returned; empty before the first."""

    @property
    def options(self) -> Mapping[str, bool]:
        """What the user asked of this run, such as ``full``."""

    @property
    def today(self) -> date:
        """The day on which this run, its earlier parts included, began."""

    @property
    def wanted(self) -> list[tuple[Any, ...]]:
        """The rows of the connector's ``wants``, over what the other sources hold now."""

    @property
    def setting(self) -> str:
        """What the connector's own variable says; empty when it has none, or that is not set."""

    def page(
        self,
        path: str,
        params: Params,
        kind: str,
        attempt: str = "",
        subject: str = "",
        form: bool = False,
    ) -> Any:
        """Store a body of the given kind and return it as the connector's ``read`` reads it.

        Args:
            path: as in :meth:`answer`.
            params: query parameters, or with ``form`` the fields of a form.
            kind: what sort of body it is.
            attempt: tells a deliberate repeat from a resumed request.
            subject: what the page is all about; of several pages about one subject only the newest counts.
            form: post the parameters.

        """

    def keep(self, name: str, kind: str, get: Callable[[], bytes], subject: str = "") -> Any:
        """Store what ``get`` returns under a request of that name, as :meth:`page` does; for bodies of other origin."""

    def changed(self, path: str, kind: str, seen: Json) -> tuple[Any | None, Json]:
        """Store a body unless it is still what it was when the source answered with the validators ``seen``.

        Returns:
            what ``read`` makes of it, or None when it has not changed, and the validators for the next time.

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
    """What one page holds: rows by table name, and what could not be read, with the reason.

    A quarantined record is ``{"position": where on the page, "id": identifier or "", "reason": …, "start": …}``.
    """

    tables: Mapping[str, pa.Table]
    quarantine: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """One small request by which ``cto doctor`` sees whether a source still speaks as its connector expects."""

    path: str
    params: Params
    kind: str
    form: bool = False


@dataclass(frozen=True)
class Connector:
    """A source, whole.

    Attributes:
        name: module name, object name and prefix of its raw tables.
        homepage, licence: where the data comes from and what one may do with it.
        url: default base address; ``CTO_<NAME>_URL`` overrides it.
        seconds_between_requests: the politeness the source asks for.
        tables: contracts of its raw tables; where pages come bundled or hold many things, the first is the entity's.
        entity: the column by which a later page's rows replace an earlier page's; empty when rows only add up.
        fetch: effects: gets pages through the crawl and returns the next watermark.
        parse: pure: a page's kind and bytes to rows.
        read: a kind and a body to what ``fetch`` wants to see of it; raises :class:`cto.http.BadBodyError` on a body
            that is cut or not of its kind, which is then not stored.
        probe: the request for ``cto doctor``, or a function that makes it in another way and returns the body's kind
            and the body.
        whole_kinds: kinds of page of which a newer crawl's replace all earlier ones (lists that come complete).
        parser_version: raised by hand when ``parse`` reads the same bytes differently.
        wants: a query over core tables that says what to ask for, such as the trials to look up; its rows are
            :attr:`Crawl.wanted`. What it reads decides which sources are fetched first.
        variable: a further variable of the environment that it heeds, such as ``CTO_FEEDS``.
        is_optional: fetched only when its address is set or it is named.
        stale_after_days: how old its last success may be before a publish is refused.
        max_bytes: the largest body that is taken.
        key_as: how a key from ``CTO_<NAME>_API_KEY`` is sent, where the source takes one: as a field of the posted
            form, or as the user name. It never stands in an address, so no log or error can show it.
        seconds_with_key: the politeness asked for when a key is sent.

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
    probe: Probe | Callable[[Source], tuple[str, bytes]]
    whole_kinds: tuple[str, ...] = ()
    parser_version: int = 1
    wants: str = ""
    variable: str = ""
    is_optional: bool = False
    stale_after_days: int = 14
    max_bytes: int = MAX_BYTES
    key_as: Literal["", "form", "user"] = ""
    seconds_with_key: float = 0.0

    @cached_property
    def fingerprint(self) -> str:
        """A digest that changes when stored pages must be parsed again."""
        return digest(repr((self.name, self.parser_version, [table.fingerprint() for table in self.tables])))


def batches(items: Iterable[Any], size: int) -> list[list[Any]]:
    """Return the items in lists of at most ``size``.

    >>> batches([1, 2, 3], 2)
    [[1, 2], [3]]
    """
    listed = list(items)
    return [listed[start : start + size] for start in range(0, len(listed), size)]
