"""Counts of values on one fixed grid: how banks agree on bins and scales while rows stay at home.

The grid is the same for every feature of every federation: 32 steps to each power of two between
2^-20 and 2^40, on both sides of 0. So nobody has to say what the largest amount is; counts are
added up under masks, and quantiles are read from their sum.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from strongroom.domain.errors import InputError
from strongroom.federated.fixed import Floats

STEPS: Final = 32
LOW, HIGH = -20, 40
"""Powers of two; what is nearer to 0 is 0, what is farther is in the last bucket."""
BUCKETS: Final = 2 * STEPS * (HIGH - LOW) + 1


@cache
def grid() -> Floats:
    """The boundaries between buckets, ascending; bucket i has the values in [b[i-1], b[i])."""
    powers = 2.0 ** np.arange(LOW, HIGH)
    positive = (powers[:, None] * (1 + np.arange(STEPS) / STEPS)).ravel()
    made = np.concatenate([-positive[::-1], positive])
    made.setflags(write=False)
    return made


def counts(x: Floats) -> Floats:
    """Rows in each bucket, (features, BUCKETS); missing values are in none."""
    made = np.empty((x.shape[1], BUCKETS))
    for column in range(x.shape[1]):
        known = x[np.isfinite(x[:, column]), column]
        where = np.searchsorted(grid(), known, side="right")
        made[column] = np.bincount(where, minlength=BUCKETS)
    return made


def edges(total: Floats, bins: int) -> tuple[tuple[float, ...], ...]:
    """At most `bins - 1` boundaries for each feature, so that bins hold about equally many rows.

    A bucket that holds many rows gets a bin of its own.
    """
    found: list[tuple[float, ...]] = []
    for row in total:
        held = np.maximum(row, 0)
        if held.sum() <= 0:
            found.append(())
            continue
        below = np.cumsum(held) / held.sum()
        cuts = np.searchsorted(below, np.arange(1, bins) / bins, side="right")
        heavy = np.flatnonzero(held > held.sum() / bins)
        wanted = np.unique(np.concatenate([cuts, heavy, heavy - 1]))
        chosen = wanted[(wanted >= 0) & (wanted < BUCKETS - 1) & _divides(held, wanted)]
        found.append(tuple(float(b) for b in grid()[_thinned(chosen, bins - 1)]))
    return tuple(found)


def scales(total: Floats) -> tuple[Floats, Floats]:
    """Centre (median) and scale of each feature: half the middle 90 %, or more if that is 0."""
    centre, scale = np.zeros(len(total)), np.ones(len(total))
    for column, row in enumerate(total):
        held = np.maximum(row, 0)
        if held.sum() <= 0:
            continue
        centre[column] = _quantile(held, 0.5)
        for tail in (0.05, 0.01, 0.001, 1e-6):
            width = _quantile(held, 1 - tail) - _quantile(held, tail)
            if width > 0:
                scale[column] = width / 2
                break
    return centre, scale


def denoised(total: Floats, deviation: float) -> Floats:
    """Counts without those that noise of this standard deviation alone could have made."""
    return np.where(total > 4 * deviation, total, 0.0)


def _quantile(held: Floats, share: float) -> float:
    bucket = int(np.searchsorted(np.cumsum(held), share * held.sum(), side="left"))
    bucket = min(bucket, BUCKETS - 1)
    ends = np.concatenate([[grid()[0]], grid(), [grid()[-1]]])
    return float(ends[bucket] + ends[bucket + 1]) / 2


def _divides(held: Floats, after: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether there are rows on both sides of the boundary after each bucket."""
    below = np.cumsum(held)
    inside = np.clip(after, 0, BUCKETS - 1)
    divides: npt.NDArray[np.bool_] = (below[inside] > 0) & (below[inside] < below[-1])
    return divides


def _thinned(chosen: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    if len(chosen) <= most:
        return chosen
    kept = np.linspace(0, len(chosen) - 1, most).round().astype(np.int64)
    return np.unique(chosen[kept])


def check_rows(x: Floats, y: Floats) -> None:
    """Raises InputError for rows that cannot be trained on."""
    if x.ndim != 2 or len(x) == 0 or y.shape != (len(x),):
        raise InputError(f"{x.shape} features and {y.shape} labels", fix="give at least one row")
    if not np.isin(y, (0, 1)).all():
        raise InputError("labels are 0 and 1 and nothing else")
