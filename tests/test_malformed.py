"""Bad records end in the right value, a counted quarantine or one clear error, and take no other record with them."""

import gzip
import json
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pytest

from cto import pipeline
from cto.check import GateError
from cto.http import SourceError
from cto.lake import Lake, LakeError
from cto.plan import plan
from cto.sandbox import Sandbox
from cto.settings import Settings
from cto.status import lines, status

AS_OF = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ODD = "NCT00009000"

Json = dict[str, Any]


def study(nct_id: str | int, **modules: Any) -> Json:
    """Return a minimal ended phase 3 drug trial; ``modules`` replace its modules, None leaves one out.

    ``results`` is its results section, ``hasResults`` the flag.
    """
    number = nct_id if isinstance(nct_id, str) else f"NCT{nct_id:08d}"
    protocol: Json = {
        "identificationModule": {"nctId": number, "briefTitle": f"Trial {number}"},
        "statusModule": dated(),
        "designModule": {
            "studyType": "INTERVENTIONAL",
            "phases": ["PHASE3"],
            "enrollmentInfo": {"count": 100, "type": "ACTUAL"},
        },
        "armsInterventionsModule": {"interventions": [{"type": "DRUG", "name": "Drug"}]},
    }
    record: Json = {"hasResults": modules.pop("hasResults", "results" in modules)}
    if "results" in modules:
        record["resultsSection"] = modules.pop("results")
    protocol = {name: module for name, module in (protocol | modules).items() if module is not None}
    return {"protocolSection": protocol, **record}


def dated(updated: object = "2021-05-05", **changes: Any) -> Json:
    """Return a status module with all dates; a change None leaves its field out."""
    module = {
        "overallStatus": "COMPLETED",
        "startDateStruct": {"date": "2019-01-01"},
        "completionDateStruct": {"date": "2020-01-01"},
        "studyFirstPostDateStruct": {"date": "2018-05-05"},
        "lastUpdatePostDateStruct": {"date": updated},
    }
    return {name: value for name, value in (module | changes).items() if value is not None}


def enrolled(count: object) -> Json:
    return {"studyType": "INTERVENTIONAL", "phases": ["PHASE3"], "enrollmentInfo": {"count": count}}


def analysed(**fields: Any) -> Json:
    """Return a results section with one analysis of a primary outcome."""
    analysis = {"groupIds": ["OG000", "OG001"], **fields}
    groups = [{"id": "OG000", "title": "Drug"}, {"id": "OG001", "title": "Placebo"}]
    measure = {"type": "PRIMARY", "title": "Survival", "reportingStatus": "POSTED", "groups": groups}
    measure |= {"analyses": [analysis]}
    return {"outcomeMeasuresModule": {"outcomeMeasures": [measure]}}


def good(n: int) -> list[Json]:
    return [study(number) for number in range(1, n + 1)]


def as_line(record: object) -> bytes:
    return record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()


def with_bytes(record: Json, raw: bytes) -> bytes:
    """Return the record as a line in which the text "@@" is replaced by raw bytes."""
    return as_line(record).replace(b"@@", raw)


