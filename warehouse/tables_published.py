"""Contracts of the published tables: votes, labels, trials, cut points."""

from cto.schema import Column, Table
from warehouse.columns import AS_OF, DEFINITION, LABEL_FUNCTION, NCT_ID, PHASES, count

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
        Column("abstain_reason", "VARCHAR", "Why there is no label.", values=("no_evidence", "tie", "within_horizon")),
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
            "Threshold on the function's score: the median of the trials it was fitted on, or a phase's waiting time.",
            required=True,
        ),
        Column(
            "band",
            "DOUBLE",
            "Half-width around the cut where it abstains: half the width of the scores' middle third, 0 for a wait.",
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

PUBLISHED = (VOTES, LABELS, TRIALS, CUT_POINTS)
