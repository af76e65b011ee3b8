"""The stand-in for the registry keeps the protocol of the real one, and its faults hurt as they say."""

import gzip
import json
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import requests

from cto.sandbox import FAULTS, Sandbox
from cto.sandbox.essie import parse_expression
from cto.sandbox.site import Request, Response, Site, json_response
from cto.sandbox.studies import body_lines, index_line

REAL_STUDIES = Path(__file__).parents[2] / "shared" / "data" / "registry" / "studies.jsonl.gz"


def study(number: int, updated: str = "2024-05-06", **changes: Any) -> dict[str, Any]:
    """Return a small study in the shape of the API."""
    status = {"overallStatus": changes.get("status", "COMPLETED")}
    if updated:
        status["lastUpdatePostDateStruct"] = {"date": updated, "type": "ACTUAL"}
    if "first" in changes:
        status["studyFirstPostDateStruct"] = {"date": changes["first"]}
    identification = {"nctId": f"NCT{number:08d}", "briefTitle": changes.get("title", f"Étude {number}")}
    if "aliases" in changes:
        identification["nctIdAliases"] = changes["aliases"]
    protocol = {
        "identificationModule": identification,
        "statusModule": status,
        "designModule": {"studyType": "INTERVENTIONAL", "phases": changes.get("phases", ["PHASE2"])},
        "outcomesModule": {"primaryOutcomes": [{"measure": "OS", "timeFrame": "1 y"}, {"measure": "PFS"}]},
    }
    return {"protocolSection": protocol, "hasResults": changes.get("has_results", False)}


STUDIES = [
    study(1, "2024-01-01", first="2020-01-02"),
    study(2, "2024-06", status="RECRUITING", phases=["PHASE1", "PHASE2"], first="2021-01-02"),
    study(3, "", status="TERMINATED", phases=["PHASE3"]),
    study(4, "2024-06-15", aliases=["NCT00000099", "NCT00000098"], has_results=True, first="2019-03"),
    study(5, "2023-12-31", status="UNKNOWN", phases=["PHASE3"]),
]


def write(path: Path, studies: list[dict[str, Any]]) -> Path:
    """Write the studies as lines, gzip when the name says so."""
    content = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in studies).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture
def studies_file(tmp_path: Path) -> Path:
    return write(tmp_path / "studies.jsonl", STUDIES)


