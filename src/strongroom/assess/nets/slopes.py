"""Which way a net's answer moves when a row is changed a little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slopes:
    """First-order changes of the log odds of class 1, for rows (n, d)."""

    numbers: Floats
    """(n, d): by one unit of each column; 0 for columns that are read as levels."""
    levels: Mapping[int, Floats]
    """By column that is read as levels: (n, levels), by setting it to each."""

    def of_moves(self, column: int, now: Floats, values: Floats) -> Floats:
        """(n, m) changes by setting a column from `now` (n,) to `values` (n, m); NaN stays NaN."""
        if column not in self.levels:
            return self.numbers[:, [column]] * (values - now[:, None])
        known = np.isfinite(values)
        places = np.where(known, values, 0).astype(np.int64)
        told = self.levels[column]
        change = np.take_along_axis(told, np.clip(places, 0, told.shape[1] - 1), axis=1)
        return np.where(known, change, np.nan)


Slope: TypeAlias = Callable[[Floats], Slopes]
