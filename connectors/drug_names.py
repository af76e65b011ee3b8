"""RxNav: the ingredients and synonyms of the names by which trials call their drugs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any, NamedTuple

from cto.bundle import Answer, pack, unpack
from cto.connector import Connector, Crawl, Json, Parsed, Source
from cto.http import BadBodyError, RefusedError, SourceError, read_json
from cto.parts import rows
from cto.schema import Column, Table

NAME = Column("name", "VARCHAR", "Name asked for, in lower case.", required=True)
LOOKED_UP = Table(
    "raw_drug_names__name",
    "One row a name that was looked up.",
    ("name",),
    (
        NAME,
        Column("rxcui", "VARCHAR", "RxNorm concept it means; null when RxNorm knows none."),
        Column("match", "VARCHAR", "How it was found.", required=True, values=("exact", "approximate", "none")),
        Column("score", "DOUBLE", "Score of an approximate match, as RxNav gives it."),
        Column("looked_up", "VARCHAR", "Day of the look-up and the name, as YYYY-MM-DD name.", required=True),
    ),
)
INGREDIENT = Table(
    "raw_drug_names__ingredient",
    "One row an ingredient of a name's concept.",
    ("name", "ingredient_rxcui"),
    (
        NAME,
        Column("ingredient_rxcui", "VARCHAR", "RxNorm concept of the ingredient.", required=True),
        Column("ingredient_name", "VARCHAR", "Name of the ingredient, in lower case."),
    ),
)
SYNONYM = Table(
    "raw_drug_names__synonym",
    "One row a brand name of an ingredient of a name's concept.",
    ("name", "ingredient_rxcui", "synonym"),
    (
        NAME,
        Column("ingredient_rxcui", "VARCHAR", "RxNorm concept of the ingredient.", required=True),
        Column("synonym", "VARCHAR", "Brand name, in lower case.", required=True),
    ),
)
TABLES = (LOOKED_UP, INGREDIENT, SYNONYM)

NAMES_A_NIGHT = 20_000
NAMES_A_BUNDLE = 200
DAYS_KNOWN = 180
RXCUI = r"\d{1,10}"

WANTS = """
with given as (
    select nct_id, unnest(list_prepend(intervention_name, coalesce(other_names, []))) as text
    from core_intervention
    where intervention_type in ('DRUG', 'BIOLOGICAL') and role <> 'placebo'
),
cleaned as (
    select text, unnest(drug_parts(text)) as name from (select distinct text from given)
)
select name
from given join cleaned using (text)
group by name
order by count(distinct nct_id) desc, name
"""
"""The names of drugs, those in most trials first; ``drug_parts`` cleans them (``warehouse/macros/drugs.sql``)."""


class Concept(NamedTuple):
    """A concept of RxNorm: an ingredient or a brand."""

    rxcui: str
    name: str


class Candidate(NamedTuple):
    """A concept that RxNav holds for what a name might mean; the name is empty where RxNav gives none."""

    rxcui: str
    name: str
    score: float | None


def fetch(crawl: Crawl) -> Json:
    """Look up the wanted names that are new or were looked up long ago; nothing is remembered but the pages.

    A run that is taken up again may want other names than when it began: whatever its stored bundles answer is done.
    """
    due = str(crawl.today - timedelta(days=DAYS_KNOWN))
    known = {text[11:] for text in crawl.known(LOOKED_UP.name, "looked_up") if text[:10] > due}
    todo = dict.fromkeys(name for (name,) in crawl.wanted if name not in known)
    crawl.expect(-(-min(len(todo), NAMES_A_NIGHT) // NAMES_A_BUNDLE))
    held: dict[tuple[str, str], bytes] = {}
    n_refused = n_several = 0
    for number in range(NAMES_A_NIGHT // NAMES_A_BUNDLE):
        if not todo:
            break
        names = list(todo)[:NAMES_A_BUNDLE]
        get = partial(_bundle, crawl, crawl.today, names, held)
        answers: list[Answer] = crawl.keep(f"names {number}", "lookups", get)
        held |= {(a.kind, a.subject): a.body for a in answers if a.kind in ("ingredients", "brands")}
        n_several += sum(a.kind == "ids" and len(read("ids", a.body)) > 1 for a in answers)
        n_refused += sum(a.kind == "refused" for a in answers)
        for answer in answers:
            todo.pop(answer.subject, None)
    if n_several:
        crawl.note(f"{n_several} names mean several concepts of RxNorm: the first was taken")
    if n_refused:
        crawl.note(f"{n_refused} names were refused by RxNav")
    if todo:
        crawl.note(f"{len(todo)} names are left for the next nights, {NAMES_A_NIGHT} a night")
    return {}


def read(kind: str, body: bytes) -> Any:
    """Return what an answer says: identifiers, candidates or concepts; of a bundle its answers.

    Raises:
        BadBodyError: it is cut, or not of its kind.

    """
    if kind == "lookups":
        return list(unpack(body))
    group = _member(read_json(body), {"ids": "idGroup", "candidates": "approximateGroup"}.get(kind, "relatedGroup"))
    if kind == "ids":
        return [_rxcui(text) for text in _listed(group, "rxnormId")]
    if kind == "candidates":
        return [_candidate(found) for found in _listed(group, "candidate")]
    concepts = [found for part in _listed(group, "conceptGroup") for found in _listed(part, "conceptProperties")]
    return [Concept(_rxcui(found.get("rxcui")), str(found.get("name") or "").strip().lower()) for found in concepts]


def parse(kind: str, body: bytes) -> Parsed:
    """Return the rows of a bundle: of each name what it means, its ingredients and their brands."""
    answers = read(kind, body)
    found = {(a.kind, a.subject): read(a.kind, a.body) for a in answers if a.kind not in ("day", "refused")}
    day = next(a.subject for a in answers if a.kind == "day")
    names: list[Json] = []
    ingredients: list[Json] = []
    synonyms: list[Json] = []
    for name in (a.subject for a in answers if a.kind == "ids"):
        meant = _meaning(name, found[("ids", name)], found.get(("candidates", name), []))
        names.append({"name": name, "looked_up": f"{day} {name}"} | meant)
        for concept in _distinct(found.get(("ingredients", meant["rxcui"]), [])):
            key = {"name": name, "ingredient_rxcui": concept.rxcui}
            ingredients.append(key | {"ingredient_name": concept.name or None})
            brands = {brand.name for brand in found[("brands", concept.rxcui)]} - {""}
            synonyms += [key | {"synonym": brand} for brand in sorted(brands)]
    refused = tuple(
        {"position": i, "id": a.subject, "reason": f"RxNav refused the name: {a.body.decode()}", "start": a.subject}
        for i, a in enumerate(answers)
        if a.kind == "refused"
    )
    tables = zip(TABLES, (names, ingredients, synonyms), strict=True)
    return Parsed({table.name: rows(table, listed) for table, listed in tables}, refused)


def probe(source: Source) -> tuple[str, bytes]:
    """Look up one name."""
    return "lookups", _bundle(source, date.min, ["aspirin"], {})


def _bundle(source: Source, day: date, names: list[str], held: dict[tuple[str, str], bytes]) -> bytes:
    """Look names up and pack the answers; every bundle holds all that its names need, whoever asked for it first.

    Raises:
        SourceError: RxNav refuses every name, so it is not the names.

    """
    answers: dict[tuple[str, str], Answer] = {("day", ""): Answer(str(day), "day", b"")}
    for name in names:
        for answer in _look_up(source, name, held):
            answers[(answer.kind, answer.subject)] = answer
    refused = [a for a in answers.values() if a.kind == "refused"]
    if len(refused) == len(names):
        raise SourceError(f"RxNav refuses every name; the first: {refused[0].body.decode()}")
    return pack(answers.values())


def _look_up(source: Source, name: str, held: dict[tuple[str, str], bytes]) -> Iterator[Answer]:
    """Ask what a name means, then for that concept's ingredients and for the brands of each."""
    candidates: list[Candidate] = []
    try:
        body, ids = source.answer("/rxcui.json", {"name": name, "search": 2}, "ids")
        yield Answer(name, "ids", body)
        if not ids and _may_be_misspelt(name):
            body, candidates = source.answer("/approximateTerm.json", {"term": name, "maxEntries": 4}, "candidates")
            yield Answer(name, "candidates", body)
    except RefusedError as error:
        if error.status != 400:
            raise
        yield Answer(name, "refused", str(error).encode())
        return
    rxcui = _meaning(name, ids, candidates)["rxcui"]
    if rxcui:
        answer = _related(source, rxcui, "ingredients", held)
        yield answer
        for concept in read("ingredients", answer.body):
            yield _related(source, concept.rxcui, "brands", held)


