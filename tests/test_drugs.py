"""One identity a drug, whatever its trials call it; approvals and refusals by the set of its ingredients."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cache
from typing import Any

import duckdb
import pytest

from cto import registry
from cto.build import examine
from cto.plan import macros
from tests.conftest import Query
from tests.worlds.drugs import STORIES, Row, World, decoy, derive, drug, generate, planted, refused, untold
from warehouse.tables_drugs import DRUGS


def named(call: str, *texts: str) -> list[Any]:
    """Return what a macro makes of each text."""
    return [
        row[0] for row in macro_world().execute(f"select {call} from (select unnest(?) as text)", [texts]).fetchall()
    ]


@cache
def macro_world() -> duckdb.DuckDBPyConnection:
    """Return a database that knows the macros."""
    con = duckdb.connect()
    con.execute(macros())
    return con


def test_a_salt_is_the_drug_and_a_mineral_is_none() -> None:
    spelled = {
        "metformin hydrochloride": "metformin",
        "dexamethasone sodium phosphate": "dexamethasone",
        "sodium valproate": "valproate",
        "valproate sodium": "valproate",
        "disodium pamidronate": "pamidronate",
        "amlodipine besilate": "amlodipine",
        "adalimumab-atto": "adalimumab",
        "interferon alpha-2a, recombinant": "interferon alfa-2a",
        "recombinant human erythropoietin": "erythropoietin",
        "ciclosporin": "cyclosporin",
        "comparator: atorvastatin": "atorvastatin",
        "magnesium sulfate": "magnesium sulfate",
        "calcium carbonate": "calcium carbonate",
        "potassium citrate": "potassium citrate",
        "anhydrous sodium acetate": "anhydrous sodium acetate",
        "fluticasone propionate": "fluticasone propionate",
        "antibody-drug conjugate": "antibody-drug conjugate",
    }
    assert dict(zip(spelled, named("ingredient_name(text)", *spelled), strict=True)) == spelled


def test_spellings_of_one_name_have_one_key() -> None:
    for spellings in (
        ["bay 59-7939", "bay59-7939", "bay-59-7939"],
        ["interferon alfa-2a", "interferon alpha 2a", "interferon-α-2a"],
        ["sulfamethoxazole", "sulphamethoxazole"],
        ["oestradiol", "estradiol"],
    ):
        assert len(set(named("ingredient_key(text)", *spellings))) == 1
    assert len(set(named("ingredient_key(text)", "ketamine", "(r)-ketamine", "(-)-ketamine", "(+)-ketamine"))) == 4
    assert (
        len(set(named("ingredient_key(text)", "prednisone", "prednisolone", "tenofovir", "tenofovir disoproxil"))) == 4
    )


def test_codes_are_told_from_isotopes_groups_and_antigens() -> None:
    codes = ["ly3002813", "bay 59-7939", "nsc #614629", "l-743,872", "v501", "852a", "sti571"]
    others = ["f-18", "i-131", "vitamin b12", "covid-19", "arm 10", "day 14", "cd19", "il-12", "h1n1", "velorimab"]
    assert named("is_drug_code(text)", *codes, *others) == [True] * len(codes) + [False] * len(others)


def test_a_name_that_tells_no_drug_is_known_as_such() -> None:
    generic = ["chemotherapy", "arm a", "intervention 12", "study drug", "chop regimen", "vaccine", "standard therapy"]
    generic += ["normal saline", "lhrh agonist", "dexamethasone or other corticosteroid", "cytogenetic analysis"]
    names = ["pneumococcal vaccine", "vitamin d", "velorimab", "interferon", "gene 21", "mft-101", "imp321"]
    assert named("is_generic_drug_name(text)", *generic, *names) == [True] * len(generic) + [False] * len(names)


def test_companies_agree_whatever_their_form_and_abbreviation() -> None:
    for one, other, expected in [
        ("NOVARTIS PHARMS CORP", "Novartis Pharmaceuticals", "exact"),
        ("MERIDIAN FICTIONAL", "Meridian Fictional Therapeutics", "exact"),
        ("LILLY", "Eli Lilly and Company", "part"),
        ("MERCK SHARP DOHME", "Merck Sharp & Dohme LLC", "part"),
        ("GENENTECH", "Hoffmann-La Roche", "other"),
        ("National Cancer Institute (NCI)", "National Eye Institute", "other"),
        (None, "Novartis", "other"),
    ]:
        sql = "select company_agreement(a, b), company_agreement(b, a) from (select ?::varchar as a, ?::varchar as b)"
        assert macro_world().execute(sql, [one, other]).fetchone() == (expected, expected), (one, other)


def test_the_product_stands_behind_the_act() -> None:
    start = "Please refer to your application submitted under section 505(b) of the Federal Food, Drug, and Cosmetic"
    phrases = {
        f"{start} Act (FDCA) for Velor (velorimab) for injection, 10 mg.": "Velor (velorimab) for injection, 10 mg",
        f"{start} Act for velorimab tablets.": "velorimab tablets",
        "We refer to your application for Velor for oral suspension.": "Velor",
    }
    assert dict(zip(phrases, named("product_phrase(text)", *phrases), strict=True)) == phrases


def identities(con: duckdb.DuckDBPyConnection, world: World) -> dict[str, tuple[str | None, str | None]]:
    """Return the drug of every intervention by its name, and on which basis."""
    derive(con, world.tables)
    rows = con.execute("select intervention_name, drug_id, basis from core_trial_drug order by all").fetchall()
    return {name: (drug_id, basis) for name, drug_id, basis in rows}


def test_a_drug_is_known_by_rxnorm_by_the_fda_by_what_stands_beside_it_or_by_its_name(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    world, day = World(1), date(2015, 1, 1)
    world.look_up("velorimab", "velorimab")
    world.look_up("velorimap", "velorimab", match="approximate")
    world.look_up("karvotinib", "karvotinib")
    world.look_up("velkar", "karvotinib", "velorimab")
    world.approve("MADE UP", ["tanzoprexol"], day, "TANZOR")
    for name, others in {
        "Velorimab 10 mg": [],
        "velorimap": [],
        "Tanzor®": [],
        "tanzoprexol maleate": [],
        "MFT-101": ["Velorimab"],
        "MFT 101": [],
        "Karvotinib + velorimab": [],
        "Velkar": [],
        "Karvotinib/placebo": [],
        "Karvotinib or velorimab": [],
        "Karvotinib and chemotherapy": [],
        "Antagonist (MFT-101)": [],
        "Unknownol": ["UN-77"],
        "UN77": [],
        "Arm A": [],
    }.items():
        world.trial("", "Nobody", day, drug(name, other_names=others))
    assert identities(empty, world) == {
        "Velorimab 10 mg": ("in-velorimab", "rxnorm_exact"),
        "velorimap": ("in-velorimab", "rxnorm_approximate"),
        "Tanzor®": ("tanzoprexol", "fda_brand"),
        "tanzoprexol maleate": ("tanzoprexol", "fda_ingredient"),
        "MFT-101": ("in-velorimab", "alias"),
        "MFT 101": ("in-velorimab", "alias"),
        "Karvotinib + velorimab": ("in-karvotinib+in-velorimab", "rxnorm_exact"),
        "Velkar": ("in-karvotinib+in-velorimab", "rxnorm_exact"),
        "Karvotinib/placebo": ("in-karvotinib", "rxnorm_exact"),
        "Karvotinib or velorimab": ("karvotinib or velorimab", "name"),
        "Karvotinib and chemotherapy": (None, None),
        "Antagonist (MFT-101)": ("in-velorimab", "alias"),
        "Unknownol": ("unknownol", "name"),
        "UN77": ("unknownol", "alias"),
        "Arm A": (None, None),
    }
    [(names, basis)] = empty.execute("select names, basis from core_drug where drug_id = 'in-velorimab'").fetchall()
    assert (names, basis) == (["mft 101", "mft-101", "velorimab", "velorimap"], "rxnorm_exact")
    [beside] = empty.execute("select beside from core_drug_name where name_key = 'mft101'").fetchone() or [None]
    assert beside == "velorimab"


def chain(*interventions: tuple[str, list[str]], together: tuple[str, ...] = ()) -> World:
    """Return a world with a trial of each intervention, and one that has some as interventions of their own."""
    world, day = World(1), date(2015, 1, 1)
    for name, others in interventions:
        world.trial("", "Nobody", day, drug(name, other_names=others))
    if together:
        world.trial("", "Nobody", day, *(drug(name) for name in together))
    return world


def test_a_word_that_stands_beside_several_drugs_joins_none(empty: duckdb.DuckDBPyConnection) -> None:
    world = chain(*((name, ["backbone", "vitamin"]) for name in ("onenol", "twonol", "threenol")), ("backbone", []))
    assert {found[0] for found in identities(empty, world).values()} == {"onenol", "twonol", "threenol", "backbone"}


def test_two_interventions_of_one_trial_are_two_drugs_whatever_their_other_names_say(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    world = chain(("onenol", ["twonol"]), together=("onenol", "twonol"))
    assert identities(empty, world) == {"onenol": ("onenol", "name"), "twonol": ("twonol", "name")}


def test_a_list_of_other_drugs_is_no_list_of_names(empty: duckdb.DuckDBPyConnection) -> None:
    listed = ["aanol", "bbnol", "ccnol", "ddnol"]
    world = chain(("mainol", listed), *((name, []) for name in listed))
    assert {found[0] for found in identities(empty, world).values()} == {"mainol", *listed}


def test_other_names_of_a_combination_tell_nothing_of_one_name(empty: duckdb.DuckDBPyConnection) -> None:
    world = chain(("onenol", []), ("twonol", []), ("onenol + twonol", ["ON-111"]), ("ON-111", []))
    assert identities(empty, world)["ON-111"] == ("on-111", "name")


def test_what_a_trial_tests_is_one_set_without_placebo_comparator_and_background(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    world, day = World(1), date(2015, 1, 1)
    parts = [("bbnol", "experimental"), ("aanol", "experimental"), ("ccnol", "background"), ("ddnol", "comparator")]
    more = [drug("Placebo", role="placebo"), drug("Diet", intervention_type="BEHAVIORAL")]
    world.trial("", "Nobody", day, *(drug(name, role=role) for name, role in parts), *more)
    world.trial("", "Nobody", day, drug("aanol"), drug("chemotherapy"))
    derive(empty, world.tables)
    rows = empty.execute(
        "select drug_id, ingredients, n_experimental, is_whole from core_trial_ingredients order by nct_id"
    )
    assert rows.fetchall() == [("aanol+bbnol", ["aanol", "bbnol"], 2, True), ("aanol", ["aanol"], 2, False)]
    assert empty.execute("select count(*) from core_trial_drug").fetchone() == (6,)


def approvals(con: duckdb.DuckDBPyConnection, columns: str) -> list[tuple[Any, ...]]:
    return con.execute(f"select {columns} from core_approval order by application_number, kind desc").fetchall()


def test_approvals_are_those_of_new_drugs_and_of_efficacy_and_none_twice(empty: duckdb.DuckDBPyConnection) -> None:
    world, day = World(1), date(2015, 3, 2)
    first = world.approve("ONE", ["bbnol", "aanol"], day)
    world.submit(first, date(2016, 1, 1), submission_type="SUPPL", submission_number="5", class_code="EFFICACY")
    world.submit(first, date(2016, 1, 1), submission_type="SUPPL", submission_number="6", class_code="LABELING")
    world.approve("TWO", ["aanol"], day, status="TA")
    world.approve("THREE", ["aanol", "bbnol"], date(2017, 1, 1))
    several = world.approve("FOUR", ["ccnol"], day)
    world.tables["raw_drugs_at_fda__product"].append(
        {"application_number": several, "product_number": "002", "ingredients": ["ddnol"]}
    )
    book: list[Row] = [
        {"application_number": first[3:], "approval_date_text": "Mar 2, 2015", "ingredients": ["aanol", "bbnol"]},
        {"application_number": "020001", "approval_date_text": "Oct 7, 2014", "ingredients": ["eenol hydrochloride"]},
        {"application_number": "020001", "approval_date_text": "Jan 5, 2016", "ingredients": ["eenol"]},
        {"application_number": "010001", "approval_date_text": "Approved Prior to Jan 1, 1982",
         "ingredients": ["ffnol"]},
        {"application_number": "070001", "approval_date_text": "Oct 7, 2014", "ingredients": ["ffnol"],
         "application_type": "A"},
    ]  # fmt: skip
    plain = {"application_type": "N", "applicant_full_name": "BOOK", "trade_name": "Brand"}
    world.tables["raw_orange_book__product"] = [
        plain | row | {"row_index": i, "product_number": f"{i:03}"} for i, row in enumerate(book)
    ]
    derive(empty, world.tables)
    found = approvals(empty, "application_number, kind, approved_on, drug_id, sponsor_name, source, is_first")
    assert found == [
        ("NDA000001", "original", day, "aanol+bbnol", "ONE", "drugs_at_fda", True),
        ("NDA000001", "efficacy_supplement", date(2016, 1, 1), "aanol+bbnol", "ONE", "drugs_at_fda", False),
        ("NDA000003", "original", date(2017, 1, 1), "aanol+bbnol", "THREE", "drugs_at_fda", False),
        ("NDA000004", "original", day, None, "FOUR", "drugs_at_fda", False),
        ("NDA010001", "original", None, "ffnol", "BOOK", "orange_book", False),
        ("NDA020001", "original", date(2014, 10, 7), "eenol", "BOOK", "orange_book", True),
    ]


def test_a_refusal_tells_its_drug_its_grounds_and_what_followed(empty: duckdb.DuckDBPyConnection) -> None:
    world, day = World(1), date(2015, 3, 2)
    world.trial("", "Nobody", date(2014, 1, 1), drug("Aanol", other_names=["AA-101"]))
    world.trial("", "Nobody", date(2014, 1, 1), drug("bbnol"))
    approved = world.approve("ONE", ["ccnol"], date(2016, 5, 4))
    world.refuse("One", "Brandnew (aanol hydrochloride) for injection", day, "clinical", "product_quality")
    world.refuse("One", "aanol and bbnol tablets, 5 mg/10 mg", day, "product_quality", "labeling")
    world.refuse("One", "Somethingelse tablets", day, "statistical")
    world.refuse("One", "AA-101 capsules", day, "nonclinical")
    world.refuse("One", "Whatever", day, "facility", "safety", number=approved)
    derive(empty, world.tables)
    columns = "drug_id, ingredients_basis, is_clinical, is_manufacturing_only, is_approved_since, approved_on"
    assert empty.execute(f"select {columns} from core_refusal order by application_number").fetchall() == [
        ("ccnol", "application", True, False, True, date(2016, 5, 4)),
        ("aanol", "product_words", True, False, False, None),
        ("aanol+bbnol", "product_words", False, True, False, None),
        (None, "none", True, False, False, None),
        ("aanol", "product_words", False, False, False, None),
    ]


EACH = 40
"""How often each story is planted in the generated world: 880 true pairs."""


@pytest.fixture(scope="module")
def made() -> World:
    return generate(EACH)


@pytest.fixture(scope="module")
def derived(made: World) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(macros())
    for table in registry.tables().values():
        con.execute(table.ddl())
    derive(con, made.tables)
    return con


@pytest.fixture(scope="module")
def spoken(derived: duckdb.DuckDBPyConnection) -> set[tuple[str, str, str]]:
    """Return the pairs that speak."""
    approved = "select nct_id, application_number, kind from core_trial_approval where speaks"
    refused_ = "select nct_id, application_number, 'refusal' from core_trial_refusal where speaks"
    return set(derived.execute(f"{approved} union all {refused_}").fetchall())


def test_the_tables_of_the_generated_world_keep_their_contracts(derived: duckdb.DuckDBPyConnection) -> None:
    figures = {table.name: examine(derived, registry.tables()[table.name]) for table in DRUGS}
    assert all(found["rows"] > 100 and not found["unknown"] for found in figures.values()), figures


def test_approvals_and_refusals_find_their_trials_and_no_decoy_is_taken(
    made: World, spoken: set[tuple[str, str, str]]
) -> None:
    told = {pair for pair in made.speaks if made.story[pair[0]] not in STORIES[untold]}
    found = {pair for pair in spoken if made.story[pair[0]] not in STORIES[untold]}
    assert len(told) >= 700
    right = len(found & told)
    assert right / len(found) >= 0.99, Counter(made.story[pair[0]] for pair in found - told)
    assert right / len(told) >= 0.99, Counter(made.story[pair[0]] for pair in told - found)
    assert {made.story[nct_id] for nct_id, _, _ in found} & set(STORIES[decoy]) == set()


def test_what_the_sources_do_not_tell_costs_what_it_is_said_to_cost(
    made: World, spoken: set[tuple[str, str, str]]
) -> None:
    wrong = Counter(made.story[pair[0]] for pair in spoken - made.speaks)
    silent = Counter(made.story[pair[0]] for pair in made.speaks - spoken)
    assert wrong == {"two trials, one disease approved": EACH}
    assert silent == {"two trials, one supplement": EACH, "sold to another company": EACH}


def test_every_story_is_planted(made: World) -> None:
    found = Counter(made.story.values())
    assert set(found) == {story for stories in STORIES.values() for story in stories}
    assert min(found.values()) >= EACH
    assert {planted, decoy, untold, refused} == set(STORIES)


def test_the_models_give_nothing_of_nothing(run_sql: Query) -> None:
    for table in DRUGS:
        assert run_sql(f"from {table.name}") == []
