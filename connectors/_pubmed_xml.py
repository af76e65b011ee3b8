"""PubMed's XML: the records of an efetch answer, and the rows of a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cto.http import BadBodyError, SourceError

Json = dict[str, Any]

RECORDS = {"PubmedArticle", "PubmedBookArticle"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NO_LABEL = {"UNLABELLED", "UNASSIGNED"}
"""What stands where the journal prints no heading."""


def records(body: bytes) -> list[Element]:
    """Return the articles and book chapters of an efetch answer; what was deleted is told in it, but is no record.

    Raises:
        BadBodyError: it is cut, is an error at status 200, or is something else.
        SourceError: it declares entities, by which a small body can be made to fill the memory; no article does.

    """
    try:
        root = fromstring(body)
    except DefusedXmlException as error:
        raise SourceError(f"PubMed's answer is refused, it declares entities: {error}") from error
    except (ParseError, ValueError, LookupError) as error:
        raise BadBodyError(f"not XML, or cut short after {len(body)} bytes: {error}") from error
    if root.tag != "PubmedArticleSet" or root.find("ERROR") is not None:
        told = text(root if root.tag == "ERROR" else root.find(".//ERROR")) or f"it is a {root.tag}"
        raise BadBodyError(f"not a set of articles: {told[:200]}")
    return [child for child in root if child.tag in RECORDS]


def pmid_of(record: Element) -> str | None:
    """Return a record's PubMed identifier, or None when it has none."""
    return text(_first(record, "MedlineCitation/PMID", "BookDocument/PMID"))


def article(record: Element, pmid: str) -> Json:
    """Return the single-valued fields of a record."""
    about = _about(record)
    version = _first(record, "MedlineCitation/PMID", "BookDocument/PMID")
    issue = _first(about, "Journal/JournalIssue/PubDate", "Book/PubDate")
    number = version.get("Version", "") if version is not None else ""
    return {
        "pmid": pmid,
        "pmid_version": int(number) if number.isdecimal() else None,
        "title": text(_first(about, "ArticleTitle", "Book/BookTitle")),
        "abstract": " ".join(_headed(section) for section in sections(record, pmid) if section["text"]) or None,
        "journal": text(_first(about, "Journal/Title", "Book/BookTitle")),
        "issue_date_text": day(issue),
        "electronic_date_text": day(about.find("ArticleDate[@DateType='Electronic']")),
        "entrez_date_text": day(_first(record, *_data("History/PubMedPubDate[@PubStatus='entrez']"))),
        "doi": text(_first(record, *_data("ArticleIdList/ArticleId[@IdType='doi']")))
        or text(about.find("ELocationID[@EIdType='doi']")),
        "pmc_id": text(_first(record, *_data("ArticleIdList/ArticleId[@IdType='pmc']"))),
        "is_book": record.tag == "PubmedBookArticle",
    }


def sections(record: Element, pmid: str) -> list[Json]:
    """Return the sections of a record's abstract, in its language of publication as PubMed gives it."""
    found = [
        {"label": _printed(part.get("Label")), "category": part.get("NlmCategory") or None, "text": text(part)}
        for part in _about(record).iterfind("Abstract/AbstractText")
    ]
    told = [section for section in found if section["text"] or section["label"]]
    return [{"pmid": pmid, "section_index": number, **section} for number, section in enumerate(told, 1)]


def publication_types(record: Element, pmid: str) -> list[Json]:
    """Return a record's publication types, each once; a book's stand outside a list."""
    about = _about(record)
    found = [*about.iterfind("PublicationTypeList/PublicationType"), *about.iterfind("PublicationType")]
    return [{"pmid": pmid, "publication_type": name} for name in dict.fromkeys(map(text, found)) if name]


def accessions(record: Element, pmid: str) -> list[Json]:
    """Return the accession numbers in data banks that a record gives, each once."""
    pairs = (
        (text(bank.find("DataBankName")), text(number))
        for bank in _about(record).iterfind("DataBankList/DataBank")
        for number in bank.iterfind("AccessionNumberList/AccessionNumber")
    )
    return [{"pmid": pmid, "databank": b, "accession": a} for b, a in dict.fromkeys(pairs) if b and a]


def corrections(record: Element, pmid: str) -> Iterator[Json]:
    """Yield the notes that are tied to a record; the works that it cites are none."""
    for number, note in enumerate(record.iterfind("MedlineCitation/CommentsCorrectionsList/CommentsCorrections"), 1):
        if note.get("RefType") != "Cites":
            yield {
                "pmid": pmid,
                "correction_index": number,
                "ref_type": note.get("RefType"),
                "ref_pmid": text(note.find("PMID")),
                "ref_source": text(note.find("RefSource")),
            }


def text(node: Element | None) -> str | None:
    """Return the text in an element without its markup, each run of white space one blank; None when there is none."""
    return None if node is None else " ".join("".join(node.itertext()).split()) or None


def day(node: Element | None) -> str | None:
    """Return a date as YYYY-MM-DD or less, and in its own words where it is a span, a season or no date.

    >>> day(fromstring("<PubDate><Year>2010</Year><Month>May</Month><Day>3</Day></PubDate>"))
    '2010-05-03'
    >>> day(fromstring("<PubDate><MedlineDate>2010 May-Jun</MedlineDate></PubDate>"))
    '2010 May-Jun'
    """
    if node is None:
        return None
    year, season, month, number = (text(node.find(name)) for name in ("Year", "Season", "Month", "Day"))
    words = text(node.find("MedlineDate")) or " ".join(filter(None, (year, season, month, number))) or None
    if not re.fullmatch(r"[12]\d{3}", year or "") or season or (number and not month):
        return words
    parts = [year or ""] + [f"{_number(part):02}" for part in (month, number) if part]
    try:
        date.fromisoformat("-".join([*parts, "01", "01"][:3]))
    except ValueError:
        return words
    return "-".join(parts)


def _number(month_or_day: str) -> int:
    """Return what a month's name or a number says, and 0, which is no date, for anything else."""
    name = month_or_day[:3].lower()
    if name in MONTHS:
        return MONTHS.index(name) + 1
    return int(month_or_day) if re.fullmatch(r"\d{1,2}", month_or_day) else 0


def _about(record: Element) -> Element:
    """Return the part of a record that describes the work; an empty one when it has none."""
    found = _first(record, "MedlineCitation/Article", "BookDocument")
    return Element("Article") if found is None else found


def _data(path: str) -> tuple[str, str]:
    return f"PubmedData/{path}", f"PubmedBookData/{path}"


def _first(node: Element, *paths: str) -> Element | None:
    return next((found for path in paths if (found := node.find(path)) is not None), None)


def _printed(label: str | None) -> str | None:
    return None if not label or label.upper() in NO_LABEL else label


def _headed(section: Json) -> str:
    return f"{section['label']}: {section['text']}" if section["label"] else str(section["text"])
