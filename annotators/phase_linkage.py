"""Which later trials continue a trial."""

from importlib.resources import files

from annotators.phase_candidate import LATER_NCT_ID
from cto.annotate.annotator import Annotator
from cto.schema import Column, Table
from warehouse.columns import NCT_ID, PHASE, count

DRUG_RELATIONS = ("same", "later_adds", "later_drops", "others_differ")

phase_linkage = Annotator(
    name="phase_linkage",
    meaning="Weighs what a trial and a later one of a later phase have in common: how likely it continues the first.",
    table=Table(
        "annot_phase_linkage",
        "One row a trial and a later one that may continue it, with what speaks for it and against.",
        ("nct_id", "later_nct_id"),
        (
            NCT_ID,
            LATER_NCT_ID,
            PHASE,
            Column("later_phase", "VARCHAR", "Phase of the later trial.", values=PHASE.values),
            Column("link_probability", "DOUBLE", "How likely the later trial continues this one.", required=True),
            Column("is_link", "BOOLEAN", "The probability reaches the threshold.", required=True),
            Column("posted_on", "DATE", "Day the later trial was first posted; null when the record has none."),
            Column(
                "withdrawn_on", "DATE", "Day its withdrawal was known; infinity when undated, null when it was not."
            ),
            Column("later_start_date", "DATE", "Start of the later trial.", required=True),
            count("start_gap_days", "Days from start to start."),
            count(
                "gap_days", "Days from this trial's primary completion to the later one's start; negative: before it."
            ),
            Column("shared_ingredients", "VARCHAR[]", "Experimental drugs that both test, sorted.", required=True),
            Column(
                "drug_relation",
                "VARCHAR",
                "How their sets of experimental drugs compare.",
                required=True,
                values=DRUG_RELATIONS,
            ),
            Column("is_whole", "BOOLEAN", "Every experimental drug of both is identified.", required=True),
            Column(
                "shares_earlier_rarest", "BOOLEAN", "The rarest drug of the earlier trial is shared.", required=True
            ),
            Column("shares_later_rarest", "BOOLEAN", "The rarest drug of the later trial is shared.", required=True),
            Column("is_combination", "BOOLEAN", "Both test more than one drug.", required=True),
            Column(
                "drug_share",
                "DOUBLE",
                "Share of the trials posted until then that test the rarest of the shared drugs.",
                required=True,
            ),
            Column(
                "condition_relation",
                "VARCHAR",
                "How their conditions compare; unstated: one names none.",
                required=True,
                values=("same", "near", "other", "unstated"),
            ),
            Column("shared_terms", "VARCHAR[]", "MeSH terms of the conditions of both, sorted.", required=True),
            Column("shared_conditions", "VARCHAR[]", "Conditions of both, by their words, sorted.", required=True),
            Column("term_overlap", "DOUBLE", "Share of the shorter list of MeSH terms that is the other's too."),
            Column(
                "condition_word_overlap", "DOUBLE", "Share of the fewer words of conditions that are the other's too."
            ),
            Column(
                "sponsor_relation",
                "VARCHAR",
                "Whether they have the lead sponsor, any sponsor or collaborator, or none in common.",
                required=True,
                values=("lead", "any", "none"),
            ),
            Column(
                "population_agrees",
                "BOOLEAN",
                "Ages and sexes allow the same people, and none is for children alone.",
                required=True,
            ),
            Column("title_similarity", "DOUBLE", "Share of the words of both titles that both have.", required=True),
            Column(
                "summary_similarity", "DOUBLE", "Share of the words of both summaries that both have.", required=True
            ),
            Column("embedding_similarity", "DOUBLE", "Mean cosine of titles and of summaries; null without a model."),
            Column("model", "VARCHAR", "Model of the embeddings, where they were used."),
            Column("revision", "VARCHAR", "Revision of its weights."),
            Column("weights", "VARCHAR", "Version of the weights.", required=True),
        ),
    ),
    sql=(files("annotators") / "phase_linkage.sql").read_text(encoding="utf-8"),
)
