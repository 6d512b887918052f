"""Does a group draw away from the others over time?

For counts by window of time and group: how far each group's rate is from that of all others, as a
straight line over the windows. Windows hold different rows, so the rates in them are independent
and the line's error follows from the binomial error of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from strongroom.assess.measures.groups import Bools, Counts, Estimate, Floats

_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Trend:
    """The change of each group's distance from the others, from the first window to the last."""

    distance: Floats
    """(windows, groups): the group's rate less that of all others."""
    spread: Floats
    """(windows, groups): standard error of the distance."""
    change: Floats
    """(groups,): end of the fitted line less its beginning."""
    error: Floats
    """(groups,): standard error of the change."""

    @classmethod
    def of(cls, hits: Counts, rows: Counts) -> Trend:
        """Fit. `hits` of `rows`, both (windows, groups); two windows and two groups at least."""
        others = hits.sum(axis=1, keepdims=True) - hits, rows.sum(axis=1, keepdims=True) - rows
        distance = _rate(hits, rows) - _rate(*others)
        variance = _variance(hits, rows) + _variance(*others)
        time = np.arange(len(hits)) - (len(hits) - 1) / 2
        weight = time / (time**2).sum() * (len(hits) - 1)
        return cls(
            distance,
            np.sqrt(variance),
            weight @ distance,
            np.sqrt((weight**2) @ variance),
        )

    def chances(self) -> Floats:
        """(groups,) two-sided p-value of each change; see `holm` for those of many."""
        normal = NormalDist()
        return np.array([2 * normal.cdf(-abs(z)) for z in self.change / self.error])

    def worst(self, eligible: Bools) -> Estimate:
        """The largest change in either direction, with an interval that holds for all at once.

        Each group's interval is widened (Bonferroni), so that the largest of many noisy changes is
        no finding: the low end is above 0 only if some group surely changed.
        """
        size, error = np.abs(self.change[eligible]), self.error[eligible]
        z = NormalDist().inv_cdf(1 - (1 - _CONFIDENCE) / 2 / len(size))
        low = float(np.maximum(size - z * error, 0).max())
        return Estimate(float(size.max()), low, float((size + z * error).max()))


def holm(chances: Floats) -> Floats:
    """P-values corrected for how many were looked at (Holm, Scandinavian J. of Statistics 1979)."""
    order = np.argsort(chances)
    stepped = np.maximum.accumulate(chances[order] * np.arange(len(chances), 0, -1))
    made = np.empty(len(chances))
    made[order] = np.minimum(stepped, 1.0)
    return made


def _rate(hits: Counts, rows: Counts) -> Floats:
    made: Floats = hits / np.maximum(rows, 1)
    return made


def _variance(hits: Counts, rows: Counts) -> Floats:
    """Of a rate; one hit and one miss are added, so that a window without a hit is not certain."""
    p = (hits + 1) / (rows + 2)
    made: Floats = p * (1 - p) / np.maximum(rows, 1)
    return made
