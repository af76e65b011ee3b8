"""Contracts of ClinicalTrials.gov's raw tables: where in a study's record each column stands."""

from __future__ import annotations

from cto.schema import Column, Table

_ID = "protocolSection.identificationModule"
_STATUS = "protocolSection.statusModule"
_SPONSOR = "protocolSection.sponsorCollaboratorsModule"
_DESIGN = "protocolSection.designModule"
_ARMS = "protocolSection.armsInterventionsModule"
_OUTCOMES = "protocolSection.outcomesModule"
_MEASURE = "resultsSection.outcomeMeasuresModule.outcomeMeasures[]"
_FLOW = "resultsSection.participantFlowModule"

STATUSES = (
    "ACTIVE_NOT_RECRUITING", "COMPLETED", "ENROLLING_BY_INVITATION", "NOT_YET_RECRUITING", "RECRUITING", "SUSPENDED",
    "TERMINATED", "WITHDRAWN", "AVAILABLE", "NO_LONGER_AVAILABLE", "TEMPORARILY_NOT_AVAILABLE",
    "APPROVED_FOR_MARKETING", "WITHHELD", "UNKNOWN",
)  # fmt: skip
STUDY_TYPES = ("INTERVENTIONAL", "OBSERVATIONAL", "EXPANDED_ACCESS")
SPONSOR_CLASSES = ("NIH", "FED", "OTHER_GOV", "INDIV", "INDUSTRY", "NETWORK", "AMBIG", "OTHER", "UNKNOWN")
DATE_TYPES = ("ACTUAL", "ESTIMATED")
ARM_TYPES = (
    "EXPERIMENTAL", "ACTIVE_COMPARATOR", "PLACEBO_COMPARATOR", "SHAM_COMPARATOR", "NO_INTERVENTION", "OTHER",
)  # fmt: skip
INTERVENTION_TYPES = (
    "DRUG", "BIOLOGICAL", "DEVICE", "PROCEDURE", "RADIATION", "BEHAVIORAL", "GENETIC", "DIETARY_SUPPLEMENT",
    "COMBINATION_PRODUCT", "DIAGNOSTIC_TEST", "OTHER",
)  # fmt: skip
OUTCOME_TYPES = ("PRIMARY", "SECONDARY", "OTHER_PRE_SPECIFIED", "POST_HOC")
HYPOTHESES = (
    "SUPERIORITY", "NON_INFERIORITY", "EQUIVALENCE", "OTHER", "NON_INFERIORITY_OR_EQUIVALENCE",
    "SUPERIORITY_OR_OTHER", "NON_INFERIORITY_OR_EQUIVALENCE_LEGACY", "SUPERIORITY_OR_OTHER_LEGACY",
)  # fmt: skip


def _text(name: str, path: str, description: str, values: tuple[str, ...] = (), text_of: str | None = None) -> Column:
    return Column(name, "VARCHAR", description, path=path, values=values, text_of=text_of)


def _texts(name: str, path: str, description: str) -> Column:
    return Column(name, "VARCHAR[]", description, path=f"{path}[]")


def _position(of: str, path: str) -> Column:
    return Column(f"{of}_index", "INTEGER", f"Position, from 1, of the {of} in the record.", f"#{path}", required=True)


def _table(thing: str, description: str, each: str, key: str, *columns: Column) -> Table:
    nct_id = Column("nct_id", "VARCHAR", "ClinicalTrials.gov identifier.", f"{_ID}.nctId", required=True)
    name = f"raw_clinicaltrials_gov__{thing}"
    return Table(name, description, ("nct_id", *key.split()), (nct_id, *columns), each=each)


def _date(name: str, struct: str, description: str) -> tuple[Column, Column]:
    return (
        _text(f"{name}_text", f"{_STATUS}.{struct}.date", f"{description}, as registered.", text_of=name),
        _text(f"{name}_type", f"{_STATUS}.{struct}.type", f"Whether {name} is actual or estimated.", DATE_TYPES),
    )


def _outcomes(kind: str) -> Table:
    each = f"{_OUTCOMES}.{kind}Outcomes[]"
    return _table(
        f"{kind}_outcome", f"One row a registered {kind} outcome.", each, "outcome_index",
        _position("outcome", each),
        _text("measure", f"{each}.measure", "Name of the outcome measure."),
        _text("time_frame", f"{each}.timeFrame", "When it is measured."),
    )  # fmt: skip


