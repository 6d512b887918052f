"""Group fairness by counting: four cells a group, and a bootstrap that redraws only the cells.

A group's rates are functions of how many of its rows are true or false positives or negatives, so a
bootstrap over rows is a multinomial draw over (group, label, decision) cells: a thousand replicates
of a million rows cost as much as a thousand small draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Bools, Floats

RATES: Final = ("selection", "tpr", "fpr", "precision")
"""Share flagged; flagged among label 1; flagged among label 0; label 1 among flagged."""
_TN, _FP, _FN, _TP = range(4)


@dataclass(frozen=True, slots=True)
class Cells:
    """(groups, 4) counts of true negatives, false positives, false negatives, true positives."""

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, group: NDArray[Any], labels: NDArray[Any], flagged: Bools, groups: int) -> Cells:
        """Count. `group` is 0 … groups − 1; `labels` 0 or 1."""
        cell = group.astype(np.int64) * 4 + (labels != 0) * 2 + flagged
        return cls(np.bincount(cell, minlength=groups * 4).reshape(groups, 4))

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows in each group."""
        made: NDArray[np.int64] = self.counts.sum(axis=1)
        return made

    @property
    def positives(self) -> NDArray[np.int64]:
        """Rows of label 1 in each group."""
        made: NDArray[np.int64] = self.counts[:, _FN] + self.counts[:, _TP]
        return made

    def redraw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.int64]:
        """(replicates, groups, 4): the same number of rows drawn again with replacement."""
        total = int(self.counts.sum())
        shares = self.counts.ravel() / total
        drawn = rng.multinomial(total, shares, size=replicates)
        return drawn.reshape(replicates, *self.counts.shape)


def rates(counts: NDArray[np.int64]) -> dict[str, Floats]:
    """Each of RATES for counts (…, groups, 4); NaN where nothing is there to divide by."""
    tn, fp, fn, tp = (counts[..., i].astype(float) for i in (_TN, _FP, _FN, _TP))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "selection": (tp + fp) / (tn + fp + fn + tp),
            "tpr": tp / (tp + fn),
            "fpr": fp / (fp + tn),
            "precision": tp / (tp + fp),
        }


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


@dataclass(frozen=True, slots=True)
class Disparity:
    """How far apart the best and the worst of some groups are in one rate."""

    ratio: Estimate
    """Lowest over highest; 1 where all are equal, all zero included."""
    gap: Estimate
    """Highest minus lowest."""
    lowest: int
    """Group with the lowest rate."""
    highest: int


def disparity(rate: Floats, replicates: Floats, eligible: NDArray[np.int64]) -> Disparity:
    """Compare the `eligible` groups' `rate` (groups,); `replicates` is (n, groups).

    The worst pair is sought anew in each replicate: an interval of the pair that happened to be the
    worst would be too narrow. Between many small groups it is therefore a cautious interval.
    """
    here = rate[eligible]
    drawn = replicates[:, eligible]
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    return Disparity(
        ratio=Estimate.of(float(_ratio(here)), _ratio(drawn)),
        gap=Estimate.of(float(here.max() - here.min()), drawn.max(axis=-1) - drawn.min(axis=-1)),
        lowest=int(eligible[here.argmin()]),
        highest=int(eligible[here.argmax()]),
    )


def _ratio(rate: Floats) -> Floats:
    lowest, highest = rate.min(axis=-1), rate.max(axis=-1)
    made: Floats = np.where(highest > 0, lowest / np.where(highest > 0, highest, 1), 1.0)
    return made


def quantile_bands(values: Floats, bands: int) -> Floats:
    """Inner edges that cut `values` into about equal parts; fewer where values repeat."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.empty(0)
    edges = np.unique(np.quantile(known, np.arange(1, bands) / bands, method="higher"))
    kept: Floats = edges[edges > known.min()]
    return kept


def band_names(edges: Floats) -> tuple[str, ...]:
    """`< 30`, `30 – 45`, `≥ 45` for edges 30 and 45: a band holds its lower edge."""
    if not len(edges):
        return ("all",)
    text = [f"{edge:g}" for edge in edges]
    inner = [f"{low} – {high}" for low, high in pairwise(text)]
    return (f"< {text[0]}", *inner, f"≥ {text[-1]}")