@pytest.fixture
def sandbox(studies_file: Path) -> Iterator[Sandbox]:
    with Sandbox(studies=studies_file) as running:
        yield running


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the tests that only ask."""
    with Sandbox(studies=write(tmp_path_factory.mktemp("unchanged") / "studies.jsonl", STUDIES)) as running:
        yield running


def get(sandbox: Sandbox, path: str = "/studies", **query: Any) -> requests.Response:
    """Call the registry; underscores in names stand for dots."""
    parameters = {name.replace("_", "."): value for name, value in query.items()}
    return requests.get(sandbox.registry_url + path, params=parameters, timeout=5, allow_redirects=False)


def ids(response: requests.Response) -> list[int]:
    assert response.status_code == 200, response.text
    return [int(one["protocolSection"]["identificationModule"]["nctId"][3:]) for one in response.json()["studies"]]


def crawl(sandbox: Sandbox, **query: Any) -> list[int]:
    found: list[int] = []
    while True:
        page = get(sandbox, **query)
        found += ids(page)
        if "nextPageToken" not in page.json():
            return found
        query["pageToken"] = page.json()["nextPageToken"]


def timestamp(sandbox: Sandbox) -> str:
    return str(get(sandbox, "/version").json()["dataTimestamp"])


def assert_refused(response: requests.Response, naming: str, status: int = 400) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/plain")
    assert naming in response.text


# Version and refresh


def test_the_version_shows_the_last_update_and_depends_on_the_content_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    version = get(sandbox, "/version").json()
    assert version["apiVersion"] == "2.0.5"
    assert re.fullmatch(r"2024-06-15T\d\d:\d\d:\d\d", version["dataTimestamp"])
    with Sandbox(studies=str(write(tmp_path / "same.jsonl.gz", STUDIES))) as same:
        assert timestamp(same) == version["dataTimestamp"]


def test_an_implausible_update_date_does_not_reach_the_version(sandbox: Sandbox) -> None:
    sandbox.post_studies([study(6, "9999-12-31"), study(7, "2024-13-40"), study(8, "2024-07")])
    assert timestamp(sandbox).startswith("2024-07-01T")


def test_a_version_without_any_data_still_has_a_date() -> None:
    with Sandbox() as empty:
        assert timestamp(empty).startswith("2000-01-01T")
        assert get(empty, countTotal="true").json() == {"totalCount": 0, "studies": []}


def test_replacing_the_file_is_a_refresh(sandbox: Sandbox, studies_file: Path) -> None:
    before = timestamp(sandbox)
    write(studies_file, STUDIES[:2])
    assert ids(get(sandbox)) == [1, 2]
    assert timestamp(sandbox) != before


def test_a_file_that_is_missing_or_half_written_leaves_the_data_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "studies.jsonl.gz", STUDIES)
    with Sandbox(studies=path) as sandbox:
        before, whole = timestamp(sandbox), path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert timestamp(sandbox) == before
        path.unlink()
        assert timestamp(sandbox) == before
        write(path, STUDIES[:1])
        assert ids(get(sandbox)) == [1]


def test_every_change_of_content_changes_the_version_and_the_same_content_does_not(sandbox: Sandbox) -> None:
    seen = [timestamp(sandbox)]
    for number in range(20):
        sandbox.post_studies([study(3, title=f"Version {number}")])
        seen.append(timestamp(sandbox))
    assert all(one != following for one, following in pairwise(seen))
    sandbox.post_studies([study(3, title="Version 19")])
    assert timestamp(sandbox) == seen[-1]


def test_two_versions_in_a_row_never_show_the_same_second(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cto.sandbox.store.SECONDS_A_DAY", 2)
    seen = [sandbox.post_studies([study(3, title=f"Version {number}")])["dataTimestamp"] for number in range(20)]
    assert all(one != following for one, following in pairwise(seen))
    assert sandbox.post_studies([study(3, title="Version 19")])["dataTimestamp"] == seen[-1]


def test_several_files_are_one_registry_and_of_one_id_the_last_line_wins(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.jsonl", STUDIES[:3]), write(tmp_path / "b.jsonl.gz", [study(2, title="Newer")])]
    with Sandbox(studies=paths) as sandbox:
        page = get(sandbox)
        assert ids(page) == [1, 2, 3]
        assert page.json()["studies"][1]["protocolSection"]["identificationModule"]["briefTitle"] == "Newer"


# Pages


def test_pages_together_hold_every_study_once_and_the_last_has_no_token(sandbox: Sandbox) -> None:
    assert crawl(sandbox, pageSize=2) == [1, 2, 3, 4, 5]
    assert crawl(sandbox, pageSize=5) == [1, 2, 3, 4, 5]
    assert [call["n_studies"] for call in sandbox.requests] == [2, 2, 1, 5]


def test_the_page_size_is_ten_by_default_and_a_thousand_at_most(sandbox: Sandbox) -> None:
    sandbox.post_studies(study(number) for number in range(1, 1203))
    queries: list[dict[str, Any]] = [{}, {"pageSize": 0}, {"pageSize": 5000}]
    assert [len(ids(get(sandbox, **query))) for query in queries] == [10, 10, 1000]
    assert len(crawl(sandbox, pageSize=5000)) == 1202


@pytest.mark.parametrize("size", ["-1", "ten", "1.5", "", "1" * 5000])
def test_a_page_size_that_is_no_count_is_refused(unchanged: Sandbox, size: str) -> None:
    assert_refused(get(unchanged, pageSize=size), "pageSize")


def test_the_total_is_counted_on_the_first_page_when_asked(sandbox: Sandbox) -> None:
    first = get(sandbox, pageSize=2, countTotal="true").json()
    second = get(sandbox, pageSize=2, countTotal="true", pageToken=first["nextPageToken"]).json()
    assert first["totalCount"] == 5
    assert "totalCount" not in second
    assert "totalCount" not in get(sandbox).json()


def test_a_token_belongs_to_its_query_but_not_to_its_page_size(sandbox: Sandbox) -> None:
    token = get(sandbox, pageSize=2, filter_overallStatus="COMPLETED|RECRUITING").json()["nextPageToken"]
    assert_refused(get(sandbox, pageToken=token), "pageToken")
    assert_refused(get(sandbox, pageToken=token, filter_overallStatus="COMPLETED"), "pageToken")
    same = {"pageToken": token, "filter_overallStatus": "COMPLETED|RECRUITING"}
    assert ids(get(sandbox, pageSize=9, countTotal="true", **same)) == [4]


@pytest.mark.parametrize("token", ["", "abc", "////", "é", "A" * 22])
def test_an_invented_token_is_refused(unchanged: Sandbox, token: str) -> None:
    assert_refused(get(unchanged, pageToken=token), "pageToken")


def test_a_token_of_an_older_data_version_is_refused(sandbox: Sandbox) -> None:
    token = get(sandbox, pageSize=2).json()["nextPageToken"]
    sandbox.remove_study("NCT00000005")
    assert_refused(get(sandbox, pageSize=2, pageToken=token), "pageToken")


def test_studies_are_the_stored_lines_one_to_a_line(sandbox: Sandbox, studies_file: Path) -> None:
    lines = studies_file.read_bytes().splitlines()
    assert get(sandbox).content == b'{"studies":[' + b",\n".join(lines) + b"]}"


def test_lines_that_are_broken_are_found_and_served_as_they_are(tmp_path: Path) -> None:
    not_utf8 = json.dumps(study(8), ensure_ascii=False).encode("latin-1")
    cut = json.dumps(study(9, "2024-09-09")).encode()[:-40]
    worse = b'{"statusModule": {"lastUpdatePostDateStruct": {"date": "2024-10-10"}, "nctId" : "NCT00000010", oops'
    path = tmp_path / "broken.jsonl"
    path.write_bytes(b"\n".join([not_utf8, cut, b"", worse, b"nothing at all"]))
    with Sandbox(studies=path) as sandbox:
        content = get(sandbox).content
        assert content == b'{"studies":[' + b",\n".join([not_utf8, cut, worse, b"nothing at all"]) + b"]}"
        assert get(sandbox, "/studies/NCT00000008").content == not_utf8
        assert get(sandbox, filter_advanced="AREA[LastUpdatePostDate]RANGE[2024-09-01,MAX]").content.count(b"NCT") == 2
        assert ids(get(sandbox, fields="NCTId|hasResults", filter_ids="NCT9,NCT10")) == [9, 10]


def test_bodies_are_gzip_when_the_client_accepts_it(sandbox: Sandbox) -> None:
    encodings = {}
    for accepted in ("gzip, deflate", "br;q=1.0, gzip;q=0.5", "identity", "gzip;q=0", ""):
        answer = requests.get(f"{sandbox.registry_url}/studies", headers={"Accept-Encoding": accepted}, timeout=5)
        encodings[accepted] = answer.headers.get("Content-Encoding")
        assert ids(answer) == [1, 2, 3, 4, 5]
    assert list(encodings.values()) == ["gzip", "gzip", None, None, None]


def test_one_connection_serves_many_requests_without_delay(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        start = time.monotonic()
        for _ in range(50):
            assert session.get(f"{sandbox.registry_url}/version", timeout=5).raw.version == 11
        assert time.monotonic() - start < 1.5


def test_nothing_is_served_on_an_old_connection_after_a_stop(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        address = f"{sandbox.registry_url}/version"
        session.get(address, timeout=5)
        sandbox.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(address, timeout=5)
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url


# Fields, filters, sorting


def test_named_pieces_come_in_the_shape_of_the_study(sandbox: Sandbox) -> None:
    fields = "NCTId|NCTIdAlias,OverallStatus|LastUpdatePostDate|StudyFirstPostDate|HasResults"
    page = get(sandbox, filter_ids="NCT00000004", fields=fields).json()
    status = {
        "overallStatus": "COMPLETED",
        "lastUpdatePostDateStruct": {"date": "2024-06-15"},
        "studyFirstPostDateStruct": {"date": "2019-03"},
    }
    identification = {"nctId": "NCT00000004", "nctIdAliases": ["NCT00000099", "NCT00000098"]}
    protocol = {"identificationModule": identification, "statusModule": status}
    assert page["studies"] == [{"protocolSection": protocol, "hasResults": True}]


def test_a_dotted_path_brings_all_that_is_below_it_through_lists(sandbox: Sandbox) -> None:
    fields = "protocolSection.outcomesModule.primaryOutcomes.timeFrame|protocolSection.designModule"
    [only] = get(sandbox, filter_ids="NCT1", fields=fields).json()["studies"]
    design = {"studyType": "INTERVENTIONAL", "phases": ["PHASE2"]}
    outcomes = {"primaryOutcomes": [{"timeFrame": "1 y"}]}
    assert only == {"protocolSection": {"designModule": design, "outcomesModule": outcomes}}
    assert get(sandbox, "/studies/NCT1", fields="HasResults").json() == {"hasResults": False}
    assert get(sandbox, fields="ResultsSection", pageSize=1).json()["studies"] == [{}]


@pytest.mark.parametrize("name", ["Nonsense", "protocolSection.statusmodule", "hasResults.x", "nctId", ""])
def test_the_first_unknown_field_is_named(unchanged: Sandbox, name: str) -> None:
    assert_refused(get(unchanged, fields=f"NCTId|{name}|AlsoUnknown"), f"'{name}'")


def test_ids_are_found_in_any_spelling_and_by_alias(sandbox: Sandbox) -> None:
    assert ids(get(sandbox, filter_ids="nct5|NCT00000099,NCT000000001|NCT77")) == [1, 4, 5]


@pytest.mark.parametrize("text", ["NCT", "NCT00000000", "NCT123456789", "12345678", "", "NCT1||NCT2"])
def test_an_id_that_is_no_nct_number_is_refused(unchanged: Sandbox, text: str) -> None:
    assert_refused(get(unchanged, filter_ids=text), "NCT number")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("AREA[LastUpdatePostDate]RANGE[2024-01-01,MAX]", [1, 2, 4]),
        ("AREA[LastUpdatePostDate]RANGE[MIN, 2024-01-01]", [1, 5]),
        ("AREA[LastUpdatePostDate]RANGE[2024-06-01,2024-06-01]", [2]),
        ("AREA[LastUpdatePostDate]RANGE[2024-06,2024-06-14]", [2]),
        ("AREA[LastUpdatePostDate]RANGE[MIN,MAX]", [1, 2, 4, 5]),
        ("AREA[LastUpdatePostDate]MISSING", [3]),
        ("AREA[StudyFirstPostDate]RANGE[2019-03-01,2020-12-31]", [1, 4]),
        ("AREA[OverallStatus]COMPLETED", [1, 4]),
        ("AREA[Phase]PHASE3", [3, 5]),
        ("AREA[Phase] (PHASE1 OR PHASE3)", [2, 3, 5]),
        ("NOT AREA[Phase]PHASE3", [1, 2, 4]),
        ("AREA[Phase]PHASE2 NOT AREA[OverallStatus]COMPLETED", [2]),
        ("AREA[Phase]PHASE1 OR AREA[Phase]PHASE3 AND AREA[OverallStatus]UNKNOWN", [2, 5]),
        ("(AREA[Phase]PHASE1 OR AREA[Phase]PHASE3) AND NOT (AREA[OverallStatus]UNKNOWN)", [2, 3]),
        ("AREA[NCTIdAlias]NCT00000098", [4]),
    ],
)
def test_expressions_choose_the_studies_they_describe(unchanged: Sandbox, expression: str, expected: list[int]) -> None:
    assert ids(get(unchanged, filter_advanced=expression)) == expected
    assert ids(get(unchanged, query_term=expression)) == expected


@pytest.mark.parametrize(
    "expression",
    [
        *("", "cancer", "AREA[Nope]X", "AREA[Phase]", "AREA[Phase]RANGE[MIN,MAX]", "AREA[LastUpdatePostDate]2024"),
        *("AREA[LastUpdatePostDate]RANGE[2024]", "AREA[LastUpdatePostDate]RANGE[01/02/2024,MAX]", "(AREA[Phase]PHASE3"),
        *("AREA[Phase]PHASE3)", "AREA[Phase]PHASE3 AND", "AREA[Phase]AND", 'AREA[Phase]"PHASE3"', "NOT"),
        *("AREA[Phase]PHASE3 AREA[Phase]PHASE2", "AREA[LastUpdatePostDate]RANGE[MAX,MIN]"),
    ],
)
def test_any_other_expression_is_refused(unchanged: Sandbox, expression: str) -> None:
    assert_refused(get(unchanged, filter_advanced=expression), "expression")


def test_filters_all_apply_together(sandbox: Sandbox) -> None:
    query = {"filter_overallStatus": "COMPLETED,RECRUITING", "filter_advanced": "AREA[Phase]PHASE2"}
    assert ids(get(sandbox, **query, query_term="AREA[LastUpdatePostDate]RANGE[2024-06,MAX]")) == [2, 4]
    assert_refused(get(sandbox, filter_overallStatus="COMPLETED|DONE"), "'DONE'")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("LastUpdatePostDate", [4, 2, 1, 5, 3]),
        ("LastUpdatePostDate:desc", [4, 2, 1, 5, 3]),
        ("LastUpdatePostDate:asc", [5, 1, 2, 4, 3]),
        ("StudyFirstPostDate:asc", [4, 1, 2, 3, 5]),
        ("StudyFirstPostDate|LastUpdatePostDate:asc", [2, 1, 4, 5, 3]),
    ],
)
def test_studies_are_sorted_by_date_with_the_undated_last(unchanged: Sandbox, order: str, expected: list[int]) -> None:
    assert crawl(unchanged, sort=order, pageSize=2) == expected


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"filter.phase": "PHASE3"}, "`filter.phase` is unknown parameter"),
        ({"pagesize": "10"}, "`pagesize`"),
        ({"query.cond": "cancer"}, "`query.cond`"),
        ({"format": "csv"}, "'csv'"),
        ({"markupFormat": "html"}, "'html'"),
        ({"countTotal": "yes"}, "'yes'"),
        ({"sort": "EnrollmentCount"}, "'EnrollmentCount'"),
        ({"sort": "LastUpdatePostDate:up"}, "'LastUpdatePostDate:up'"),
    ],
)
def test_a_parameter_that_is_unknown_or_wrong_is_named(unchanged: Sandbox, query: dict[str, str], named: str) -> None:
    assert_refused(requests.get(f"{unchanged.registry_url}/studies", params=query, timeout=5), named)


def test_the_markup_and_json_formats_are_accepted(sandbox: Sandbox) -> None:
    assert len(ids(get(sandbox, format="json", markupFormat="legacy"))) == 5


# One study, sizes, anything else


def test_a_study_is_served_by_its_id_in_any_spelling(sandbox: Sandbox) -> None:
    for name in ("NCT00000002", "nct00000002", "Nct2", "NCT0000000002"):
        assert get(sandbox, f"/studies/{name}").json() == STUDIES[1]


def test_an_alias_redirects_to_the_current_id(sandbox: Sandbox) -> None:
    answer = get(sandbox, "/studies/nct99", fields="NCTId")
    assert answer.status_code == 301
    assert answer.headers["Location"].endswith("/api/v2/studies/NCT00000004?fields=NCTId")
    followed = requests.get(f"{sandbox.registry_url}/studies/NCT00000098", timeout=5)
    assert followed.json() == STUDIES[3]


def test_a_study_that_is_not_there_is_404_and_a_bad_id_is_400(sandbox: Sandbox) -> None:
    assert_refused(get(sandbox, "/studies/NCT00000077"), "NCT00000077", status=404)
    assert_refused(get(sandbox, "/studies/NCT00000000"), "NCT number")


def test_sizes_are_those_of_the_lines(sandbox: Sandbox, studies_file: Path) -> None:
    lengths = [len(line) for line in studies_file.read_bytes().splitlines()]
    sizes = get(sandbox, "/stats/size").json()
    assert sizes["totalStudies"] == 5
    assert sizes["averageSizeBytes"] == sum(lengths) // 5
    assert sizes["largestStudies"][0] == {"id": "NCT00000004", "sizeBytes": max(lengths)}
    assert sizes["percentiles"]["50"] == sorted(lengths)[2]
    assert sum(part["studiesCount"] for part in sizes["ranges"]) == 5


def test_other_paths_and_methods_are_refused_in_plain_text(sandbox: Sandbox) -> None:
    for path in ("/nothing", "/studies/metadata", "/studies/NCT1/history", ""):
        assert_refused(get(sandbox, path), "", status=404)
    assert_refused(requests.post(f"{sandbox.registry_url}/studies", timeout=5), "Method", status=405)
    assert_refused(requests.get(f"{sandbox.url}/elsewhere", timeout=5), "", status=404)


# Control


def control(sandbox: Sandbox, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, f"{sandbox.url}/_sandbox{path}", timeout=5, **options)


def test_calls_to_sites_are_recorded_and_calls_to_controls_are_not(sandbox: Sandbox) -> None:
    get(sandbox, pageSize=2, filter_overallStatus="COMPLETED")
    get(sandbox, "/studies/NCT77")
    expected = [
        {
            **{"method": "GET", "path": "/api/v2/studies", "status": 200, "n_studies": 2, "fault": None},
            "query": {"pageSize": "2", "filter.overallStatus": "COMPLETED"},
        },
        {
            **{"method": "GET", "path": "/api/v2/studies/NCT77", "status": 404, "n_studies": 0, "fault": None},
            "query": {},
        },
    ]
    assert control(sandbox, "GET", "/requests").json() == expected == sandbox.requests
    assert control(sandbox, "DELETE", "/requests").status_code == 200
    assert sandbox.requests == []


@pytest.mark.parametrize("as_array", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_posted_studies_are_added_or_replace_those_with_their_id(
    sandbox: Sandbox, as_array: bool, zipped: bool
) -> None:
    new = [study(2, "2024-11-11"), study(6, "2024-10")]
    body = json.dumps(new) if as_array else "\n".join(map(json.dumps, new))
    data = gzip.compress(body.encode()) if zipped else body.encode()
    answer = control(sandbox, "POST", "/studies", data=data).json()
    assert answer == {"studies": 6, "dataTimestamp": timestamp(sandbox)}
    assert answer["dataTimestamp"].startswith("2024-11-11T")
    assert crawl(sandbox, pageSize=4) == [1, 2, 3, 4, 5, 6]
    assert get(sandbox, "/studies/NCT2").json() == new[0]


def test_a_posted_line_may_be_broken_but_a_posted_array_may_not(sandbox: Sandbox) -> None:
    sandbox.post_studies(['{"nctId":"NCT00000033"', b'"nctId":"NCT00000034" \xff'])
    assert b'"nctId":"NCT00000034" \xff' in get(sandbox, filter_ids="NCT34").content
    for data in (b'[{"nctId"', b"\x1f\x8bnot gzip"):
        assert_refused(control(sandbox, "POST", "/studies", data=data), "")


def test_a_study_is_removed_once(sandbox: Sandbox) -> None:
    before = timestamp(sandbox)
    answer = control(sandbox, "DELETE", "/studies/NCT00000001").json()
    assert answer["studies"] == 4
    assert answer["dataTimestamp"] == timestamp(sandbox) != before
    assert_refused(control(sandbox, "DELETE", "/studies/NCT00000001"), "No such study", status=404)
    with pytest.raises(KeyError):
        sandbox.remove_study("NCT00000001")


def test_an_unknown_control_is_404(sandbox: Sandbox) -> None:
    assert_refused(control(sandbox, "GET", "/nothing"), "No such control", status=404)


# Faults


def test_every_fault_is_described_in_one_sentence_and_listed_with_its_state(sandbox: Sandbox) -> None:
    assert all(re.fullmatch(r"[A-Z].*\.", text) for text in FAULTS.values())
    control(sandbox, "POST", "/faults", json={"name": "blocked", "times": None, "after": 3})
    listing = {entry["name"]: entry for entry in control(sandbox, "GET", "/faults").json()}
    assert {name: entry["description"] for name, entry in listing.items()} == FAULTS
    assert [name for name, entry in listing.items() if entry["active"]] == ["blocked"]
    assert listing["blocked"]["active"] == [{"times": None, "after": 3}]
    control(sandbox, "DELETE", "/faults")
    assert not any(entry["active"] for entry in sandbox.faults.listing())


@pytest.mark.parametrize("fault", [{"name": "nope"}, {"name": "re"}, {"name": ""}, {"times": 1}, {"name": 5}, []])
def test_a_fault_that_is_unknown_is_refused(sandbox: Sandbox, fault: Any) -> None:
    assert_refused(control(sandbox, "POST", "/faults", json=fault), "Not a fault")


@pytest.mark.parametrize("numbers", [{"times": 0}, {"times": "2"}, {"after": -1}, {"after": None}, {"times": True}])
def test_a_fault_with_bad_numbers_is_refused(sandbox: Sandbox, numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="whole number"):
        sandbox.add_fault("blocked", **numbers)


@pytest.mark.parametrize(
    ("name", "status", "retry_after", "kind"),
    [
        ("rate_limited", 429, None, "text/plain"),
        ("server_error", 500, None, "text/plain"),
        ("unavailable", 503, "1", "text/plain"),
        ("blocked", 403, None, "text/html"),
    ],
)
def test_a_refusal_happens_on_any_request_as_often_as_asked(
    studies_file: Path, name: str, status: int, retry_after: str | None, kind: str
) -> None:
    with Sandbox(studies=studies_file, faults=[{"name": name, "times": 2, "after": 1}]) as sandbox:
        answers = [get(sandbox, path) for path in ("/version", "/version", "/studies", "/studies")]
        assert [answer.status_code for answer in answers] == [200, status, status, 200]
        assert answers[1].headers.get("Retry-After") == retry_after
        assert answers[1].headers["Content-Type"].startswith(kind)
        assert [call["fault"] for call in sandbox.requests] == [None, name, name, None]


def test_a_fault_given_by_name_happens_once_and_one_without_times_always(studies_file: Path) -> None:
    with Sandbox(studies=studies_file, faults=["rate_limited"]) as sandbox:
        assert [get(sandbox).status_code for _ in range(3)] == [429, 200, 200]
        sandbox.add_fault("server_error", times=None)
        assert [get(sandbox).status_code for _ in range(3)] == [500, 500, 500]
    with pytest.raises(ValueError, match="unknown fault"):
        Sandbox(faults=["nope"])


def test_a_reset_cuts_the_connection_in_the_middle_of_a_page(sandbox: Sandbox) -> None:
    sandbox.add_fault("reset", times=2)
    assert get(sandbox, "/version").status_code == 200
    for _ in range(2):
        with pytest.raises(requests.RequestException, match=r"reset by peer"):
            get(sandbox)
    assert ids(get(sandbox)) == [1, 2, 3, 4, 5]
    assert [(call["fault"], call["n_studies"]) for call in sandbox.requests[1:3]] == [("reset_mid_body", 0)] * 2


def test_truncated_json_only_shows_in_the_content(sandbox: Sandbox) -> None:
    whole = get(sandbox).content
    sandbox.add_fault("truncated_json")
    cut = get(sandbox)
    assert (cut.status_code, cut.headers["Content-Type"]) == (200, "application/json")
    assert cut.content == whole[: len(whole) // 2]
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        cut.json()
    assert get(sandbox).content == whole


def test_a_block_page_may_come_with_status_200(sandbox: Sandbox) -> None:
    sandbox.add_fault("html_at_200")
    assert get(sandbox, "/version").headers["Content-Type"] == "application/json"
    page = get(sandbox)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("pages", [1, 2])
def test_a_refresh_in_the_middle_of_a_crawl_comes_after_so_many_pages(sandbox: Sandbox, pages: int) -> None:
    sandbox.add_fault("refresh_mid_crawl", after=pages)
    before, query = timestamp(sandbox), dict[str, Any](pageSize=1)
    for _ in range(pages):
        assert timestamp(sandbox) == before
        query["pageToken"] = get(sandbox, **query).json()["nextPageToken"]
    assert timestamp(sandbox) != before
    assert_refused(get(sandbox, **query), "pageToken")
    assert crawl(sandbox, pageSize=1) == [1, 2, 3, 4, 5]


def test_a_refresh_in_the_middle_of_a_crawl_brings_the_pending_studies(sandbox: Sandbox) -> None:
    before = timestamp(sandbox)
    pending = json.dumps(study(6, "2024-12-01"))
    answer = control(sandbox, "POST", "/studies?pending=1", data=pending.encode()).json()
    assert answer == {"studies": 5, "dataTimestamp": before}
    sandbox.post_studies([study(7)], pending=True)
    sandbox.add_fault("refresh_mid_crawl")
    assert len(ids(get(sandbox, pageSize=3))) == 3
    assert crawl(sandbox, pageSize=3) == [1, 2, 3, 4, 5, 6, 7]
    assert timestamp(sandbox).startswith("2024-12-01T")


def test_a_study_vanishes_between_two_requests(sandbox: Sandbox) -> None:
    sandbox.add_fault("study_vanishes")
    before = timestamp(sandbox)
    assert ids(get(sandbox)) == [1, 2, 3, 4, 5]
    assert ids(get(sandbox)) == [1, 2, 3, 4]
    assert get(sandbox, "/studies/NCT5").status_code == 404
    assert timestamp(sandbox) != before


def test_a_valid_token_is_refused_once(sandbox: Sandbox) -> None:
    sandbox.add_fault("bad_token")
    token = get(sandbox, pageSize=3).json()["nextPageToken"]
    assert_refused(get(sandbox, pageSize=3, pageToken=token), "pageToken")
    assert ids(get(sandbox, pageSize=3, pageToken=token)) == [4, 5]


def test_a_full_last_page_may_carry_a_token_to_an_empty_page(sandbox: Sandbox) -> None:
    sandbox.add_fault("token_on_full_last_page", times=None)
    first = get(sandbox, pageSize=5).json()
    assert get(sandbox, pageSize=5, pageToken=first["nextPageToken"]).json() == {"studies": []}
    assert "nextPageToken" not in get(sandbox, pageSize=6).json()


def test_a_slow_page_is_late_and_whole(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cto.sandbox.server.SLOW_SECONDS", 0.1)
    sandbox.add_fault("slow")
    start = time.monotonic()
    assert ids(get(sandbox)) == [1, 2, 3, 4, 5]
    assert time.monotonic() - start >= 0.1


def test_an_endless_body_goes_on_until_the_client_closes(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    sandbox.add_fault("endless_body")
    with requests.get(f"{sandbox.registry_url}/studies", stream=True, timeout=5) as answer:
        assert answer.status_code == 200
        received = 0
        for chunk in answer.iter_content(1 << 20):
            received += len(chunk)
            if received > 20_000_000:
                break
    assert ids(get(sandbox)) == [1, 2, 3, 4, 5]
    assert capfd.readouterr().err == ""


def test_an_endless_body_has_a_bound(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cto.sandbox.server.ENDLESS_BYTES", 1_000_000)
    sandbox.add_fault("endless_body")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(sandbox)


# Further sites


class EchoSite(Site):
    """Answers with the path it was called at, as a page of one record."""

    faults = MappingProxyType({"deaf": "The site answers nothing."})

    def __init__(self, sandbox: Sandbox) -> None:
        self._board = sandbox.faults

    def handle(self, request: Request) -> Response:
        return Response(body=b"" if self._board.take("deaf") else request.path.encode(), n_records=1)

    def control(self, request: Request) -> Response | None:
        return json_response("echo") if request.path == "/echo" else None


def test_a_mounted_site_is_served_beside_the_registry_with_its_faults_and_controls(sandbox: Sandbox) -> None:
    sandbox.mount("/echo/", EchoSite(sandbox))
    sandbox.mount("/api/v2/inner", EchoSite(sandbox))
    for fault in ("deaf", "html_at_200"):
        sandbox.add_fault(fault)
    answers = [requests.get(f"{sandbox.url}/echo/a/b", timeout=5).text for _ in range(3)]
    assert (answers[0][:9], answers[1:]) == ("<!DOCTYPE", ["/a/b", "/a/b"])
    assert get(sandbox, "/inner/c").text == "/c"
    assert ids(get(sandbox)) == [1, 2, 3, 4, 5]
    assert control(sandbox, "POST", "/echo").json() == "echo"
    assert sandbox.faults.listing()[-1]["name"] == "deaf"


# Without a server


def test_the_index_trusts_the_identification_over_other_ids_in_the_line() -> None:
    status = {"expandedAccessInfo": {"nctId": "NCT00000009"}}
    identification = {"nctId": "NCT00000001", "nctIdAliases": [7]}
    line = {"protocolSection": {"statusModule": status, "identificationModule": identification}}
    indexed = index_line(json.dumps(line, indent=1).encode())
    assert (indexed.nct_id, dict(indexed.pieces)) == ("NCT00000001", {"NCTId": "NCT00000001"})


def test_a_study_missing_a_date_is_in_no_range_but_in_its_opposite() -> None:
    undated = index_line(json.dumps(STUDIES[2]).encode())
    assert not parse_expression("AREA[LastUpdatePostDate]RANGE[MIN,MAX]")(undated)
    assert parse_expression("NOT AREA[LastUpdatePostDate]RANGE[MIN,MAX]")(undated)
    assert not parse_expression("AREA[HasResults]MISSING")(undated)


def test_a_body_of_lines_keeps_their_bytes() -> None:
    assert body_lines(b'{"a" : 1}\r\n\n{"b":\xff}') == [b'{"a" : 1}', b'{"b":\xff}']


@pytest.mark.skipif(not REAL_STUDIES.exists(), reason="needs ../shared/data")
def test_real_studies_are_served_byte_for_byte_in_seconds() -> None:
    with gzip.open(REAL_STUDIES) as file:
        lines = [line.rstrip(b"\n") for line in file]
    with Sandbox(studies=REAL_STUDIES) as sandbox, requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        query, start = {"pageSize": "1000"}, time.monotonic()
        served: list[bytes] = []
        while True:
            page = session.get(f"{sandbox.registry_url}/studies", params=query, timeout=30).content
            head, _, token = page.rpartition(b"]")
            served += head.removeprefix(b'{"studies":[').split(b",\n")
            if token == b"}":
                break
            query["pageToken"] = json.loads(b"{" + token[1:])["nextPageToken"]
        assert time.monotonic() - start < 10
    assert served == lines