@dataclass
class Nights:
    """A lake, the registry it is fed from, and what the lake holds after each night."""

    home: Path
    sandbox: Sandbox
    url: str

    def run(self, **options: bool) -> pipeline.Night:
        """Run a whole night, up to the release."""
        return pipeline.refresh(self._settings(), ["clinicaltrials_gov"], now=lambda: NOW, options=options)

    def collect(self) -> None:
        """Run a night's first half: fetch, parse and build the core tables."""
        lake = pipeline.open_lake(self._settings())
        for connector in pipeline.sources(["clinicaltrials_gov"], self._settings()):
            pipeline.ingest_source(lake, self._settings(), connector, lambda: NOW)
        pipeline.build(lake, plan(lake, AS_OF))

    def _settings(self) -> Settings:
        return Settings(str(self.home), AS_OF, {"clinicaltrials_gov": self.url}, backoff=0.001)

    def status(self) -> Json:
        return status(Lake(str(self.home)), NOW)

    def quarantine(self) -> list[Json]:
        """Return what the core manifest holds in quarantine; ``cto status`` must tell the same."""
        lake = Lake(str(self.home))
        manifest = lake.read_json(plan(lake, AS_OF).core.manifest)
        assert self.status()["core"]["quarantine"] == manifest["quarantine"]
        return list(manifest["quarantine"])

    def unreadable(self) -> dict[str, int]:
        return dict(self.status()["core"]["unreadable"])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the core and published tables that the last night made."""
        lake = Lake(str(self.home))
        planned = plan(lake, AS_OF)
        with duckdb.connect() as connection:
            for stage in (planned.core, planned.label) if planned.fit else (planned.core,):
                for file in (self.home / stage.manifest).parent.glob("*.parquet"):
                    connection.read_parquet(str(file)).create_view(file.stem)
            return connection.execute(sql).fetchall()

    def one(self, columns: str, nct_id: str = ODD) -> tuple[Any, ...]:
        """Return columns of core_study for one study, which must be there once."""
        rows = self.rows(f"select {columns} from core_study where nct_id = '{nct_id}'")
        assert len(rows) == 1
        return rows[0]

    def ids(self, table: str = "core_study") -> set[str]:
        return {nct_id for (nct_id,) in self.rows(f"select nct_id from {table}")}


Serve = Callable[[Path, Iterable[object]], Nights]


def serving(stack: ExitStack) -> Serve:
    """Return what starts a registry over given records, until the stack is closed."""

    def start(folder: Path, records: Iterable[object]) -> Nights:
        file = folder / "studies.jsonl"
        file.write_bytes(b"".join(as_line(record) + b"\n" for record in records))
        sandbox = stack.enter_context(Sandbox(studies=file))
        return Nights(folder / "lake", sandbox, sandbox.registry_url)

    return start


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield serving(stack)


@pytest.fixture(scope="module")
def fifty_published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with a release of fifty good studies, which no test changes."""
    with ExitStack() as stack:
        nights = serving(stack)(tmp_path_factory.mktemp("fifty"), good(50))
        nights.run()
        return nights.home


@pytest.fixture
def fifty(fifty_published: Path, serve: Serve, tmp_path: Path) -> Nights:
    """Return a registry of fifty good studies and a lake of one's own with their release."""
    nights = serve(tmp_path, good(50))
    shutil.copytree(fifty_published, nights.home)
    return nights


def ids_of(records: Sequence[Json]) -> set[str]:
    return {record["protocolSection"]["identificationModule"]["nctId"] for record in records}


# Texts that are no value: one night for all of them

DATES: dict[object, tuple[date | None, str | None]] = {
    "2012-03-04": (date(2012, 3, 4), "day"),
    "2012-03": (date(2012, 3, 1), "month"),
    "2012": (date(2012, 1, 1), "year"),
    "2012-02-29": (date(2012, 2, 29), "day"),
    "2012-13": (None, None),
    "2012-02-30": (None, None),
    "2012-00": (None, None),
    "March 2012": (None, None),
    "12-2012": (None, None),
    "2012-03-1x": (None, None),
    "2012-03-04T10:00": (None, None),
    "0000-01-01": (None, None),
    "yesterday": (None, None),
}
ENROLMENTS: dict[object, int | None] = {
    100: 100,
    0: 0,
    "12": 12,
    12.0: 12,
    "1,234": 1234,
    99999999: None,
    "99999999": None,
    "abc": None,
    12.5: None,
    "1,5": None,
    "0x1F": None,
    -5: None,
    "12 patients": None,
}
SAYS_UNKNOWN = (99999999, "99999999")
P_VALUES: dict[str, tuple[str | None, float | None]] = {
    "0.04": ("=", 0.04),
    "0,04": ("=", 0.04),
    "p = .03": ("=", 0.03),
    "P=0.03": ("=", 0.03),
    "&lt; 0.0001": ("<", 0.0001),
    "<0.001": ("<", 0.001),
    "P < .05": ("<", 0.05),
    "<= 0.05": ("<=", 0.05),
    "≤0.05": ("<=", 0.05),
    ">0.05": (">", 0.05),
    "&gt; .05": (">", 0.05),
    "≥ 0.99": (">=", 0.99),
    "1E-10": ("=", 1e-10),
    "1": ("=", 1.0),
    "0": ("=", 0.0),
    "NS": ("ns", None),
    "n.s.": ("ns", None),
    "not significant": ("ns", None),
    "garbage": (None, None),
    "1.2": (None, None),
    "-0.03": (None, None),
    "5%": (None, None),
    "0.01-0.05": (None, None),
    "<": (None, None),
    "NaN": (None, None),
}
VOTES: dict[str, int | None] = {
    "0.049": 1,
    "0.05": 0,
    "0,03": 1,
    "<0.05": 1,
    "<0.06": None,
    "<=0.05": 1,
    "<=0.06": None,
    ">0.05": 0,
    ">=0.05": 0,
    ">0.04": None,
    "NS": 0,
    "garbage": None,
}
NUMBERS: dict[str, float | None] = {
    "-1.5": -1.5,
    "1,234.5": 1234.5,
    "0,5": 0.5,
    "NA": None,
    "12 mg": None,
    "1.234,5": None,
    "NaN": None,
    "nan": None,
}
RESULTS_FLAGS: dict[object, bool | None] = {True: True, "true": True, "yes": True, "false": False, "maybe": None}

