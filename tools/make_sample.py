"""Write the packed sample of real trials: facts only, copied path by path from a list of the allowed ones.

    python tools/make_sample.py STUDIES.jsonl.gz

reads ClinicalTrials.gov API v2 study records, one JSON object a line, and writes `cto/sample/real_studies.jsonl.gz`.
The same input gives the same bytes.

Nothing is copied unless `ALLOWED` names its path, so prose has no way in. Names that may be prose too (outcome
measures, arm labels, stop reasons) pass only when short; `neutral_names` gives the others a stand-in, the same one at
every place in the study. `QUOTAS` decides which trials are taken; inside a quota they come in the order of their hash.
"""

import argparse
import gzip
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Rename = Callable[[str], str | None]

OUT = Path(__file__).parents[1] / "cto" / "sample" / "real_studies.jsonl.gz"
LONGEST = 120  # no string of the sample is longer
LONGEST_NAME = 60
MOST_PLACES = 5

# Parent path: its leaves. A leaf is copied as it stands; `leaf=rule` passes it through the rule of that name first.
_GROUPS = "id title=arm"
_DATES = "startDate primaryCompletionDate completionDate studyFirstPostDate resultsFirstPostDate dispFirstPostDate"
ALLOWED = {
    "protocolSection.identificationModule": "nctId nctIdAliases[] acronym=name orgStudyIdInfo.id orgStudyIdInfo.type "
    "secondaryIdInfos[].id secondaryIdInfos[].type organization.fullName=sponsor organization.class",
    "protocolSection.statusModule": "statusVerifiedDate overallStatus lastKnownStatus whyStopped=stop "
    "expandedAccessInfo.hasExpandedAccess studyFirstSubmitDate studyFirstSubmitQcDate resultsFirstSubmitDate "
    "resultsFirstSubmitQcDate dispFirstSubmitDate dispFirstSubmitQcDate lastUpdateSubmitDate",
    **{f"protocolSection.statusModule.{d}Struct": "date type" for d in [*_DATES.split(), "lastUpdatePostDate"]},
    "protocolSection.sponsorCollaboratorsModule": "responsibleParty.type leadSponsor.name=sponsor leadSponsor.class "
    "collaborators[].name=sponsor collaborators[].class",
    "protocolSection.oversightModule": "oversightHasDmc isFdaRegulatedDrug isFdaRegulatedDevice isUsExport",
    "protocolSection.conditionsModule": "conditions[]=name",
    "protocolSection.designModule": "studyType phases[] patientRegistry designInfo.allocation "
    "designInfo.interventionModel designInfo.primaryPurpose designInfo.observationalModel designInfo.timePerspective "
    "designInfo.maskingInfo.masking designInfo.maskingInfo.whoMasked[] enrollmentInfo.count enrollmentInfo.type",
    "protocolSection.armsInterventionsModule": "armGroups[].label=arm armGroups[].type "
    "armGroups[].interventionNames[]=typed interventions[].type interventions[].name=drug "
    "interventions[].armGroupLabels[]=arm interventions[].otherNames[]=name",
    "protocolSection.outcomesModule": "primaryOutcomes[].measure=measure secondaryOutcomes[].measure=measure "
    "otherOutcomes[].measure=measure",
    "protocolSection.contactsLocationsModule": "locations[].facility=place locations[].city=name locations[].country",
    "protocolSection.referencesModule": "references[].pmid references[].type",
    "resultsSection.participantFlowModule.groups[]": _GROUPS,
    "resultsSection.participantFlowModule.periods[]": "title=other milestones[].type=other "
    "milestones[].achievements[].groupId milestones[].achievements[].numSubjects dropWithdraws[].type=withdrawal "
    "dropWithdraws[].reasons[].groupId dropWithdraws[].reasons[].numSubjects",
    "resultsSection.outcomeMeasuresModule.outcomeMeasures[]": "type title=measure reportingStatus paramType "
    "unitOfMeasure=other",
    "resultsSection.outcomeMeasuresModule.outcomeMeasures[].groups[]": _GROUPS,
    "resultsSection.outcomeMeasuresModule.outcomeMeasures[].classes[].categories[].measurements[]": "groupId value",
    "resultsSection.outcomeMeasuresModule.outcomeMeasures[].denoms[]": "units=other counts[].groupId counts[].value",
    "resultsSection.outcomeMeasuresModule.outcomeMeasures[].analyses[]": "groupIds[] nonInferiorityType pValue "
    "statisticalMethod=other paramType=other paramValue ciPctValue ciNumSides ciLowerLimit ciUpperLimit",
    "resultsSection.adverseEventsModule": "frequencyThreshold",
    "resultsSection.adverseEventsModule.eventGroups[]": _GROUPS + " deathsNumAffected deathsNumAtRisk "
    "seriousNumAffected seriousNumAtRisk otherNumAffected otherNumAtRisk",
    **{f"derivedSection.{subject}BrowseModule.meshes[]": "id term" for subject in ("condition", "intervention")},
    "": "hasResults",
}
QUOTAS = {  # how many of each kind; those with a primary p-value are taken first and whole
    **{"primary p-value": 200, "p-value": 200, "results only": 36, "undated results": 10, "paper": 30},
    **{"TERMINATED, Low accrual": 14, "TERMINATED, Lack of efficacy": 8, "TERMINATED, Safety concern": 8},
    **{"TERMINATED, Lack of funding": 5, "TERMINATED, Drug supply": 5, "TERMINATED, Business decision": 8},
    **{"TERMINATED, Other reason": 10, "TERMINATED, no reason": 10, "WITHDRAWN": 12, "WITHDRAWN, no reason": 5},
    **{"SUSPENDED": 6, "UNKNOWN": 14, "RECRUITING": 8, "NOT_YET_RECRUITING": 4, "ACTIVE_NOT_RECRUITING": 6},
    **{"ENROLLING_BY_INVITATION": 2, "AVAILABLE": 1, "NO_LONGER_AVAILABLE": 1, "OBSERVATIONAL": 16, "biological": 24},
    **{"EARLY_PHASE1": 2, "PHASE1": 30, "PHASE1/PHASE2": 15, "PHASE2": 50, "PHASE2/PHASE3": 10, "PHASE3": 50},
    **{"PHASE4": 20, "NA": 16, "month start": 30, "no start": 8, "never posted": 8, "alias": 10, "late filing": 20},
}
WITHDRAWALS = re.compile(
    r"Adverse Event|Death|Disease progression|Lack of Efficacy|Lost to Follow-up|Physician Decision|Pregnancy"
    r"|Protocol (Deviation|Violation)|Sponsor Decision|Withdrawal by Subject"
)
_FEW = r"(slow|low|poor|lack|insuf\w*|inadequate|no|not|unable|inability|difficult\w*|fail\w*|decline)"
STOPS = (  # the first pattern that fits names the reason
    (rf"\b{_FEW}\b.*(accru|recrui|enrol|inclusion|participa)|(accru|recrui|enrol).*\b{_FEW}", "Low accrual"),
    (r"futil|efficacy|conditional power|no objective response|primary objective", "Lack of efficacy"),
    (r"safety|toxic|adverse|side.effect|tolerated", "Safety concern"),
    (r"fund|financ", "Lack of funding"),
    (r"supply|drug.*(unavailab|not available|availability)", "Drug supply"),
    (r"business|strateg|sponsor|company|corporate", "Business decision"),
)
STOP_NOISE = (  # the registry's own definitions of a status, and reasons that are denied
    r"(recruiting or enrolling participants|study) (has |was )?halted prematurely.*"
    r"|(unrelated|not (due|related)) to[^.;]*(safety|efficacy)[^.;]*|enrollment suspended"
)
PERSON = re.compile(r"(?i)\b(M\.?D|Ph\.?D|Dr|Prof|Professor|Doctor|practice|office of)\b(?!\.? Anderson)")
_WORD = r"[A-Z][a-z]+(-[A-Z][a-z]+)?"
BARE_PERSON = re.compile(rf"{_WORD},?( [A-Z]\.?)* {_WORD}( {_WORD})?")
BODY = re.compile(  # parts of names that no person has
    r"(?i)univ|hosp|cent|clin|instit|college|school|found|group|network|council|research|trust|health|soci|medic|nation"
    r"|trial|committ|agen|commis|klin|assoc|permanente|develop|consort|consult|behav|technol|ltd|office of|neurology"
)


