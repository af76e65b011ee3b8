"""Headlines come from searches and from publishers' feeds, each once, whatever comes in place of a feed."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

import connectors.news as connector
from connectors._news_items import judge
from connectors._news_searches import FULL, Window, due
from connectors.news import news
from cto import pipeline, registry, snapshot
from cto.bundle import Answer, pack
from cto.http import BadBodyError, BlockedError, SourceError
from cto.ingest import Ingested
from cto.lake import Lake
from cto.raw import open_raw
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.settings import Settings
from cto.wants import wanted

TODAY = date(2024, 9, 1)
YESTERDAY = date(2024, 8, 31)
COMPLETED = date(2024, 3, 1)
DRUG = "fictium"
WHOLE = Window(DRUG, date(2024, 1, 30), date(2024, 8, 28))
"""The trial completed in March: from 30 days before until 180 days after, and a day more to be sure."""

Json = dict[str, Any]


def study(number: int = 1, **changes: Any) -> Json:
    """Return a phase 3 trial of a company's drug that completed in March 2024."""
    return {
        "protocolSection": {
            "identificationModule": {"nctId": f"NCT{number:08d}", "briefTitle": "Of fictium"},
            "statusModule": {
                "overallStatus": changes.get("status", "COMPLETED"),
                "primaryCompletionDateStruct": {"date": str(changes.get("completed", COMPLETED))},
                "lastUpdatePostDateStruct": {"date": str(changes.get("updated", "2024-08-01"))},
                **({"resultsFirstPostDateStruct": {"date": changes["posted"]}} if "posted" in changes else {}),
            },
            "designModule": {"studyType": "INTERVENTIONAL", "phases": changes.get("phases", ["PHASE3"])},
            "sponsorCollaboratorsModule": {
                "leadSponsor": {
                    "name": changes.get("sponsor", "Invented Pharma, Inc."),
                    "class": changes.get("class_", "INDUSTRY"),
                }
            },
            "armsInterventionsModule": {
                "interventions": [
                    {"type": changes.get("type_", "DRUG"), "name": changes.get("drug", "Fictium 20 mg tablet")},
                    {"type": "DRUG", "name": "Placebo"},
                ]
            },
        }
    }


def item(title: str, day: date | str | None = "2024-05-20", feed: str = "google", **changes: Any) -> Json:
    """Return a headline as a world's file has it; a search for fictium finds it."""
    at = datetime.fromisoformat(f"{day}T07:00:00+00:00") if day else None
    return {
        "title": title,
        "publisher": "Invented Wire",
        "publisher_url": "https://wire.invalid",
        "link": f"https://wire.invalid/{title.replace(' ', '-')}",
        "published": format_datetime(at, usegmt=True) if at else None,
        "words": "fictium trial",
        "feed": feed,
        **changes,
    }


