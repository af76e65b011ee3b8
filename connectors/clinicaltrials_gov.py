"""ClinicalTrials.gov, API v2: every study's record, complete once and then refreshed by what changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from cto.connector import Connector, Crawl, Json, Parsed
from cto.http import BadBodyError, RefusedError, SourceError, read_json
from cto.jsonrows import read_page
from cto.schema import Column, Table

PAGE_SIZE = 1000
ID_BATCH = 100
RESTARTS = 5
NCT_ID = r"NCT\d{8}"

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
_ARM = f"{_ARMS}.armGroups[]"
_INTERVENTION = f"{_ARMS}.interventions[]"
_ANALYSIS = f"{_MEASURE}.analyses[]"
_MILESTONE = f"{_FLOW}.periods[].milestones[]"
_REASON = f"{_FLOW}.periods[].dropWithdraws[]"
_EVENTS = "resultsSection.adverseEventsModule.eventGroups[]"
_LOCATION = "protocolSection.contactsLocationsModule.locations[]"
_REFERENCE = "protocolSection.referencesModule.references[]"


def _number(name: str, path: str, description: str) -> Column:
    text = f"{description}, as registered."
    return Column(f"{name}_text", "VARCHAR", text, path=path, text_of=name, unknown=("NA", "NR", "NE"))


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
        _text("estimate_type", f"{_ANALYSIS}.paramType", "Which parameter is estimated."),
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


def fetch(crawl: Crawl) -> Json:
    """Fetch what changed since the last crawl, or everything; end on one data version, with every listed study held.

    The registry refreshes about once a day. A crawl that straddles a refresh fetches what the refresh changed, until
    the version stands still. When the registry then counts other studies than are held, its full list of identifiers
    is read: studies it lacks are marked as removed, studies we lack are fetched.
    """
    mark = crawl.watermark
    if mark.get("data_timestamp") == crawl.ask("/version", "dataTimestamp") and not any(crawl.options.values()):
        return mark
    version = crawl.page("/version", {}, "version")
    if not mark or crawl.options.get("full"):
        windows = list(_whole_registry(date.fromisoformat(version[:10]).year))
        crawl.expect(crawl.ask("/stats/size", "totalStudies") // PAGE_SIZE + len(windows))
    else:
        windows = [_updated_since(mark["updated_through"])]
    for window in windows:
        _window(crawl, window, version)
    version = _catch_up(crawl, version)
    n_removed = int(mark.get("n_removed", 0))
    held = len(crawl.known(STUDY.name, "nct_id") | crawl.unreadable()) - n_removed
    listed = crawl.ask("/stats/size", "totalStudies")
    if listed != held or crawl.options.get("reconcile"):
        crawl.note(f"the registry counts {listed} studies, {held} were held: reading its list of identifiers")
        version, n_removed = _reconcile(crawl, version)
    days = {day for text in crawl.known(STUDY.name, "last_update_post_date_text") if (day := _day(text))}
    newest = min(max(days, default=version[:10]), version[:10])
    return {"data_timestamp": version, "updated_through": newest, "n_removed": n_removed}


def read(kind: str, body: bytes) -> Any:
    """Return a version page's data version, else the page; :class:`BadBodyError` on anything else."""
    found = read_json(body)
    if kind == "version" and isinstance(found, dict) and isinstance(found.get("dataTimestamp"), str):
        return found["dataTimestamp"]
    if kind != "version" and isinstance(found, dict) and isinstance(found.get("studies"), list):
        return found
    raise BadBodyError(f"not a page of kind {kind!r}: {body[:80]!r}")


def parse(kind: str, body: bytes) -> Parsed:
    """Return the rows of a page of studies or identifiers; a version page holds none."""
    if kind == "version":
        return Parsed({})
    return read_page(body, "studies", TABLES if kind == "studies" else (LISTING,), "nct_id", NCT_ID)


def _whole_registry(year: int) -> Iterator[str]:
    """Yield windows that cover every study; the day a study was first posted never changes, so none slips between."""
    yield "AREA[StudyFirstPostDate]RANGE[MIN,1999-12-31]"
    for past in range(2000, year):
        yield f"AREA[StudyFirstPostDate]RANGE[{past}-01-01,{past}-12-31]"
    yield f"AREA[StudyFirstPostDate]RANGE[{year}-01-01,MAX]"
    yield "AREA[StudyFirstPostDate]MISSING"


def _updated_since(day: str) -> str:
    """Return the window of updates since the day before: the registry may add to a day that was already read."""
    since = date.fromisoformat(day) - timedelta(days=1)
    return f"AREA[LastUpdatePostDate]RANGE[{since},MAX]"


