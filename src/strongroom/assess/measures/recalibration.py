"""What would have to be done to scores so that they mean what they say.

Both are functions of counts by score, as in `ranking`, so one call gives a figure or a thousand
resampled ones.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from strongroom.assess.measures.ranking import Measure, Ranking

_EDGE: Final = 1e-6
"""Scores are kept so far from 0 and 1, where log-odds end."""
_STEPS: Final = 30
_NEAR: Final = 1e-5
"""Steps below this are the end of the search."""
_FAR: Final = 30.0
"""A slope beyond this has no end: the scores separate the labels."""


def observed_expected(ranking: Ranking) -> Measure:
    """Events that happened over events that the scores foretold; 1 is right on the whole."""

    def measure(positives: Any, negatives: Any) -> Any:
        foretold = ((positives + negatives) * ranking.scores).sum(axis=-1)
        return positives.sum(axis=-1) / np.where(foretold > 0, foretold, np.nan)

    return measure


def slope(ranking: Ranking) -> Measure:
    """Cox's calibration slope: b in log-odds(label) = a + b · log-odds(score).

    1 is right; below it scores are too extreme, above it too timid. NaN where there is no end to
    it. Newton's method on a and b. Source: D. R. Cox, Biometrika 45 (1958) 562-565.
    """
    p = np.clip(ranking.scores, _EDGE, 1 - _EDGE)
    x = np.log(p / (1 - p))

    def measure(positives: Any, negatives: Any) -> Any:
        rows = positives + negatives
        a, b = np.zeros(rows.shape[:-1]), np.ones(rows.shape[:-1])
        step_b = np.zeros_like(b)
        for _ in range(_STEPS):
            z = np.clip(a[..., None] + b[..., None] * x, -_FAR, _FAR)
            q = 1 / (1 + np.exp(-z))
            off, weight = positives - rows * q, rows * q * (1 - q)
            s0, s1, s2 = ((weight * x**k).sum(axis=-1) for k in range(3))
            g0, g1 = off.sum(axis=-1), (off * x).sum(axis=-1)
            whole = s0 * s2 - s1 * s1
            safe = np.where(np.abs(whole) > 1e-12, whole, np.inf)
            step_a, step_b = (s2 * g0 - s1 * g1) / safe, (s0 * g1 - s1 * g0) / safe
            a = np.clip(a + np.clip(step_a, -2, 2), -_FAR, _FAR)
            b = np.clip(b + np.clip(step_b, -2, 2), -_FAR, _FAR)
            if max(np.abs(step_a).max(), np.abs(step_b).max()) < _NEAR:
                break
        ended = (np.abs(step_b) < 1e-4) & (np.abs(b) < _FAR) & (rows.sum(axis=-1) > 0)
        return np.where(ended, b, np.nan)

    return measure


def error_by_chance(ranking: Ranking, bins: np.ndarray[Any, Any]) -> float:
    """The calibration error that perfect scores would show on as many rows, by chance alone.

    In each bin the mean of labels misses the mean of scores by a normal of variance Σp(1−p)/n²,
    whose mean distance from 0 is √(2/π) of its deviation. `bins` is the bin of each score.
    """
    rows = ranking.positives + ranking.negatives
    spread = np.bincount(bins, rows * ranking.scores * (1 - ranking.scores))
    return float(np.sqrt(2 / np.pi * spread).sum() / max(ranking.n, 1))
