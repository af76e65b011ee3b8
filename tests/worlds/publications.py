"""A world of invented trials and papers in which it is known which papers report which trial's results.

Each drug is tested by four sister trials of one or two diseases, so that a paper's words alone fit several of them.
Besides reports there are design papers, secondary and pooled analyses, reviews, comments, retracted reports, reports
listed under a sister trial, and papers that only name a trial. Some have titles that do not say what they are, so that
no reader of titles could tell.
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

from cto import registry
from cto.plan import macros, models

Rows = list[dict[str, Any]]

DISEASES = (
    "plaque psoriasis", "rheumatoid arthritis", "heart failure", "type 2 diabetes", "ulcerative colitis", "asthma",
    "major depressive disorder", "schizophrenia", "migraine", "multiple sclerosis", "breast cancer", "melanoma",
    "non-small cell lung cancer", "colorectal cancer", "chronic kidney disease", "hypertension", "osteoporosis",
    "atopic dermatitis", "chronic hepatitis C", "HIV infection", "epilepsy", "Alzheimer's disease", "gout", "acne",
    "cystic fibrosis", "multiple myeloma", "acute myeloid leukemia", "atrial fibrillation", "COPD", "endometriosis",
)  # fmt: skip
OUTCOMES = ("response at week 16", "overall survival", "mean change of the score", "event-free survival", "pain")
DESIGNS = {
    "2": "A Randomized, Double-blind, Dose-ranging Phase 2 Study of {drug} in Patients With {disease}",
    "3": "A Randomized, Double-blind, {control}-controlled Phase 3 Study to Evaluate {drug} in {group} With {disease}",
    "4": "An Open-label Phase 4 Study of {drug} in Routine Treatment of {disease}",
}
# What the papers of a kind are called. The last of some kinds gives nothing away.
TITLES = {
    "report": (
        "{drug} versus {control} in {group} with {disease}: a randomised, double-blind, phase {phase} trial",
        "Efficacy and safety of {drug} in {group} with {disease} ({acronym}): results of a phase {phase} study",
        "{drug} for {disease}", "A phase {phase} trial of {drug} in {disease}",
        "{drug} in {group} with {disease}: the {acronym} trial", "Treatment of {disease} with {drug}",
    ),
    "second": (
        "Efficacy of {drug} at week 52 in {group} with {disease}: final results of {acronym}",
        "Effect of {drug} on symptoms of {disease}: a randomized controlled trial",
    ),
    "design": (
        "Rationale and design of the {acronym} trial of {drug} in {disease}", "{drug} in {disease}: study protocol of "
        "{acronym}", "Design and methods of a phase {phase} trial of {drug} versus {control} in {disease}",
        "Testing {drug} in {group} with {disease}: the {acronym} trial",
    ),
    "secondary": (
        "Post hoc analysis of {acronym}: {drug} in {disease}", "Biomarkers of response to {drug} in {disease}",
        "Cost-effectiveness of {drug} in {disease}", "Quality of life with {drug} in {disease}: the {acronym} trial",
        "Long-term extension of {acronym}: {drug} in {disease}", "Predictors of outcome in {disease} given {drug}",
        "Population pharmacokinetics of {drug} in {disease}", "Efficacy of {drug} by baseline severity of {disease}",
        "Sleep and work in {group} with {disease} given {drug}: data of {acronym}",
    ),
    "pooled": ("{drug} in {disease}: pooled analysis of randomised trials", "Integrated safety of {drug} in {disease}"),
    "review": ("{drug} in {disease}: a systematic review and meta-analysis", "{drug}: a review of its use in {disease}",
               "Where {drug} stands in {disease}"),
    "comment": ("{drug} in {disease}", "Comment on: {drug} versus {control} in {disease}"),
    "background": ("Burden of {disease} in {group}", "{control} in {disease}: a randomized trial"),
    "mention": ("Management of {disease} in primary care", "Trials of {disease} and their sponsors"),
}  # fmt: skip
TRIAL_TYPES = ("Randomized Controlled Trial", "Clinical Trial, Phase III")
SYLLABLES = ("ba", "ve", "lor", "ti", "qua", "zen", "mo", "ri", "pex", "ku", "dar", "sil", "fo", "nym", "ge", "tol")


@dataclass
class World:
    """Tables by name, and the truth: by trial the papers that report its results; by paper its kind."""

    tables: dict[str, Rows] = field(default_factory=lambda: defaultdict(list))
    reports: dict[str, list[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)


@dataclass
class Trial:
    """An invented trial."""

    nct_id: str
    words: dict[str, str]
    completion: date


class Builder:
    """Writes one world's rows."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World()
        self.n_papers = 0

    def trial(self, number: int, drug: str, disease: str, phase: str, completion: date) -> Trial:
        chance, words = self.random, {"drug": drug, "disease": disease, "phase": phase}
        words["control"] = chance.choice(("placebo", "active comparator"))
        words["group"] = chance.choice(("adults", "children", "adolescents", "older adults", "women"))
        words["acronym"] = acronym = f"{drug[:4].upper()}-{disease[:3].upper()}{number % 9 + 1}"
        trial = Trial(f"NCT9{number:07}", words, completion)
        is_month = chance.random() < 0.4
        self._add(
            "core_study",
            nct_id=trial.nct_id,
            study_type="INTERVENTIONAL",
            brief_title=f"{drug} in {disease}" + (f" ({acronym})" if chance.random() < 0.5 else ""),
            official_title=DESIGNS[phase].format(**words).title(),
            acronym=acronym if chance.random() < 0.6 else None,
            start_date=completion - timedelta(900),
            start_date_precision="day",
            primary_completion_date=completion.replace(day=1) if is_month else completion,
            primary_completion_date_precision="month" if is_month else "day",
        )
        company, measure = f"{drug[:5].title()} Invented Pharma", chance.choice(OUTCOMES)
        nct_id = trial.nct_id
        self._add("core_condition", nct_id=nct_id, condition_index=1, condition=disease)
        self._add("core_intervention", nct_id=nct_id, intervention_index=1, intervention_name=drug, role="experimental")
        self._add("core_sponsor", nct_id=nct_id, sponsor_index=0, sponsor_name=company)
        self._add("core_registered_outcome", nct_id=nct_id, outcome_index=1, outcome_type="PRIMARY", measure=measure)
        self.world.reports[nct_id] = []
        return trial

    def paper(self, kind: str, trials: list[Trial], days: tuple[int, int], *, cited: float = 0.3, named: float = 0.8,
              types: tuple[str, ...] = (), titled: str = "") -> str:  # fmt: skip
        """Add a paper of a kind on trials, some days after the first one's completion, and return its identifier."""
        chance = self.random
        self.n_papers += 1
        pmid = str(99_000_000 + self.n_papers)
        acronyms = " and ".join(trial.words["acronym"] for trial in trials[:2])
        title = chance.choice(TITLES[titled or kind]).format(**trials[0].words | {"acronym": acronyms})
        is_named = chance.random() < named
        abstract = f"We studied {trials[0].words['drug']} in {trials[0].words['disease']}."
        if is_named:
            abstract += " Registered: " + ", ".join(trial.nct_id for trial in trials) + "."
        day = trials[0].completion + timedelta(chance.randrange(*days))
        self._add("raw_pubmed__article", pmid=pmid, title=title[:1].upper() + title[1:] + ".", is_book=False,
                  abstract=abstract if chance.random() < 0.9 else None, journal="Journal of Invented Medicine",
                  issue_date_text=f"{day + timedelta(40):%Y-%m}",
                  electronic_date_text=str(day) if chance.random() < 0.7 else None,
                  entrez_date_text=str(day + timedelta(3)) if chance.random() < 0.9 else None)  # fmt: skip
        for name in ("Journal Article", *types):
            self._add("raw_pubmed__publication_type", pmid=pmid, publication_type=name)
        for trial in trials:
            if is_named and chance.random() < 0.7:
                self._add("raw_pubmed__accession", pmid=pmid, databank="ClinicalTrials.gov", accession=trial.nct_id)
                self.cite(trial, pmid, "DERIVED")
            if not is_named or chance.random() < cited:
                self.cite(trial, pmid, "RESULT")
        self.world.kinds[pmid] = kind
        return pmid

    def cite(self, trial: Trial, pmid: str, reference_type: str) -> None:
        self._add(
            "core_reference",
            nct_id=trial.nct_id,
            reference_index=self.n_papers,
            pmid=pmid,
            reference_type=reference_type,
        )

    def report(self, kind: str, trials: list[Trial], days: tuple[int, int]) -> str:
        types = (self.random.choice(TRIAL_TYPES),) if self.random.random() < 0.8 else ()
        pmid = self.paper(kind, trials, days, types=types)
        for trial in trials:
            self.world.reports[trial.nct_id].append(pmid)
        return pmid

    def retract(self, pmid: str, trials: list[Trial]) -> None:
        notice = self.paper("comment", trials, (1500, 1700), types=("Retraction of Publication",), titled="report")
        self._add("raw_pubmed__publication_type", pmid=pmid, publication_type="Retracted Publication")
        self._add("raw_pubmed__correction", pmid=pmid, correction_index=1, ref_type="RetractionIn", ref_pmid=notice)
        self.world.kinds[pmid] = "retracted"
        for trial in trials:
            self.world.reports[trial.nct_id].remove(pmid)

    def _add(self, table: str, **row: Any) -> None:
        self.world.tables[table].append(row)


