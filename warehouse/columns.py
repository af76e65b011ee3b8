"""The glossary: a quantity that stands in several tables has one name, one type and one meaning."""

from cto.schema import Column

NCT_ID = Column("nct_id", "VARCHAR", "ClinicalTrials.gov identifier of the study.", required=True)
DEFINITION = Column("definition", "VARCHAR", "What the label or vote is about (docs/labels.md).", required=True)
LABEL_FUNCTION = Column("label_function", "VARCHAR", "Name of the label function that voted.", required=True)
AS_OF = Column("as_of", "DATE", "Day by which all evidence used was public.", required=True)
GROUP_ID = Column(
    "group_id",
    "VARCHAR",
    "Group within its section of the record; empty when none is named.",
    required=True,
)
GROUP_TITLE = Column("group_title", "VARCHAR", "Title of the group.")
MEASURE_INDEX = Column("measure_index", "INTEGER", "Position, from 1, of the measure in the record.", required=True)
ARM = (
    Column("arm_role", "VARCHAR", "Side of the trial; null when unclear.", values=("experimental", "control")),
    Column(
        "arm_match",
        "VARCHAR",
        "How its title was matched: exact or fuzzy with an arm's label, by the name alone, or not.",
        required=True,
        values=("exact", "fuzzy", "name", "none"),
    ),
)

PHASES = ("EARLY_PHASE1", "PHASE1", "PHASE1/PHASE2", "PHASE2", "PHASE2/PHASE3", "PHASE3", "PHASE4", "NA")
PHASE = Column("phase", "VARCHAR", "Phase; a combined phase reads PHASE1/PHASE2.", values=PHASES)
PRECISIONS = ("day", "month", "year")


def date_columns(name: str, meaning: str) -> tuple[Column, Column]:
    """Return a date and its precision. A month or a year is stored as its first day."""
    return (
        Column(name, "DATE", f"{meaning}; the first day of it when only a month or year is known."),
        Column(f"{name}_precision", "VARCHAR", f"Precision of {name}.", values=PRECISIONS),
    )


def known_since(name: str, of: str) -> tuple[Column, Column]:
    """Return the first day that a field is known to have been public, and what shows it."""
    return (
        Column(f"{name}_known_since", "DATE", f"First day that {of} is known to have been public."),
        Column(
            f"{name}_known_basis",
            "VARCHAR",
            "What shows it: the record's last update, or an earlier stored version that held the same.",
            values=("last_update_posted", "earlier_version"),
        ),
    )


def count(name: str, meaning: str) -> Column:
    """Return a column that counts participants or things; null when not stated or not readable."""
    return Column(name, "BIGINT", meaning)


def counted(name: str, meaning: str) -> tuple[Column, Column]:
    """Return a count and the text that it was read from."""
    text = Column(f"{name}_text", "VARCHAR", f"{meaning}, as registered.", text_of=name)
    return count(name, f"{meaning}."), text
