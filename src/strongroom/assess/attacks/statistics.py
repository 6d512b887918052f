"""Operating points and intervals that the attacks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Floats
from strongroom.domain.errors import InputError

_Z95: Final = 1.959963984540054
"""Standard normal quantile of .975."""
_BOOTSTRAP_CELLS: Final = 4_000_000
"""Replicates × scores held at once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure between the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, replicates: Floats) -> Estimate:
        """Percentile interval of bootstrap replicates, stretched to hold the figure itself."""
        low, high = np.quantile(replicates, [0.025, 0.975])
        return cls(value, min(float(low), value), max(float(high), value))


def wilson(hits: int, n: int) -> Estimate:
    """A share and its Wilson score interval (Wilson 1927), which holds near 0 and 1.

    Raises InputError for an empty sample: no trials say nothing.
    """
    if not 0 <= hits <= n or n == 0:
        raise InputError(f"{hits} hits in {n} trials have no share")
    share = hits / n
    spread = _Z95**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = _Z95 * np.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return Estimate(share, max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)))


def threshold_at_fpr(scores: Floats, labels: NDArray[Any], fpr: float) -> float:
    """The lowest threshold at which at most `fpr` of the negatives score at or above it."""
    negatives = np.sort(scores[labels == 0])[::-1]
    if not negatives.size:
        raise InputError("no negatives: a false positive rate cannot be set")
    allowed = int(np.floor(fpr * negatives.size + 1e-9))
    if allowed >= negatives.size:
        return float(negatives[-1])
    return float(np.nextafter(negatives[allowed], np.inf))


@dataclass(frozen=True, slots=True)
class Ranking:
    """Two samples on one scale, grouped by equal value from the highest: a ROC in counts."""

    place: NDArray[np.int64]
    """(n,) which distinct value each item has, 0 the highest; positives first."""
    positives: int
    negatives: int

    @classmethod
    def of(cls, positive: Floats, negative: Floats) -> Ranking:
        """Rank both samples together. Raises InputError where one is empty or not finite."""
        both = np.concatenate([positive, negative])
        if not positive.size or not negative.size or not np.isfinite(both).all():
            raise InputError("a ROC needs finite scores of both kinds")
        _, place = np.unique(-both, return_inverse=True)
        return cls(place.astype(np.int64), len(positive), len(negative))

    def curve(self) -> tuple[Floats, Floats]:
        """False and true positive rate after each distinct value, from (0, 0) to (1, 1)."""
        tpr, fpr = self._rates(*self._counts(None))
        return np.r_[0.0, fpr[0]], np.r_[0.0, tpr[0]]

    def auc(self) -> float:
        """Area under the ROC; ties count half."""
        return float(_area(*self._rates(*self._counts(None)))[0])

    def tpr_at(self, fpr: float) -> float:
        """True positive rate at the last distinct value that keeps the false rate in bounds."""
        return float(_at(*self._rates(*self._counts(None)), fpr)[0])

    def bootstrap(
        self, rng: np.random.Generator, fprs: tuple[float, ...], replicates: int = 1_000
    ) -> tuple[Floats, Floats]:
        """AUC (replicates,) and TPR (fprs, replicates), positives and negatives drawn apart."""
        size = max(1, _BOOTSTRAP_CELLS // len(self.place))
        areas, rates = [], []
        for first in range(0, replicates, size):
            tpr, fpr = self._rates(*self._counts((rng, min(size, replicates - first))))
            areas.append(_area(tpr, fpr))
            rates.append(np.stack([_at(tpr, fpr, limit) for limit in fprs]))
        return np.concatenate(areas), np.concatenate(rates, axis=1)

    def _counts(self, draw: tuple[np.random.Generator, int] | None) -> tuple[Floats, Floats]:
        """(replicates, distinct values) positives and negatives at each value."""
        split = self.place[: self.positives], self.place[self.positives :]
        width = int(self.place.max()) + 1
        if draw is None:
            made = [np.bincount(part, minlength=width)[None] for part in split]
            return made[0].astype(float), made[1].astype(float)
        rng, replicates = draw
        drawn = []
        for part in split:
            chosen = part[rng.integers(0, len(part), (replicates, len(part)))]
            chosen += np.arange(replicates)[:, None] * width
            counts = np.bincount(chosen.ravel(), minlength=replicates * width)
            drawn.append(counts.reshape(replicates, width).astype(float))
        return drawn[0], drawn[1]

    def _rates(self, positives: Floats, negatives: Floats) -> tuple[Floats, Floats]:
        return (
            positives.cumsum(axis=1) / self.positives,
            negatives.cumsum(axis=1) / self.negatives,
        )


def _area(tpr: Floats, fpr: Floats) -> Floats:
    rise = np.diff(fpr, axis=1, prepend=0)
    before = np.concatenate([np.zeros((len(tpr), 1)), tpr[:, :-1]], axis=1)
    area: Floats = (rise * (tpr + before) / 2).sum(axis=1)
    return area


def _at(tpr: Floats, fpr: Floats, limit: float) -> Floats:
    within = (fpr <= limit + 1e-12).sum(axis=1)
    padded = np.concatenate([np.zeros((len(tpr), 1)), tpr], axis=1)
    made: Floats = padded[np.arange(len(tpr)), within]
    return made
