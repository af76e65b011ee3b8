"""Contracts of the core tables that come from a record's protocol section; and, in ``TABLES``, all of the warehouse's.

A table that ``inherits`` starts with its raw table's columns, so that a field of the record that merely passes through
is declared once, in the connector.
"""

from cto.schema import Column, Table
from warehouse.columns import NCT_ID, PHASE, count, date_columns, known_since
from warehouse.tables_drugs import DRUGS
from warehouse.tables_history import HISTORY
from warehouse.tables_market import MARKET
from warehouse.tables_news import NEWS
from warehouse.tables_publications import PUBLICATIONS
from warehouse.tables_published import PUBLISHED
from warehouse.tables_results import RESULTS

_RAW = "raw_clinicaltrials_gov__"

REGISTERED = (
    Table(
        "core_study",
        "One row a study, removed ones included: the single-valued fields of its newest record.",
        ("nct_id",),
        (
            PHASE,
            *date_columns("start_date", "Start of the study"),
            *date_columns("primary_completion_date", "Last data collection for the primary outcome"),
            *date_columns("completion_date", "Last data collection of the study"),
            *date_columns("first_post_date", "Day the record was first posted"),
            *date_columns("results_first_post_date", "Day results were first posted"),
            *date_columns("last_update_post_date", "Day the record's last update was posted"),
            *known_since("stop", "the status, with the reason for stopping,"),
            *known_since("enrollment", "the enrolment"),
            count("enrollment", "Participants, actual or planned as enrollment_type says; null when unknown."),
            Column("has_results", "BOOLEAN", "Whether the record has a results section."),
            Column("is_removed", "BOOLEAN", "The registry no longer lists the study.", required=True),
            Column("is_fictional", "BOOLEAN", "The study is invented and ships with the sample.", required=True),
        ),
        inherits=f"{_RAW}study",
    ),
    Table(
        "core_sponsor",
        "One row a sponsor or collaborator of a study.",
        ("nct_id", "sponsor_index"),
        (Column("is_lead", "BOOLEAN", "Whether it is the lead sponsor (sponsor_index 0).", required=True),),
        inherits=f"{_RAW}collaborator",
    ),
    Table(
        "core_condition",
        "One row a condition of a study.",
        ("nct_id", "condition_index"),
        (),
        inherits=f"{_RAW}condition",
    ),
    Table(
        "core_condition_term",
        "One row a MeSH term that the registry finds in a study's conditions.",
        ("nct_id", "term_index"),
        (),
        inherits=f"{_RAW}condition_term",
    ),
    Table("core_summary", "One row a study: what it says of itself.", ("nct_id",), (), inherits=f"{_RAW}summary"),
    Table(
        "core_eligibility",
        "One row a study: who may take part.",
        ("nct_id",),
        (
            Column("minimum_age_years", "DOUBLE", "Youngest age in years; null when there is no limit."),
            Column("maximum_age_years", "DOUBLE", "Oldest age in years; null when there is no limit."),
            Column("accepts_healthy", "BOOLEAN", "Whether healthy volunteers may take part; null when not stated."),
        ),
        inherits=f"{_RAW}eligibility",
    ),
    Table("core_arm", "One row an arm of a study.", ("nct_id", "arm_index"), (), inherits=f"{_RAW}arm"),
    Table(
        "core_intervention",
        "One row an intervention of a study, with its role in it.",
        ("nct_id", "intervention_index"),
        (
            Column(
                "role",
                "VARCHAR",
                "Part it plays: what is tested, what it is tested against, a placebo, or given to all arms alike.",
                required=True,
                values=("experimental", "comparator", "placebo", "background"),
            ),
            Column(
                "role_basis",
                "VARCHAR",
                "What the role was read from: the types of its arms, its name, or no more than its being listed.",
                required=True,
                values=("arm_type", "name", "listed"),
            ),
        ),
        inherits=f"{_RAW}intervention",
    ),
    Table(
        "core_registered_outcome",
        "One row an outcome as registered, before any result.",
        ("nct_id", "outcome_type", "outcome_index"),
        (
            Column(
                "outcome_type",
                "VARCHAR",
                "Which list of the record it stands in.",
                required=True,
                values=("PRIMARY", "SECONDARY", "OTHER"),
            ),
        ),
        inherits=f"{_RAW}primary_outcome",
    ),
    Table(
        "core_stop_reason",
        "One row a study whose record says in words why it was stopped.",
        ("nct_id",),
        (
            NCT_ID,
            Column("reasons", "VARCHAR[]", "Every reason that the text states, sorted.", required=True),
            Column(
                "reason",
                "VARCHAR",
                "The one of them that tells most about the trial's aim; none: the text states no reason.",
                required=True,
                values=(
                    "efficacy",
                    "safety",
                    "benefit",
                    "accrual",
                    "funding",
                    "business",
                    "logistics",
                    "other",
                    "none",
                ),
            ),
        ),
    ),
    Table(
        "core_facility", "One row a location of a study.", ("nct_id", "location_index"), (), inherits=f"{_RAW}location"
    ),
    Table(
        "core_reference",
        "One row a publication that the record refers to.",
        ("nct_id", "reference_index"),
        (),
        inherits=f"{_RAW}reference",
    ),
)

TABLES = (*REGISTERED, *RESULTS, *PUBLICATIONS, *NEWS, *MARKET, *DRUGS, *HISTORY, *PUBLISHED)
