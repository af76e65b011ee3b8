"""A generated world of drugs: trials, approvals and refusals of which it is known what belongs together, among decoys.

Every drug is invented, and so is its sponsor. A story is planted once a drug: it says by which name the trial calls the
drug, what the FDA did, and whether that speaks for or against the trial.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from cto.build import order
from cto.plan import models
from warehouse.tables_drugs import DRUGS

Row = dict[str, Any]
Pair = tuple[str, str, str]
"""A trial, an application and the kind of its approval, or ``refusal``."""

ONSETS = ("b", "br", "c", "d", "dr", "f", "g", "k", "l", "m", "n", "p", "pr", "qu", "r", "s", "t", "tr", "v", "z")
VOWELS = ("a", "e", "i", "o", "u")
STEMS = ("tinib", "mab", "prazole", "gliptin", "vastat", "ciclib", "sartan", "olol", "micin", "parib", "fovir", "idone")
SALTS = ("hydrochloride", "mesylate", "sodium", "maleate", "phosphate", "succinate", "besylate", "acetate")
TRADES = ("Pharmaceuticals", "Therapeutics", "Biosciences", "Pharma", "Laboratories", "Biopharma")


@dataclass
class World:
    """Rows by table, and the truth: which pairs speak, and in which story each trial, by its identifier, stands."""

    seed: int
    tables: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    speaks: set[Pair] = field(default_factory=set)
    story: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Seed the chance that names and dates come from."""
        self.chance = random.Random(self.seed)
        self.taken: set[str] = set()
        self.n_applications = 0

    def word(self, ending: str = "", syllables: int = 3) -> str:
        """Return an invented word that was not given yet."""
        while True:
            word = "".join(self.chance.choice(ONSETS) + self.chance.choice(VOWELS) for _ in range(syllables)) + ending
            if word not in self.taken:
                self.taken.add(word)
                return word

    def ingredient(self, in_rxnorm: bool = True) -> str:
        """Return a new ingredient; mostly one that RxNorm knows."""
        name = self.word(self.chance.choice(STEMS))
        if in_rxnorm:
            self.look_up(name, name)
        return name

    def look_up(self, name: str, *ingredients: str, match: str = "exact") -> None:
        """Let RxNorm know a name."""
        known = {"name": name, "rxcui": f"9{len(self.tables['raw_drug_names__name']):06}", "match": match}
        self.tables["raw_drug_names__name"].append(known | {"looked_up": "x"})
        for one in ingredients:
            row = {"name": name, "ingredient_rxcui": f"in-{one}", "ingredient_name": one}
            self.tables["raw_drug_names__ingredient"].append(row)

    def company(self) -> tuple[str, str]:
        """Return a company as the registry writes it, and as the FDA does."""
        name, trade = self.word("n", 2).capitalize(), self.chance.choice(TRADES)
        short = {"Pharmaceuticals": "PHARMS", "Laboratories": "LABS", "Biopharma": "BIOPHARMA INC"}.get(trade, "")
        return f"{name} {trade}, Inc.", f"{name.upper()} {short}".strip()

    def trial(self, story: str, sponsor: str, ended: date, *drugs: Row, **changes: Any) -> str:
        """Add a trial of drugs, each given as columns of its intervention."""
        nct_id = f"NCT{len(self.tables['core_study']) + 1:08}"
        plain = {"study_type": "INTERVENTIONAL", "phase": "PHASE3", "overall_status": "COMPLETED"}
        dated = {"primary_completion_date": ended, "primary_completion_date_precision": "day"}
        self.tables["core_study"].append({"nct_id": nct_id} | plain | dated | changes)
        lead = {"nct_id": nct_id, "sponsor_index": 0, "sponsor_name": sponsor, "is_lead": True}
        self.tables["core_sponsor"].append(lead)
        for index, drug in enumerate(drugs, start=1):
            row = {"nct_id": nct_id, "intervention_index": index, "intervention_type": "DRUG", "role": "experimental"}
            self.tables["core_intervention"].append(row | {"other_names": [], "role_basis": "arm_type"} | drug)
        self.story[nct_id] = story
        return nct_id

    def approve(self, holder: str, ingredients: list[str], on: date, brand: str = "", **changes: Any) -> str:
        """Add an application with an original approval, its ingredients as salts."""
        self.n_applications += 1
        number = f"NDA{self.n_applications:06}"
        salts = [f"{name} {self.chance.choice(SALTS)}" for name in ingredients]
        product = {"application_number": number, "product_number": "001", "ingredients": salts}
        self.tables["raw_drugs_at_fda__product"].append(product | {"brand_name": brand or self.word("x", 2).upper()})
        self.tables["raw_drugs_at_fda__application"].append({"application_number": number, "sponsor_name": holder})
        self.submit(number, on, **changes)
        return number

    def submit(self, number: str, on: date, **changes: Any) -> None:
        """Add a submission to an application."""
        plain = {"submission_type": "ORIG", "submission_number": "1", "status": "AP"}
        dated = {"application_number": number, "status_date_text": f"{on:%Y%m%d}"}
        self.tables["raw_drugs_at_fda__submission"].append(plain | dated | changes)

    def refuse(self, company: str, words: str, on: date, *grounds: str, number: str = "") -> str:
        """Add a complete response letter."""
        self.n_applications += not number
        number = number or f"NDA{self.n_applications:06}"
        letter = {"application_number": number, "company_name": company, "letter_date_text": f"{on:%m/%d/%Y}"}
        opening = (
            "Please refer to your New Drug Application submitted under section 505(b) of the Federal Food, Drug, and "
        )
        told = {"product_words": f"{opening}Cosmetic Act for {words}.", "approval_status": "Unapproved"}
        self.tables["raw_drugs_at_fda__letter"].append(
            letter | told | {"grounds": list(grounds), "file_name": f"{number}.pdf"}
        )
        return number

    def day(self, first: int = 2008, last: int = 2018) -> date:
        """Return a day of these years."""
        return date(first, 1, 1) + timedelta(days=self.chance.randrange((last - first + 1) * 365))

    def after(self, day: date, least: int = 200, most: int = 1000) -> date:
        """Return a day so many days later."""
        return day + timedelta(days=self.chance.randrange(least, most))


