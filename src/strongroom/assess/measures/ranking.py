"""Figures of a ranking, and their bootstrap.

Rows are counted by score, best first. Every figure is a function of two arrays of counts whose last
axis runs over the scores, so that one call gives a figure or a thousand resampled ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Callable[[Any, Any], Any]
"""(…, scores) counts of positives and of negatives to (…) figures, or (…, points) of a curve."""

MAX_SCORES: Final = 4096
"""Distinct scores that a bootstrap works on; neighbours are merged until they are so few."""
_TOP: Final = 0.05
"""Of the rows: half of the merged scores stand here, where few false alarms are counted."""
_CHUNK: Final = 50
"""Resamples at a time, which bounds memory to some ten megabytes."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows counted by score, the highest first."""

    scores: Floats
    """Distinct; where scores were merged, their mean."""
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.positives.sum() + self.negatives.sum())

    @property
    def events(self) -> int:
        """Rows of the smaller class."""
        return int(min(self.positives.sum(), self.negatives.sum()))

    def thinned(self, limit: int = MAX_SCORES) -> Ranking:
        """With at most `limit` scores, finest among the highest."""
        if len(self.scores) <= limit:
            return self
        rows = self.positives + self.negatives
        before = np.cumsum(rows) - rows
        cuts = np.concatenate(
            [
                np.linspace(0, self.n * _TOP, limit // 2, endpoint=False),
                np.linspace(self.n * _TOP, self.n, limit - limit // 2, endpoint=False),
            ]
        )
        starts = np.unique(np.searchsorted(before, cuts))
        starts = starts[starts < len(before)]
        weight = np.add.reduceat(rows, starts)
        return Ranking(
            np.add.reduceat(self.scores * rows, starts) / weight,
            np.add.reduceat(self.positives, starts),
            np.add.reduceat(self.negatives, starts),
        )


def rank(labels: NDArray[Any], scores: NDArray[Any]) -> Ranking:
    """Count rows by score; labels are 0 or 1."""
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], labels[order].astype(np.int64)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))[: len(ordered)]
    ones = np.add.reduceat(positive, starts) if len(starts) else positive
    rows = np.diff(np.append(starts, len(ordered)))
    return Ranking(ordered[starts].astype(np.float64), ones, rows - ones)


def auc(positives: Any, negatives: Any) -> Any:
    """Area under the ROC curve: the chance that a positive outranks a negative, ties half."""
    above = np.cumsum(positives, axis=-1) - positives
    won = (negatives * (above + positives / 2.0)).sum(axis=-1)
    return _ratio(won, positives.sum(axis=-1) * negatives.sum(axis=-1))


def average_precision(positives: Any, negatives: Any) -> Any:
    """Mean precision over the positives, as scikit-learn defines it: no interpolation."""
    found = np.cumsum(positives, axis=-1)
    shown = found + np.cumsum(negatives, axis=-1)
    precision = _ratio(found, shown)
    return _ratio((precision * positives).sum(axis=-1), positives.sum(axis=-1))


def recall_at(rate: float) -> Measure:
    """The share of positives found where at most `rate` of the negatives are flagged."""

    def measure(positives: Any, negatives: Any) -> Any:
        total = negatives.sum(axis=-1, keepdims=True)
        within = np.cumsum(negatives, axis=-1) <= rate * total
        return _ratio((positives * within).sum(axis=-1), positives.sum(axis=-1))

    return measure


def roc(rates: Floats) -> Measure:
    """Recall at each false positive rate of `rates`, linear between scores."""

    def measure(positives: Any, negatives: Any) -> Any:
        recall = _from_zero(positives)
        rate = _from_zero(negatives)
        return _along(lambda x, y: np.interp(rates, x, y), rate, recall)

    return measure


def precision_recall(recalls: Floats) -> Measure:
    """Precision at the first score that reaches each recall of `recalls`."""

    def measure(positives: Any, negatives: Any) -> Any:
        found = np.cumsum(positives, axis=-1)
        precision = _ratio(found, found + np.cumsum(negatives, axis=-1))
        recall = _ratio(found, found[..., -1:])

        def at(x: Floats, y: Floats) -> Floats:
            places = np.searchsorted(x, recalls - 1e-12)
            return y[np.minimum(places, len(y) - 1)]

        return _along(at, recall, precision)

    return measure


def bootstrap(
    ranking: Ranking, measures: Mapping[str, Measure], rng: np.random.Generator, times: int = 1000
) -> Mapping[str, Floats]:
    """Figures of `times` resamples of the rows, (times,) or (times, points) each.

    Rows are drawn with replacement; a resample without one of the classes gives NaN.
    """
    small = ranking.thinned()
    drawn = [
        {name: measure(ones, zeros) for name, measure in measures.items()}
        for ones, zeros in resamples(small, rng, times)
    ]
    return {name: np.concatenate([chunk[name] for chunk in drawn]) for name in measures}


def resamples(
    ranking: Ranking, rng: np.random.Generator, times: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Counts of positives and negatives of resampled rows, some (resamples, scores) at a time."""
    counts = np.concatenate([ranking.positives, ranking.negatives])
    filled = np.flatnonzero(counts)
    odds = counts[filled] / counts.sum()
    for start in range(0, times, _CHUNK):
        size = min(_CHUNK, times - start)
        drawn = np.zeros((size, len(counts)), dtype=np.int64)
        drawn[:, filled] = rng.multinomial(ranking.n, odds, size=size)
        yield drawn[:, : len(ranking.scores)], drawn[:, len(ranking.scores) :]


def _ratio(top: Any, bottom: Any) -> Any:
    """NaN where there is nothing to divide by."""
    return top / np.where(bottom > 0, bottom, np.nan)


def _from_zero(counts: Any) -> Any:
    """The running share, from 0 to 1."""
    running = np.cumsum(counts, axis=-1)
    start = np.zeros((*running.shape[:-1], 1))
    return np.concatenate([start, _ratio(running, running[..., -1:])], axis=-1)


def _along(curve: Callable[[Floats, Floats], Floats], x: Any, y: Any) -> Any:
    """A curve for each row of x and y."""
    if x.ndim == 1:
        return curve(x, y)
    return np.stack([curve(a, b) for a, b in zip(x, y, strict=True)])
