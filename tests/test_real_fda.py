"""The real Orange Book files load without loss: every line is a row, every value is the line's."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from connectors.orange_book import EXCLUSIVITY, PATENT, PRODUCT, orange_book
from cto import pipeline
from cto.lake import Lake
from cto.raw import open_raw
from cto.sandbox import Sandbox
from cto.settings import Settings
from tests.real import SHARED

FILES = {
    "products.txt": SHARED / "fda" / "products_sample_2025.txt.gz",
    "patent.txt": SHARED / "fda" / "patent.txt.gz",
    "exclusivity.txt": SHARED / "fda" / "exclusivity.txt.gz",
}
AS_OF = date(2026, 11, 1)

pytestmark = pytest.mark.skipif(
    not all(path.exists() for path in FILES.values()), reason="the real Orange Book files are not at ../shared/data/fda"
)

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Return the raw tables after the connector fetched a zip of the real files from the stand-in."""
    with Sandbox() as sandbox:
        site = sandbox.site("orange_book")
        site.files = {name: gzip.decompress(path.read_bytes()) for name, path in FILES.items()}
        home = str(tmp_path_factory.mktemp("fda") / "lake")
        settings = Settings(home, AS_OF, sandbox.urls, backoff=0.001)
        lake = pipeline.open_lake(settings)
        now = datetime(2026, 11, 1, tzinfo=UTC)
        snap = pipeline.ingest_source(lake, settings, orange_book, lambda: now).snapshot
    con = duckdb.connect()
    assert open_raw(Lake(home), con, [snap]) == []
    return con


def rows(book: duckdb.DuckDBPyConnection, table: str, columns: str, where: str = "true") -> Rows:
    return book.execute(f"select {columns} from {table} where {where} order by row_index").fetchall()


def lines(name: str) -> list[list[str | None]]:
    """Return the fields of a file's lines after the header; one that is empty as None."""
    text = gzip.decompress(FILES[name].read_bytes()).decode("ascii").replace("\r", "")
    return [[field or None for field in line.split("~")] for line in text.strip("\n").split("\n")[1:]]


def test_every_patent_is_there_as_it_is_printed(book: duckdb.DuckDBPyConnection) -> None:
    columns = "application_type, application_number, product_number, patent_number, expires_text, is_substance, "
    columns += "is_product, use_code, is_delisted, submitted_text"
    expected = [
        tuple(field == "Y" if i in (5, 6, 8) else field for i, field in enumerate(line)) for line in lines("patent.txt")
    ]
    assert len(expected) == 18_578
    assert rows(book, PATENT.name, columns) == expected


def test_every_exclusivity_is_there_as_it_is_printed(book: duckdb.DuckDBPyConnection) -> None:
    columns = "application_type, application_number, product_number, exclusivity_code, expires_text"
    expected = [tuple(line) for line in lines("exclusivity.txt")]
    assert len(expected) == 2_089
    assert rows(book, EXCLUSIVITY.name, columns) == expected


def test_counts_are_those_of_the_files(book: duckdb.DuckDBPyConnection) -> None:
    assert len(rows(book, PATENT.name, "*", "patent_number like '%*PED'")) == 1_941
    [(substances, products, delisted, submitted, n)] = book.execute(
        "select count_if(is_substance), count_if(is_product), count_if(is_delisted), count(submitted_text), "
        f"count(distinct application_number) from {PATENT.name}"
    ).fetchall()
    assert (substances, products, delisted, submitted, n) == (3_218, 8_957, 76, 15_836, 1_210)
    kinds = Counter(row[0] for row in rows(book, EXCLUSIVITY.name, "exclusivity_code"))
    assert [kinds[code] for code in ("NCE", "PED", "NPP", "NP")] == [384, 243, 138, 124]
    assert Counter(row[0] for row in rows(book, EXCLUSIVITY.name, "application_type")) == {"N": 2_038, "A": 51}


def test_single_lines_read_as_a_reader_reads_them(book: duckdb.DuckDBPyConnection) -> None:
    columns = "application_number, product_number, patent_number, expires_text, use_code, is_substance"
    assert rows(book, PATENT.name, columns, "row_index in (1, 8999, 18578)") == [
        ("020610", "001", "7625884", "Aug 24, 2026", "U-141", False),
        ("021642", "001", "7229636", "Aug 1, 2024", "U-817", False),
        ("212614", "004", "11090323*PED", "Oct 3, 2034", None, False),
    ]
    columns = "application_number, product_number, exclusivity_code, expires_text"
    assert rows(book, EXCLUSIVITY.name, columns, "row_index in (1, 999, 2089)") == [
        ("017031", "001", "RTO", "Jul 13, 2026"),
        ("214998", "002", "M-297", "Jun 15, 2026"),
        ("217417", "001", "GAIN", "Mar 22, 2033"),
    ]


def test_every_date_is_one(book: duckdb.DuckDBPyConnection) -> None:
    for table, column in ((PATENT, "expires_text"), (PATENT, "submitted_text"), (EXCLUSIVITY, "expires_text")):
        texts = [row[0] for row in rows(book, table.name, column) if row[0]]
        days = {datetime.strptime(text, "%b %d, %Y").date() for text in texts}
        assert date(1990, 1, 1) < min(days)
        assert max(days) < date(2060, 1, 1)


def test_products_are_read_with_their_forms_ingredients_and_old_approvals(book: duckdb.DuckDBPyConnection) -> None:
    assert len(rows(book, PRODUCT.name, "*")) == 18
    assert set(rows(book, PRODUCT.name, "dosage_form, route")) == {("TABLET, DELAYED RELEASE", "ORAL")}
    columns = (
        "application_type, application_number, product_number, ingredients, strength, approval_date_text, marketing"
    )
    columns += ", is_reference_drug, is_reference_standard, equivalence_code"
    found = rows(book, PRODUCT.name, columns, "application_number in ('205811', '062298', '050678', '211571')")
    both = ["doxylamine succinate", "pyridoxine hydrochloride"]
    old = "Approved Prior to Jan 1, 1982"
    assert found == [
        ("A", "205811", "001", both, "10MG;10MG", "Aug 19, 2016", "RX", False, False, "AB"),
        ("N", "050678", "001", ["dirithromycin"], "250MG", "Jun 19, 1995", "DISCN", False, False, None),
        ("A", "062298", "002", ["erythromycin"], "500MG", old, "RX", False, True, "AB"),
        ("A", "211571", "001", ["esomeprazole magnesium"], "EQ 20MG BASE", "May 14, 2020", "OTC", False, False, None),
    ]
    assert Counter(row[0] for row in rows(book, PRODUCT.name, "application_type")) == {"A": 11, "N": 7}
