"""Contracts of the core tables of headlines, and which trials and companies each is about."""

from cto.schema import Column, Table
from warehouse.columns import NCT_ID, count

HEADLINE_ID = Column("headline_id", "VARCHAR", "Digest of the headline's words and first day.", required=True)

NEWS = (
    Table(
        "core_headline",
        "One row a headline; copies of it within three days of each other are one.",
        ("headline_id",),
        (
            HEADLINE_ID,
            Column("headline", "VARCHAR", "The headline as first published.", required=True),
            Column("words", "VARCHAR", "Its words in small letters.", required=True),
            Column("published_at", "TIMESTAMP", "Time of the first copy, UTC; null when none is dated."),
            Column("published_on", "DATE", "Day of the first copy, UTC."),
            count("n_copies", "Copies, itself included."),
            Column("publishers", "VARCHAR[]", "Who published one, sorted."),
            Column("link", "VARCHAR", "Address of the first copy."),
            Column("tells_result", "BOOLEAN", "Its words tell of a trial's result or stop.", required=True),
        ),
    ),
    Table(
        "core_headline_company",
        "One row a headline and listed company that it names.",
        ("headline_id", "ticker"),
        (
            HEADLINE_ID,
            Column("ticker", "VARCHAR", "Ticker of the company.", required=True),
            Column("name", "VARCHAR", "The words that name it.", required=True),
            Column("word_index", "INTEGER", "Position, from 1, of the first of them.", required=True),
            Column(
                "match_basis",
                "VARCHAR",
                "Whether it is named by its ticker, its name or, at the head, by the core of its name.",
                required=True,
                values=("ticker", "name", "core"),
            ),
        ),
    ),
    Table(
        "core_trial_headline",
        "One row a trial and a headline about it; a headline that fits too many trials alike is about none.",
        ("nct_id", "headline_id"),
        (
            NCT_ID,
            HEADLINE_ID,
            Column(
                "match_basis",
                "VARCHAR",
                "What in the headline names the trial: its number; its acronym, with drug, condition or sponsor; its "
                "drug and condition; or its sponsor with drug, or with condition and phase, near its completion.",
                required=True,
                values=("nct", "acronym", "drug_condition", "sponsor_date"),
            ),
            Column("match_score", "DOUBLE", "How well it fits, from 0 to 1.", required=True),
            Column("names_drug", "BOOLEAN", "It names a drug that the trial tests.", required=True),
            Column("names_condition", "BOOLEAN", "It names a condition of the trial.", required=True),
            Column("names_sponsor", "BOOLEAN", "It names a sponsor of the trial.", required=True),
            Column("names_phase", "BOOLEAN", "It names the trial's phase; null when it names none."),
            Column("published_on", "DATE", "Day of the headline, UTC."),
            Column(
                "days_from_completion",
                "INTEGER",
                "Days from the primary completion, else the completion, to the headline; a month is its first day.",
            ),
        ),
    ),
)
