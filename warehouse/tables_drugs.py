"""Contracts of the core tables of drugs: their identity, the trials that test them, approvals and refusals."""

from cto.schema import Column, Table
from warehouse.columns import NCT_ID, count

BASES = ("rxnorm_exact", "rxnorm_approximate", "fda_ingredient", "fda_brand", "alias", "name")
AGREEMENTS = ("exact", "part", "other")
KINDS = ("original", "efficacy_supplement")

DRUG_ID = Column(
    "drug_id", "VARCHAR", "The drug: its ingredients' RxNorm concepts, or names where it has none, sorted, joined by +."
)
INGREDIENT_IDS = Column("ingredient_ids", "VARCHAR[]", "The parts of drug_id.")
INGREDIENTS = Column("ingredients", "VARCHAR[]", "Names of the ingredients, sorted, in lower case, without salts.")
BASIS = Column(
    "basis",
    "VARCHAR",
    "What tells the drug: RxNorm, the FDA's name of an ingredient or brand, a name that stands beside it in the "
    "registry, or no more than the cleaned name; of a combination the least sure part.",
    values=BASES,
)
NAME_KEY = Column("name_key", "VARCHAR", "What names are compared by: letters and digits, no salt.", required=True)
APPLICATION_NUMBER = Column(
    "application_number", "VARCHAR", "Type and number of the application, such as NDA213082.", required=True
)
APPROVED_ON = Column("approved_on", "DATE", "Day of the approval; null where the source has none.")
REFUSED_ON = Column("refused_on", "DATE", "Day of the letter.")
SUBMISSION = (
    APPLICATION_NUMBER,
    Column("kind", "VARCHAR", "What was approved.", required=True, values=KINDS),
    Column(
        "submission_number", "VARCHAR", "Number of the submission; empty in what the Orange Book has.", required=True
    ),
)
FILE_NAME = Column("file_name", "VARCHAR", "Name of the letter's file.", required=True)
ENDED_ON = Column("ended_on", "DATE", "Last day on which the trial's primary completion may have been.")
SPONSOR = (
    Column("sponsor_name", "VARCHAR", "Sponsor of the trial that agrees best with the company."),
    Column(
        "sponsor_agreement",
        "VARCHAR",
        "Whether the two are one company: the same name, all words of the shorter, or not.",
        required=True,
        values=AGREEMENTS,
    ),
)
IS_PIVOTAL = Column(
    "is_pivotal", "BOOLEAN", "Phase 3 or 2/3, carried through, with every experimental drug identified.", required=True
)