LONG = "Ω" * 1_000_000


def _numbered(start: int, values: Iterable[object]) -> dict[str, object]:
    return {f"NCT{number:08d}": value for number, value in enumerate(values, start)}


DATED = _numbered(1001, DATES)
ENROLLED = _numbered(1101, ENROLMENTS)
TESTED = _numbered(1201, P_VALUES)
MEASURED = _numbered(1301, NUMBERS)
FLAGGED = _numbered(1401, RESULTS_FLAGS)
VOTED = _numbered(1601, VOTES)
DEEP = b"[" * 500 + b"1" + b"]" * 500


def odd_but_readable() -> list[object]:
    return [
        *(study(nct_id, statusModule=dated(startDateStruct={"date": text})) for nct_id, text in DATED.items()),
        *(study(nct_id, designModule=enrolled(count)) for nct_id, count in ENROLLED.items()),
        *(study(nct_id, results=analysed(pValue=text)) for nct_id, text in TESTED.items()),
        *(study(nct_id, results=analysed(ciUpperLimit=text)) for nct_id, text in MEASURED.items()),
        *(study(nct_id, hasResults=flag) for nct_id, flag in FLAGGED.items()),
        {"protocolSection": {"identificationModule": {"nctId": "NCT00001501"}}},
        study("NCT00001502", statusModule=None),
        study("NCT00001503", designModule=None, armsInterventionsModule=None),
        study("NCT00001504", statusModule={}, designModule={}, armsInterventionsModule={}),
        study("NCT00001505", statusModule=dated(startDateStruct={}, completionDateStruct=None)),
        study("NCT00001506", designModule=enrolled({"from": 10, "to": 20})),
        study("NCT00001507", identificationModule={"nctId": "NCT00001507", "briefTitle": LONG}),
        with_bytes(study("NCT00001508", otherModule="@@"), DEEP).replace(b'"[', b"[").replace(b']"', b"]"),
        study("NCT00001509", conditionsModule={"conditions": ["Ague", None, ""]}),
        study("NCT00001510", identificationModule={"nctId": "NCT00001510", "briefTitle": "a\0b\n\"c\" 💊 'd'"}),
        *(study(nct_id, results=analysed(pValue=text)) for nct_id, text in VOTED.items()),
    ]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    with ExitStack() as stack:
        nights = serving(stack)(tmp_path_factory.mktemp("odd"), [*good(20), *odd_but_readable()])
        nights.run()
        yield nights


def test_odd_values_cost_no_study(odd: Nights) -> None:
    assert odd.quarantine() == []
    n_odd = len(odd_but_readable())
    assert odd.ids() >= ids_of(good(20)) | {f"NCT{number:08d}" for number in range(1501, 1511)}
    assert len(odd.ids()) == 20 + n_odd
    assert odd.ids("trials") == odd.ids()


@pytest.mark.parametrize(("nct_id", "text"), DATED.items(), ids=[repr(text) for text in DATES])
def test_a_date_is_read_with_its_precision_or_not_at_all(odd: Nights, nct_id: str, text: str) -> None:
    assert odd.one("start_date_text, start_date, start_date_precision", nct_id) == (text, *DATES[text])


def test_unreadable_dates_are_counted(odd: Nights) -> None:
    n_unreadable = sum(day is None for day, _ in DATES.values())
    assert odd.unreadable()["core_study.start_date_text"] == n_unreadable
    assert any("core_study.start_date_text" in line for line in lines(odd.status()))