def allowed_paths() -> dict[str, str]:
    """The full path of every leaf that may be copied, with the rule it passes through."""
    pairs = [(parent, *leaf.partition("=")[::2]) for parent, leaves in ALLOWED.items() for leaf in leaves.split()]
    return {f"{parent}.{leaf}".lstrip("."): rule for parent, leaf, rule in pairs}


def build_tree(paths: dict[str, str]) -> Record:
    """Nest dotted paths: `{"a.b[]": "name"}` gives `{"a": {"b[]": "name"}}`."""
    tree: Record = {}
    for path, rule in paths.items():
        *parents, leaf = path.split(".")
        reduce(lambda node, key: node.setdefault(key, {}), parents, tree)[leaf] = rule
    return tree


def copy(value: Any, node: Any, rules: dict[str, Rename]) -> Any:
    """What the tree allows of a value, or None for nothing."""
    if isinstance(node, dict):
        pairs = {key.removesuffix("[]"): copy_member(value or {}, key, child, rules) for key, child in node.items()}
        return {key: member for key, member in pairs.items() if member is not None} or None
    if isinstance(value, str):
        kept = rules[node](value) if node else value
        return kept if kept and len(kept) <= LONGEST else None
    return value if isinstance(value, bool | int | float) else None


def copy_member(parent: Record, key: str, node: Any, rules: dict[str, Rename]) -> Any:
    """What the tree allows of one member; `key[]` is a list, whose empty items are left out."""
    if not key.endswith("[]"):
        return copy(parent.get(key), node, rules)
    items = parent.get(key.removesuffix("[]")) or []
    return [kept for item in items if (kept := copy(item, node, rules)) is not None] or None