def make(n_drugs: int, seed: int) -> World:
    """Return a world of four trials a drug."""
    builder = Builder(seed)
    chance = builder.random
    for number in range(n_drugs):
        drug = "".join(chance.sample(SYLLABLES, 3)) + chance.choice(("mab", "tinib", "statin", "prazole"))
        one, other = chance.sample(DISEASES, 2)
        first = date(2003, 1, 1) + timedelta(chance.randrange(4000))
        twin = one if chance.random() < 0.5 else other
        sisters = [
            builder.trial(4 * number + k, drug, disease, phase, first + timedelta(days + chance.randrange(60)))
            for k, (disease, phase, days) in enumerate(
                zip((one, one, twin, one), "2334", (0, 1100, 1100, 2200), strict=True)
            )
        ]
        for k, trial in enumerate(sisters):
            _papers(builder, trial, sisters[(k + 1) % 4], is_pair=k == 1 and twin == one)
        if chance.random() < 0.5:
            builder.paper("pooled", sisters[: chance.choice((3, 4))], (700, 1500))
        if chance.random() < 0.4:
            builder.paper("review", sisters, (400, 1800), types=("Review",) if chance.random() < 0.7 else (), cited=0.1)
    return builder.world


def _papers(builder: Builder, trial: Trial, sister: Trial, is_pair: bool) -> None:
    """Add the papers on one trial, each with its chance; twins may be reported together."""
    chance = builder.random
    if chance.random() < 0.8:
        both = [trial, sister] if is_pair and chance.random() < 0.5 else [trial]
        pmid = builder.report("report", both, (-250, 0) if chance.random() < 0.05 else (60, 1300))
        if chance.random() < 0.05:
            builder.retract(pmid, both)
        elif chance.random() < 0.15:
            builder.cite(sister, pmid, "RESULT")
        if chance.random() < 0.2:
            builder.paper("comment", [trial], (150, 1400), types=("Comment", chance.choice(("Letter", "Editorial"))))
    if chance.random() < 0.2:
        builder.report("second", [trial], (500, 1700))
    if chance.random() < 0.3:
        builder.paper("design", [trial], (-850, -380) if chance.random() < 0.8 else (-300, 200))
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        builder.paper("secondary", [trial], (200, 2600), types=TRIAL_TYPES[:1] if chance.random() < 0.4 else ())
    if chance.random() < 0.1:
        builder.paper("background", [trial], (-4000, -1000), named=0)
    if chance.random() < 0.08:
        builder.paper("mention", [trial], (200, 1500), cited=0)


