"""Bounds for scaling, which are learnt from the data and so must be paid for.

A largest value is somebody's value: scaling by what the rows say leaks before training begins. Each
column's values are counted by powers of two, the counts are made private by Laplace noise, and the
bounds are the ends of the bins that surely hold somebody (as "approximate bounds" in Google's
differential privacy library).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.dp.mechanisms import Use

Floats = NDArray[np.float64]

_LEAST, _MOST = -10, 40
"""Powers of two that are told apart; values beyond them count as the nearest."""
_SIDE: Final = _MOST - _LEAST + 1
_BINS: Final = 2 * _SIDE + 1
_WRONG: Final = 0.01
"""Chance that noise alone makes any bin of a column look held."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """(columns,) each; a column whose ends are equal says nothing and is scaled to 0."""

    low: Floats
    high: Floats

    @property
    def middle(self) -> Floats:
        """Of each column."""
        made: Floats = (self.low + self.high) / 2
        return made

    @property
    def half(self) -> Floats:
        """Half of each column's width, 1 where it has none."""
        half = (self.high - self.low) / 2
        return np.where(half > 0, half, 1.0)

    def scaled(self, rows: Floats) -> Floats:
        """Rows (n, columns) clipped to the bounds, from −1 to 1; missing is 0."""
        return np.nan_to_num(np.clip((rows - self.middle) / self.half, -1, 1), nan=0.0)


def bounds_use(columns: int, epsilon: float) -> Use:
    """What private bounds of so many columns cost in all."""
    return Use("laplace", {"noise_multiplier": columns / epsilon}, columns)


def private_bounds(rows: Floats, epsilon: float, rng: np.random.Generator) -> Bounds:
    """Bounds of rows (n, columns) at the price of `bounds_use`; `rng` must be nobody's to guess."""
    noise = rows.shape[1] / epsilon
    surely = noise * math.log(_BINS / (2 * _WRONG))
    ends = [_ends(column, noise, surely, rng) for column in rows.T]
    low, high = zip(*ends, strict=True)
    return Bounds(np.array(low), np.array(high))


def _ends(
    column: Floats, noise: float, surely: float, rng: np.random.Generator
) -> tuple[float, float]:
    counts = np.bincount(_bins(column[np.isfinite(column)]), minlength=_BINS)
    held = np.flatnonzero(counts + rng.laplace(0, noise, _BINS) > surely)
    if not len(held):
        return 0.0, 0.0
    return _edge(int(held[0]), outer_if_negative=True), _edge(int(held[-1]))


def _bins(values: Floats) -> NDArray[np.int64]:
    """0 … below 0 from far to near, the middle for 0, then above 0 from near to far."""
    _, power = np.frexp(values)
    near = np.clip(power, _LEAST, _MOST) - _LEAST + 1
    made: NDArray[np.int64] = _SIDE + np.where(values == 0, 0, np.sign(values) * near).astype(
        np.int64
    )
    return made


def _edge(place: int, *, outer_if_negative: bool = False) -> float:
    """The low end of the lowest bin, or the high end of the highest."""
    step = place - _SIDE
    if step == 0:
        return 0.0
    power = abs(step) - 1 + _LEAST
    outward = outer_if_negative == (step < 0)
    return math.copysign(2.0 ** (power if outward else power - 1), step)
