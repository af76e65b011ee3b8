"""Drugs of real trials: identified as a reader does, by whichever names are known, and no two of them taken for one.

The real list of drug names and synonyms stands in for RxNav: of the names that trials want looked up, one that the list
holds is answered with its drug. It is also the truth for names that are not answered.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.drug_names import drug_names
from cto import registry
from cto.plan import macros
from tests.conftest import Rows
from tests.real import SHARED, Tables, needs_registry
from tests.worlds.drugs import derive

SYNONYMS = SHARED / "fda" / "drug_synonyms.csv.gz"
PRODUCTS = SHARED / "fda" / "products_sample_2025.txt.gz"
READING = Path(__file__).parent / "readings" / "drugs.csv"
STUDY = "nct_id, study_type, phase, overall_status, primary_completion_date, primary_completion_date_precision, "
STUDY += "primary_completion_date_type, completion_date, completion_date_precision"
INTERVENTION = "nct_id, intervention_index, intervention_name, intervention_type, other_names, role, role_basis"

pytestmark = [
    needs_registry,
    pytest.mark.skipif(not SYNONYMS.exists(), reason="the list of drug names is not at ../shared/data/fda"),
]


@pytest.fixture(scope="module")
def registered(tables: Tables) -> dict[str, Rows]:
    """Return the core rows of the real registry file that the tables of drugs follow from."""
    asked = {
        "core_study": STUDY,
        "core_intervention": INTERVENTION,
        "core_sponsor": "nct_id, sponsor_index, sponsor_name, sponsor_class, is_lead",
    }
    return {
        name: [dict(zip(columns.split(", "), row, strict=True)) for row in tables.rows(name, columns)]
        for name, columns in asked.items()
    }


@pytest.fixture(scope="module")
def synonyms() -> list[tuple[str, str, str]]:
    """Return every name of the list, its drug, and that drug's common name."""
    with gzip.open(SYNONYMS, "rt", encoding="utf-8") as lines:
        listed = list(csv.DictReader(lines))
    found = {
        name.strip(): (row["DrugBank ID"], row["Common name"].lower())
        for row in reversed(listed)
        for name in (*row["Synonyms"].split(" | "), row["Common name"])
        if name.strip()
    }
    return [(name, *of) for name, of in found.items()]


def database(registered: dict[str, Rows], rxnav: dict[str, tuple[str, str]]) -> duckdb.DuckDBPyConnection:
    """Return the tables of drugs of the real trials, where RxNav answers these names and no others."""
    con = duckdb.connect()
    con.execute(macros())
    for table in registry.tables().values():
        con.execute(table.ddl())
    found = [{"name": name, "rxcui": drug, "match": "exact", "looked_up": "x"} for name, (drug, _) in rxnav.items()]
    parts = [
        {"name": name, "ingredient_rxcui": drug, "ingredient_name": common} for name, (drug, common) in rxnav.items()
    ]
    rows = {"raw_drug_names__name": found, "raw_drug_names__ingredient": parts} if rxnav else {}
    derive(con, registered | rows)
    return con


@pytest.fixture(scope="module")
def bare(registered: dict[str, Rows]) -> duckdb.DuckDBPyConnection:
    """Return what the registry alone tells."""
    return database(registered, {})


@pytest.fixture(scope="module")
def answers(bare: duckdb.DuckDBPyConnection, synonyms: list[tuple[str, str, str]]) -> dict[str, tuple[str, str]]:
    """Return, of the names that trials want looked up, what the list answers: a drug and its common name."""
    bare.execute(
        "create table listed as select unnest(?) as text, unnest(?) as drug_id, unnest(?) as common",
        [*zip(*synonyms, strict=True)],
    )
    sql = f"""
    select name, any_value(drug_id), any_value(common)
    from (select *, drug_name(text) as name from listed) semi join ({drug_names.wants}) using (name)
    group by name
    having count(distinct drug_id) = 1
    order by name
    """
    return {name: (drug, common) for name, drug, common in bare.execute(sql).fetchall()}


@pytest.fixture(scope="module")
def full(registered: dict[str, Rows], answers: dict[str, tuple[str, str]]) -> duckdb.DuckDBPyConnection:
    """Return what it tells when RxNav answers."""
    return database(registered, answers)


@pytest.fixture(scope="module")
def half(registered: dict[str, Rows], answers: dict[str, tuple[str, str]]) -> duckdb.DuckDBPyConnection:
    """Return what it tells when RxNav answers half of the names; the others and their drugs are in table held_out."""
    chance = random.Random(1)
    told = {name: chance.random() < 0.5 for name in answers}
    con = database(registered, {name: answer for name, answer in answers.items() if told[name]})
    rest = [[name, answers[name][0]] for name in answers if not told[name]]
    con.execute("create table rest as select unnest(?) as name, unnest(?) as drug_id", [*zip(*rest, strict=True)])
    con.execute("create table held_out as select *, ingredient_key(name) as name_key from rest")
    return con


