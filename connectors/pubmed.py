"""PubMed, E-utilities: the articles that trials refer to, that name their registry number, or that were found by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from typing import Any

from connectors import _pubmed_xml as xml
from connectors._pubmed_search import PMID_FORM, Search, form, post, read_search
from cto.connector import Connector, Crawl, Json, Parsed, Source, batches
from cto.http import SourceError, read_json
from cto.parts import rows
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

WANTS = """
with referenced as (
    select nct_id, list(distinct pmid order by pmid) as pmids
    from core_reference
    where reference_type in ('RESULT', 'DERIVED') and pmid is not null
    group by nct_id
)
select
    s.nct_id,
    coalesce(
        s.overall_status in ('COMPLETED', 'TERMINATED', 'WITHDRAWN', 'SUSPENDED', 'UNKNOWN')
            or latest_day(s.completion_date, s.completion_date_precision) < run.as_of,
        false) as is_ended,
    coalesce(r.pmids, []) as pmids
from core_study s cross join run left join referenced r on s.nct_id = r.nct_id
where s.study_type = 'INTERVENTIONAL'
order by s.nct_id
"""
ARTICLES = 200
"""Articles a fetch."""
DAYS = 30
"""A trial is searched again, and an article that PubMed lacks is asked for again, after so many days."""
NOT_CREDIBLE = 20
"""When none came of more new articles than this, PubMed is at fault and not each of its articles missing."""


def fetch(crawl: Crawl) -> Json:
    """Fetch the articles that trials refer to or that name them, and again those that were retracted since.

    What to ask for is kept when the crawl begins, so that a run that goes on after a crash asks the same although the
    registry has moved on. A search's answer is of no further use once its articles are held.
    """
    mark, today, is_full = crawl.watermark, crawl.today, bool(crawl.options.get("full"))
    searched = {} if is_full else dict(mark.get("searched", {}))
    missed = {} if is_full else dict(mark.get("missing", {}))
    held = crawl.known(ARTICLE.name, "pmid")
    due = {bucket for bucket in range(DAYS) if crawl.wanted and _is_due(bucket, searched.get(str(bucket)), today)}
    skipped = set() if is_full else held
    wanted = crawl.keep("wanted", "wanted", lambda: json.dumps(_wanted(crawl, due, skipped)).encode())
    crawl.note(
        f"{wanted['n_referenced']} articles are referenced, {wanted['n_nameless']} of them by no PubMed identifier; "
        f"{len(wanted['trials'])} trials to search for"
    )
    search = Search(crawl)
    found = search.trials(wanted["trials"], "{}[si]", "accession number")
    found |= search.trials(wanted["trials"], '"{}"[tiab]', "text")
    since = None if is_full else mark.get("retractions_through")
    retracted = search.retracted(date.fromisoformat(since)) if since else set()
    crawl.forget("search")
    crawl.forget("wanted")
    waiting = {pmid: day for pmid, day in missed.items() if date.fromisoformat(day) + timedelta(DAYS) > today}
    asked = ({*wanted["pmids"], *found} - skipped - waiting.keys()) | (held if is_full else held & retracted)
    missing = _articles(crawl, sorted(asked, key=int), missed)
    return {
        "searched": searched | {str(bucket): str(today) for bucket in due},
        "missing": dict(sorted((waiting | dict.fromkeys(missing, str(today))).items())),
        "retractions_through": str(today),
    }


def read(kind: str, body: bytes) -> Any:
    """Return what a search found, the identifiers of the records in an answer, or what was wanted."""
    if kind == "search":
        return read_search(body)
    if kind == "articles":
        return [xml.pmid_of(record) for record in xml.records(body)]
    return read_json(body)


def parse(kind: str, body: bytes) -> Parsed:
    """Return the rows of an answer's records; of one identifier the highest version counts, else the last."""
    if kind != "articles":
        return Parsed({})
    quarantine: list[Json] = []
    by_pmid: dict[str, tuple[Json, Any]] = {}
    for position, record in enumerate(xml.records(body)):
        pmid = xml.pmid_of(record)
        if pmid is None:
            start = (xml.text(record) or "")[:200]
            quarantine.append({"position": position, "id": "", "reason": "it has no PMID", "start": start})
            continue
        article = xml.article(record, pmid)
        if pmid not in by_pmid or (article["pmid_version"] or 0) >= (by_pmid[pmid][0]["pmid_version"] or 0):
            by_pmid[pmid] = article, record
    readers: tuple[tuple[Table, Callable[[Any, str], Iterable[Json]]], ...] = (
        (SECTION, xml.sections),
        (PUBLICATION_TYPE, xml.publication_types),
        (ACCESSION, xml.accessions),
        (CORRECTION, xml.corrections),
    )
    tables = {ARTICLE.name: rows(ARTICLE, (article for article, _ in by_pmid.values()))}
    for table, reader in readers:
        tables[table.name] = rows(table, (row for pmid, (_, one) in by_pmid.items() for row in reader(one, pmid)))
    return Parsed(tables, tuple(quarantine))