@pytest.mark.parametrize(("nct_id", "count"), ENROLLED.items(), ids=[repr(count) for count in ENROLMENTS])
def test_an_enrolment_is_a_whole_number_of_participants_or_null(odd: Nights, nct_id: str, count: object) -> None:
    text, value = odd.one("enrollment_text, enrollment", nct_id)
    assert text == str(count)
    assert value == ENROLMENTS[count]


def test_unreadable_enrolments_are_counted_and_an_unknown_one_is_not(odd: Nights) -> None:
    unreadable = [count for count, value in ENROLMENTS.items() if value is None and count not in SAYS_UNKNOWN]
    assert odd.one("enrollment", "NCT00001506") == (None,)
    assert odd.unreadable()["core_study.enrollment_text"] == len(unreadable) + 1


@pytest.mark.parametrize(("nct_id", "text"), TESTED.items(), ids=[repr(text) for text in P_VALUES])
def test_a_p_value_is_kept_raw_and_read_or_not(odd: Nights, nct_id: str, text: str) -> None:
    columns = "p_value_text, p_value_operator, p_value"
    rows = odd.rows(f"select {columns} from core_outcome_analysis where nct_id = '{nct_id}'")
    assert rows == [(text, *P_VALUES[text])]


def test_unreadable_p_values_are_counted(odd: Nights) -> None:
    n_unreadable = sum(operator is None for operator, _ in P_VALUES.values()) + ("garbage" in VOTES)
    assert odd.unreadable()["core_outcome_analysis.p_value_text"] == n_unreadable


@pytest.mark.parametrize(("nct_id", "text"), MEASURED.items(), ids=[repr(text) for text in NUMBERS])
def test_a_limit_is_a_number_or_null_and_never_not_a_number(odd: Nights, nct_id: str, text: str) -> None:
    found = odd.rows(f"select ci_upper_text, ci_upper from core_outcome_analysis where nct_id = '{nct_id}'")
    assert [raw for raw, _ in found] == [text]
    value = found[0][1]
    assert value is None or math.isfinite(value)
    assert value == NUMBERS[text]


@pytest.mark.parametrize(("nct_id", "flag"), FLAGGED.items(), ids=[repr(flag) for flag in RESULTS_FLAGS])
def test_a_results_flag_of_the_wrong_type_is_read_or_null(odd: Nights, nct_id: str, flag: object) -> None:
    assert odd.one("has_results", nct_id) == (RESULTS_FLAGS[flag],)


def test_an_unreadable_results_flag_is_counted(odd: Nights) -> None:
    assert odd.unreadable()["core_study.has_results_text"] == 1


def test_a_record_without_modules_is_kept_and_has_not_ended(odd: Nights) -> None:
    columns = "overall_status, study_type, phase, start_date, enrollment, has_results"
    assert odd.one(columns, "NCT00001501") == (None,) * 6
    assert odd.one("overall_status, study_type", "NCT00001502") == (None, "INTERVENTIONAL")
    assert odd.one("overall_status, study_type, phase", "NCT00001503") == ("COMPLETED", None, None)
    assert odd.one("overall_status, study_type, phase", "NCT00001504") == (None, None, None)
    assert odd.one("overall_status, start_date, completion_date", "NCT00001505") == ("COMPLETED", None, None)
    listed = "('NCT00001501', 'NCT00001502', 'NCT00001503', 'NCT00001504')"
    assert odd.rows(f"select distinct is_ended, in_scope from trials where nct_id in {listed}") == [(False, False)]
    assert odd.rows(f"select * from labels where nct_id in {listed}") == []


def test_a_completed_trial_without_dates_has_ended(odd: Nights) -> None:
    assert odd.rows("select is_ended from trials where nct_id = 'NCT00001505'") == [(True,)]


def test_huge_deep_and_strange_texts_are_kept_whole(odd: Nights) -> None:
    assert odd.one("brief_title", "NCT00001507") == (LONG,)
    assert odd.one("brief_title", "NCT00001508") == ("Trial NCT00001508",)
    assert odd.one("brief_title", "NCT00001510") == ("a\0b\n\"c\" 💊 'd'",)


