"""PubMed's searches and the forms they are posted by: every article that a term finds, or an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from cto.connector import Crawl, Json, Source, batches
from cto.http import BadBodyError, SourceError, read_json

TRIALS = 100
"""Trials a search."""
CAP = 9999
"""PubMed shows no more of a search's articles, whatever it counts."""
FIRST_DAY = date(1700, 1, 1)
NCT_ID = re.compile(r"NCT\d{8}")
PMID_FORM = re.compile(r"[1-9]\d{0,7}")


class Found(NamedTuple):
    """What a search found: how many in all, the identifiers on this page, and the terms that PubMed dropped."""

    total: int
    ids: list[str]
    dropped: list[str]


@dataclass
class Search:
    """The searches of one crawl."""

    crawl: Crawl

    def trials(self, nct_ids: list[str], term: str, way: str) -> set[str]:
        """Return the articles that are found by any of the trials' terms.

        PubMed leaves out a term that it does not know and searches for what is left, or for something wider. So an
        answer in which it left one out is never used: the terms it names are taken out and the others asked for again,
        and where it names none of ours, each half of them by itself.
        """
        ids: set[str] = set()
        todo, left, n_rejected, n_unknown = batches(nct_ids, TRIALS), list[str](), 0, 0
        while todo or left:
            if not todo:
                todo, left = batches(left, TRIALS), []
            batch = todo.pop()
            found, dropped = self._all(" OR ".join(map(term.format, batch)))
            if not dropped:
                ids |= found
                continue
            n_rejected += 1
            unknown = set(batch) & set(NCT_ID.findall(" ".join(dropped).upper()))
            if unknown or len(batch) == 1:
                n_unknown += len(unknown or batch)
                left += [nct_id for nct_id in batch if unknown and nct_id not in unknown]
            else:
                todo += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
        self.crawl.note(
            f"{len(ids)} articles found by {way}; {n_unknown} of {len(nct_ids)} trials unknown to PubMed by it, "
            f"{n_rejected} answers rejected"
        )
        return ids

    def retracted(self, since: date) -> set[str]:
        """Return the retracted articles whose records were changed since the day before."""
        days = f"{since - timedelta(1):%Y/%m/%d}:{self.crawl.today + timedelta(1):%Y/%m/%d}"
        ids, dropped = self._all(f'"Retracted Publication"[pt] AND {days}[mdat]')
        self.crawl.note(f"PubMed knows no {dropped[0]}" if dropped else f"{len(ids)} retracted articles changed")
        return ids

    def _all(self, term: str) -> tuple[set[str], list[str]]:
        """Return all articles that a term finds, or else what of it PubMed dropped."""
        first = self._page(term, 0, None)
        return (set(), first.dropped) if first.dropped else (self._rest(term, first, None), [])

    def _rest(self, term: str, first: Found, days: tuple[date, date] | None) -> set[str]:
        """Return all articles of a search whose first page is there, by slices of time where there are too many."""
        if first.dropped:
            raise self._failed(f"PubMed drops {first.dropped[0]!r}, which it knew before")
        ids = set(first.ids)
        if first.total > CAP:
            start, end = days or (FIRST_DAY, self.crawl.today + timedelta(1))
            if start == end:
                raise self._failed(f"PubMed counts {first.total} articles of {start} and shows {CAP}: {term[:200]}")
            middle = start + (end - start) // 2
            for part in ((start, middle), (middle + timedelta(1), end)):
                ids |= self._rest(term, self._page(term, 0, part), part)
        else:
            n = len(first.ids)
            while n < first.total:
                page = self._page(term, n, days)
                if page.dropped or not page.ids:
                    raise self._failed(f"PubMed ends after {n} of {first.total} articles: {term[:200]}")
                ids |= set(page.ids)
                n += len(page.ids)
        if len(ids) < first.total:
            raise self._failed(f"PubMed counts {first.total} articles and shows {len(ids)}: {term[:200]}")
        return ids

    def _page(self, term: str, start: int, days: tuple[date, date] | None) -> Found:
        fields = form(self.crawl, term=term, retmode="json", retmax=CAP, retstart=start)
        if days:
            fields |= {"datetype": "edat", "mindate": f"{days[0]:%Y/%m/%d}", "maxdate": f"{days[1]:%Y/%m/%d}"}
        return post(self.crawl, "/esearch.fcgi", fields, "search")  # type: ignore[no-any-return]

    def _failed(self, message: str) -> SourceError:
        """Return the error, after noting that this crawl's searches lead nowhere, so that the next run asks anew."""
        self.crawl.abandon("search")
        return SourceError(f"{message}; run again later")


def post(crawl: Crawl, path: str, fields: dict[str, str | int], kind: str, attempt: str = "") -> Any:
    """Post a form and return what is read of the answer, which is kept."""
    return crawl.page(path, fields, kind, f"{attempt}{crawl.attempt(kind) or ''}", form=True)


def form(source: Source, **fields: str | int) -> dict[str, str | int]:
    """Return the fields of a form, with what PubMed wants to know of who asks."""
    email = {"email": source.contact} if "@" in source.contact else {}
    return {"db": "pubmed", "tool": "cto", **email, **fields}


def read_search(body: bytes) -> Found:
    """Read a search's answer; :class:`BadBodyError` on an error, which PubMed sends at status 200, and on half ones."""
    page = read_json(body)
    result = page.get("esearchresult") if isinstance(page, dict) else None
    if not isinstance(result, dict) or "ERROR" in result:
        told = result.get("ERROR") if isinstance(result, dict) else page.get("error") if isinstance(page, dict) else ""
        raise BadBodyError(f"not a search's answer: {str(told)[:200]}")
    ids, count, start = result.get("idlist"), str(result.get("count")), str(result.get("retstart", "0"))
    if not (isinstance(ids, list) and all(PMID_FORM.fullmatch(str(i)) for i in ids) and (count + start).isdecimal()):
        raise BadBodyError(f"a search's answer without a count or identifiers: {sorted(result)}")
    unknown = _told(result, "errorlist", "fieldsnotfound")
    if unknown:
        raise SourceError(f"PubMed no longer knows the field {unknown[0]!r}: nothing can be searched by it")
    dropped = [
        *_told(result, "errorlist", "phrasesnotfound"),
        *_told(result, "warninglist", "quotedphrasesnotfound"),
        *(word for word in _told(result, "warninglist", "phrasesignored") if word not in {"AND", "OR"}),
    ]
    if not ids and not dropped and int(count) > int(start):
        raise BadBodyError(f"a search's answer with none of {count} articles")
    return Found(int(count), [str(i) for i in ids], dropped)


def _told(result: Json, group: str, name: str) -> list[str]:
    told = result.get(group)
    return [str(word) for word in told.get(name) or ()] if isinstance(told, dict) else []
