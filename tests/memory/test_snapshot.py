"""A snapshot is either whole and ours, or refused with the reason."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recollect.memory.errors import SnapshotError
from recollect.memory.snapshot import SnapshotHeader, load_snapshot, save_snapshot
from recollect.memory.vectors import FaissIndex

HEADER = SnapshotHeader(
    store_id="8f7c", fingerprint="minilm/1", dimensions=6, added_through=41, removed_through=7, count=0
)
ROOT = Path(__file__).parents[2]


def filled(count: int, *, threshold: int = 1_000_000, dimensions: int = 6) -> FaissIndex:
    index = FaissIndex(dimensions, hnsw_threshold=threshold)
    index.add(np.arange(count) * 3, np.random.default_rng(0).standard_normal((count, dimensions)).astype(np.float32))
    return index


def load(path: Path) -> tuple[FaissIndex, SnapshotHeader]:
    return load_snapshot(path, store_id="8f7c", fingerprint="minilm/1", dimensions=6)


def everything(index: FaissIndex) -> list[object]:
    query = np.linspace(-1, 1, 6, dtype=np.float32)
    return [index.ids().tolist(), index.search(query, limit=9), index.vectors_of(index.ids())[1].tolist()]


@pytest.mark.parametrize("threshold", [1_000_000, 10])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_what_is_loaded_equals_what_was_saved(tmp_path: Path, count: int, threshold: int) -> None:
    index = filled(count, threshold=threshold)
    index.remove([9, 12])
    written = save_snapshot(tmp_path / "index", HEADER, index)
    loaded, header = load(tmp_path / "index")
    assert header == written == replace(HEADER, count=len(index))
    assert loaded.is_exact == index.is_exact
    assert everything(loaded) == everything(index)
    assert [entry.name for entry in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("threshold", [1_000_000, 10])
def test_a_loaded_index_is_caught_up_like_one_that_never_left(tmp_path: Path, threshold: int) -> None:
    index = filled(50, threshold=threshold)
    index.remove([0])
    save_snapshot(tmp_path / "index", HEADER, index)
    loaded, _ = load_snapshot(
        tmp_path / "index", store_id="8f7c", fingerprint="minilm/1", dimensions=6, hnsw_threshold=threshold
    )
    changed = np.eye(6, dtype=np.float32)
    for each in (index, loaded):
        each.add([3, 1, 500, 0, 7, 8], changed)  # one replaced, one back again, four new
        each.remove([6, 9, 500])
        each.add([500], changed[:1])
    assert everything(loaded) == everything(index)


@pytest.mark.parametrize("threshold", [1_000_000, 3])
def test_every_flipped_byte_is_noticed(tmp_path: Path, threshold: int) -> None:
    path = tmp_path / "index"
    save_snapshot(path, HEADER, filled(6, threshold=threshold))
    intact = path.read_bytes()
    for position in range(len(intact)):
        damaged = bytearray(intact)
        damaged[position] ^= 0x40 if position % 2 else 0xFF
        path.write_bytes(damaged)
        with pytest.raises(SnapshotError, match=r"damaged|no index snapshot|format"):
            load(path)
    path.write_bytes(intact)
    load(path)


@pytest.mark.parametrize("threshold", [1_000_000, 3])
def test_a_file_that_ends_early_or_late_is_noticed(tmp_path: Path, threshold: int) -> None:
    path = tmp_path / "index"
    save_snapshot(path, HEADER, filled(6, threshold=threshold))
    intact = path.read_bytes()
    for length in range(len(intact)):
        path.write_bytes(intact[:length])
        with pytest.raises(SnapshotError, match=r"damaged|no index snapshot|incomplete"):
            load(path)
    path.write_bytes(intact + b"\0")
    with pytest.raises(SnapshotError, match=r"damaged|do not belong"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"x", b"SQLite format 3\0" * 100, b"\0" * 4096])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index").write_bytes(content)
    with pytest.raises(SnapshotError, match="is no index snapshot"):
        load(tmp_path / "index")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="There is no index snapshot at"):
        load(tmp_path / "index")
    with pytest.raises(SnapshotError, match="Cannot read the index snapshot"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("store_id", "fingerprint", "dimensions", "reason"),
    [
        ("other", "minilm/1", 6, "is of another store: 8f7c, expected other"),
        ("8f7c", "minilm/2", 6, "is of another embedder: minilm/1, expected minilm/2"),
        ("8f7c", "minilm/1", 3, "is of vectors of another size: 6, expected 3"),
    ],
)
def test_a_snapshot_of_something_else_is_refused(
    tmp_path: Path, store_id: str, fingerprint: str, dimensions: int, reason: str
) -> None:
    save_snapshot(tmp_path / "index", HEADER, filled(3))
    with pytest.raises(SnapshotError, match=reason):
        load_snapshot(tmp_path / "index", store_id=store_id, fingerprint=fingerprint, dimensions=dimensions)


def test_a_newer_format_is_refused_by_its_number(tmp_path: Path) -> None:
    save_snapshot(tmp_path / "index", HEADER, filled(3))
    content = bytearray((tmp_path / "index").read_bytes())
    content[8] = 2
    (tmp_path / "index").write_bytes(content)
    with pytest.raises(SnapshotError, match="has format 2; this Recollect reads 1"):
        load(tmp_path / "index")


def test_a_header_for_other_dimensions_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="6 dimensions, the index has 4"):
        save_snapshot(tmp_path / "index", HEADER, filled(3, dimensions=4))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "missing"):
        with pytest.raises(SnapshotError, match="Cannot write the index snapshot"):
            save_snapshot(folder / "index", HEADER, filled(3))


def test_what_dead_savers_left_is_cleaned_up_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1, check=True)
    process = int(ended.stdout)
    dead = tmp_path / f".index.{process}-0123abcd.tmp"
    forgotten = tmp_path / f".index.{os.getpid()}-0123abcd.tmp"
    working = tmp_path / f".index.{os.getpid()}-4567abcd.tmp"
    foreign = tmp_path / f".other.{process}-0123abcd.tmp"
    for left in (dead, forgotten, working, foreign):
        left.write_bytes(b"half")
    an_age_ago = time.time() - 7_200
    os.utime(forgotten, (an_age_ago, an_age_ago))
    save_snapshot(tmp_path / "index", HEADER, filled(3))
    assert {entry.name for entry in tmp_path.iterdir()} == {"index", working.name, foreign.name}


SAVE_ONCE_WITHOUT_SPACE = """
import resource, sys
from pathlib import Path
from tests.memory.test_snapshot import HEADER, filled, save_snapshot, SnapshotError
index = filled(4_000, threshold=int(sys.argv[2]))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    save_snapshot(Path(sys.argv[1]), HEADER, index)
except SnapshotError as error:
    print(error)
