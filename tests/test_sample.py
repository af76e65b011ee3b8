"""Claims about the offline sample: what it holds, what it must not hold, and that it repeats its source."""

import gzip
import importlib.util
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "cto" / "sample"
REAL = SAMPLE / "real_studies.jsonl.gz"
WORLD = SAMPLE / "world" / "studies.jsonl"
SHARED = Path(__file__).parents[2] / "shared" / "data"
SOURCE = SHARED / "registry" / "studies.jsonl.gz"
MEASURES = "resultsSection.outcomeMeasuresModule.outcomeMeasures[]"

FORBIDDEN = {
    *["description", "briefSummary", "detailedDescription", "eligibilityModule", "citation", "officialTitle"],
    *["populationDescription", "timeFrame", "groupDescription", "preAssignmentDetails", "recruitmentDetails"],
    *["comment", "pValueComment", "statisticalComment", "estimateComment", "nonInferiorityComment", "notes"],
    *["centralContacts", "contacts", "overallOfficials", "investigatorFullName", "oldNameTitle", "zip", "geoPoint"],
    *["seriousEvents", "otherEvents", "moreInfoModule", "baselineCharacteristicsModule", "keywords"],
    *["ipdSharingStatementModule", "documentSection", "annotationSection", "seeAlsoLinks", "locations_nested"],
}
STAND_INS = {
    "protocolSection.identificationModule.briefTitle": r".+",
    "protocolSection.identificationModule.organization.fullName": r"Individual sponsor",
    "protocolSection.sponsorCollaboratorsModule.leadSponsor.name": r"Individual sponsor",
    "protocolSection.statusModule.whyStopped": r"Low accrual|Lack of (efficacy|funding)|Safety concern"
    r"|Business decision|Drug supply|Other reason",
    "protocolSection.armsInterventionsModule.armGroups[].label": r"Arm \d+",
    "protocolSection.armsInterventionsModule.armGroups[].interventionNames[]": r"[A-Z][A-Za-z ]+: Intervention( \d+)?",
    "protocolSection.armsInterventionsModule.interventions[].name": r"Intervention \d+",
    "protocolSection.armsInterventionsModule.interventions[].armGroupLabels[]": r"Arm \d+",
    "protocolSection.outcomesModule.primaryOutcomes[].measure": r"Primary outcome \d+",
    "protocolSection.outcomesModule.secondaryOutcomes[].measure": r"(Primary|Secondary) outcome \d+",
    "protocolSection.outcomesModule.otherOutcomes[].measure": r"(Primary|Secondary|Other) outcome \d+",
    "resultsSection.participantFlowModule.groups[].title": r"Arm \d+",
    "resultsSection.participantFlowModule.periods[].title": r"Other",
    "resultsSection.participantFlowModule.periods[].milestones[].type": r"Other",
    "resultsSection.participantFlowModule.periods[].dropWithdraws[].type": r"Other",
    "resultsSection.adverseEventsModule.eventGroups[].title": r"Arm \d+",
    f"{MEASURES}.title": r"(Primary|Secondary|Other) outcome \d+",
    f"{MEASURES}.groups[].title": r"Arm \d+",
    f"{MEASURES}.denoms[].units": r"Other",
    f"{MEASURES}.analyses[].statisticalMethod": r"Other",
    f"{MEASURES}.analyses[].paramType": r"Other",
}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, f"{path}[]")
    else:
        yield path, value


def nct_id(study: dict[str, Any]) -> str:
    return str(study["protocolSection"]["identificationModule"]["nctId"])


def status(study: dict[str, Any]) -> dict[str, Any]:
    return dict(study["protocolSection"]["statusModule"])


def analyses(study: dict[str, Any]) -> list[tuple[str, str | None, list[str]]]:
    module = study.get("resultsSection", {}).get("outcomeMeasuresModule", {})
    return [
        (measure["type"], analysis.get("pValue"), analysis["groupIds"])
        for measure in module.get("outcomeMeasures", [])
        for analysis in measure.get("analyses", [])
    ]


@pytest.fixture(scope="module")
def real() -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(REAL.read_bytes()).decode().splitlines()]


