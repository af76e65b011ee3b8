"""The command line, as a user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from cto.cli import main


def cto(*arguments: str, home: Path, **environment: str) -> Result:
    """Run the command line on a lake and return what came of it."""
    unset = {name: None for name in os.environ if name.startswith("CTO_")}
    return CliRunner().invoke(main, arguments, env=unset | {"CTO_HOME": str(home)} | environment)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the sample's release."""
    home = tmp_path_factory.mktemp("demo")
    done = cto("demo", "--as-of", "2026-01-31", home=home)
    assert done.exit_code == 0, done.stderr
    assert "Published release 2026.01.31" in done.stdout
    return home


def test_the_demo_says_where_the_release_is_and_what_to_type_next(demo: Path) -> None:
    done = cto("demo", "--as-of", "2026-01-31", home=demo)
    assert "Nothing changed since release 2026.01.31" in done.stdout
    assert f"--home {demo} explain NCT99900003" in done.stdout
    assert (demo / "releases" / "LATEST").read_text() == "2026.01.31"
    files = {path.name for path in (demo / "releases" / "2026.01.31").iterdir()}
    assert files >= {
        "README.md",
        "manifest.json",
        "cut_points.parquet",
        "labels.parquet",
        "trials.parquet",
        "votes.parquet",
    }