def drug(name: str, **changes: Any) -> Row:
    """Return the columns of an intervention."""
    return {"intervention_name": name} | changes


def planted(world: World, story: str) -> None:
    """Plant one approval that speaks for a trial, which calls the drug as the story says."""
    (sponsor, holder), name, ended = world.company(), world.ingredient(story != "code, unknown to RxNorm"), world.day()
    approved = world.after(ended)
    brand = world.word("ra", 2).upper()
    code = f"{''.join(world.chance.choices('ABCDEFGKLMNPRSTVXZ', k=3))}-{world.chance.randrange(100, 99999)}"
    listed, others, ingredients = name.capitalize(), [], [name]
    if story in ("code", "code, unknown to RxNorm"):
        listed = code
        world.trial(story, sponsor, ended - timedelta(days=900), drug(name, other_names=[code]), phase="PHASE2")
    elif story == "salt and dose":
        listed = f"{name.capitalize()} {world.chance.choice(SALTS)} {world.chance.choice((5, 10, 200))} mg tablets"
    elif story == "brand":
        listed = f"{brand.capitalize()}®"
    elif story == "other name":
        listed, others = f"{world.word('', 2)} inhibitor", [name, code]
    elif story == "misspelt":
        listed = name[:4] + name[4] * 2 + name[5:]
        world.look_up(listed, name, match="approximate")
    elif story == "combination":
        ingredients.append(world.ingredient())
        listed = world.chance.choice(("{0} + {1}", "{1}/{0}", "{0} and {1} 5 mg/10 mg")).format(*ingredients)
        for one in ingredients:
            world.trial(story, world.company()[0], world.day(1999, 2004), drug(one), phase="PHASE1")
    arms = [drug(listed, other_names=others), drug("Placebo", role="placebo")]
    if story == "with background":
        arms.append(drug(world.ingredient(), role="background"))
    trials = [world.trial(story, sponsor, ended, *arms)]
    if story == "two trials":
        trials.append(world.trial(story, sponsor, ended - timedelta(days=90), *arms))
    if story == "Orange Book":
        number = f"{world.n_applications + 500_000:06}"
        world.n_applications += 1
        product = {"application_type": "N", "application_number": number, "product_number": "001", "trade_name": brand}
        found = {
            "ingredients": ingredients,
            "applicant_full_name": holder,
            "approval_date_text": f"{approved:%b} {approved.day}, {approved:%Y}",
        }
        world.tables["raw_orange_book__product"].append({"row_index": world.n_applications} | product | found)
        number = f"NDA{number}"
    else:
        number = world.approve(holder, ingredients[::-1], approved, brand)
    if story == "supplement":
        later = world.trial(story, sponsor, approved + timedelta(days=1200), *arms)
        on = world.after(approved + timedelta(days=1200), 200, 900)
        kind = {"submission_type": "SUPPL", "submission_number": "9", "class_code": "EFFICACY"}
        world.submit(number, on, **kind)
        world.speaks.add((later, number, "efficacy_supplement"))
    world.speaks |= {(nct_id, number, "original") for nct_id in trials}