def _related(source: Source, rxcui: str, kind: str, held: dict[tuple[str, str], bytes]) -> Answer:
    """Return a concept's ingredients or brands; many names lead to the same, so each is asked for once a run."""
    if (kind, rxcui) not in held:
        params = {"tty": {"ingredients": "IN", "brands": "BN"}[kind]}
        held[(kind, rxcui)], _ = source.answer(f"/rxcui/{rxcui}/related.json", params, kind)
    return Answer(rxcui, kind, held[(kind, rxcui)])


def _meaning(name: str, ids: list[str], candidates: list[Candidate]) -> Json:
    """Return the concept that a name means: the first of those that bear it, else the one candidate that spells it.

    RxNav's scores depend on the query and know no threshold, so a candidate is judged by its name alone.
    """
    if ids:
        return {"rxcui": ids[0], "match": "exact", "score": None}
    alike = [found for found in candidates if _spells(name, found.name)]
    if len({found.rxcui for found in alike}) == 1:
        return {"rxcui": alike[0].rxcui, "match": "approximate", "score": alike[0].score}
    return {"rxcui": None, "match": "none", "score": None}


def _may_be_misspelt(name: str) -> bool:
    """Return whether a candidate could be taken at all: codes and short words are never misspelt."""
    words = _words(name)
    return len(words) > 1 or any(len(word) >= 8 and word.isalpha() for word in words)


