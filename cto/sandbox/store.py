"""The studies a registry holds and their version: an index in memory, the lines in a temporary file."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tempfile
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from cto.sandbox.studies import Study, full_lines, index_line

DATE_WITHOUT_DATA = "2000-01-01"
SECONDS_A_DAY = 86400


class StudyStore:
    """The studies of some files plus what was posted since; every change of content is a data refresh.

    Files end in .jsonl or .jsonl.gz; of several lines with one id the last wins. Raises OSError for a missing file.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list(paths)
        self._lock = threading.RLock()
        self._n_forced = 0
        self._pending: list[bytes] = []
        self._seen = self._signature()
        self.catalog = self._load()

    def reload_if_replaced(self) -> None:
        """Read the files again if their size or time changed, which drops what was posted or removed meanwhile.

        Files that are missing or half written leave the data as they are until the next call.
        """
        with self._lock:
            try:
                signature = self._signature()
                if signature != self._seen:
                    self.catalog = self._load(self.catalog)
                    self._seen = signature
            except (OSError, EOFError, zlib.error):
                return

    def add(self, lines: Iterable[bytes]) -> None:
        """Add or replace studies."""
        with self._lock:
            added = {_key(study): study for study in self.catalog.spool.append(lines)}
            self._replace({**self.catalog.studies, **added})

    def hold(self, lines: Iterable[bytes]) -> None:
        """Keep studies aside until the next forced refresh."""
        with self._lock:
            self._pending.extend(lines)

    def remove(self, nct_id: str) -> None:
        """Remove a study; raises KeyError when there is none with that id."""
        with self._lock:
            studies = dict(self.catalog.studies)
            del studies[nct_id]
            self._replace(studies)

    def remove_last(self) -> None:
        """Remove the study with the last id, if there is any study."""
        with self._lock:
            studies = self.catalog.studies
            if studies:
                self.remove(max(studies, key=lambda key: studies[key].nct_id))

    def force_refresh(self) -> None:
        """Change the data version and add the studies held aside."""
        with self._lock:
            lines, self._pending = self._pending, []
            self._n_forced += 1
            self.add(lines)

    def _signature(self) -> list[tuple[int, int, int]]:
        return [(stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in map(os.stat, self._paths)]

    def _load(self, previous: Catalog | None = None) -> Catalog:
        spool, studies = Spool(), dict[str, Study]()
        for path in self._paths:
            opened = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")  # noqa: SIM115
            try:
                with opened as file:
                    studies.update((_key(study), study) for study in spool.append(full_lines(file)))
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise OSError(f"{path} is cut short or no gzip file: {error}") from error
        return self._catalog(studies, spool, previous)

    def _replace(self, studies: Mapping[str, Study]) -> None:
        self.catalog = self._catalog(studies, self.catalog.spool, self.catalog)

    def _catalog(self, studies: Mapping[str, Study], spool: Spool, previous: Catalog | None) -> Catalog:
        digests = b"".join(study.digest for study in studies.values())
        version = hashlib.sha256(b"%d\n%s" % (self._n_forced, digests)).hexdigest()
        if previous and previous.version == version:
            return previous
        second = int(version[:12], 16)
        timestamp = _timestamp(studies.values(), second)
        if previous and previous.timestamp == timestamp:
            timestamp = _timestamp(studies.values(), second + 1)
        return Catalog(studies, spool, version, timestamp)


def _key(study: Study) -> str:
    return study.nct_id or f"line {study.offset}"


def _timestamp(studies: Iterable[Study], second: int) -> str:
    """Return the last plausible update date with a time of day made of the number."""
    days = {study.date("LastUpdatePostDate") for study in studies}
    day = max(filter(_is_plausible, days), default=DATE_WITHOUT_DATA)
    return f"{day}T{time.strftime('%H:%M:%S', time.gmtime(second % SECONDS_A_DAY))}"


def _is_plausible(day: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", day)) and date.fromisoformat(day).year <= 2100
    except ValueError:
        return False


@dataclass(frozen=True)
class Catalog:
    """One version of the data, never changed once made; `version` names its content, `timestamp` is what is shown."""

    studies: Mapping[str, Study]
    spool: Spool
    version: str
    timestamp: str
    _selections: dict[str, list[Study]] = field(default_factory=dict)

    def select(self, key: str, choose: Callable[[Iterable[Study]], list[Study]]) -> list[Study]:
        """Return the chosen studies, remembering the last few choices by key so that paging stays cheap."""
        chosen = self._selections.get(key)
        if chosen is None:
            chosen = choose(self.studies.values())
            if len(self._selections) >= 8:
                self._selections.clear()
            self._selections[key] = chosen
        return chosen


class Spool:
    """Lines in an anonymous temporary file, which goes away with the last reference to it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._end = 0
        weakref.finalize(self, self._file.close)

    def append(self, lines: Iterable[bytes]) -> Iterator[Study]:
        """Store the lines and yield each as a study, readable once the iterator is exhausted."""
        for line in lines:
            self._file.write(line)
            yield index_line(line, self._end)
            self._end += len(line)
        self._file.flush()

    def read(self, study: Study) -> bytes:
        """Return the stored line, byte for byte."""
        return os.pread(self._file.fileno(), study.length, study.offset)
