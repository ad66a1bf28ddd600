"""Which memory stands in which row of a vector index, and which rows were given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .faiss_rows import Mask, RowNumbers
    from .ports import Ids


class RowIds:
    """Ids by row and rows by id. An id has at most one living row. Not thread-safe."""

    def __init__(self, ids: Ids | None = None, alive: Mask | None = None) -> None:
        self.ids: Ids = np.empty(0, np.int64) if ids is None else ids  # (rows,)
        self.alive: Mask = np.ones(len(self.ids), np.bool_) if alive is None else alive  # (rows,)
        self._living = int(np.count_nonzero(self.alive))
        self._lookup: tuple[Ids, RowNumbers] | None = None

    def __len__(self) -> int:
        return self._living

    def ascending(self) -> Ids:
        """Return the living ids in ascending order (not a copy)."""
        return self._sorted()[0]

    def rows(self) -> RowNumbers:
        """Return the rows of `ascending()`, in its order."""
        return self._sorted()[1]

    def find(self, ids: Ids) -> tuple[RowNumbers, RowNumbers]:
        """Return which places of `ids` are known, ascending, and the row of each."""
        known, rows = self._sorted()
        if not len(known):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        spots = np.searchsorted(known, ids)
        spots[spots == len(known)] = 0
        places = np.flatnonzero(known[spots] == ids)
        return places, rows[spots[places]]

    def append(self, ids: Ids) -> None:
        """Name the rows that were just appended."""
        self.ids = np.concatenate([self.ids, ids])
        self.alive = np.concatenate([self.alive, np.ones(len(ids), np.bool_)])
        self._living += len(ids)
        self._lookup = None

    def bury(self, rows: RowNumbers) -> None:
        """Give up living rows; repeated ones count once."""
        self.alive[rows] = False
        self._living = int(np.count_nonzero(self.alive))
        self._lookup = None

    def compact(self) -> None:
        """Forget the buried rows; those behind them move up."""
        self.ids = self.ids[self.alive]
        self.alive = np.ones(len(self.ids), np.bool_)
        self._lookup = None

    def _sorted(self) -> tuple[Ids, RowNumbers]:
        if self._lookup is None:
            rows = np.flatnonzero(self.alive)
            ids = self.ids[rows]
            if not np.all(ids[1:] > ids[:-1]):
                order = np.argsort(ids, kind="stable")
                ids, rows = ids[order], rows[order]
            self._lookup = ids, rows
        return self._lookup
