"""Is one model better than another? Paired tests on the same rows; intervals where none is paired.

* AUC: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), by midranks (Sun and Xu, IEEE
  Signal Processing Letters 21, 2014).
* Average precision: paired bootstrap, rows drawn by class; the p-value is the share of replicates
  on the other side of no difference, twice.
* Brier score: paired t test of squared errors, normal approximation.
* Decisions at one false positive rate: McNemar's exact test on the rows of each label, which two
  models decide differently.
* Holm's step-down correction over all of them.

Figures that were measured on each version alone are held against each other by their intervals:
apart, or overlapping. Overlapping intervals are no proof of equality, and are not called one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.measures.ranking import average_precision, rank
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Metric, Threshold

Floats = NDArray[np.float64]
Labels = NDArray[Any]
ALPHA: Final = 0.05
_FEWEST: Final = 10
"""Rows of a label without which nothing is tested."""
_Z: Final = 1.959964
MAX_REPLICATES: Final = 1000
_ROWS_DRAWN: Final = 20_000_000
"""In all replicates: a million rows are drawn 200 times only."""


class Verdict(StrEnum):
    """What may be signed."""

    BETTER = "better"
    WORSE = "worse"
    HIGHER = "higher"
    LOWER = "lower"
    NONE = "no difference found"


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of two versions."""

    figure: str
    before: float
    after: float
    low: float
    """95 % interval of after less before; of unpaired figures, the widest that both allow."""
    high: float
    n: int
    method: str
    upwards: bool | None
    """Whether more is better; None where that is not known."""
    p: float | None = None
    """Of no difference, before correction; None for figures that were not paired."""
    corrected: float | None = None
    """The same after Holm's correction."""

    @property
    def verdict(self) -> Verdict:
        """By the corrected p-value; for unpaired figures, by intervals that do not meet."""
        if self.corrected is not None:
            apart = self.corrected < ALPHA
        else:
            apart = self.low > 0 or self.high < 0
        if not apart or self.before == self.after:
            return Verdict.NONE
        up = self.after > self.before
        if self.upwards is None:
            return Verdict.HIGHER if up else Verdict.LOWER
        return Verdict.BETTER if up is self.upwards else Verdict.WORSE

    def __str__(self) -> str:
        """A sentence for whoever signs."""
        moved = f"{self.figure}: {self.before:.4g} → {self.after:.4g}"
        interval = f"difference {self.after - self.before:+.4g} [{self.low:+.4g}, {self.high:+.4g}]"
        sure = "" if self.corrected is None else f", p = {self.corrected:.2g} after correction"
        return f"{moved}, {self.verdict} at n = {self.n:,} ({interval}{sure}; {self.method})"


def compare_scores(
    labels: Labels,
    before: Floats,
    after: Floats,
    *,
    fpr: float,
    rng: np.random.Generator,
    replicates: int = MAX_REPLICATES,
) -> tuple[Compared, ...]:
    """Two models on the same rows, labels of 0 and 1. Raises InputError for too few rows."""
    counts = np.bincount(labels.astype(np.int64), minlength=2)
    if len(counts) != 2 or counts.min() < _FEWEST:
        raise InputError(
            f"{counts.min()} rows of the rarer label, {_FEWEST} are needed to compare on"
        )
    flags = [s >= threshold_at_fpr(s, labels, fpr) for s in (before, after)]
    return corrected(
        [
            _auc(labels, before, after),
            _precision(labels, before, after, rng, min(replicates, _affordable(len(labels)))),
            _brier(labels, before, after),
            _mcnemar(f"recall@fpr={fpr:g}", flags, labels == 1, upwards=True),
            _mcnemar(f"false positives@fpr={fpr:g}", flags, labels == 0, upwards=False),
        ]
    )


def compare_metrics(
    before: Mapping[str, Metric],
    after: Mapping[str, Metric],
    bounds: Iterable[tuple[str, Threshold]],
) -> tuple[Compared, ...]:
    """Figures that both have, `check/metric`, by their intervals.

    `bounds`, with the check that each is of, say which way is better.
    """
    every = tuple(bounds)
    return tuple(
        Compared(
            name,
            before[name].value,
            after[name].value,
            after[name].low - before[name].high,
            after[name].high - before[name].low,
            min(before[name].n, after[name].n),
            "intervals, not paired",
            _upwards(name, after[name], every),
        )
        for name in sorted({*before} & {*after})
    )


def corrected(found: Sequence[Compared]) -> tuple[Compared, ...]:
    """With Holm's correction over all that have a p-value."""
    tested = sorted((c.p, i) for i, c in enumerate(found) if c.p is not None)
    made, least = list(found), 0.0
    for place, (p, i) in enumerate(tested):
        least = max(least, min(1.0, p * (len(tested) - place)))
        made[i] = replace(made[i], corrected=least)
    return tuple(made)


