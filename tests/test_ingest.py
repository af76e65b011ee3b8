"""A source is brought up to date against the registry's real protocol, whatever goes wrong on the way."""

import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

import connectors.clinicaltrials_gov as connector
from cto import pipeline, release, snapshot
from cto.diff import diff
from cto.http import BlockedError, Http, SourceError
from cto.ingest import Ingested
from cto.lake import Lake
from cto.plan import plan
from cto.sandbox import Sandbox
from cto.settings import Settings
from cto.status import lines, status

SOURCE = "clinicaltrials_gov"
AS_OF = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
PAGE_SIZE = 10
N_STUDIES = 50
LAST_UPDATE = date(2003, 10, 20)
FIRST_YEARS = (1999, 2001, 2003)

Json = dict[str, Any]


def study(number: int, updated: str | None = "", p_value: str = "0.01", **changes: Any) -> Json:
    """Return a small ended trial; every third number has a posted primary analysis, and so votes.

    ``updated`` defaults to one of the 20 days up to ``LAST_UPDATE``; None leaves the date out.
    """
    day = str(LAST_UPDATE - timedelta(days=number % 20)) if updated == "" else updated
    has_results = number % 3 == 0
    status = {
        "overallStatus": "COMPLETED",
        "completionDateStruct": {"date": "2002-01"},
        "studyFirstPostDateStruct": {"date": f"{FIRST_YEARS[number % len(FIRST_YEARS)]}-03-04"},
        **({"resultsFirstPostDateStruct": {"date": "2003-05-06"}} if has_results else {}),
        **({"lastUpdatePostDateStruct": {"date": day}} if day else {}),
        **changes.get("status", {}),
    }
    analysis = {"groupIds": ["OG000", "OG001"], "pValue": p_value, "statisticalMethod": "Log Rank"}
    measure = {"type": "PRIMARY", "title": "Survival", "reportingStatus": "POSTED", "analyses": [analysis]}
    measure |= {"groups": [{"id": "OG000", "title": f"Drug {number}"}, {"id": "OG001", "title": "Placebo"}]}
    return {
        "protocolSection": {
            "identificationModule": {
                "nctId": nct(number),
                "briefTitle": changes.get("title", f"Étude {number}"),
                "nctIdAliases": changes.get("aliases", []),
            },
            "statusModule": {name: value for name, value in status.items() if value is not None},
            "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE3"]},
            "armsInterventionsModule": {"interventions": [{"type": "DRUG", "name": f"Drug {number}"}]},
        },
        **({"resultsSection": {"outcomeMeasuresModule": {"outcomeMeasures": [measure]}}} if has_results else {}),
        "hasResults": has_results,
    }


def nct(number: int) -> str:
    return f"NCT{number:08d}"


def studies(n: int = N_STUDIES) -> list[Json]:
    return [study(number) for number in range(1, n + 1)]


