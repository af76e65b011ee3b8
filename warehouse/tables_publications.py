"""Contracts of the core tables of papers: what they are, which trials they are tied to, whose results they report."""

from cto.schema import Column, Table
from warehouse.columns import NCT_ID, count, date_columns

PMID = Column("pmid", "VARCHAR", "PubMed identifier of the paper.", required=True)
BASES = ("electronic", "issue", "entrez")
LINK_BASIS = Column(
    "link_basis",
    "VARCHAR[]",
    "What ties the two, sorted: reference_result or reference_derived (the record's own list), accession (the paper "
    "deposits the trial's number), title_or_abstract (it names it there).",
    required=True,
)
NAMES_ACRONYM = Column("names_acronym", "BOOLEAN", "Its title holds the trial's acronym.", required=True)


def _is(name: str, description: str) -> Column:
    return Column(name, "BOOLEAN", description, required=True)


def _part(name: str, description: str) -> Column:
    return Column(name, "DOUBLE", f"{description}, from 0 to 1.", required=True)


PUBLICATIONS = (
    Table(
        "core_publication",
        "One row a paper: when it was public, and what its types, notes and title say it is.",
        ("pmid",),
        (
            PMID,
            Column("title", "VARCHAR", "Title."),
            Column("journal", "VARCHAR", "Title of the journal, or of the book."),
            Column("doi", "VARCHAR", "Digital object identifier."),
            Column("pmc_id", "VARCHAR", "PubMed Central identifier."),
            _is("has_abstract", "PubMed holds an abstract."),
            *date_columns("publication_date", "Earliest certain of its electronic, issue and PubMed entry dates"),
            Column("publication_date_basis", "VARCHAR", "Which of the three it is.", values=BASES),
            Column("issue_date_text", "VARCHAR", "Date of the issue, as printed.", text_of="publication_date"),
            Column(
                "available_on",
                "DATE",
                "Day by which it was public for certain, from which it counts as evidence: the exact electronic date, "
                "else the day PubMed entered it, else the last day that the issue's date may mean.",
            ),
            Column("available_on_basis", "VARCHAR", "Which of the three it is.", values=BASES),
            Column("publication_types", "VARCHAR[]", "Publication types by PubMed, sorted.", required=True),
            _is("is_trial_report", "One of the types says that it reports a clinical trial."),
            _is("is_retracted", "It was retracted."),
            Column("retraction_pmid", "VARCHAR", "PubMed identifier of the notice that retracts it."),
            _is("has_erratum", "An erratum to it was published."),
            _is("is_notice", "It is a comment, letter, editorial, erratum or retraction, and no report of a trial."),
            _is("is_review", "It is a review, guideline, meta-analysis or book."),
            _is("is_protocol", "It tells how a trial is designed, before its results."),
            _is("is_secondary", "Its title tells of other than a trial's main results."),
            Column(
                "secondary_kinds",
                "VARCHAR[]",
                "What it tells of instead: baseline, post_hoc, pooled, subgroup, long_term, economic, quality_of_life, "
                "pharmacology, biomarker, association, adherence, method.",
                required=True,
            ),
            Column("accession_nct_ids", "VARCHAR[]", "Trial numbers that it deposits, sorted.", required=True),
            Column("text_nct_ids", "VARCHAR[]", "Trial numbers in its title or abstract, sorted.", required=True),
            count("n_trials", "Trial numbers that it gives in either way."),
        ),
    ),
    Table(
        "core_abstract",
        "One row a paper with an abstract. Abstracts are their publishers': they are read here and never published.",
        ("pmid",),
        (
            PMID,
            Column("abstract", "VARCHAR", "Its sections joined, each behind its label.", required=True),
        ),
    ),
    Table(
        "core_publication_link",
        "One row a trial and a paper tied to it by a reference or by the trial's number: how far their words agree.",
        ("nct_id", "pmid"),
        (
            NCT_ID,
            PMID,
            LINK_BASIS,
            _part(
                "title_overlap",
                "Share of the words of the paper's title that the trial's record has, rare words weighing more",
            ),
            _part(
                "trial_overlap",
                "Share of the words of the trial's title that the paper's title and abstract have, weighed so",
            ),
            _part("text_relevance", "0.7 of the first and 0.3 of the second"),
            NAMES_ACRONYM,
        ),
    ),
    Table(
        "core_trial_publication",
        "One row a trial and a paper tied to it: whether the paper reports the trial's results, and if not, why not.",
        ("nct_id", "pmid"),
        (
            NCT_ID,
            PMID,
            LINK_BASIS,
            Column("available_on", "DATE", "Day by which the paper was public for certain."),
            Column(
                "days_from_completion",
                "INTEGER",
                "Days from the trial's primary completion, or completion where that is unknown, to that day; 0 within "
                "the month or year when no more is known of it.",
            ),
            count("n_trials", "Trial numbers that the paper gives."),
            NAMES_ACRONYM,
            Column(
                "secondary_kinds",
                "VARCHAR[]",
                "What the paper tells of instead of main results, without what the trial itself is about.",
                required=True,
            ),
            _part("text_score", "How far its words are the trial's, and its title holds the acronym"),
            _part("link_score", "How well it is tied: more with more ties, least for a derived reference"),
            _part("date_score", "How near it is to the three years after completion; a half when a date is unknown"),
            _part("report_score", "1 when a type or its title calls it a report of a trial or of a treatment's effect"),
            _part("focus_score", "One over the number of trials that it names"),
            _part("relevance", "Mean of the five, weighing 0.4, 0.2, 0.15, 0.15 and 0.1"),
            _is("is_result_paper", "It reports the trial's main results: nothing speaks against it."),
            Column(
                "why_not",
                "VARCHAR",
                "First thing that speaks against it: its kind; public before the start, over a year before completion "
                "or over five after; of another trial; not the main results, or of more than three trials; relevance "
                "below 0.5.",
                values=(
                    "retracted",
                    "notice",
                    "review",
                    "protocol",
                    "before_completion",
                    "too_late",
                    "other_trial",
                    "secondary",
                    "low_relevance",
                ),
            ),
            Column("result_rank", "INTEGER", "1 and 2 for the two most relevant of the trial's result papers."),
        ),
    ),
)