def _spells(name: str, other: str) -> bool:
    """Return whether two names are the same words, in any order, but for one slip in one long word.

    The word has eight letters at least, no digit, and starts with the same letter: prednisone is not prednisolone,
    and no code is ever taken for another.

    >>> _spells("acetominophen", "acetaminophen"), _spells("ly3002813", "ly3002811")
    (True, False)
    """
    ours, theirs = Counter(_words(name)), Counter(_words(other))
    left, right = list((ours - theirs).elements()), list((theirs - ours).elements())
    if not left and not right:
        return True
    if len(left) != 1 or len(right) != 1:
        return False
    [a], [b] = left, right
    return a.isalpha() and b.isalpha() and min(len(a), len(b)) >= 8 and a[0] == b[0] and _is_one_slip(a, b)


def _is_one_slip(a: str, b: str) -> bool:
    """Return whether one letter was added, left out or changed, or two neighbours swapped."""
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return max(len(a), len(b)) <= 1 or (len(a) == 2 and a == b[::-1])


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.lower())


def _distinct(concepts: Iterable[Concept]) -> list[Concept]:
    return list({concept.rxcui: concept for concept in concepts}.values())


def _member(found: Any, name: str) -> Json:
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(value, dict):
        raise BadBodyError(f"an answer without {name!r}: {str(found)[:80]!r}")
    return value


def _listed(group: Json, name: str) -> list[Any]:
    """Return a list that RxNav leaves out when it is empty."""
    value = group.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str | dict) for item in value):
        raise BadBodyError(f"{name!r} is no list: {str(value)[:80]!r}")
    return value


def _rxcui(text: Any) -> str:
    """Return an identifier; it goes into addresses, so nothing else may pass for one."""
    if not re.fullmatch(RXCUI, str(text)):
        raise BadBodyError(f"not an identifier of RxNorm: {str(text)[:80]!r}")
    return str(text)


def _candidate(found: Json) -> Candidate:
    try:
        score = float(found["score"]) if "score" in found else None
    except (TypeError, ValueError) as error:
        raise BadBodyError(f"a score that is no number: {found!r}"[:120]) from error
    return Candidate(_rxcui(found.get("rxcui")), str(found.get("name") or ""), score)


drug_names = Connector(
    name="drug_names",
    homepage="https://lhncbc.nlm.nih.gov/RxNav/",
    licence="RxNorm is in the public domain",
    url="https://rxnav.nlm.nih.gov/REST",
    seconds_between_requests=0.06,
    tables=TABLES,
    entity="name",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=probe,
    wants=WANTS,
    max_bytes=4 << 20,
    stale_after_days=45,
)