def test_positions_count_the_records_items_empty_ones_included(odd: Nights) -> None:
    rows = odd.rows("select condition_index, condition from core_condition where nct_id = 'NCT00001509'")
    assert {(index, text) for index, text in rows if text} == {(1, "Ague")}
    assert {index for index, _ in rows} <= {1, 2, 3}


@pytest.mark.parametrize(("nct_id", "text"), VOTED.items(), ids=[repr(text) for text in VOTES])
def test_a_p_value_votes_for_what_its_spelling_shows_at_the_level(odd: Nights, nct_id: str, text: str) -> None:
    where = f"label_function = 'primary_p_value' and nct_id = '{nct_id}'"
    found = odd.rows(f"select definition, vote from votes where {where}")
    vote = VOTES[text]
    assert dict(found) == ({} if vote is None else {"success": vote, "endpoint_met": vote})


# Records that cannot be read: one night for all of them

WRONG_TYPES = [
    study(9001, designModule={"studyType": "INTERVENTIONAL", "phases": "PHASE3"}),
    study(9002, contactsLocationsModule={"locations": {"city": "Bern"}}),
    study(9003, statusModule=[]),
    study(9004, designModule="none"),
    study(9005, conditionsModule={"conditions": "Ague"}),
    study(9006, results=["none"]),
]
MANY = 1300


@pytest.fixture(scope="module")
def quarantined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    records = [*good(MANY)[:600], *WRONG_TYPES, *good(MANY)[600:]]
    with ExitStack() as stack:
        nights = serving(stack)(tmp_path_factory.mktemp("quarantine"), records)
        nights.run()
        yield nights


def test_unreadable_records_do_not_take_the_others_with_them(quarantined: Nights) -> None:
    assert quarantined.ids() == quarantined.ids("trials") == ids_of(good(MANY))


def test_every_unreadable_record_is_in_quarantine_once_with_a_reason(quarantined: Nights) -> None:
    found = quarantined.quarantine()
    assert all(row["reason"] for row in found)
    named = [next(n for n in range(9001, 9007) if f"NCT{n:08d}" in row["start"]) for row in found]
    assert sorted(named) == [9001, 9002, 9003, 9004, 9005, 9006]


def test_status_tells_a_reader_why_a_record_is_in_quarantine(quarantined: Nights) -> None:
    told = "\n".join(lines(quarantined.status()))
    assert "in quarantine" in told
    assert "PHASE3" in told


@pytest.mark.parametrize(
    ("module", "raw"),
    [
        pytest.param("identificationModule", b"\xe9", id="in the title"),
        pytest.param("otherModule", b"\xff\xfe", id="in a field nobody reads"),
        pytest.param("identificationModule", b"\\ud800", id="as half a surrogate pair"),
    ],
)
def test_a_record_that_is_not_utf8_is_one_in_quarantine(tmp_path: Path, serve: Serve, module: str, raw: bytes) -> None:
    record = study(ODD, **{module: {"nctId": ODD, "briefTitle": "Caf@@"}})
    nights = serve(tmp_path, [*good(200), with_bytes(record, raw)])
    nights.run()
    assert nights.ids() == nights.ids("trials") == ids_of(good(200))
    assert {row["reason"] for row in nights.quarantine()} == {"invalid UTF-8"}
    (row,) = nights.quarantine()
    assert ODD in row["start"]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({}, id="an empty object"),
        pytest.param(study(ODD, identificationModule={"briefTitle": "Nameless"}), id="a record without an id"),
        pytest.param(study(ODD, identificationModule=None), id="a record without the id's module"),
        pytest.param({"protocolSection": None}, id="null for a section"),
        pytest.param({"protocolSection": "none"}, id="a text for a section"),
        pytest.param({"protocolSection": {"identificationModule": None}}, id="null for a module"),
        pytest.param(b"42", id="a number for a record"),
        pytest.param(b"null", id="null for a record"),
        pytest.param(b"[]", id="a list for a record"),
        pytest.param(with_bytes(study("NCT0000900@@"), b"\xe9"), id="an id that is not UTF-8"),
    ],
)
def test_a_record_that_names_no_study_is_one_in_quarantine(tmp_path: Path, serve: Serve, record: object) -> None:
    nights = serve(tmp_path, [*good(200), record])
    nights.collect()
    assert nights.ids() == ids_of(good(200))
    assert len(nights.quarantine()) == 1


