"""Folders and files that cannot be a store, and disks without room: a clear error, and nothing is lost."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import NotAStore, SnapshotError, StoreFull, StoreReadOnly, StoreTooNew
from recollect.memory.store import Store
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, count_words

ROOT = Path(__file__).parents[2]


def opened(path: Path) -> LongTermMemory:
    archive = Archive(Store(path), HashEmbedder())
    return LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="alice")


def filled_store(path: Path, turns: int = 300) -> Path:
    with opened(path) as memory:
        memory.add_many({"speaker": "Bob", "text": f"copper kettle {n} sings"} for n in range(turns))
    return path


def garbage_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:100] = os.urandom(100)
    path.write_bytes(content)


def first_page_only(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096])


def half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def not_even_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:57])


def prose(path: Path) -> None:
    path.write_text("Dear diary, " * 1000)


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("create table notes (text)")
        other.execute("insert into notes values ('keep me')")
        other.commit()


def versioned_by_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("pragma user_version = 7")


@pytest.mark.parametrize(
    "damage",
    [garbage_header, first_page_only, half, not_even_a_page, prose, of_another_program, versioned_by_another_program],
)
def test_a_file_that_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = filled_store(tmp_path / "memory.db")
    damage(path)
    before = path.read_bytes()
    with pytest.raises(NotAStore, match=r"memory\.db"), opened(path) as memory:
        memory.archive.store.turns(range(1, 301))
        memory.recall("copper kettle")
    assert path.read_bytes() == before
    path.unlink()
    with opened(path) as memory:
        assert memory.add("Alice", "A new beginning.").id == 1


def test_a_store_of_a_newer_recollect_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = filled_store(tmp_path / "memory.db", turns=3)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("pragma user_version = 1000")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=r"store version 1000.*pip install --upgrade recollect"):
        opened(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "memory.db").touch()
    with opened(tmp_path / "memory.db") as memory:
        assert memory.add("Alice", "Hello.").id == 1


def test_paths_where_no_file_can_be_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    for path in (
        tmp_path / "folder",
        tmp_path / "file" / "memory.db",
        tmp_path / "file" / "deeper" / "memory.db",
        tmp_path / "nul\x00" / "memory.db",
        tmp_path / "nul\x00.db",
        tmp_path / ("n" * 300),
        tmp_path / ("n" * 300) / "memory.db",
    ):
        with pytest.raises(StoreReadOnly, match=r"(?i)choose another path|choose a writable path"):
            opened(path)
    assert (tmp_path / "file").read_text() == "a file"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("a small disk needs Linux's mount")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_read_only_folder_is_refused_and_its_store_is_whole(small_disk: Path) -> None:
    filled_store(small_disk / "memory.db", turns=20)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for name in ("memory.db", "new.db", "folder/new.db"):
        with pytest.raises(StoreReadOnly, match=r"(?i)choose another path|choose a writable path"):
            opened(small_disk / name)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    with opened(small_disk / "memory.db") as memory:
        assert memory.counts().turns == 20
        memory.add("Alice", "Writable again.")


def test_a_full_disk_refuses_turns_loses_none_and_takes_them_again(small_disk: Path) -> None:
    path, ballast = small_disk / "memory.db", small_disk / "ballast"
    ballast.write_bytes(b"b" * 900_000)
    stored = 0
    with opened(path) as memory:
        with pytest.raises(StoreFull, match="No space is left"):
            for _ in range(1000):
                stored += len(memory.add_many({"speaker": "Bob", "text": f"copper kettle {n}"} for n in range(10)))
        assert stored
        assert memory.counts().turns == stored
        assert memory.recall("copper kettle", limit=1)
        for _ in range(3):
            with pytest.raises(StoreFull):
                memory.add("Bob", "A longer turn about copper. " * 2000)
        assert memory.counts().turns == stored
        ballast.unlink()
        assert memory.add("Alice", "There is room again.").id
        assert memory.recall("room again", limit=1)[0].memory.text == "There is room again."
    with opened(path) as memory:
        assert memory.counts().turns == stored + 1
        assert memory.archive.store.file.rows("pragma integrity_check") == [("ok",)]


def test_a_store_on_a_full_disk_is_read_after_reopening_or_refused_and_whole(small_disk: Path) -> None:
    path, ballast = filled_store(small_disk / "memory.db", turns=50), small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"b" * 4096)
    with pytest.raises(StoreFull, match="Free some space"):
        opened(path)
    ballast.unlink()
    with opened(path) as memory:
        assert memory.counts().turns == 50


def test_a_snapshot_that_finds_no_room_costs_nothing(small_disk: Path) -> None:
    path, ballast = small_disk / "memory.db", small_disk / "ballast"
    with opened(path) as memory:
        memory.add_many({"speaker": "Bob", "text": f"kettle {n}"} for n in range(800))
        memory.recall("kettle")
        ballast.write_bytes(b"b" * (shutil.disk_usage(small_disk).free - 20_000))
        with pytest.raises(SnapshotError, match=r"No space left.*Nothing is lost"):
            memory.archive.vectors.save()
        assert [entry.name for entry in small_disk.glob("*.tmp")] == []
        assert memory.recall("kettle 77")
    ballast.unlink()
    with opened(path) as memory:
        assert memory.counts().turns == 800
        assert len(memory.archive.vectors) == 800


LIMITED = """
import resource, signal, sys
from pathlib import Path
from tests.memory.test_bad_files import StoreFull, opened
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with opened(Path(sys.argv[1])) as memory:
    stored = len(memory.add_many({"speaker": "Bob", "text": f"kettle {n}"} for n in range(10)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    try:
        while True:
            stored += len(memory.add_many({"speaker": "Bob", "text": f"kettle {n}"} for n in range(10)))
    except StoreFull as error:
        print(error)
    assert memory.counts().turns == stored
    assert memory.recall("kettle")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    memory.add("Alice", "There is room again.")
    print(stored + 1)
"""


@pytest.mark.skipif(os.name == "nt", reason="file size limits are POSIX")
def test_a_quota_is_a_full_disk(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "memory.db")]
    told, stored = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "No space is left" in told
    assert "file size limit" in told
    with opened(tmp_path / "memory.db") as memory:
        assert memory.counts().turns == int(stored)