@dataclass
class Nights:
    """A stand-in, and a lake that is fed from it night by night."""

    sandbox: Sandbox
    home: Path
    feeds: list[str] = field(default_factory=list)
    today: date = TODAY
    seconds: Iterator[int] = field(default_factory=itertools.count)

    def give(self, *items: Json) -> None:
        self.sandbox.site("news").add(items)

    def fetch(self, **options: bool) -> Ingested:
        self.sandbox.clear_requests()
        settings = self._settings()
        return pipeline.ingest_source(pipeline.open_lake(settings), settings, news, self._now, options)

    def register(self, *studies: Json) -> None:
        """Bring the trials in, as the registry is asked first."""
        self.sandbox.post_studies(studies)
        settings = self._settings()
        [source] = pipeline.sources(["clinicaltrials_gov"], settings)
        pipeline.ingest_source(pipeline.open_lake(settings), settings, source, self._now)

    def _now(self) -> datetime:
        return datetime(self.today.year, self.today.month, self.today.day, tzinfo=UTC) + timedelta(
            seconds=next(self.seconds)
        )

    def _settings(self) -> Settings:
        listed = self.home.with_name("feeds.txt")
        listed.write_text("# publishers\n\n" + "".join(f"{self.url}/feeds/{name}.xml\n" for name in self.feeds))
        return Settings(
            str(self.home), self.today, self.sandbox.urls, backoff=0.001, variables={"CTO_FEEDS": str(listed)}
        )

    @property
    def url(self) -> str:
        return self.sandbox.urls["news"]

    @property
    def lake(self) -> Lake:
        return Lake(str(self.home))

    @property
    def searched(self) -> list[Window]:
        """The searches made in the last night, in their order."""
        return [Window.of(r["query"]["q"]) for r in self.sandbox.requests if r["path"] == "/news/search"]

    @property
    def snapshot(self) -> snapshot.Snapshot:
        found = snapshot.load(self.lake, "news")
        assert found
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the raw rows that count now."""
        with pipeline.building.connect() as con:
            open_raw(self.lake, con, [self.snapshot])
            return con.execute(sql).fetchall()

    def headlines(self) -> list[str]:
        return [title for (title,) in self.rows("select headline from raw_news__item order by all")]


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with Sandbox(world=tmp_path) as sandbox:
        yield Nights(sandbox, tmp_path / "lake")


@pytest.fixture
def fictium(nights: Nights) -> Nights:
    """Nights on which one trial is registered, whose company is not named apart, so that one name is searched for."""
    nights.register(study(sponsor="X"))
    return nights


# What is searched for, and when


def test_names_of_sponsors_and_drugs_are_searched_around_what_may_come_to_be_known(nights: Nights) -> None:
    nights.register(
        study(1, posted="2024-08-20"),
        study(2, sponsor="Other Pharma Co., Ltd.", drug="Nullium", status="TERMINATED", updated="2023-05-05"),
        study(3, sponsor="Academia", class_="OTHER", drug="Scholarium"),
        study(4, sponsor="Early Pharma", drug="Primum", phases=["PHASE1"]),
        study(5, sponsor="Device Makers", drug="Gadget", type_="DEVICE"),
        study(6, sponsor="Old Pharma", drug="Olden", completed="1999-05-05"),
        *(study(100 + n, sponsor="Big Pharma", drug=f"Many-{n:03}") for n in range(51)),
    )
    got = wanted(nights.lake, news, TODAY)
    assert {name for name, *_ in got if not name.startswith("many-")} == {
        "Invented Pharma", "fictium", "Other Pharma", "nullium",
    }  # fmt: skip
    assert sorted(row[1:] for row in got if row[0] == "fictium") == [
        (date(2024, 1, 31), date(2024, 8, 28)),
        (date(2024, 7, 21), date(2024, 10, 19)),
    ]
    assert sorted(row[1:] for row in got if row[0] == "Other Pharma") == [
        (date(2023, 4, 5), date(2023, 7, 4)),
        (date(2024, 1, 31), date(2024, 8, 28)),
    ]


def test_only_days_not_yet_searched_are_due_and_those_up_to_yesterday() -> None:
    start = TODAY - timedelta(days=30)
    wants = [("a", start, TODAY + timedelta(days=60)), ("b", date(2020, 1, 1), date(2020, 1, 9))]
    first = due(wants, [], TODAY)
    assert first == [
        Window("a", start - timedelta(days=1), YESTERDAY),
        Window("b", date(2019, 12, 31), date(2020, 1, 9)),
    ]
    answered = [window.query for window in first]
    assert due(wants, answered, TODAY) == []
    assert due(wants, answered, TODAY + timedelta(days=1)) == [Window("a", YESTERDAY, TODAY)]
    wants.append(("b", date(2020, 1, 8), date(2020, 2, 1)))
    assert due(wants, answered, TODAY) == [Window("b", date(2020, 1, 9), date(2020, 2, 1))]


def test_names_that_waited_for_a_week_come_first_then_the_past_then_the_rest() -> None:
    far = TODAY + timedelta(days=60)
    days = {name: TODAY - timedelta(days=n) for name, n in (("fresh", 3), ("waits", 9), ("waits longer", 12))}
    wants = [*((name, day, far) for name, day in days.items()), ("older", date(2010, 1, 1), date(2010, 2, 1))]
    wants.append(("old", date(2012, 1, 1), date(2012, 2, 1)))
    assert [window.name for window in due(wants, [], TODAY)] == ["waits longer", "waits", "old", "older", "fresh"]


def test_a_night_makes_its_share_of_searches_and_the_next_ones_the_rest(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "SEARCHES", 4)
    monkeypatch.setattr(connector, "BUNDLE", 3)
    nights.register(*(study(n, sponsor=f"Company {n}", drug=f"Drugium{n}") for n in range(1, 6)))
    seen: list[Window] = []
    for left in (6, 2, 0):
        done = nights.fetch()
        seen += nights.searched
        told = [note for note in done.notes if "left to the next nights" in note]
        assert [int(note.split()[0]) for note in told] == ([left] if left else [])
    assert len(seen) == len(set(seen)) == 10
    nights.fetch()
    assert nights.searched == []


def test_an_answer_that_is_full_is_searched_again_in_halves(fictium: Nights) -> None:
    days = [WHOLE.first + timedelta(days=n) for n in range((WHOLE.last - WHOLE.first).days + 1)]
    assert len(days) == 212
    fictium.give(*(item(f"Story {n}", day) for n, day in enumerate(days)))
    done = fictium.fetch()
    assert len(fictium.headlines()) == len(days)
    counts = [r["n_studies"] for r in fictium.sandbox.requests if r["path"] == "/news/search"]
    assert Counter(n == FULL for n in counts) == {True: 3, False: 4}
    assert not any("more than" in note for note in done.notes)
    assert fictium.rows("select count(*), sum(n_items) from raw_news__search") == [(4, 212)]
    fictium.fetch()
    assert fictium.searched == []


@pytest.mark.parametrize(("n", "n_searches"), [(FULL - 1, 1), (FULL, 3)])
def test_an_answer_is_full_at_a_hundred_items(fictium: Nights, n: int, n_searches: int) -> None:
    fictium.give(*(item(f"Story {i}", COMPLETED + timedelta(days=i)) for i in range(n)))
    fictium.fetch()
    assert (len(fictium.searched), len(fictium.headlines())) == (n_searches, n)


def test_a_day_that_is_still_full_is_noted(fictium: Nights) -> None:
    fictium.give(*(item(f"Story {n}", "2024-05-20") for n in range(FULL + 20)))
    done = fictium.fetch()
    day = Window(DRUG, date(2024, 5, 20), date(2024, 5, 20)).query
    assert [note for note in done.notes if "more than" in note] == [
        f"more than the 100 items that came may be of a single day: {day}"
    ]
    assert len(fictium.headlines()) == FULL
    fictium.fetch()
    assert fictium.searched == []


def test_the_first_and_the_last_day_of_a_search_belong_to_it(fictium: Nights) -> None:
    for name, day in (("before", -1), ("first", 0), ("last", 211), ("after", 212)):
        fictium.give(item(name, WHOLE.first + timedelta(days=day)))
    fictium.fetch()
    assert fictium.searched == [WHOLE]
    assert fictium.headlines() == ["first", "last"]


# What an item is


def test_items_have_their_headline_publisher_and_time(fictium: Nights) -> None:
    fictium.give(item("Fictium met - or missed?"), item("Undated", None), item("Bad time", None, published="today"))
    fictium.feeds = ["wire"]
    fictium.give(
        item("Fictium: p < 0.001 & more", feed="wire", guid="7"), item("Another", feed="wire", guid="https://x/8")
    )
    fictium.fetch()
    columns = "item_id, title, headline, publisher, publisher_url, link, published_text, published_at, feed, search"
    got = {
        row[2]: dict(zip(columns.split(", "), row, strict=True))
        for row in fictium.rows(f"select {columns} from raw_news__item")
    }
    found = got["Fictium met - or missed?"]
    assert found | {"item_id": "", "link": ""} == {
        "item_id": "",
        "title": "Fictium met - or missed? - Invented Wire",
        "headline": "Fictium met - or missed?",
        "publisher": "Invented Wire",
        "publisher_url": "https://wire.invalid",
        "link": "",
        "published_text": "Mon, 20 May 2024 07:00:00 GMT",
        "published_at": "2024-05-20T07:00:00Z",
        "feed": "google",
        "search": "fictium",
    }
    assert found["item_id"].startswith("CBMi")
    assert found["link"] == f"https://news.invalid/rss/articles/{found['item_id']}?oc=5"
    assert (got["Undated"]["published_text"], got["Undated"]["published_at"]) == (None, None)
    assert (got["Bad time"]["published_text"], got["Bad time"]["published_at"]) == ("today", None)
    address = "/feeds/wire.xml"
    own = got["Fictium: p < 0.001 & more"]
    assert (own["item_id"], own["publisher"], own["feed"], own["search"]) == (
        f"{address} 7",
        "Invented Wire",
        address,
        None,
    )
    assert own["link"] == "https://wire.invalid/Fictium:-p-<-0.001-&-more"
    assert got["Another"]["item_id"] == "https://x/8"


def test_an_item_found_twice_is_one_row_and_two_publishers_of_one_headline_are_two(nights: Nights) -> None:
    nights.register(study())
    nights.give(item("Fictium wins", words="fictium Invented Pharma trial"))
    nights.give(item("Same", guid="CBMi1"), item("Same again", guid="CBMi1"))
    nights.give(*(item("Copied", publisher=f"Paper {n}", link=f"https://{n}.invalid") for n in (1, 2)))
    nights.fetch()
    assert len(nights.searched) == 2
    assert nights.headlines() == ["Copied", "Copied", "Fictium wins", "Same"]


def test_a_feed_without_identifiers_is_told_by_its_links_and_an_item_without_either_is_quarantined() -> None:
    body = rss("<item><title>One</title><link>https://x/1</link></item><item><title>None</title></item>")
    parsed = news.parse("feed https://x/feed", body)
    assert parsed.tables["raw_news__item"]["item_id"].to_pylist() == ["https://x/1"]
    assert [row["start"] for row in parsed.quarantine] == ["None"]


def test_items_of_atom_and_of_rdf_are_read() -> None:
    atom = b'<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry><title>One</title><id>tag:x,2024:1</id>'
    atom += b'<link href="https://x/1"/><published>2024-05-20T09:00:00+02:00</published></entry></feed>'
    rdf = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
    rdf += b'<channel><title>R</title></channel><item rdf:about="https://x/2"><title>Two</title></item></rdf:RDF>'
    for body, found in ((atom, ("tag:x,2024:1", "2024-05-20T07:00:00Z")), (rdf, ("https://x/2", None))):
        assert news.read("feed https://x/feed", body) == 1
        [row] = news.parse("feed https://x/feed", body).tables["raw_news__item"].to_pylist()
        assert (row["item_id"], row["published_at"]) == found


# What may come in place of a feed


def rss(items: str = "", head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    text = f'{head}<rss version="2.0"><channel><title>T</title><link>https://t</link>{items}</channel></rss>'
    return text.encode()


ONE = "<item><title>One</title><guid>https://x/1</guid></item>"


@pytest.mark.parametrize(
    "body",
    [
        rss(),
        rss(ONE),
        b"\xef\xbb\xbf\n" + rss(ONE) + b"<!-- made in 0.1 s -->\n",
        rss(ONE.replace("One", "A & B")),
        rss(ONE.replace("One", "Caf\xe9")).replace("é".encode(), b"\xe9"),
        rss(ONE, "<!-- <b> --><!DOCTYPE rss PUBLIC '-//Netscape//DTD RSS 0.91//EN' 'x'>"),
    ],
    ids=["empty", "plain", "mark and remark", "ampersand", "latin-1", "doctype"],
)
def test_whole_feeds_pass(body: bytes) -> None:
    judge(body)


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        (b" \n", BadBodyError, "empty"),
        (rss(ONE)[:-10], BadBodyError, "cut short"),
        (b"<!DOCTYPE html><html><body><rss></rss></body></html>", BlockedError, "blocked or asked for consent"),
        (b"<html><head><title>unusual traffic</title></head></html>", BlockedError, "blocked or asked for consent"),
        (b"Too many requests", BlockedError, "blocked or asked for consent"),
        (b'{"items": []}', BlockedError, "blocked or asked for consent"),
        (
            b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>',
            BlockedError,
            "no kind of feed",
        ),
        (rss(ONE, '<!DOCTYPE rss [<!ENTITY a "b">]>'), SourceError, "entities"),
        (rss(ONE, '<?xml version="1.0" encoding="undefined"?>'), SourceError, "cannot be read"),
        (rss(ONE.replace("One", "&#99999999;")), SourceError, "cannot be read"),
        (rss(f"& <!-- {ONE}"), SourceError, "items cannot be read"),
    ],
    ids=["nothing", "cut", "html5", "html", "text", "json", "other feed", "entities", "encoding", "character", "items"],
)
def test_what_is_no_whole_feed_is_told(body: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        judge(body)
    assert type(raised.value) is error


@pytest.mark.parametrize("fault", ["bare_ampersands", "latin1_as_utf8"])
def test_feeds_that_are_not_quite_xml_are_read(fictium: Nights, fault: str) -> None:
    fictium.give(item("Café & trial of fictium"))
    fictium.sandbox.add_fault(fault)
    fictium.fetch()
    assert fictium.headlines() == ["Café & trial of fictium"]


@pytest.mark.parametrize("fault", ["truncated_json", "reset_mid_body", "rate_limited", "unavailable", "server_error"])
def test_what_another_try_mends_is_tried_again(fictium: Nights, fault: str) -> None:
    fictium.give(item("Fictium wins"))
    fictium.sandbox.add_fault(fault)
    done = fictium.fetch()
    assert (done.n_retries, fictium.headlines()) == (1, ["Fictium wins"])


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("html_at_200", "blocked or asked for consent"),
        ("consent_redirect", "blocked or asked for consent"),
        ("blocked", "blocks this client"),
        ("entity_bomb", "declares entities"),
    ],
)
def test_a_block_fails_at_once_and_is_named(fictium: Nights, fault: str, says: str) -> None:
    fictium.give(item("Fictium wins"))
    fictium.sandbox.add_fault(fault, site="news")
    with pytest.raises(SourceError, match=says) as raised:
        fictium.fetch()
    assert f"{fictium.url}/search" in str(raised.value)
    assert isinstance(raised.value, BlockedError) == (fault != "entity_bomb")
    assert len(fictium.searched) == 1
    fictium.fetch()
    assert fictium.headlines() == ["Fictium wins"]


def test_an_endless_answer_is_refused(fictium: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    fictium.give(item("Fictium wins"))
    fictium.sandbox.add_fault("endless_body")
    monkeypatch.setattr(pipeline, "http", lambda settings, source: pipeline.Http(max_bytes=1 << 20))
    with pytest.raises(SourceError, match="larger than"):
        fictium.fetch()


# Publishers' feeds


def test_a_feed_that_did_not_change_is_not_stored_again(nights: Nights) -> None:
    nights.feeds = ["wire"]
    nights.give(item("One", feed="wire"))
    nights.fetch()
    first = nights.snapshot
    done = nights.fetch()
    assert [r["status"] for r in nights.sandbox.requests] == [304]
    assert (done.n_new_pages, done.snapshot.id) == (0, first.id)
    nights.give(item("Two", feed="wire"))
    assert nights.fetch().n_new_pages == 1
    assert nights.headlines() == ["One", "Two"]
    nights.fetch(full=True)
    assert [r["status"] for r in nights.sandbox.requests] == [200]


def test_a_feed_that_fails_leaves_the_others_and_is_named_until_it_answers(fictium: Nights) -> None:
    fictium.feeds = ["gone", "wire"]
    fictium.give(item("Found"), item("Own", feed="wire"))
    done = fictium.fetch()
    address = "/feeds/gone.xml"
    assert fictium.headlines() == ["Found", "Own"]
    assert [note.split(": ")[0] for note in fictium.snapshot.notes if "FAILED" in note] == [
        f"FAILED {fictium.url}{address}"
    ]
    assert "1 of 2 feeds failed" in done.notes
    fictium.today += timedelta(days=1)
    assert fictium.fetch().snapshot.watermark["failing_since"] == {address: str(TODAY)}
    fictium.give(item("Back", feed="gone"))
    assert fictium.fetch().snapshot.watermark["failing_since"] == {}
    assert "Back" in fictium.headlines()


def test_a_feed_that_fails_once_is_not_stored_again_when_it_did_not_change(nights: Nights) -> None:
    nights.feeds = ["a", "b"]
    nights.give(item("One", feed="a"), item("Two", feed="b"))
    nights.fetch()
    nights.sandbox.add_fault("blocked", site="news")
    assert any("FAILED" in note for note in nights.fetch().notes)
    nights.fetch()
    assert [r["status"] for r in nights.sandbox.requests] == [304, 304]


def test_a_night_on_which_searches_fail_keeps_the_feeds_and_what_is_due(fictium: Nights) -> None:
    fictium.feeds = ["wire"]
    fictium.give(item("Found"), item("Own", feed="wire"))
    fictium.sandbox.add_fault("consent_redirect")
    done = fictium.fetch()
    assert fictium.headlines() == ["Own"]
    assert any(note.startswith(f"FAILED {fictium.url}/search: no feed but another page") for note in done.notes)
    assert "1 searches are left to the next nights, after 0 in this one" in done.notes
    fictium.fetch()
    assert fictium.headlines() == ["Found", "Own"]


def test_a_search_that_fails_leaves_the_answers_before_it(nights: Nights) -> None:
    nights.register(*(study(n, sponsor="X", drug=f"Drugium{n}") for n in (1, 2, 3)))
    nights.sandbox.add_fault("consent_redirect", after=2)
    done = nights.fetch()
    assert any(note.startswith("FAILED") for note in done.notes)
    asked = nights.searched
    nights.fetch()
    assert nights.searched == asked[2:]


def test_when_everything_fails_the_source_does(fictium: Nights) -> None:
    fictium.feeds = ["gone", "lost"]
    fictium.sandbox.add_fault("consent_redirect")
    with pytest.raises(SourceError, match=r"feeds/gone\.xml: HTTP 404"):
        fictium.fetch()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("https://x.invalid/feed\nfeeds of ours\n", "line 2"),
        ("file:///etc/hosts\n", "line 1"),
    ],
)
def test_a_bad_list_of_feeds_is_refused_before_anything_is_asked(
    fictium: Nights, tmp_path: Path, text: str | None, says: str
) -> None:
    file = tmp_path / "list.txt"
    if text:
        file.write_text(text)
    settings = Settings(str(fictium.home), TODAY, fictium.sandbox.urls, variables={"CTO_FEEDS": str(file)})
    fictium.sandbox.clear_requests()
    with pytest.raises(SourceError, match=f"CTO_FEEDS.*{says}"):
        pipeline.ingest_source(fictium.lake, settings, news, lambda: datetime(2024, 9, 1, tzinfo=UTC))
    assert fictium.sandbox.requests == []


def test_without_a_list_the_usual_feeds_are_read_only_where_the_usual_searches_are_made(fictium: Nights) -> None:
    settings = Settings(str(fictium.home), TODAY, fictium.sandbox.urls)
    done = pipeline.ingest_source(fictium.lake, settings, news, lambda: datetime(2024, 9, 1, tzinfo=UTC))
    assert any("no publisher's feed is read" in note for note in done.notes)
    assert {r["path"] for r in fictium.sandbox.requests} == {
        "/news/search",
        "/api/v2/version",
        "/api/v2/studies",
        "/api/v2/stats/size",
    }

    @dataclass
    class Live:
        setting: str = ""
        url: str = news.url

    addresses = connector._addresses(Live())  # type: ignore[arg-type]
    assert len(addresses) == 9
    assert all(address.startswith("https://") for address in addresses)


# Runs that break off


def test_a_run_that_is_taken_up_again_asks_nothing_twice(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "BUNDLE", 2)
    nights.register(*(study(n, sponsor="X", drug=f"Drugium{n}") for n in range(1, 7)))
    nights.feeds = ["wire"]
    nights.give(
        item("Own", feed="wire"), *(item(f"Story {n}", COMPLETED, words=f"Drugium{n} trial") for n in range(1, 7))
    )

    class Killed(BaseException):
        pass

    answers = connector._answers

    def killed(crawl: Any, todo: list[Window], n: int, failures: Any) -> Iterator[Answer]:
        if len(todo) <= 2:
            raise Killed
        return answers(crawl, todo, n, failures)

    monkeypatch.setattr(connector, "_answers", killed)
    with pytest.raises(Killed):
        nights.fetch()
    before = nights.sandbox.requests
    assert len(before) == 5
    monkeypatch.setattr(connector, "_answers", answers)
    nights.fetch()
    assert len(nights.sandbox.requests) == 2
    asked = [(r["path"], r["query"].get("q")) for r in [*before, *nights.sandbox.requests]]
    assert len(set(asked)) == 7
    assert len(nights.headlines()) == 7


def test_a_bundle_says_what_was_searched_and_what_came_whole() -> None:
    two_days = Window(DRUG, date(2024, 5, 1), date(2024, 5, 2))
    whole, full = Window(DRUG, date(2024, 5, 1), date(2024, 5, 1)), rss(ONE * FULL)
    body = pack([Answer(two_days.query, "answer", full), Answer(whole.query, "answer", full)])
    assert news.read("searches", body) == {two_days.query: FULL, whole.query: FULL}
    parsed = news.parse("searches", body)
    assert parsed.tables["raw_news__search"]["query"].to_pylist() == [whole.query]
    assert parsed.tables["raw_news__item"].num_rows == 1


# The stand-in and the shipped world


@pytest.mark.parametrize("lacks", ["hl", "gl", "ceid", "q"])
def test_the_stand_in_refuses_a_search_without_its_edition(nights: Nights, lacks: str) -> None:
    import requests

    query = {"q": "fictium", **connector.EDITION}
    assert requests.get(f"{nights.url}/search", query, timeout=5).status_code == 200
    assert requests.get(f"{nights.url}/search", query | {lacks: ""}, timeout=5).status_code == 400
    assert requests.get(f"{nights.url}/feeds/none.xml", timeout=5).status_code == 404


def test_the_stand_in_lists_its_feeds_in_a_file_that_goes_with_it() -> None:
    sandbox = Sandbox(world=WORLD)
    with sandbox:
        file = Path(sandbox.environment["CTO_FEEDS"])
        assert [line.rpartition("/")[2] for line in file.read_text().splitlines()] == [
            "imaginary-biotech-daily.xml",
            "invented-health-news.xml",
        ]
    del sandbox
    gc.collect()
    assert not file.exists()


def test_the_shipped_headlines_are_invented_and_all_come_in_one_night(tmp_path: Path) -> None:
    with Sandbox(world=WORLD) as sandbox:
        settings = Settings(
            str(tmp_path / "lake"), date(2026, 11, 1), sandbox.urls, 0.001, variables=sandbox.environment
        )
        for source in (next(c for c in registry.connectors() if c.name == "clinicaltrials_gov"), news):
            pipeline.ingest_source(
                pipeline.open_lake(settings), settings, source, lambda: datetime(2026, 11, 1, tzinfo=UTC)
            )
        shipped = list(sandbox.site("news").lines("news.jsonl"))
        nights = Nights(sandbox, tmp_path / "lake")
        got = nights.rows("select headline, publisher, feed = 'google' from raw_news__item")
    assert Counter(got) == Counter((line["title"], line["publisher"], line["feed"] == "google") for line in shipped)
    assert all(
        any(word in publisher for word in ("Fictional", "Invented", "Imaginary", "Made-Up")) for _, publisher, _ in got
    )
    assert all(".invalid/" in line["link"] for line in shipped)
