"""Gold: trials whose outcome somebody judged, read from a file and found in a release; labels are never made of it."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

NCT_ID = re.compile(r"NCT[0-9]{8}")
LABELS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}
UNLABELLED = ("", "-1", "-1.0")
GZIP = b"\x1f\x8b"
SHOWN = 5
P_VALUE_RULE = ("cto_p_value", "cto_compatible")
"""The function, and the definition it votes on, by which a release knows the trials that a p-value rule decides."""


class GoldError(ValueError):
    """The gold file cannot be used; the message names file, line, value and remedy."""


@dataclass(frozen=True, eq=False, slots=True)
class Gold:
    """Judged trials, each once, sorted by id.

    Attributes:
        path: the file they came from.
        nct_ids: the trials.
        labels: int8; 1 success, 0 failure.
        sources: who judged each, "" when the file does not say; of a trial listed more than once, the first.
        n_unlabelled: rows left out because their label is empty or -1.
        n_repeated: rows left out because the trial stands in the file before, with the same label.

    """

    path: str
    nct_ids: npt.NDArray[np.str_]
    labels: npt.NDArray[np.int8]
    sources: npt.NDArray[np.str_]
    n_unlabelled: int
    n_repeated: int


@dataclass(frozen=True, eq=False, slots=True)
class Trials:
    """Gold trials that are in a release and ended, sorted by id; every array has one element a trial.

    Attributes:
        nct_id, label: as in the gold.
        sponsor: the lead sponsor; the trial's own id when it names none.
        status: the registry's overall status.
        source: as in the gold; empty where it names none.
        phase, year: phase, and year of completion; NA and undated when the registry gives none.
        published: the release's probability of 1, NaN where it has none.
        by_p_value: any primary p-value is below .05, however it was meant; None when the release cannot tell.
        left_out: how many gold trials are not among these, by reason.

    """

    nct_id: npt.NDArray[np.str_]
    label: npt.NDArray[np.int8]
    sponsor: npt.NDArray[np.str_]
    status: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    phase: npt.NDArray[np.str_]
    year: npt.NDArray[np.str_]
    published: npt.NDArray[np.float64]
    by_p_value: npt.NDArray[np.bool_] | None
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Columns:
    """The labelled rows in the order of the file, packed: 14 bytes a row."""

    numbers: array[int]
    labels: array[int]
    sources: array[int]
    lines: array[int]
    source_names: dict[str, int]


def read_gold(path: str | Path) -> Gold:
    """Return the judged trials of a csv or csv.gz file with the columns ``nct_id``, ``label`` and perhaps ``source``.

    Columns are found by name and others ignored. A label is 1 or 0 (1.0 and 0.0 too, as spreadsheets write them); rows
    whose label is empty or -1 are counted and left out.

    Raises:
        GoldError: the file is empty, cut or no csv, a column is missing, a value is none that its column may hold, or
            a trial stands in it with both labels.
        OSError: the file cannot be opened.

    """
    columns = _Columns(array("i"), array("b"), array("i"), array("i"), {})
    with _opened(Path(path)) as text:
        n_unlabelled = _read(str(path), text, columns)
    if not columns.numbers:
        why = f"no row has a label ({n_unlabelled} without)" if n_unlabelled else "it has no rows below its header"
        raise GoldError(f"{path} holds no gold label: {why}; label is 1 for success and 0 for failure")
    return _sorted(str(path), columns, n_unlabelled)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Yield the file's text, unpacked if it is gzip; what shows only while it is read is told as a GoldError."""
    with path.open("rb") as file:
        start = file.read(len(GZIP))
        if not start:
            raise GoldError(
                f"{path} is empty; a gold file is a csv whose first line names the columns nct_id and label"
            )
        file.seek(0)
        body = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if start == GZIP else file
        try:
            yield TextIOWrapper(body, encoding="utf-8-sig", newline="")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise GoldError(f"{path} is cut or damaged ({error}); copy it again") from error
        except UnicodeDecodeError as error:
            raise GoldError(f"{path} is not UTF-8 text ({error}); save it as a csv in UTF-8") from error


