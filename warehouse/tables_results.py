"""Contracts of the core tables that come from a record's results section."""

from cto.schema import Column, Table
from warehouse.columns import ARM, GROUP_ID, GROUP_TITLE, MEASURE_INDEX, NCT_ID, count, counted

_RAW = "raw_clinicaltrials_gov__"

RESULTS = (
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
)
