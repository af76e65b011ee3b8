"""openFDA: approvals of new drugs and biologics with their efficacy supplements, and complete response letters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from connectors._complete_response import applications, grounds, product_words
from connectors._openfda import TooManyError, complete, read, updated_on
from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.http import SourceError
from cto.parts import rows
from cto.schema import Column, Table

APPLICATIONS = "/drug/drugsfda.json"
LETTERS = "/transparency/crl.json"
SINCE = "search=submissions.submission_status_date:[{:%Y%m%d}+TO+{:%Y%m%d}]"
FIRST_DAY = date(1938, 1, 1)
OVERLAP = timedelta(days=30)
"""Submissions are published some time after the day that they bear."""

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
    """Fetch the applications with a submission since the last crawl, or all, and all letters.

    Each of the two is fetched only when openFDA says that it was updated, and is complete: as many records come as
    openFDA counts.
    """
    mark = {} if crawl.options.get("full") else crawl.watermark
    return {
        "application": _applications(crawl, mark.get("application", {})),
        "letter": _letters(crawl, mark.get("letter", {})),
    }


def parse(kind: str, body: bytes) -> Parsed:
    """Return the rows of a page of applications, generics left out, or of letters; of one key the first row."""
    found: dict[str, dict[tuple[Any, ...], Json]] = {table.name: {} for table in TABLES}
    quarantine: list[Json] = []
    read_record = _letter if kind == "letter" else _application
    for position, record in enumerate(read(kind, body)["results"]):
        reasons: list[str] = []
        try:
            listed = list(read_record(record))
        except _UnreadableError as error:
            listed, reasons = [], [str(error)]
        for table, row in listed:
            key = tuple(row[name] for name in table.key)
            if all(key):
                found[table.name].setdefault(key, row)
            else:
                reasons.append(f"{table.name}: a row without {' or '.join(table.key)}")
        shown = {"position": position, "id": _identifier(record), "start": json.dumps(record)[:80]}
        quarantine += [shown | {"reason": reason} for reason in reasons]
    tables = {table.name: rows(table, found[table.name].values()) for table in TABLES}
    return Parsed(tables, tuple(quarantine))


def _applications(crawl: Crawl, mark: Json) -> Json:
    updated = updated_on(crawl, APPLICATIONS)
    if mark.get("updated") == updated:
        return mark
    first = date.fromisoformat(mark["read_on"]) - OVERLAP if mark else FIRST_DAY
    days = list(_window(crawl, first, crawl.today))
    if not mark and not days:
        raise SourceError(f"openFDA finds no application since {first}: it does not understand what it is asked")
    return {"updated": min([updated, *days]), "read_on": str(crawl.today)}


def _letters(crawl: Crawl, mark: Json) -> Json:
    updated = updated_on(crawl, LETTERS)
    if mark.get("updated") == updated:
        return mark
    days = complete(crawl, f"{LETTERS}?", "letter")
    if not days:
        raise SourceError(f"{LETTERS}: openFDA finds no letter, though it says that there are some")
    return {"updated": min([updated, *days])}


def _window(crawl: Crawl, first: date, last: date) -> Iterator[str]:
    """Fetch all applications with a submission of these days; yield the days on which what came was updated.

    Where they are too many for one query, each half of the days is asked for. The query is written into the address by
    hand, as an encoded plus sign would find nothing.
    """
    query = f"{APPLICATIONS}?{SINCE.format(first, last)}&"
    try:
        yield from complete(crawl, query, "application")
    except TooManyError:
        if first == last:
            raise
        middle = first + (last - first) // 2
        yield from _window(crawl, first, middle)
        yield from _window(crawl, middle + timedelta(days=1), last)


class _UnreadableError(ValueError):
    """A record that cannot be read."""


def _identifier(record: Any) -> str:
    """Return what names a record: a letter's file, or an application's number."""
    numbers = applications(_text(record, "application_number") or "")
    return _text(record, "file_name") or (numbers[0] if numbers else "")


def _application(record: Any) -> Iterator[tuple[Table, Json]]:
    """Yield the rows of an application's record; none of a generic's."""
    text = _text(record, "application_number") or ""
    if text.startswith("ANDA"):
        return
    numbers = applications(text)
    if len(numbers) != 1:
        raise _UnreadableError(f"no number of an application: {text!r}")
    key = {"application_number": numbers[0]}
    names = record.get("openfda")
    yield (
        APPLICATION,
        key
        | {
            "sponsor_name": _text(record, "sponsor_name"),
            "generic_names": _names(names, "generic_name"),
            "substance_names": _names(names, "substance_name"),
        },
    )
    for product in _records(record, "products"):
        ingredients = [_text(part, "name") for part in _records(product, "active_ingredients")]
        yield (
            PRODUCT,
            key
            | {name: _text(product, name) for name in ("product_number", "brand_name", "dosage_form", "route")}
            | {"marketing_status": _text(product, "marketing_status")}
            | {"ingredients": [name.lower() for name in ingredients if name]},
        )
    for submission in _records(record, "submissions"):
        yield (
            SUBMISSION,
            key
            | {
                "submission_type": _text(submission, "submission_type"),
                "submission_number": _text(submission, "submission_number"),
                "status": _text(submission, "submission_status"),
                "status_date_text": _text(submission, "submission_status_date"),
                "class_code": _text(submission, "submission_class_code"),
                "review_priority": _text(submission, "review_priority"),
            },
        )


def _letter(record: Any) -> Iterator[tuple[Table, Json]]:
    """Yield a row for each application that a letter is about."""
    name, text = _text(record, "file_name"), _text(record, "text")
    if not name:
        raise _UnreadableError("a letter without a file name")
    given = record.get("application_number")
    listed = [str(number) for number in (given if isinstance(given, list) else [given])]
    numbers = [number for one in listed for number in applications(one)]
    if not numbers and not any("ANDA" in one for one in listed):
        raise _UnreadableError(f"a letter on no application: {listed}")
    for number in numbers:
        yield (
            LETTER,
            {
                "file_name": name,
                "application_number": number,
                "letter_date_text": _text(record, "letter_date"),
                "letter_type": _text(record, "letter_type"),
                "company_name": _text(record, "company_name"),
                "approval_status": _text(record, "approval_status"),
                "product_words": product_words(text) if text else None,
                "grounds": grounds(text) if text else None,
            },
        )


def _text(record: Any, name: str) -> str | None:
    value = record.get(name) if isinstance(record, dict) else None
    return _clean(str(value)) if isinstance(value, str | int) else None


def _clean(text: str) -> str | None:
    """Return a text without the stray bytes of a scan, which no column can hold."""
    return text.encode("utf-8", "replace").decode().strip() or None


def _records(record: Any, name: str) -> list[Any]:
    value = record.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _UnreadableError(f"{name} is no list of records")
    return value


def _names(names: Any, name: str) -> list[str] | None:
    """Return names in lower case, or None where the record is not annotated."""
    value = names.get(name) if isinstance(names, dict) else None
    if not isinstance(value, list):
        return None
    return [text.lower() for item in value if isinstance(item, str) and (text := _clean(item))]


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
    probe=Probe(
        f"{APPLICATIONS}?search=submissions.submission_status_date:[20170101+TO+20211231]&limit=50", {}, "application"
    ),
    max_bytes=64 << 20,
    whole_kinds=("letter",),
    key_as="user",
    seconds_with_key=0.25,
)
