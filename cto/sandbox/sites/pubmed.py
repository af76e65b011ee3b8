"""A stand-in for PubMed's E-utilities, esearch and efetch, over invented articles.

The world's file `pubmed.jsonl` holds one article a line: `pmid`, `title` (or `title_xml`, with markup), `abstract` (a
text, or sections of `label`, `category` and `text`), `journal`, `issue_date`, `electronic_date`, `entrez_date` and
`modified` (YYYY-MM-DD or less; other words become a MedlineDate), `doi`, `pmc`, `types`, `accessions` (data bank →
numbers) and `corrections` (`type`, `pmid`, `source`). One with `book` is a chapter, one with `deleted` is told as
deleted, and one with `xml` is sent as that.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, json_response, text_response

Article = Mapping[str, Any]

HEAD = (
    '<?xml version="1.0" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n'
)
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE PubmedArticleSet [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><PubmedArticleSet>&a9;</PubmedArticleSet>"
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TERM = re.compile(r'\(|\)|(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s()\[\]"]+))(?:\[(?P<field>[^\]]+)\])?')
DATE_FIELDS = {"edat": "entrez_date", "mdat": "modified"}
TEXT = "application/xml; charset=utf-8"


class PubmedSite(WorldSite):
    """Answers as the E-utilities would; what it was asked stands in `asked`, without the key.

    `cap` is how many articles a search shows at most and `page_size` how many at a time; with a `key` it answers nobody
    who does not post it.
    """

    source = "pubmed"
    prefix = "/eutils"
    faults: Mapping[str, str] = {
        "pubmed_error": "A search or a fetch is answered by an error at status 200.",
        "pubmed_rate_limit": "Any request is answered 429 with a JSON body and Retry-After: 1.",
        "pubmed_nameless_phrase": "A search that drops terms does not say which in words that were asked.",
        "pubmed_unknown_field": "A search does not know the field that it is asked for.",
        "pubmed_article_left_out": "A fetch leaves out the first of the articles.",
        "pubmed_xml_bomb": "A fetch is answered by nested entities that would fill the memory.",
    }

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        self.cap = self.page_size = 9999
        self.key = ""
        self.asked: list[dict[str, str]] = []
        self._articles: dict[str, Article] = {}
        self.put(self.lines("pubmed.jsonl"))

    def put(self, articles: Iterable[Article]) -> None:
        """Add or replace articles."""
        self._articles |= {article["pmid"]: article for article in articles}

    def remove(self, pmid: str) -> None:
        """Take an article away; raises KeyError when there is none."""
        del self._articles[pmid]

    def handle(self, request: Request) -> Response:
        """Answer a call of the E-utilities."""
        fields = request.form
        key = fields.pop("api_key", "")
        self.asked.append({"path": request.path, **fields})
        if refusal := self._refusal(request, key):
            return refusal
        match request.path, fields.get("db"), fields.get("retmode"):
            case "/esearch.fcgi", "pubmed", "json":
                return self._search(fields)
            case "/efetch.fcgi", "pubmed", "xml":
                return self._fetch(fields.get("id", ""))
            case _:
                return text_response(404, "This stand-in knows PubMed's esearch.fcgi as json and efetch.fcgi as xml")

    def _refusal(self, request: Request, key: str) -> Response | None:
        told, status = {"error": "API key invalid", "api-key": key, "type": "invalid", "status": "unknown"}, 400
        headers = {}
        if self.take("pubmed_rate_limit"):
            told, status = {"error": "API rate limit exceeded", "api-key": key, "count": "4", "limit": "3"}, 429
            headers = {"Retry-After": "1"}
        elif "api_key" in request.query:
            return text_response(400, "This stand-in takes a key in a posted form only")
        elif request.method not in {"GET", "POST"}:
            return text_response(405, "Method not allowed")
        elif self.key in {"", key}:
            return None
        return Response(status, json.dumps(told).encode(), "application/json", headers)

    def _search(self, fields: Mapping[str, str]) -> Response:
        start, size = int(fields.get("retstart", 0)), int(fields.get("retmax", 20))
        if self.take("pubmed_error"):
            return _search_error("Search Backend failed: Couldn't resolve #exLinkSrv2, the address table is empty.")
        if not fields.get("term"):
            return _search_error("Empty term and query_key - nothing todo")
        if start >= self.cap:
            return _search_error(f"'retstart' cannot be larger than {self.cap - 1}. For PubMed, ESearch can only ...")
        query = _Query(self._articles, fields["term"])
        try:
            found = query.run()
        except (IndexError, ValueError):
            return text_response(400, f"This stand-in cannot read the query {fields['term'][:100]!r}")
        if "datetype" in fields:
            days = f"{fields['mindate']}:{fields['maxdate']}"
            found &= {pmid for pmid, a in self._articles.items() if _is_within(a, fields["datetype"], days)}
        ids = sorted(found, key=int, reverse=True)
        shown = ids[: self.cap][start : start + min(size, self.page_size)]
        quoted = [phrase for phrase in query.dropped if phrase.startswith('"')]
        bare = [phrase for phrase in query.dropped if phrase not in quoted]
        if query.dropped and self.take("pubmed_nameless_phrase"):
            quoted, bare = [], ["a phrase"]
        if self.take("pubmed_unknown_field"):
            query.fields.append("si")
        result: dict[str, Any] = {
            "count": str(len(ids)),
            "retmax": str(len(shown)),
            "retstart": str(start),
            "idlist": shown,
            "translationset": [],
            "querytranslation": fields["term"],
        }
        if query.dropped or query.fields:
            result["errorlist"] = {"phrasesnotfound": bare, "fieldsnotfound": query.fields}
            told = [] if ids else ["No items found."]
            result["warninglist"] = {"phrasesignored": [], "quotedphrasesnotfound": quoted, "outputmessages": told}
        body = {"header": {"type": "esearch", "version": "0.3"}, "esearchresult": result}
        return Response(200, json.dumps(body).encode(), "application/json", n_records=len(shown))

    def _fetch(self, ids: str) -> Response:
        if self.take("pubmed_error"):
            return Response(200, b"<eFetchResult><ERROR>Error occurred: no document</ERROR></eFetchResult>", TEXT)
        if self.take("pubmed_xml_bomb"):
            return Response(200, BOMB.encode(), TEXT)
        asked = list(dict.fromkeys(pmid.strip() for pmid in ids.split(",")))
        if not any(pmid.isdecimal() and int(pmid) for pmid in asked):
            error = "ID list is empty! Possibly it has no correct IDs."
            return Response(400, f"<eFetchResult><ERROR>{error}</ERROR></eFetchResult>".encode(), TEXT)
        known = [self._articles[pmid] for pmid in asked if pmid in self._articles]
        if known and self.take("pubmed_article_left_out"):
            known = known[1:]
        deleted = "".join(f'<PMID Version="1">{a["pmid"]}</PMID>' for a in known if a.get("deleted"))
        sent = [_record(article) for article in known if not article.get("deleted")]
        sent += [f"<DeleteCitation>{deleted}</DeleteCitation>"] if deleted else []
        body = f"{HEAD}<PubmedArticleSet>\n" + "\n".join(sent) + "</PubmedArticleSet>"
        return Response(200, body.encode(), TEXT, n_records=len(sent))


SITE = PubmedSite


def _search_error(message: str) -> Response:
    return json_response({"header": {"type": "esearch", "version": "0.3"}, "esearchresult": {"ERROR": message}})


@dataclass
class _Query:
    """One search, read from the left as PubMed does.

    A term that no article has is dropped, and what stands around it is searched for as if it had never been there: the
    other side of an AND alone, or, when nothing is left, everything.
    """

    articles: Mapping[str, Article]
    term: str
    dropped: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)

    def run(self) -> set[str]:
        tokens = list(TERM.finditer(self.term))
        found = self._expression(tokens)
        if tokens:
            raise ValueError(f"not a query: {self.term!r}")
        return set(self.articles) if found is None else found

    def _expression(self, tokens: list[re.Match[str]]) -> set[str] | None:
        found = self._operand(tokens)
        while tokens and tokens[0][0] != ")":
            operator = tokens.pop(0)[0] if tokens[0][0] in {"AND", "OR", "NOT"} else "AND"
            other = self._operand(tokens)
            if found is None or other is None:
                found = other if found is None else found
            else:
                found = {"AND": found & other, "OR": found | other, "NOT": found - other}[operator]
        return found

    def _operand(self, tokens: list[re.Match[str]]) -> set[str] | None:
        token = tokens.pop(0)
        if token[0] == "(":
            found = self._expression(tokens)
            tokens.pop(0)
            return found
        words, name = (token["quoted"] or token["bare"] or "").lower(), (token["field"] or "tiab").lower()
        if name in DATE_FIELDS:
            return {pmid for pmid, article in self.articles.items() if _is_within(article, name, words)}
        if name not in {"si", "tiab", "pt"}:
            self.fields.append(name)
            return None
        found = {pmid for pmid, article in self.articles.items() if _has(article, name, words)}
        if not found:
            self.dropped.append(token[0])
        return found or None


def _has(article: Article, name: str, words: str) -> bool:
    match name:
        case "si":
            numbers = {(bank, n) for bank, some in article.get("accessions", {}).items() for n in some}
            return words in {text.lower() for bank, n in numbers for text in (n, f"{bank}/{n}")}
        case "pt":
            return words in {kind.lower() for kind in article.get("types", ())}
        case _:
            text = " ".join([article.get("title", ""), *(part["text"] for part in _sections(article))]).lower()
            return words in text and bool(re.search(rf"\b{re.escape(words)}\b", text))


def _is_within(article: Article, name: str, days: str) -> bool:
    first, _, last = days.replace("/", "-").partition(":")
    day = str(article.get(DATE_FIELDS[name]) or article.get("entrez_date", ""))
    return first <= day <= (last or first)


def _sections(article: Article) -> list[Mapping[str, str]]:
    abstract = article.get("abstract") or []
    return [{"text": abstract}] if isinstance(abstract, str) else abstract


def _record(article: Article) -> str:
    if "xml" in article:
        return str(article["xml"])
    pmid = f'<PMID Version="{article.get("version", 1)}">{escape(article["pmid"])}</PMID>'
    title = _tag("ArticleTitle", article.get("title_xml") or escape(article.get("title", "")))
    types = "".join(_tag("PublicationType", escape(kind), UI="D0") for kind in article.get("types", ()))
    issue = _tag("PubDate", _date(article.get("issue_date", "")))
    about = _tag("Abstract", "".join(_abstract(article)))
    data = _tag("History", _tag("PubMedPubDate", _date(article.get("entrez_date", ""), False), PubStatus="entrez"))
    named = {"pubmed": article["pmid"], "doi": article.get("doi"), "pmc": article.get("pmc")}
    ids = "".join(_tag("ArticleId", escape(number), IdType=name) for name, number in named.items() if number)
    data += _tag("PublicationStatus", "ppublish") + _tag("ArticleIdList", ids)
    journal = escape(article.get("journal", ""))
    if article.get("book"):
        book = _tag("Book", _tag("BookTitle", journal) + issue)
        document = _tag("BookDocument", pmid + book + title + about + types)
        return _tag("PubmedBookArticle", document + _tag("PubmedBookData", data))
    issue = _tag("JournalIssue", issue, CitedMedium="Internet")
    cited = _tag("Journal", issue + _tag("Title", journal)) + title + about + _banks(article)
    cited += _tag("PublicationTypeList", types)
    cited += _tag("ArticleDate", _date(article.get("electronic_date", ""), False), DateType="Electronic")
    citation = pmid + _tag("Article", cited, PubModel="Print-Electronic") + _corrections(article)
    medline = _tag("MedlineCitation", citation, Status="MEDLINE", Owner="NLM")
    return _tag("PubmedArticle", medline + _tag("PubmedData", data))


def _abstract(article: Article) -> Iterator[str]:
    for part in _sections(article):
        named = {name: part[key] for key, name in (("label", "Label"), ("category", "NlmCategory")) if part.get(key)}
        yield _tag("AbstractText", escape(part["text"]), **named)


def _banks(article: Article) -> str:
    banks = (
        _tag("DataBankName", escape(bank))
        + _tag("AccessionNumberList", "".join(_tag("AccessionNumber", escape(n)) for n in numbers))
        for bank, numbers in article.get("accessions", {}).items()
    )
    return _tag("DataBankList", "".join(_tag("DataBank", bank) for bank in banks), CompleteYN="Y")


def _corrections(article: Article) -> str:
    notes = (
        _tag(
            "CommentsCorrections",
            _tag("RefSource", escape(note.get("source", ""))) + _tag("PMID", escape(note.get("pmid", "")), Version="1"),
            RefType=note["type"],
        )
        for note in article.get("corrections", ())
    )
    return _tag("CommentsCorrectionsList", "".join(notes))


def _date(text: str, is_named: bool = True) -> str:
    """Return a date's parts, its month by name as an issue gives it, or as a number; other words as they are."""
    if not re.fullmatch(r"\d{4}(-\d\d){0,2}", text):
        return _tag("MedlineDate", escape(text))
    year, *rest = text.split("-")
    if rest and is_named:
        rest[0] = MONTHS[int(rest[0]) - 1]
    return "".join(map(_tag, ("Year", "Month", "Day"), (year, *rest)))


def _tag(name: str, content: str, **attributes: str) -> str:
    """Return an element, or nothing when it would hold nothing."""
    said = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{said}>{content}</{name}>" if content else ""
