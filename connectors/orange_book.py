"""FDA Orange Book: approved small-molecule products, their patents and exclusivity."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO

from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.http import BadBodyError, BlockedError, SourceError
from cto.parts import rows
from cto.schema import Column, Table

MAX_UNPACKED = 32 << 20
"""Bytes that one file of the book may unpack to; the largest has some millions."""

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


FILES: Mapping[str, tuple[str, ...]] = {
    "products": (
        "Ingredient", "DF;Route", "Trade_Name", "Applicant", "Strength", "Appl_Type", "Appl_No", "Product_No",
        "TE_Code", "Approval_Date", "RLD", "Type", "Applicant_Full_Name",
    ),
    "patent": (
        "Appl_Type", "Appl_No", "Product_No", "Patent_No", "Patent_Expire_Date_Text", "Drug_Substance_Flag",
        "Drug_Product_Flag", "Patent_Use_Code", "Delist_Flag", "Submission_Date",
    ),
    "exclusivity": ("Appl_Type", "Appl_No", "Product_No", "Exclusivity_Code", "Exclusivity_Date"),
}  # fmt: skip
"""The files of the book and the columns that each must have; old files lack column RS of the products."""


def fetch(crawl: Crawl) -> Json:
    """Fetch the book, one page, unless the FDA says that it is what it was."""
    seen = {} if crawl.options.get("full") else crawl.watermark.get("validators", {})
    _, validators = crawl.changed("", "book", seen)
    return {"validators": dict(validators)}


def read(kind: str, body: bytes) -> dict[str, str]:
    """Return the text of the book's files, by their names without ``.txt``.

    Raises:
        BlockedError: the body is a web page.
        BadBodyError: it is a cut zip, or not the book's.
        SourceError: it is no zip, unpacks to more than it may, or lacks columns; another try would not help.

    """
    start = body[:64].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if start.startswith(b"<"):
        raise BlockedError(f"the FDA answered with a web page instead of the Orange Book: {body[:80]!r}")
    if start.startswith((b"ingredient~", b"appl_type~")):
        raise SourceError("a bare text file instead of the Orange Book's zip: CTO_ORANGE_BOOK_URL must name the zip")
    try:
        with zipfile.ZipFile(BytesIO(body)) as book:
            members = {info.filename.rpartition("/")[2].lower(): info for info in book.infolist()}
            missing = [f"{name}.txt" for name in FILES if f"{name}.txt" not in members]
            if missing:
                raise BadBodyError(f"a zip without {', '.join(missing)}; it has {sorted(members)[:10]}")
            texts = {name: _text(book, members[f"{name}.txt"]) for name in FILES}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise BadBodyError(f"not the whole zip of the Orange Book: {error}; it starts {body[:20]!r}") from error
    for name, columns in FILES.items():
        header, lines = _lines(texts[name])
        lacking = [column for column in columns if _plain(column) not in header]
        if lacking:
            raise SourceError(f"{name}.txt of the Orange Book lacks {', '.join(lacking)}; its header is {header}")
        if not lines:
            raise BadBodyError(f"{name}.txt of the Orange Book holds no row")
    return texts


def parse(kind: str, body: bytes) -> Parsed:
    """Return the rows of the book's three files."""
    texts = read(kind, body)
    quarantine: list[Json] = []
    makers: dict[str, tuple[Table, Callable[[Json], Json]]] = {
        "products": (PRODUCT, _product),
        "patent": (PATENT, _patent),
        "exclusivity": (EXCLUSIVITY, _exclusivity),
    }
    tables = {}
    for name, (table, make) in makers.items():
        found, bad = _records(name, texts[name])
        quarantine += bad
        tables[table.name] = rows(table, map(make, found))
    return Parsed(tables, tuple(quarantine))


def _text(book: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Unpack one file; it never unpacks further than its header says, and the header may not say too much."""
    if info.file_size > MAX_UNPACKED:
        raise SourceError(f"{info.filename} of the Orange Book unpacks to more than {MAX_UNPACKED} bytes; refused")
    if info.flag_bits & 1:
        raise BadBodyError(f"{info.filename} is encrypted")
    with book.open(info) as file:
        content = file.read(MAX_UNPACKED)
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _lines(text: str) -> tuple[list[str], list[str]]:
    """Return the names in a file's header, and its other lines; only real line ends count, no exotic ones."""
    header, *lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [_plain(name) for name in header.split("~")], [line for line in lines if line.strip()]


def _plain(name: str) -> str:
    """Return a column's name without what files differ in: case, spaces and signs."""
    return re.sub(r"[^a-z]", "", name.lower())


def _records(name: str, text: str) -> tuple[list[Json], list[Json]]:
    """Return a file's records by plain column names, numbered from 1, and the lines that are none."""
    header, lines = _lines(text)
    found: list[Json] = []
    bad: list[Json] = []
    for number, line in enumerate(lines, start=1):
        values = [value.strip() or None for value in line.split("~")]
        record: Json = dict(zip(header, values, strict=False)) | {"number": number}
        lacking = [column for column in ("applno", "appltype", "productno") if not record.get(column)]
        if len(values) != len(header):
            reason = f"{name}.txt: {len(values)} fields where the header has {len(header)}"
        elif lacking:
            reason = f"{name}.txt: no {', '.join(lacking)}"
        else:
            found.append(record)
            continue
        bad.append({"position": number, "id": "", "reason": reason, "start": line[:80]})
    return found, bad


def _application(record: Json) -> Json:
    return {
        "row_index": record["number"],
        "application_type": record["appltype"],
        "application_number": record["applno"],
        "product_number": record["productno"],
    }


def _product(record: Json) -> Json:
    form, _, route = (record["dfroute"] or "").rpartition(";")
    return _application(record) | {
        "ingredients": [part for text in (record["ingredient"] or "").split(";") if (part := text.strip().lower())],
        "dosage_form": (form if form else route).strip() or None,
        "route": route.strip() if form else None,
        "trade_name": record["tradename"],
        "applicant": record["applicant"],
        "applicant_full_name": record["applicantfullname"],
        "strength": record["strength"],
        "approval_date_text": record["approvaldate"],
        "is_reference_drug": _flag(record["rld"], None),
        "is_reference_standard": _flag(record.get("rs"), None),
        "marketing": record["type"],
        "equivalence_code": record["tecode"],
    }


def _patent(record: Json) -> Json:
    return _application(record) | {
        "patent_number": record["patentno"],
        "expires_text": record["patentexpiredatetext"],
        "is_substance": _flag(record["drugsubstanceflag"], False),
        "is_product": _flag(record["drugproductflag"], False),
        "use_code": record["patentusecode"],
        "is_delisted": _flag(record["delistflag"], False),
        "submitted_text": record["submissiondate"],
    }


def _exclusivity(record: Json) -> Json:
    return _application(record) | {
        "exclusivity_code": record["exclusivitycode"],
        "expires_text": record["exclusivitydate"],
    }


def _flag(text: str | None, blank: bool | None) -> bool | None:
    """Return what a flag says: patents leave a flag that is not set blank; other words are no answer."""
    return {"": blank, "y": True, "yes": True, "n": False, "no": False}.get((text or "").lower())


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
    probe=Probe("", {}, "book"),
    max_bytes=64 << 20,
    whole_kinds=("book",),
    stale_after_days=45,
)
