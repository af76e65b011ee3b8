"""Approvals and complete response letters of openFDA come complete or not at all."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

import connectors._openfda as paging
from connectors.drugs_at_fda import APPLICATION, LETTER, LETTERS, PRODUCT, SUBMISSION, drugs_at_fda, parse
from cto import pipeline, snapshot
from cto.doctor import examine
from cto.http import BlockedError, RefusedError, SourceError
from cto.ingest import Ingested
from cto.lake import Lake
from cto.raw import open_raw
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.schema import Table
from cto.settings import Settings

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "s3cretKey"

Json = dict[str, Any]
Rows = list[tuple[Any, ...]]


def record(number: int, day: str = "20200102", kind: str = "NDA", **changes: Any) -> Json:
    submission = {"submission_type": "ORIG", "submission_number": "1", "submission_status": "AP"}
    product = {"product_number": "001", "active_ingredients": [{"name": f"DRUG {number}", "strength": "1MG"}]}
    found = {
        "application_number": f"{kind}{number:06d}",
        "products": [product],
        "submissions": [submission | {"submission_status_date": day}],
    }
    return found | changes


def letter(name: str = "a.pdf", numbers: Any = ("NDA 990001",), text: str = "", **changes: Any) -> Json:
    given = list(numbers) if isinstance(numbers, tuple) else numbers
    return {"file_name": name, "application_number": given, "letter_date": "01/02/2020", "text": text} | changes


def page(*records: Any) -> bytes:
    return json.dumps({"meta": {"results": {"total": len(records)}}, "results": records}).encode()


def test_an_application_is_read_with_its_products_and_submissions() -> None:
    submission = {"submission_type": "SUPPL", "submission_number": "5", "submission_status": "AP"}
    submission |= {
        "submission_status_date": "20240115",
        "submission_class_code": "EFFICACY",
        "review_priority": "STANDARD",
    }
    product = {"product_number": "002", "brand_name": "ALPHA-B", "dosage_form": "TABLET", "route": "ORAL"}
    product |= {"active_ingredients": [{"name": "ALPHOL"}, {"name": "BETOL"}], "marketing_status": "Prescription"}
    names = {"generic_name": ["ALPHOL AND BETOL"], "substance_name": ["ALPHOL", "BETOL"]}
    given = record(990001, sponsor_name="INVENTED", openfda=names, products=[product], submissions=[submission])
    found = {name: table.to_pylist() for name, table in parse("application", page(given)).tables.items()}
    key = {"application_number": "NDA990001"}
    assert found == {
        APPLICATION.name: [
            key
            | {
                "sponsor_name": "INVENTED",
                "generic_names": ["alphol and betol"],
                "substance_names": ["alphol", "betol"],
            }
        ],
        PRODUCT.name: [
            key
            | {
                "product_number": "002",
                "brand_name": "ALPHA-B",
                "ingredients": ["alphol", "betol"],
                "dosage_form": "TABLET",
                "route": "ORAL",
                "marketing_status": "Prescription",
            }
        ],
        SUBMISSION.name: [
            key
            | {
                "submission_type": "SUPPL",
                "submission_number": "5",
                "status": "AP",
                "status_date_text": "20240115",
                "class_code": "EFFICACY",
                "review_priority": "STANDARD",
            }
        ],
        LETTER.name: [],
    }


def test_generics_are_left_out_and_are_no_failure() -> None:
    parsed = parse("application", page(record(990001, kind="ANDA"), record(990002, kind="BLA"), record(990003)))
    assert parsed.tables[APPLICATION.name]["application_number"].to_pylist() == ["BLA990002", "NDA990003"]
    assert parsed.tables[SUBMISSION.name].num_rows == 2
    assert parsed.quarantine == ()


def test_what_cannot_be_read_is_set_aside_with_the_reason_and_the_rest_is_read() -> None:
    nameless = {"submission_type": "ORIG", "submission_status": "AP"}
    half = record(990004)
    half["submissions"].append(nameless)
    given = ["text", {}, record(990001, application_number="12"), record(990002, products="x"), half, record(990005)]
    parsed = parse("application", page(*given))
    assert [(row["position"], row["id"], row["reason"]) for row in parsed.quarantine] == [
        (0, "", "no number of an application: ''"),
        (1, "", "no number of an application: ''"),
        (2, "", "no number of an application: '12'"),
        (3, "NDA990002", "products is no list of records"),
        (4, "NDA990004", f"{SUBMISSION.name}: a row without {' or '.join(SUBMISSION.key)}"),
    ]
    assert parsed.tables[APPLICATION.name]["application_number"].to_pylist() == ["NDA990004", "NDA990005"]
    assert parsed.tables[SUBMISSION.name].num_rows == 2


def test_a_letter_is_a_row_for_each_application_it_is_about() -> None:
    given = [
        letter("a.pdf", ("NDA 990001", "NDA990001/Original 1", "BL 990002")),
        letter("b.pdf", "BLA 990003/S-5"),
        letter("c.pdf", ("ANDA 990004",)),
        letter("d.pdf", ("990005",)),
        letter("", ("NDA 990006",)),
        letter("e.pdf", None),
    ]
    parsed = parse("letter", page(*given))
    found = parsed.tables[LETTER.name].to_pylist()
    assert [(row["file_name"], row["application_number"]) for row in found] == [
        ("a.pdf", "NDA990001"),
        ("a.pdf", "BLA990002"),
        ("b.pdf", "BLA990003"),
    ]
    assert found[0]["letter_date_text"] == "01/02/2020"
    assert (found[0]["grounds"], found[0]["product_words"]) == (None, None)
    assert [(row["id"], row["position"]) for row in parsed.quarantine] == [("d.pdf", 3), ("", 4), ("e.pdf", 5)]


def test_stray_bytes_of_a_scan_are_let_pass() -> None:
    body = page(letter(text="Dear X: Please refer to your NDA for alphol\ud800 tablets.", company_name="Mü"))
    [found] = parse("letter", body.replace(b"M\\u00fc", b"M\xfc")).tables[LETTER.name].to_pylist()
    assert found["company_name"] == "M?"
    assert found["product_words"] == "Please refer to your NDA for alphol? tablets."


@dataclass
class Nights:
    """The stand-in of openFDA and a lake that is fed from it night by night."""

    sandbox: Sandbox
    home: Path
    keys: dict[str, str] = field(default_factory=dict)

    def run(self, nights: int = 0, **options: bool) -> Ingested:
        self.sandbox.clear_requests()
        lake = pipeline.open_lake(self.settings)
        return pipeline.ingest_source(
            lake, self.settings, drugs_at_fda, lambda: NOW + timedelta(days=nights), options or None
        )

    @property
    def settings(self) -> Settings:
        return Settings(str(self.home), NOW.date(), self.sandbox.urls, backoff=0.001, keys=self.keys)

    @property
    def site(self) -> Any:
        return self.sandbox.site("drugs_at_fda")

    def calls(self) -> list[str]:
        """Return the days asked for, or that it was letters, and what was skipped, of each call for a page."""
        found = []
        for call in self.sandbox.requests:
            query = call["query"]
            days = query.get("search", "").partition(":")[2].strip("[]").replace(" TO ", "-")
            if query["limit"] != "1":
                found.append(f"{days or 'letters'} {query['skip']}")
        return found

    def rows(self, table: Table, columns: str) -> Rows:
        lake = Lake(str(self.home))
        snap = snapshot.load(lake, drugs_at_fda.name)
        assert snap
        with duckdb.connect() as con:
            open_raw(lake, con, [snap])
            return con.execute(f"select {columns} from {table.name} order by all").fetchall()

    @property
    def numbers(self) -> list[str]:
        return [row[0] for row in self.rows(APPLICATION, "application_number")]


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    """Return a stand-in with twelve applications, two of them generics, and one letter."""
    with Sandbox() as sandbox:
        site = sandbox.site("drugs_at_fda")
        days = ["19390203", "19610203", "19850405", "19991231", "20000101", "20150607"] * 2
        kinds = ["NDA"] * 10 + ["ANDA"] * 2
        site.add([record(990000 + i, day, kind) for i, (day, kind) in enumerate(zip(days, kinds, strict=True))])
        site.add(letters=[letter()])
        yield Nights(sandbox, tmp_path / "lake")


def small_pages(monkeypatch: pytest.MonkeyPatch, nights: Nights, size: int, most: int) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", size)
    monkeypatch.setattr(paging, "MOST", most)
    nights.site.most_skipped = most


def test_the_fictional_approvals_and_letters_are_fetched(tmp_path: Path) -> None:
    with Sandbox(world=WORLD) as sandbox:
        nights = Nights(sandbox, tmp_path / "lake")
        assert nights.run().n_requests == 4
        sql = "application_number, submission_type, status_date_text, class_code"
        approvals = [row for row in nights.rows(SUBMISSION, sql) if row[0] in ("BLA799901", "NDA999102")]
        assert ("BLA799901", "ORIG", "20170411", None) in approvals
        assert ("BLA799901", "SUPPL", "20210316", "EFFICACY") in approvals
        assert ("NDA999102", "ORIG", "20210713", "TYPE 1") in approvals
        assert not [number for number in nights.numbers if number.startswith("ANDA")]
        assert nights.rows(LETTER, "application_number, letter_date_text, approval_status, grounds") == [
            ("BLA799903", "03/18/2021", "Unapproved", ["product_quality", "facility"]),
            ("BLA799904", "09/29/2022", "Unapproved", ["safety", "clinical"]),
            ("NDA999103", "12/08/2017", "Approved", ["product_quality", "facility"]),
            ("NDA999106", "04/26/2016", "Unapproved", ["clinical", "statistical"]),
        ]
        told = {row[0]: row[1] for row in nights.rows(LETTER, "application_number, product_words")}
        for number, name in [("BLA799903", "Influvexa"), ("BLA799904", "Glydexin"), ("NDA999106", "corvacillin")]:
            assert name in told[number]


def test_the_plus_sign_of_a_search_is_sent_as_it_is(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    handle = nights.site.handle
    monkeypatch.setattr(nights.site, "handle", lambda request: sent.append(request.raw_query) or handle(request))
    nights.run()
    [search] = [query for query in sent if query.startswith("search=")]
    assert search.replace("%5B", "[").replace("%5D", "]") == (
        "search=submissions.submission_status_date:[19380101+TO+20261101]&limit=1000&skip=0"
    )


def test_many_early_years_are_asked_for_at_once_and_too_many_records_in_halves(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pages(monkeypatch, nights, 2, 6)
    nights.run()
    assert len(nights.numbers) == 10
    assert nights.calls() == [
        "19380101-20261101 0",
        "19380101-19820602 0",
        "19380101-19820602 2",
        "19820603-20261101 0",
        "19820603-20040817 0",
        "19820603-20040817 2",
        "19820603-20040817 4",
        "20040818-20261101 0",
        "letters 0",
    ]


def test_a_day_with_more_than_can_be_paged_through_is_an_error(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch, nights, 1, 1)
    with pytest.raises(SourceError, match=r"2 records, of which openFDA gives no more than 1"):
        nights.run()


def test_a_night_without_an_update_asks_only_whether_there_was_one(nights: Nights) -> None:
    first = nights.run()
    second = nights.run(1)
    assert [call["query"] for call in nights.sandbox.requests] == [{"limit": "1"}] * 2
    assert second.snapshot == first.snapshot


def test_a_later_crawl_asks_for_the_days_since_the_last_and_a_month_before(nights: Nights) -> None:
    nights.run()
    revised = record(990000, "20261020", sponsor_name="NEW HOLDER")
    nights.site.add([record(991000, "20261010"), revised, record(991001, "20260901")])
    nights.run(3)
    assert nights.calls() == ["20261002-20261104 0", "letters 0"]
    assert "NDA991000" in nights.numbers
    assert "NDA991001" not in nights.numbers
    assert ("NDA990000", "NEW HOLDER") in nights.rows(APPLICATION, "application_number, sponsor_name")
    assert nights.rows(SUBMISSION, "status_date_text").count(("20261020",)) == 1
    nights.site.add()
    nights.run(5)
    assert nights.calls() == ["20261005-20261106 0", "letters 0"]
    nights.run(6, full=True)
    assert nights.calls() == ["19380101-20261107 0", "letters 0"]
    assert "NDA991001" in nights.numbers


def test_days_without_a_submission_are_empty_and_keep_what_is_held(nights: Nights) -> None:
    nights.run()
    nights.site.add()
    nights.run(3)
    assert len(nights.numbers) == 10
    assert [call["status"] for call in nights.sandbox.requests].count(404) == 1


def test_another_404_is_no_empty_answer(nights: Nights) -> None:
    nights.run()
    nights.site.add()
    nights.sandbox.add_fault("endpoint_gone", after=1)
    with pytest.raises(RefusedError, match="HTTP 404: Cannot GET"):
        nights.run(3)


def test_nothing_at_all_is_no_first_answer(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "connectors.drugs_at_fda.SINCE", "search=submissions.submission_status_date:[{:%Y%m%d}%2BTO%2B{:%Y%m%d}]"
    )
    with pytest.raises(SourceError, match="finds no application since 1938-01-01: it does not understand"):
        nights.run()
    nights.site.applications.clear()
    with pytest.raises(RefusedError, match="No matches found"):
        nights.run()


def test_letters_that_vanish_are_an_error_and_the_old_ones_count(nights: Nights) -> None:
    nights.run()
    nights.site.letters.clear()
    nights.site.add()
    with pytest.raises(RefusedError, match="No matches found"):
        nights.run(1)
    assert nights.rows(LETTER, "file_name") == [("a.pdf",)]


def test_letters_that_vanish_while_they_are_fetched_are_an_error(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, asked = nights.site._found, []

    def vanishing(path: str, search: str) -> list[Json]:
        asked.append(path)
        return [] if asked.count(LETTERS) == 2 else list(found(path, search))

    monkeypatch.setattr(nights.site, "_found", vanishing)
    with pytest.raises(SourceError, match="finds no letter, though it says that there are some"):
        nights.run()


def test_letters_that_are_asked_for_again_count_once(nights: Nights) -> None:
    nights.site.add(letters=[letter("b.pdf"), letter("c.pdf")])
    nights.sandbox.add_fault("record_lost", after=3)
    assert "2 records came of 3 announced" in "".join(nights.run().notes)
    assert nights.rows(LETTER, "file_name") == [("a.pdf",), ("b.pdf",), ("c.pdf",)]


def test_letters_are_replaced_whole(nights: Nights) -> None:
    nights.run()
    nights.site.letters.clear()
    nights.site.add(letters=[letter("b.pdf", approval_status="Approved")])
    nights.run(1)
    assert nights.rows(LETTER, "file_name, approval_status") == [("b.pdf", "Approved")]


def test_a_page_that_lacks_a_record_is_asked_for_again(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch, nights, 5, 100)
    nights.sandbox.add_fault("record_lost", after=3)  # the question for updates and two pages pass
    assert "11 records came of 12 announced; asking for them again" in "".join(nights.run().notes)
    assert len(nights.numbers) == 10


def test_records_that_shift_between_pages_are_noticed(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch, nights, 5, 100)
    found, calls = nights.site._found, []

    def shifting(path: str, search: str) -> list[Json]:
        calls.append(search)
        listed: list[Json] = found(path, search)
        return listed[-1:] + listed[:-1] if len(calls) == 3 else listed

    monkeypatch.setattr(nights.site, "_found", shifting)
    assert "asking for them again" in "".join(nights.run().notes)
    assert len(nights.numbers) == 10


@pytest.mark.parametrize(("after", "query"), [(1, "drugsfda.json"), (3, "crl.json")])
def test_what_stays_incomplete_is_an_error(nights: Nights, after: int, query: str) -> None:
    nights.sandbox.add_fault("record_lost", after=after, times=None)
    with pytest.raises(SourceError, match=rf"{query}.*incomplete after 3 starts"):
        nights.run()


@pytest.mark.parametrize(
    "fault",
    ["over_rate_limit", "unavailable", "server_error", "truncated_json", "html_at_200", "reset_mid_body"],
)
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_passing_fault_is_got_over(nights: Nights, fault: str, after: int) -> None:
    nights.sandbox.add_fault(fault, times=1, after=after, site="drugs_at_fda")
    assert nights.run().n_retries == 1
    assert (len(nights.numbers), len(nights.rows(LETTER, "*"))) == (10, 1)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("over_rate_limit", SourceError, "HTTP 429"),
        ("truncated_json", SourceError, "not JSON, cut short"),
        ("html_at_200", SourceError, "not JSON"),
        ("blocked", BlockedError, "HTTP 403"),
    ],
)
def test_a_fault_that_stays_fails_the_source_and_leaves_the_last_snapshot(
    nights: Nights, fault: str, error: type[SourceError], said: str
) -> None:
    nights.run()
    nights.site.add([record(991000, "20261010")])
    nights.sandbox.add_fault(fault, times=None, after=1, site="drugs_at_fda")
    with pytest.raises(error, match=said):
        nights.run(1)
    assert len(nights.numbers) == 10


def test_a_killed_crawl_asks_for_no_page_twice(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch, nights, 2, 6)
    nights.sandbox.add_fault("blocked", after=6, site="drugs_at_fda")
    with pytest.raises(BlockedError):
        nights.run()
    done = nights.calls()[:5]
    nights.run(1)
    assert len(done) == 5
    assert not set(done) & set(nights.calls())
    assert nights.calls()[-1] == "letters 0"
    assert len(nights.numbers) == 10


def test_an_update_in_the_middle_of_a_crawl_is_read_the_next_night(nights: Nights) -> None:
    nights.sandbox.add_fault("blocked", after=2, site="drugs_at_fda")
    with pytest.raises(BlockedError):
        nights.run()
    nights.site.add([record(991000, "20261031")])
    nights.run()
    assert "NDA991000" not in nights.numbers
    nights.run(1)
    assert "NDA991000" in nights.numbers


def test_the_key_is_sent_as_the_user_name_and_stands_nowhere_else(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.site.key, nights.keys = KEY, {"drugs_at_fda": KEY}
    seen: list[Any] = []
    handle = nights.site.handle
    monkeypatch.setattr(nights.site, "handle", lambda request: seen.append(request) or handle(request))
    notes = nights.run().notes
    nights.sandbox.add_fault("endpoint_gone", times=None)
    with pytest.raises(SourceError) as error:
        nights.run(1)
    sent = base64.b64encode(f"{KEY}:".encode()).decode()
    assert {request.headers["authorization"] for request in seen} == {f"Basic {sent}"}
    assert not any(KEY in f"{request.path}?{request.raw_query}" for request in seen)
    files = b"".join(path.read_bytes() for path in nights.home.rglob("*") if path.is_file())
    for shown in (files, str(error.value).encode(), repr(error.value).encode(), "".join(notes).encode()):
        assert KEY.encode() not in shown
        assert sent.encode() not in shown


def test_a_wrong_key_blocks(nights: Nights) -> None:
    nights.site.key, nights.keys = "another", {"drugs_at_fda": KEY}
    with pytest.raises(BlockedError, match="API_KEY_INVALID"):
        nights.run()


def test_the_doctor_reads_approvals(tmp_path: Path) -> None:
    with Sandbox(world=WORLD) as sandbox:
        [found] = examine(Nights(sandbox, tmp_path).settings, [drugs_at_fda])
    assert found.is_well
    assert found.verdict.startswith("answers as expected: 5 of application")


def test_the_stand_in_answers_as_openfda_does(nights: Nights) -> None:
    def get(path: str) -> tuple[int, Any]:
        answer = requests.get(nights.sandbox.url + "/openfda" + path, timeout=5)
        return answer.status_code, answer.json().get("error", {}).get("code") if "{" in answer.text else answer.text

    days = "search=submissions.submission_status_date:"
    apps = "/drug/drugsfda.json?"
    assert get(f"{apps}{days}[19390101+TO+19391231]") == (200, None)
    assert get(f"{apps}{days}[19390101%2BTO%2B19391231]") == (404, "NOT_FOUND")
    assert get(f"{apps}{days}[19000101+TO+19001231]") == (404, "NOT_FOUND")
    assert get(f"{apps}limit=1001") == (403, "API_KEY_MISSING")
    assert get(f"{apps}skip=25001") == (400, "BAD_REQUEST")
    assert get(f"{apps}skip=25000") == (404, "NOT_FOUND")
    assert get(f"{apps}api_key=x") == (400, "BAD_REQUEST")
    assert get(f"{apps}search=sponsor_name:x") == (400, "BAD_REQUEST")
    assert get("/transparency/crl.json?limit=1000&skip=0") == (200, None)
    assert get("/drug/label.json") == (404, "Cannot GET this address")