def probe(source: Source) -> tuple[str, bytes]:
    """Search for a randomised trial's report and return it; any PubMed holds one."""
    term = '"Randomized Controlled Trial"[pt]'
    fields = form(source, term=term, retmode="json", retmax=1)
    _, found = source.answer("/esearch.fcgi", fields, "search", form=True)
    if found.dropped or not found.ids:
        raise SourceError(f"{source.url}: a search for {term} finds no article; has PubMed renamed it?")
    fields = form(source, id=found.ids[0], retmode="xml")
    return "articles", source.answer("/efetch.fcgi", fields, "articles", form=True)[0]


def _wanted(crawl: Crawl, due: Collection[int], held: Collection[str]) -> Json:
    """Return the trials to search for, and the articles that trials refer to and that are not held."""
    referenced = {pmid for _, _, pmids in crawl.wanted for pmid in pmids}
    named = {pmid for pmid in referenced if PMID_FORM.fullmatch(pmid)}
    return {
        "trials": [nct_id for nct_id, is_ended, _ in crawl.wanted if is_ended and _bucket(nct_id) in due],
        "pmids": sorted(named.difference(held), key=int),
        "n_referenced": len(referenced),
        "n_nameless": len(referenced - named),
    }


def _articles(crawl: Crawl, pmids: list[str], missed: Iterable[str]) -> list[str]:
    """Fetch the articles, those that did not come once more by themselves; return those that PubMed lacks.

    ``missed`` are those that it lacked before, which are no sign that anything is wrong.
    """
    crawl.expect(len(batches(pmids, ARTICLES)))
    came = {pmid for batch in batches(pmids, ARTICLES) for pmid in _fetched(crawl, batch, "")}
    again = [pmid for pmid in pmids if pmid not in came]
    came |= {pmid for batch in batches(again, ARTICLES) for pmid in _fetched(crawl, batch, "again")}
    missing = [pmid for pmid in again if pmid not in came]
    if not came and len(set(missing) - set(missed)) > NOT_CREDIBLE:
        crawl.abandon("articles")
        raise SourceError(f"PubMed lacks all of the {len(missing)} articles asked for; run again later")
    crawl.note(f"{len(pmids)} articles asked for, {len(missing)} missing: {', '.join(missing[:10]) or 'none'}")
    return missing


def _fetched(crawl: Crawl, pmids: list[str], attempt: str) -> list[str]:
    fields = form(crawl, id=",".join(pmids), retmode="xml")
    return post(crawl, "/efetch.fcgi", fields, "articles", attempt)  # type: ignore[no-any-return]


def _bucket(nct_id: str) -> int:
    return int(nct_id.removeprefix("NCT")) % DAYS


def _is_due(bucket: int, last: str | None, today: date) -> bool:
    """Return whether it is a bucket's turn: on its day, once a night, or when it missed that, or never had one."""
    if last is None:
        return True
    since = today - date.fromisoformat(last)
    return since.days > DAYS or (since.days > 0 and today.toordinal() % DAYS == bucket)


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
    probe=probe,
    max_bytes=64 << 20,
    key_as="form",
    seconds_with_key=0.1,
    wants=WANTS,
)
