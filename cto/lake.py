"""The one module that knows where things lie: immutable files, and small pointers replaced conditionally.

The lake is a folder or an object store (``s3://bucket/prefix``) behind the same calls. A file, once there, is never
changed: its key holds the digest of its content or of the inputs it follows from, so two runs that write the same key
write the same rows. What changes is a handful of pointers, each replaced only when it still says what the writer
read, so a reader never sees half a state and a killed run leaves the last good one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import LocalStore, ObjectStore, from_url

Json = dict[str, Any]

TRIES = 10
"""How often a pointer is changed anew when other runs move it meanwhile."""

IN_USE = ".in_use"
"""File in a scratch folder that its process keeps locked: how a dead process's folder is told from a living one's."""


class LakeError(RuntimeError):
    """The lake cannot do what was asked; the message names the key and the remedy."""


class MissingError(LakeError):
    """No file lies under the key."""


class PointerMovedError(LakeError):
    """Another run replaced the pointer since it was read; nothing was written."""


class LockedError(LakeError):
    """Another run holds the lock; the message says which."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer said when it was read, and the tag that must still hold for it to be replaced."""

    text: str
    tag: str


class Lake:
    """Files and pointers under one root.

    ``root`` is a folder, made when absent, or an ``s3://bucket/prefix`` address.
    """

    def __init__(self, root: str) -> None:
        """Open the lake at ``root``; nothing is read yet."""
        self.root = root
        self.folder: Path | None = None
        if "://" in root:
            self._store: ObjectStore = from_url(root)
        else:
            if set(root) & set("*?["):
                raise LakeError(f"{root!r} cannot hold a lake: DuckDB reads *, ? and [ in a path as patterns")
            self.folder = Path(root).absolute()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(self.folder)

    def exists(self, key: str) -> bool:
        """Return whether a file lies under the key."""
        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def read(self, key: str) -> bytes:
        """Return the bytes under the key; :class:`MissingError` when there are none."""
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            raise MissingError(f"{self.root} holds no {key}") from None

    def read_json(self, key: str) -> Json:
        """Return the JSON object under the key."""
        try:
            return json.loads(self.read(key))  # type: ignore[no-any-return]
        except json.JSONDecodeError as error:
            raise LakeError(
                f"{key} in {self.root} is damaged: {error}; restore it, or start in an empty folder"
            ) from error

    def put(self, key: str, data: bytes) -> None:
        """Write an immutable file whole; where the key is content-addressed, writing it twice changes nothing."""
        if self.folder is None:
            obstore.put(self._store, key, data)
            return
        with self._written(data) as file:
            self.adopt(key, file)

    def put_quickly(self, key: str, data: bytes) -> None:
        """Write a small file whole, in a tenth of the time of :meth:`put`; it may replace one.

        A process that is killed in the middle leaves a stray file beside the key, which nobody reads.
        """
        obstore.put(self._store, key, data)

    def put_json(self, key: str, value: Json) -> None:
        """Write an immutable JSON object."""
        self.put(key, to_json(value))

    def create(self, key: str, data: bytes) -> bool:
        """Write the file only if the key is free; return whether it was."""
        if self.folder is None:
            try:
                obstore.put(self._store, key, data, mode="create")
            except AlreadyExistsError:
                return False
            return True
        with self._written(data) as file:
            try:
                self._path(key).hardlink_to(file)
            except FileExistsError:
                return False
            return True

    @contextlib.contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """Yield a whole file to be moved into place; a killed process leaves no part of it under any key."""
        with self.scratch() as folder:
            file = folder / "file"
            file.write_bytes(data)
            yield file

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def adopt(self, key: str, path: Path) -> None:
        """Move a finished local file to the key: a rename here, an upload on an object store."""
        if self.folder is None:
            obstore.put(self._store, key, path)
            path.unlink()
            return
        path.replace(self._path(key))

    def url(self, key: str) -> str:
        """Return the path by which DuckDB opens the key.

        Raises:
            LakeError: the lake is an object store, which the SQL stages cannot open yet.

        """
        if self.folder is None:
            raise LakeError(
                f"{self.root} is an object store; building tables needs a folder for now: set CTO_HOME to one"
            )
        return str(self.folder / key)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a private local folder for work in progress, gone afterwards.

        In a local lake it lies on the lake's own file system, so that :meth:`adopt` is a rename.
        """
        if self.folder is None:
            with tempfile.TemporaryDirectory() as name:
                yield Path(name)
            return
        with self._flock("scratch.lock", wait=True):
            (self.folder / "tmp").mkdir(exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self.folder / "tmp"))
            mark = (folder / IN_USE).open("w")
            fcntl.flock(mark, fcntl.LOCK_SH)
        with mark:  # held until the folder is gone, so that nobody who tidies up takes it for a dead one's
            try:
                (folder / "work").mkdir()
                yield folder / "work"
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def clear_scratch(self) -> None:
        """Remove what killed runs left behind; a folder that a living process holds is left alone."""
        if self.folder is None:
            return
        with self._flock("scratch.lock", wait=True):
            for folder in (self.folder / "tmp").glob("*"):
                if not _is_held(folder / IN_USE):
                    shutil.rmtree(folder, ignore_errors=True)

    def pointer(self, name: str) -> Pointer | None:
        """Return what the pointer says, or None when it was never set."""
        try:
            got = obstore.get(self._store, name)
        except FileNotFoundError:
            return None
        return Pointer(bytes(got.bytes()).decode(), got.meta["e_tag"] or "")

    def move_pointer(self, name: str, text: str, seen: Pointer | None) -> Pointer:
        """Replace the pointer if it still says what ``seen`` did; return the new one.

        Raises:
            PointerMovedError: another run was faster; read the pointer again and decide anew.

        """
        moved = PointerMovedError(f"{self.root}: another run moved {name} meanwhile; nothing was changed, run again")
        if self.folder is not None:  # a folder has no conditional put: compare and replace under a lock
            with self._flock(f"{name}.lock", wait=True):
                if self.pointer(name) != seen:
                    raise moved
                self.put(name, text.encode())
                placed = self.pointer(name)
                assert placed is not None
                return placed
        try:
            put = obstore.put(self._store, name, text.encode(), mode={"e_tag": seen.tag} if seen else "create")
        except (AlreadyExistsError, PreconditionError):
            raise moved from None
        return Pointer(text, put["e_tag"] or "")

    def change_pointer(self, name: str, change: Callable[[str | None], str]) -> None:
        """Replace the pointer by what ``change`` makes of its text (None when it was never set); again when it moved.

        Nothing is written when that is the same text.

        Raises:
            PointerMovedError: other runs kept moving it.

        """
        for tries_left in reversed(range(TRIES)):
            seen = self.pointer(name)
            text = change(seen.text if seen else None)
            if seen and text == seen.text:
                return
            try:
                self.move_pointer(name, text, seen)
                return
            except PointerMovedError:
                if not tries_left:
                    raise

    @contextlib.contextmanager
    def run_lock(self, what: str) -> Iterator[None]:
        """Hold the lake for one run on this machine; a second run is told who holds it.

        The lock is a courtesy that saves double work: pointers alone keep runs on several machines from harm.
        """
        if self.folder is None:
            yield
            return
        with self._flock("run.lock", wait=False, note=what):
            self.clear_scratch()
            yield

    @contextlib.contextmanager
    def _flock(self, name: str, wait: bool, note: str = "") -> Iterator[None]:
        assert self.folder is not None
        path = self.folder / "locks" / name.replace("/", "__")
        path.parent.mkdir(exist_ok=True)
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another run"
                raise LockedError(f"{self.root} is in use by {holder}; wait for it to end, then run again") from None
            if note:
                file.seek(0)
                file.truncate()
                file.write(f"{note} (process {os.getpid()})")
                file.flush()
            yield


def _is_held(mark: Path) -> bool:
    """Return whether a living process keeps the mark locked; a mark that is not there is not held."""
    try:
        with mark.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    return False


def to_json(value: Json) -> bytes:
    """Return canonical JSON: sorted keys, readable, ending in a newline, the same bytes for the same value."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
