"""Vectors as BLOBs beside the turns, and the sequence numbers an index catches up with."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .database import SqliteFile
from .errors import InvalidVectors

if TYPE_CHECKING:
    from .ports import Ids, Vectors

CHUNK_ROWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorMark:
    """How far an index has read: the newest addition and the newest removal it knows."""

    added: int = 0
    removed: int = 0


class VectorLog:
    """The vectors of a store, in the order they were written."""

    def __init__(self, file: SqliteFile, dimensions: int) -> None:
        self._file = file
        self._dimensions = dimensions

    def put(self, ids: "Ids", vectors: "Vectors") -> None:
        """Store float32 vectors, shape (len(ids), dimensions); raises InvalidVectors and stores none."""
        if vectors.shape != (len(ids), self._dimensions):
            raise InvalidVectors(
                f"Expected vectors of shape ({len(ids)}, {self._dimensions}), got {vectors.shape}; "
                "check which embedder made them."
            )
        if not np.isfinite(vectors).all():
            raise InvalidVectors("Vectors hold NaN or infinite values; nothing was stored.")
        rows = np.ascontiguousarray(vectors, dtype="<f4")
        self._file.write_many(
            "insert or replace into vectors (memory_id, vector) values (?, ?)",
            [(int(i), row.tobytes()) for i, row in zip(ids, rows, strict=True)],
        )

    def mark(self) -> VectorMark:
        """Return the newest sequence numbers; constant time."""
        row = self._file.row("select (select max(seq) from vectors), (select max(seq) from vector_removals)")
        added, removed = row or (0, 0)
        return VectorMark(added=added or 0, removed=removed or 0)

    def added_after(self, seq: int) -> Iterator[tuple[int, "Ids", "Vectors"]]:
        """Yield (last sequence number, ids, vectors) in chunks of what was written after `seq`."""
        while True:
            rows = self._file.rows(
                "select seq, memory_id, vector from vectors where seq > ? order by seq limit ?",
                [seq, CHUNK_ROWS],
            )
            if not rows:
                return
            seq = rows[-1][0]
            yield seq, np.array([row[1] for row in rows], dtype=np.int64), self._matrix([r[2] for r in rows])

    def removed_after(self, seq: int) -> tuple[int, "Ids"]:
        """Return (last sequence number, ids) of what was removed after `seq` and has no vector now."""
        rows = self._file.rows(
            """select r.seq, r.memory_id, exists (select 1 from vectors v where v.memory_id = r.memory_id)
               from vector_removals r where r.seq > ? order by r.seq""",
            [seq],
        )
        gone = np.array([row[1] for row in rows if not row[2]], dtype=np.int64)
        return (rows[-1][0] if rows else seq), gone

    def missing(self, limit: int) -> list[int]:
        """Return up to `limit` ids of memories that have no vector yet, oldest first."""
        rows = self._file.rows(
            """select m.id from memories m where not exists (select 1 from vectors v where v.memory_id = m.id)
               order by m.id limit ?""",
            [limit],
        )
        return [row[0] for row in rows]

    def missing_count(self) -> int:
        """Return how many memories have no vector yet."""
        row = self._file.row("select (select count(*) from memories) - (select count(*) from vectors)")
        return int((row or (0,))[0])

    def clear(self) -> None:
        """Drop every vector, before a store is embedded again."""
        self._file.write("delete from vectors")

    def _matrix(self, blobs: list[bytes]) -> "Vectors":
        flat = np.frombuffer(b"".join(blobs), dtype="<f4")
        if flat.size != len(blobs) * self._dimensions:
            raise InvalidVectors(
                f"{self._file.path} holds vectors that are not of {self._dimensions} dimensions; "
                "embed the store again with: recollect reembed"
            )
        return flat.reshape(len(blobs), self._dimensions).astype(np.float32)
