"""Rates of groups by counting: four cells a group, and a bootstrap that redraws only the cells.

**Why redrawing cells is exact.** A bootstrap replicate draws n rows with replacement from n rows.
Every rate here is a function of how many drawn rows fall into each (group, label, decision) cell
and of nothing else. Each draw falls into cell c with probability n_c / n, independently of the
others, so the counts of a replicate are Multinomial(n, n_c / n): the very distribution that drawing
rows and counting them has. Nothing is approximated, and a thousand replicates of a million rows
cost as much as a thousand draws of a few dozen numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strongroom.domain.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Counts: TypeAlias = NDArray[np.int64]

RATES: Final = ("selection", "favourable", "tpr", "fnr", "fpr", "precision", "accuracy")
"""Flagged; not flagged; flagged and missed among label 1; flagged among label 0; label 1 among the
flagged; decided as labelled. All are shares of rows."""
_TN, _FP, _FN, _TP = range(4)
_PARTS: Final[Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "selection": ((_FP, _TP), (_TN, _FP, _FN, _TP)),
    "favourable": ((_TN, _FN), (_TN, _FP, _FN, _TP)),
    "tpr": ((_TP,), (_FN, _TP)),
    "fnr": ((_FN,), (_FN, _TP)),
    "fpr": ((_FP,), (_TN, _FP)),
    "precision": ((_TP,), (_FP, _TP)),
    "accuracy": ((_TN, _TP), (_TN, _FP, _FN, _TP)),
}


@dataclass(frozen=True, slots=True)
class Cells:
    """(groups, 4) counts of true negatives, false positives, false negatives, true positives."""

    counts: Counts

    @classmethod
    def of(cls, group: NDArray[Any], labels: NDArray[Any], flagged: Bools, groups: int) -> Cells:
        """Count. `group` is 0 … groups − 1; `labels` 0 or 1."""
        cell = group.astype(np.int64) * 4 + (labels != 0) * 2 + flagged
        return cls(np.bincount(cell, minlength=groups * 4).reshape(groups, 4))

    @property
    def rows(self) -> Counts:
        """Rows in each group."""
        made: Counts = self.counts.sum(axis=1)
        return made

    @property
    def positives(self) -> Counts:
        """Rows of label 1 in each group."""
        made: Counts = self.counts[:, _FN] + self.counts[:, _TP]
        return made

    def redraw(self, rng: np.random.Generator, replicates: int) -> Counts:
        """(replicates, groups, 4): the same number of rows drawn again with replacement."""
        total = int(self.counts.sum())
        shares = self.counts.ravel() / total
        drawn = rng.multinomial(total, shares, size=replicates)
        return drawn.reshape(replicates, *self.counts.shape)


def parts(rate: str, counts: Counts) -> tuple[Counts, Counts]:
    """The rows that a rate counts, and the rows it is a share of, for counts (…, groups, 4)."""
    hits, of = _PARTS[rate]
    return counts[..., hits].sum(axis=-1), counts[..., of].sum(axis=-1)


def rates(counts: Counts) -> dict[str, Floats]:
    """Each of RATES for counts (…, groups, 4); NaN where nothing is there to divide by."""
    made: dict[str, Floats] = {}
    for rate in RATES:
        hits, of = parts(rate, counts)
        made[rate] = hits / np.where(of > 0, of, np.nan)
    return made


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure between the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, replicates: Floats) -> Estimate:
        """Percentile interval of bootstrap replicates, stretched to hold the figure itself.

        Raises InputError where no replicate has it.
        """
        finite = replicates[np.isfinite(replicates)]
        if not finite.size:
            raise InputError("no bootstrap replicate has the figure: the groups are too small")
        low, high = np.quantile(finite, [0.025, 0.975])
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


def disparity(rate: Floats, replicates: Floats, eligible: Counts) -> Disparity:
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


@dataclass(frozen=True, slots=True)
class Least:
    """How large a group must be to be compared: small ones differ by chance."""

    rows: int = 100
    labelled: int = 20
    """Of the rows that a rate is a share of: a recall needs so many rows of label 1."""

    def fit(self, cells: Cells) -> dict[str, Bools]:
        """Which groups are large enough, by rate."""
        large = cells.rows >= max(self.rows, 1)
        made = {}
        for rate in RATES:
            of = parts(rate, cells.counts)[1]
            made[rate] = large & ((of == cells.rows) | (of >= max(self.labelled, 1)))
        return made


@dataclass(frozen=True, slots=True)
class Measured:
    """Every rate of every group with its interval, and how far apart the large ones are."""

    values: Mapping[str, Floats]
    """(groups,) by rate; NaN where there is nothing to divide by."""
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    fit: Mapping[str, Bools]
    """Which groups were compared, by rate."""
    between: Mapping[str, Disparity]
    """By rate; only where two groups or more are large enough."""


def measure(cells: Cells, drawn: Counts, least: Least) -> Measured:
    """All of RATES of all groups, and the worst pairs; `drawn` is what `cells.redraw` gave."""
    values, again, fit = rates(cells.counts), rates(drawn), least.fit(cells)
    low, high, between = {}, {}, {}
    for rate, here in values.items():
        low[rate], high[rate] = _ends(again[rate])
        compared = np.flatnonzero(fit[rate])
        if compared.size > 1:
            between[rate] = disparity(here, again[rate], compared)
    return Measured(values, low, high, fit, between)


def _ends(replicates: Floats) -> tuple[Floats, Floats]:
    """2.5 % and 97.5 % of each column; NaN where a group has nothing in any replicate."""
    empty = np.isnan(replicates).all(axis=0)
    safe = np.where(empty, 0.0, replicates)
    # The quantile that minds NaN is many times slower.
    quantile = np.nanquantile if np.isnan(safe).any() else np.quantile
    ends = quantile(safe, [0.025, 0.975], axis=0)
    ends[:, empty] = np.nan
    return ends[0], ends[1]


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
