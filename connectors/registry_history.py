"""ClinicalTrials.gov's record history: what was changed in a study's record, and when; an endpoint without a contract."""

from __future__ import annotations

from cto.connector import Connector, Crawl, Json, Parsed, Probe
from cto.schema import Column, Table

_RAW = "raw_registry_history__"
NCT_ID = Column("nct_id", "VARCHAR", "ClinicalTrials.gov identifier of the study.", required=True)
VERSION_INDEX = Column("version_index", "INTEGER", "Version of the record, from 0.", required=True)
HISTORY = Table(
    f"{_RAW}history",
    "One row a study whose history is held.",
    ("nct_id",),
    (NCT_ID, Column("n_versions", "INTEGER", "Versions that it has.", required=True)),
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
    "One row a version of which the record itself was read: the first, and those that touch the primary outcome.",
    ("nct_id", "version_index"),
    (
        NCT_ID,
        VERSION_INDEX,
        Column("why_stopped", "VARCHAR", "Why the study was stopped, in that version."),
        Column("enrollment_text", "VARCHAR", "Enrolment in it."),
        Column("enrollment_type", "VARCHAR", "Whether that is actual or estimated."),
        Column("primary_completion_date_text", "VARCHAR", "Primary completion date in it."),
        Column("primary_measures", "VARCHAR[]", "Names of its primary outcome measures, in order."),
        Column("primary_time_frames", "VARCHAR[]", "Time frames of these."),
    ),
)
TABLES = (HISTORY, VERSION, RECORD)


def fetch(crawl: Crawl) -> Json:
    """Not written yet."""
    return {}


def read(kind: str, body: bytes) -> bytes:
    """Not written yet."""
    return body


def parse(kind: str, body: bytes) -> Parsed:
    """Not written yet."""
    return Parsed({})


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
    probe=Probe("", {}, ""),
    max_bytes=64 << 20,
    is_optional=True,
    stale_after_days=60,
)