def test_an_identifier_that_is_none_makes_no_trial(tmp_path: Path, serve: Serve) -> None:
    odd = [study("x", identificationModule={"nctId": nct_id}) for nct_id in ("", 5, {"a": 1})]
    nights = serve(tmp_path, [*good(400), *odd])
    nights.collect()
    assert nights.ids() == ids_of(good(400))
    assert len(nights.quarantine()) == 3


def test_an_integer_too_long_for_python_costs_one_record_at_most(tmp_path: Path, serve: Serve) -> None:
    nights = serve(tmp_path, [*good(200), as_line(study(ODD, otherModule="@@")).replace(b'"@@"', b"9" * 5000)])
    nights.collect()
    assert nights.ids() - {ODD} == ids_of(good(200))


def test_json_nested_too_deep_to_be_read_is_one_clear_error(tmp_path: Path, serve: Serve) -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    nights = serve(tmp_path, [*good(200), as_line(study(ODD, otherModule="@@")).replace(b'"@@"', deep)])
    with pytest.raises(SourceError, match="nested too deep"):
        nights.collect()


RESULTS = {
    "an event group without an id": {"adverseEventsModule": {"eventGroups": [{"title": "A"}, {"id": "EG000"}]}},
    "an event group twice": {"adverseEventsModule": {"eventGroups": [{"id": "EG000"}, {"id": "EG000"}]}},
    "a milestone without a group": {
        "participantFlowModule": {
            "periods": [{"milestones": [{"type": "STARTED", "achievements": [{"numSubjects": "5"}]}]}]
        }
    },
    "a reason twice for a group": {
        "participantFlowModule": {
            "periods": [{"dropWithdraws": [{"type": "Death", "reasons": [{"groupId": "FG0"}, {"groupId": "FG0"}]}]}]
        }
    },
}


@pytest.mark.parametrize("results", RESULTS.values(), ids=RESULTS.keys())
def test_groups_that_break_a_key_do_not_stop_the_night(tmp_path: Path, serve: Serve, results: Json) -> None:
    nights = serve(tmp_path, [*good(200), study(ODD, results=results)])
    nights.collect()
    assert nights.ids() - {ODD} == ids_of(good(200))


def test_no_adverse_event_row_is_without_its_group(tmp_path: Path, serve: Serve) -> None:
    nights = serve(tmp_path, [*good(200), study(ODD, results=RESULTS["an event group without an id"])])
    nights.collect()
    assert nights.rows("select group_id from core_adverse_event_total where group_id is null") == []


def test_a_milestone_told_twice_for_a_group_is_not_compared_as_text(tmp_path: Path, serve: Serve) -> None:
    cells = [{"groupId": "FG000", "numSubjects": count} for count in ("9", "10")]
    flow = {"periods": [{"title": "All", "milestones": [{"type": "STARTED", "achievements": cells}]}]}
    nights = serve(tmp_path, [*good(200), study(ODD, results={"participantFlowModule": flow})])
    nights.collect()
    assert nights.rows("select started from core_participant_flow") in ([(10,)], [(None,)], [])


def test_an_id_repeated_on_a_page_is_counted_and_its_first_record_stays(tmp_path: Path, serve: Serve) -> None:
    again = as_line(study(1, identificationModule={"nctId": "NCT00000001", "briefTitle": "Again"}))
    nights = serve(tmp_path, [*good(200), as_line(study(ODD)) + b"," + again])
    nights.collect()
    assert nights.one("brief_title", "NCT00000001") == ("Trial NCT00000001",)
    assert nights.ids() == ids_of(good(200)) | {ODD}
    (row,) = nights.quarantine()
    assert "repeated" in row["reason"]
    assert row["start"] == "NCT00000001"


# Later versions


def bad_version(nct_id: str | int, updated: str) -> Json:
    return study(nct_id, statusModule=dated(updated), designModule={"studyType": "INTERVENTIONAL", "phases": "PHASE1"})


def test_a_study_whose_later_version_is_unreadable_keeps_its_earlier_one(tmp_path: Path, serve: Serve) -> None:
    nights = serve(tmp_path, good(200))
    nights.collect()
    nights.sandbox.post_studies([bad_version(7, "2022-01-01")])
    nights.collect()
    assert nights.ids() == ids_of(good(200))
    assert nights.one("phase, last_update_post_date", "NCT00000007") == ("PHASE3", date(2021, 5, 5))
    (row,) = nights.quarantine()
    assert "NCT00000007" in row["start"]