@pytest.fixture(scope="module")
def world() -> list[dict[str, Any]]:
    return [json.loads(line) for line in WORLD.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def tool() -> Any:
    spec = importlib.util.spec_from_file_location("make_sample", ROOT / "tools" / "make_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source() -> dict[str, dict[str, Any]]:
    if not SOURCE.exists():
        pytest.skip("the full registry file is not at ../shared/data/registry/studies.jsonl.gz")
    with gzip.open(SOURCE, "rt", encoding="utf-8") as lines:
        return {nct_id(study): study for study in map(json.loads, lines)}


def test_real_part_is_small_and_broad(real: list[dict[str, Any]]) -> None:
    assert len(real) >= 200
    assert REAL.stat().st_size < 400_000
    assert len({nct_id(study) for study in real}) == len(real)
    primary = [study for study in real if any(kind == "PRIMARY" and p for kind, p, _ in analyses(study))]
    assert len(primary) >= 100
    states = Counter(status(study)["overallStatus"] for study in real)
    assert min(states[s] for s in ("COMPLETED", "TERMINATED", "WITHDRAWN", "SUSPENDED", "UNKNOWN", "RECRUITING")) >= 5
    designs = [study["protocolSection"]["designModule"] for study in real]
    phases = Counter("/".join(design.get("phases", [])) for design in designs)
    assert min(phases[p] for p in ("PHASE1", "PHASE1/PHASE2", "PHASE2", "PHASE2/PHASE3", "PHASE3", "PHASE4", "NA")) >= 8
    assert sum(design["studyType"] == "OBSERVATIONAL" for design in designs) >= 10
    stopped = [status(study) for study in real if status(study)["overallStatus"] == "TERMINATED"]
    assert {"whyStopped" in each for each in stopped} == {True, False}


def test_real_part_holds_no_prose(real: list[dict[str, Any]]) -> None:
    texts = [value for study in real for _, value in leaves(study) if isinstance(value, str)]
    assert [text for text in texts if len(text) > 120] == []
    keys = {key.removesuffix("[]") for study in real for path, _ in leaves(study) for key in path.split(".")}
    assert keys & FORBIDDEN == set()
    sentences = re.compile(r"[.!?] +[A-Z][a-z]+ .*\b(is|was|were|will|be|are)\b")
    assert [text for text in texts if sentences.search(text)] == []
    assert [text for text in texts if "@" in text and "." in text.partition("@")[2]] == []


def test_real_part_holds_only_listed_paths(real: list[dict[str, Any]], tool: Any) -> None:
    allowed = {*tool.allowed_paths(), "protocolSection.identificationModule.briefTitle"}
    assert {path for study in real for path, _ in leaves(study)} <= allowed


def test_real_part_holds_short_names_only(real: list[dict[str, Any]]) -> None:
    stop = "protocolSection.statusModule.whyStopped"
    reasons = {value for study in real for path, value in leaves(study) if path == stop}
    assert {reason for reason in reasons if not re.fullmatch(STAND_INS[stop], reason)} == set()
    ends = (
        ".label",
        "armGroupLabels[]",
        "groups[].title",
        "easure",
        "easures[].title",
        "interventions[].name",
        ".type",
    )
    named = {value for study in real for path, value in leaves(study) if path.endswith((*ends, "onditions[]"))}
    named |= {value for study in real for path, value in leaves(study) if path.endswith(("otherNames[]", ".facility"))}
    assert [value for value in named if len(value) > 60] == []


def test_stand_ins_are_consistent(real: list[dict[str, Any]]) -> None:
    for study in real:
        module = study["protocolSection"].get("armsInterventionsModule", {})
        labels = {arm["label"] for arm in module.get("armGroups", [])}
        used = {label for drug in module.get("interventions", []) for label in drug.get("armGroupLabels", [])}
        assert {label for label in used if re.fullmatch(r"Arm \d+", label)} <= labels, nct_id(study)
        assert len(study["protocolSection"].get("contactsLocationsModule", {}).get("locations", [])) <= 5
        references = study["protocolSection"].get("referencesModule", {}).get("references", [])
        assert all(reference["pmid"].isdecimal() for reference in references)


def test_real_and_fictional_ids_never_meet(real: list[dict[str, Any]], world: list[dict[str, Any]]) -> None:
    def ids(study: dict[str, Any]) -> list[str]:
        return [nct_id(study), *study["protocolSection"]["identificationModule"].get("nctIdAliases", [])]

    assert all(re.fullmatch(r"NCT(?!999)\d{8}", each) for study in real for each in ids(study))
    assert all(re.fullmatch(r"NCT999\d{5}", each) for study in world for each in ids(study))
    assert len({nct_id(study) for study in world}) == len(world) >= 40


def test_fictional_texts_are_marked(world: list[dict[str, Any]]) -> None:
    for study in world:
        protocol = study["protocolSection"]
        titles = [protocol["identificationModule"].get(key) for key in ("briefTitle", "officialTitle")]
        assert all(title.startswith("FICTIONAL: ") for title in titles if title), nct_id(study)
        texts = [value for path, value in leaves(protocol) if path.endswith(("briefSummary", "citation", "Criteria"))]
        assert all(text.startswith("FICTIONAL. ") for text in texts), nct_id(study)
        references = protocol.get("referencesModule", {}).get("references", [])
        assert all(re.fullmatch(r"999\d{5}", reference["pmid"]) for reference in references)
    assert "invented" in (WORLD.parent / "README.md").read_text(encoding="utf-8")


def test_fictional_records_have_the_native_types(world: list[dict[str, Any]]) -> None:
    for study in world:
        for path, value in leaves(study):
            if path.endswith((".numSubjects", ".value", "pValue", "LowerLimit", "ciPctValue")):
                assert isinstance(value, str), (nct_id(study), path)
            if path.endswith(("Affected", "AtRisk", "enrollmentInfo.count")):
                assert isinstance(value, int), (nct_id(study), path)
            if path.endswith(("Date", "Struct.date")):
                assert re.fullmatch(r"\d{4}-\d\d(-\d\d)?", value), (nct_id(study), path)
        assert study["hasResults"] == ("resultsSection" in study)


def test_fictional_participants_add_up(world: list[dict[str, Any]]) -> None:
    for study in world:
        for period in study.get("resultsSection", {}).get("participantFlowModule", {}).get("periods", []):
            counts = {
                milestone["type"]: [int(cell["numSubjects"]) for cell in milestone["achievements"]]
                for milestone in period["milestones"]
            }
            lost = [[int(cell["numSubjects"]) for cell in each["reasons"]] for each in period.get("dropWithdraws", [])]
            assert [sum(column) for column in zip(*lost, strict=True)] in (counts["NOT COMPLETED"], [])
            sums = [sum(pair) for pair in zip(counts["COMPLETED"], counts["NOT COMPLETED"], strict=True)]
            assert sums == counts["STARTED"], nct_id(study)


def test_the_world_tells_its_stories(world: list[dict[str, Any]]) -> None:
    p_values = {p for study in world for kind, p, _ in analyses(study) if kind == "PRIMARY"}
    assert {"NS", "0,04", "<0.001", "> 0.05", "&lt; 0.0001", ">=0.99", "0.41", ".01", None} <= p_values
    dated = [{"studyFirstPostDateStruct", "lastUpdatePostDateStruct"} <= status(study).keys() for study in world]
    assert dated.count(False) == 1
    states = {status(study)["overallStatus"] for study in world}
    assert {"SUSPENDED", "UNKNOWN", "WITHDRAWN", "TERMINATED", "RECRUITING", "NOT_YET_RECRUITING"} <= states
    enrolments = {value for study in world for path, value in leaves(study) if path.endswith("enrollmentInfo.count")}
    assert {0, 99999999} <= enrolments
    assert any("designModule" not in study["protocolSection"] for study in world)
    alone = [study for study in world if analyses(study) and all(len(groups) == 1 for _, _, groups in analyses(study))]
    assert len(alone) >= 2


def test_the_tool_repeats_the_sample(tool: Any, source: dict[str, Any]) -> None:
    assert source
    packed = tool.make_sample(SOURCE)
    assert gzip.decompress(packed) == gzip.decompress(REAL.read_bytes())
    assert packed == tool.make_sample(SOURCE)
    if "ng" in zlib.ZLIB_RUNTIME_VERSION:
        pytest.skip("the same text, but this Python packs with zlib-ng, whose bytes differ")
    assert packed == REAL.read_bytes()


def test_every_kept_fact_is_the_registrys(real: list[dict[str, Any]], source: dict[str, Any]) -> None:
    strange = []
    for study in real:
        known: dict[str, set[Any]] = {}
        for path, value in leaves(source[nct_id(study)]):
            known.setdefault(path, set()).add(value)
        for path, value in leaves(study):
            same = value in known.get(path, set())
            if not same and not re.fullmatch(STAND_INS.get(path, "(?!)"), str(value)):
                strange.append((nct_id(study), path, value))
    assert strange == []


def test_tables_keep_their_order(real: list[dict[str, Any]], source: dict[str, Any], tool: Any) -> None:
    facts = [
        f"{MEASURES}.type",
        f"{MEASURES}.groups[].id",
        f"{MEASURES}.denoms[].counts[].value",
        f"{MEASURES}.analyses[].pValue",
        f"{MEASURES}.analyses[].groupIds[]",
        f"{MEASURES}.analyses[].ciLowerLimit",
        "resultsSection.participantFlowModule.periods[].dropWithdraws[].reasons[].numSubjects",
        "resultsSection.adverseEventsModule.eventGroups[].seriousNumAffected",
        "protocolSection.armsInterventionsModule.armGroups[].type",
    ]
    for study in real:
        for path in facts:
            kept = list(tool.values_at(study, path))
            assert kept == list(tool.values_at(source[nct_id(study)], path)), (nct_id(study), path)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Study closed early due to poor accrual", "Low accrual"),
        ("insufficient recruitment", "Low accrual"),
        ("recruitment is finished", "Other reason"),
        ("Stopped at the interim analysis for futility", "Lack of efficacy"),
        ("unexpected adverse events", "Safety concern"),
        ("Corporate decision, not due to safety or efficacy concerns", "Business decision"),
        ("The grant was not funded", "Lack of funding"),
        ("Drug unavailable", "Drug supply"),
        ("The investigator moved", "Other reason"),
    ],
)
def test_stop_texts_become_standard_phrases(tool: Any, text: str, phrase: str) -> None:
    assert tool.stop_reason(text) == phrase


def test_long_names_get_stand_ins_that_are_free(tool: Any) -> None:
    long = "A label that goes on and on, well past what anybody would call a short name"
    assert tool.neutral_names(["Arm 1", long, long], "Arm") == {long: "Arm 2"}
