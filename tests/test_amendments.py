"""What a record's history says about a trial: versions in, amendments and votes out; no history, no row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cto import pipeline
from cto.plan import macros, models, plan
from cto.sandbox import Sandbox
from cto.settings import Settings
from label_functions.amendments import amendments, outcome_switch
from tests.conftest import Query

WORLD = Path(__file__).parents[1] / "cto" / "sample" / "world"
START, COMPLETION, RESULTS = "2011-01-10", "2012-06-30", "2013-05-05"

Rows = list[dict[str, Any]]
Step = tuple[str, str, Sequence[tuple[str, str]] | None]
"""A version: its day, its status, and the primary outcomes of its record, None when that was not read."""

PAIN, SLEEP = ("Pain at Week 8", "Week 8"), ("Sleep quality", "Week 8")


def trial(**changes: Any) -> dict[str, Any]:
    dates = {"start_date": START, "primary_completion_date": COMPLETION, "results_first_post_date": RESULTS}
    precision = {"start_date_precision": "day", "primary_completion_date_precision": "day"}
    plain = {"nct_id": "NCT1", "study_type": "INTERVENTIONAL", "overall_status": "COMPLETED"}
    return plain | dates | precision | changes


def history(*steps: Step, **last: Any) -> dict[str, Rows]:
    """Return the raw rows of a history; a version touches the outcomes when its record was read.

    A star after the status says that it does so unread, a dash that it does not although it was read.
    """
    versions, records = [], []
    for index, (day, status, outcomes) in enumerate(steps):
        touches = index and (outcomes is not None or status.endswith("*")) and not status.endswith("-")
        modules = ["Study Status", *(["Outcome Measures"] if touches else [])]
        key = {"nct_id": "NCT1", "version_index": index}
        shown = {"version_date_text": day, "overall_status": status.rstrip("*-"), "modules": modules}
        versions.append(key | shown)
        if outcomes is not None:
            measures = {"primary_measures": [m for m, _ in outcomes], "primary_time_frames": [t for _, t in outcomes]}
            records.append(key | measures | (last if index == len(steps) - 1 else {}))
    return {
        "raw_registry_history__history": [
            {"nct_id": "NCT1", "n_versions": len(steps), "read_after": "NCT1 2013-06-07"}
        ],
        "raw_registry_history__version": versions,
        "raw_registry_history__record": records,
    }


def build(run_sql: Query, tables: dict[str, Rows], **changes: Any) -> None:
    """Fill the two core tables of histories."""
    run_sql("select 1", core_study=[trial(**changes)], **tables)
    for name in ("core_amendment", "core_record_history"):
        run_sql(f"insert into {name} by name {models()[name]}")


def changed(run_sql: Query) -> list[tuple[Any, Any]]:
    """Return, by version, whether it changed a primary outcome and which it dropped."""
    found = run_sql("from core_amendment order by version_index")
    return [(row["changes_primary_outcome"], row["dropped_primary_outcomes"]) for row in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([PAIN], [PAIN], (False, [])),
        ([PAIN], [("  pain, at week 8.", "WEEK 8")], (False, [])),
        ([PAIN, SLEEP], [SLEEP, PAIN], (False, [])),
        ([PAIN], [("Pain at Week 8", "Week 12")], (True, [])),
        ([PAIN], [PAIN, SLEEP], (True, [])),
        ([PAIN, SLEEP], [PAIN], (True, ["Sleep quality"])),
        ([PAIN], [SLEEP], (True, ["Pain at Week 8"])),
        ([PAIN], [], (True, ["Pain at Week 8"])),
        ([("Change from baseline in pain", "")], [("Pain intensity (VAS), 12 weeks", "")], (True, [])),
        ([("Overall survival", "")], [("Progression-free survival", "")], (True, ["Overall survival"])),
        ([("Progression free survival", "")], [("PFS", "")], (True, [])),
        ([("PASI 75 at week 16", "")], [("PASI 90 at week 16", "")], (True, ["PASI 75 at week 16"])),
        ([("Efficacy and safety", "")], [("HAM-D total score", "")], (True, [])),
    ],
    ids=str,
)
def test_an_outcome_is_dropped_when_no_other_is_a_rewording_of_it(
    run_sql: Query, before: list[tuple[str, str]], after: list[tuple[str, str]], expected: tuple[bool, list[str]]
) -> None:
    build(run_sql, history(("2010-01-01", "RECRUITING", before), ("2012-08-01", "COMPLETED", after)))
    assert changed(run_sql) == [expected]


def test_a_version_is_not_blamed_for_what_an_unread_one_may_have_changed(run_sql: Query) -> None:
    steps: list[Step] = [
        ("2010-01-01", "RECRUITING", [PAIN]),
        ("2010-02-01", "RECRUITING*", None),  # touches the outcomes and was not read
        ("2010-03-01", "RECRUITING", None),  # touches them not
        ("2010-04-01", "RECRUITING", [SLEEP]),  # differs from the first: who changed it?
        ("2010-05-01", "RECRUITING", [PAIN]),
        ("2010-06-01", "RECRUITING*", None),
        ("2010-07-01", "RECRUITING", [PAIN]),  # as before, whatever came between
        ("2010-08-01", "RECRUITING-", [SLEEP]),  # says that it changes no outcome, and yet it differs
    ]
    build(run_sql, history(*steps))
    assert changed(run_sql) == [
        (None, None),
        (False, []),
        (None, None),
        (True, ["Sleep quality"]),
        (None, None),
        (False, []),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("day", "changes", "expected"),
    [
        ("2011-01-10", {}, (False, False)),
        ("2011-01-11", {}, (True, False)),
        ("2012-07-01", {}, (True, True)),
        ("2012-06-20", {"primary_completion_date": "2012-06-01", "primary_completion_date_precision": "month"},
         (True, False)),
        ("2012-06-20", {"start_date": None, "primary_completion_date": None}, (None, None)),
    ],
)  # fmt: skip
def test_an_amendment_stands_after_start_or_completion_only_when_that_is_certain(
    run_sql: Query, day: str, changes: dict[str, Any], expected: tuple[bool | None, bool | None]
) -> None:
    build(run_sql, history(("2010-01-01", "RECRUITING", [PAIN]), (day, "COMPLETED", [PAIN])), **changes)
    [row] = run_sql("from core_amendment")
    assert (row["is_after_start"], row["is_after_primary_completion"]) == expected


@pytest.mark.parametrize(
    ("posted", "expected"),
    [("2012-08-20", date(2012, 8, 20)), ("2012-07-01", date(2012, 8, 1)), (None, date(2012, 8, 10))],
)
def test_a_version_was_public_when_posted_never_before_its_submission(
    run_sql: Query, posted: str | None, expected: date
) -> None:
    steps = history(("2010-01-01", "RECRUITING", [PAIN]), ("2012-08-01", "COMPLETED", [PAIN]), posted_on_text=posted)
    build(run_sql, steps)
    assert [row["posted_on"] for row in run_sql("from core_amendment")] == [expected]


def test_a_history_is_summed_up_in_one_row(run_sql: Query) -> None:
    tables = history(
        ("2010-01-01", "NOT_YET_RECRUITING", [PAIN]),
        ("2010-06-01", "NOT_YET_RECRUITING", [PAIN, SLEEP]),
        ("2011-03-01", "RECRUITING", [SLEEP]),
        ("2012-08-01", "COMPLETED", [PAIN]),
        primary_completion_date_text="2012-06-30",
        enrollment_text="80",
    )
    tables["raw_registry_history__record"][0] |= {
        "primary_completion_date_text": "2012-01",
        "enrollment_text": "200",
    }
    build(run_sql, tables)
    [row] = run_sql("from core_record_history")
    assert row == {
        "nct_id": "NCT1",
        "n_versions": 4,
        "first_version_date": date(2010, 1, 1),
        "last_posted_on": date(2012, 8, 10),
        "n_amendments": 3,
        "n_amendments_after_start": 2,
        "n_outcome_changes_after_start": 2,
        "n_outcome_changes_after_completion": 1,
        "original_enrollment": 200,
        "original_enrollment_text": "200",
        "original_primary_completion_date": date(2012, 1, 1),
        "original_primary_completion_date_precision": "month",
        "days_primary_completion_slipped": 151,
        "stop_stated_on": None,
    }


STOP = {"overall_status": "TERMINATED", "why_stopped": "Futility"}


@pytest.mark.parametrize(
    ("statuses", "reasons", "study", "expected"),
    [
        ("RTT", "-FF", STOP, date(2010, 2, 10)),
        ("RTTT", "-FFF", STOP, date(2010, 2, 10)),
        ("TRTT", "F-FF", STOP, date(2010, 3, 10)),
        ("RTT", "--F", STOP, None),  # the reason came later
        ("RTT", "-FF", STOP | {"why_stopped": None}, None),
        ("RTT", "---", STOP | {"why_stopped": None}, date(2010, 2, 10)),
        ("RTT", "-FF", STOP | {"overall_status": "WITHDRAWN"}, None),
        ("RCC", "---", {"overall_status": "COMPLETED"}, None),
    ],
)
def test_a_stop_is_as_old_as_the_version_that_first_stated_it_with_its_reason(
    run_sql: Query, statuses: str, reasons: str, study: dict[str, Any], expected: date | None
) -> None:
    names = {"R": "RECRUITING", "T": "TERMINATED", "C": "COMPLETED"}
    steps: list[Step] = [(f"2010-0{i}-01", names[s], [PAIN]) for i, s in enumerate(statuses, start=1)]
    tables = history(*steps)
    for record, reason in zip(tables["raw_registry_history__record"], reasons, strict=True):
        record["why_stopped"] = {"F": "Futility", "-": None}[reason]
    build(run_sql, tables, **study)
    assert [row["stop_stated_on"] for row in run_sql("from core_record_history")] == [expected]


@pytest.mark.parametrize(
    ("day", "changes", "n_votes"),
    [
        ("2012-08-01", {}, 1),
        ("2013-05-05", {}, 1),
        ("2020-01-01", {"results_first_post_date": None}, 1),
        ("2012-06-30", {}, 0),
        ("2013-05-06", {}, 0),
        ("2012-08-01", {"primary_completion_date": None}, 0),
        ("2012-08-01", {"study_type": "OBSERVATIONAL"}, 0),
    ],
)
def test_an_outcome_dropped_between_completion_and_results_is_a_vote_against(
    run_sql: Query, day: str, changes: dict[str, Any], n_votes: int
) -> None:
    build(run_sql, history(("2010-01-01", "RECRUITING", [PAIN]), (day, "COMPLETED", [SLEEP])), **changes)
    found = run_sql(outcome_switch.sql)
    assert [row["vote"] for row in found] == [0] * n_votes
    if day == "2012-08-01" and n_votes:
        assert found[0]["available_at"] == date(2012, 8, 10)
        assert found[0]["available_at_basis"] == "record_history"
        assert found[0]["evidence"] == {
            "says": "A primary outcome was dropped on 1 August 2012, after the end of its data collection: "
            '"Pain at Week 8".',
            "rows": ["core_amendment:NCT1:1", "core_study:NCT1"],
        }


@pytest.mark.parametrize("after", [[PAIN], [PAIN, SLEEP], [("Pain", "Week 12")], None])
def test_an_outcome_that_was_kept_reworded_or_not_read_is_no_vote(
    run_sql: Query, after: list[tuple[str, str]] | None
) -> None:
    build(run_sql, history(("2010-01-01", "RECRUITING", [PAIN]), ("2012-08-01", "COMPLETED*", after)))
    assert run_sql(outcome_switch.sql) == []


def test_amendments_are_counted_and_inform_the_convention_alone(run_sql: Query) -> None:
    assert amendments.informs == {"cto_compatible": +1}
    assert amendments.better == "above"
    assert outcome_switch.informs == {"success": +1}
    build(run_sql, history(("2010-01-01", "RECRUITING", [PAIN]), ("2012-08-01", "COMPLETED", None)))
    [row] = run_sql(amendments.sql)
    assert (row["score"], row["available_at"]) == (1, date(2012, 8, 10))
    assert row["evidence"] == {"says": "The record was amended once", "rows": ["core_record_history:NCT1"]}


def test_a_trial_without_a_history_has_no_row_and_no_vote(run_sql: Query) -> None:
    build(run_sql, {})
    for sql in ("from core_amendment", "from core_record_history", amendments.sql, outcome_switch.sql):
        assert run_sql(sql) == []


def test_a_fictional_history_ends_with_the_record_as_it_stands() -> None:
    def lines(name: str) -> list[Any]:
        return [json.loads(line) for line in (WORLD / name).read_text().splitlines()]

    records = {
        s["protocolSection"]["identificationModule"]["nctId"]: s["protocolSection"] for s in lines("studies.jsonl")
    }
    histories = lines("registry_history.jsonl")
    assert len(histories) > 30
    for history in histories:
        record, versions = records[history["nct_id"]], history["versions"]
        assert [v["date"] for v in versions] == sorted({v["date"] for v in versions}), history["nct_id"]
        last = versions[-1]["study"]["protocolSection"]
        for module, name in [
            ("statusModule", "overallStatus"),
            ("statusModule", "whyStopped"),
            ("statusModule", "primaryCompletionDateStruct"),
            ("designModule", "enrollmentInfo"),
            ("outcomesModule", "primaryOutcomes"),
        ]:
            assert last.get(module, {}).get(name) == record.get(module, {}).get(name), (history["nct_id"], name)


def test_the_fictional_histories_tell_the_stories_of_their_trials(tmp_path: Path) -> None:
    sources = ["clinicaltrials_gov", "registry_history"]
    with Sandbox(world=WORLD) as sandbox:
        settings = Settings(str(tmp_path), date(2026, 11, 1), sandbox.urls, backoff=0.001)
        lake = pipeline.open_lake(settings)
        for source in pipeline.sources(sources, settings):
            pipeline.ingest_source(lake, settings, source, lambda: datetime(2026, 11, 1, tzinfo=UTC))
    planned = plan(lake, settings.as_of)
    pipeline.build(lake, planned)
    with duckdb.connect() as con:
        con.execute(macros())
        for name in models():
            con.read_parquet(lake.url(planned.core.table(name))).create_view(name)
        switched = con.execute(f"select nct_id, available_at from ({outcome_switch.sql})").fetchall()
        stops = con.execute(
            "select nct_id, stop_stated_on from core_record_history join core_study using (nct_id) "
            "where stop_stated_on < stop_known_since order by 1"
        ).fetchall()
        [(cut, slipped)] = con.execute(
            "select original_enrollment, days_primary_completion_slipped from core_record_history "
            "where nct_id = 'NCT99900027'"
        ).fetchall()
        assert con.execute("select count(*) > 30 from core_record_history").fetchone() == (True,)
    assert switched == [("NCT99900014", date(2018, 7, 24))]
    assert stops == [
        ("NCT99900015", date(2020, 11, 11)),
        ("NCT99900023", date(2020, 1, 19)),
        ("NCT99900026", date(2020, 9, 10)),
        ("NCT99900027", date(2017, 11, 23)),
    ]
    assert (cut, slipped) == (200, 184)