def _window(crawl: Crawl, expression: str, attempt: str) -> None:
    query = {"filter.advanced": expression}
    _pages(crawl, query, "studies", attempt)


def _catch_up(crawl: Crawl, version: str) -> str:
    """Fetch what changed since ``version`` until the registry's version stands still; return the version reached."""
    for _ in range(RESTARTS):
        current = str(crawl.ask("/version", "dataTimestamp"))
        if current == version:
            return version
        crawl.note(f"the registry was refreshed during the crawl ({version} to {current}): reading what changed")
        _window(crawl, _updated_since(version[:10]), current)
        version = current
    raise SourceError(f"the registry's data version changed {RESTARTS} times during one crawl; run again later")


def _reconcile(crawl: Crawl, version: str) -> tuple[str, int]:
    """Read the list of all identifiers within one data version, fetch what is missing; return version and removals."""
    for _ in range(RESTARTS):
        listed = _pages(crawl, {"fields": "NCTId"}, "listing", version)
        reached = _catch_up(crawl, version)
        if reached == version:
            break
        crawl.forget("listing")
        version = reached
    else:
        raise SourceError(f"the registry's data version changed {RESTARTS} times while it was listed; run again later")
    known = crawl.known(STUDY.name, "nct_id")
    missing = sorted(listed - known - crawl.unreadable())
    for start in range(0, len(missing), ID_BATCH):
        _pages(crawl, {"filter.ids": "|".join(missing[start : start + ID_BATCH])}, "studies", version)
    removed = known - listed
    crawl.note(f"reconciled: {len(missing)} studies fetched that were missing, {len(removed)} no longer listed")
    return version, len(removed)


def _pages(crawl: Crawl, query: dict[str, str], kind: str, attempt: str) -> set[str]:
    """Fetch all pages of a query and return the identifiers seen; start the query again when its token is refused."""
    for restart in range(RESTARTS):
        try:
            seen, n_studies, total = _follow(crawl, query, kind, f"{attempt}/{restart}")
        except _TokenRefusedError as refused:
            crawl.note(f"{query}: {refused}; starting this window again")
            continue
        if n_studies >= total:
            return seen
        crawl.note(f"{query}: {n_studies} studies came of {total} announced; starting this window again")
    raise SourceError(f"{query}: incomplete after {RESTARTS} starts; run again later, what is stored is kept")


class _TokenRefusedError(Exception):
    """A page token died with the data version that it was made for."""


def _follow(crawl: Crawl, query: dict[str, str], kind: str, attempt: str) -> tuple[set[str], int, int]:
    """Follow a query's page tokens; return the identifiers seen, how many studies came and how many were announced."""
    seen: set[str] = set()
    n_unnamed = total = 0
    token = ""
    while True:
        extra = {"pageToken": token} if token else {"countTotal": "true"}
        try:
            found = crawl.page("/studies", {**query, "pageSize": PAGE_SIZE, **extra}, kind, attempt)
        except RefusedError as refused:
            if token and refused.status == 400:
                raise _TokenRefusedError(str(refused)) from refused
            raise
        total = found.get("totalCount", total)
        named = {name for study in found["studies"] if (name := _nct_id(study))}
        n_unnamed += len(found["studies"]) - len(named)
        seen |= named
        token = found.get("nextPageToken", "")
        if not token:
            return seen, len(seen) + n_unnamed, total


def _nct_id(study: Any) -> str | None:
    """Return a record's identifier, or None when it has none that could be one."""
    for name in ("protocolSection", "identificationModule", "nctId"):
        study = study.get(name) if isinstance(study, dict) else None
    return study if isinstance(study, str) and re.fullmatch(NCT_ID, study) else None


def _day(text: str | None) -> str | None:
    """Return a date as YYYY-MM-DD, a month as its first day, and None for anything else."""
    try:
        return str(date.fromisoformat(f"{text}-01" if len(text or "") == len("2012-03") else text or ""))
    except ValueError:
        return None


clinicaltrials_gov = Connector(
    name="clinicaltrials_gov",
    homepage="https://clinicaltrials.gov",
    licence="public domain (U.S. government work); attribution requested",
    url="https://clinicaltrials.gov/api/v2",
    seconds_between_requests=1.2,
    tables=(*TABLES, LISTING),
    entity="nct_id",
    fetch=fetch,
    parse=parse,
    read=read,
    whole_kinds=("listing", "version"),
)
