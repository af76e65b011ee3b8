"""Which pairs of trials may be steps of one development."""

from importlib.resources import files

from cto.annotate.annotator import Annotator
from cto.schema import Column, Table
from warehouse.columns import NCT_ID

LATER_NCT_ID = Column("later_nct_id", "VARCHAR", "The trial of the later phase.", required=True)

phase_candidate = Annotator(
    name="phase_candidate",
    meaning="Pairs trials with later ones of a later phase that test a drug of theirs.",
    table=Table(
        "annot_phase_candidate",
        "One row a trial and a later one of a later phase that tests a drug of it: what phase linkage looks at.",
        ("nct_id", "later_nct_id"),
        (NCT_ID, LATER_NCT_ID),
    ),
    sql=(files("annotators") / "phase_candidate.sql").read_text(encoding="utf-8"),
)
