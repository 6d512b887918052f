"""What is counted over all rows: how many, how many twice, nearly twice, far out."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

FENCE: Final = 10.0
"""Interquartile ranges beyond the quartiles from which on a value counts as far out: payments'
amounts have long tails, so this is far further than the usual 1.5."""


class Repeats:
    """Rows that stand there more than once, by a hash of 64 bits.

    In 20 million rows the chance that any two unlike rows share a hash is about 1 in 100,000.
    """

    def __init__(self, *, near: bool = False) -> None:
        """`near`: rows count as the same when numbers agree to 3 digits, and texts but for case."""
        self._near = near
        self._hashes: list[NDArray[np.uint64]] = []

    def add(self, batch: pl.DataFrame) -> None:
        """The next rows."""
        if not batch.width:
            return
        flat = batch.select(_rough(batch[name]) if self._near else _plain(batch[name])
                            for name in batch.columns)  # fmt: skip
        self._hashes.append(flat.hash_rows(seed=7).to_numpy())

    def count(self) -> int:
        """Rows that repeat an earlier one."""
        if not self._hashes:
            return 0
        hashes = np.concatenate(self._hashes)
        return len(hashes) - len(np.unique(hashes))


def _plain(column: pl.Series) -> pl.Series:
    return column.cast(pl.String) if column.dtype in {pl.Categorical, pl.Enum} else column


def _rough(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        return column.round_sig_figs(3)
    if column.dtype.is_integer():
        return column.cast(pl.Float64).round_sig_figs(3)
    if column.dtype in {pl.String, pl.Categorical, pl.Enum}:
        return column.cast(pl.String).str.strip_chars().str.to_lowercase()
    return column


def far_out(sample: pl.DataFrame) -> dict[str, int]:
    """Columns of numbers with values far beyond the others, and how many."""
    found = {}
    for name in sample.columns:
        column = sample[name]
        if not column.dtype.is_numeric() or column.n_unique() < 10:
            continue
        values = column.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
        low, high = np.quantile(values, [0.25, 0.75]) if len(values) else (0.0, 0.0)
        spread = high - low
        if spread > 0 and np.isfinite(spread):
            beyond = (values < low - FENCE * spread) | (values > high + FENCE * spread)
            if count := int(np.count_nonzero(beyond)):
                found[name] = count
    return found
