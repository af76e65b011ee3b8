"""PubMed, E-utilities: the articles that trials refer to, that name their registry number, or that were found by it."""

from __future__ import annotations

from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.schema import Column, Table

_RAW = "raw_pubmed__"
PMID = Column("pmid", "VARCHAR", "PubMed identifier of the article.", required=True)


def _text(name: str, description: str, **more: str) -> Column:
    return Column(name, "VARCHAR", description, **more)  # type: ignore[arg-type]


ARTICLE = Table(
    f"{_RAW}article",
    "One row an article or book chapter: its single-valued fields.",
    ("pmid",),
    (
        PMID,
        Column("pmid_version", "INTEGER", "Version of the record, as PubMed counts."),
        _text("title", "Title, its markup dropped."),
        _text("abstract", "Abstract: its sections joined, each behind its label; null when there is none."),
        _text("journal", "Title of the journal, or of the book."),
        _text("issue_date_text", "Date of the issue: 2010-05-03, 2010-05, 2010, or words such as 2010 May-Jun."),
        _text("electronic_date_text", "Date of electronic publication, as YYYY-MM-DD or less."),
        _text("entrez_date_text", "Day the record came into PubMed, as YYYY-MM-DD."),
        _text("doi", "Digital object identifier."),
        _text("pmc_id", "PubMed Central identifier."),
        Column("is_book", "BOOLEAN", "It is a chapter of a book.", required=True),
    ),
)
SECTION = Table(
    f"{_RAW}abstract_section",
    "One row a section of an abstract; an unstructured abstract is one section.",
    ("pmid", "section_index"),
    (
        PMID,
        Column("section_index", "INTEGER", "Position, from 1, in the abstract.", required=True),
        _text("label", "Heading of the section, as printed."),
        _text("category", "Heading by PubMed's own scheme, such as RESULTS."),
        _text("text", "Text of the section, its markup dropped."),
    ),
)
PUBLICATION_TYPE = Table(
    f"{_RAW}publication_type",
    "One row a publication type of an article.",
    ("pmid", "publication_type"),
    (PMID, Column("publication_type", "VARCHAR", "Publication type, such as Meta-Analysis.", required=True)),
)
ACCESSION = Table(
    f"{_RAW}accession",
    "One row an accession number in a data bank, such as a trial registry's, that an article gives.",
    ("pmid", "databank", "accession"),
    (
        PMID,
        Column("databank", "VARCHAR", "Name of the data bank, such as ClinicalTrials.gov.", required=True),
        Column("accession", "VARCHAR", "Accession number, as given.", required=True),
    ),
)
CORRECTION = Table(
    f"{_RAW}correction",
    "One row a comment, erratum, retraction or other note that is tied to an article.",
    ("pmid", "correction_index"),
    (
        PMID,
        Column("correction_index", "INTEGER", "Position, from 1, in the record.", required=True),
        _text("ref_type", "How the two are tied, such as RetractionIn or ErratumIn."),
        _text("ref_pmid", "PubMed identifier of the other; null when it has none."),
        _text("ref_source", "Where the other stands, as printed."),
    ),
)
TABLES = (ARTICLE, SECTION, PUBLICATION_TYPE, ACCESSION, CORRECTION)


def fetch(crawl: Crawl) -> Json:
    """Not written yet."""
    return {}


def read(kind: str, body: bytes) -> bytes:
    """Not written yet."""
    return body


def parse(kind: str, body: bytes) -> Parsed:
    """Not written yet."""
    return Parsed({})


pubmed = Connector(
    name="pubmed",
    homepage="https://pubmed.ncbi.nlm.nih.gov",
    licence="metadata free to use; abstracts belong to their publishers and are not redistributed",
    url="https://eutils.ncbi.nlm.nih.gov/entrez/eutils",
    seconds_between_requests=0.34,
    tables=TABLES,
    entity="pmid",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=Probe("", {}, ""),
    max_bytes=64 << 20,
    key_as="form",
    seconds_with_key=0.1,
)
