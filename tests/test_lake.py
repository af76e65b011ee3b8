"""Files and pointers keep their promises, the same in a folder and in an object store."""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from cto.lake import Lake, LakeError, LockedError, MissingError, Pointer, PointerMovedError, to_json

NAME = "sources/some/HEAD.json"


@pytest.fixture(params=["folder", "object store"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake("memory://" if request.param == "object store" else str(tmp_path / "lake"))


@pytest.fixture
def folder_lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def files(lake: Lake) -> list[str]:
    assert lake.folder is not None
    return sorted(str(path.relative_to(lake.folder)) for path in lake.folder.rglob("*") if path.is_file())


# Files


@pytest.mark.parametrize("data", [b"", b"some bytes", bytes(range(256)) * 10_000])
def test_what_is_put_is_read_back(lake: Lake, data: bytes) -> None:
    lake.put("a/b/c.bin", data)
    assert lake.read("a/b/c.bin") == data


def test_putting_the_same_file_again_changes_nothing(lake: Lake) -> None:
    lake.put("a/one", b"same")
    lake.put("a/one", b"same")
    assert lake.read("a/one") == b"same"


def test_an_object_is_read_back_as_it_was_put(lake: Lake) -> None:
    value = {"b": [1, 2.5, None, True], "a": {"é": "ü"}}
    lake.put_json("some.json", value)
    assert lake.read_json("some.json") == value


def test_equal_values_are_the_same_bytes() -> None:
    assert to_json({"a": 1, "b": {"c": 2, "d": 3}}) == to_json({"b": {"d": 3, "c": 2}, "a": 1})
    assert to_json({"name": "é"}) == '{\n "name": "é"\n}\n'.encode()


def test_reading_what_is_not_there_is_an_error_that_names_the_key(lake: Lake) -> None:
    with pytest.raises(MissingError, match=r"holds no releases/2020\.01\.01/manifest\.json"):
        lake.read_json("releases/2020.01.01/manifest.json")


def test_a_key_is_there_once_it_is_put_and_its_folder_never_is(lake: Lake) -> None:
    assert not lake.exists("a/one")
    lake.put("a/one", b"")
    assert lake.exists("a/one")
    assert not lake.exists("a")
    with pytest.raises(MissingError):
        lake.read("a")


def test_a_free_key_is_created_once_and_the_first_writer_wins(lake: Lake) -> None:
    assert lake.create("claim", b"first")
    assert not lake.create("claim", b"second")
    assert lake.read("claim") == b"first"


def test_of_many_that_create_a_key_at_once_one_succeeds(lake: Lake) -> None:
    start = threading.Barrier(8)

    def claim(number: int) -> bool:
        start.wait()
        return lake.create("claim", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(8)))
    assert won.count(True) == 1
    assert lake.read("claim") == str(won.index(True)).encode()


def test_an_adopted_file_moves_to_its_key_and_replaces_what_was_there(lake: Lake, tmp_path: Path) -> None:
    for data in (b"first", b"second"):
        finished = tmp_path / "finished"
        finished.write_bytes(data)
        lake.adopt("core/key/table.parquet", finished)
        assert lake.read("core/key/table.parquet") == data
        assert not finished.exists()


def test_a_file_adopted_from_scratch_stays_when_the_scratch_goes(lake: Lake) -> None:
    with lake.scratch() as folder:
        (folder / "part").write_bytes(b"part")
        lake.adopt("parts/one", folder / "part")
    assert lake.read("parts/one") == b"part"


def test_an_address_is_one_that_duckdb_opens(folder_lake: Lake) -> None:
    with folder_lake.scratch() as folder:
        duckdb.sql("select 42 as answer").write_parquet(str(folder / "t.parquet"))
        folder_lake.adopt("it's/a table.parquet", folder / "t.parquet")
    assert duckdb.read_parquet(folder_lake.url("it's/a table.parquet")).fetchall() == [(42,)]


def test_a_lake_that_duckdb_cannot_open_says_so() -> None:
    with pytest.raises(LakeError, match="object store; building tables needs a folder"):
        Lake("memory://").url("core/key/table.parquet")


def test_a_relative_root_stays_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lake = Lake("data")
    lake.put("one", b"1")
    monkeypatch.chdir("/")
    assert lake.read("one") == b"1"
    assert (tmp_path / "data" / "one").read_bytes() == b"1"


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Lake(str(tmp_path / "file"))


# Scratch


def test_scratch_is_private_and_gone_afterwards(lake: Lake) -> None:
    with lake.scratch() as one, lake.scratch() as other:
        assert one != other
        (one / "work").write_text("in progress")
        assert list(other.iterdir()) == []
    assert not one.exists()
    assert not other.exists()


def test_scratch_is_gone_after_a_failure_too(lake: Lake) -> None:
    with contextlib.suppress(RuntimeError), lake.scratch() as folder:
        (folder / "work").write_text("half")
        raise RuntimeError
    assert not folder.exists()


KILLED = """
import os, signal, sys
from cto.lake import Lake
with Lake(sys.argv[1]).scratch() as folder:
    (folder / "half a table").write_bytes(b"PAR1")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_run_lock_clears_what_killed_runs_left(folder_lake: Lake) -> None:
    subprocess.run([sys.executable, "-c", KILLED, folder_lake.root], check=False)
    left = Path(folder_lake.url("tmp"))
    assert len(list(left.rglob("half a table"))) == 1
    (left / "tmpabcdefgh").mkdir()  # as left by one killed before it could do more
    with folder_lake.run_lock("a test"):
        assert list(left.glob("*")) == []


CUT = """
import sys
from cto.lake import Lake
Lake(sys.argv[1]).put("releases/2020.01.01/votes.parquet", b"x" * 100_000_000)
"""


def test_a_write_cut_by_a_kill_leaves_nothing_under_its_key_and_nothing_for_long(folder_lake: Lake) -> None:
    writer = subprocess.Popen([sys.executable, "-c", CUT, folder_lake.root])
    while not files(folder_lake) and writer.poll() is None:
        pass
    writer.kill()
    assert writer.wait() == -signal.SIGKILL, "it was too quick to be cut"
    assert not folder_lake.exists("releases/2020.01.01/votes.parquet")
    with folder_lake.run_lock("a test"):
        assert [name for name in files(folder_lake) if not name.startswith("locks/")] == []


def test_the_run_lock_leaves_work_under_way_alone(folder_lake: Lake) -> None:
    with folder_lake.scratch() as folder:
        (folder / "work").write_text("in progress")
        with Lake(folder_lake.root).run_lock("another run"):
            assert (folder / "work").read_text() == "in progress"


WRITER = """
import sys
from cto.lake import Lake
for number in range(400):
    Lake(sys.argv[1]).put(f"some/{number}", b"x")
"""


def test_tidying_up_and_writing_do_not_disturb_each_other(folder_lake: Lake) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, folder_lake.root]) for _ in range(2)]
    while any(writer.poll() is None for writer in writers):
        folder_lake.clear_scratch()
    assert [writer.returncode for writer in writers] == [0, 0]
    assert not list(Path(folder_lake.url("tmp")).glob("*"))


# Pointers


def test_a_pointer_that_was_never_set_is_none(lake: Lake) -> None:
    assert lake.pointer(NAME) is None


def test_a_moved_pointer_is_read_as_it_was_returned(lake: Lake) -> None:
    placed = lake.move_pointer(NAME, "one", None)
    assert placed.text == "one"
    assert lake.pointer(NAME) == placed


def test_a_pointer_moves_from_what_was_seen(lake: Lake) -> None:
    one = lake.move_pointer(NAME, "one", None)
    two = lake.move_pointer(NAME, "two", one)
    three = lake.move_pointer(NAME, "three", lake.pointer(NAME))
    assert [one.text, two.text, three.text] == ["one", "two", "three"]
    assert lake.pointer(NAME) == three


def _moved_on(lake: Lake) -> Pointer | None:
    """Return a pointer that is no longer what the lake holds, which is "two"."""
    one = lake.move_pointer(NAME, "one", None)
    lake.move_pointer(NAME, "two", one)
    return one


def _set_meanwhile(lake: Lake) -> Pointer | None:
    lake.move_pointer(NAME, "two", None)
    return None


def _moved_there_and_back(lake: Lake) -> Pointer | None:
    """Return a pointer with the text that the lake holds, from before another move."""
    first = lake.move_pointer(NAME, "two", None)
    between = lake.move_pointer(NAME, "one, of another length", first)
    lake.move_pointer(NAME, "two", between)
    return first


@pytest.mark.parametrize("outdated", [_moved_on, _set_meanwhile, _moved_there_and_back])
def test_a_pointer_that_moved_meanwhile_is_left_alone(lake: Lake, outdated: Callable[[Lake], Pointer | None]) -> None:
    seen = outdated(lake)
    before = lake.pointer(NAME)
    with pytest.raises(PointerMovedError, match=f"another run moved {NAME}.*nothing was changed"):
        lake.move_pointer(NAME, "mine", seen)
    assert lake.pointer(NAME) == before
    assert before is not None
    assert before.text == "two"


def test_a_pointer_that_vanished_meanwhile_is_not_made_again(lake: Lake, tmp_path: Path) -> None:
    elsewhere = Lake(str(tmp_path / "elsewhere")) if lake.folder else Lake("memory://")
    seen = elsewhere.move_pointer(NAME, "one", None)
    with pytest.raises(PointerMovedError):
        lake.move_pointer(NAME, "two", seen)
    assert lake.pointer(NAME) is None


def test_pointers_do_not_disturb_each_other(lake: Lake) -> None:
    one = lake.move_pointer("sources/one/HEAD.json", "1", None)
    lake.move_pointer("sources/two/HEAD.json", "2", None)
    assert lake.move_pointer("sources/one/HEAD.json", "3", one).text == "3"
    other = lake.pointer("sources/two/HEAD.json")
    assert other is not None
    assert other.text == "2"


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hasty_threads")
def test_no_move_is_lost_and_each_mover_gets_its_own_pointer_back(lake: Lake) -> None:
    lake.move_pointer(NAME, "0", None)
    foreign: list[tuple[str, str]] = []
    n_movers, times, start = 4, 100 if lake.folder else 1000, threading.Barrier(4)

    def count_up(_: int) -> None:
        start.wait()
        done, seen = 0, lake.pointer(NAME)
        while done < times:
            assert seen is not None
            wanted = str(int(seen.text) + 1)
            try:
                placed = lake.move_pointer(NAME, wanted, seen)
            except PointerMovedError:
                seen = lake.pointer(NAME)
                continue
            if placed.text != wanted:
                foreign.append((wanted, placed.text))
            seen = placed
            done += 1

    with ThreadPoolExecutor(n_movers) as pool:
        list(pool.map(count_up, range(n_movers)))
    last = lake.pointer(NAME)
    assert last is not None
    assert foreign == []
    assert last.text == str(n_movers * times)


def test_a_reader_never_sees_half_a_pointer(lake: Lake) -> None:
    texts = {letter * 200_000 for letter in "ab"}
    seen = lake.move_pointer(NAME, min(texts), None)
    done = threading.Event()

    def read() -> set[str]:
        found = set()
        while not done.is_set():
            pointer = lake.pointer(NAME)
            found.add(pointer.text if pointer else "")
        return found

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for number in range(60):
            seen = lake.move_pointer(NAME, sorted(texts)[number % 2], seen)
        done.set()
        assert reading.result() <= texts


def test_moving_pointers_leaves_one_file_each_and_nothing_in_between(folder_lake: Lake) -> None:
    seen = None
    for number in range(20):
        seen = folder_lake.move_pointer(NAME, str(number), seen)
    assert files(folder_lake) == ["locks/scratch.lock", "locks/sources__some__HEAD.json.lock", NAME]


# The run lock


def test_a_second_run_is_told_who_holds_the_lake(folder_lake: Lake) -> None:
    again = Lake(folder_lake.root)
    with folder_lake.run_lock("cto refresh since noon"):
        with pytest.raises(LockedError, match=r"in use by cto refresh since noon \(process \d+\); wait"):
            again.run_lock("another").__enter__()
        with pytest.raises(LockedError, match="cto refresh since noon"):  # the one that was refused did not sign it
            again.run_lock("another").__enter__()
    with again.run_lock("another"):
        pass


def test_a_run_that_fails_gives_the_lock_back(folder_lake: Lake) -> None:
    with pytest.raises(LakeError, match="broke"), folder_lake.run_lock("first"):
        raise LakeError("broke")
    with Lake(folder_lake.root).run_lock("second"):
        pass


def test_a_reader_needs_no_lock(folder_lake: Lake) -> None:
    folder_lake.move_pointer(NAME, "one", None)
    with folder_lake.run_lock("a long run"):
        pointer = Lake(folder_lake.root).pointer(NAME)
    assert pointer is not None
    assert pointer.text == "one"


def test_runs_on_an_object_store_do_not_wait_for_each_other() -> None:
    lake = Lake("memory://")
    with lake.run_lock("one"), lake.run_lock("other"):
        pass