def test_the_sample_and_live_data_never_mix(demo: Path) -> None:
    done = cto("refresh", home=demo, CTO_CLINICALTRIALS_GOV_URL="http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "holds sample data" in done.stderr
    assert "--home" in done.stderr


def test_the_sample_is_marked(demo: Path) -> None:
    manifest = json.loads((demo / "releases" / "2026.01.31" / "manifest.json").read_text())
    assert manifest["is_sample"] is True
    assert "**Sample.**" in (demo / "releases" / "2026.01.31" / "README.md").read_text()


def test_explain_tells_each_vote_with_evidence_and_date(demo: Path) -> None:
    told = cto("explain", "nct99900003", home=demo).stdout
    assert "Invented: this trial ships with the sample." in told
    assert "success: 1 (p = 1.00, uncalibrated)" in told
    assert "  Fused by majority (the model learnt was refused: " in told
    assert "Primary endpoint met: " in told
    assert "in favour of the experimental arm. 1 of 1 primary efficacy analysis was met." in told
    assert "public since 2016-09-20 (results_first_posted); core_primary_analysis:NCT99900003:1:1" in told
    found = json.loads(cto("explain", "NCT99900003", "--json", home=demo).stdout)
    assert {vote["label_function"] for vote in found["votes"]} >= {"primary_p_value", "results_reported"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("explain", "NCT12345678"), 1, "has no trial 'NCT12345678'"),
        (("diff", "1999.01.01"), 1, "no release '1999.01.01'; the latest is 2026.01.31"),
        (("refresh", "--as-of", "soon"), 1, "write it like 2019-06-30"),
        (("refresh", "--as-of", "2999-01-01"), 1, "has not come yet"),
        (("refresh", "--only", "nosuch"), 1, "no source is called 'nosuch'; the sources are clinicaltrials_gov"),
        (("sql", "select * from nosuch"), 1, "nosuch"),
        (("sql", "selekt 1"), 1, "syntax error"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_a_wrong_word_gets_a_clear_message(demo: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = cto(*arguments, home=demo, CTO_CLINICALTRIALS_GOV_URL="http://127.0.0.1:9")
    if "--only" in arguments:
        done = cto(*arguments, home=demo.parent / "live")
    assert done.exit_code == code
    assert message in done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_a_wrong_address_is_named(tmp_path: Path) -> None:
    done = cto("refresh", home=tmp_path, CTO_CLINICALTRIALS_GOV_URL="ftp://x")
    assert done.exit_code == 1
    assert "CTO_CLINICALTRIALS_GOV_URL is 'ftp://x'" in done.stderr


def test_an_empty_lake_says_what_to_run(tmp_path: Path) -> None:
    for arguments in (("sql", "select 1"), ("explain", "NCT1"), ("build",), ("release",)):
        done = cto(*arguments, home=tmp_path / arguments[0])
        assert done.exit_code == 1
        assert "run cto" in done.stderr
    assert "never fetched" in cto("status", home=tmp_path).stdout


def test_the_stages_run_one_by_one_as_they_do_together(demo: Path) -> None:
    for verb in ("build", "vote", "fuse", "check", "release"):
        done = cto(verb, "--as-of", "2026-01-31", home=demo)
        assert done.exit_code == 0, done.stderr
    assert "Nothing changed since release 2026.01.31" in done.stdout


def test_a_stage_names_the_one_that_is_missing(demo: Path) -> None:
    done = cto("fuse", "--as-of", "2015-01-01", home=demo)
    assert done.exit_code == 1
    assert "run cto fit" in done.stderr


def test_status_shows_freshness_and_release(demo: Path) -> None:
    found = json.loads(cto("status", "--json", home=demo).stdout)
    assert found["sources"]["clinicaltrials_gov"]["public_by"] == "2025-11-04"
    assert found["release"]["version"] == "2026.01.31"
    assert found["core"]["rows"]["core_study"] == 339


def test_sql_prints_a_table_or_csv(demo: Path) -> None:
    assert "count_star()" in cto("sql", "select count(*) from labels", home=demo).stdout
    assert cto("sql", "--csv", "select 1 as a, 'x,y' as b", home=demo).stdout == 'a,b\n1,"x,y"\n'


@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1) to '{folder}/out.csv'",
        "copy labels from '{folder}/in.csv'",
        "select * from read_text('{folder}/secret.txt')",
        "select * from '{folder}/secret.csv'",
        "select * from read_csv('{folder}/secret.csv')",
        "select * from glob('{folder}/*')",
        "attach '{folder}/other.duckdb' as other",
        "attach ':memory:' as other",
        "install httpfs",
        "load httpfs",
        "export database '{folder}/dump'",
        "create table mine as select 1",
        "insert into labels select * from labels",
        "update labels set label = 1",
        "delete from labels",
        "drop table labels",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set profiling_output = '{folder}/profile.json'",
        "pragma profile_output = '{folder}/profile.json'",
        "set temp_directory = '{folder}'",
        "set secret_directory = '{folder}'",
        "select getenv('HOME')",
        "create persistent secret s (type s3, key_id 'a', secret 'b')",
    ],
)
def test_sql_reads_the_warehouse_and_nothing_else(demo: Path, tmp_path: Path, query: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    before = sorted(path.name for path in tmp_path.iterdir())
    warehouse = (demo / "warehouse.duckdb").read_bytes()
    done = cto("sql", query.format(folder=tmp_path), home=demo)
    assert done.exit_code == 1, done.stdout
    assert "secret" not in done.stdout
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (demo / "warehouse.duckdb").read_bytes() == warehouse


def test_every_verb_teaches(tmp_path: Path) -> None:
    for verb in ("refresh", "demo", "explain", "sql", "status", "diff", "sandbox", "ingest", "build", "release"):
        done = cto(verb, "--help", home=tmp_path)
        assert done.exit_code == 0
        assert len(done.stdout.splitlines()) > 4
    listed = cto("sandbox", "--list-faults", home=tmp_path).stdout
    assert "rate_limited" in listed
    assert "blocked" in listed


# Judging


@pytest.fixture(scope="module")
def gold(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a gold file that says of every labelled trial of the demo what its release does."""
    file = tmp_path_factory.mktemp("gold") / "gold.csv"
    sql = "select nct_id, label from labels where definition = 'success' and label is not null"
    file.write_text(cto("sql", "--csv", sql, home=demo).stdout)
    return file


def test_labels_are_evaluated_against_a_gold_file(demo: Path, gold: Path) -> None:
    told = cto("evaluate", "labels", str(gold), "--draws", "100", home=demo).stdout
    assert "Published labels are fused by majority" in told
    found = json.loads(cto("evaluate", "labels", str(gold), "--draws", "100", "--json", home=demo).stdout)
    published = found["strata"]["all"]["rows"]["published"]
    assert (published["accuracy"]["value"], published["roc_auc"]["value"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("nct_id,outcome\nNCT00000001,1\n", [], "label"),
        ("nct_id,label\nNCT00000001,1\n", [], "is it the right release"),
        ("nct_id,label\nNCT00000001,1\nNCT00000001,0\n", [], "NCT00000001"),
        ("nct_id,label\nNCT00000001,1\n", ["--seed", "-1"], "-1"),
        ("nct_id,label\nNCT00000001,1\n", ["--version", "1999.01.01"], "1999.01.01"),
        ("nct_id,label\nNCT00000001,1\n", ["--definition", "sucess"], "sucess"),
    ],
)
def test_bad_gold_is_refused_by_what_is_wrong(
    demo: Path, tmp_path: Path, text: str, options: list[str], message: str
) -> None:
    file = tmp_path / "gold.csv"
    file.write_text(text)
    done = cto("evaluate", "labels", str(file), *options, home=demo)
    assert done.exit_code != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_report_of_the_label_functions_is_a_page_or_figures(demo: Path, gold: Path, tmp_path: Path) -> None:
    page = tmp_path / "functions.html"
    assert f"Wrote {page}" in cto("report", "functions", "--gold", str(gold), "--html", str(page), home=demo).stdout
    assert "primary_p_value" in page.read_text()
    found = json.loads(cto("report", "functions", "--json", home=demo).stdout)
    assert {f["function"] for f in found["definitions"]["success"]["functions"]} >= {"primary_p_value", "stop_reason"}


def test_a_ctrl_c_that_a_library_swallows_is_obeyed_at_the_next_step() -> None:
    code = """
import contextlib, os, signal
from cto.exits import told
from cto.progress import Bars

@told
def work():
    with Bars() as bars:
        with contextlib.suppress(BaseException):
            os.kill(os.getpid(), signal.SIGINT)
        print("swallowed", flush=True)
        bars.show("work", 1, 2)
        print("went on", flush=True)

work()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "swallowed\n")
    assert "interrupted; what is stored is kept" in done.stderr
