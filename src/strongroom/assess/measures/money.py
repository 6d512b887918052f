"""Sums of money by cell, and their bootstrap.

A rate of rows needs only counts; a sum of money needs to know which rows were drawn. So the rows of
a cell are laid in order of amount and cut into blocks, and a replicate draws how many rows come
from each block: `Multinomial(n, rows of the block / n)`, each worth the block's mean amount.

**What that approximates.** A drawn row is worth its block's mean; what amounts vary within the
block is added as a normal of that variance for the rows drawn. So the mean and the variance of
every sum are exact, and only the shape of what happens inside a block is not. Blocks are cut by
rows and by money, the largest amounts finest, for those are few and weigh most. A cell with no more
rows than blocks is drawn row by row: nothing is approximated there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.measures.groups import Counts, Floats


@dataclass(frozen=True, slots=True)
class Blocks:
    """Rows of all cells in blocks of like amounts."""

    cell: Counts
    """(blocks,) the cell that a block belongs to."""
    rows: Counts
    """(blocks,)"""
    mean: Floats
    """(blocks,) amount of a row."""
    variance: Floats
    """(blocks,) of the amounts of its rows."""
    cells: int

    @classmethod
    def of(cls, cell: NDArray[Any], amounts: Floats, cells: int, *, limit: int = 64) -> Blocks:
        """Lay out rows; `cell` is 0 … cells − 1, `limit` the blocks of a cell at most."""
        order = np.lexsort((amounts, cell))
        sorted_cell, value = cell[order], amounts[order]
        ends = np.searchsorted(sorted_cell, np.arange(cells + 1))
        cuts = [
            first + _cuts(value[first:last], limit)
            for first, last in pairwise(ends)
            if last > first
        ]
        at = np.concatenate(cuts) if cuts else np.empty(0, dtype=np.int64)
        rows = np.diff(np.append(at, len(value)))
        block = np.repeat(np.arange(len(at)), rows)
        mean = np.bincount(block, value, minlength=len(at)) / rows
        spread = np.bincount(block, (value - mean[block]) ** 2, minlength=len(at)) / rows
        return cls(sorted_cell[at].astype(np.int64), rows, mean, spread, cells)

    def sums(self) -> Floats:
        """(cells,) money."""
        made: Floats = np.bincount(self.cell, self.rows * self.mean, self.cells).astype(np.float64)
        return made

    def counts(self) -> Counts:
        """(cells,) rows."""
        return np.bincount(self.cell, self.rows, minlength=self.cells).astype(np.int64)

    def redraw(self, rng: np.random.Generator, replicates: int) -> tuple[Floats, Counts]:
        """(replicates, cells) of money and of rows, of as many rows drawn with replacement."""
        total = int(self.rows.sum())
        shape = (replicates, self.cells)
        money, spread = np.zeros(shape), np.zeros(shape)
        count = np.zeros(shape, dtype=np.int64)
        drawn = rng.multinomial(total, self.rows / max(total, 1), size=replicates)
        filled, first = np.unique(self.cell, return_index=True)
        if filled.size:
            money[:, filled] = np.add.reduceat(drawn * self.mean, first, axis=1)
            spread[:, filled] = np.add.reduceat(drawn * self.variance, first, axis=1)
            count[:, filled] = np.add.reduceat(drawn, first, axis=1)
        return money + rng.standard_normal(shape) * np.sqrt(spread), count


def _cuts(value: Floats, limit: int) -> NDArray[np.int64]:
    """Where blocks of sorted amounts begin: half by rows, half by money."""
    n = len(value)
    if n <= limit:
        return np.arange(n)
    half = limit // 2
    by_rows = np.linspace(0, n, half, endpoint=False).astype(np.int64)
    running = np.cumsum(value)
    # From the top down in shares that halve: the largest amounts weigh most.
    wanted = running[-1] * (1 - np.geomspace(1, _top_share(value), half))
    by_money = np.searchsorted(running, wanted)
    return np.unique(np.minimum(np.concatenate([by_rows, by_money]), n - 1))


def _top_share(value: Floats) -> float:
    """Share of the money that the largest amount is; 1 where there is no money."""
    total = float(value.sum())
    return max(float(value[-1]) / total, 1e-9) if total > 0 else 1.0