STUDY = _table(
    "study", "One row a study: the single-valued fields of the record.", "", "",
    _text("brief_title", f"{_ID}.briefTitle", "Short title."),
    _text("official_title", f"{_ID}.officialTitle", "Official title."),
    _text("acronym", f"{_ID}.acronym", "Acronym of the study."),
    _texts("nct_id_aliases", f"{_ID}.nctIdAliases", "Former identifiers of the study."),
    _text("overall_status", f"{_STATUS}.overallStatus", "Status of the study.", STATUSES),
    _text("last_known_status", f"{_STATUS}.lastKnownStatus", "Status before it became UNKNOWN.", STATUSES),
    _text("why_stopped", f"{_STATUS}.whyStopped", "Reason for stopping, in the sponsor's words."),
    *_date("start_date", "startDateStruct", "Start of the study"),
    *_date("primary_completion_date", "primaryCompletionDateStruct", "Last data collection for the primary outcome"),
    *_date("completion_date", "completionDateStruct", "Last data collection of the study"),
    *_date("first_post_date", "studyFirstPostDateStruct", "Day the record was first posted"),
    *_date("results_first_post_date", "resultsFirstPostDateStruct", "Day results were first posted"),
    *_date("last_update_post_date", "lastUpdatePostDateStruct", "Day the last update was posted"),
    _text("study_type", f"{_DESIGN}.studyType", "Type of the study.", STUDY_TYPES),
    _texts("phases", f"{_DESIGN}.phases", "Phases as listed."),
    _text("allocation", f"{_DESIGN}.designInfo.allocation", "How participants are allocated to arms."),
    _text("intervention_model", f"{_DESIGN}.designInfo.interventionModel", "Parallel, crossover, single group …"),
    _text("primary_purpose", f"{_DESIGN}.designInfo.primaryPurpose", "Treatment, prevention …"),
    _text("masking", f"{_DESIGN}.designInfo.maskingInfo.masking", "Who does not know the allocation."),
    Column("enrollment_text", "VARCHAR", "Enrolment as registered; 99999999 stands for unknown.",
           f"{_DESIGN}.enrollmentInfo.count", text_of="enrollment", unknown=("99999999",)),
    _text("enrollment_type", f"{_DESIGN}.enrollmentInfo.type", "Whether enrolment is actual or estimated.", DATE_TYPES),
    _text("lead_sponsor_name", f"{_SPONSOR}.leadSponsor.name", "Lead sponsor."),
    _text("lead_sponsor_class", f"{_SPONSOR}.leadSponsor.class", "Class of the lead sponsor.", SPONSOR_CLASSES),
    _text("has_results_text", "hasResults", "Whether there are results, as sent.", text_of="has_results"),
)  # fmt: skip

_COLLABORATOR = f"{_SPONSOR}.collaborators[]"
_CONDITION = "protocolSection.conditionsModule.conditions[]"
_TERM = "derivedSection.conditionBrowseModule.meshes[]"
_ELIGIBILITY = "protocolSection.eligibilityModule"
_ARM = f"{_ARMS}.armGroups[]"
_INTERVENTION = f"{_ARMS}.interventions[]"
_ANALYSIS = f"{_MEASURE}.analyses[]"
_OUTCOME_GROUP = f"{_MEASURE}.groups[]"
_DENOM = f"{_MEASURE}.denoms[]"
_CLASS = f"{_MEASURE}.classes[]"
_CATEGORY = f"{_CLASS}.categories[]"
_MILESTONE = f"{_FLOW}.periods[].milestones[]"
_REASON = f"{_FLOW}.periods[].dropWithdraws[]"
_EVENTS = "resultsSection.adverseEventsModule.eventGroups[]"
_LOCATION = "protocolSection.contactsLocationsModule.locations[]"
_REFERENCE = "protocolSection.referencesModule.references[]"


def _number(name: str, path: str, description: str) -> Column:
    text = f"{description}, as registered."
    return Column(f"{name}_text", "VARCHAR", text, path=path, text_of=name, unknown=("NA", "NR", "NE"))


def _age(name: str, path: str, description: str) -> Column:
    text = f"{description}, as registered."
    return Column(f"{name}_text", "VARCHAR", text, path=path, text_of=f"{name}_years", unknown=("N/A",))


