"""What the core gives every source: pages kept and resumed, subjects, bundles, forms with keys, and what to want."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import requests
from click.testing import CliRunner

from cto import doctor, parts, pipeline, registry, snapshot, wants
from cto.bundle import Answer, pack, unpack
from cto.check import GateError
from cto.cli import main
from cto.connector import Connector, Crawl, Parsed, Probe
from cto.http import BadBodyError, RefusedError, SourceError, read_json
from cto.ingest import Ingested
from cto.lake import Lake
from cto.raw import open_raw
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.sandbox.server import SandboxServer
from cto.sandbox.site import Request, Response, Site, text_response
from cto.schema import Column, ContractError, Table
from cto.settings import Settings
from cto.snapshot import Snapshot

DAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = "s3cr3t-k3y"

Json = dict[str, Any]
Fetch = Callable[[Crawl], Json]

NAME = Column("name", "VARCHAR", "Name of the thing.", required=True)
THING = Table("raw_shop__thing", "One row a thing.", ("name",), (NAME, Column("price", "INTEGER", "Its price.")))
PART = Table("raw_shop__part", "One row a part.", ("name", "part"), (NAME, Column("part", "VARCHAR", "The part.")))
OFFER = Table("raw_shop__offer", "One row an offer.", ("offer",), (Column("offer", "VARCHAR", "The offer."),))


class Killed(BaseException):
    """The process ends here."""


class Shop(Site):
    """An invented source: answers every path as it is told to, and keeps what it was asked."""

    def __init__(self, source: str = "shop") -> None:
        self.source = source
        self.prefix = f"/{source}"
        self.answers: dict[str, Response] = {}
        self.asked: list[Request] = []

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.get(request.path, text_response(404, "Not found"))
        validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        sent = request.headers.get("if-none-match") or request.headers.get("if-modified-since")
        return Response(304) if validator and validator == sent else answer


def things(*listed: Any, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(200, body(*listed), "application/json", named, n_records=len(listed))


def body(*listed: Any) -> bytes:
    return json.dumps(listed).encode()


def thing(name: str, price: int = 1, *its_parts: str) -> Json:
    return {"name": name, "price": price, "parts": its_parts}


def read(kind: str, raw: bytes) -> Any:
    if kind == "bundle":
        return list(unpack(raw))
    found = read_json(raw)
    if not isinstance(found, list):
        raise BadBodyError(f"not a list: {raw[:80]!r}")
    return found


def parse(kind: str, raw: bytes) -> Parsed:
    found = read(kind, raw)
    if kind == "offers":
        return Parsed({OFFER.name: parts.rows(OFFER, ({"offer": offer} for offer in found))})
    named = [row for row in found if row.get("name")]
    listed = [{"name": row["name"], "part": part} for row in named for part in row["parts"]]
    nameless = (
        {"position": i, "id": "", "reason": "no name", "start": ""} for i, r in enumerate(found) if r not in named
    )
    return Parsed({THING.name: parts.rows(THING, named), PART.name: parts.rows(PART, listed)}, tuple(nameless))


def shop(fetch: Fetch = lambda crawl: {}, **changes: Any) -> Connector:
    """Return a connector of the shop that fetches in this way."""
    made = Connector(
        name="shop",
        homepage="https://shop.invalid",
        licence="invented",
        url="http://127.0.0.1:9",
        seconds_between_requests=2.0,
        tables=(THING, PART, OFFER),
        entity="name",
        fetch=fetch,
        parse=parse,
        read=read,
        probe=Probe("/things", {}, "things"),
    )
    return replace(made, **changes)


@dataclass
class Nights:
    """The shop, and a lake that is filled from it."""

    server: SandboxServer
    shop: Shop
    home: Path
    keys: Mapping[str, str] = field(default_factory=dict)

    def run(self, connector: Connector, lake: Lake | None = None, days: int = 0) -> Ingested:
        """Bring the shop up to date, so many days after the first night."""
        self.shop.asked.clear()
        settings = Settings(str(self.home), DAY, {"shop": f"{self.server.url}/shop"}, backoff=0.001, keys=self.keys)
        held = lake or pipeline.open_lake(settings)
        return pipeline.ingest_source(held, settings, connector, lambda: NOW + timedelta(days=days))

    @property
    def lake(self) -> Lake:
        return Lake(str(self.home))

    @property
    def snapshot(self) -> Snapshot:
        found = snapshot.load(self.lake, "shop")
        assert found
        return found

    def asked(self) -> list[str]:
        return [request.path for request in self.shop.asked]

    def files(self, below: str = "") -> set[str]:
        found = (path for path in (self.home / "sources" / "shop" / below).rglob("*") if path.is_file())
        return {str(path.relative_to(self.home)) for path in found}

    def rows(self, connector: Connector, sql: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
        """Query the raw rows that count now."""
        with opened(self.lake, connector, [self.snapshot], monkeypatch)[0] as con:
            return con.execute(sql).fetchall()


def opened(
    lake: Lake, connector: Connector, snapshots: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> tuple[duckdb.DuckDBPyConnection, list[Json]]:
    """Open raw rows as if the shop were the one source; the registry finds only sources that have a file."""
    monkeypatch.setattr(registry, "connectors", lambda: (connector,))
    con = duckdb.connect()
    return con, open_raw(lake, con, snapshots)


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    site = Shop()
    with SandboxServer() as server:
        server.mount(site.prefix, site)
        yield Nights(server, site, tmp_path)


# Keeping pages


def test_what_is_kept_is_stored_before_it_is_returned_and_not_got_again(nights: Nights) -> None:
    got: list[str] = []

    def keep(crawl: Crawl, name: str) -> Any:
        return crawl.keep(name, "things", lambda: got.append(name) or body(thing(name)))  # type: ignore[func-returns-value]

    def broken(crawl: Crawl) -> Json:
        assert keep(crawl, "one") == [thing("one") | {"parts": []}]
        assert len(nights.files("pages")) == 1
        raise Killed

    def whole(crawl: Crawl) -> Json:
        return {"seen": [keep(crawl, name)[0]["name"] for name in ("one", "two")]}

    with pytest.raises(Killed):
        nights.run(shop(broken))
    assert snapshot.load(nights.lake, "shop") is None
    done = nights.run(shop(whole))
    assert got == ["one", "two"]
    assert done.snapshot.watermark == {"seen": ["one", "two"]}
    assert [page.request for page in done.snapshot.pages] == ["one", "two"]


@pytest.mark.parametrize("bad", [b"<html>", b'[{"name": "cut'])
def test_a_bad_body_is_not_kept_and_names_what_it_came_for(nights: Nights, bad: bytes) -> None:
    def fetch(raw: bytes) -> Fetch:
        return lambda crawl: {"n": len(crawl.keep("the list", "things", lambda: raw))}

    with pytest.raises(SourceError, match=r"/shop: the list: what came is no page of kind 'things'"):
        nights.run(shop(fetch(bad)))
    assert nights.files("pages") == set()
    assert nights.run(shop(fetch(body(thing("a"))))).snapshot.watermark == {"n": 1}


class Dying(Lake):
    """A lake whose process is killed when it is about to write a file of some name."""

    dies_at = "/requests/"

    def put_json(self, key: str, value: Json) -> None:
        if self.dies_at in key:
            raise Killed
        super().put_json(key, value)


@pytest.mark.parametrize("how", ["page", "keep", "changed"])
def test_a_run_killed_between_a_page_and_its_record_asks_again_and_holds_it_once(nights: Nights, how: str) -> None:
    nights.shop.answers["/things"] = things(thing("a"), ETag='"1"')

    def fetch(crawl: Crawl) -> Json:
        if how == "page":
            crawl.page("/things", {}, "things")
        elif how == "keep":
            crawl.keep("all", "things", lambda: crawl.answer("/things", {}, "things")[0])
        else:
            crawl.changed("/things", "things", {})
        return {}

    with pytest.raises(Killed):
        nights.run(shop(fetch), Dying(str(nights.home)))
    assert len(nights.files("pages")) == 1
    assert nights.run(shop(fetch)).n_new_pages == 1
    assert nights.asked() == ["/things"]
    assert len(nights.snapshot.pages) == 1
    assert len(nights.files("pages")) == 1


# Asking whether something changed


def poll(crawl: Crawl) -> Json:
    found, validators = crawl.changed("/things", "things", crawl.watermark.get("validators", {}))
    crawl.note("changed" if found else "as it was")
    return {"validators": validators}


VALIDATORS = {
    "etag": ({"ETag": '"1"'}, {"if-none-match": '"1"'}),
    "date": (
        {"Last_Modified": "Sun, 01 Nov 2026 10:00:00 GMT"},
        {"if-modified-since": "Sun, 01 Nov 2026 10:00:00 GMT"},
    ),
}


@pytest.mark.parametrize("name", VALIDATORS)
def test_a_source_that_changed_nothing_is_asked_so_and_leaves_its_snapshot(nights: Nights, name: str) -> None:
    answered, sent = VALIDATORS[name]
    nights.shop.answers["/things"] = things(thing("a"), **answered)
    first = nights.run(shop(poll))
    assert first.notes == ("changed",)
    assert not sent.keys() & nights.shop.asked[0].headers.keys()
    before = nights.files("pages") | nights.files("snapshots")

    second = nights.run(shop(poll), days=1)
    assert second.notes == ("as it was",)
    assert sent.items() <= nights.shop.asked[0].headers.items()
    assert second.snapshot == first.snapshot
    assert nights.files("pages") | nights.files("snapshots") == before
    assert snapshot.checked_at(nights.lake, second.snapshot) == "2026-11-02T12:00:00+00:00"

    nights.shop.answers["/things"] = things(thing("b"), ETag='"2"')
    third = nights.run(shop(poll, whole_kinds=("things",)), days=2)
    assert third.notes == ("changed",)
    assert third.snapshot.watermark == {"validators": {"etag": '"2"'}}
    assert len(third.snapshot.pages) == 1


def test_a_source_without_validators_is_read_whole_every_time(nights: Nights) -> None:
    nights.shop.answers["/things"] = things(thing("a"))
    assert [nights.run(shop(poll), days=day).notes for day in (0, 1)] == [("changed",), ("changed",)]
    assert len(nights.snapshot.pages) == 1


@pytest.mark.parametrize("is_changed", [True, False])
def test_a_run_killed_after_it_asked_for_a_change_does_not_ask_again(nights: Nights, is_changed: bool) -> None:
    nights.shop.answers["/things"] = things(thing("a"), ETag='"1"')
    nights.run(shop(poll))
    if is_changed:
        nights.shop.answers["/things"] = things(thing("b"), ETag='"2"')

    def broken(crawl: Crawl) -> Json:
        poll(crawl)
        raise Killed

    with pytest.raises(Killed):
        nights.run(shop(broken), days=1)
    assert nights.asked() == ["/things"]
    done = nights.run(shop(poll), days=2)
    assert nights.asked() == []
    assert done.notes == ("changed" if is_changed else "as it was",)
    assert [page.request for page in done.snapshot.pages] == ["/things"] * (1 + is_changed)


def test_an_answer_that_nothing_changed_since_never_is_refused(nights: Nights) -> None:
    nights.shop.answers["/things"] = Response(304)
    with pytest.raises(RefusedError, match="HTTP 304"):
        nights.run(shop(poll))


# Subjects


def about(**by_subject: bytes) -> Connector:
    """Return a shop that keeps a page a subject."""

    def fetch(crawl: Crawl) -> Json:
        for subject, raw in by_subject.items():
            crawl.keep(f"page {subject}", "things", lambda raw=raw: raw, subject)  # type: ignore[misc]
        return {"night": str(crawl.today)}

    return shop(fetch)


def test_the_newest_page_about_a_subject_replaces_the_older_in_whole(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run(about(a=body(thing("a1"), thing("a2")), b=body(thing("b"))))
    nights.run(about(a=body(thing("a1", 2))), days=1)
    assert [page.subject for page in nights.snapshot.pages] == ["b", "a"]
    assert nights.snapshot.first_page == 1
    sql = "select name, price from raw_shop__thing_version order by name"
    assert nights.rows(shop(), sql, monkeypatch) == [("a1", 2), ("b", 1)]
    assert len(nights.files("pages")) == 3


def test_two_subjects_that_come_in_the_same_bytes_stay_two(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    same = body(thing("both", 1, "x"), {"parts": []})
    nights.run(about(a=same, b=same))
    assert [page.subject for page in nights.snapshot.pages] == ["a", "b"]
    assert nights.snapshot.first_page == 0
    con, quarantine = opened(nights.lake, shop(), [nights.snapshot], monkeypatch)
    with con:
        for table in ("raw_shop__thing", "raw_shop__thing_version", "raw_shop__part", "raw_page"):
            assert con.sql(f"select count(*) from {table}").fetchone() == (1,), table
    assert len(quarantine) == 1

    nights.run(about(b=body(thing("b"))), days=1)
    assert [page.subject for page in nights.snapshot.pages] == ["a", "b"]
    assert nights.snapshot.first_page == 1
    assert nights.rows(shop(), "select name from raw_shop__thing order by 1", monkeypatch) == [("b",), ("both",)]


def test_a_page_that_came_again_counts_where_it_came_last(nights: Nights) -> None:
    def fetch(*listed: bytes) -> Connector:
        def run(crawl: Crawl) -> Json:
            for number, raw in enumerate(listed):
                crawl.keep(f"page {number}", "things", lambda raw=raw: raw)  # type: ignore[misc]
            return {}

        return shop(run)

    one, two, three = body(thing("a", 1)), body(thing("a", 2)), body(thing("a", 3))
    nights.run(fetch(one, two))
    nights.run(fetch(three, one, three), days=1)
    assert [page.fetched_at[8:10] for page in nights.snapshot.pages] == ["01", "02", "02"]
    assert nights.snapshot.first_page == 1


def test_this_crawls_pages_are_counted_although_one_replaced_another_of_its_own(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run(about(old=body({"parts": []}, thing("old"))))

    def fetch(crawl: Crawl) -> Json:
        for price in (1, 2):
            crawl.keep(f"try {price}", "things", lambda price=price: body(thing("a", price)), "a")  # type: ignore[misc]
        return {}

    nights.run(shop(fetch), days=1)
    assert nights.snapshot.first_page == 1
    con, quarantine = opened(nights.lake, shop(), [nights.snapshot], monkeypatch)
    con.close()
    assert quarantine == []  # the nameless record came with an earlier crawl


# Forms and keys


def posting(form: bool) -> Fetch:
    def fetch(crawl: Crawl) -> Json:
        crawl.page("/things", {"term": "a b", "n": 2}, "things", form=form)
        return {}

    return fetch


def test_a_form_is_posted_and_is_told_from_others_by_its_fields(nights: Nights) -> None:
    nights.shop.answers["/things"] = things(thing("a"))
    nights.run(shop(posting(form=True)))
    [request] = nights.shop.asked
    assert (request.method, request.raw_query, request.form) == ("POST", "", {"term": "a b", "n": "2"})
    assert nights.snapshot.pages[0].request == "/things?n=2&term=a+b"


@pytest.mark.parametrize(("key_as", "form"), [("form", True), ("form", False), ("user", True), ("user", False)])
def test_a_key_is_sent_as_the_source_takes_it_and_never_in_an_address(nights: Nights, key_as: str, form: bool) -> None:
    nights.keys = {"shop": KEY}
    nights.shop.answers["/things"] = things(thing("a"))
    nights.run(shop(posting(form), key_as=key_as))
    [request] = nights.shop.asked
    assert KEY not in request.raw_query
    assert (request.form.get("api_key") == KEY) == (key_as == "form" and form)
    basic = requests.auth._basic_auth_str(KEY, "")
    assert (request.headers.get("authorization") == basic) == (key_as == "user")


@pytest.mark.parametrize("key_as", ["form", "user"])
@pytest.mark.parametrize("status", [200, 400, 403, 429, 503])
def test_a_key_is_in_no_file_no_error_and_no_log_also_when_the_source_repeats_it(
    nights: Nights, caplog: pytest.LogCaptureFixture, key_as: str, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    nights.keys = {"shop": KEY}
    nights.shop.answers["/things"] = things(thing("a"))
    nights.run(shop(posting(form=True), key_as=key_as))
    nights.shop.answers["/things"] = Response(status, f"<p>{KEY} is over its limit</p>".encode())
    with pytest.raises(SourceError) as raised:
        nights.run(shop(posting(form=True), key_as=key_as), days=1)
    assert nights.shop.asked
    assert KEY not in str(raised.value)
    assert any(record.name.startswith("urllib3") for record in caplog.records)
    assert KEY not in caplog.text
    assert nights.lake.read_json("sources/shop/HEAD.json")["last_failure"]["error"] == str(raised.value)
    files = [path for path in nights.home.rglob("*") if path.is_file()]
    assert {"pages", "requests", "snapshots"} <= {part for path in files for part in path.parts}
    for path in files:
        held = path.read_bytes()
        assert KEY.encode() not in (gzip.decompress(held) if path.suffix == ".gz" else held), path


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_form_is_sent_nowhere_else(nights: Nights, status: int) -> None:
    nights.keys = {"shop": KEY}
    nights.shop.answers["/things"] = Response(status, headers={"Location": f"{nights.server.url}/shop/elsewhere"})
    nights.shop.answers["/elsewhere"] = things(thing("a"))
    with pytest.raises(RefusedError, match=f"HTTP {status}"):
        nights.run(shop(posting(form=True), key_as="form"))
    assert nights.asked() == ["/things"]


@pytest.mark.parametrize(
    ("key_as", "keys", "interval", "key"),
    [("form", {}, 2.0, ""), ("form", {"shop": KEY}, 0.5, KEY), ("", {"shop": KEY}, 2.0, "")],
)
def test_a_key_that_is_sent_and_only_that_allows_more_requests(
    tmp_path: Path, key_as: str, keys: Json, interval: float, key: str
) -> None:
    settings = Settings(str(tmp_path), DAY, {}, keys=keys)
    http = pipeline.http(settings, shop(key_as=key_as, seconds_with_key=0.5))
    assert (http.interval, http.key) == (interval, key)


# Bundles


@pytest.mark.parametrize(
    "raw",
    [b"", bytes(range(256)), b"\r\n\n\r", "\u2028\u2029\x85\u00e9".encode(), b'"]\n["', b"\x00" * 3, b"\xff\xfe{}"],
)
@pytest.mark.parametrize("subject", ["aspirin", 'a "b"\n\u2028c\\', "\u5c71 \U0001f600", ""])
def test_a_bundle_gives_back_every_byte(subject: str, raw: bytes) -> None:
    answers = [Answer(subject, "ids", raw), Answer("next", "names", b"{}")]
    assert list(unpack(pack(answers))) == answers


def test_an_empty_bundle_holds_nothing() -> None:
    assert list(unpack(pack([]))) == []


@pytest.mark.parametrize(
    "raw", [b"<html>", b"1", b"{}", b'["a", "b"]', b'["a", "b", 1]', '["a", "b", "\u20ac"]'.encode(), b'["a", "b", "c']
)
def test_what_is_no_bundle_is_told(raw: bytes) -> None:
    with pytest.raises(BadBodyError, match="not a bundle of answers"):
        list(unpack(raw))


def test_a_bundle_is_one_page_whose_answers_are_not_asked_for_again(nights: Nights) -> None:
    for name in "ab":
        nights.shop.answers[f"/{name}"] = things(thing(name))

    def fetch(crawl: Crawl) -> Json:
        asked = (Answer(name, "things", crawl.answer(f"/{name}", {}, "things")[0]) for name in "ab")
        found = crawl.keep("names 0", "bundle", lambda: pack(asked))
        return {"subjects": [answer.subject for answer in found]}

    def broken(crawl: Crawl) -> Json:
        fetch(crawl)
        raise Killed

    bundled = shop(broken, parse=lambda kind, raw: Parsed({}))
    with pytest.raises(Killed):
        nights.run(bundled)
    assert nights.asked() == ["/a", "/b"]
    assert nights.run(replace(bundled, fetch=fetch)).snapshot.watermark == {"subjects": ["a", "b"]}
    assert nights.asked() == []
    assert len(nights.snapshot.pages) == 1


# Rows


def test_rows_follow_their_contract_whatever_columns_they_have() -> None:
    types = {
        "a": "VARCHAR",
        "b": "INTEGER",
        "c": "DATE",
        "d": "VARCHAR[]",
        "e": "BOOLEAN",
        "f": "DOUBLE",
        "g": "BIGINT",
    }
    table = Table("raw_shop__all", "All types.", ("a",), tuple(Column(n, t, "One.") for n, t in types.items()))
    full = {"a": "é", "b": -1, "c": date(2026, 11, 1), "d": ["x", None], "e": False, "f": 0.5, "g": 2**40}
    found = parts.rows(table, iter([full, {"a": "z", "unknown": 1}, {"d": []}]))
    empty: Json = dict.fromkeys(types)
    assert found.to_pylist() == [full, empty | {"a": "z"}, empty | {"d": []}]
    assert found.schema.equals(parts.rows(table, []).schema)
    assert found.schema.field("d").type == pa.list_(pa.string())
    with pytest.raises(pa.ArrowInvalid):
        parts.rows(table, [{"b": "no number"}])


# Raw tables


def columns(table: Table) -> list[str]:
    return [*(column.name for column in table.columns), "page"]


def kept(*pages: tuple[str, bytes]) -> Fetch:
    def fetch(crawl: Crawl) -> Json:
        for number, (kind, raw) in enumerate(pages):
            crawl.keep(f"page {number}", kind, lambda raw=raw: raw)  # type: ignore[misc]
        return {}

    return fetch


@pytest.mark.parametrize("state", ["no snapshot", "no pages", "no entities"])
@pytest.mark.parametrize("entity", ["name", ""])
def test_tables_are_there_and_empty_when_no_page_holds_their_rows(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, state: str, entity: str
) -> None:
    def orphans(kind: str, raw: bytes) -> Parsed:
        return Parsed({PART.name: parts.rows(PART, [{"name": "a", "part": "x"}])})

    given = shop(kept(("things", body(thing("a")))) if state == "no entities" else kept(), entity=entity, parse=orphans)
    snapshots = [] if state == "no snapshot" else [nights.run(given).snapshot]
    con, quarantine = opened(nights.lake, given, snapshots, monkeypatch)
    with con:
        for table in given.tables:
            found = con.sql(f"from {table.name}")
            assert found.columns == columns(table)
            is_held = state == "no entities" and table == PART and not entity
            assert len(found.fetchall()) == is_held, table.name
        assert con.sql(f"from {THING.name}_version").columns == [*columns(THING), "position"]
    assert quarantine == []


def test_rows_count_from_the_page_that_is_newest_for_their_entity_and_lists_from_all_pages_held(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = {"whole_kinds": ("offer", "offers")}
    first = kept(("things", body(thing("a", 1, "x", "y"), thing("b", 1, "x"))), ("offers", body("old")))
    nights.run(shop(first, **listing))
    second = kept(("things", body(thing("a", 2, "z"))), ("offers", body("new", "more")))
    nights.run(shop(second, **listing), days=1)
    given = shop(**listing)
    found = {
        table: nights.rows(given, f"select columns(c -> c <> 'page') from raw_shop__{table} order by all", monkeypatch)
        for table in ("thing", "part", "offer", "thing_version")
    }
    assert found == {
        "thing": [("a", 2), ("b", 1)],
        "part": [("a", "z"), ("b", "x")],
        "offer": [("more",), ("new",)],
        "thing_version": [("a", 1, 0), ("a", 2, 1), ("b", 1, 0)],
    }


# What a source wants


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake that holds a registry of two studies and nothing else."""
    home = tmp_path_factory.mktemp("lake")
    with Sandbox() as sandbox:
        sandbox.post_studies([study(1), study(2)])
        settings = Settings(str(home), DAY, sandbox.urls, backoff=0.001)
        lake = pipeline.open_lake(settings)
        [source] = pipeline.sources(["clinicaltrials_gov"], settings)
        pipeline.ingest_source(lake, settings, source, lambda: NOW)
    return lake