def _read(path: str, text: TextIO, columns: _Columns) -> int:
    """Add the labelled rows to the columns and return how many rows have no label."""
    reader = csv.reader(text, strict=True)
    n_unlabelled = 0
    try:
        header = [name.strip() for name in next(reader, [])]
        id_at, label_at, source_at = (_position(path, header, name) for name in ("nct_id", "label", "source"))
        assert id_at is not None
        assert label_at is not None
        for row in reader:
            if not row:
                continue
            where = f"{path}, line {reader.line_num}"
            if len(row) != len(header):
                raise GoldError(
                    f"{where} has {len(row)} fields where the header has {len(header)}: {','.join(row)[:80]!r}; "
                    "put a text that holds a comma in double quotes, and look whether the file is whole"
                )
            nct_id, label = row[id_at].strip().upper(), row[label_at].strip()
            if not NCT_ID.fullmatch(nct_id):
                raise GoldError(f"{where}: nct_id is {row[id_at][:80]!r}; it must look like NCT01234567")
            if label in UNLABELLED:
                n_unlabelled += 1
                continue
            if label not in LABELS:
                raise GoldError(
                    f"{where}: label is {label[:80]!r}; it must be 1 (success) or 0 (failure), or empty or -1 for a "
                    "trial that is not judged"
                )
            source = "" if source_at is None else row[source_at].strip()
            columns.numbers.append(int(nct_id[3:]))
            columns.labels.append(LABELS[label])
            columns.sources.append(columns.source_names.setdefault(source, len(columns.source_names)))
            columns.lines.append(reader.line_num)
    except csv.Error as error:
        raise GoldError(
            f"{path}, line {reader.line_num} is no csv that can be read: {error}; mend or export it"
        ) from error
    return n_unlabelled


def _position(path: str, header: list[str], name: str) -> int | None:
    """Return where a column stands; None for ``source`` when there is none."""
    if header.count(name) > 1:
        raise GoldError(f"{path}, line 1 names the column {name!r} {header.count(name)} times; leave one")
    if name in header:
        return header.index(name)
    if name == "source":
        return None
    raise GoldError(
        f"{path}, line 1 names no column {name!r}; it names {', '.join(map(repr, header))[:200]}. "
        "Rename the column, and separate columns by commas"
    )


def _sorted(path: str, columns: _Columns, n_unlabelled: int) -> Gold:
    """Return the gold of the packed rows; refuse a trial with both labels."""
    numbers, labels = np.array(columns.numbers, dtype=np.int32), np.array(columns.labels, dtype=np.int8)
    order = np.argsort(numbers, kind="stable")
    numbers, labels = numbers[order], labels[order]
    is_first = np.append(True, numbers[1:] != numbers[:-1])
    first = np.flatnonzero(is_first)
    disagrees = labels != labels[first][np.cumsum(is_first) - 1]
    if disagrees.any():
        lines = np.array(columns.lines)[order]
        conflicts = np.unique(numbers[disagrees])
        told = []
        for number in conflicts[:SHOWN]:
            one, zero = (lines[(numbers == number) & (labels == label)].min() for label in (1, 0))
            told.append(f"NCT{number:08} (1 in line {one}, 0 in line {zero})")
        more = f" and {len(conflicts) - SHOWN} more" if len(conflicts) > SHOWN else ""
        raise GoldError(f"{path} gives both labels to {', '.join(told)}{more}; leave one row of each")
    names = np.array(list(columns.source_names), dtype=np.str_)
    return Gold(
        path,
        np.char.mod("NCT%08d", numbers[first]),
        labels[first],
        names[np.array(columns.sources)[order][first]],
        n_unlabelled,
        len(numbers) - len(first),
    )


def trials_of(con: duckdb.DuckDBPyConnection, gold: Gold, definition: str) -> Trials:
    """Return the gold trials that ended, by a release's views ``core_study`` (its trials), ``votes`` and ``labels``."""
    columns = {"nct_id": gold.nct_ids.tolist(), "label": gold.labels, "source": gold.sources.tolist()}
    con.register("gold", pa.table(columns))
    rule = "from votes where label_function = ? and definition = ?"
    counted = con.execute(f"select count(*) from ({rule})", P_VALUE_RULE).fetchone()
    found = con.execute(
        f"""
        select
            g.nct_id,
            g.label,
            coalesce(t.lead_sponsor_name, g.nct_id) as sponsor,
            coalesce(t.overall_status, '') as status,
            g.source,
            coalesce(t.phase, 'NA') as phase,
            coalesce(year(coalesce(t.completion_date, t.primary_completion_date))::varchar, 'undated') as year,
            coalesce(l.p_success, 'nan'::double) as published,
            g.nct_id in (select nct_id from ({rule}) where vote = 1) as by_p_value,
            case when t.nct_id is null then 'not in the release' when not t.is_ended then 'not ended' else '' end as why
        from gold g left join core_study t using (nct_id)
        left join (from labels where definition = ?) l on l.nct_id = g.nct_id
        order by g.nct_id
        """,
        [*P_VALUE_RULE, definition],
    ).fetchnumpy()
    why = found.pop("why")
    columns = {name: np.asarray(values)[why == ""] for name, values in found.items()}
    columns |= {
        name: columns[name].astype(np.str_) for name in ("nct_id", "sponsor", "status", "source", "phase", "year")
    }
    if counted == (0,):
        columns["by_p_value"] = None
    return Trials(
        **columns, left_out={reason: int((why == reason).sum()) for reason in ("not in the release", "not ended")}
    )