@dataclass
class Nights:
    """A registry, a lake that is fed from it night by night, and what the nights asked for and left."""

    sandbox: Sandbox
    home: Path

    def fetch(self, **options: bool) -> Ingested:
        """Run a night's first stage."""
        self.sandbox.clear_requests()
        [source] = pipeline.sources([SOURCE], self._settings())
        return pipeline.ingest_source(
            pipeline.open_lake(self._settings()), self._settings(), source, lambda: NOW, options
        )

    def run(self) -> pipeline.Night:
        """Run a whole night, up to the release."""
        self.sandbox.clear_requests()
        return pipeline.refresh(self._settings(), ["clinicaltrials_gov"], now=lambda: NOW)

    def publish(self) -> release.Release:
        """Run a whole night in which no source fails; return the release."""
        night = self.run()
        assert night.failures == {}
        return night.release

    def latest(self) -> release.Release:
        found = release.latest(self.lake)
        assert found
        return found

    def _settings(self) -> Settings:
        return Settings(str(self.home), AS_OF, {SOURCE: self.sandbox.registry_url}, backoff=0.001)

    @property
    def lake(self) -> Lake:
        return Lake(str(self.home))

    @property
    def snapshot(self) -> snapshot.Snapshot:
        found = snapshot.load(self.lake, SOURCE)
        assert found
        return found

    def state(self) -> Json:
        return dict(status(self.lake, NOW)["sources"][SOURCE])

    def core(self) -> dict[str, bytes]:
        """Return the core tables' files, built from what was fetched last.

        Of the studies it is the rows without the day a field has been known since: that follows from the versions that
        were fetched before, too.
        """
        planned = plan(self.lake, AS_OF)
        pipeline.build(self.lake, planned)
        files = {file.name: file for file in sorted((self.home / planned.core.manifest).parent.glob("*.parquet"))}
        known_since = "select columns(c -> not regexp_matches(c, '_known_')) from read_parquet(?) order by all"
        rows = duckdb.execute(known_since, [str(files.pop("core_study.parquet"))]).fetchall()
        return {name: file.read_bytes() for name, file in files.items()} | {"core_study": repr(rows).encode()}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the core tables, built from what was fetched last, and, after a whole night, the published ones."""
        planned = plan(self.lake, AS_OF)
        pipeline.build(self.lake, planned)
        with duckdb.connect() as con:
            for stage in (planned.core, planned.label) if planned.fit and planned.annotations else (planned.core,):
                for file in (self.home / stage.manifest).parent.glob("*.parquet"):
                    con.read_parquet(str(file)).create_view(file.stem)
            return con.execute(sql).fetchall()

    def ids(self, where: str = "true") -> set[str]:
        return {nct_id for (nct_id,) in self.rows(f"select nct_id from core_study where {where}")}

    def asked(self) -> list[Json]:
        """Return the last night's calls for pages of studies that were answered well."""
        return [call for call in self.sandbox.requests if call["path"].endswith("/studies") and call["status"] == 200]

    def windows(self) -> Counter[str]:
        """Count the last night's pages by filter; the list of identifiers has the filter "listing"."""
        return Counter(window(call) for call in self.asked())

    def files(self, folder: str = "") -> dict[str, tuple[int, int]]:
        """Return the lake's files, but for locks, with their time and size."""
        return {
            str(path.relative_to(self.home)): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in (self.home / folder).rglob("*")
            if path.is_file() and path.parent.name != "locks"
        }


def window(call: Json) -> str:
    query = call["query"]
    return str(query.get("filter.advanced") or query.get("filter.ids") or "listing")


def first_posted(first: object, last: object) -> str:
    return f"AREA[StudyFirstPostDate]RANGE[{first},{last}]"


def updated_since(day: str) -> str:
    return f"AREA[LastUpdatePostDate]RANGE[{day},MAX]"


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "PAGE_SIZE", PAGE_SIZE)