def test_a_mended_record_leaves_the_quarantine(tmp_path: Path, serve: Serve) -> None:
    nights = serve(tmp_path, [*good(200), bad_version(ODD, "2021-05-05")])
    nights.collect()
    nights.sandbox.post_studies([study(ODD, statusModule=dated("2022-01-01"))])
    nights.collect()
    assert nights.one("phase") == ("PHASE3",)
    assert nights.quarantine() == []


def test_the_quarantine_counts_records_and_not_how_often_they_were_fetched(tmp_path: Path, serve: Serve) -> None:
    nights = serve(tmp_path, [*good(400), bad_version(9001, "2022-01-01")])
    nights.collect()
    for number in (9002, 9003, 9004):
        nights.sandbox.post_studies([bad_version(number, f"2022-01-0{number - 9000}")])
        nights.collect()
    assert len(nights.quarantine()) == 4


def test_a_page_that_is_not_json_leaves_the_last_release_and_is_mended_later(tmp_path: Path, serve: Serve) -> None:
    nights = serve(tmp_path, good(20))
    nights.run()
    nights.sandbox.post_studies([as_line(study(7, statusModule=dated("2022-01-01")))[:-30]])
    night = nights.run()
    assert isinstance(night.failures["clinicaltrials_gov"], SourceError)
    assert "not JSON" in nights.status()["sources"]["clinicaltrials_gov"]["last_failure"]["error"]
    assert not night.is_new
    nights.sandbox.post_studies([study(7, statusModule=dated("2022-01-01"))])
    assert nights.run().failures == {}
    assert nights.one("last_update_post_date", "NCT00000007") == (date(2022, 1, 1),)