def study(number: int, updated: str = "2020-01-02") -> Json:
    return {
        "protocolSection": {
            "identificationModule": {"nctId": f"NCT{number:08d}", "briefTitle": "FICTIONAL"},
            "statusModule": {
                "overallStatus": "COMPLETED",
                "studyFirstPostDateStruct": {"date": "2020-01-02"},
                "lastUpdatePostDateStruct": {"date": updated},
            },
            "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE2"]},
        },
        "hasResults": False,
    }


def test_what_is_wanted_follows_from_what_other_sources_hold_and_the_day(held: Lake) -> None:
    asking = shop(wants="select nct_id, as_of, is_current from core_study cross join run order by nct_id")
    later = DAY + timedelta(days=3)
    assert wants.wanted(held, asking, later) == [("NCT00000001", later, True), ("NCT00000002", later, True)]
    assert wants.wanted(held, shop(wants="select pmid from core_reference"), later) == []


def test_nothing_is_wanted_while_the_others_hold_nothing(tmp_path: Path) -> None:
    assert wants.wanted(Lake(str(tmp_path)), shop(wants="select nct_id from core_study"), DAY) == []


def test_what_a_query_reads_through_models_decides_whom_it_follows() -> None:
    assert wants.follows(shop()) == set()
    asking = shop(wants="with s as (select nct_id from core_study) select * from s, run")
    assert wants.follows(asking) == {"clinicaltrials_gov"}
    plain = shop(name="plain")
    assert wants.waves([asking, plain]) == ([plain], [asking])


