"""FDA Orange Book: approved small-molecule products, their patents and exclusivity."""

from __future__ import annotations

from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.schema import Column, Table

_RAW = "raw_orange_book__"
APPLICATION = (
    Column("application_type", "VARCHAR", "N: new drug; A: generic.", required=True, values=("N", "A")),
    Column("application_number", "VARCHAR", "Number of the application, with its leading zeros.", required=True),
    Column("product_number", "VARCHAR", "Number of the product within it, with its leading zeros.", required=True),
)
ROW = Column("row_index", "INTEGER", "Position, from 1, in the file.", required=True)

PRODUCT = Table(
    f"{_RAW}product",
    "One row an approved product.",
    ("row_index",),
    (
        ROW,
        *APPLICATION,
        Column("ingredients", "VARCHAR[]", "Active ingredients, in lower case, in the book's order."),
        Column("dosage_form", "VARCHAR", "Dosage form."),
        Column("route", "VARCHAR", "Route of administration."),
        Column("trade_name", "VARCHAR", "Trade name."),
        Column("applicant", "VARCHAR", "Applicant, abbreviated."),
        Column("applicant_full_name", "VARCHAR", "Applicant."),
        Column("strength", "VARCHAR", "Strength."),
        Column("approval_date_text", "VARCHAR", "Day of approval as printed, such as Oct 7, 2014."),
        Column("is_reference_drug", "BOOLEAN", "It is a reference listed drug."),
        Column("is_reference_standard", "BOOLEAN", "It is a reference standard; null in files without that column."),
        Column("marketing", "VARCHAR", "How it is marketed.", values=("RX", "OTC", "DISCN")),
        Column("equivalence_code", "VARCHAR", "Therapeutic equivalence code."),
    ),
)
PATENT = Table(
    f"{_RAW}patent",
    "One row a patent listed for a product.",
    ("row_index",),
    (
        ROW,
        *APPLICATION,
        Column("patent_number", "VARCHAR", "Number of the patent, with codes such as *PED behind it."),
        Column("expires_text", "VARCHAR", "Day it expires, as printed."),
        Column("is_substance", "BOOLEAN", "It claims the drug substance."),
        Column("is_product", "BOOLEAN", "It claims the drug product."),
        Column("use_code", "VARCHAR", "Code of the use it claims."),
        Column("is_delisted", "BOOLEAN", "Its delisting was asked for."),
        Column("submitted_text", "VARCHAR", "Day it was submitted, as printed."),
    ),
)
EXCLUSIVITY = Table(
    f"{_RAW}exclusivity",
    "One row an exclusivity of a product.",
    ("row_index",),
    (
        ROW,
        *APPLICATION,
        Column("exclusivity_code", "VARCHAR", "Kind of exclusivity, such as NCE or ODE."),
        Column("expires_text", "VARCHAR", "Day it ends, as printed."),
    ),
)
TABLES = (PRODUCT, PATENT, EXCLUSIVITY)


def fetch(crawl: Crawl) -> Json:
    """Not written yet."""
    return {}


def read(kind: str, body: bytes) -> bytes:
    """Not written yet."""
    return body


def parse(kind: str, body: bytes) -> Parsed:
    """Not written yet."""
    return Parsed({})


orange_book = Connector(
    name="orange_book",
    homepage="https://www.fda.gov/drugs/drug-approvals-and-databases/approved-drug-products-therapeutic-equivalence-evaluations-orange-book",
    licence="public domain (U.S. government work)",
    url="https://www.fda.gov/media/76860/download",
    seconds_between_requests=1.0,
    tables=TABLES,
    entity="",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=Probe("", {}, ""),
    max_bytes=64 << 20,
    whole_kinds=("book",),
    stale_after_days=45,
)
