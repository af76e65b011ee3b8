"""The Orange Book's zip is read whole or refused, whatever comes in its place."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from connectors.orange_book import EXCLUSIVITY, MAX_UNPACKED, PATENT, PRODUCT, orange_book, parse, read
from cto import parts, pipeline, snapshot
from cto.doctor import examine
from cto.http import BadBodyError, BlockedError, SourceError
from cto.ingest import Ingested
from cto.lake import Lake
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.sandbox.sites.orange_book import HEADERS, packed
from cto.schema import Table
from cto.settings import Settings

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PRODUCTS = [
    "ALPHOL~TABLET, DELAYED RELEASE;ORAL~ALPHA~INVENTED~10MG~N~000123~001~AB~Oct 7, 2014~Yes~No~RX~INVENTED LTD",
    "ALPHOL; BETOL ~KIT~ALPHA-B~MADE UP~10MG;5MG~A~076941~002~~Approved Prior to Jan 1, 1982~No~Yes~DISCN~MADE UP",
]
PATENTS = ["N~000123~001~9990001*PED~Aug 24, 2026~Y~~U-141~~", "N~000123~001~9990002~Feb 1, 2027~~Y~~Y~Jun 27, 2013"]
EXCLUSIVITIES = ["N~000123~001~ODE-9~Jul 13, 2026"]


def zipped(products: str | bytes = "", patent: str = "", exclusivity: str = "", names: str = "{}.txt") -> bytes:
    """Return a book of the given files, by default those above."""
    defaults = (PRODUCTS, PATENTS, EXCLUSIVITIES)
    given = dict(zip(HEADERS, (products, patent, exclusivity), strict=True))
    texts = {n: t or "\r\n".join([HEADERS[n], *d]) for (n, t), d in zip(given.items(), defaults, strict=True)}
    return packed({names.format(n): t.encode() if isinstance(t, str) else t for n, t in texts.items()})


def rows(table: Table, body: bytes) -> list[dict[str, Any]]:
    return parse("book", body).tables[table.name].to_pylist()


def test_a_product_is_read_by_the_names_of_its_columns() -> None:
    first, second = rows(PRODUCT, zipped())
    assert first == {
        "row_index": 1,
        "application_type": "N",
        "application_number": "000123",
        "product_number": "001",
        "ingredients": ["alphol"],
        "dosage_form": "TABLET, DELAYED RELEASE",
        "route": "ORAL",
        "trade_name": "ALPHA",
        "applicant": "INVENTED",
        "applicant_full_name": "INVENTED LTD",
        "strength": "10MG",
        "approval_date_text": "Oct 7, 2014",
        "is_reference_drug": True,
        "is_reference_standard": False,
        "marketing": "RX",
        "equivalence_code": "AB",
    }
    assert second["ingredients"] == ["alphol", "betol"]
    assert (second["dosage_form"], second["route"]) == ("KIT", None)
    assert second["approval_date_text"] == "Approved Prior to Jan 1, 1982"
    assert second["application_type"] == "A"
    assert second["equivalence_code"] is None


def test_patents_and_exclusivities_are_read() -> None:
    columns = ("application_number", "patent_number", "expires_text", "is_substance", "is_product", "use_code")
    columns += ("is_delisted", "submitted_text")
    assert [tuple(row[name] for name in columns) for row in rows(PATENT, zipped())] == [
        ("000123", "9990001*PED", "Aug 24, 2026", True, False, "U-141", False, None),
        ("000123", "9990002", "Feb 1, 2027", False, True, None, True, "Jun 27, 2013"),
    ]
    [found] = rows(EXCLUSIVITY, zipped())
    assert (found["row_index"], found["exclusivity_code"], found["expires_text"]) == (1, "ODE-9", "Jul 13, 2026")


@pytest.mark.parametrize(
    "header",
    [
        HEADERS["exclusivity"].upper(),
        HEADERS["exclusivity"].replace("_", " ").lower(),
        " ~ ".join(HEADERS["exclusivity"].split("~")),
        "\ufeff" + HEADERS["exclusivity"],
    ],
)
def test_a_header_may_be_written_oddly(header: str) -> None:
    [found] = rows(EXCLUSIVITY, zipped(exclusivity=f"{header}\n{EXCLUSIVITIES[0]}\n"))
    assert found["exclusivity_code"] == "ODE-9"


def test_columns_may_stand_in_another_order() -> None:
    text = "Exclusivity_Date~Exclusivity_Code~Product_No~Appl_No~Appl_Type\nJul 13, 2026~NCE~001~000123~N"
    [found] = rows(EXCLUSIVITY, zipped(exclusivity=text))
    assert (found["application_number"], found["exclusivity_code"]) == ("000123", "NCE")


@pytest.mark.parametrize(
    ("encoded", "read_as"),
    [("Société".encode(), "Société"), ("Société ™".encode("cp1252"), "Société ™"), (b"Soci\x81t\xe9", "Soci\x81té")],
)
def test_bytes_that_are_not_utf_8_are_read_as_the_book_means_them(encoded: bytes, read_as: str) -> None:
    text = "\n".join([HEADERS["products"], PRODUCTS[0]]).encode().replace(b"INVENTED LTD", encoded)
    [found] = rows(PRODUCT, zipped(text))
    assert found["applicant_full_name"] == read_as


def test_a_line_end_of_another_alphabet_ends_no_line() -> None:
    text = "\n".join([HEADERS["products"], PRODUCTS[0].replace("INVENTED LTD", "IN\x85VENTED\u2028LTD")])
    assert len(rows(PRODUCT, zipped(text))) == 1


def test_lines_that_are_no_record_go_into_quarantine_with_the_reason() -> None:
    wrong = [PRODUCTS[0] + "~more", "", PRODUCTS[1], PRODUCTS[0].replace("000123", " "), "cut~short"]
    parsed = parse("book", zipped("\r\n".join([HEADERS["products"], *wrong])))
    assert [(row["position"], row["reason"]) for row in parsed.quarantine] == [
        (1, "products.txt: 15 fields where the header has 14"),
        (3, "products.txt: no applno"),
        (4, "products.txt: 2 fields where the header has 14"),
    ]
    [found] = parsed.tables[PRODUCT.name].to_pylist()
    assert found["row_index"] == 2


def test_the_files_may_lie_in_a_folder_and_be_named_in_capitals() -> None:
    assert len(rows(PRODUCT, zipped(names="EOBZIP_2026/{}.TXT"))) == 2


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (b"\r\n<!DOCTYPE html><html>Access Denied</html>", BlockedError, "a web page instead"),
        ("\ufeff<html>".encode(), BlockedError, "a web page instead"),
        ("\n".join([HEADERS["products"], *PRODUCTS]).encode(), SourceError, "a bare text file"),
        (b"", BadBodyError, "not the whole zip"),
        (zipped()[:-30], BadBodyError, "not the whole zip"),
        (packed({"products.txt": b"x"}), BadBodyError, r"a zip without patent.txt, exclusivity.txt"),
        (zipped(patent="Appl_Type~Appl_No\nN~1"), SourceError, "patent.txt .* lacks Product_No, Patent_No"),
        (zipped(exclusivity=HEADERS["exclusivity"] + "\r\n"), BadBodyError, "exclusivity.txt .* holds no row"),
        (zipped(b"~" * (MAX_UNPACKED + 1)), SourceError, "unpacks to more than"),
    ],
    ids=["html", "html after a mark", "text", "empty", "cut", "other zip", "other columns", "no rows", "bomb"],
)  # fmt: skip
def test_what_is_not_the_book_is_refused(body: bytes, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read("book", body)


def test_a_bomb_that_understates_its_size_is_not_unpacked_further_than_it_says() -> None:
    true = (1 << 20).to_bytes(4, "little")
    body = zipped(b"~" * (1 << 20)).replace(true, (100).to_bytes(4, "little"))
    with pytest.raises(BadBodyError, match="not the whole zip"):
        read("book", body)


def test_a_damaged_zip_is_never_read_as_another_book_and_never_breaks_the_reader() -> None:
    whole = zipped()
    texts, chance = read("book", whole), random.Random(7)
    n_refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        try:
            assert read("book", bytes(damaged)) == texts
        except (BadBodyError, SourceError):
            n_refused += 1
    assert n_refused > 200


@dataclass
class Nights:
    """The book's stand-in and a lake that is fed from it night by night."""

    sandbox: Sandbox
    home: Path

    def run(self, nights: int = 0, **options: bool) -> Ingested:
        self.sandbox.clear_requests()
        lake = pipeline.open_lake(self.settings)
        return pipeline.ingest_source(
            lake, self.settings, orange_book, lambda: NOW + timedelta(days=nights), options or None
        )

    @property
    def settings(self) -> Settings:
        return Settings(str(self.home), NOW.date(), self.sandbox.urls, backoff=0.001)

    @property
    def statuses(self) -> list[int]:
        return [request["status"] for request in self.sandbox.requests]

    def rows(self, table: Table, columns: str) -> list[tuple[Any, ...]]:
        lake = Lake(str(self.home))
        snap = snapshot.load(lake, orange_book.name)
        assert snap
        files = parts.files(lake, orange_book, parts.parse(lake, orange_book, snap), table.name)
        return duckdb.sql(f"select {columns} from read_parquet({files}) order by all").fetchall()


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with Sandbox(world=WORLD) as sandbox:
        yield Nights(sandbox, tmp_path / "lake")


