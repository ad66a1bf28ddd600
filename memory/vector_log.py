"""Vectors as BLOBs beside the turns, and the sequence numbers an index catches up with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .checked_vectors import checked_vectors
from .database import SqliteFile
from .errors import InvalidVectors
from .rows import id_list

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
        matrix = checked_vectors(vectors, (len(ids), self._dimensions))
        rows = np.ascontiguousarray(matrix, dtype="<f4")
        self._file.write_many(
            "insert or replace into vectors (memory_id, vector) values (?, ?)",
            [(int(i), row.tobytes()) for i, row in zip(ids, rows, strict=True)],
        )

    def mark(self) -> VectorMark:
        """Return the newest sequence numbers; constant time."""
        # not max(seq): that goes back when the newest vector is removed
        rows = self._file.rows("select name, seq from sqlite_sequence where name in ('vectors', 'vector_removals')")
        newest: dict[str, int] = {name: seq for name, seq in rows}  # noqa: C416 - names the untyped columns
        return VectorMark(added=newest.get("vectors", 0), removed=newest.get("vector_removals", 0))

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

    def newest_until(self, seq: int) -> "tuple[int, Vectors] | None":
        """Return id and vector (dimensions,) of the newest that was written up to `seq`; None when there is none."""
        row = self._file.row("select memory_id, vector from vectors where seq <= ? order by seq desc limit 1", [seq])
        return None if row is None else (int(row[0]), self._matrix([row[1]])[0])

    def removed_after(self, seq: int) -> tuple[int, "Ids"]:
        """Return (last sequence number, ids) of what was removed after `seq` and has no vector now."""
        rows = self._file.rows(
            """select r.seq, r.memory_id, exists (select 1 from vectors v where v.memory_id = r.memory_id)
               from vector_removals r where r.seq > ? order by r.seq""",
            [seq],
        )
        gone = np.array([row[1] for row in rows if not row[2]], dtype=np.int64)
        return (rows[-1][0] if rows else seq), gone

    def missing(self, limit: int, *, after: int = 0) -> list[int]:
        """Return up to `limit` ids, greater than `after`, of memories that have no vector yet, ascending."""
        rows = self._file.rows(
            """select m.id from memories m
               where m.id > ? and not exists (select 1 from vectors v where v.memory_id = m.id)
               order by m.id limit ?""",
            [after, limit],
        )
        return [row[0] for row in rows]

    def missing_count(self) -> int:
        """Return how many memories have no vector yet."""
        row = self._file.row("select (select count(*) from memories) - (select count(*) from vectors)")
        return int((row or (0,))[0])

    def of(self, ids: Sequence[int]) -> "tuple[Ids, Vectors]":
        """Return ids, ascending, and vectors (found, dimensions) of those memories that have one."""
        rows = self._file.rows(
            """select memory_id, vector from vectors
               where memory_id in (select value from json_each(?)) order by memory_id""",
            [id_list(ids)],
        )
        return np.array([row[0] for row in rows], dtype=np.int64), self._matrix([row[1] for row in rows])

    def drop(self, ids: Sequence[int]) -> None:
        """Forget the vectors of memories that are no longer what they were."""
        self._file.write("delete from vectors where memory_id in (select value from json_each(?))", [id_list(ids)])

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