DRUGS = (
    Table(
        "core_drug_text",
        "One row a text by which the registry, RxNorm or the FDA calls a drug, and the names in it.",
        ("text",),
        (
            Column("text", "VARCHAR", "The text.", required=True),
            Column("name", "VARCHAR", "The drug's name in it, without dose, form, salt and remarks."),
            Column("name_key", "VARCHAR", NAME_KEY.description),
            Column("is_generic", "BOOLEAN", "It says no more than 'chemotherapy' or 'group 2' do.", required=True),
            Column("is_code", "BOOLEAN", "It is a code, such as ly3002813.", required=True),
            Column("part_keys", "VARCHAR[]", "Keys of the names that it joins.", required=True),
            Column("bracket_keys", "VARCHAR[]", "Keys of the names that stand in brackets.", required=True),
        ),
    ),
    Table(
        "core_drug_name",
        "One row a name of a drug: which drug it means.",
        ("name_key",),
        (
            NAME_KEY,
            Column("name", "VARCHAR", "The name in its shortest spelling.", required=True),
            DRUG_ID,
            INGREDIENT_IDS,
            INGREDIENTS,
            BASIS,
            Column("beside", "VARCHAR", "For an alias, the name beside which it stands."),
            Column("is_code", "BOOLEAN", "It is a code, such as ly3002813.", required=True),
            count("n_trials", "Trials that name it."),
            count("n_main", "Trials that have an intervention of this name."),
        ),
    ),
    Table(
        "core_drug",
        "One row a drug: one ingredient, or several given as one.",
        ("drug_id",),
        (
            DRUG_ID,
            INGREDIENT_IDS,
            INGREDIENTS,
            Column("names", "VARCHAR[]", "All names met: the registry's, codes and brands, sorted."),
            BASIS,
        ),
    ),
    Table(
        "core_trial_drug",
        "One row an intervention that is given as a substance and is no placebo: which drug it is.",
        ("nct_id", "intervention_index"),
        (
            NCT_ID,
            Column(
                "intervention_index", "INTEGER", "Position, from 1, of the intervention in the record.", required=True
            ),
            Column("intervention_name", "VARCHAR", "Name of the intervention."),
            Column("role", "VARCHAR", "Part it plays in the trial.", required=True),
            Column("is_experimental", "BOOLEAN", "It is what is tested.", required=True),
            Column("drug_id", "VARCHAR", f"{DRUG_ID.description} Null where the record names no drug."),
            INGREDIENT_IDS,
            INGREDIENTS,
            BASIS,
        ),
    ),
    Table(
        "core_trial_ingredients",
        "One row a trial of a drug: all ingredients that it tests, as one set.",
        ("nct_id",),
        (
            NCT_ID,
            DRUG_ID,
            INGREDIENT_IDS,
            INGREDIENTS,
            count("n_experimental", "Experimental interventions that are given as a substance."),
            Column("is_whole", "BOOLEAN", "Each of them is identified.", required=True),
        ),
    ),
    Table(
        "core_approval",
        "One row an approval of a new drug or biologic, or of an efficacy supplement to one; no generics.",
        ("application_number", "kind", "submission_number"),
        (
            *SUBMISSION,
            APPROVED_ON,
            Column("source", "VARCHAR", "Who says so.", required=True, values=("drugs_at_fda", "orange_book")),
            Column("drug_id", "VARCHAR", f"{DRUG_ID.description} Null where the application's products differ."),
            INGREDIENT_IDS,
            INGREDIENTS,
            Column("sponsor_name", "VARCHAR", "Holder of the application."),
            Column("brand_names", "VARCHAR[]", "Brand names of its products, sorted, in lower case.", required=True),
            Column("is_first", "BOOLEAN", "The first approval of these ingredients.", required=True),
        ),
    ),
    Table(
        "core_refusal",
        "One row a complete response letter and application: what was refused, and why.",
        ("file_name", "application_number"),
        (
            FILE_NAME,
            APPLICATION_NUMBER,
            REFUSED_ON,
            Column("company_name", "VARCHAR", "Whom the letter went to."),
            DRUG_ID,
            INGREDIENT_IDS,
            INGREDIENTS,
            Column(
                "ingredients_basis",
                "VARCHAR",
                "What tells the ingredients: the application's products, or the letter's opening sentence.",
                required=True,
                values=("application", "product_words", "none"),
            ),
            Column("grounds", "VARCHAR[]", "Sections of the letter that state deficiencies.", required=True),
            Column("is_clinical", "BOOLEAN", "Clinical, statistical or safety grounds are among them.", required=True),
            Column(
                "is_manufacturing_only",
                "BOOLEAN",
                "They are quality or facilities, with labeling or a device at most.",
                required=True,
            ),
            Column("is_approved_since", "BOOLEAN", "The application was approved later.", required=True),
            Column("approved_on", "DATE", "First approval under it after the letter."),
        ),
    ),
    Table(
        "core_trial_approval",
        "One row a trial of phase 2 or 3 and approval of the ingredients that it tests, within five years after it.",
        ("nct_id", "application_number", "kind", "submission_number"),
        (
            NCT_ID,
            *SUBMISSION,
            DRUG_ID,
            ENDED_ON,
            APPROVED_ON,
            count("days_after", "Days from the one to the other."),
            Column("holder", "VARCHAR", "Holder of the application."),
            *SPONSOR,
            Column("is_first", "BOOLEAN", "The first approval of these ingredients.", required=True),
            IS_PIVOTAL,
            Column("is_candidate", "BOOLEAN", "It is pivotal and of the holder.", required=True),
            count("n_candidates", "Trials that are, among those that ended in the three years before."),
            Column("speaks", "BOOLEAN", "The approval speaks for the trial.", required=True),
        ),
    ),
    Table(
        "core_trial_refusal",
        "One row a trial of phase 2 or 3 and refusal of the ingredients that it tests, within three years after it.",
        ("nct_id", "file_name", "application_number"),
        (
            NCT_ID,
            FILE_NAME,
            APPLICATION_NUMBER,
            DRUG_ID,
            ENDED_ON,
            REFUSED_ON,
            count("days_after", "Days from the one to the other."),
            *SPONSOR,
            IS_PIVOTAL,
            Column("speaks", "BOOLEAN", "The refusal speaks against the trial.", required=True),
        ),
    ),
)