"""

SAVE_FOR_EVER = """
import sys
from pathlib import Path
from tests.memory.test_snapshot import HEADER, filled, save_snapshot
index = filled(20_000)
print("ready", flush=True)
while True:
    save_snapshot(Path(sys.argv[1]), HEADER, index)
"""


@pytest.mark.skipif(os.name == "nt", reason="file size limits are POSIX")
@pytest.mark.parametrize("threshold", [1_000_000, 100])
def test_a_save_that_runs_out_of_space_leaves_the_old_file_and_no_litter(tmp_path: Path, threshold: int) -> None:
    save_snapshot(tmp_path / "index", HEADER, filled(3))
    script = [sys.executable, "-c", SAVE_ONCE_WITHOUT_SPACE, str(tmp_path / "index"), str(threshold)]
    told = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Cannot write the index snapshot" in told
    assert "File too large" in told
    assert len(load(tmp_path / "index")[0]) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["index"]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_saver_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "index"
    save_snapshot(path, HEADER, filled(3))
    for wait_s in (0.0, 0.003, 0.011, 0.02):
        script = [sys.executable, "-c", SAVE_FOR_EVER, str(path)]
        with subprocess.Popen(script, cwd=ROOT, stdout=subprocess.PIPE) as saver:
            assert saver.stdout is not None
            saver.stdout.readline()
            time.sleep(wait_s)
            saver.send_signal(signal.SIGKILL)
        assert len(load(path)[0]) in (3, 20_000)
        assert len(list(tmp_path.iterdir())) <= 2
    save_snapshot(path, HEADER, filled(3))
    assert [entry.name for entry in tmp_path.iterdir()] == ["index"]