@pytest.mark.parametrize("sql", ["select from where", "drop table core_study"])
def test_a_query_that_cannot_be_read_is_told_with_its_source_before_anything_is_fetched(sql: str) -> None:
    with pytest.raises(ContractError, match="shop: the query for what it wants"):
        wants.waves([shop(wants=sql)])


@pytest.mark.parametrize("sql", ["select nct_idd from core_study", "select * from core_stdy, core_study"])
def test_a_query_that_fails_is_told_with_its_source(held: Lake, sql: str) -> None:
    with pytest.raises(ContractError, match="shop: the query for what it wants fails"):
        wants.wanted(held, shop(wants=sql), DAY)


# Stand-ins


def test_a_fault_of_one_site_hits_that_site_alone(nights: Nights) -> None:
    other = Shop("other")
    nights.server.mount(other.prefix, other)
    for site in (nights.shop, other):
        site.answers["/things"] = things(thing("a"))
    nights.server.add_fault("other:server_error", after=1)
    nights.server.add_fault("html_at_200", site="shop")

    def ask(site: str) -> tuple[int, bytes]:
        answer = requests.get(f"{nights.server.url}/{site}/things", timeout=5)
        return answer.status_code, answer.content[:1]

    assert [ask(site) for site in ("shop", "other", "shop", "other", "other")] == [
        (200, b"<"),
        (200, b"["),
        (200, b"["),
        (500, b"I"),
        (200, b"["),
    ]


