"""How firm explanations are: the same row, asked again under a change that should not matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from strongroom.assess.explain.shapley import Explanation
from strongroom.assess.measures.groups import Bools, Estimate, Floats
from strongroom.governance.manifest import Feature


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two explanations of the same rows."""

    ranks: Floats
    """(rows,) Spearman's correlation of the contributions; 1 is the same order."""
    kept: Floats
    """(rows,) share of the first explanation's main reasons that the second names too."""


def agreement(one: Explanation, other: Explanation, most: int) -> Agreement:
    """Compare row by row; reasons are the `most` largest contributions that raise the score."""
    first, second = one.contributions, other.contributions
    ranks = [rankdata(values, axis=1) for values in (first, second)]
    centred = [r - r.mean(axis=1, keepdims=True) for r in ranks]
    spread = np.sqrt(np.prod([(c**2).sum(axis=1) for c in centred], axis=0))
    # Rows without any order, as of one feature, agree with whatever is said of them.
    rank = np.where(
        spread > 0, (centred[0] * centred[1]).sum(axis=1) / np.where(spread > 0, spread, 1), 1.0
    )
    mine, theirs = main_reasons(first, most), main_reasons(second, most)
    named = mine.sum(axis=1)
    kept = np.where(named > 0, (mine & theirs).sum(axis=1) / np.maximum(named, 1), 1.0)
    return Agreement(rank, kept)


def main_reasons(contributions: Floats, most: int) -> Bools:
    """(rows, features): the `most` largest contributions of each row, of those above 0."""
    order = np.argsort(-contributions, axis=1, kind="stable")[:, :most]
    made = np.zeros(contributions.shape, dtype=bool)
    np.put_along_axis(made, order, np.take_along_axis(contributions, order, axis=1) > 0, axis=1)
    return made


def jittered(
    rows: Floats,
    features: Sequence[Feature],
    spread: Floats,
    size: float,
    rng: np.random.Generator,
) -> tuple[Floats, tuple[str, ...]]:
    """The rows with a little noise in their fractional numbers, and which those are.

    `spread` (features,) is each column's standard deviation, of which `size` is the noise's. Values
    stay within their range and on their step: a row that cannot exist would prove nothing. Whole
    numbers, bools and categories stay: for them there is no small change.
    """
    moved = rows.copy()
    names = []
    for place, feature in enumerate(features):
        if feature.type != "float":
            continue
        column = rows[:, place] + rng.normal(0, 1, len(rows)) * size * spread[place]
        if feature.step is not None:
            column = np.round(column / feature.step) * feature.step
        low = -np.inf if feature.min is None else feature.min
        high = np.inf if feature.max is None else feature.max
        moved[:, place] = np.clip(column, low, high)
        names.append(feature.name)
    return moved, tuple(names)


def spread_of(rows: Floats) -> Floats:
    """(features,) standard deviation of what is known; 0 where nothing is, or it has none."""
    known = np.isfinite(rows)
    count = np.maximum(known.sum(axis=0), 1)
    with np.errstate(over="ignore"):
        mean = np.where(known, rows, 0).sum(axis=0) / count
        off = np.where(known, rows - np.where(np.isfinite(mean), mean, 0), 0)
        made: Floats = np.sqrt((off**2).sum(axis=0) / count)
    return np.where(np.isfinite(made), made, 0.0)


def mean_over_rows(values: Floats, rng: np.random.Generator, replicates: int) -> Estimate:
    """The mean with a bootstrap interval over the rows."""
    drawn = values[rng.integers(0, len(values), (replicates, len(values)))].mean(axis=1)
    return Estimate.of(float(values.mean()), drawn)