Serve = Callable[[Iterable[Json]], Nights]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return what starts a registry of some studies beside an empty lake."""
    running: list[Sandbox] = []

    def start(records: Iterable[Json]) -> Nights:
        running.append(Sandbox().start())
        running[-1].post_studies(list(records))
        return Nights(running[-1], tmp_path / f"lake{len(running)}")

    yield start
    for sandbox in running:
        sandbox.stop()


@dataclass(frozen=True)
class Expected:
    """What a first night without any fault leaves and asks for."""

    home: Path
    state: str
    core: Mapping[str, bytes]
    content_hash: str
    windows: Counter[str]

    @classmethod
    def of(cls, records: Iterable[Json], home: Path) -> "Expected":
        with pytest.MonkeyPatch.context() as patch, Sandbox() as sandbox:
            patch.setattr(connector, "PAGE_SIZE", PAGE_SIZE)
            sandbox.post_studies(list(records))
            nights = Nights(sandbox, home)
            content_hash = nights.publish().manifest["content_hash"]
            return cls(home, nights.snapshot.state, nights.core(), content_hash, nights.windows())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    return Expected.of(studies(), tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture(scope="module")
def undisturbed_after_changes(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    return Expected.of([*studies(), *CHANGES], tmp_path_factory.mktemp("changed"))


@pytest.fixture
def nights(serve: Serve, undisturbed: Expected) -> Nights:
    """Return nights of which the first is to come, with the rows of the pages that it will see parsed already."""
    none_yet = serve(studies())
    shutil.copytree(undisturbed.home / "parts", none_yet.home / "parts")
    return none_yet


@pytest.fixture
def settled(serve: Serve, undisturbed: Expected) -> Nights:
    """Return nights of which the first has passed."""
    after_one = serve(studies())
    shutil.copytree(undisturbed.home, after_one.home)
    return after_one


ALL = {nct(number) for number in range(1, N_STUDIES + 1)}
CHANGES = (
    study(20, "2003-10-20", title="Renamed"),  # on a day that the first crawl saw
    study(30, "2003-10-21", p_value="0.9"),
    study(48, "2003-10-21", status={"overallStatus": "TERMINATED"}),
    study(51, "2003-10-21"),
    study(52, "2003-10-21", status={"studyFirstPostDateStruct": {"date": "2003-10-21"}}),
)


# The first crawl


def test_the_first_crawl_brings_every_study_and_its_votes(serve: Serve) -> None:
    nights = serve(studies())
    night = nights.run()
    assert night.is_new
    assert nights.ids("not is_removed") == nights.ids() == ALL
    voted = {nct_id for (nct_id,) in nights.rows("select nct_id from votes where label_function = 'primary_p_value'")}
    assert voted == {nct(number) for number in range(3, N_STUDIES + 1, 3)}
    assert night.ingested[SOURCE].notes == ()


def test_the_first_crawl_has_a_window_a_year_and_asks_for_every_page_once(serve: Serve) -> None:
    nights = serve([*studies(), study(51, status={"studyFirstPostDateStruct": None})])
    nights.fetch()
    assert set(nights.windows()) == {
        first_posted("MIN", "1999-12-31"),
        *(first_posted(f"{year}-01-01", f"{year}-12-31") for year in range(2000, 2003)),
        first_posted("2003-01-01", "MAX"),
        "AREA[StudyFirstPostDate]MISSING",
    }
    assert sum(call["n_studies"] for call in nights.asked()) == 51
    assert {call["query"]["pageSize"] for call in nights.asked()} == {str(PAGE_SIZE)}
    assert len({str(call["query"]) for call in nights.asked()}) == len(nights.asked())
    assert nights.ids() == {*ALL, nct(51)}


IN_ONE_YEAR = {"studyFirstPostDateStruct": {"date": "2000-05-05"}}


def test_pages_of_the_real_size_hold_a_thousand(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "PAGE_SIZE", 1000)
    nights = serve(study(number, status=IN_ONE_YEAR) for number in range(1, 2502))
    nights.fetch()
    assert [call["n_studies"] for call in nights.asked() if call["n_studies"]] == [1000, 1000, 501]
    assert len(nights.ids()) == 2501


@pytest.mark.parametrize("has_empty_end", [False, True])
def test_a_last_page_that_is_just_full_ends_its_window(serve: Serve, has_empty_end: bool) -> None:
    nights = serve(study(number, status=IN_ONE_YEAR) for number in range(1, 2 * PAGE_SIZE + 1))
    if has_empty_end:
        nights.sandbox.add_fault("token_on_full_last_page")
    assert nights.fetch().notes == ()
    assert nights.windows()[first_posted("2000-01-01", "2000-12-31")] == 2 + has_empty_end
    assert len(nights.ids()) == 2 * PAGE_SIZE


def test_the_order_on_the_server_does_not_matter_to_the_content(serve: Serve, undisturbed: Expected) -> None:
    shuffled = random.Random(7).sample(studies(), N_STUDIES)
    assert shuffled != studies()
    assert serve(shuffled).publish().manifest["content_hash"] == undisturbed.content_hash


# Faults that end


@pytest.mark.parametrize(
    ("fault", "times", "after"),
    [
        ("rate_limited", 4, 0),
        ("rate_limited", 4, 12),
        ("server_error", 4, 5),
        ("unavailable", 1, 9),
        ("reset_mid_body", 4, 0),
        ("reset_mid_body", 4, 8),
        ("truncated_json", 4, 8),
        ("html_at_200", 4, 8),
    ],
)
def test_a_fault_that_ends_leaves_no_trace(
    nights: Nights, undisturbed: Expected, fault: str, times: int, after: int
) -> None:
    nights.sandbox.add_fault(fault, times=times, after=after)
    found = nights.fetch()
    assert found.n_retries == sum(call["fault"] == fault for call in nights.sandbox.requests) == times
    assert nights.snapshot.state == undisturbed.state


def test_a_slow_answer_is_waited_for(nights: Nights, undisturbed: Expected) -> None:
    nights.sandbox.add_fault("slow", times=2, after=3)
    assert nights.fetch().n_retries == 0
    assert nights.snapshot.state == undisturbed.state


def test_all_faults_in_one_night_leave_no_trace(nights: Nights, undisturbed: Expected) -> None:
    faults = ("rate_limited", "server_error", "reset_mid_body", "truncated_json", "html_at_200", "bad_token")
    for number, fault in enumerate(faults):
        nights.sandbox.add_fault(fault, times=2, after=3 * number % 8)
    nights.sandbox.add_fault("refresh_mid_crawl", after=6)
    published = nights.publish()
    assert nights.core() == undisturbed.core
    assert published.manifest["content_hash"] == undisturbed.content_hash


# Page tokens and refreshes


@pytest.mark.parametrize("after", [0, 2])
def test_a_refused_token_restarts_its_window_and_not_the_crawl(
    nights: Nights, undisturbed: Expected, after: int
) -> None:
    nights.sandbox.add_fault("bad_token", after=after)
    found = nights.fetch()
    assert nights.snapshot.state == undisturbed.state
    [refused] = [window(call) for call in nights.sandbox.requests if call["status"] == 400]
    assert nights.windows() - undisturbed.windows == Counter({refused: 1})
    [note] = found.notes
    assert refused in note
    assert "starting this window again" in note


def test_a_token_that_is_always_refused_is_given_up_with_its_window_named(nights: Nights) -> None:
    nights.sandbox.add_fault("bad_token", times=None)
    with pytest.raises(SourceError, match=r"RANGE\[MIN,1999-12-31\].*incomplete after 5 starts"):
        nights.fetch()


@pytest.mark.parametrize("is_refreshed", [False, True], ids=["same data", "data refreshed since"])
def test_a_crawl_given_up_over_its_tokens_succeeds_once_they_work(nights: Nights, is_refreshed: bool) -> None:
    nights.sandbox.add_fault("bad_token", times=None)
    with pytest.raises(SourceError):
        nights.fetch()
    nights.sandbox.faults.clear()
    nights.sandbox.post_studies([study(51, "2003-10-21")] if is_refreshed else [])
    nights.fetch()
    assert nights.ids() == (ALL | {nct(51)} if is_refreshed else ALL)


@pytest.mark.parametrize("after", [1, 3, 7, 9])
def test_a_refresh_during_the_crawl_is_caught_up_with(
    nights: Nights, undisturbed_after_changes: Expected, after: int
) -> None:
    nights.sandbox.post_studies(CHANGES, pending=True)
    nights.sandbox.add_fault("refresh_mid_crawl", after=after)
    found = nights.fetch()
    assert nights.core() == undisturbed_after_changes.core
    assert any("the registry was refreshed during the crawl" in note for note in found.notes)
    assert found.snapshot.watermark["data_timestamp"].startswith("2003-10-21")
    more = nights.windows() - undisturbed_after_changes.windows
    assert more.pop(updated_since("2003-10-19")) <= 3
    assert more.total() <= 1, "the window in which it happened is begun again, and no other"


def test_a_registry_that_never_stands_still_is_given_up_until_it_does(nights: Nights) -> None:
    nights.sandbox.add_fault("refresh_mid_crawl", times=None)
    with pytest.raises(SourceError, match="run again later"):
        nights.fetch()
    nights.sandbox.faults.clear()
    nights.fetch()
    assert nights.ids() == ALL


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_study_that_vanishes_during_the_crawl_is_not_held_or_held_as_removed(nights: Nights, after: int) -> None:
    nights.sandbox.add_fault("study_vanishes", after=after)
    nights.fetch()
    last = nct(N_STUDIES)  # posted in 2003, which is read with the seventh and eighth page
    assert nights.ids("not is_removed") == ALL - {last}
    assert nights.ids("is_removed") == ({last} if after == 9 else set())


# Faults that do not end


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("rate_limited", "gave up after 5 tries; last failure: HTTP 429"),
        ("server_error", "gave up after 5 tries; last failure: HTTP 500"),
        ("reset_mid_body", "gave up after 5 tries; last failure: .*(reset|broken)"),
        ("truncated_json", "gave up after 5 tries; last failure: BadBodyError: not JSON"),
        ("html_at_200", "gave up after 5 tries; last failure: BadBodyError.*<!DOCTYPE html>"),
        ("blocked", "HTTP 403: the source blocks this client"),
        ("endless_body", "the answer is larger than 100000 bytes"),
    ],
)
def test_a_fault_that_lasts_is_reported_and_leaves_what_was_there(
    settled: Nights, monkeypatch: pytest.MonkeyPatch, fault: str, said: str
) -> None:
    published = settled.latest()
    monkeypatch.setattr(pipeline, "Http", lambda **given: Http(**given | {"max_bytes": 100_000}))
    before, kept = settled.snapshot, settled.files("releases")
    settled.sandbox.post_studies(CHANGES)
    settled.sandbox.add_fault(fault, times=None)

    night = settled.run()
    failure = night.failures[SOURCE]
    assert re.search(said, str(failure))
    assert isinstance(failure, BlockedError) == (fault == "blocked")
    assert (night.is_new, night.release) == (False, published)
    assert settled.snapshot == before
    assert settled.files("releases") == kept
    assert settled.state()["last_failure"] == {"at": NOW.isoformat(timespec="seconds"), "error": str(failure)}
    assert any(line.strip().startswith(f"FAILED {NOW:%Y-%m-%d}") for line in lines(status(settled.lake, NOW)))

    settled.sandbox.faults.clear()
    settled.fetch()
    assert settled.state()["last_failure"] is None
    assert settled.state()["crawl_under_way_since"] is None
    assert settled.ids() == {*ALL, nct(51), nct(52)}


def test_a_first_crawl_that_is_blocked_publishes_nothing_and_says_so(nights: Nights) -> None:
    nights.sandbox.add_fault("blocked", times=None, after=9)
    with pytest.raises(BlockedError):
        nights.run()
    assert [call["status"] for call in nights.sandbox.requests] == [200] * 9 + [403]
    assert nights.lake.pointer(release.LATEST) is None
    assert snapshot.load(nights.lake, SOURCE) is None
    found = nights.state()
    assert "blocks this client" in found["last_failure"]["error"]
    assert found["crawl_under_way_since"] == NOW.isoformat(timespec="seconds")
    assert found["fetched_at"] is None


def test_a_failure_is_forgotten_after_an_unchanged_night_too(settled: Nights) -> None:
    settled.sandbox.add_fault("blocked")
    with pytest.raises(BlockedError):
        settled.fetch()
    assert settled.state()["last_failure"]
    settled.fetch()
    assert settled.state()["last_failure"] is None


# Going on where a crawl stopped


def queries(nights: Nights) -> list[str]:
    return [str(sorted(call["query"].items())) for call in nights.asked()]


@pytest.mark.parametrize("after", [2, 5, 8, 12, 13])
def test_a_crawl_that_failed_goes_on_and_asks_for_no_stored_page(
    nights: Nights, undisturbed: Expected, after: int
) -> None:
    nights.sandbox.add_fault("blocked", times=None, after=after)
    with pytest.raises(BlockedError):
        nights.fetch()
    stored = queries(nights)
    assert len(stored) == min(max(after - 3, 0), undisturbed.windows.total())
    nights.sandbox.faults.clear()
    nights.fetch()
    assert nights.snapshot.state == undisturbed.state
    assert set(stored).isdisjoint(queries(nights))
    assert len(stored) + len(queries(nights)) == undisturbed.windows.total()


def test_a_crawl_that_fails_every_night_still_arrives(nights: Nights, undisturbed: Expected) -> None:
    for _ in range(3):
        nights.sandbox.add_fault("blocked", after=5)
        with pytest.raises(BlockedError):
            nights.fetch()
    nights.fetch()
    assert nights.snapshot.state == undisturbed.state


@pytest.mark.parametrize("after", [4, 8, 13])
def test_a_crawl_that_goes_on_after_a_refresh_keeps_its_finished_windows(
    nights: Nights, undisturbed_after_changes: Expected, after: int
) -> None:
    nights.sandbox.add_fault("blocked", times=None, after=after)
    with pytest.raises(BlockedError):
        nights.fetch()
    begun = list(dict.fromkeys(window(call) for call in nights.asked()))
    nights.sandbox.faults.clear()
    nights.sandbox.post_studies(CHANGES)
    nights.fetch()
    assert nights.core() == undisturbed_after_changes.core
    assert set(begun[:-1]).isdisjoint(nights.windows())


def test_a_crawl_cut_short_by_a_refresh_every_night_still_arrives(serve: Serve) -> None:
    nights = serve(study(number, status=IN_ONE_YEAR) for number in range(1, 61))
    for number in range(61, 68):  # each night gets a page further into the year, then the registry is refreshed
        nights.sandbox.add_fault("blocked", times=None, after=6 if number == 61 else 4)
        with pytest.raises(SourceError):
            nights.fetch()
        nights.sandbox.faults.clear()
        nights.sandbox.post_studies([study(number, "2003-10-21", status=IN_ONE_YEAR)])
    nights.fetch()
    assert nights.ids() == {nct(number) for number in range(1, 68)}


def test_everything_anew_is_everything_also_when_a_crawl_is_open(settled: Nights) -> None:
    settled.sandbox.post_studies(CHANGES)
    settled.sandbox.add_fault("blocked", after=3)
    with pytest.raises(BlockedError):
        settled.fetch()
    settled.fetch(full=True)
    assert first_posted("MIN", "1999-12-31") in settled.windows()
    assert sum(call["n_studies"] for call in settled.asked()) >= N_STUDIES


# What changed, and no more


def test_only_what_changed_and_the_days_before_is_fetched(settled: Nights) -> None:
    assert settled.snapshot.watermark["updated_through"] == "2003-10-20"
    settled.sandbox.post_studies([study(number, "2003-10-22", title="Changed") for number in (5, 25, 45)])
    found = settled.fetch()
    posted_on_the_last_days = {1, 20, 21, 40, 41}
    assert set(settled.windows()) == {updated_since("2003-10-19")}
    assert sum(call["n_studies"] for call in settled.asked()) == 3 + len(posted_on_the_last_days)
    assert settled.ids("brief_title = 'Changed'") == {nct(5), nct(25), nct(45)}
    assert settled.ids() == ALL
    assert found.snapshot.watermark["updated_through"] == "2003-10-22"


def test_a_change_posted_late_for_a_day_that_was_read_is_found(settled: Nights) -> None:
    settled.sandbox.post_studies([study(5, "2003-10-20", title="Late"), study(6, "2003-10-19", title="Late")])
    settled.fetch()
    assert settled.ids("brief_title = 'Late'") == {nct(5), nct(6)}


def test_of_several_versions_the_newest_counts_also_when_it_is_as_it_once_was(serve: Serve) -> None:
    nights = serve([study(5)])
    for title in ("First", "Second", "First"):
        nights.sandbox.post_studies([study(5, title=title)])
        nights.fetch()
        assert nights.rows("select brief_title from core_study") == [(title,)]


def test_only_new_pages_are_parsed(settled: Nights) -> None:
    known = {page.sha256 for page in settled.snapshot.pages}
    before = settled.files("parts")
    settled.sandbox.post_studies(CHANGES)
    fetched = {page.sha256 for page in settled.fetch().snapshot.pages} - known
    after = settled.files("parts")
    assert before.items() <= after.items()
    new = {path: Path(path).stem for path in after.keys() - before.keys()}
    parsed = {stem for path, stem in new.items() if Path(path).parent.name == "pages"}
    assert len(parsed) == len(fetched)
    assert {stem for path, stem in new.items() if path.endswith(".parquet")} < parsed


def test_a_snapshot_knows_which_pages_its_own_crawl_brought(settled: Nights) -> None:
    assert settled.snapshot.first_page == 0
    settled.sandbox.post_studies(CHANGES)
    found = settled.fetch().snapshot
    updates = [number for number, page in enumerate(found.pages) if "LastUpdatePostDate" in page.request]
    versions = [number for number, page in enumerate(found.pages) if page.kind == "version"]
    assert sorted(updates + versions) == list(range(found.first_page, len(found.pages)))


def test_the_difference_names_exactly_the_labels_that_moved(settled: Nights) -> None:
    before = settled.latest()
    settled.sandbox.post_studies(
        [
            study(30, "2003-10-21", p_value="0.9"),
            study(33, "2003-10-21", p_value="0.02"),  # as significant as before
            study(8, "2003-10-21", title="Renamed"),
            study(48, "2003-10-21", p_value="0.7"),
        ]
    )
    after = settled.publish()
    found = diff(settled.lake, before, after)
    moved = duckdb.execute(
        "select nct_id, definition, o.label, n.label from read_parquet(?) o join read_parquet(?) n "
        "using (nct_id, definition) where o.label is distinct from n.label order by nct_id, definition",
        [str(settled.home / kept.file("labels.parquet")) for kept in (before, after)],
    ).fetchall()
    assert [(row["nct_id"], row["definition"], row["before"], row["after"]) for row in found["labels"]] == moved
    ours = [row for row in found["labels"] if row["definition"] != "cto_compatible"]  # which hears of every update
    assert {row["nct_id"] for row in ours} == {nct(30), nct(48)}
    assert (nct(30), "endpoint_met", 1, 0) in moved
    assert all(row["votes"] == ["primary_p_value: 1 → 0"] for row in ours)
    assert found["trials"] == {"came": 0, "went": 0}


def test_a_difference_counts_the_trials_that_came(settled: Nights) -> None:
    before = settled.latest()
    settled.sandbox.post_studies([study(51, "2003-10-21"), study(52, "2003-10-21")])
    found = diff(settled.lake, before, settled.publish())
    assert found["trials"] == {"came": 2, "went": 0}
    ours = [row for row in found["labels"] if row["definition"] != "cto_compatible"]
    assert {row["nct_id"] for row in ours} == {nct(51)}, "only the one with results has outcome votes"
    assert {row["before"] for row in ours} == {None}


# Nothing changed


def test_an_unchanged_registry_is_asked_for_its_version_alone_and_nothing_is_written(settled: Nights) -> None:
    published = settled.latest()
    head = snapshot.head_name(SOURCE)
    before, pointer = settled.files(), settled.lake.read(head)
    night = settled.run()
    assert [call["path"] for call in settled.sandbox.requests] == ["/api/v2/version"]
    assert (night.is_new, night.release) == (False, published)
    assert night.ingested[SOURCE].n_new_pages == 0
    assert settled.lake.read(head) == pointer
    after = settled.files()
    assert {name: seen for name, seen in after.items() if name != head} == {
        name: seen for name, seen in before.items() if name != head
    }


def test_a_refresh_without_changes_publishes_nothing(settled: Nights) -> None:
    published = settled.latest()
    settled.sandbox.add_fault("refresh_mid_crawl")
    requests.get(f"{settled.sandbox.registry_url}/studies", timeout=5).raise_for_status()
    night = settled.run()
    assert set(settled.windows()) == {updated_since("2003-10-19")}
    assert (night.is_new, night.release) == (False, published)
    assert settled.snapshot.watermark != published.manifest["snapshots"][SOURCE]["watermark"]


def test_what_no_pointer_names_does_not_count(settled: Nights) -> None:
    published = settled.latest()
    for stray in (
        "releases/2099.01.01/manifest.json",
        f"sources/{SOURCE}/snapshots/99991231T000000-ffffff.json",
        f"sources/{SOURCE}/requests/99991231T000000-ffffff/0.json",
        "parts/stray.parquet",
    ):
        settled.lake.put(stray, b"not what it seems")
    night = settled.run()
    assert (night.is_new, night.release) == (False, published)
    assert release.latest(settled.lake) == published
    assert settled.snapshot.id == published.manifest["snapshots"][SOURCE]["id"]


# Everything anew


def test_everything_anew_asks_for_every_page_and_parses_none_that_is_the_same(
    settled: Nights, undisturbed: Expected
) -> None:
    parts = {path: seen for path, seen in settled.files("parts").items() if path.endswith(".parquet")}
    settled.fetch(full=True)
    assert settled.windows() == undisturbed.windows
    assert settled.snapshot.state == undisturbed.state
    assert {path: seen for path, seen in settled.files("parts").items() if path.endswith(".parquet")} == parts


def test_everything_anew_finds_a_change_that_the_registry_did_not_date(settled: Nights) -> None:
    settled.sandbox.post_studies([study(5, "2003-01-01", title="Silent")])
    settled.fetch()
    assert settled.ids("brief_title = 'Silent'") == set()
    settled.fetch(full=True)
    assert settled.ids("brief_title = 'Silent'") == {nct(5)}


# Studies that come, go and return


@pytest.mark.parametrize("updated", [None, "2003-02-03"], ids=["no update date", "an old update date"])
def test_a_new_study_that_no_update_window_shows_is_found_by_the_list(settled: Nights, updated: str | None) -> None:
    settled.sandbox.post_studies([study(51, updated), study(52, updated)])
    notes = settled.fetch().notes
    assert settled.ids("not is_removed") == {*ALL, nct(51), nct(52)}
    assert settled.windows()[f"{nct(51)}|{nct(52)}"] == 1
    assert "the registry counts 52 studies, 50 were held" in notes[0]
    assert "2 studies fetched that were missing, 0 no longer listed" in notes[1]


def test_many_studies_that_were_missing_are_fetched_in_batches(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "ID_BATCH", 7)
    nights = serve(studies(10))
    nights.fetch()
    nights.sandbox.post_studies([study(number, None) for number in range(201, 224)])
    nights.fetch()
    assert len(nights.ids()) == 33
    asked = [window(call) for call in nights.asked() if window(call).startswith("NCT")]
    assert sorted({count.count("|") + 1 for count in asked}) == [2, 7]
    assert len(set(asked)) == 4


def test_a_registry_without_update_dates_is_kept_up_with_by_its_list(serve: Serve) -> None:
    nights = serve(study(number, None) for number in range(1, 11))
    nights.fetch()
    nights.sandbox.post_studies([study(11, None)])
    nights.fetch()
    assert nights.ids() == {nct(number) for number in range(1, 12)}


def test_a_removed_study_is_marked_and_nothing_of_it_is_dropped(settled: Nights) -> None:
    votes_on_it = f"select * from votes where nct_id = '{nct(30)}' order by all"
    votes = settled.rows(votes_on_it)
    assert votes
    settled.sandbox.remove_study(nct(30))
    night = settled.run()
    assert night.is_new
    assert settled.ids("is_removed") == {nct(30)}
    assert settled.ids() == ALL
    assert settled.rows(votes_on_it) == votes
    assert settled.rows(f"select is_removed from trials where nct_id = '{nct(30)}'") == [(True,)]
    assert "0 studies fetched that were missing, 1 no longer listed" in night.ingested[SOURCE].notes[1]


def test_a_removed_study_stays_removed_and_costs_no_list_every_night(settled: Nights) -> None:
    settled.sandbox.remove_study(nct(30))
    settled.fetch()
    assert settled.windows()["listing"] == 5
    for number, options in enumerate(({}, {"full": True}, {})):
        settled.sandbox.post_studies([study(7, f"2003-10-{21 + number}")])
        settled.fetch(**options)
        assert settled.ids("is_removed") == {nct(30)}
        assert settled.windows()["listing"] == 0


@pytest.mark.parametrize("updated", ["", "2003-10-25"], ids=["as it was", "updated"])
def test_a_removed_study_that_returns_counts_again(settled: Nights, updated: str) -> None:
    whole = settled.core()
    settled.sandbox.remove_study(nct(30))
    settled.fetch()
    assert settled.ids("is_removed") == {nct(30)}
    settled.sandbox.post_studies([study(30, updated)])
    settled.fetch()
    assert settled.ids("not is_removed") == ALL
    assert (settled.core() == whole) == (updated == "")


def test_a_study_that_leaves_while_another_comes_is_noticed(settled: Nights) -> None:
    settled.sandbox.remove_study(nct(30))
    settled.sandbox.post_studies([study(51, "2003-10-21")])
    settled.fetch()
    assert settled.ids("is_removed") == {nct(30)}
    assert nct(51) in settled.ids("not is_removed")


def test_a_study_merged_into_another_is_removed_and_named_as_its_alias(serve: Serve) -> None:
    nights = serve([*studies(), study(51, aliases=[nct(9001)])])
    nights.fetch()
    nights.sandbox.remove_study(nct(30))
    nights.sandbox.post_studies([study(31, "2003-10-21", aliases=[nct(30), nct(9002)])])
    nights.fetch()
    assert nights.ids("is_removed") == {nct(30)}
    aliases = "select nct_id, nct_id_aliases from core_study where len(nct_id_aliases) > 0 order by nct_id"
    assert nights.rows(aliases) == [(nct(31), [nct(30), nct(9002)]), (nct(51), [nct(9001)])]


@pytest.mark.parametrize("after", [2, 4, 6])
def test_a_refresh_while_the_list_is_read_is_caught_up_with(settled: Nights, after: int) -> None:
    settled.sandbox.remove_study(nct(30))
    settled.sandbox.post_studies([study(51, "2003-10-21"), study(52, None)], pending=True)
    settled.sandbox.add_fault("refresh_mid_crawl", after=after)
    settled.fetch()
    assert settled.ids("is_removed") == {nct(30)}
    assert settled.ids("not is_removed") == {*ALL, nct(51), nct(52)} - {nct(30)}


def test_a_study_that_cannot_be_read_costs_no_list_every_night(serve: Serve) -> None:
    unreadable = study(51, "2003-10-01")
    unreadable["protocolSection"]["conditionsModule"] = "not an object"
    nights = serve([*studies(), unreadable])
    nights.fetch()
    nights.sandbox.post_studies([study(7, "2003-10-21")])
    nights.fetch()
    assert set(nights.windows()) == {updated_since("2003-10-19")}


def test_a_list_is_read_on_request(settled: Nights) -> None:
    settled.fetch(reconcile=True)
    assert settled.windows()["listing"] == 5
    assert settled.ids("not is_removed") == ALL
