"""openFDA: approvals of new drugs and biologics with their efficacy supplements, and complete response letters."""

from __future__ import annotations

from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.schema import Column, Table

_RAW = "raw_drugs_at_fda__"
APPLICATION_NUMBER = Column(
    "application_number",
    "VARCHAR",
    "Type and number of the application, such as NDA213082 or BLA761303.",
    required=True,
)
APPLICATION = Table(
    f"{_RAW}application",
    "One row an application for a new drug or a biologic; generics are left out.",
    ("application_number",),
    (
        APPLICATION_NUMBER,
        Column("sponsor_name", "VARCHAR", "Holder of the application."),
        Column("generic_names", "VARCHAR[]", "Generic names, where the record is annotated."),
        Column("substance_names", "VARCHAR[]", "Substance names, where the record is annotated."),
    ),
)
PRODUCT = Table(
    f"{_RAW}product",
    "One row a product of an application.",
    ("application_number", "product_number"),
    (
        APPLICATION_NUMBER,
        Column("product_number", "VARCHAR", "Number of the product within it.", required=True),
        Column("brand_name", "VARCHAR", "Brand name."),
        Column("ingredients", "VARCHAR[]", "Active ingredients, in lower case, in the record's order."),
        Column("dosage_form", "VARCHAR", "Dosage form."),
        Column("route", "VARCHAR", "Route of administration."),
        Column("marketing_status", "VARCHAR", "How it is marketed."),
    ),
)
SUBMISSION = Table(
    f"{_RAW}submission",
    "One row a submission under an application.",
    ("application_number", "submission_type", "submission_number"),
    (
        APPLICATION_NUMBER,
        Column(
            "submission_type", "VARCHAR", "Original application or supplement.", required=True, values=("ORIG", "SUPPL")
        ),
        Column("submission_number", "VARCHAR", "Number of the submission.", required=True),
        Column("status", "VARCHAR", "What became of it: AP approved, TA tentatively approved."),
        Column("status_date_text", "VARCHAR", "Day of that, as YYYYMMDD."),
        Column("class_code", "VARCHAR", "What it is about, such as EFFICACY or TYPE 1."),
        Column("review_priority", "VARCHAR", "STANDARD or PRIORITY."),
    ),
)
LETTER = Table(
    f"{_RAW}letter",
    "One row a complete response letter and application it is about.",
    ("file_name", "application_number"),
    (
        Column("file_name", "VARCHAR", "Name of the letter's file.", required=True),
        APPLICATION_NUMBER,
        Column("letter_date_text", "VARCHAR", "Day of the letter, as MM/DD/YYYY."),
        Column("letter_type", "VARCHAR", "Kind of letter."),
        Column("company_name", "VARCHAR", "Whom it went to."),
        Column("approval_status", "VARCHAR", "Whether the application was approved since: Approved or Unapproved."),
        Column("product_words", "VARCHAR", "The opening sentence that names the product, as read from the scan."),
        Column(
            "grounds", "VARCHAR[]", "Sections of the letter that state deficiencies, in the order of their headings.",
        ),
    ),
)  # fmt: skip
TABLES = (APPLICATION, PRODUCT, SUBMISSION, LETTER)


def fetch(crawl: Crawl) -> Json:
    """Not written yet."""
    return {}


def read(kind: str, body: bytes) -> bytes:
    """Not written yet."""
    return body


def parse(kind: str, body: bytes) -> Parsed:
    """Not written yet."""
    return Parsed({})


drugs_at_fda = Connector(
    name="drugs_at_fda",
    homepage="https://open.fda.gov/apis/drug/drugsfda/",
    licence="public domain (CC0)",
    url="https://api.fda.gov",
    seconds_between_requests=0.3,
    tables=TABLES,
    entity="application_number",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=Probe("", {}, ""),
    max_bytes=64 << 20,
    whole_kinds=("letter",),
    key_as="user",
    seconds_with_key=0.25,
)