def test_the_fictional_book_is_fetched_whole(nights: Nights) -> None:
    nights.run()
    sql = "distinct application_type, application_number, approval_date_text"
    karvexa = [row for row in nights.rows(PRODUCT, f"{sql}, ingredients") if "karvotinib mesylate" in row[3]]
    assert [row[:3] for row in karvexa] == [("A", "999801", "Aug 14, 2026"), ("N", "999102", "Jul 13, 2021")]
    assert [len(nights.rows(table, "*")) for table in (PRODUCT, PATENT, EXCLUSIVITY)] == [13, 5, 4]


def test_an_unchanged_book_is_not_sent_again(nights: Nights) -> None:
    first = nights.run()
    second = nights.run(1)
    assert nights.statuses == [304]
    assert second.snapshot == first.snapshot


def test_the_same_bytes_under_another_validator_are_no_new_content(nights: Nights) -> None:
    first = nights.run()
    second = nights.run(1, full=True)
    assert nights.statuses == [200]
    assert second.snapshot.state == first.snapshot.state


def test_a_newer_book_replaces_the_older_whole(nights: Nights) -> None:
    nights.run()
    site = nights.sandbox.site("orange_book")
    lines = site.files["products.txt"].split(b"\r\n")
    site.files["products.txt"] = b"\r\n".join(line for line in lines if b"KARVEXA" not in line)
    assert len(nights.run(1).snapshot.pages) == 1
    assert len(nights.rows(PRODUCT, "*")) == 11


