"""Numbers by name, a row a question: small enough to keep for every question of a run."""

import math
from array import array
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Columns:
    """Columns of numbers that grow by rows; what a row does not have is NaN."""

    def __init__(self) -> None:
        self._columns: dict[str, array[float]] = {}
        self._rows = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, as first seen."""
        return tuple(self._columns)

    def put(self, row: int, values: Mapping[str, float]) -> None:
        """Write a row, a new one or in place of what it held; rows before it that were never written are NaN."""
        self._rows = max(self._rows, row + 1)
        for name in values:
            self._columns.setdefault(name, array("d"))
        for name, column in self._columns.items():
            column.extend([math.nan] * (self._rows - len(column)))
            column[row] = values.get(name, math.nan)

    def column(self, name: str, rows: int) -> Values:
        """Return the first `rows` of a column, NaN where they hold nothing or it is not there."""
        values = np.full(rows, np.nan)
        held = self._columns.get(name, array("d"))[:rows]
        values[: len(held)] = held
        return values

    def mean(self, name: str, rows: int) -> float | None:
        """Return the mean of what a column holds, None where that is nothing."""
        values = self.column(name, rows)
        held = values[~np.isnan(values)]
        return float(held.mean()) if len(held) else None