def _affordable(rows: int) -> int:
    return max(200, _ROWS_DRAWN // rows)


def _auc(labels: Labels, before: Floats, after: Floats) -> Compared:
    parts = [_placements(labels, s) for s in (before, after)]
    values = [float(np.mean(ones)) for ones, _ in parts]
    ones = np.cov(np.array([p[0] for p in parts]))
    zeros = np.cov(np.array([p[1] for p in parts]))
    m, n = len(parts[0][0]), len(parts[0][1])
    both = ones / m + zeros / n
    variance = float(both[0, 0] + both[1, 1] - 2 * both[0, 1])
    return _normal("auc", values[0], values[1], variance, m + n, "DeLong", upwards=True)


def _placements(labels: Labels, scores: Floats) -> tuple[Floats, Floats]:
    """For each row of label 1, the share of label 0 that it outranks; and the other way round."""
    ones, zeros = scores[labels == 1], scores[labels == 0]
    both = stats.rankdata(np.concatenate([ones, zeros]))
    m, n = len(ones), len(zeros)
    outranked: Floats = (both[:m] - stats.rankdata(ones)) / n
    outranking: Floats = 1 - (both[m:] - stats.rankdata(zeros)) / m
    return outranked, outranking


def _brier(labels: Labels, before: Floats, after: Floats) -> Compared:
    errors = [(s - labels) ** 2 for s in (before, after)]
    apart = errors[1] - errors[0]
    variance = float(np.var(apart, ddof=1)) / len(apart)
    means = [float(np.mean(e)) for e in errors]
    return _normal("brier", means[0], means[1], variance, len(labels), "paired t", upwards=False)


def _normal(
    figure: str, a: float, b: float, variance: float, n: int, method: str, *, upwards: bool
) -> Compared:
    spread = max(variance, 0.0) ** 0.5
    apart = b - a
    # Without any spread, what differs differs for sure.
    p = float(2 * stats.norm.sf(abs(apart) / spread)) if spread else float(apart == 0)
    low, high = apart - _Z * spread, apart + _Z * spread
    return Compared(figure, a, b, low, high, n, method, upwards, p)


def _precision(
    labels: Labels, before: Floats, after: Floats, rng: np.random.Generator, replicates: int
) -> Compared:
    """Rows are drawn once for both models: that is what pairs them."""
    classes = [np.flatnonzero(labels == label) for label in (0, 1)]

    def value(rows: NDArray[np.intp], scores: Floats) -> float:
        ranking = rank(labels[rows], scores[rows])
        return float(average_precision(ranking.positives, ranking.negatives))

    drawn = np.empty(replicates)
    for one in range(replicates):
        rows = np.concatenate([rng.choice(rows, len(rows)) for rows in classes])
        drawn[one] = value(rows, after) - value(rows, before)
    everything = np.arange(len(labels))
    a, b = value(everything, before), value(everything, after)
    low, high = (float(q) for q in np.quantile(drawn, [0.025, 0.975]))
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p = min(1.0, 2 * (float(beyond) + 1) / (replicates + 1))
    return Compared(
        "average_precision", a, b, min(low, b - a), max(high, b - a), len(labels),
        f"paired bootstrap {replicates}", upwards=True, p=p,
    )  # fmt: skip


def _mcnemar(
    figure: str, flags: Sequence[NDArray[np.bool_]], rows: NDArray[np.bool_], *, upwards: bool
) -> Compared:
    """Exact; the interval is Wald's for a difference of paired shares."""
    a, b = flags[0][rows], flags[1][rows]
    n, only_a, only_b = len(a), int((a & ~b).sum()), int((b & ~a).sum())
    changed = only_a + only_b
    p = float(stats.binomtest(only_b, changed, 0.5).pvalue) if changed else 1.0
    apart = (only_b - only_a) / n
    spread = _Z * max(changed - (only_b - only_a) ** 2 / n, 0.0) ** 0.5 / n
    method = f"McNemar, exact, {changed} decided differently"
    return Compared(
        figure, float(a.mean()), float(b.mean()), apart - spread, apart + spread, n, method,
        upwards, p,
    )  # fmt: skip


def _upwards(name: str, metric: Metric, bounds: Sequence[tuple[str, Threshold]]) -> bool | None:
    """What bounds ask for: more, less, or (both or neither) not known."""
    check = name.partition("/")[0]
    asked = {
        bound.at_least is not None
        for of, bound in bounds
        if of == check
        and bound.among([metric])
        and (bound.at_least is None) != (bound.at_most is None)
    }
    return asked.pop() if len(asked) == 1 else None


def worse(found: Iterable[Compared]) -> Iterator[Compared]:
    """What a validator must look at."""
    return (one for one in found if one.verdict is Verdict.WORSE)
