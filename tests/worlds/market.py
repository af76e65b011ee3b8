"""A made-up world of trials, companies and headlines in which it is known which headline is about which trial.

All names are invented; those of diseases are real, as registries and the press write them. Beside headlines about
trials there are decoys: of the same sponsor about another drug, of the same drug in another disease, and business news.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from cto import registry
from cto.plan import models

Rows = list[dict[str, Any]]

CONDITIONS = (
    ("Plaque Psoriasis", "psoriasis"),
    ("Diabetes Mellitus, Type 2", "type 2 diabetes"),
    ("Heart Failure", "heart failure"),
    ("Carcinoma, Non-Small-Cell Lung", "NSCLC"),
    ("Breast Neoplasms", "breast cancer"),
    ("Alzheimer Disease", "Alzheimer's disease"),
    ("Major Depressive Disorder", "depression"),
    ("Asthma", "severe asthma"),
    ("Crohn Disease", "Crohn's disease"),
    ("Migraine Disorders", "migraine"),
    ("Parkinson Disease", "Parkinson's"),
    ("Rheumatoid Arthritis", "rheumatoid arthritis"),
    ("Pulmonary Disease, Chronic Obstructive", "COPD"),
    ("Ovarian Cancer", "ovarian cancer"),
    ("Schizophrenia", "schizophrenia"),
    ("Leukemia, Myeloid, Acute", "AML"),
    ("Atopic Dermatitis", "eczema"),
    ("Obesity", "weight loss"),
    ("Cystic Fibrosis", "cystic fibrosis"),
    ("Hepatitis B, Chronic", "hepatitis B"),
    ("Epilepsy", "focal epilepsy"),
    ("Glioblastoma Multiforme", "glioblastoma"),
    ("Multiple Sclerosis, Relapsing-Remitting", "multiple sclerosis"),
    ("Prostate Cancer Metastatic", "prostate cancer"),
    ("Lupus Erythematosus, Systemic", "lupus"),
)
"""Diseases as registered and as headlines call them; of some the two share no word."""
FIRST = (
    "Velmar", "Quorin", "Taldex", "Ostrix", "Brenova", "Zelphos", "Merigant", "Luxatia", "Corvane", "Pellion",
    "Dravex", "Nuvaris", "Sorelle", "Kelvane", "Ambrosel", "Fenwick", "Halvorn", "Ixtara", "Jorvane", "Wexford",
)  # fmt: skip
TRADE = ("Therapeutics, Inc.", "Pharmaceuticals Inc", "Biosciences plc", "Pharma AG", "Oncology Corp")
STEMS = ("bax", "cor", "dal", "fen", "gil", "hex", "lor", "mip", "nal", "pex", "rov", "sul", "tam", "vor", "zan", "kel")
ENDINGS = ("limab", "tinib", "prazan", "gliptide", "vastor", "mersen", "zumab", "sertib")
PHASES = {
    2: ("Phase 2", "Phase II", "Phase 2b", "mid-stage"),
    3: ("Phase 3", "Phase III", "late-stage", "pivotal Phase 3"),
}
RESULTS = (
    "{company} Announces Positive Topline Results from {phase} Trial of {drug} in {condition}",
    "{company}'s {drug} meets primary endpoint in {phase} {condition} trial",
    "{drug} fails in {phase} {condition} study, {core} says",
    "{core} shares plunge as {condition} drug {drug} misses in {phase} trial",
    "{drug} shows significant improvement in patients with {condition}",
    "Full data for {company}'s {drug} in {condition} presented",
    "{company} reports {phase} data for {drug}",
    "{core}: {phase} trial in {condition} hits endpoint",
    "{company} Reports Results of the {acronym} Trial of {drug}",
    "{acronym}: {drug} reduces events in {condition}",
    "Results of {nct} posted: {drug} no better than placebo",
    "{company} halts {drug} trial in {condition} for futility",
    "{core} stock tumbles after trial failure",  # names no trial: nobody can match it
    "{brand} clears hurdle in {phase} {condition} trial",  # under a name that no registry holds
)
BUSINESS = (
    "{company} to Present at the Invented Healthcare Conference",
    "{company} Reports Third Quarter Financial Results and Business Update",
    "{company} Prices Public Offering of Common Stock",
    "{company} Appoints New Chief Medical Officer",
    "{core} and Fictional Partners Sign Licensing Agreement",
    "Five Biotech Stocks to Watch This Week",
)


@dataclass
class World:
    """Rows of the tables that the matching reads, and the pairs that are true."""

    studies: Rows = field(default_factory=list)
    sponsors: Rows = field(default_factory=list)
    conditions: Rows = field(default_factory=list)
    interventions: Rows = field(default_factory=list)
    items: Rows = field(default_factory=list)
    companies: Rows = field(default_factory=list)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    """Study and item."""


def market_world(n_trials: int, seed: int) -> World:
    """Return a world of about ``n_trials`` trials, three headlines a trial, and decoys."""
    draw = random.Random(seed)
    world = World()
    companies = [(first, f"{first} {draw.choice(TRADE)}") for first in FIRST]
    world.companies = [
        {"ticker": f"T{i:03}", "company_name": name.upper(), "cik": i, "list": "company", "list_index": i}
        for i, (_, name) in enumerate(companies)
    ]
    drugs = [a + b + end for a in STEMS for b in STEMS if a != b for end in draw.sample(ENDINGS, 1)]
    draw.shuffle(drugs)
    while len(world.studies) < n_trials:
        core, company = draw.choice(companies)
        _programme(world, draw, core, company, drugs.pop())
    return world


def _programme(world: World, draw: random.Random, core: str, company: str, name: str) -> None:
    """Add a drug's trials: a phase 2 and a phase 3 in one disease, often a further trial in another, and their news."""
    here, elsewhere, untried = draw.sample(CONDITIONS, 3)
    code = f"{core[:3].upper()}-{draw.randint(100, 9999)}"
    begin = date(draw.randint(2010, 2019), draw.randint(1, 12), 15)
    end = begin + timedelta(days=draw.randint(400, 900))
    plan = [(2, here, begin, end), (3, here, end + timedelta(days=draw.randint(60, 500)), None)]
    if draw.random() < 0.5:
        plan.append((draw.choice((2, 3)), elsewhere, begin + timedelta(days=draw.randint(0, 900)), None))
    for phase, condition, start, planned in plan:
        stop = planned or start + timedelta(days=draw.randint(400, 1100))
        nct_id = f"NCT999{len(world.studies):05}"
        acronym = "".join(
            draw.choice("BCDFGKLMNPRSTV" if i % 2 else "AEIOU") for i in range(draw.randint(4, 6))
        ) + draw.choice(("", "-2"))
        _register(world, nct_id, phase, condition[0], (start, stop), (company, name, code), acronym)
        told = {
            "company": draw.choice((company.rstrip("."), company.partition(",")[0])), "core": core, "nct": nct_id,
            "acronym": acronym, "brand": f"{name[:3].capitalize()}iq{draw.choice('xyz')}a", "condition": condition[1],
        }  # fmt: skip
        for template in draw.sample(RESULTS, 3):
            drug = draw.choice((name, name.capitalize(), code, code.replace("-", ""), code.replace("-", " ")))
            phase_text = draw.choice(PHASES[phase])
            day = stop + timedelta(days=draw.randint(-20, 170))
            text = template.format(**told, drug=drug, phase=phase_text)
            world.pairs.add((nct_id, _publish(world, draw, text, day)))
        # Decoys: what the company does elsewhere, what the drug does elsewhere, and business.
        day = stop + timedelta(days=draw.randint(-20, 170))
        other = told | {
            "drug": f"{draw.choice(STEMS)}o{draw.choice(STEMS)}{draw.choice(ENDINGS)}",
            "phase": draw.choice(PHASES[phase]),
        }
        _publish(world, draw, draw.choice(RESULTS[:6]).format(**other | {"condition": untried[1]}), day)
        _publish(world, draw, draw.choice(RESULTS[:6]).format(**other | {"drug": name, "condition": untried[1]}), day)
        _publish(world, draw, draw.choice(BUSINESS).format(**other), day)


