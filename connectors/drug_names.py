"""RxNav: the ingredients and synonyms of the names by which trials call their drugs."""

from __future__ import annotations

from cto.connector import Connector, Crawl, Json, Parsed, Probe
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


def fetch(crawl: Crawl) -> Json:
    """Not written yet."""
    return {}


def read(kind: str, body: bytes) -> bytes:
    """Not written yet."""
    return body


def parse(kind: str, body: bytes) -> Parsed:
    """Not written yet."""
    return Parsed({})


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
    probe=Probe("", {}, ""),
    max_bytes=4 << 20,
    stale_after_days=45,
)
