"""Does a score mean the same for each group?

**Method.** The model's scores on the test rows are taken as probabilities and held against what
happened, group by group of each sensitive attribute. A model can be calibrated on the whole while
40 % means 30 % for one group and 50 % for another: the first is then judged too harshly at every
threshold.

**Figures.** Between groups with enough rows of both labels: `oe_ratio[attribute]`, the lowest over
the highest of *observed over expected* events (1: scores are off by the same factor for all, at
best none); `slope_gap[attribute]`, how far Cox's calibration slopes are apart (1 is right, below it
scores are too extreme); `ece[attribute]`, the largest expected calibration error of a group over 15
bins of equally many rows. Each with the 95 % interval of bootstrap resamples within the groups, the
worst pair sought anew in each. Curves show each group.

**How to read them.** ECE is never 0 on finitely many rows and larger in small groups: the table
says, as `ece_by_chance`, what perfect scores would show there. With unequal base rates a calibrated
model *cannot* have equal error rates in all groups (Kleinberg and others, ITCS 2017; Chouldechova,
Big Data 2017): a fail here and a fail of `fairness.groups` may be two ends of one choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.fairness._ground import (
    Grouping,
    Split,
    left_out,
    metric,
    points,
    rounded,
    scored,
    splits,
    unknown,
)
from strongroom.assess.measures.groups import Bools, Counts, Estimate, Floats, disparity
from strongroom.assess.measures.ranking import Ranking, bootstrap, rank
from strongroom.assess.measures.recalibration import error_by_chance, observed_expected, slope
from strongroom.assess.measures.reliability import bins_of, calibration_error
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "fairness.calibration"
_METHOD: Final = "bootstrap within groups"
_SCORES: Final = 512
"""Distinct scores of a group that are resampled; neighbours are merged."""


class CalibrationSettings(Grouping):
    """Settings of `fairness.calibration`."""

    min_labelled: int = Field(default=20, ge=2)
    """Groups with fewer rows of either label are left out."""


@check(
    _RULE,
    version=1,
    title="A score means the same for each group",
    needs=("model", "data.test"),
    settings=CalibrationSettings,
)
def calibration(case: Case, settings: CalibrationSettings) -> Iterator[Said]:
    """Hold scores against what happened, by group."""
    found = list(splits(case, settings, _RULE))
    yield from (one for one in found if not isinstance(one, Split))
    single = [one for one in found if isinstance(one, Split)]
    if not single:
        return
    labels, scores = scored(case)
    for done, split in enumerate(single):
        sizes = np.bincount(split.group, minlength=len(split.names))
        ones = np.bincount(split.group, labels != 0, minlength=len(split.names))
        few = np.minimum(ones, sizes - ones)
        fit = (sizes >= settings.min_rows) & (few >= settings.min_labelled)
        if np.count_nonzero(fit) < 2:
            yield unknown(
                _RULE,
                "too_small",
                f"{split.attribute}: fewer than two groups have {settings.min_rows} rows and "
                f"{settings.min_labelled} of each label",
                where=split.attribute,
                fix="test on more rows",
            )
            continue
        read = []
        for g in np.flatnonzero(fit):
            mine = split.group == g
            rng = case.rng(f"{_RULE}.{split.attribute}.{g}")
            read.append(_read(rank(labels[mine], scores[mine]), rng, settings.replicates))
        yield from _attribute(split, tuple(read), sizes, fit)
        case.progress(done + 1, len(single))


@dataclass(frozen=True, slots=True)
class _Reading:
    """One group's calibration."""

    ranking: Ranking
    values: Mapping[str, float]
    """`oe`, `slope`, `ece`."""
    samples: Mapping[str, Floats]
    by_chance: float
    """The `ece` of perfect scores on as many rows."""


def _read(ranking: Ranking, rng: np.random.Generator, replicates: int) -> _Reading:
    small = ranking.thinned(_SCORES)
    measures = {
        "oe": observed_expected(small),
        "slope": slope(small),
        "ece": calibration_error(small),
    }
    return _Reading(
        small,
        {name: float(one(small.positives, small.negatives)) for name, one in measures.items()},
        bootstrap(small, measures, rng, replicates),
        error_by_chance(small, bins_of(small)),
    )


def _attribute(
    split: Split, read: tuple[_Reading, ...], sizes: Counts, fit: Bools
) -> Iterator[Said]:
    eligible = np.flatnonzero(fit)
    n = int(sizes[eligible].sum())
    figures = {
        name: (
            np.array([one.values[name] for one in read]),
            np.stack([one.samples[name] for one in read], axis=1),
        )
        for name in ("oe", "slope", "ece")
    }
    for name, (here, drawn) in figures.items():
        if not np.isfinite(here).all():
            yield unknown(
                _RULE,
                "no_end",
                f"{split.attribute}: the {name} of a group cannot be computed: its scores separate "
                "the labels, or are all the same",
                where=split.attribute,
            )
            continue
        worst = disparity(here, drawn, np.arange(len(here)))
        if name == "oe":
            yield metric(f"oe_ratio[{split.attribute}]", worst.ratio, n, _METHOD)
        elif name == "slope":
            yield metric(f"slope_gap[{split.attribute}]", worst.gap, n, _METHOD)
        else:
            largest = Estimate.of(float(here.max()), drawn.max(axis=1))
            yield metric(f"ece[{split.attribute}]", largest, n, _METHOD)
        each = [Estimate.of(float(v), drawn[:, i]) for i, v in enumerate(here)]
        yield points(split, name, eligible, here, [(e.low, e.high) for e in each])
    yield _measured(split, read, sizes, fit)


def _measured(split: Split, read: tuple[_Reading, ...], sizes: Counts, fit: Bools) -> Finding:
    names = [split.names[g] for g in np.flatnonzero(fit)]
    table = [
        {
            "group": name,
            "rows": one.ranking.n,
            "positives": int(one.ranking.positives.sum()),
            **{key: rounded(value) for key, value in one.values.items()},
            "ece_by_chance": rounded(one.by_chance),
        }
        for name, one in zip(names, read, strict=True)
    ]
    oe = [one.values["oe"] for one in read]
    low, high = int(np.nanargmin(oe)), int(np.nanargmax(oe))
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"{split.attribute}: for {names[low]} {oe[low]:.2f} times as many events as foretold, for "
        f"{names[high]} {oe[high]:.2f} times.",
        Severity.INFO,
        where=split.attribute,
        facts={"groups": table, "left_out": left_out(split, sizes, fit)},
    )