def _register(
    world: World,
    nct_id: str,
    phase: int,
    condition: str,
    dates: tuple[date, date],
    names: tuple[str, str, str],
    acronym: str,
) -> None:
    company, drug, code = names
    world.studies.append(
        {
            "nct_id": nct_id, "study_type": "INTERVENTIONAL", "phase": f"PHASE{phase}", "acronym": acronym,
            "is_removed": False, "start_date": dates[0], "primary_completion_date": dates[1],
            "primary_completion_date_precision": "day",
        }
    )  # fmt: skip
    world.sponsors.append(
        {"nct_id": nct_id, "sponsor_index": 0, "sponsor_name": company, "sponsor_class": "INDUSTRY", "is_lead": True}
    )
    world.conditions.append({"nct_id": nct_id, "condition_index": 1, "condition": condition})
    for index, (name, others, role) in enumerate(
        ((f"{drug.capitalize()} 20 mg", [code], "experimental"), ("Placebo", [], "placebo"))
    ):
        world.interventions.append(
            {"nct_id": nct_id, "intervention_index": index + 1, "intervention_name": name, "intervention_type": "DRUG",
             "other_names": others, "role": role, "role_basis": "arm_type"}
        )  # fmt: skip


def _publish(world: World, draw: random.Random, text: str, day: date) -> str:
    item_id = f"item {len(world.items)}"
    at = datetime(day.year, day.month, day.day, draw.randint(6, 22), draw.randint(0, 59))
    written = text if draw.random() < 0.8 else text.lower()
    world.items.append(item(item_id, written, f"{at:%Y-%m-%dT%H:%M:%SZ}"))
    return item_id


def item(item_id: str, headline: str, published_at: str | None, publisher: str = "Wire") -> dict[str, Any]:
    """Return the raw row of a headline."""
    link = f"https://wire.invalid/{item_id.replace(' ', '-')}"
    return {"item_id": item_id, "title": headline, "headline": headline, "published_at": published_at,
            "publisher": publisher, "link": link, "feed": "google"}  # fmt: skip


def fill(con: duckdb.DuckDBPyConnection, name: str, rows: Rows | pa.Table) -> None:
    """Insert rows into a contract's table; columns that are not given are null."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    if table.num_rows:
        con.register("new_rows", table)
        con.execute(f"insert into {name} by name select * from new_rows")
        con.unregister("new_rows")


def build(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Make tables by their models, in the order given, under their contracts."""
    for name in names:
        columns = registry.tables()[name].select_list()
        con.execute(f"create or replace table {name} as select {columns} from ({models()[name]}\n)")
