"""ClinicalTrials.gov's record history: what was changed in a record, and when; an endpoint without a contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from cto.bundle import Answer, pack, unpack
from cto.connector import Connector, Crawl, Json, Parsed, Source
from cto.http import BadBodyError, BlockedError, RefusedError, SourceError, read_json
from cto.parts import rows
from cto.schema import Column, Table

_RAW = "raw_registry_history__"
NCT_ID = Column("nct_id", "VARCHAR", "ClinicalTrials.gov identifier of the study.", required=True)
VERSION_INDEX = Column("version_index", "INTEGER", "Version of the record, from 0.", required=True)
HISTORY = Table(
    f"{_RAW}history",
    "One row a study whose history is held.",
    ("nct_id",),
    (
        NCT_ID,
        Column("n_versions", "INTEGER", "Versions that it has.", required=True),
        Column("read_after", "VARCHAR", "Study and day of the update after which it was read.", required=True),
    ),
)
VERSION = Table(
    f"{_RAW}version",
    "One row a version of a study's record.",
    ("nct_id", "version_index"),
    (
        NCT_ID,
        VERSION_INDEX,
        Column("version_date_text", "VARCHAR", "Day it was submitted, as YYYY-MM-DD."),
        Column("overall_status", "VARCHAR", "Status of the study in it."),
        Column("modules", "VARCHAR[]", "Modules of the record that it changed, such as Study Status."),
    ),
)
RECORD = Table(
    f"{_RAW}record",
    "One row a version of which the record itself was read: the first, the last, the one that first states the stop, "
    "and those that touch the outcomes.",
    ("nct_id", "version_index"),
    (
        NCT_ID,
        VERSION_INDEX,
        Column("posted_on_text", "VARCHAR", "Day the version was posted, as YYYY-MM-DD."),
        Column("why_stopped", "VARCHAR", "Why the study was stopped, in that version."),
        Column("enrollment_text", "VARCHAR", "Enrolment in it."),
        Column("enrollment_type", "VARCHAR", "Whether that is actual or estimated."),
        Column("primary_completion_date_text", "VARCHAR", "Primary completion date in it."),
        Column("primary_measures", "VARCHAR[]", "Names of its primary outcome measures, in order."),
        Column("primary_time_frames", "VARCHAR[]", "Time frames of these."),
    ),
)
TABLES = (HISTORY, VERSION, RECORD)

TRIALS_A_NIGHT = 2_000
TRIALS_A_BUNDLE = 50
BYTES_A_BUNDLE = 16 << 20
OUTCOME_VERSIONS = 10
FAILURES_IN_A_ROW = 5
DAYS_GONE = 90
STOPPED = ("TERMINATED", "WITHDRAWN", "SUSPENDED")
OLDEST = "NCT00000102"

WANTS = """
select s.nct_id, coalesce(s.last_update_post_date_text, '')
from core_study s cross join run
where has_ended(s.study_type, s.overall_status, s.completion_date, s.completion_date_precision,
        s.primary_completion_date, s.primary_completion_date_precision, s.stop_known_since, run.as_of, run.is_current)
    and s.phase in ('PHASE1', 'PHASE1/PHASE2', 'PHASE2', 'PHASE2/PHASE3', 'PHASE3')
    and not s.is_removed
    and s.nct_id in (select nct_id from core_intervention where intervention_type in ('DRUG', 'BIOLOGICAL'))
order by coalesce(s.completion_date, s.primary_completion_date) desc nulls last, s.nct_id
"""
"""The trials that labels are about, the latest to end first, and the day of each one's last update."""


class Change(NamedTuple):
    """One version in a record's history, numbered as the history numbers it."""

    version: int
    date: str | None
    status: str | None
    modules: list[str]


