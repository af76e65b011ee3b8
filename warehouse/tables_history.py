"""Contracts of the core tables of a record's history."""

from cto.schema import Column, Table
from warehouse.columns import NCT_ID, count, date_columns

HISTORY = (
    Table(
        "core_amendment",
        "One row a change of a record after its first version, of the trials whose history was read.",
        ("nct_id", "version_index"),
        (
            NCT_ID,
            Column("version_index", "INTEGER", "Version of the record, from 0.", required=True),
            Column("amended_on", "DATE", "Day the change was submitted."),
            Column(
                "posted_on",
                "DATE",
                "Day it was posted; of a version that was not read, the day by which nearly all are: nine days later.",
            ),
            Column("overall_status", "VARCHAR", "Status of the study from then on."),
            Column("modules", "VARCHAR[]", "Modules of the record that it changed.", required=True),
            Column("is_after_start", "BOOLEAN", "It came after the study started; null when that day is unknown."),
            Column(
                "is_after_primary_completion",
                "BOOLEAN",
                "It came after the last data collection for the primary outcome; null when that day is unknown.",
            ),
            Column(
                "changes_primary_outcome",
                "BOOLEAN",
                "Measures or time frames of the primary outcomes differ in more than spelling from those before; null "
                "when they were not read closely enough to tell.",
            ),
            Column(
                "dropped_primary_outcomes",
                "VARCHAR[]",
                "Primary outcomes of which none of the new ones is a rewording; null when that cannot be told.",
            ),
        ),
    ),
    Table(
        "core_record_history",
        "One row a trial whose record's history was read.",
        ("nct_id",),
        (
            NCT_ID,
            count("n_versions", "Versions of the record."),
            Column("first_version_date", "DATE", "Day its first version was submitted."),
            Column("last_posted_on", "DATE", "Day its last version was posted."),
            count("n_amendments", "Changes of the record after its first version."),
            count("n_amendments_after_start", "Those of them after the study started."),
            count("n_outcome_changes_after_start", "Changes of a primary outcome after the study started."),
            count("n_outcome_changes_after_completion", "Changes of a primary outcome after its data were collected."),
            count("original_enrollment", "Participants planned in the first version; null when unknown."),
            Column(
                "original_enrollment_text",
                "VARCHAR",
                "Participants planned in the first version, as registered.",
                text_of="original_enrollment",
                unknown=("99999999",),
            ),
            *date_columns("original_primary_completion_date", "Primary completion planned in the first version"),
            Column(
                "days_primary_completion_slipped",
                "INTEGER",
                "Days from there to the date in the last version; a month counts as its last day.",
            ),
            Column(
                "stop_stated_on",
                "DATE",
                "First day that the present status, a stop, was public together with the present reason.",
            ),
        ),
    ),
)