def values_at(value: Any, path: str) -> Iterator[Any]:
    """Every value a dotted path leads to, through all lists on the way."""
    if isinstance(value, list):
        for item in value:
            yield from values_at(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        head, _, rest = path.partition(".")
        yield from values_at(value.get(head.removesuffix("[]"), []), rest)


def is_name(text: str) -> bool:
    """Whether a text is a short name and not a sentence."""
    return len(text) <= LONGEST_NAME and not re.search(r"[.!?;](\s|$)", text)


def neutral_names(texts: Iterable[str], stand_in: str, keep: Callable[[str], bool] = is_name) -> dict[str, str]:
    """Each text that is no name, with a numbered stand-in that is not itself one of the texts."""
    seen = dict.fromkeys(texts)
    free = (name for n in range(1, 10_000) if (name := f"{stand_in} {n}") not in seen)
    return {text: next(free) for text in seen if not keep(text)}


def measure_names(study: Record) -> dict[str, str]:
    """Stand-ins for the long outcome measures of a study, registered and reported ones alike."""
    names: dict[str, str] = {}
    for kind in ("primary", "secondary", "other"):
        texts = list(values_at(study, f"protocolSection.outcomesModule.{kind}Outcomes[].measure"))
        for measure in values_at(study, "resultsSection.outcomeMeasuresModule.outcomeMeasures[]"):
            texts += [measure["title"]] if measure["type"] == kind.upper() or kind == "other" else []
        names = neutral_names(texts, f"{kind.capitalize()} outcome") | names
    return names


def stop_reason(text: str) -> str:
    """The standard phrase for why a trial stopped."""
    heard = re.sub(STOP_NOISE, " ", text.lower())
    return next((phrase for pattern, phrase in STOPS if re.search(pattern, heard)), "Other reason")


def is_person(name: str) -> bool:
    """Whether a name reads like a person's and not like a company's or a body's."""
    return bool(PERSON.search(name) or BARE_PERSON.fullmatch(name)) and not BODY.search(name)


def rules_for(study: Record) -> dict[str, Rename]:
    """The renaming rules, as they apply to one study."""
    titles = [text for path, rule in allowed_paths().items() if rule == "arm" for text in values_at(study, path)]
    arms = neutral_names(titles, "Arm", keep=lambda text: len(text) <= LONGEST_NAME)
    names = list(values_at(study, "protocolSection.armsInterventionsModule.interventions[].name"))
    drugs, measures = neutral_names(names, "Intervention"), measure_names(study)
    lead = study["protocolSection"].get("sponsorCollaboratorsModule", {}).get("leadSponsor", {})
    private = "" if lead.get("class") == "INDUSTRY" or not is_person(lead.get("name", "")) else lead["name"]

    def typed(text: str) -> str:
        kind, colon, name = text.partition(": ")
        return kind + colon + drugs.get(name, name if is_name(name) else "Intervention")

    return {
        "arm": lambda text: arms.get(text, text),
        "drug": lambda text: drugs.get(text, text),
        "measure": lambda text: measures.get(text, text),
        "name": lambda text: text if is_name(text) else None,
        "other": lambda text: text if is_name(text) else "Other",
        "place": lambda text: text if is_name(text) and not is_person(text) else None,
        "sponsor": lambda text: "Individual sponsor" if text == private else text,
        "stop": stop_reason,
        "typed": typed,
        "withdrawal": lambda text: text if WITHDRAWALS.fullmatch(text) else "Other",
    }


def compose_title(protocol: Record) -> str:
    """A title of our own: the interventions, in the first condition."""
    drugs = list(dict.fromkeys(values_at(protocol, "armsInterventionsModule.interventions[].name")))
    condition = next(iter(protocol.get("conditionsModule", {}).get("conditions", [])), "")
    for some in range(min(len(drugs), 3), 0, -1):
        title = ", ".join(drugs[:some]) + (f" in {condition}" if condition else "")
        if len(title) <= LONGEST:
            return title
    return f"Study of {condition or protocol['identificationModule']['nctId']}"


def reduce_study(study: Record) -> Record:
    """The facts of one study, under a neutral title."""
    kept: Record = copy(study, build_tree(allowed_paths()), rules_for(study))
    protocol = kept["protocolSection"]
    protocol["identificationModule"]["briefTitle"] = compose_title(protocol)
    for measure in values_at(kept, "resultsSection.outcomeMeasuresModule.outcomeMeasures[]"):
        if measure["type"] != "PRIMARY":  # only primary outcomes are read by their values
            measure.pop("classes", None)
    if places := protocol.get("contactsLocationsModule"):
        places["locations"] = places["locations"][:MOST_PLACES]
    if papers := protocol.pop("referencesModule", None):
        with_id = [paper for paper in papers["references"] if "pmid" in paper]
        protocol |= {"referencesModule": {"references": with_id}} if with_id else {}
    return kept


def traits(study: Record) -> set[str]:
    """What a quota may ask of a study."""
    protocol = study["protocolSection"]
    status, design = protocol.get("statusModule", {}), protocol.get("designModule", {})
    measures = list(values_at(study, "resultsSection.outcomeMeasuresModule.outcomeMeasures[]"))
    tested = {m["type"] for m in measures if any(values_at(m, "analyses[].pValue"))}
    state, stop, start = status.get("overallStatus"), status.get("whyStopped"), status.get("startDateStruct", {})
    said = {
        "p-value": bool(tested),
        "primary p-value": "PRIMARY" in tested,
        "results only": "resultsSection" in study and not tested,
        "undated results": "resultsSection" in study and "resultsFirstPostDateStruct" not in status,
        "never posted": "studyFirstPostDateStruct" not in status,
        "no start": not start,
        "month start": len(start.get("date", "")) == len("2001-02"),
        "alias": "nctIdAliases" in protocol["identificationModule"],
        "late filing": "studyFirstSubmitQcDate" in status,
        "biological": "BIOLOGICAL" in values_at(protocol, "armsInterventionsModule.interventions[].type"),
        "paper": "RESULT" in values_at(protocol, "referencesModule.references[].type"),
    }
    named = {f"{state}, {stop_reason(stop) if stop else 'no reason'}", str(state), str(design.get("studyType"))}
    return named | {"/".join(design.get("phases", []))} | {trait for trait, holds in said.items() if holds}


def select(studies: Iterable[Record]) -> dict[str, Record]:
    """The studies of the sample by id: each quota is filled up to its number, counting those taken before."""
    known = {study["protocolSection"]["identificationModule"]["nctId"]: study for study in studies}
    shuffled = sorted(known, key=lambda nct_id: hashlib.sha256(nct_id.encode()).digest())
    order = {nct_id: traits(known[nct_id]) for nct_id in shuffled}
    taken: set[str] = set()
    for trait, number in QUOTAS.items():
        fitting = (nct_id for nct_id in order if trait in order[nct_id])
        taken |= set(sorted(fitting, key=lambda nct_id: nct_id not in taken)[:number])
    return {nct_id: known[nct_id] for nct_id in sorted(taken)}


def pack(records: Iterable[Record]) -> bytes:
    """The records as gzipped JSON lines, without name or time in the header."""
    text = "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())
    return packed.getvalue()


def make_sample(path: Path) -> bytes:
    """The packed sample of a file of studies."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        studies = map(json.loads, lines)
        chosen = select(study for study in studies if "statusModule" in study["protocolSection"])
    return pack(reduce_study(study) for study in chosen.values())


def main() -> None:
    """Read the command line, write the sample."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("studies", type=Path, metavar="STUDIES.jsonl.gz")
    OUT.write_bytes(make_sample(parser.parse_args().studies))


if __name__ == "__main__":
    main()