def fetch(crawl: Crawl) -> Json:
    """Read the histories of trials that were not read before, or were updated since.

    Studies without a history are remembered for a while. A run that is taken up again may want other trials than when
    it began: whatever its stored bundles answer is done.
    """
    still = str(crawl.today - timedelta(days=DAYS_GONE))
    gone = {nct_id: day for nct_id, day in crawl.watermark.get("gone", {}).items() if day > still}
    read_after = crawl.known(HISTORY.name, "read_after")
    todo = {nct_id: day for nct_id, day in crawl.wanted if f"{nct_id} {day}" not in read_after and nct_id not in gone}
    crawl.expect(-(-min(len(todo), TRIALS_A_NIGHT) // TRIALS_A_BUNDLE))
    reader = _Reader(crawl)
    n_asked = n_failed = number = 0
    while todo and n_asked < TRIALS_A_NIGHT:
        trials = list(todo.items())[: TRIALS_A_NIGHT - n_asked]
        answers: list[Answer] = crawl.keep(f"histories {number}", "histories", partial(reader.bundle, trials))
        number += 1
        for nct_id, kind in ((a.subject[:11], a.kind) for a in answers if a.kind != "record"):
            n_asked += 1
            n_failed += kind == "failed"
            todo.pop(nct_id, None)
            if kind == "gone":
                gone[nct_id] = str(crawl.today)
    if n_failed:
        crawl.note(f"{n_failed} histories could not be read and are asked for again in the next night")
    if gone:
        crawl.note(f"{len(gone)} trials have no history; they are asked for again after {DAYS_GONE} days")
    if todo:
        crawl.note(f"{len(todo)} trials are left for the next nights, {TRIALS_A_NIGHT} a night")
    return {"gone": gone}


class _Reader:
    """Asks for histories and gives up when the endpoint seems gone: it has no contract and may go any day."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._in_a_row = 0

    def bundle(self, trials: list[tuple[str, str]]) -> bytes:
        """Return the packed answers about the first of the trials: so many, or fewer when records are large.

        A bundle does not end with failures while there are trials to tell whether the endpoint is still there: what it
        holds is believed.
        """
        answers: list[Answer] = []
        for number, (nct_id, day) in enumerate(trials, start=1):
            answers += self._trial(nct_id, day)
            is_full = number >= TRIALS_A_BUNDLE or sum(len(answer.body) for answer in answers) > BYTES_A_BUNDLE
            if is_full and not self._in_a_row:
                break
        return pack(answers)

    def _trial(self, nct_id: str, day: str) -> list[Answer]:
        """Return a trial's history and the records read of it, or one answer that says why there are none.

        Raises:
            SourceError: several trials in a row failed.

        """
        answers: list[Answer] = []
        try:
            for answer in self._answers(nct_id, day):
                answers.append(answer)
        except BlockedError:
            raise
        except SourceError as error:
            self._in_a_row += 1
            is_gone = not answers and isinstance(error, RefusedError) and error.status == 404
            if self._in_a_row >= FAILURES_IN_A_ROW:
                if not is_gone or not self._knows_the_oldest():
                    raise SourceError(
                        f"the endpoint of record histories seems gone: {FAILURES_IN_A_ROW} trials in a row failed; "
                        f"last: {error}"
                    ) from error
                self._in_a_row = 0
            return [Answer(nct_id, "gone" if is_gone else "failed", str(error).encode())]
        self._in_a_row = 0
        return answers

    def _knows_the_oldest(self) -> bool:
        """Return whether the endpoint still tells the history of a study that surely has one."""
        try:
            self._source.answer(f"/studies/{OLDEST}/history", {}, "history")
        except SourceError:
            return False
        return True

    def _answers(self, nct_id: str, day: str) -> Iterator[Answer]:
        address = f"/studies/{nct_id}/history"
        body, changes = self._source.answer(address, {}, "history")
        yield Answer(f"{nct_id} {day}", "history", body)
        for version in versions_to_read(changes):
            body, study = self._source.answer(f"{address}/{version}", {}, "record")
            found = _at(study, "protocolSection.identificationModule.nctId")
            if found != nct_id:
                raise SourceError(f"{address}/{version}: the record is that of {str(found)[:20]!r}")
            yield Answer(f"{nct_id} {version}", "record", body)


def probe(source: Source) -> tuple[str, bytes]:
    """Ask for the history of the registry's oldest study."""
    return "histories", _Reader(source).bundle([(OLDEST, "")])


def versions_to_read(changes: list[Change]) -> list[int]:
    """Return the versions whose records are worth reading.

    These are the first, the last, the one from which on the trial has been stopped, and the last ten of those that
    touch the outcomes.
    """
    last = changes[-1].status
    n_same = next((n for n, change in enumerate(reversed(changes)) if change.status != last), len(changes))
    stop = [changes[-n_same].version] if last in STOPPED else []
    outcomes = [c.version for c in changes if any("outcome" in module.lower() for module in c.modules)]
    return sorted({changes[0].version, changes[-1].version, *stop, *outcomes[-OUTCOME_VERSIONS:]})


def read(kind: str, body: bytes) -> Any:
    """Return a history's changes in their order, a record's study, or a bundle's answers.

    Raises:
        BadBodyError: the body is cut, or not of its kind.

    """
    if kind == "histories":
        return list(unpack(body))
    found = read_json(body)
    if kind == "record":
        study = found.get("study") if isinstance(found, dict) else None
        if not isinstance(_at(study, "protocolSection"), dict):
            raise BadBodyError(f"not a version of a record: {body[:80]!r}")
        return study
    changes = found.get("changes") if isinstance(found, dict) else None
    if not isinstance(changes, list) or not changes:
        raise BadBodyError(f"not a history: {body[:80]!r}")
    listed = sorted((_change(change) for change in changes), key=lambda change: change.version)
    if len({change.version for change in listed}) < len(listed):
        raise BadBodyError("a history that lists a version twice")
    return listed


def parse(kind: str, body: bytes) -> Parsed:
    """Return the rows of a bundle: histories, their versions, and the records that were read."""
    histories: list[Json] = []
    versions: list[Json] = []
    records: list[Json] = []
    for answer in read(kind, body):
        nct_id, _, rest = answer.subject.partition(" ")
        if answer.kind == "history":
            changes = read("history", answer.body)
            histories.append({"nct_id": nct_id, "n_versions": len(changes), "read_after": answer.subject})
            versions += [
                {
                    "nct_id": nct_id,
                    "version_index": change.version,
                    "version_date_text": change.date,
                    "overall_status": change.status,
                    "modules": change.modules,
                }
                for change in changes
            ]
        elif answer.kind == "record":
            records.append({"nct_id": nct_id, "version_index": int(rest)} | _record(read("record", answer.body)))
    tables = zip(TABLES, (histories, versions, records), strict=True)
    return Parsed({table.name: rows(table, listed) for table, listed in tables})


def _change(found: Any) -> Change:
    version = found.get("version") if isinstance(found, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version < 1 << 31:
        raise BadBodyError(f"a change without a version: {str(found)[:80]!r}")
    modules = found.get("moduleLabels") or []
    if not isinstance(modules, list):
        raise BadBodyError(f"modules that are no list: {str(modules)[:80]!r}")
    return Change(version, _text(found.get("date")), _text(found.get("status")), [str(module) for module in modules])


def _record(study: Json) -> Json:
    """Return what is kept of a version of a record."""
    outcomes = _at(study, "protocolSection.outcomesModule.primaryOutcomes")
    listed = [outcome for outcome in outcomes if isinstance(outcome, dict)] if isinstance(outcomes, list) else []
    status = "protocolSection.statusModule"
    enrollment = "protocolSection.designModule.enrollmentInfo"
    return {
        "posted_on_text": _text(_at(study, f"{status}.lastUpdatePostDateStruct.date")),
        "why_stopped": _text(_at(study, f"{status}.whyStopped")),
        "enrollment_text": _text(_at(study, f"{enrollment}.count")),
        "enrollment_type": _text(_at(study, f"{enrollment}.type")),
        "primary_completion_date_text": _text(_at(study, f"{status}.primaryCompletionDateStruct.date")),
        "primary_measures": [_text(outcome.get("measure")) for outcome in listed],
        "primary_time_frames": [_text(outcome.get("timeFrame")) for outcome in listed],
    }


def _at(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int | float) else None


registry_history = Connector(
    name="registry_history",
    homepage="https://clinicaltrials.gov",
    licence="public domain (U.S. government work); an endpoint without a contract",
    url="https://clinicaltrials.gov/api/int",
    seconds_between_requests=1.2,
    tables=TABLES,
    entity="nct_id",
    fetch=fetch,
    parse=parse,
    read=read,
    probe=probe,
    wants=WANTS,
    max_bytes=64 << 20,
    is_optional=True,
    stale_after_days=60,
)
