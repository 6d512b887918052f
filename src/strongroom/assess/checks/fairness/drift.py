"""Does a group draw away from the others in the course of the test period?

**Method.** The test rows are cut by the manifest's `time` column into windows of about equally many
rows. In each, every group's rate is compared with that of all other rows, at one threshold; a
straight line over the windows says how much that distance changed from the first to the last. What
moves everybody alike, such as a season, moves no group away from the others and does not count.

**Figures.** `change[attribute, selection]`, `[attribute, tpr]` and `[attribute, fpr]`: the largest
change of a group's distance, up or down, as a difference of rates. The interval holds for all
groups of an attribute at once (Bonferroni); its low end is 0 unless some group surely moved. The
findings name the groups whose trend is significant at 5 % after Holm's correction for every group,
rate and attribute. The curve shows the group that moved most, with the 95 % interval of each
window.

**How to read them.** A trend in the test period says nothing about the time before it. A straight
line misses what rises and falls again: look at the curve. A group is compared where each window has
`min_rows` rows of it, and `min_labelled` of the label for `tpr` and `fpr`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
from strongroom.assess.measures.groups import Bools, Cells, Counts, Floats, parts
from strongroom.assess.measures.trend import Trend, holm
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
    seen: list[_Seen] = []
    for done, split in enumerate(single):
        counts = _counts(split, made, window)
        for rate in _RATES:
            one = _fitted(split, rate, counts, settings)
            if isinstance(one, Finding):
                yield one
                continue
            seen.append(one)
            yield metric(
                f"change[{split.attribute}, {rate}]",
                one.trend.worst(one.large),
                one.n,
                "Bonferroni over groups",
            )
            yield _curve(one)
        case.progress(done + 1, len(single))
    yield from _measured(seen)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The trend of one rate of one attribute."""

    split: Split
    rate: str
    trend: Trend
    large: Bools
    """(groups,) which were compared."""
    n: int

    @property
    def most(self) -> int:
        """The group that moved most."""
        return int(np.flatnonzero(self.large)[np.abs(self.trend.change[self.large]).argmax()])


def _counts(split: Split, made: Decided, window: NDArray[np.int64]) -> Counts:
    """(windows, groups, 4)"""
    groups, windows = len(split.names), int(window.max()) + 1
    both = window * groups + split.group
    cells = Cells.of(both, made.labels, made.flagged, windows * groups)
    return cells.counts.reshape(windows, groups, 4)


def _fitted(split: Split, rate: str, counts: Counts, settings: DriftSettings) -> _Seen | Finding:
    hits, of = parts(rate, counts)
    least = settings.min_rows if rate == "selection" else settings.min_labelled
    large = (counts.sum(axis=-1).min(axis=0) >= settings.min_rows) & (of.min(axis=0) >= least)
    if np.count_nonzero(large) < 2 or len(counts) < 2:
        return unknown(
            _RULE,
            "too_small",
            f"{split.attribute}: fewer than two groups have {settings.min_rows} rows in each of "
            f"{len(counts)} windows, or {settings.min_labelled} of the label, to compare {rate}",
            where=split.attribute,
            fix="test on more rows, or set fewer windows",
        )
    return _Seen(split, rate, Trend.of(hits, of), large, int(of[:, large].sum()))


def _curve(one: _Seen) -> Curve:
    line = one.trend.distance[:, one.most]
    half = _Z * one.trend.spread[:, one.most]
    return Curve(
        f"{one.rate}[{one.split.attribute}={one.split.names[one.most]}] less that of the others",
        "window of time",
        f"difference in {one.rate}",
        tuple((float(i), float(y)) for i, y in enumerate(line)),
        tuple((float(y - h), float(y + h)) for y, h in zip(line, half, strict=True)),
    )


def _measured(seen: list[_Seen]) -> Iterator[Finding]:
    """One finding for each trend; chance is corrected for all that were looked at."""
    if not seen:
        return
    raw = [one.trend.chances()[one.large] for one in seen]
    corrected = np.split(holm(np.concatenate(raw)), np.cumsum([len(part) for part in raw])[:-1])
    for one, chances in zip(seen, corrected, strict=True):
        yield _finding(one, chances)


def _finding(one: _Seen, chances: Floats) -> Finding:
    kept, names = np.flatnonzero(one.large), one.split.names
    moved = [names[g] for g, p in zip(kept, chances, strict=True) if p < _SIGNIFICANT]
    table = [
        {
            "group": names[g],
            "change": rounded(one.trend.change[g]),
            "error": rounded(one.trend.error[g]),
            "p_holm": rounded(p),
        }
        for g, p in zip(kept, chances, strict=True)
    ]
    words = (
        f"significant for {', '.join(moved)}" if moved else "no trend is significant at 5 % (Holm)"
    )
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"{one.split.attribute}: {one.rate} of {names[one.most]} moved by "
        f"{one.trend.change[one.most]:+.3f} against the others over {len(one.trend.distance)} "
        f"windows; {words}.",
        Severity.INFO,
        where=one.split.attribute,
        facts={"groups": table},
    )


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
    made: NDArray[np.int64] = np.digitize(times, edges[edges > times.min()]).astype(np.int64)
    return made