def shares(con: duckdb.DuckDBPyConnection) -> dict[str | None, float]:
    """Return, by basis, the share of the experimental drugs and biologics of trials."""
    sql = """
    select basis, count(*) / sum(count(*)) over ()
    from core_trial_drug join core_intervention using (nct_id, intervention_index) join core_study using (nct_id)
    where is_experimental and intervention_type in ('DRUG', 'BIOLOGICAL') and study_type = 'INTERVENTIONAL'
    group by basis
    """
    return dict(con.execute(sql).fetchall())


def test_most_drugs_are_identified_and_on_which_basis(
    bare: duckdb.DuckDBPyConnection, full: duckdb.DuckDBPyConnection
) -> None:
    alone, answered = shares(bare), shares(full)
    assert alone["alias"] >= 0.025
    assert 0.01 <= alone[None] <= 0.05
    assert answered["rxnorm_exact"] >= 0.82
    assert answered["alias"] >= 0.02
    assert answered["name"] <= 0.13


def verdicts(con: duckdb.DuckDBPyConnection) -> dict[str, Counter[str]]:
    """Return, by sample of the reading, how many interventions are right, wrong, missing and spurious."""
    sql = """
    with word as (
        select nct_id, intervention_index, sample, ingredients,
            unnest(string_split(coalesce(ingredients, ''), '+')) as word
        from read_csv(?, all_varchar = true)
    ),
    named as (
        select w.*, coalesce(n.ingredient_ids, [ingredient_name(drug_name(word))]) as ids
        from (select *, ingredient_key(ingredient_name(drug_name(word))) as name_key from word) w
        left join core_drug_name n using (name_key)
    ),
    read as (
        select nct_id, intervention_index::integer as intervention_index, any_value(sample) as sample,
            any_value(ingredients) as ingredients, drug_id(list_sort(list_distinct(flatten(list(ids))))) as drug_id
        from named
        group by all
    )
    select
        r.sample,
        case
            when (r.ingredients is null and d.drug_id is null) or r.drug_id = d.drug_id then 'right'
            when d.drug_id is null then 'missing'
            when r.ingredients is null then 'spurious'
            else 'wrong'
        end as verdict,
        count(*)
    from read r left join core_trial_drug d using (nct_id, intervention_index)
    group by all
    """
    found: dict[str, Counter[str]] = {}
    for sample, verdict, n in con.execute(sql, [str(READING)]).fetchall():
        found.setdefault(sample, Counter())[verdict] = n
    return found


@pytest.mark.parametrize(
    ("sample", "n", "least_alone", "least_answered"),
    [("random", 90, 0.94, 0.97), ("hard", 89, 0.69, 0.76), ("fresh", 80, 0.86, 0.86)],
)
def test_identities_are_those_of_a_reader(
    bare: duckdb.DuckDBPyConnection,
    full: duckdb.DuckDBPyConnection,
    sample: str,
    n: int,
    least_alone: float,
    least_answered: float,
) -> None:
    alone, answered = verdicts(bare)[sample], verdicts(full)[sample]
    assert alone.total() == answered.total() == n
    assert alone["right"] / n >= least_alone, alone
    assert answered["right"] / n >= least_answered, answered
    assert answered["spurious"] <= 2


def test_a_name_that_rxnav_does_not_answer_is_found_by_its_spelling_or_by_what_stands_beside_it(
    half: duckdb.DuckDBPyConnection,
) -> None:
    """A name counts that stands for a drug of which another name was answered: else nothing could lead to it."""
    sql = """
    select
        case when n.drug_id = h.drug_id then 'right' when n.drug_id like 'DB%' then 'another' else 'own' end as found,
        count(*),
        sum(n.n_trials)
    from held_out h
    join core_drug_name n using (name_key)
    semi join raw_drug_names__name a on a.rxcui = h.drug_id
    group by found
    """
    rows = half.execute(sql).fetchall()
    names, trials = {found: n for found, n, _ in rows}, {found: n for found, _, n in rows}
    assert sum(names.values()) >= 100, names
    assert names["right"] / sum(names.values()) >= 0.87, names
    assert names.get("another", 0) <= 2, names
    assert trials["right"] / sum(trials.values()) >= 0.8, trials


