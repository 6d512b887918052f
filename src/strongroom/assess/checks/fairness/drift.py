"""Does a group draw away from the others in the course of the test period?

**Method.** The test rows are cut by the manifest's `time` column into windows of about equally many
rows. In each, every group's rate is compared with that of all other rows, at one threshold; a
straight line over the windows says how much that distance changed from the first to the last. What
moves everybody alike, such as a season, moves no group away from the others and does not count.

**Figures.** `change[attribute, selection]`, `[attribute, tpr]` and `[attribute, fpr]`: the largest
change of a group's distance, up or down, as a difference of rates. The interval holds for all
groups of an attribute at once (Bonferroni); its low end is 0 unless some group surely moved. The
finding names the groups whose trend is significant at 5 % after Holm's correction. The curve shows
the group that moved most, with the 95 % interval of each window.

**How to read them.** A trend in the test period says nothing about the time before it. A straight
line misses what rises and falls again: look at the curve. A group is compared where each window has
`min_rows` rows of it, and `min_labelled` of the label for `tpr` and `fpr`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.fairness._ground import (
    Decided,
    Decisions,
    Split,
    decided,
    metric,
    rounded,
    splits,
    unknown,
)
from strongroom.assess.measures.groups import Bools, Cells, Counts, parts
from strongroom.assess.measures.trend import Trend
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "fairness.drift"
_RATES: Final = ("selection", "tpr", "fpr")
_SIGNIFICANT: Final = 0.05
_Z: Final = 1.96


class DriftSettings(Decisions):
    """Settings of `fairness.drift`."""

    windows: int = Field(default=6, ge=2, le=60)
    """Into how many the test period is cut."""


@check(
    _RULE,
    version=1,
    title="No group draws away from the others over time",
    needs=("model", "data.test"),
    settings=DriftSettings,
)
def drift(case: Case, settings: DriftSettings) -> Iterator[Said]:
    """Fit a trend to each group's distance from the rest."""
    found = list(splits(case, settings, _RULE))
    yield from (one for one in found if not isinstance(one, Split))
    single = [one for one in found if isinstance(one, Split)]
    if not single:
        return
    window = _windows(case, settings)
    made = decided(case, settings)
    yield made.metric
    for done, split in enumerate(single):
        counts = _counts(split, made, window)
        for rate in _RATES:
            yield from _rate(split, rate, counts, settings)
        case.progress(done + 1, len(single))


def _counts(split: Split, made: Decided, window: NDArray[np.int64]) -> Counts:
    """(windows, groups, 4)"""
    groups, windows = len(split.names), int(window.max()) + 1
    both = window * groups + split.group
    cells = Cells.of(both, made.labels, made.flagged, windows * groups)
    return cells.counts.reshape(windows, groups, 4)


def _rate(split: Split, rate: str, counts: Counts, settings: DriftSettings) -> Iterator[Said]:
    hits, of = parts(rate, counts)
    least = settings.min_rows if rate == "selection" else settings.min_labelled
    large = (counts.sum(axis=-1).min(axis=0) >= settings.min_rows) & (of.min(axis=0) >= least)
    if np.count_nonzero(large) < 2 or len(counts) < 2:
        yield unknown(
            _RULE,
            "too_small",
            f"{split.attribute}: fewer than two groups have {settings.min_rows} rows in each of "
            f"{len(counts)} windows, or {settings.min_labelled} of the label, to compare {rate}",
            where=split.attribute,
            fix="test on more rows, or set fewer windows",
        )
        return
    trend = Trend.of(hits, of)
    n = int(of[:, large].sum())
    name = f"{split.attribute}, {rate}"
    yield metric(f"change[{name}]", trend.worst(large), n, "Bonferroni over groups")
    yield _curve(split, rate, trend, large)
    yield _measured(split, rate, trend, large)


def _curve(split: Split, rate: str, trend: Trend, large: Bools) -> Curve:
    most = _most(trend, large)
    line, half = trend.distance[:, most], _Z * trend.spread[:, most]
    return Curve(
        f"{rate}[{split.attribute}={split.names[most]}] less that of the others",
        "window of time",
        f"difference in {rate}",
        tuple((float(i), float(y)) for i, y in enumerate(line)),
        tuple((float(y - h), float(y + h)) for y, h in zip(line, half, strict=True)),
    )


def _most(trend: Trend, large: Bools) -> int:
    return int(np.flatnonzero(large)[np.abs(trend.change[large]).argmax()])


def _measured(split: Split, rate: str, trend: Trend, large: Bools) -> Finding:
    kept = np.flatnonzero(large)
    chances = Trend(*(part[..., kept] for part in _fields(trend))).p_values()
    moved = [split.names[g] for g, p in zip(kept, chances, strict=True) if p < _SIGNIFICANT]
    table = [
        {
            "group": split.names[g],
            "change": rounded(trend.change[g]),
            "error": rounded(trend.error[g]),
            "p_holm": rounded(p),
        }
        for g, p in zip(kept, chances, strict=True)
    ]
    most = _most(trend, large)
    words = (
        f"significant for {', '.join(moved)}" if moved else "no trend is significant at 5 % (Holm)"
    )
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"{split.attribute}: {rate} of {split.names[most]} moved by {trend.change[most]:+.3f} "
        f"against the others over {len(trend.distance)} windows; {words}.",
        Severity.INFO,
        where=split.attribute,
        facts={"groups": table},
    )


def _fields(trend: Trend) -> tuple[NDArray[np.float64], ...]:
    return trend.distance, trend.spread, trend.change, trend.error


def _windows(case: Case, settings: DriftSettings) -> NDArray[np.int64]:
    """The window of each row, (rows,), from 0; rows of one time are in one window."""
    name = case.schema.time
    if name is None:
        raise InputError(
            "the manifest names no time column, so no trend can be seen",
            fix="name it under data.schema.time",
        )
    frame = case.frame("data.test")
    if name not in frame.columns:
        raise InputError(f"the time column {name} is not in the test data", where=name)
    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype.is_temporal()):
        raise InputError(f"the time column {name} holds {column.dtype}", where=name)
    times = column.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if not len(times):
        raise InputError("the test data has no rows")
    if bad := int(np.count_nonzero(~np.isfinite(times))):
        raise InputError(f"the time column {name} is missing in {bad} rows", where=name)
    inner = np.arange(1, settings.windows) / settings.windows
    edges = np.unique(np.quantile(times, inner, method="higher"))
    return np.digitize(times, edges[edges > times.min()]).astype(np.int64)