def decoy(world: World, story: str) -> None:
    """Plant a trial and an approval of which nothing follows for the trial."""
    (sponsor, holder), name, ended = world.company(), world.ingredient(), world.day()
    approved = world.after(ended)
    if story == "generic":
        number = world.approve(holder, [name], ended - timedelta(days=4000))
        row = {"row_index": 10**6 + len(world.story), "application_type": "A", "application_number": number[3:]}
        dated = {"approval_date_text": f"{approved:%b} {approved.day}, {approved:%Y}", "ingredients": [name]}
        world.tables["raw_orange_book__product"].append(
            row | dated | {"product_number": "001", "applicant_full_name": sponsor}
        )
        world.trial(story, sponsor, ended, drug(name))
    elif story == "other sponsor":
        world.trial(story, world.company()[0], ended, drug(name))
        world.approve(holder, [name], approved)
    elif story == "other combination":
        world.trial(story, sponsor, ended, drug(name), drug(world.ingredient()))
        world.approve(holder, [name], approved)
    elif story == "approved as part of a combination":
        world.trial(story, sponsor, ended, drug(name))
        world.approve(holder, [name, world.ingredient()], approved)
    elif story == "approved before":
        world.trial(story, sponsor, ended, drug(name))
        world.approve(holder, [name], ended - timedelta(days=30))
    elif story == "approved long after":
        world.trial(story, sponsor, ended, drug(name))
        world.approve(holder, [name], ended + timedelta(days=6 * 365))
    elif story in ("PHASE2", "TERMINATED"):
        changes = {"phase": story} if story == "PHASE2" else {"overall_status": story}
        world.trial(story, sponsor, ended, drug(name), **changes)
        world.approve(holder, [name], approved)
    elif story == "comparator":
        world.trial(story, sponsor, ended, drug(world.ingredient()), drug(name, role="comparator"))
        world.approve(holder, [name], approved)
    elif story == "tentative":
        world.trial(story, sponsor, ended, drug(name))
        world.approve(holder, [name], approved, status="TA")
    elif story == "labeling":
        number = world.approve(holder, [name], ended - timedelta(days=900))
        world.trial(story, sponsor, ended, drug(name))
        world.submit(number, approved, submission_type="SUPPL", submission_number="2", class_code="LABELING")
    elif story == "similar name":
        other = name[:-1] + ("n" if name[-1] != "n" else "m")
        world.look_up(other, other)
        world.trial(story, sponsor, ended, drug(other))
        world.approve(holder, [name], approved)
    elif story == "generic alias":
        world.trial(story, sponsor, ended, drug(f"{world.word('', 2)} vaccine", other_names=["study vaccine"]))
        world.trial(story, world.company()[0], ended, drug(name, other_names=["study vaccine"]))
        world.approve(holder, [name], approved)