def test_spelling_leads_from_one_listed_name_to_another_of_its_drug_and_seldom_to_another_drug(
    bare: duckdb.DuckDBPyConnection, answers: object
) -> None:
    """RxNav tells each drug's common name and half of the others.

    Most of those that lead to another are salts and preparations of one ingredient, which the list keeps apart.
    """
    bare.execute(
        """
        create table keyed as
        select text, drug_id, ingredient_key(name) as name_key, hash(text) % 2 = 0 or lower(text) = common as is_told
        from (select *, drug_name(text) as name from listed) where name is not null
        """
    )
    sql = """
    with told as (select name_key, list(distinct drug_id) as drug_ids from keyed where is_told group by name_key)
    select count(*), count(*) filter (drug_ids = [drug_id]), count(*) filter (drug_ids <> [drug_id])
    from keyed left join told using (name_key)
    where not is_told
    """
    [(n, right, another)] = bare.execute(sql).fetchall()
    assert n >= 15_000
    assert right / n >= 0.105, (right, another, n)
    assert right / (right + another) >= 0.84, (right, another, n)
    counted = "select count(distinct drug_id) as n from keyed group by name_key"
    sql = f"select count(*), count(*) filter (n > 1) from ({counted})"
    [(n_keys, n_shared)] = bare.execute(sql).fetchall()
    assert n_keys >= 45_000
    assert n_shared / n_keys <= 0.0115


@needs_registry
def test_a_single_mesh_term_names_the_drug_of_a_trial_of_one(
    full: duckdb.DuckDBPyConnection, studies: dict[str, dict[str, Any]]
) -> None:
    """The registry's own indexing, which the code does not read; its terms are often coarser than the drug."""
    path = ("derivedSection", "interventionBrowseModule", "meshes")
    terms = {}
    for nct_id, study in studies.items():
        found = study.get(path[0], {}).get(path[1], {}).get(path[2], [])
        if len(found) == 1:
            terms[nct_id] = found[0]["term"]
    sql = """
    with indexed as (
        select nct_id, ingredient_key(ingredient_name(drug_name(term))) as name_key
        from (select unnest(?) as nct_id, unnest(?) as term)
    ),
    single as (
        select nct_id, any_value(drug_id) as drug_id
        from core_trial_drug
        where drug_id is not null
        group by nct_id
        having count(*) = 1
    )
    select s.drug_id = n.drug_id from indexed join single s using (nct_id) join core_drug_name n using (name_key)
    where n.basis = 'rxnorm_exact'
    """
    same = [row[0] for row in full.execute(sql, [list(terms), list(terms.values())]).fetchall()]
    assert len(same) >= 1000
    assert sum(same) / len(same) >= 0.92


def test_no_identity_swallows_many_names(bare: duckdb.DuckDBPyConnection) -> None:
    sql = """
    select drug_id, count(*) as n
    from core_drug_name
    where basis <> 'name' and not is_code
    group by drug_id
    order by n desc
    limit 1
    """
    [(largest, n)] = bare.execute(sql).fetchall()
    assert n <= 45, largest


@pytest.mark.skipif(not PRODUCTS.exists(), reason="the real product lines are not at ../shared/data/fda")
def test_real_product_lines_are_approvals_of_new_drugs_alone(registered: dict[str, Rows]) -> None:
    """Eighteen lines, seven of new drugs: too few for any figure."""
    lines = gzip.decompress(PRODUCTS.read_bytes()).decode("ascii").replace("\r", "").strip().split("\n")[1:]
    rows: Rows = []
    for index, line in enumerate(lines):
        field = line.split("~")
        product = {"row_index": index, "application_type": field[5], "application_number": field[6]}
        product |= {"product_number": field[7], "trade_name": field[2], "approval_date_text": field[9]}
        rows.append(product | {"ingredients": field[0].lower().split("; "), "applicant_full_name": field[13]})
    con = duckdb.connect()
    con.execute(macros())
    for table in registry.tables().values():
        con.execute(table.ddl())
    derive(con, registered | {"raw_orange_book__product": rows})
    columns = "application_number, approved_on, drug_id, sponsor_name, brand_names, is_first"
    assert con.execute(f"select {columns} from core_approval order by 1").fetchall() == [
        ("NDA020067", date(1994, 10, 14), "naproxen", "ATNAHS PHARMA US LTD", ["ec-naprosyn"], True),
        ("NDA022000", date(2007, 1, 16), "mesalamine", "TAKEDA PHARMACEUTICALS USA INC", ["lialda"], True),
        ("NDA050678", date(1995, 6, 19), "dirithromycin", "LILLY RESEARCH LABORATORIES", ["dynabac"], True),
        (
            "NDA050795",
            date(2013, 4, 11),
            "doxycycline",
            "MAYNE PHARMA INTERNATIONAL PTY LTD",
            ["doryx", "doryx mpc"],
            True,
        ),
    ]
    assert con.execute("select count(*) from core_trial_approval where speaks").fetchone() == (0,)
