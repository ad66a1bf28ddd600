"""A vector index on disk: a verified cache with a high-water mark, never trusted over SQLite.

The file, little in front of much:

    magic, format version, length of the header        <8sII
    header                                             JSON
    checksum of everything so far                      32 bytes
    id of every row                                    int64 (rows,)
    which rows are alive                               one bit each
    the vectors: float32 (rows, dimensions), or the graph as faiss writes it
    checksum of the three above                        32 bytes

Nothing in it is parsed before its checksum was found right, and nothing in it can run code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .errors import SnapshotError
from .faiss_rows import FlatRows, HnswRows, Kind
from .vectors import HNSW_THRESHOLD, FaissIndex, IndexParts

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT_VERSION: Final = 1
_MAGIC: Final = b"RCLVECS\n"
_PRELUDE: Final = struct.Struct("<8sII")
_DIGEST_BYTES: Final = 32
_LONGEST_HEADER: Final = 65_536  # bytes
_PIECE: Final = 1 << 20  # bytes read and hashed at a time
_STALE_AFTER_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHeader:
    """What a snapshot holds: everything the change log of store `store_id` says up to the two numbers.

    `fingerprint` is the embedder's; `added_through` and `removed_through` are sequence numbers of the
    change log; `count` is the number of vectors.
    """

    store_id: str
    fingerprint: str
    dimensions: int
    added_through: int
    removed_through: int
    count: int
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    kind: Kind
    rows: int
    byte_order: str


def save_snapshot(path: Path, header: SnapshotHeader, index: FaissIndex) -> SnapshotHeader:
    """Write `index` to `path` so that at every moment the old file or the new one is there, whole.

    The index may hold more than `header` promises (a caught-up change is harmless), never less.
    Returns the header as written, with the `count` the index had. Raises SnapshotError when the
    header is for other dimensions or the file cannot be written; the old file then still stands.
    """
    if header.dimensions != index.dimensions:
        raise SnapshotError(f"The header says {header.dimensions} dimensions, the index has {index.dimensions}.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        _remove_stale(path)
        with temporary.open("xb") as file:
            written = _write(file, header, index)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SnapshotError(
            f"Cannot write the index snapshot {path}: {reason}. Nothing is lost, it only makes opening faster."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return written


def load_snapshot(
    path: Path, *, store_id: str, fingerprint: str, dimensions: int, hnsw_threshold: int = HNSW_THRESHOLD
) -> tuple[FaissIndex, SnapshotHeader]:
    """Return the index at `path` and what it holds, every byte verified.

    Raises SnapshotError saying what is wrong when there is no such file, when it cannot be read, is
    damaged, incomplete or of a newer format, or belongs to another store, embedder or dimension.
    """
    try:
        with path.open("rb") as file:
            header, layout = _read_header(file, path)
            _require(path, header.store_id, store_id, "another store")
            _require(path, header.fingerprint, fingerprint, "another embedder")
            _require(path, header.dimensions, dimensions, "vectors of another size")
            parts = _read_parts(file, path, layout, dimensions)
    except FileNotFoundError as error:
        raise SnapshotError(f"There is no index snapshot at {path}.") from error
    except OSError as error:
        raise SnapshotError(f"Cannot read the index snapshot {path}: {error.strerror or error}.") from error
    return FaissIndex.from_parts(parts, dimensions, hnsw_threshold=hnsw_threshold), header


def _write(file: BufferedWriter, header: SnapshotHeader, index: FaissIndex) -> SnapshotHeader:
    with index.parts() as parts:
        written = replace(header, count=len(index), format_version=FORMAT_VERSION)
        layout = _Layout(kind=parts.rows.kind, rows=len(parts.rows), byte_order=sys.byteorder)
        text = json.dumps({**asdict(written), **asdict(layout)}).encode()
        front = _PRELUDE.pack(_MAGIC, FORMAT_VERSION, len(text)) + text
        file.write(front + _digest(front))
        checksum = _checksum()

        def put(piece: bytes | memoryview) -> None:
            checksum.update(piece)
            file.write(piece)

        put(_bytes_of(parts.ids))
        put(_bytes_of(np.packbits(parts.alive)))
        if isinstance(parts.rows, FlatRows):
            put(_bytes_of(parts.rows.matrix()))
        else:
            parts.rows.write(put)
    file.write(checksum.digest())
    return written


def _read_header(file: BufferedReader, path: Path) -> tuple[SnapshotHeader, _Layout]:
    prelude = file.read(_PRELUDE.size)
    if len(prelude) < _PRELUDE.size or not prelude.startswith(_MAGIC):
        raise SnapshotError(f"{path} is no index snapshot: it is empty or begins like another kind of file.")
    _, version, length = _PRELUDE.unpack(prelude)
    if version > FORMAT_VERSION:
        raise SnapshotError(f"The index snapshot {path} has format {version}; this Recollect reads {FORMAT_VERSION}.")
    if length > _LONGEST_HEADER:
        raise SnapshotError(f"The index snapshot {path} is damaged: its header claims {length} bytes.")
    text = file.read(length)
    if file.read(_DIGEST_BYTES) != _digest(prelude + text):
        raise SnapshotError(f"The index snapshot {path} is damaged: the header does not match its checksum.")
    try:
        return _parse_header(text)
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"The index snapshot {path} has a header that cannot be read: {error!r}.") from error


def _parse_header(text: bytes) -> tuple[SnapshotHeader, _Layout]:
    found = json.loads(text)
    header = SnapshotHeader(**{field.name: found[field.name] for field in fields(SnapshotHeader)})
    layout = _Layout(**{field.name: found[field.name] for field in fields(_Layout)})
    if layout.kind not in ("flat", "hnsw") or layout.byte_order != sys.byteorder or layout.rows < 0:
        raise ValueError(f"an index of kind {layout.kind!r}, {layout.byte_order}-endian")
    return header, layout


def _require(path: Path, found: object, expected: object, what: str) -> None:
    if found != expected:
        raise SnapshotError(f"The index snapshot {path} is of {what}: {found}, expected {expected}.")


def _read_parts(file: BufferedReader, path: Path, layout: _Layout, dimensions: int) -> IndexParts:
    start = file.tell()
    length = os.fstat(file.fileno()).st_size - start - _DIGEST_BYTES
    vectors = length - layout.rows * 8 - (layout.rows + 7) // 8
    if vectors < 0 or (layout.kind == "flat" and vectors != layout.rows * dimensions * 4):
        raise SnapshotError(f"The index snapshot {path} is incomplete or has bytes that do not belong to it.")
    if not _is_intact(file, length):
        raise SnapshotError(f"The index snapshot {path} is damaged: its vectors do not match their checksum.")
    file.seek(start)
    ids = np.empty(layout.rows, np.int64)
    _fill(file, ids)
    alive = np.empty((layout.rows + 7) // 8, np.uint8)
    _fill(file, alive)
    if layout.kind == "flat":
        rows: FlatRows | HnswRows = FlatRows.blank(dimensions, layout.rows)
        _fill(file, rows.matrix())
    else:
        rows = _read_graph(file.read, path, dimensions)
    if len(rows) != layout.rows:
        raise SnapshotError(f"The index snapshot {path} holds {len(rows)} vectors for {layout.rows} ids.")
    return IndexParts(rows=rows, ids=ids, alive=np.unpackbits(alive, count=layout.rows).astype(np.bool_))


def _read_graph(source: Callable[[int], bytes], path: Path, dimensions: int) -> HnswRows:
    try:
        return HnswRows.read(dimensions, source)
    except ValueError as error:
        raise SnapshotError(f"The index snapshot {path} cannot be used: {error}.") from error


def _is_intact(file: BufferedReader, length: int) -> bool:
    """Hash the next `length` bytes and compare with the checksum that ends the file."""
    checksum = _checksum()
    piece = memoryview(bytearray(_PIECE))
    while length > 0:
        count = file.readinto(piece[: min(length, _PIECE)])
        if not count:
            return False
        checksum.update(piece[:count])
        length -= count
    written: bytes = file.read()
    return written == checksum.digest()


def _fill(file: BufferedReader, array: NDArray[Any]) -> None:
    """Read as many bytes as `array` has into it, without a copy in between."""
    rest = _bytes_of(array)
    while len(rest):
        count = file.readinto(rest)
        if not count:
            raise OSError("the file became shorter while it was read")
        rest = rest[count:]


def _bytes_of(array: NDArray[Any]) -> memoryview:
    # an empty memoryview of two dimensions cannot be cast
    return array.data.cast("B") if array.size else memoryview(b"")


def _checksum() -> hashlib.blake2b:
    # 150 MB take 0.16 s; sha256 takes half of that on processors with instructions for it, twice on others
    return hashlib.blake2b(digest_size=_DIGEST_BYTES)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _remove_stale(path: Path) -> None:
    """Delete what savers of `path` that died have left behind."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"(\d+)-[0-9a-f]{8}\.tmp")
    for left in path.parent.iterdir():
        match = pattern.fullmatch(left.name)
        if match is None:
            continue
        with suppress(FileNotFoundError):  # another process cleans up, too
            is_old = time.time() - left.stat().st_mtime > _STALE_AFTER_S
            if is_old or not _is_running(int(match[1])):
                left.unlink()


def _is_running(process: int) -> bool:
    if os.name == "nt":
        return True  # there os.kill(…, 0) would end it; what is left behind goes by its age
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Make the renaming durable, where folders can be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
