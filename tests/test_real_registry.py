"""Every table and vote over the real registry file, against a plain walk over its JSON that shares no code with it."""

import calendar
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import pytest

from cto.fuse import GroupedDawidSkene, guard
from tests.real import AS_OF, Json, Tables, at, needs_registry

pytestmark = needs_registry

# Every spelling of a p-value in the file that is more than a decimal below 1, read by hand.
SPELLINGS: list[tuple[str, str, float]] = [
    ("&lt; 0.0001", "<", 0.0001),
    ("&lt;.0001", "<", 0.0001),
    ("&lt;0.0001", "<", 0.0001),
    ("0,001", "=", 0.001),
    ("1.0", "=", 1.0),
    ("1.00", "=", 1.0),
    ("1.0000", "=", 1.0),
    ("< .01", "<", 0.01),
    ("< 0.0001", "<", 0.0001),
    ("< 0.001", "<", 0.001),
    ("<.0001", "<", 0.0001),
    ("<.001", "<", 0.001),
    ("<.05", "<", 0.05),
    ("<0.00001", "<", 0.00001),
    ("<0.0001", "<", 0.0001),
    ("<0.0005", "<", 0.0005),
    ("<0.001", "<", 0.001),
    ("<0.01", "<", 0.01),
    ("<0.04", "<", 0.04),
    ("<0.05", "<", 0.05),
    ("<=0.05", "<=", 0.05),
    ("= 0.001", "=", 0.001),
    ("= 0.0012", "=", 0.0012),
    ("= 0.0014", "=", 0.0014),
    ("= 0.002", "=", 0.002),
    ("= 0.0339", "=", 0.0339),
    ("= 0.09", "=", 0.09),
    ("= 0.1623", "=", 0.1623),
    ("= 0.21", "=", 0.21),
    ("= 0.2348", "=", 0.2348),
    ("= 0.4603", "=", 0.4603),
    ("=0.247", "=", 0.247),
    ("=0.261", "=", 0.261),
    ("> .01", ">", 0.01),
    ("> .05", ">", 0.05),
    (">.01", ">", 0.01),
    (">0.05", ">", 0.05),
    (">=0.99", ">=", 0.99),
]
ODD_P_VALUES = {text: (operator, value) for text, operator, value in SPELLINGS}


def by_study(studies: Mapping[str, Json], values: Callable[[Json], Iterable[Any]]) -> dict[str, list[Any]]:
    """Return, for every study that has any, its values in the order of the record."""
    listed = {nct_id: list(values(study)) for nct_id, study in studies.items()}
    return {nct_id: found for nct_id, found in listed.items() if found}


def fields(items: Iterable[Json], *names: str) -> Iterator[tuple[Any, ...]]:
    return (tuple(item.get(name) for name in names) for item in items)


