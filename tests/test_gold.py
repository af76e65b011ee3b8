"""Gold files: what is read, and what is refused by file, line, value and remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from cto.gold import GoldError, read_gold

GOOD = "nct_id,label,source\nNCT00000002,0,a\nNCT00000001,1,b\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gold.csv"


def refused(file: Path, text: str | bytes) -> str:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(GoldError) as error:
        read_gold(file)
    assert str(error.value).startswith(str(file))
    return str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n\n",
        GOOD.replace("NCT", " nct"),
        GOOD.replace(",0,", ",0.0,").replace(",1,", ", 1.0 ,"),
        'why,label, source ,nct_id,nctid\n"a, b",0,a,NCT00000002,x\n"two\nlines",1,b,NCT00000001,\n',
    ],
    ids=["plain", "byte order mark", "windows", "blank lines", "case and blanks", "floats", "more columns"],
)
def test_trials_are_read_by_column_name_and_sorted(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    gold = read_gold(file)
    assert gold.nct_ids.tolist() == ["NCT00000001", "NCT00000002"]
    assert gold.labels.tolist() == [1, 0]
    assert gold.labels.dtype == np.int8
    assert gold.sources.tolist() == ["b", "a"]
    assert (gold.path, gold.n_unlabelled, gold.n_repeated) == (str(file), 0, 0)


def test_a_gzipped_file_reads_the_same_whatever_it_is_called(file: Path) -> None:
    for name in ("gold.csv.gz", "gold.csv"):
        path = file.with_name(name)
        path.write_bytes(gzip.compress(GOOD.encode()))
        assert read_gold(str(path)).labels.tolist() == [1, 0]


def test_a_file_without_sources_has_empty_ones(file: Path) -> None:
    file.write_text("nct_id,label\nNCT00000001,1\n")
    assert read_gold(file).sources.tolist() == [""]


def test_rows_without_a_label_are_counted_and_left_out(file: Path) -> None:
    file.write_text(GOOD + "NCT00000003,-1,a\nNCT00000004,,a\nNCT00000005,-1.0,a\nNCT00000001,,a\n")
    gold = read_gold(file)
    assert (gold.nct_ids.tolist(), gold.n_unlabelled) == (["NCT00000001", "NCT00000002"], 4)


def test_a_trial_listed_again_with_its_label_counts_once(file: Path) -> None:
    file.write_text(GOOD + "NCT00000001,1,c\nNCT00000001,1,a\n")
    gold = read_gold(file)
    assert (gold.nct_ids.tolist(), gold.sources.tolist(), gold.n_repeated) == (
        ["NCT00000001", "NCT00000002"],
        ["b", "a"],
        2,
    )


def test_conflicting_labels_are_listed_with_their_lines(file: Path) -> None:
    said = refused(file, GOOD + "NCT00000001,1,c\nNCT00000001,0,c\nNCT00000002,0,c\n")
    assert "both labels to NCT00000001 (1 in line 3, 0 in line 5); leave one row of each" in said
    assert "NCT00000002" not in said


def test_at_most_five_conflicts_are_listed(file: Path) -> None:
    rows = "".join(f"NCT{i:08},{label}\n" for label in (0, 1) for i in range(8))
    said = refused(file, "nct_id,label\n" + rows)
    assert said.count("NCT") == 5
    assert "and 3 more" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; a gold file is a csv"),
        ("nct_id,label\n", "it has no rows below its header"),
        ("nct_id,label\nNCT00000001,-1\n", "no row has a label (1 without)"),
        ("\n", "line 1 names no column 'nct_id'"),
        ("nctid,label\nNCT00000001,1\n", "line 1 names no column 'nct_id'; it names 'nctid', 'label'. Rename"),
        ("nct_id;label\nNCT00000001;1\n", "separate columns by commas"),
        ("nct_id,outcome\nNCT00000001,1\n", "line 1 names no column 'label'"),
        ("nct_id,label,label\nNCT00000001,1,1\n", "names the column 'label' 2 times; leave one"),
        (GOOD + "NCT123,1,a\n", "line 4: nct_id is 'NCT123'; it must look like NCT01234567"),
        (GOOD + "NCT٠١٢٣٤٥٦٧,1,a\n", "line 4: nct_id is 'NCT٠١٢٣٤٥٦٧'"),
        (GOOD + "NCT00000003,2,a\n", "line 4: label is '2'; it must be 1 (success) or 0 (failure)"),
        (GOOD + "NCT00000003,success,a\n", "line 4: label is 'success'"),
        (GOOD + "NCT00000003,nan,a\n", "empty or -1 for a trial that is not judged"),
        (GOOD + "NCT00000003,1\n", "line 4 has 2 fields where the header has 3: 'NCT00000003,1'"),
        (GOOD + "NCT00000003,1,a,b\n", "line 4 has 4 fields"),
        (GOOD + 'NCT00000003,1,"a\n', "no csv that can be read"),
        (GOOD.encode("utf-16"), "is not UTF-8 text"),
        (gzip.compress(GOOD.encode())[:-12], "is cut or damaged"),
        (gzip.compress(GOOD.encode())[:-4] + b"\0\0\0\0", "is cut or damaged"),
        (b"\x1f\x8b\x08\x00nothing of the kind", "is cut or damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(file: Path, text: str | bytes, said: str) -> None:
    assert said in refused(file, text)


def test_a_bad_line_is_counted_as_an_editor_counts_it(file: Path) -> None:
    assert "line 5:" in refused(file, 'nct_id,label,source\nNCT00000001,1,"two\nlines"\n\nNCT00000002,x,a\n')


def test_an_absent_file_is_an_error_of_the_system(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_gold(file)


def test_a_million_rows_are_read(file: Path) -> None:
    with file.open("w") as out:
        out.write("nct_id,label\n")
        out.writelines(f"NCT{i % 700_000:08},{i % 700_000 % 2}\n" for i in range(1_000_000))
    gold = read_gold(file)
    assert (len(gold.nct_ids), gold.n_repeated, int(gold.labels.sum())) == (700_000, 300_000, 350_000)