INPUTS = (
    *(
        f"core_{thing}"
        for thing in ("study", "condition", "intervention", "sponsor", "registered_outcome", "reference")
    ),
    *(f"raw_pubmed__{thing}" for thing in ("article", "publication_type", "accession", "correction")),
)
MODELS = ("core_publication", "core_publication_link", "core_trial_publication")


def connect() -> duckdb.DuckDBPyConnection:
    """Return a database of all contracts' tables, without a row."""
    con = duckdb.connect()
    con.execute(macros())
    for table in registry.tables().values():
        con.execute(table.ddl())
    return con


def fill(con: duckdb.DuckDBPyConnection, tables: Mapping[str, Rows], names: Sequence[str] = MODELS) -> None:
    """Put the rows into the tables that the models of papers read, in place of what was there, and run the models."""
    for name in INPUTS:
        con.execute(f"delete from {name}")
        if rows := tables.get(name):
            columns = list(dict.fromkeys(column for row in rows for column in row))
            con.register("rows", pa.table({column: [row.get(column) for row in rows] for column in columns}))
            con.execute(f"insert into {name} by name from rows")
            con.unregister("rows")
    build(con, names)


def build(con: duckdb.DuckDBPyConnection, names: Sequence[str] = MODELS) -> None:
    """Fill tables of papers anew."""
    for name in names:
        con.execute(f"delete from {name}")
        con.execute(f"insert into {name} select {registry.tables()[name].select_list()} from ({models()[name]})")
