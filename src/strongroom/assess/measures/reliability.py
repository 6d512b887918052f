"""How well probabilities mean what they say: figures of a ranking by probability."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from strongroom.assess.measures.ranking import Measure, Ranking

BINS: Final = 15
"""Of equal numbers of rows."""


def bins_of(ranking: Ranking, bins: int = BINS) -> Any:
    """The bin of each score, (scores,): bins hold equally many rows as far as ties allow."""
    rows = ranking.positives + ranking.negatives
    middle = np.cumsum(rows) - rows / 2
    return np.minimum((middle / max(ranking.n, 1) * bins).astype(np.int64), bins - 1)


def calibration_error(ranking: Ranking, bins: int = BINS) -> Measure:
    """Expected calibration error: mean distance of stated and observed rate over the bins.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015; bins of equal mass.
    """
    place = np.eye(bins)[bins_of(ranking, bins)]

    def measure(positives: Any, negatives: Any) -> Any:
        rows = positives + negatives
        off = (positives - rows * ranking.scores) @ place
        return np.abs(off).sum(axis=-1) / rows.sum(axis=-1)

    return measure


def brier_skill(ranking: Ranking) -> Measure:
    """1 - Brier score / Brier score of always stating the base rate: above 0 it says something."""

    def measure(positives: Any, negatives: Any) -> Any:
        n = (positives + negatives).sum(axis=-1)
        ones = positives.sum(axis=-1)
        p = ranking.scores
        brier = (positives * (1 - p) ** 2 + negatives * p**2).sum(axis=-1) / n
        reference = np.asarray(ones / n * (1 - ones / n), dtype=np.float64)
        safe = np.where(reference > 0, reference, np.nan)
        return 1 - brier / safe

    return measure
