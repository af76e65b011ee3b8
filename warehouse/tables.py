"""Contracts of the core tables, the votes and labels, and the published tables.

A table that ``inherits`` starts with its raw table's columns, so that a field of the record that merely passes through
is declared once, in the connector.
"""

from cto.schema import Column, Table
from warehouse.columns import (
    ARM,
    AS_OF,
    DEFINITION,
    GROUP_ID,
    GROUP_TITLE,
    LABEL_FUNCTION,
    MEASURE_INDEX,
    NCT_ID,
    PHASE,
    PHASES,
    count,
    counted,
    date_columns,
    known_since,
)

_RAW = "raw_clinicaltrials_gov__"

CORE = (
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
        "core_outcome_measure",
        "One row an outcome measure of a results section.",
        ("nct_id", "measure_index"),
        (),
        inherits=f"{_RAW}outcome_measure",
    ),
    Table(
        "core_outcome_analysis",
        "One row a statistical analysis of an outcome measure.",
        ("nct_id", "measure_index", "analysis_index"),
        (
            Column(
                "p_value_operator",
                "VARCHAR",
                "How the p-value is stated; ns is 'not significant' without a number; null when unreadable.",
                values=("=", "<", "<=", ">", ">=", "ns"),
            ),
            Column("p_value", "DOUBLE", "The p-value's number, to be read with its operator."),
            Column("estimate", "DOUBLE", "Estimated parameter."),
            Column("ci_percent", "DOUBLE", "Level of the confidence interval, in percent."),
            Column("ci_lower", "DOUBLE", "Lower limit of the confidence interval."),
            Column("ci_upper", "DOUBLE", "Upper limit of the confidence interval."),
            count("n_groups", "Groups that the analysis compares or describes."),
        ),
        inherits=f"{_RAW}outcome_analysis",
    ),
    Table(
        "core_result_group",
        "One row a study and title that its results give a group: which side of the trial the group is.",
        ("nct_id", "group_key"),
        (
            NCT_ID,
            Column("group_key", "VARCHAR", "Words of the title, in lower case.", required=True),
            GROUP_TITLE,
            *ARM,
        ),
    ),
    Table(
        "core_primary_outcome_group",
        "One row a group of a posted primary outcome measure: its side of the trial, its number and its value.",
        ("nct_id", "measure_index", "group_index"),
        (
            NCT_ID,
            MEASURE_INDEX,
            Column("group_index", "INTEGER", "Position, from 1, of the group in the measure.", required=True),
            GROUP_ID,
            GROUP_TITLE,
            *ARM,
            count("n_analyzed", "Units analysed, mostly participants."),
            count(
                "n_values", "Values the measure gives the group: more than one where it reports by time or category."
            ),
            Column("value", "DOUBLE", "The group's value, where it has only one."),
        ),
    ),
    Table(
        "core_primary_analysis",
        "One row a statistical analysis of a posted primary outcome of a trial: what it tests and what it shows.",
        ("nct_id", "measure_index", "analysis_index"),
        (
            NCT_ID,
            MEASURE_INDEX,
            Column("analysis_index", "INTEGER", "Position, from 1, of the analysis in the measure.", required=True),
            Column("title", "VARCHAR", "Title of the outcome measure."),
            Column(
                "measure_kind",
                "VARCHAR",
                "What the measure is about, by its title.",
                required=True,
                values=("efficacy", "safety", "pharmacokinetic", "baseline"),
            ),
            Column(
                "hypothesis",
                "VARCHAR",
                "What is tested; unclear where the record leaves non-inferiority and equivalence open.",
                required=True,
                values=("superiority", "non_inferiority", "equivalence", "unclear"),
            ),
            Column(
                "comparison",
                "VARCHAR",
                "Between groups, or within one over time.",
                required=True,
                values=("between", "within"),
            ),
            Column("method", "VARCHAR", "Statistical method."),
            Column("p_value_text", "VARCHAR", "P-value, as registered."),
            Column("p_value_operator", "VARCHAR", "How the p-value is stated."),
            Column("p_value", "DOUBLE", "The p-value's number, to be read with its operator."),
            Column("alpha", "DOUBLE", "Significance level it is held against.", required=True),
            Column(
                "alpha_basis",
                "VARCHAR",
                "Whether the record states the level or .05 is taken.",
                required=True,
                values=("stated", "default"),
            ),
            Column("estimate_type", "VARCHAR", "Which parameter is estimated."),
            Column("estimate", "DOUBLE", "Estimated parameter."),
            Column("ci_percent", "DOUBLE", "Level of the confidence interval, in percent."),
            Column("ci_lower", "DOUBLE", "Lower limit of the confidence interval."),
            Column("ci_upper", "DOUBLE", "Upper limit of the confidence interval."),
            Column("margin", "DOUBLE", "Margin of non-inferiority or equivalence, on the scale of the interval."),
            Column(
                "is_significant", "BOOLEAN", "Whether the hypothesis was shown; null when the record does not tell."
            ),
            Column(
                "favours",
                "VARCHAR",
                "Side with the better values, significant or not.",
                required=True,
                values=("experimental", "control", "unclear"),
            ),
            Column(
                "is_co_primary",
                "BOOLEAN",
                "The record calls the outcome one of several co-primary ones.",
                required=True,
            ),
            Column(
                "verdict",
                "VARCHAR",
                "met: the efficacy endpoint is shown; missed: tested and not shown, or significantly worse; else none.",
                required=True,
                values=("met", "missed", "none"),
            ),
        ),
    ),
    Table(
        "core_participant_flow",
        "One row a period and arm: how many started, completed and left.",
        ("nct_id", "period_index", "group_id"),
        (
            NCT_ID,
            Column("period_index", "INTEGER", "Position, from 1, of the period in the record.", required=True),
            GROUP_ID,
            GROUP_TITLE,
            Column("period_title", "VARCHAR", "Title of the period."),
            *counted("started", "Participants who started the period"),
            *counted("completed", "Participants who completed the period"),
            *counted("not_completed", "Participants who did not complete the period"),
        ),
    ),
    Table(
        "core_participant_flow_reason",
        "One row a period, reason for leaving and arm.",
        ("nct_id", "period_index", "reason_index", "group_index"),
        (count("participants", "Participants who left for this reason."),),
        inherits=f"{_RAW}flow_reason",
    ),
    Table(
        "core_adverse_event_total",
        "One row an arm of the adverse-event section: participants affected and at risk.",
        ("nct_id", "group_index"),
        tuple(
            count(f"{kind}_{what}", f"Participants {words} {meaning}.")
            for kind, meaning in (
                ("serious", "serious adverse events"),
                ("other", "other adverse events"),
                ("deaths", "death from any cause"),
            )
            for what, words in (("affected", "with"), ("at_risk", "at risk of"))
        ),
        inherits=f"{_RAW}event_group",
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
        "core_event_rate",
        "One row a study and event: how many participants left, died or had adverse events, by side of the trial.",
        ("nct_id", "event"),
        (
            NCT_ID,
            Column(
                "event",
                "VARCHAR",
                "What is counted.",
                required=True,
                values=("dropout", "deaths", "serious_adverse_events", "other_adverse_events"),
            ),
            count("affected", "Participants affected, all groups."),
            count("at_risk", "Participants at risk, all groups."),
            count("experimental_affected", "Those affected in groups matched with experimental arms."),
            count("experimental_at_risk", "Those at risk there."),
            count("control_affected", "Those affected in groups matched with control arms."),
            count("control_at_risk", "Those at risk there."),
            Column(
                "score_basis",
                "VARCHAR",
                "difference: experimental less control; pooled: all groups, where the two sides cannot be told apart.",
                required=True,
                values=("difference", "pooled"),
            ),
            Column(
                "arm_match",
                "VARCHAR",
                "How the groups were matched with arms: the weakest match used, or pooled.",
                required=True,
                values=("exact", "fuzzy", "name", "pooled"),
            ),
            Column(
                "percent",
                "DOUBLE",
                "The difference or share, in points; half an event is added to each side.",
                required=True,
            ),
            Column("standard_error", "DOUBLE", "Its standard error, in points.", required=True),
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

VOTES = Table(
    "votes",
    "One row a trial, label function and definition that the function voted on. No row is no vote.",
    ("nct_id", "label_function", "definition", "version"),
    (
        NCT_ID,
        LABEL_FUNCTION,
        DEFINITION,
        Column("version", "INTEGER", "Version of the label function.", required=True),
        Column("vote", "TINYINT", "1 for, 0 against.", required=True),
        Column("score", "DOUBLE", "Raw signal behind the vote, in the function's own unit."),
        Column("available_at", "DATE", "First day the evidence was public; null when the source gives no date."),
        Column("available_at_basis", "VARCHAR", "What available_at was read from.", required=True),
        Column("evidence", "VARCHAR", "JSON: a sentence for a reader (says) and the core rows (rows).", required=True),
    ),
)

LABELS = Table(
    "labels",
    "One row an ended interventional trial and definition.",
    ("nct_id", "definition"),
    (
        NCT_ID,
        DEFINITION,
        Column("label", "TINYINT", "1, 0, or null when the trial is not labelled."),
        Column("p_success", "DOUBLE", "Probability of 1 under this row's definition; null without evidence."),
        Column("p_low", "DOUBLE", "Lower limit of its interval; null while uncalibrated."),
        Column("p_high", "DOUBLE", "Upper limit of its interval; null while uncalibrated."),
        Column("calibration", "VARCHAR", "How the probability was calibrated; none: it was not.", required=True),
        Column("n_votes", "INTEGER", "Votes the label rests on.", required=True),
        Column("abstain_reason", "VARCHAR", "Why there is no label.", values=("no_evidence", "tie")),
        Column("is_final", "BOOLEAN", "False while the trial may go on (suspended).", required=True),
        Column("is_censored", "BOOLEAN", "The definition's waiting time has not passed yet.", required=True),
        Column("horizon_end", "DATE", "Day the waiting time ends; null where there is none."),
        AS_OF,
    ),
)

TRIALS = Table(
    "trials",
    "One row a study: core_study, and whether and how it counts in this release.",
    ("nct_id",),
    (
        Column("is_drug_or_biologic", "BOOLEAN", "It has a DRUG or BIOLOGICAL intervention.", required=True),
        Column("intervention_set", "VARCHAR", "Names of its experimental interventions, sorted, joined by ' + '."),
        Column("is_ended", "BOOLEAN", "It has ended as of the release, so it has label rows.", required=True),
        Column("in_scope", "BOOLEAN", "Ended drug or biologic trial of phase 1 to 3.", required=True),
        AS_OF,
    ),
    inherits="core_study",
)

CUT_POINTS = Table(
    "cut_points",
    "One row a label function that votes by a threshold, phase and scale of its score.",
    ("label_function", "phase", "score_basis", "version"),
    (
        LABEL_FUNCTION,
        Column(
            "phase",
            "VARCHAR",
            "Phase of the trials it is for; NA where a trial has none.",
            required=True,
            values=PHASES,
        ),
        Column(
            "score_basis",
            "VARCHAR",
            "Scale of the score: difference between the sides of a trial, pooled share, count, or days.",
            required=True,
        ),
        Column("version", "INTEGER", "Version of the label function.", required=True),
        Column(
            "cut",
            "DOUBLE",
            "Threshold on the function's score: the median of the trials it was fitted on.",
            required=True,
        ),
        Column(
            "band",
            "DOUBLE",
            "Half-width around the cut where it abstains: half the width of the middle third of the scores.",
            required=True,
        ),
        count("n", "Trials it was fitted on."),
        Column(
            "fitted_on",
            "VARCHAR",
            "Trials of the phase, or, where it has too few, of all phases.",
            required=True,
            values=("phase", "all"),
        ),
        Column(
            "fitted_as_of", "DATE", "Day by which those trials had ended and their scores were public.", required=True
        ),
    ),
)

TABLES = (*CORE, VOTES, LABELS, TRIALS, CUT_POINTS)
