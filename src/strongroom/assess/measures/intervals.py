"""Confidence intervals, honest where there is little to go on."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.domain.evidence import Metric

FEW: Final = 50
"""Events below which resampling alone understates what is not known."""
CONFIDENCE: Final = 0.95


def wilson(successes: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a proportion; all of [0, 1] when n is 0.

    Source: E. B. Wilson, JASA 22 (1927) 209-212.
    """
    if n <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def share(name: str, successes: int, n: int) -> Metric:
    """A proportion with Wilson's interval."""
    low, high = wilson(successes, n)
    return Metric(name, successes / n, low, high, n, method="Wilson")


def resampled(
    name: str, value: float, samples: NDArray[Any], n: int, *, events: int, bounded: bool = True
) -> Metric:
    """The percentile interval of a figure's bootstrap samples, which always holds the figure.

    `events` is the size of the smaller class. Below `FEW` events a resample can only repeat what
    few rows say, so the interval of a figure in [0, 1] is widened to Wilson's for as many trials:
    the variance of such a mean of ranks is at most that of a proportion (Birnbaum and Klose 1957).
    """
    finite = samples[np.isfinite(samples)]
    if not len(finite):
        finite = np.array([value])
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(finite, [tail, 100 - tail])
    method = f"bootstrap {len(samples)}"
    if events < FEW and bounded:
        least, most = wilson(value * events, events)
        low, high = min(low, least), max(high, most)
        method += ", widened for few events"
    return Metric(
        name, value, min(value, float(low)), max(value, float(high)), n, "", CONFIDENCE, method
    )