def test_a_file_without_reference_standards_is_read(nights: Nights) -> None:
    nights.sandbox.add_fault("book_without_rs")
    nights.run()
    assert set(nights.rows(PRODUCT, "is_reference_standard")) == {(None,)}
    assert ("KARVEXA", "RX", True) in nights.rows(PRODUCT, "trade_name, marketing, is_reference_drug")


@pytest.mark.parametrize("fault", ["zip_truncated", "truncated_json", "reset_mid_body", "unavailable", "rate_limited"])
def test_a_passing_fault_is_got_over(nights: Nights, fault: str) -> None:
    nights.sandbox.add_fault(fault, times=2, site="orange_book")
    assert nights.run().n_retries == 2
    assert len(nights.rows(PRODUCT, "*")) == 13


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("html_at_200", BlockedError, "a web page instead of the Orange Book"),
        ("blocked", BlockedError, "HTTP 403"),
        ("zip_truncated", SourceError, "not the whole zip"),
        ("zip_bomb", SourceError, "unpacks to more than"),
        ("book_unzipped", SourceError, "CTO_ORANGE_BOOK_URL must name the zip"),
        ("server_error", SourceError, "HTTP 500"),
    ],
)
def test_a_fault_that_stays_fails_the_source_and_the_last_book_counts(
    nights: Nights, fault: str, error: type[SourceError], said: str
) -> None:
    nights.run()
    nights.sandbox.site("orange_book").files["products.txt"] += PRODUCTS[0].encode() + b"\r\n"
    nights.sandbox.add_fault(fault, times=None, site="orange_book")
    with pytest.raises(error, match=said):
        nights.run(1)
    assert len(nights.rows(PRODUCT, "*")) == 13
    nights.sandbox.faults.clear()
    nights.run(2)
    assert len(nights.rows(PRODUCT, "*")) == 14


def test_a_block_or_a_bomb_is_not_asked_for_again(nights: Nights) -> None:
    for fault in ("html_at_200", "zip_bomb"):
        nights.sandbox.add_fault(fault, times=None, site="orange_book")
        with pytest.raises(SourceError):
            nights.run()
        assert len(nights.statuses) == 1
        nights.sandbox.faults.clear()


def test_the_doctor_tells_what_the_book_holds(nights: Nights) -> None:
    [found] = examine(nights.settings, [orange_book])
    assert (found.is_well, found.verdict) == (True, "answers as expected: 13 of product, 5 of patent, 4 of exclusivity")


def test_the_stand_in_serves_a_real_zip_and_nothing_else(nights: Nights, tmp_path: Path) -> None:
    address = nights.sandbox.url + "/orange_book"
    got = requests.get(address, timeout=5)
    (tmp_path / "book.zip").write_bytes(got.content)
    assert zipfile.ZipFile(tmp_path / "book.zip").namelist() == ["products.txt", "patent.txt", "exclusivity.txt"]
    assert requests.get(address, headers={"If-None-Match": got.headers["ETag"]}, timeout=5).status_code == 304
    assert requests.get(address + "/products.txt", timeout=5).status_code == 404