TABLES = (
    STUDY,
    _table(
        "collaborator", "One row a collaborator of a study.", _COLLABORATOR, "sponsor_index",
        _position("sponsor", _COLLABORATOR),
        _text("sponsor_name", f"{_COLLABORATOR}.name", "Name of the sponsor or collaborator."),
        _text("sponsor_class", f"{_COLLABORATOR}.class", "Its class.", SPONSOR_CLASSES),
    ),
    _table(
        "condition", "One row a condition of a study.", _CONDITION, "condition_index",
        _position("condition", _CONDITION),
        _text("condition", _CONDITION, "Condition as registered."),
    ),
    _table(
        "condition_term", "One row a MeSH term that the registry finds in a study's conditions.", _TERM, "term_index",
        _position("term", _TERM),
        _text("term", f"{_TERM}.term", "Name of the term."),
    ),
    _table(
        "summary", "One row a study: what it says of itself.", "", "",
        _text("brief_summary", "protocolSection.descriptionModule.briefSummary", "Summary of the study."),
    ),
    _table(
        "eligibility", "One row a study: who may take part.", "", "",
        _text("sex", f"{_ELIGIBILITY}.sex", "Sexes that may take part.", ("ALL", "FEMALE", "MALE")),
        _age("minimum_age", f"{_ELIGIBILITY}.minimumAge", "Youngest age"),
        _age("maximum_age", f"{_ELIGIBILITY}.maximumAge", "Oldest age"),
        _text("accepts_healthy_text", f"{_ELIGIBILITY}.healthyVolunteers",
              "Whether healthy volunteers may take part, as sent.", text_of="accepts_healthy"),
    ),
    _table(
        "arm", "One row an arm of a study.", _ARM, "arm_index",
        _position("arm", _ARM),
        _text("arm_label", f"{_ARM}.label", "Label of the arm."),
        _text("arm_type", f"{_ARM}.type", "Type of the arm.", ARM_TYPES),
        _texts("intervention_names", f"{_ARM}.interventionNames", "Interventions of the arm, as 'Type: name'."),
    ),
    _table(
        "intervention", "One row an intervention of a study.", _INTERVENTION, "intervention_index",
        _position("intervention", _INTERVENTION),
        _text("intervention_name", f"{_INTERVENTION}.name", "Name of the intervention."),
        _text("intervention_type", f"{_INTERVENTION}.type", "Type of the intervention.", INTERVENTION_TYPES),
        _texts("arm_labels", f"{_INTERVENTION}.armGroupLabels", "Labels of the arms that get it."),
        _texts("other_names", f"{_INTERVENTION}.otherNames", "Other names of it."),
    ),
    _outcomes("primary"),
    _outcomes("secondary"),
    _outcomes("other"),
    _table(
        "outcome_measure", "One row an outcome measure of the results section.", _MEASURE, "measure_index",
        _position("measure", _MEASURE),
        _text("outcome_type", f"{_MEASURE}.type", "Which kind of outcome it is.", OUTCOME_TYPES),
        _text("title", f"{_MEASURE}.title", "Title of the outcome measure."),
        _text("time_frame", f"{_MEASURE}.timeFrame", "When it was measured."),
        _text("reporting_status", f"{_MEASURE}.reportingStatus", "Whether posted.", ("POSTED", "NOT_POSTED")),
        _text("value_type", f"{_MEASURE}.paramType", "What the values are: mean, number …"),
        _text("unit", f"{_MEASURE}.unitOfMeasure", "Unit of the values."),
    ),
    _table(
        "outcome_group", "One row a group of an outcome measure.", _OUTCOME_GROUP, "measure_index group_index",
        _position("measure", _MEASURE),
        _position("group", _OUTCOME_GROUP),
        _text("outcome_type", f"{_MEASURE}.type", "Which kind of outcome it is."),
        _text("group_id", f"{_OUTCOME_GROUP}.id", "Group of the outcome measure."),
        _text("group_title", f"{_OUTCOME_GROUP}.title", "Title of the group."),
    ),
    _table(
        "outcome_denom", "One row a group of an outcome measure and kind of units analysed.", f"{_DENOM}.counts[]",
        "measure_index denom_index group_index",
        _position("measure", _MEASURE),
        _position("denom", _DENOM),
        _position("group", f"{_DENOM}.counts[]"),
        _text("outcome_type", f"{_MEASURE}.type", "Which kind of outcome it is."),
        _text("denom_units", f"{_DENOM}.units", "What was counted, mostly participants."),
        _text("group_id", f"{_DENOM}.counts[].groupId", "Group of the outcome measure."),
        _text("analyzed_text", f"{_DENOM}.counts[].value", "Units analysed, as registered."),
    ),
    _table(
        "outcome_measurement", "One row a value of an outcome measure.", f"{_CATEGORY}.measurements[]",
        "measure_index class_index category_index group_index",
        _position("measure", _MEASURE),
        _position("class", _CLASS),
        _position("category", _CATEGORY),
        _position("group", f"{_CATEGORY}.measurements[]"),
        _text("outcome_type", f"{_MEASURE}.type", "Which kind of outcome it is."),
        _text("group_id", f"{_CATEGORY}.measurements[].groupId", "Group of the outcome measure."),
        _text("value_text", f"{_CATEGORY}.measurements[].value", "Value, as registered."),
    ),
    _table(
        "outcome_analysis", "One row a statistical analysis.", _ANALYSIS, "measure_index analysis_index",
        _position("measure", _MEASURE),
        _position("analysis", _ANALYSIS),
        _text("outcome_type", f"{_MEASURE}.type", "Which kind of outcome is analysed.", OUTCOME_TYPES),
        _text("title", f"{_MEASURE}.title", "Title of the outcome measure."),
        _texts("group_ids", f"{_ANALYSIS}.groupIds", "Groups compared."),
        _text("group_description", f"{_ANALYSIS}.groupDescription", "The comparison in words."),
        _text("p_value_text", f"{_ANALYSIS}.pValue", "P-value, as registered.", text_of="p_value_operator"),
        _text("p_value_comment", f"{_ANALYSIS}.pValueComment", "Comment on the p-value."),
        _text("method", f"{_ANALYSIS}.statisticalMethod", "Statistical method."),
        _text("statistical_comment", f"{_ANALYSIS}.statisticalComment", "Comment on the method."),
        _text("estimate_type", f"{_ANALYSIS}.paramType", "Which parameter is estimated."),
        _text("estimate_comment", f"{_ANALYSIS}.estimateComment", "Comment on the estimate."),
        _number("estimate", f"{_ANALYSIS}.paramValue", "Estimate"),
        _number("ci_percent", f"{_ANALYSIS}.ciPctValue", "Level of the confidence interval, percent"),
        _text("ci_sides", f"{_ANALYSIS}.ciNumSides", "Whether the interval is one- or two-sided."),
        _number("ci_lower", f"{_ANALYSIS}.ciLowerLimit", "Lower limit of the interval"),
        _number("ci_upper", f"{_ANALYSIS}.ciUpperLimit", "Upper limit of the interval"),
        _text("non_inferiority_type", f"{_ANALYSIS}.nonInferiorityType", "Kind of hypothesis tested.", HYPOTHESES),
        _text("non_inferiority_comment", f"{_ANALYSIS}.nonInferiorityComment", "Comment on it, such as the margin."),
    ),
    _table(
        "flow_group", "One row a group of the participant flow.", f"{_FLOW}.groups[]", "group_index",
        _position("group", f"{_FLOW}.groups[]"),
        _text("group_id", f"{_FLOW}.groups[].id", "Group of the section."),
        _text("group_title", f"{_FLOW}.groups[].title", "Title of the group."),
    ),
    _table(
        "flow_milestone", "One row a period, milestone and group.", f"{_MILESTONE}.achievements[]",
        "period_index milestone_index group_index",
        _position("period", f"{_FLOW}.periods[]"),
        _position("milestone", _MILESTONE),
        _position("group", f"{_MILESTONE}.achievements[]"),
        _text("period_title", f"{_FLOW}.periods[].title", "Title of the period."),
        _text("milestone", f"{_MILESTONE}.type", "STARTED, COMPLETED, NOT COMPLETED, or the sponsor's own."),
        _text("group_id", f"{_MILESTONE}.achievements[].groupId", "Group of the section."),
        _text("subjects_text", f"{_MILESTONE}.achievements[].numSubjects", "Participants, as registered."),
    ),
    _table(
        "flow_reason", "One row a period, reason for leaving and group.", f"{_REASON}.reasons[]",
        "period_index reason_index group_index",
        _position("period", f"{_FLOW}.periods[]"),
        _position("reason", _REASON),
        _position("group", f"{_REASON}.reasons[]"),
        _text("reason", f"{_REASON}.type", "Reason for leaving."),
        _text("group_id", f"{_REASON}.reasons[].groupId", "Group of the section."),
        _number("participants", f"{_REASON}.reasons[].numSubjects", "Participants who left"),
    ),
    _table(
        "event_group", "One row a group of the adverse-event section.", _EVENTS, "group_index",
        _position("group", _EVENTS),
        _text("group_id", f"{_EVENTS}.id", "Group of the section."),
        _text("group_title", f"{_EVENTS}.title", "Title of the group."),
        *(
            _number(f"{kind}_{name}", f"{_EVENTS}.{kind}{field}", f"Participants {words}, {kind}")
            for kind in ("serious", "other", "deaths")
            for name, field, words in (("affected", "NumAffected", "affected"), ("at_risk", "NumAtRisk", "at risk"))
        ),
    ),
    _table(
        "location", "One row a location of a study.", _LOCATION, "location_index",
        _position("location", _LOCATION),
        _text("facility", f"{_LOCATION}.facility", "Name of the facility."),
        _text("location_status", f"{_LOCATION}.status", "Recruitment status there."),
        _text("city", f"{_LOCATION}.city", "City."),
        _text("state", f"{_LOCATION}.state", "State or province."),
        _text("country", f"{_LOCATION}.country", "Country."),
    ),
    _table(
        "reference", "One row a publication that the record refers to.", _REFERENCE, "reference_index",
        _position("reference", _REFERENCE),
        _text("pmid", f"{_REFERENCE}.pmid", "PubMed identifier."),
        _text("reference_type", f"{_REFERENCE}.type", "Why it is listed.", ("BACKGROUND", "RESULT", "DERIVED")),
    ),
)  # fmt: skip

LISTING = _table("listing", "One row a study that the registry listed when last reconciled.", "", "")