class Answers(BaseHTTPRequestHandler):
    """A registry of one study whose page of studies is whatever the server holds."""

    def do_GET(self) -> None:
        fixed = {
            "/version": b'{"apiVersion":"2.0.5","dataTimestamp":"2021-05-05T09:00:00"}',
            "/stats/size": b'{"totalStudies":1}',
        }
        page: bytes = self.server.page  # type: ignore[attr-defined]
        body = fixed.get(self.path, page)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep standard error quiet."""


@pytest.mark.parametrize("page", [b'{"message":"down for maintenance"}', b'{"studies":null}', b"[]", b"null"])
def test_json_that_is_no_page_is_a_source_error_and_is_not_kept(tmp_path: Path, page: bytes) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.page = page  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    nights = Nights(tmp_path / "lake", Sandbox(), f"http://127.0.0.1:{server.server_port}")
    try:
        with pytest.raises(SourceError):
            nights.collect()
        server.page = json.dumps({"totalCount": 1, "studies": good(1)}).encode()  # type: ignore[attr-defined]
        nights.collect()
    finally:
        server.shutdown()
        server.server_close()
    assert nights.ids() == ids_of(good(1))


# Codes that no contract knows


def test_unknown_codes_below_the_tolerance_are_kept_counted_and_published(tmp_path: Path, serve: Serve) -> None:
    odd = study(
        ODD,
        statusModule=dated(overallStatus="PAUSED"),
        designModule={"studyType": "VIRTUAL", "phases": ["PHASE9"]},
    )
    nights = serve(tmp_path, [*good(150), odd])
    assert nights.run().is_new
    assert nights.one("overall_status, study_type, phase") == ("PAUSED", "VIRTUAL", "PHASE9")
    unknown = {f"core_study.{name}": 1 for name in ("overall_status", "study_type", "phase")}
    assert nights.status()["core"]["unknown_codes"] == unknown
    assert any("core_study.phase: 1" in line for line in lines(nights.status()))


def test_unknown_codes_past_the_tolerance_stop_the_publish_and_say_where(tmp_path: Path, serve: Serve) -> None:
    odd = [study(9000 + n, statusModule=dated(overallStatus="PAUSED")) for n in range(3)]
    nights = serve(tmp_path, [*good(150), *odd])
    with pytest.raises(GateError, match=r"core_study\.overall_status .*\b3 of 153\b"):
        nights.run()
    assert nights.status()["release"] is None
    assert nights.status()["core"]["unknown_codes"] == {"core_study.overall_status": 3}
    nights.sandbox.post_studies([study(9000 + n, statusModule=dated("2022-01-01")) for n in range(3)])
    assert nights.run().is_new


def test_too_many_unreadable_records_stop_the_publish_and_leave_the_last_release(fifty: Nights) -> None:
    first = fifty.status()["release"]["version"]
    fifty.sandbox.post_studies([bad_version(number, "2022-01-01") for number in (1, 2, 3)])
    with pytest.raises(GateError, match=r"\b3 records are in quarantine"):
        fifty.run()
    assert fifty.status()["release"]["version"] == first


# Sizes


def test_a_registry_without_studies_is_not_published(tmp_path: Path, serve: Serve) -> None:
    nights = serve(tmp_path, [])
    with pytest.raises(GateError, match="there are studies"):
        nights.run()


def test_a_study_of_20_megabytes_is_read_like_any_other(tmp_path: Path, serve: Serve) -> None:
    filler = {"text": "x" * 15_000_000}
    locations = [{"facility": f"Site {n}", "city": "C" * 60, "country": "L" * 40} for n in range(40_000)]
    big = study(ODD, otherModule=filler, contactsLocationsModule={"locations": locations})
    assert len(as_line(big)) > 20_000_000
    nights = serve(tmp_path, [*good(20), big])
    nights.collect()
    assert nights.rows(f"select count(*), max(facility) from core_facility where nct_id = '{ODD}'") == [
        (40_000, "Site 9999")
    ]
    assert nights.ids() == ids_of(good(20)) | {ODD}


# Update dates steer the next crawl


@pytest.mark.parametrize("updated", ["2021-05", "2021", "2021-02-30", "soon", None])
def test_an_odd_last_update_date_does_not_stop_the_next_night(
    tmp_path: Path, serve: Serve, updated: str | None
) -> None:
    status_module = dated(updated) if updated else dated(lastUpdatePostDateStruct=None)
    records = [study(number, statusModule=status_module) for number in range(1, 6)]
    nights = serve(tmp_path, records)
    nights.collect()
    nights.sandbox.post_studies([study(ODD, statusModule=dated("2022-01-01"))])
    nights.collect()
    assert nights.ids() == ids_of(records) | {ODD}


# Damaged files


def largest_page(home: Path) -> Path:
    return max((home / "sources/clinicaltrials_gov/pages").rglob("*.gz"), key=lambda path: path.stat().st_size)


DAMAGE: Mapping[str, Any] = {
    "cut": lambda packed: packed[: len(packed) // 2],
    "emptied": lambda packed: b"",
    "overwritten in the middle": lambda packed: packed[:200] + b"\xff" * 60 + packed[260:],
    "not a gzip": lambda packed: b"lost+found",
    "another page": lambda packed: gzip.compress(b'{"studies":[]}'),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_page_is_one_error_that_names_the_file(fifty: Nights, damage: Any) -> None:
    version = fifty.status()["release"]["version"]
    page = largest_page(fifty.home)
    page.write_bytes(damage(page.read_bytes()))
    shutil.rmtree(fifty.home / "parts")
    with pytest.raises(LakeError, match=page.name):
        fifty.run()
    assert fifty.status()["release"]["version"] == version


@pytest.mark.parametrize("is_changed", [False, True], ids=["as it was", "changed since"])
def test_the_remedy_for_a_damaged_page_works(tmp_path: Path, serve: Serve, is_changed: bool) -> None:
    """The error says: delete the file and fetch again with --full."""
    nights = serve(tmp_path, good(50))
    nights.collect()
    largest_page(nights.home).unlink()
    shutil.rmtree(nights.home / "parts")
    if is_changed:
        nights.sandbox.post_studies([study(7, statusModule=dated("2022-01-01"))])
    nights.run(full=True)
    assert nights.ids() == ids_of(good(50))


@pytest.mark.parametrize("damage", [DAMAGE["cut"], DAMAGE["not a gzip"]], ids=["cut", "not a gzip"])
def test_a_damaged_file_of_studies_is_refused_by_name(tmp_path: Path, damage: Any) -> None:
    file = tmp_path / "studies.jsonl.gz"
    file.write_bytes(damage(gzip.compress(b"\n".join(as_line(record) for record in good(200)))))
    with pytest.raises((OSError, ValueError), match=r"studies\.jsonl\.gz"):
        Sandbox(studies=file)
