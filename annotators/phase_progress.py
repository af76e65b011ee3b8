"""Whether and since when a trial's drugs are known to have gone on."""

from importlib.resources import files

from cto.annotate.annotator import Annotator
from cto.schema import Column, Table
from warehouse.columns import NCT_ID, PHASE

phase_progress = Annotator(
    name="phase_progress",
    meaning="Lists what tells that a trial's drugs went on: links to later phases, approvals.",
    table=Table(
        "annot_phase_progress",
        "One row a trial of phase 1 to 3 with an end: what tells that its drugs went on, and whether one would see it.",
        ("nct_id",),
        (
            NCT_ID,
            PHASE,
            Column("posted_on", "DATE", "Day the trial was first posted; null when the record has none."),
            Column(
                "ended_on", "DATE", "Last day on which its primary completion, else completion, may be.", required=True
            ),
            Column(
                "is_watched",
                "BOOLEAN",
                "A continuation would be seen: a drug or biologic, every one identified, none too common, start known.",
                required=True,
            ),
            Column("needs_approvals", "BOOLEAN", "The next step may be an approval.", required=True),
            Column(
                "signs",
                "STRUCT(kind VARCHAR, id VARCHAR, public_on DATE, until DATE)[]",
                "Links, pairs of probability .2 to .5 (possible_link), an approval that speaks for it, the first other "
                "approval of its drugs; public_on is null when undated, until is the day from which a later trial is "
                "known to be withdrawn.",
                required=True,
            ),
        ),
    ),
    sql=(files("annotators") / "phase_progress.sql").read_text(encoding="utf-8"),
)
