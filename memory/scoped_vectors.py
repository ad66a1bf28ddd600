"""The vector index of a store, kept up with SQLite: loaded from its snapshot, caught up, restricted to scopes."""

import logging
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import InvalidVectors, SnapshotError
from .snapshot import SnapshotHeader, load_snapshot, save_snapshot
from .store import Store
from .types import Hit, Scope
from .vector_log import VectorLog, VectorMark
from .vectors import FaissIndex

if TYPE_CHECKING:
    from .ports import Embedder, Ids, Vectors

logger = logging.getLogger(__name__)

SNAPSHOT_AFTER = 5_000
"""Changes after which closing writes a new snapshot; fewer are read from SQLite in milliseconds."""


REMEMBERED_IDS = 4_000_000
"""Ids of scopes kept between searches, 8 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inside:
    """The ids inside a scope, ascending, of the memories up to `newest`."""

    ids: "Ids" = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    newest: int = 0


class StoreVectors:
    """Searches the vectors of a store. SQLite is the truth: every search first reads what was written since."""

    def __init__(self, store: Store, log: VectorLog, embedder: "Embedder", *, path: Path) -> None:
        self._store = store
        self._log = log
        self._embedder = embedder
        self._path = path
        self._lock = threading.RLock()
        self._index: FaissIndex | None = None
        self._seen = VectorMark()
        self._changes = 0
        self._scopes: dict[Scope, _Inside] = {}

    def search(self, vector: "Vectors", *, limit: int, scope: Scope) -> list[Hit]:
        """Return the best `limit` hits inside `scope` for a vector of shape (dimensions,)."""
        with self._lock:
            index = self._caught_up()
            within = None if self._store.is_everything(scope) else self._within(scope)
        return index.search(vector, limit=limit, within=within)

    def vectors_of(self, ids: "Ids | Sequence[int]") -> "tuple[Ids, Vectors]":
        """Return the ids that have vectors, and their vectors (found, dimensions)."""
        return self._caught_up().vectors_of(ids)

    def __len__(self) -> int:
        return len(self._caught_up())

    def save(self) -> None:
        """Write the snapshot; raises SnapshotError when the folder cannot be written."""
        with self._lock:
            index = self._caught_up()
            header = SnapshotHeader(
                store_id=self._store.store_id,
                fingerprint=self._embedder.fingerprint,
                dimensions=self._embedder.dimensions,
                added_through=self._seen.added,
                removed_through=self._seen.removed,
                count=len(index),
            )
            save_snapshot(self._path, header, index)
            self._changes = 0

    def save_if_worth_it(self) -> None:
        """Write the snapshot when many changes came since the last one; a failure is logged."""
        if self._index is None or self._changes < SNAPSHOT_AFTER:
            return
        try:
            self.save()
        except (SnapshotError, InvalidVectors) as error:  # the latter: another process embedded the store anew
            logger.warning("No snapshot was written: %s", error)

    def forget_index(self) -> None:
        """Drop the index in memory, after the store was embedded again."""
        with self._lock:
            self._index = None
            self._scopes.clear()

    def _caught_up(self) -> FaissIndex:
        with self._lock:
            if self._index is None:
                self._index, self._seen = self._load()
            mark = self._log.mark()
            if mark != self._seen:
                self._catch_up(self._index, mark)
            return self._index

    def _load(self) -> tuple[FaissIndex, VectorMark]:
        dimensions = self._embedder.dimensions
        try:
            index, header = load_snapshot(
                self._path,
                store_id=self._store.store_id,
                fingerprint=self._embedder.fingerprint,
                dimensions=dimensions,
            )
        except SnapshotError as error:
            if self._path.exists():
                logger.warning("%s The index is rebuilt from %s.", error, self._store.file.path)
            return FaissIndex(dimensions), VectorMark()
        seen, now = VectorMark(added=header.added_through, removed=header.removed_through), self._log.mark()
        if seen.added > now.added or seen.removed > now.removed:
            logger.warning("The snapshot %s is newer than its store; the index is rebuilt.", self._path)
            return FaissIndex(dimensions), VectorMark()
        if not self._agrees(index, seen):
            logger.warning("The snapshot %s tells another history than its store; the index is rebuilt.", self._path)
            return FaissIndex(dimensions), VectorMark()
        return index, seen

    def _agrees(self, index: FaissIndex, seen: VectorMark) -> bool:
        """Whether the newest vector that a snapshot should hold is in it: not so when the store is an older copy
        of itself, put back, that has grown since.
        """
        newest = self._log.newest_until(seen.added)
        if newest is None:
            return True
        memory_id, vector = newest
        _, held = index.vectors_of([memory_id])
        return len(held) == 1 and bool(np.allclose(held[0], vector, rtol=1e-2, atol=1e-4))  # a graph keeps float16

    def _catch_up(self, index: FaissIndex, mark: VectorMark) -> None:
        """Read what was written since, at least up to `mark`."""
        # additions first: what is deleted meanwhile is in the removals that are read after them
        added = mark.added
        for last, ids, vectors in self._log.added_after(self._seen.added):
            index.add(ids, vectors)
            self._changes += len(ids)
            added = max(added, last)
        removed, gone = self._log.removed_after(self._seen.removed)
        if len(gone):
            index.remove(gone)
            self._changes += len(gone)
            self._scopes.clear()
        # what was gone before it could be read counts as read: the mark never lies behind the log's
        self._seen = VectorMark(added=added, removed=max(removed, mark.removed))

    def _within(self, scope: Scope) -> "Ids":
        """Return the ids inside `scope`, ascending."""
        if scope.since_us is not None or scope.until_us is not None:
            return np.array(self._store.ids(scope), dtype=np.int64)
        inside = self._remembered(replace(scope, without=frozenset()))
        return _without(inside, scope.without) if scope.without else inside

    def _remembered(self, scope: Scope) -> "Ids":
        """Return the ids inside `scope`, from the last time and what was stored since.

        Whose a memory is and who said it never change, so ids are only ever added. Forgotten ones are in no index.
        """
        newest = self._store.newest_id()  # before the ids are read: what comes in between is read again, not missed
        known = self._scopes.get(scope, _Inside())
        if scope in self._scopes and known.newest == newest:
            return known.ids
        ids = known.ids
        fresh = self._store.ids(scope, after=max(known.newest, int(ids[-1]) if len(ids) else 0))
        if len(fresh):
            ids = np.concatenate([ids, np.array(fresh, dtype=np.int64)])
        if scope not in self._scopes and sum(len(inside.ids) for inside in self._scopes.values()) > REMEMBERED_IDS:
            self._scopes.clear()
        self._scopes[scope] = _Inside(ids=ids, newest=newest)
        return ids


def _without(ids: "Ids", left_out: Collection[int]) -> "Ids":
    """Return ascending `ids` without those of `left_out`."""
    last = int(ids[-1]) if len(ids) else 0  # whatever is beyond is no id, and may not fit 64 bits
    gone = np.array(sorted(i for i in left_out if 0 < i <= last), dtype=np.int64)
    places = np.searchsorted(ids, gone)
    return np.delete(ids, places[ids[places] == gone])