def test_a_fault_of_a_site_that_is_not_there_is_refused(nights: Nights) -> None:
    with pytest.raises(ValueError, match="no site is called 'shoop'; the sites are shop"):
        nights.server.add_fault("shoop:blocked")
    told = CliRunner().invoke(main, ["sandbox", "--fault", "pubmd:blocked"])
    assert told.exit_code == 2
    assert "no site is called 'pubmd'" in told.output


def test_the_sandbox_of_a_world_prints_all_variables_and_serves_all_sources(tmp_path: Path) -> None:
    code, printed = "from cto.cli import main; main()", tmp_path / "printed"
    command = [sys.executable, "-c", code, "sandbox", "--world", str(WORLD), "--port", "0"]
    with (
        printed.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.PIPE, text=True) as served,
    ):
        try:
            assert served.stderr
            assert served.stderr.readline() == "Serving until interrupted (Ctrl-C).\n"
            variables = dict(line.split("=", 1) for line in printed.read_text().splitlines())
            sources = {f"CTO_{c.name.upper()}_URL" for c in registry.connectors()}
            assert variables.keys() == sources | {"CTO_FEEDS", "CTO_LLM_URL", "CTO_LLM_MODEL"}
            assert Path(variables["CTO_FEEDS"]).read_text().startswith(variables["CTO_NEWS_URL"])
            settings = Settings.of(variables, DAY, str(tmp_path))
            found = list(doctor.examine(settings, pipeline.sources((), settings)))
            assert {f.source for f in found} == {c.name for c in registry.connectors()}
            assert [f.verdict for f in found if not f.is_well] == []
            served.terminate()
            assert served.wait(10) == 0
        finally:
            served.kill()


