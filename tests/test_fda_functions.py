"""Votes of the FDA: what it approved for a pivotal trial's sponsor, against what it refused on clinical grounds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cto import pipeline, registry, snapshot
from cto.build import order
from cto.labels import LabelFunction
from cto.plan import macros, models
from cto.raw import open_raw
from cto.sample import WORLD
from cto.sandbox import Sandbox
from cto.settings import Settings
from label_functions.fda_approval import fda_approval
from label_functions.fda_refusal import fda_refusal
from tests.worlds.drugs import World, derive, drug
from warehouse.tables_drugs import DRUGS

ENDED = date(2012, 6, 1)
SPONSOR, HOLDER = "Novan Therapeutics, Inc.", "NOVAN"
Cast = Callable[[World], dict[str, list[str]]]


@pytest.fixture
def cast(empty: duckdb.DuckDBPyConnection) -> Cast:
    """Return ``cast(world)``: by trial which functions vote on it, each with its vote and day."""

    def run(world: World) -> dict[str, list[str]]:
        derive(empty, world.tables)
        found: dict[str, list[str]] = {}
        for function in (fda_approval, fda_refusal):
            for nct_id, vote, day in empty.execute(
                f"select nct_id, vote, available_at from ({function.sql})"
            ).fetchall():
                found.setdefault(nct_id, []).append(f"{function.name} {vote} {day}")
        return found

    return run


def trial(world: World, days: int = 0, sponsor: str = SPONSOR, **changes: Any) -> str:
    """Add a trial of the drug, which ended so many days after the first."""
    return world.trial("", sponsor, ENDED + timedelta(days=days), drug("Aanol"), **changes)


def later(days: int) -> date:
    return ENDED + timedelta(days=days)


@pytest.mark.parametrize(
    ("changes", "days", "votes"),
    [
        ({}, 400, True),
        ({"phase": "PHASE2/PHASE3"}, 400, True),
        ({"phase": "PHASE2"}, 400, False),
        ({"phase": "PHASE4"}, 400, False),
        ({"overall_status": "TERMINATED"}, 400, False),
        ({"overall_status": "ACTIVE_NOT_RECRUITING", "primary_completion_date_type": "ACTUAL"}, 400, True),
        ({"overall_status": "ACTIVE_NOT_RECRUITING", "primary_completion_date_type": "ESTIMATED"}, 400, False),
        ({"study_type": "OBSERVATIONAL"}, 400, False),
        ({"sponsor": "Quorin Pharma"}, 400, False),
        ({}, 0, False),
        ({}, -10, False),
        ({}, 5 * 365, True),
        ({}, 5 * 366 + 1, False),
        ({"primary_completion_date_precision": "month"}, 20, False),
        ({"primary_completion_date": None, "completion_date": ENDED, "completion_date_precision": "day"}, 20, True),
        ({"primary_completion_date": None}, 400, False),
    ],
    ids=str,
)
def test_a_first_approval_speaks_for_a_pivotal_trial_of_its_holder_within_five_years(
    cast: Cast, changes: dict[str, Any], days: int, votes: bool
) -> None:
    world = World(1)
    nct_id = trial(world, **changes)
    world.approve(HOLDER, ["aanol"], later(days))
    assert cast(world) == ({nct_id: [f"fda_approval 1 {later(days)}"]} if votes else {})


def test_all_pivotal_trials_are_voted_on_once_by_the_first_of_several_approvals(cast: Cast) -> None:
    world = World(1)
    trials = [trial(world, days) for days in (0, 100, 200)]
    trial(world, 500)
    world.approve(HOLDER, ["aanol"], later(400))
    world.approve("Quorin", ["aanol"], later(420))
    assert cast(world) == {nct_id: [f"fda_approval 1 {later(400)}"] for nct_id in trials}


SUPPLEMENT = {"submission_type": "SUPPL", "submission_number": "9", "class_code": "EFFICACY"}


@pytest.mark.parametrize(("others", "votes"), [([], True), ([-800], True), ([200], False), ([800], True)])
def test_a_later_approval_speaks_only_for_the_one_trial_that_it_may_rest_on(
    cast: Cast, others: list[int], votes: bool
) -> None:
    world = World(1)
    nct_id = trial(world)
    for days in others:
        trial(world, days)
    number = world.approve(HOLDER, ["aanol"], later(-3000))
    world.submit(number, later(500), **SUPPLEMENT)
    assert cast(world) == ({nct_id: [f"fda_approval 1 {later(500)}"]} if votes else {})


def test_an_approval_of_another_set_or_of_unidentified_parts_says_nothing(cast: Cast) -> None:
    world = World(1)
    world.trial("", SPONSOR, ENDED, drug("Aanol"), drug("Bbnol"))
    world.trial("", SPONSOR, ENDED, drug("Aanol"), drug("chemotherapy"))
    world.trial("", SPONSOR, ENDED, drug("Aanol", role="comparator"), drug("Ccnol"))
    world.approve(HOLDER, ["aanol"], later(400))
    assert cast(world) == {}


@pytest.mark.parametrize(
    ("grounds", "changes", "days", "votes"),
    [
        (["clinical"], {}, 400, True),
        (["product_quality", "statistical"], {}, 400, True),
        (["safety"], {}, 400, True),
        (["product_quality", "facility"], {}, 400, False),
        (["labeling", "nonclinical", "device"], {}, 400, False),
        ([], {}, 400, False),
        (["clinical"], {"phase": "PHASE2"}, 400, False),
        (["clinical"], {"overall_status": "TERMINATED"}, 400, False),
        (["clinical"], {"sponsor": "Quorin Pharma"}, 400, False),
        (["clinical"], {}, -1, False),
        (["clinical"], {}, 3 * 366 + 1, False),
    ],
    ids=str,
)
def test_a_refusal_on_clinical_grounds_speaks_against_a_pivotal_trial_of_the_applicant(
    cast: Cast, grounds: list[str], changes: dict[str, Any], days: int, votes: bool
) -> None:
    world = World(1)
    nct_id = trial(world, **changes)
    world.refuse(SPONSOR, "Velor (aanol) tablets", later(days), *grounds)
    assert cast(world) == ({nct_id: [f"fda_refusal 0 {later(days)}"]} if votes else {})


def refused_then_approved(world: World) -> str:
    number = world.approve(HOLDER, ["aanol"], later(1200))
    return world.refuse(SPONSOR, "aanol tablets", later(300), "clinical", number=number)


def test_after_a_refusal_the_approval_speaks_for_the_trials_since(cast: Cast) -> None:
    world = World(1)
    old, new = trial(world), trial(world, 900)
    refused_then_approved(world)
    assert cast(world) == {old: [f"fda_refusal 0 {later(300)}"], new: [f"fda_approval 1 {later(1200)}"]}


def test_without_a_trial_since_the_two_stand_against_each_other(cast: Cast) -> None:
    world = World(1)
    old = trial(world)
    refused_then_approved(world)
    assert cast(world) == {old: [f"fda_approval 1 {later(1200)}", f"fda_refusal 0 {later(300)}"]}
    assert fda_approval.group == fda_refusal.group


def test_a_trial_that_carried_an_approval_is_not_held_against_a_later_refusal(cast: Cast) -> None:
    world = World(1)
    first, second = trial(world), trial(world, 500)
    number = world.approve(HOLDER, ["aanol"], later(400))
    world.refuse(SPONSOR, "aanol tablets", later(800), "clinical", number=number)
    assert cast(world) == {first: [f"fda_approval 1 {later(400)}"], second: [f"fda_refusal 0 {later(800)}"]}


def test_what_the_votes_say_names_application_company_day_and_rows(empty: duckdb.DuckDBPyConnection) -> None:
    world = World(1)
    trial(world)
    world.approve(HOLDER, ["aanol"], date(2013, 6, 6), "VELOR")
    trial(world, 600)
    world.refuse(SPONSOR, "aanol tablets", date(2014, 6, 6), "clinical", "product_quality")
    derive(empty, world.tables)
    [[approval]] = empty.execute(f"select evidence from ({fda_approval.sql})").fetchall()
    assert approval == {
        "says": "The FDA approved NDA000001 (velor, aanol) of NOVAN on 6 June 2013, 370 days after the primary "
        "completion of this trial of Novan Therapeutics, Inc.: the first approval of these ingredients.",
        "rows": ["core_approval:NDA000001:original:1", "core_trial_ingredients:NCT00000001", "core_study:NCT00000001"],
    }
    [_, [refusal]] = empty.execute(f"select evidence from ({fda_refusal.sql}) order by nct_id").fetchall()
    assert refusal == {
        "says": "The FDA refused NDA000002 (aanol) of Novan Therapeutics, Inc. on 6 June 2014, 135 days after the "
        "primary completion of this trial; its letter names these deficiencies: clinical, product quality.",
        "rows": [
            "core_refusal:NDA000002.pdf:NDA000002",
            "core_trial_ingredients:NCT00000002",
            "core_study:NCT00000002",
        ],
    }


@pytest.mark.parametrize(
    ("function", "informs"), [(fda_approval, {"success", "cto_compatible"}), (fda_refusal, {"success"})]
)
def test_what_the_votes_inform(function: LabelFunction, informs: set[str]) -> None:
    assert (function.kind, function.group, set(function.informs)) == ("outcome", "regulator", informs)
    assert set(function.informs.values()) == {1}


def test_the_fictional_stories_are_told(tmp_path: Path) -> None:
    with Sandbox(world=WORLD) as sandbox:
        settings = Settings(str(tmp_path / "lake"), date(2026, 11, 1), sandbox.urls, backoff=0.001)
        lake = pipeline.open_lake(settings)
        for source in ("clinicaltrials_gov", "drugs_at_fda", "orange_book", "drug_names"):
            [connector] = pipeline.sources([source], settings)
            pipeline.ingest_source(lake, settings, connector, lambda: datetime(2026, 11, 1, tzinfo=UTC))
    con = duckdb.connect()
    con.execute(macros())
    open_raw(lake, con, [snap for c in registry.connectors() if (snap := snapshot.load(lake, c.name))])
    needed = {"core_study", "core_sponsor", "core_intervention", *(table.name for table in DRUGS)}
    for name in order({name: models()[name] for name in needed}):
        con.execute(f"create table {name} as select {registry.tables()[name].select_list()} from ({models()[name]})")
    votes = {f.name: {row[0][-2:] for row in con.execute(f.sql).fetchall()} for f in (fda_approval, fda_refusal)}
    assert votes == {"fda_approval": {"03", "04", "19", "46", "48"}, "fda_refusal": {"34", "35"}}
