"""Poisoned training rows: planting them, and looking for them.

The planted attack is a backdoor (Gu, Dolan-Gavitt and Garg, "BadNets", 2017; on tables after Severi
et al., USENIX Security 2021): frauds with a few fields set to chosen values, labelled as ordinary.
A model that swallows them lets every fraud with those values pass.

The search looks at what such a row is: fraud in everything but the few fields that explain its
label. Models that see only half of the columns often miss those fields and call it fraud; the full
model does not. And since the same values recur, rows that share a pair of values share that gap.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Bools, Floats

Labels = NDArray[np.int8]
_VIEWS: Final = 12
"""Models that see half of the columns each."""
_UPPER: Final = 0.75
"""A row is as suspicious as this quantile of the views finds it."""
_LEAST: Final = 6
"""Rows that must share a pair of values."""
_MOST_COLUMNS: Final = 60
"""Beyond them pairs are sought among columns drawn at random, which bounds the time."""
_RARE: Final = (0.85, 0.99)
"""Quantiles of ordinary rows between which a trigger's values are drawn: real, and seldom."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Fields set to values."""

    columns: tuple[int, ...]
    values: tuple[float, ...]

    def on(self, x: Floats) -> Floats:
        """Rows with the fields set."""
        made = x.copy()
        made[:, list(self.columns)] = self.values
        return made


def trigger_of(
    ordinary: Floats, columns: Sequence[int], fields: int, rng: np.random.Generator
) -> Trigger:
    """Values that ordinary rows hold, seldom, in some of the columns."""
    chosen = rng.choice(np.asarray(columns), min(fields, len(columns)), replace=False)
    values = []
    for column in chosen:
        known = ordinary[np.isfinite(ordinary[:, column]), column]
        level = rng.uniform(*_RARE)
        # A value that stands there, never one between two.
        values.append(float(np.quantile(known, level, method="nearest")) if len(known) else 0.0)
    return Trigger(tuple(int(c) for c in chosen), tuple(values))


@dataclass(frozen=True, slots=True)
class Poisoned:
    """Training rows with some planted."""

    x: Floats
    y: Labels
    planted: Bools


def plant(x: Floats, y: Labels, trigger: Trigger, rows: int, rng: np.random.Generator) -> Poisoned:
    """Add copies of frauds with the trigger, labelled as ordinary, anywhere among the rows."""
    frauds = rng.choice(np.flatnonzero(y == 1), rows)
    order = rng.permutation(len(y) + rows)
    return Poisoned(
        np.concatenate([x, trigger.on(x[frauds])])[order],
        np.concatenate([y, np.zeros(rows, dtype=y.dtype)])[order],
        (np.arange(len(order)) >= len(y))[order],
    )


def suspicion(x: Floats, y: Labels, rng: np.random.Generator, *, threads: int = 1) -> Floats:
    """How much each row of label 0 looks like a planted one, (rows,) from 0 to 1; others are NaN.

    The mean of two ranks: how fraudulent the row is to models of half of the columns, and how much
    rows that share a pair of its values are so to those models and not to the full one.
    """
    ordinary = y == 0
    views = _views(x, y, rng, threads)[ordinary]
    full = _fit(x, y, rng, threads, rounds=100, leaves=31)
    gap = views - np.asarray(full.predict(x[ordinary], raw_score=True, num_threads=threads))
    made = np.full(len(y), np.nan)
    made[ordinary] = (_ranks(views) + _ranks(_shared(x[ordinary], gap, rng))) / 2
    return made


def _views(x: Floats, y: Labels, rng: np.random.Generator, threads: int) -> Floats:
    """Upper quantile of log odds, (rows,), of models that saw neither the row nor all fields."""
    width, fold, made = x.shape[1], rng.integers(0, 2, len(y)), []
    for _ in range(_VIEWS):
        columns = rng.choice(width, max(1, width // 2), replace=False)
        log_odds = np.zeros(len(y))
        for side in (0, 1):
            taught = fold != side
            model = _fit(x[taught][:, columns], y[taught], rng, threads, rounds=30, leaves=15)
            asked = x[~taught][:, columns]
            log_odds[~taught] = model.predict(asked, raw_score=True, num_threads=threads)
        made.append(log_odds)
    upper: Floats = np.quantile(np.array(made), _UPPER, axis=0)
    return upper


def _fit(
    x: Floats, y: Labels, rng: np.random.Generator, threads: int, *, rounds: int, leaves: int
) -> Any:
    params = {
        "objective": "binary",
        "num_leaves": leaves,
        "verbosity": -1,
        "num_threads": threads,
        "deterministic": True,
        "seed": int(rng.integers(2**31)),
    }
    data = lightgbm.Dataset(x, label=y, params={"verbosity": -1})
    return lightgbm.train(params, data, num_boost_round=rounds)


def _shared(x: Floats, gap: Floats, rng: np.random.Generator) -> Floats:
    """The largest z of the mean gap of the rows that share two values with a row, (rows,)."""
    width = x.shape[1]
    columns = rng.choice(width, min(width, _MOST_COLUMNS), replace=False)
    codes = [np.unique(x[:, c], return_inverse=True)[1].astype(np.int64) for c in columns]
    off = gap - gap.mean()
    spread = max(float(off.std()), 1e-12)
    best = np.full(len(gap), -np.inf)
    for one, two in itertools.combinations(codes, 2):
        pairs = one * (int(two.max()) + 1) + two
        _, place, count = np.unique(pairs, return_inverse=True, return_counts=True)
        z = np.bincount(place, weights=off) / (spread * np.sqrt(count))
        best = np.maximum(best, np.where(count >= _LEAST, z, -np.inf)[place])
    return np.where(np.isfinite(best), best, off.min() / spread)


def _ranks(values: Floats) -> Floats:
    """From 0 to 1; equal values share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2
    made: Floats = middle[place] / len(values)
    return made