def assert_same(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    assert expected, "the walk found nothing to compare"
    differing = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
    shown = [f"{key}: expected {expected.get(key)!r}, got {found.get(key)!r}" for key in differing[:4]]
    assert not differing, f"{len(differing)} differ: " + "; ".join(shown)


def measures(study: Json) -> list[Json]:
    return list(at(study, "resultsSection.outcomeMeasuresModule.outcomeMeasures", []))


def analyses(study: Json) -> Iterator[tuple[Json, Json]]:
    return ((measure, analysis) for measure in measures(study) for analysis in measure.get("analyses", []))


def own_date(text: str | None) -> tuple[date | None, str | None]:
    if text is None:
        return None, None
    year, *rest = (int(part) for part in text.split("-"))
    precision = ("year", "month", "day")[len(rest)]
    month, day = (*rest, 1, 1)[:2]
    return date(year, month, day), precision


def own_p_value(text: str) -> tuple[str, float] | None:
    """Read a p-value: a decimal below 1 as it stands, any other spelling by the table made by hand."""
    return ("=", float(text)) if re.fullmatch(r"0?\.\d+", text) else ODD_P_VALUES.get(text)


# Studies


def test_every_study_is_in_core_and_in_trials_once(studies: dict[str, Json], tables: Tables) -> None:
    assert len(studies) == 5698
    for name in ("core_study", "trials"):
        assert Counter(row[0] for row in tables.rows(name, "nct_id")) == Counter(studies.keys())


def test_no_real_study_is_marked_as_removed_or_fictional(tables: Tables) -> None:
    assert set(tables.rows("core_study", "is_removed, is_fictional")) == {(False, False)}


@pytest.mark.parametrize(
    ("column", "struct"),
    [
        ("start_date", "startDateStruct"),
        ("primary_completion_date", "primaryCompletionDateStruct"),
        ("completion_date", "completionDateStruct"),
        ("first_post_date", "studyFirstPostDateStruct"),
        ("results_first_post_date", "resultsFirstPostDateStruct"),
        ("last_update_post_date", "lastUpdatePostDateStruct"),
    ],
)
def test_every_date_keeps_its_text_its_type_and_its_precision(
    studies: dict[str, Json], tables: Tables, column: str, struct: str
) -> None:
    expected = {
        nct_id: (text := at(study, f"protocolSection.statusModule.{struct}.date"), *own_date(text), kind)
        for nct_id, study in studies.items()
        for kind in [at(study, f"protocolSection.statusModule.{struct}.type")]
    }
    columns = f"nct_id, {column}_text, {column}, {column}_precision, {column}_type"
    assert_same({nct_id: tuple(rest) for nct_id, *rest in tables.rows("core_study", columns)}, expected)


def test_phase_status_type_titles_and_results_flag_are_the_records(studies: dict[str, Json], tables: Tables) -> None:
    expected = {
        nct_id: (
            "/".join(at(study, "protocolSection.designModule.phases", [])) or None,
            at(study, "protocolSection.statusModule.overallStatus"),
            at(study, "protocolSection.statusModule.lastKnownStatus"),
            at(study, "protocolSection.statusModule.whyStopped"),
            at(study, "protocolSection.designModule.studyType"),
            at(study, "protocolSection.identificationModule.briefTitle"),
            at(study, "protocolSection.identificationModule.officialTitle"),
            at(study, "protocolSection.identificationModule.nctIdAliases"),
            study["hasResults"],
        )
        for nct_id, study in studies.items()
    }
    columns = "phase, overall_status, last_known_status, why_stopped, study_type, brief_title, official_title"
    rows = tables.rows("core_study", f"nct_id, {columns}, nct_id_aliases, has_results")
    assert_same({nct_id: tuple(rest) for nct_id, *rest in rows}, expected)


def test_enrolment_is_the_records_count(studies: dict[str, Json], tables: Tables) -> None:
    def enrolment(study: Json) -> tuple[Any, Any]:
        count = at(study, "protocolSection.designModule.enrollmentInfo.count")
        return None if count == 99999999 else count, at(study, "protocolSection.designModule.enrollmentInfo.type")

    found = {nct_id: tuple(rest) for nct_id, *rest in tables.rows("core_study", "nct_id, enrollment, enrollment_type")}
    assert_same(found, {nct_id: enrolment(study) for nct_id, study in studies.items()})


# What a record lists


def test_sponsors_are_the_lead_then_the_collaborators(studies: dict[str, Json], tables: Tables) -> None:
    def sponsors(study: Json) -> Iterator[tuple[Any, ...]]:
        module = at(study, "protocolSection.sponsorCollaboratorsModule", {})
        if "leadSponsor" in module:
            yield 0, *next(fields([module["leadSponsor"]], "name", "class")), True
        for index, each in enumerate(fields(module.get("collaborators", []), "name", "class"), 1):
            yield index, *each, False

    found = tables.by_study("core_sponsor", "sponsor_index, sponsor_name, sponsor_class, is_lead")
    assert_same(found, by_study(studies, sponsors))


def test_conditions_are_the_records(studies: dict[str, Json], tables: Tables) -> None:
    expected = by_study(studies, lambda s: enumerate(at(s, "protocolSection.conditionsModule.conditions", []), 1))
    assert_same(tables.by_study("core_condition", "condition_index, condition"), expected)


def test_arms_and_interventions_are_the_records(studies: dict[str, Json], tables: Tables) -> None:
    def items(array: str, *names: str) -> dict[str, list[Any]]:
        path = f"protocolSection.armsInterventionsModule.{array}"
        return by_study(studies, lambda study: fields(at(study, path, []), *names))

    arms = tables.by_study("core_arm", "arm_label, arm_type, intervention_names")
    assert_same(arms, items("armGroups", "label", "type", "interventionNames"))
    interventions = tables.by_study(
        "core_intervention", "intervention_name, intervention_type, arm_labels, other_names"
    )
    assert_same(interventions, items("interventions", "name", "type", "armGroupLabels", "otherNames"))


def test_locations_and_references_are_the_records(studies: dict[str, Json], tables: Tables) -> None:
    locations = by_study(
        studies,
        lambda study: fields(
            at(study, "protocolSection.contactsLocationsModule.locations", []),
            *("facility", "status", "city", "state", "country"),
        ),
    )
    assert_same(tables.by_study("core_facility", "facility, location_status, city, state, country"), locations)
    path = "protocolSection.referencesModule.references"
    references = by_study(studies, lambda study: fields(at(study, path, []), "pmid", "type"))
    assert_same(tables.by_study("core_reference", "pmid, reference_type"), references)


@pytest.mark.parametrize("kind", ["primary", "secondary", "other"])
def test_registered_outcomes_are_the_records(studies: dict[str, Json], tables: Tables, kind: str) -> None:
    path = f"protocolSection.outcomesModule.{kind}Outcomes"
    expected = by_study(studies, lambda study: fields(at(study, path, []), "measure", "timeFrame"))
    where = f"outcome_type = '{kind.upper()}'"
    assert_same(tables.by_study("core_registered_outcome", "measure, time_frame", where), expected)


# Results


def test_outcome_measures_are_the_records(studies: dict[str, Json], tables: Tables) -> None:
    names = ("type", "title", "timeFrame", "reportingStatus", "paramType", "unitOfMeasure")
    expected = by_study(studies, lambda study: fields(measures(study), *names))
    columns = "outcome_type, title, time_frame, reporting_status, value_type, unit"
    assert_same(tables.by_study("core_outcome_measure", columns), expected)


def test_every_analysis_is_one_row_in_the_records_order(studies: dict[str, Json], tables: Tables) -> None:
    names = ("pValue", "statisticalMethod", "paramValue", "ciLowerLimit", "ciUpperLimit", "nonInferiorityType")

    def rows(study: Json) -> Iterator[tuple[Any, ...]]:
        for measure, analysis in analyses(study):
            groups = analysis.get("groupIds")
            yield measure["type"], *next(fields([analysis], *names)), groups, len(groups or [])

    columns = "outcome_type, p_value_text, method, estimate_text, ci_lower_text, ci_upper_text, non_inferiority_type"
    found = tables.by_study("core_outcome_analysis", f"{columns}, group_ids, n_groups")
    assert_same(found, by_study(studies, rows))
    assert sum(map(len, found.values())) == 1065


def test_primary_p_values_are_kept_as_registered(studies: dict[str, Json], tables: Tables) -> None:
    expected = {
        nct_id: Counter(a["pValue"] for m, a in analyses(study) if m["type"] == "PRIMARY" and "pValue" in a)
        for nct_id, study in studies.items()
    }
    where = "outcome_type = 'PRIMARY' and p_value_text is not null"
    found = tables.by_study("core_outcome_analysis", "p_value_text", where)
    counted = {nct_id: Counter(text for (text,) in rows) for nct_id, rows in found.items()}
    assert_same(counted, {nct_id: texts for nct_id, texts in expected.items() if texts})
    assert len(counted) == 106


def test_numbers_of_an_analysis_are_read_as_they_are_written(tables: Tables) -> None:
    for name in ("estimate", "ci_percent", "ci_lower", "ci_upper"):
        rows = tables.rows("core_outcome_analysis", f"{name}_text, {name}", f"{name}_text is not null")
        assert rows
        assert [row for row in rows if row[1] != float(row[0])] == []


def test_the_table_by_hand_holds_every_odd_p_value(studies: dict[str, Json]) -> None:
    texts = {
        analysis["pValue"] for study in studies.values() for _, analysis in analyses(study) if "pValue" in analysis
    }
    assert {text for text in texts if not re.fullmatch(r"0?\.\d+", text)} == ODD_P_VALUES.keys()


def test_every_p_value_is_read_as_by_hand(tables: Tables) -> None:
    rows = tables.rows("core_outcome_analysis", "p_value_text, p_value_operator, p_value", "p_value_text is not null")
    assert len({text for text, *_ in rows}) == 490
    assert_same({text: tuple(read) for text, *read in rows}, {text: own_p_value(text) for text, *_ in rows})


def test_participant_flow_is_the_records_period_by_group(studies: dict[str, Json], tables: Tables) -> None:
    expected: dict[tuple[str, int, str], tuple[Any, ...]] = {}
    for nct_id, study in studies.items():
        flow = at(study, "resultsSection.participantFlowModule", {})
        titles = {group["id"]: group.get("title") for group in flow.get("groups", [])}
        for index, period in enumerate(flow.get("periods", []), 1):
            counts: dict[str, dict[str, int]] = defaultdict(dict)
            for milestone in period.get("milestones", []):
                for cell in milestone.get("achievements", []):
                    counts[cell["groupId"]][milestone["type"]] = int(cell["numSubjects"])
            for group, number in counts.items():
                told = [number.get(name) for name in ("STARTED", "COMPLETED", "NOT COMPLETED")]
                expected[nct_id, index, group] = (period["title"], titles[group], *told)
    columns = "nct_id, period_index, group_id, period_title, group_title, started, completed, not_completed"
    rows = tables.rows("core_participant_flow", columns)
    assert len({row[:3] for row in rows}) == len(rows)
    assert_same({row[:3]: row[3:] for row in rows}, expected)


def test_reasons_for_leaving_are_the_records(studies: dict[str, Json], tables: Tables) -> None:
    def reasons(study: Json) -> Iterator[tuple[Any, ...]]:
        for index, period in enumerate(at(study, "resultsSection.participantFlowModule.periods", []), 1):
            for number, each in enumerate(period.get("dropWithdraws", []), 1):
                for cell in each.get("reasons", []):
                    yield index, number, each["type"], cell["groupId"], int(cell["numSubjects"])

    found = tables.by_study(
        "core_participant_flow_reason", "period_index, reason_index, reason, group_id, participants"
    )
    expected = by_study(studies, reasons)
    assert_same({key: Counter(rows) for key, rows in found.items()}, {key: Counter(v) for key, v in expected.items()})


def test_adverse_event_totals_are_the_records_nulls_included(studies: dict[str, Json], tables: Tables) -> None:
    kinds = [f"{kind}Num{what}" for kind in ("serious", "other", "deaths") for what in ("Affected", "AtRisk")]
    path = "resultsSection.adverseEventsModule.eventGroups"
    expected = by_study(studies, lambda study: sorted(fields(at(study, path, []), "id", "title", *kinds)))
    columns = "serious_affected, serious_at_risk, other_affected, other_at_risk, deaths_affected, deaths_at_risk"
    found = tables.by_study("core_adverse_event_total", f"group_id, group_title, {columns}")
    assert_same(found, expected)
    assert any(row[2] is not None and row[3] is None for rows in found.values() for row in rows)


# Labels and scope


def own_end(study: Json) -> bool:
    """Tell whether an interventional trial has ended: its status says so, or its known status died with its date."""
    if at(study, "protocolSection.designModule.studyType") != "INTERVENTIONAL":
        return False
    module = at(study, "protocolSection.statusModule", {})
    if module.get("overallStatus") != "UNKNOWN":
        return module.get("overallStatus") in {"COMPLETED", "TERMINATED", "WITHDRAWN", "SUSPENDED"}
    text = at(module, "completionDateStruct.date") or at(module, "primaryCompletionDateStruct.date")
    day, precision = own_date(text)
    if day and precision == "month":
        day = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return day is not None and day <= AS_OF


def test_labels_exist_for_ended_interventional_trials_and_no_others(studies: dict[str, Json], tables: Tables) -> None:
    rows = tables.rows("labels", "nct_id, definition, is_final, as_of")
    definitions = {definition for _, definition, *_ in rows}
    assert definitions >= {"success", "endpoint_met"}
    expected = {
        (nct_id, definition): (at(study, "protocolSection.statusModule.overallStatus") != "SUSPENDED", AS_OF)
        for nct_id, study in studies.items()
        if own_end(study)
        for definition in definitions
    }
    assert len(rows) == len(expected)
    assert_same({(nct_id, definition): tuple(rest) for nct_id, definition, *rest in rows}, expected)


def test_scope_is_ended_drug_or_biologic_trials_of_phase_1_to_3(studies: dict[str, Json], tables: Tables) -> None:
    phases = [["PHASE1"], ["PHASE1", "PHASE2"], ["PHASE2"], ["PHASE2", "PHASE3"], ["PHASE3"]]

    def scope(study: Json) -> tuple[bool, bool, bool]:
        listed = at(study, "protocolSection.armsInterventionsModule.interventions", [])
        is_drug = any(each.get("type") in {"DRUG", "BIOLOGICAL"} for each in listed)
        is_ended = own_end(study)
        return is_drug, is_ended, is_drug and is_ended and at(study, "protocolSection.designModule.phases") in phases

    rows = tables.rows("trials", "nct_id, is_drug_or_biologic, is_ended, in_scope")
    assert_same({nct_id: tuple(rest) for nct_id, *rest in rows}, {n: scope(s) for n, s in studies.items()})


# Votes


def is_interventional(study: Json) -> bool:
    return bool(at(study, "protocolSection.designModule.studyType") == "INTERVENTIONAL")


def votes_of(tables: Tables, function: str, definition: str) -> dict[str, tuple[Any, ...]]:
    where = f"label_function = '{function}' and definition = '{definition}'"
    rows = tables.rows("votes", "nct_id, vote, score, available_at, available_at_basis", where)
    assert len({row[0] for row in rows}) == len(rows)
    return {nct_id: tuple(rest) for nct_id, *rest in rows}


def test_every_vote_is_on_a_real_trial_and_names_rows_that_exist(studies: dict[str, Json], tables: Tables) -> None:
    three = "label_function in ('overall_status', 'primary_p_value', 'results_reported')"
    assert {nct_id for (nct_id,) in tables.rows("votes", "nct_id")} <= studies.keys()
    known = {f"core_study:{nct_id}" for nct_id in studies}
    for nct_id, study in studies.items():
        for index, measure in enumerate(measures(study), 1):
            known |= {
                f"core_primary_analysis:{nct_id}:{index}:{number}"
                for number in range(1, len(measure.get("analyses", [])) + 1)
            }
    for nct_id, text in tables.rows("votes", "nct_id, evidence", three):
        evidence = json.loads(text)
        assert evidence["says"], nct_id
        assert evidence["rows"], nct_id
        assert set(evidence["rows"]) <= known, nct_id
        assert {row.split(":")[1] for row in evidence["rows"]} == {nct_id}


SAY_NOTHING = {
    *("NCT00000270", "NCT00001080", "NCT00003094", "NCT00003564", "NCT00003599", "NCT00003714", "NCT00003858"),
    *("NCT00004114", "NCT00004878", "NCT00005969", "NCT00006123", "NCT00006267", "NCT00462254", "NCT00494156"),
    *("NCT00497471", "NCT00499733", "NCT00973089"),
}
"""Stopped trials whose text, read by hand, says that they were stopped and not why."""


def test_a_stop_without_a_reason_is_a_vote_against(studies: dict[str, Json], tables: Tables) -> None:
    def has_reason(text: str | None) -> bool:
        return any(len(word) > 1 for word in re.findall(r"[^\W\d_]+", text or ""))

    expected = {}
    for nct_id, study in studies.items():
        module = at(study, "protocolSection.statusModule", {})
        is_stopped = module.get("overallStatus") in {"TERMINATED", "WITHDRAWN"}
        if is_interventional(study) and is_stopped and not has_reason(module.get("whyStopped")):
            updated = own_date(at(module, "lastUpdatePostDateStruct.date"))[0]
            expected[nct_id] = (0, None, updated, "last_update_posted")
    found = votes_of(tables, "overall_status", "success")
    assert found.keys() - expected.keys() == SAY_NOTHING
    assert_same({nct_id: vote for nct_id, vote in found.items() if nct_id not in SAY_NOTHING}, expected)


def test_a_stop_votes_by_status_or_by_reason_and_never_by_both(tables: Tables) -> None:
    by_status, by_reason = (votes_of(tables, name, "success") for name in ("overall_status", "stop_reason"))
    assert by_status
    assert by_reason
    assert by_status.keys().isdisjoint(by_reason)


def test_posted_results_are_a_vote_for(studies: dict[str, Json], tables: Tables) -> None:
    expected = {
        nct_id: (1, None, own_date(text)[0], "results_first_posted")
        for nct_id, study in studies.items()
        for text in [at(study, "protocolSection.statusModule.resultsFirstPostDateStruct.date")]
        if is_interventional(study) and study["hasResults"]
    }
    assert_same(votes_of(tables, "results_reported", "success"), expected)


def test_the_area_under_the_curve_of_a_clinical_score_is_no_pharmacokinetics(tables: Tables) -> None:
    """Both trials have one primary outcome, the curve of the Modified Ashworth Scale; p is <0.001 and 0.006."""
    found = votes_of(tables, "primary_p_value", "endpoint_met")
    votes = {nct_id: found.get(nct_id, (None,))[0] for nct_id in ("NCT00460564", "NCT00460655")}
    assert votes == {"NCT00460564": 1, "NCT00460655": 1}


def test_a_fit_whose_latent_label_is_the_size_of_the_trial_is_refused(tables: Tables) -> None:
    matrix = tables.label_matrix("cto_compatible")
    verdict = guard(GroupedDawidSkene().fit(matrix), matrix)
    assert not verdict.accepted
    assert verdict.strongest in {"sponsors", "sites", "enrollment", "update_lag"}
    assert "of kind design" in verdict.reason


# What the readers of the results stand on


def test_groups_and_values_of_primary_outcomes_are_the_records(studies: dict[str, Json], tables: Tables) -> None:
    def number(text: str | None) -> float | None:
        return float(text) if text is not None and re.fullmatch(r"[+-]?\d*\.?\d+", text) else None

    def rows(study: Json) -> Iterator[tuple[Any, ...]]:
        for index, measure in enumerate(measures(study), 1):
            if measure["type"] != "PRIMARY" or measure.get("reportingStatus") != "POSTED":
                continue
            values: dict[str, list[str | None]] = defaultdict(list)
            for each in measure.get("classes", []):
                for category in each.get("categories", []):
                    for cell in category.get("measurements", []):
                        values[cell["groupId"]].append(cell.get("value"))
            first = next(iter(measure.get("denoms", [])), {})
            counted = {cell["groupId"]: int(cell["value"]) for cell in first.get("counts", [])}
            for position, group in enumerate(measure.get("groups", []), 1):
                told = values[group["id"]]
                value = number(told[0]) if len(told) == 1 else None
                yield (
                    index,
                    position,
                    group["id"],
                    group.get("title"),
                    counted.get(group["id"]),
                    len(told) or None,
                    value,
                )

    columns = "measure_index, group_index, group_id, group_title, n_analyzed, n_values, value"
    found = tables.by_study("core_primary_outcome_group", columns)
    assert_same(found, by_study(studies, rows))
    assert sum(map(len, found.values())) > 1000


def test_shares_count_the_records_participants(studies: dict[str, Json], tables: Tables) -> None:
    """All groups pooled; which side a group is on is tested apart."""
    expected: dict[tuple[str, str], tuple[int, int]] = {}
    for nct_id, study in studies.items():
        groups = at(study, "resultsSection.adverseEventsModule.eventGroups", [])
        for event, kind in (
            ("deaths", "deaths"),
            ("serious_adverse_events", "serious"),
            ("other_adverse_events", "other"),
        ):
            cells = [(g.get(f"{kind}NumAffected"), g.get(f"{kind}NumAtRisk")) for g in groups]
            sound = [(x, n) for x, n in cells if x is not None and n is not None and 0 <= x <= n and n > 0]
            if sound:
                expected[nct_id, event] = (sum(x for x, _ in sound), sum(n for _, n in sound))
    rows = tables.rows("core_event_rate", "nct_id, event, affected, at_risk", "event <> 'dropout'")
    assert_same({row[:2]: row[2:] for row in rows}, expected)