# Nights


def test_a_source_that_was_quiet_long_stops_a_publish_of_today_and_no_look_back(tmp_path: Path) -> None:
    [source] = [c for c in registry.connectors() if c.name == "clinicaltrials_gov"]
    later = timedelta(days=source.stale_after_days + 1)
    with Sandbox() as sandbox:
        sandbox.post_studies([study(1), study(2, updated="2026-10-30")])
        first = refresh(tmp_path, sandbox, DAY, NOW)
        card = Lake(str(tmp_path)).read(f"releases/{first.release.version}/README.md").decode()
        assert "**pubmed is not in this release**: it was not fetched." in card
        assert "clinicaltrials_gov is not in this release" not in card
        assert "has failed since" not in card
        sandbox.add_fault("clinicaltrials_gov:blocked", times=None)
        with pytest.raises(GateError, match="clinicaltrials_gov last answered 15 days before 2026-11-16"):
            refresh(tmp_path, sandbox, DAY + later, NOW + later)
        past = refresh(tmp_path, sandbox, date(2026, 10, 1), NOW + later)
    assert set(past.failures) == {"clinicaltrials_gov"}
    assert past.release.manifest["as_of"] == "2026-10-01"
    card = Lake(str(tmp_path)).read(f"releases/{past.release.version}/README.md").decode()
    assert "**clinicaltrials_gov has failed since 2026-11-01**; what it said until then still counts." in card


def refresh(home: Path, sandbox: Sandbox, day: date, now: datetime) -> pipeline.Night:
    settings = Settings(str(home), day, sandbox.urls, backoff=0.001)
    return pipeline.refresh(settings, ["clinicaltrials_gov"], now=lambda: now)