def untold(world: World, story: str) -> None:
    """Plant what the sources do not tell apart, so that the function is wrong or silent."""
    (sponsor, holder), name, ended = world.company(), world.ingredient(), world.day()
    on = world.after(ended)
    first = world.trial(story, sponsor, ended, drug(name))
    if story == "sold to another company":
        world.speaks.add((first, world.approve(world.company()[1], [name], on), "original"))
        return
    world.trial(story, sponsor, ended - timedelta(days=30), drug(name))
    if story == "two trials, one disease approved":
        world.speaks.add((first, world.approve(holder, [name], on), "original"))
    else:
        number = world.approve(holder, [name], ended - timedelta(days=2000))
        world.submit(number, on, submission_type="SUPPL", submission_number="9", class_code="EFFICACY")
        world.speaks.add((first, number, "efficacy_supplement"))


def refused(world: World, story: str) -> None:
    """Plant a refusal and, in some stories, what followed."""
    (sponsor, holder), name, ended = world.company(), world.ingredient(), world.day()
    on = world.after(ended, 200, 900)
    trial = world.trial(
        story, "University of Imagination" if story == "other applicant" else sponsor, ended, drug(name)
    )
    brand = world.word("ra", 2).capitalize()
    words = world.chance.choice(
        (f"{brand} ({name}) tablets", f"{name} {world.chance.choice(SALTS)} injection, 10 mg/mL")
    )
    grounds = ("product_quality", "facility") if story == "manufacturing" else ("clinical", "product_quality")
    number = world.refuse(sponsor, words, on, *grounds)
    if story in ("refused", "new trial", "approved later"):
        world.speaks.add((trial, number, "refusal"))
    if story in ("new trial", "approved later"):
        later = world.after(on, 700, 900)
        product = {"application_number": number, "product_number": "001", "brand_name": brand, "ingredients": [name]}
        world.tables["raw_drugs_at_fda__product"].append(product)
        world.tables["raw_drugs_at_fda__application"].append({"application_number": number, "sponsor_name": holder})
        world.submit(number, later)
        new = world.trial(story, sponsor, on + timedelta(days=400), drug(name)) if story == "new trial" else trial
        world.speaks.add((new, number, "original"))


STORIES = {
    planted: (
        "name", "code", "code, unknown to RxNorm", "salt and dose", "brand", "other name", "misspelt", "combination",
        "with background", "two trials", "Orange Book", "supplement",
    ),
    decoy: (
        "generic", "other sponsor", "other combination", "approved as part of a combination", "approved before",
        "approved long after", "PHASE2", "TERMINATED", "comparator", "tentative", "labeling", "similar name",
        "generic alias",
    ),
    untold: ("two trials, one disease approved", "two trials, one supplement", "sold to another company"),
    refused: ("refused", "manufacturing", "other applicant", "new trial", "approved later"),
}  # fmt: skip


def derive(con: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[Row]]) -> None:
    """Fill the empty tables of a database with these rows, and all tables of drugs with what follows from them."""
    for name, rows in tables.items():
        columns = sorted({column for row in rows for column in row})
        con.register("given", pa.table({column: [row.get(column) for row in rows] for column in columns}))
        con.execute(f"insert into {name} by name from given")
        con.unregister("given")
    for name in order({table.name: models()[table.name] for table in DRUGS}):
        con.execute(f"insert into {name} by name {models()[name]}")


def generate(each: int, seed: int = 1) -> World:
    """Return a world in which every story was planted so many times."""
    world = World(seed)
    for plant, stories in STORIES.items():
        for story in stories:
            for _ in range(each):
                plant(world, story)
    return world
