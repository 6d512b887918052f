"""Does the model flag, catch and wrongly accuse some groups more than others?

**Method.** Each attribute that the manifest calls sensitive splits the test rows into groups: its
values, or bands of a number. For each group: the share flagged (`selection`), flagged among label 1
(`tpr`), flagged among label 0 (`fpr`), and label 1 among the flagged (`precision`), at one
operating threshold for all.

**Figures.** Over the groups that are large enough, the worst pair: `selection_ratio[attribute]`
(least flagged over most flagged), `favourable_ratio[attribute]` (the same of *not* flagged),
`tpr_ratio[attribute]`, `tpr_gap[attribute]`, `fpr_gap[attribute]`. Intervals come from 1,000
multinomial bootstraps of the test rows, the worst pair sought anew in each: with many small groups
they are wide on purpose.

**How to read them.** The ratio of .80 is a screening value for the *favourable* outcome in United
States employment law (29 CFR 1607.4 D); it is not a rule for lending or payments, and a ratio above
it proves no absence of discrimination. Small groups make artefacts, so they are left out and named.
Equal rates for groups with unequal base rates are a choice, not a law of nature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.attacks.groups import (
    Cells,
    Disparity,
    Estimate,
    band_names,
    disparity,
    quantile_bands,
    rates,
)
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures.intervals import wilson
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "fairness.groups"
_MAX_GROUPS: Final = 200
"""An attribute with more values is a name or a number, not a group."""
_CAVEAT: Final = (
    "The .80 ratio is a screening value from US employment law (29 CFR 1607.4 D) for favourable "
    "outcomes, not a rule for lending or payments."
)


class FairnessSettings(Settings):
    """Where decisions are made, and what a group is."""

    threshold: float | None = None
    """Scores at or above it are flagged; by default set from `target_fpr` or `flag_share`."""
    target_fpr: float = Field(default=0.01, gt=0, lt=1)
    """False positive rate on the test data at which the threshold is set."""
    flag_share: float | None = Field(default=None, gt=0, lt=1)
    """Instead: share of the test rows that is flagged, as in credit decisions."""
    min_rows: int = Field(default=100, ge=2)
    """Groups with fewer rows are left out."""
    min_labelled: int = Field(default=20, ge=1)
    """Groups with fewer rows of label 1 (0) are left out of the rates over label 1 (0)."""
    bands: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Inner edges for numbers: `{age: [25, 40, 60]}`; a band holds its lower edge."""
    max_levels: int = Field(default=12, ge=2)
    """A number with more values than this is cut into bands."""
    quantiles: int = Field(default=4, ge=2, le=20)
    """How many bands, where none are declared."""
    replicates: int = Field(default=1_000, ge=100, le=100_000)
    """Bootstrap replicates."""


@dataclass(frozen=True, slots=True)
class _Split:
    """The rows in groups by one attribute."""

    attribute: str
    names: tuple[str, ...]
    group: NDArray[np.int64]


@check(
    "fairness.groups",
    version=1,
    title="No group is treated much worse than another",
    needs=("model", "data.test"),
    settings=FairnessSettings,
)
def groups(case: Case, settings: FairnessSettings) -> Iterator[Said]:
    """Measure each sensitive attribute."""
    sensitive = case.schema.sensitive
    if not sensitive:
        yield _unknown(
            "no_attribute",
            "the manifest declares no sensitive attribute, so nothing could be compared",
            fix="name the protected attributes under data.schema.sensitive",
        )
        return
    if stray := set(settings.bands) - set(sensitive):
        raise InputError(
            f"{', '.join(sorted(stray))} is not declared sensitive",
            where=f"settings.{_RULE}.bands",
            fix="name it under data.schema.sensitive too",
        )
    labels = case.labels("data.test")
    scores = case.scorer.score(case.features("data.test"))
    if not len(scores):
        yield _unknown("no_rows", "the test data has no rows")
        return
    threshold = _threshold(scores, labels, settings)
    yield Metric.exact("threshold", threshold, len(scores))
    flagged = scores >= threshold
    frame = case.frame("data.test")
    for done, attribute in enumerate(sensitive):
        if attribute not in frame.columns:
            yield _unknown(
                "missing_attribute",
                f"the sensitive attribute {attribute} is not in the test data",
                where=attribute,
                fix="add the column to the test data; the model need not read it",
            )
            continue
        split = _split(frame[attribute], settings)
        if len(split.names) > _MAX_GROUPS:
            yield _unknown(
                "too_many_groups",
                f"{attribute} has {len(split.names)} values, {_MAX_GROUPS} allowed",
                where=attribute,
            )
            continue
        cells = Cells.of(split.group, labels, flagged, len(split.names))
        rng = case.rng(f"{_RULE}.{attribute}")
        yield from _compare(split, cells, cells.redraw(rng, settings.replicates), settings)
        case.progress(done + 1, len(sensitive))


def _threshold(
    scores: NDArray[np.float64], labels: NDArray[np.int8], settings: FairnessSettings
) -> float:
    if settings.threshold is not None:
        return settings.threshold
    if settings.flag_share is not None:
        return float(np.quantile(scores, 1 - settings.flag_share, method="higher"))
    return threshold_at_fpr(scores, labels, settings.target_fpr)


def _split(column: pl.Series, settings: FairnessSettings) -> _Split:
    """Values, or bands of a number with many; missing is a group of its own."""
    edges = settings.bands.get(column.name)
    many = column.dtype.is_numeric() and column.n_unique() > settings.max_levels
    if edges is None and not many:
        text = column.cast(pl.String).fill_null("missing")
        names = tuple(sorted(text.unique().to_list()))
        places = {name: place for place, name in enumerate(names)}
        group = text.replace_strict(places, return_dtype=pl.Int64).to_numpy()
        return _Split(column.name, names, group)
    if not column.dtype.is_numeric():
        raise InputError(
            f"{column.name} holds {column.dtype}, which cannot be cut into bands",
            where=f"settings.{_RULE}.bands.{column.name}",
        )
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    cuts = quantile_bands(values, settings.quantiles) if edges is None else np.array(sorted(edges))
    named = band_names(cuts)
    group = np.where(np.isnan(values), len(named), np.digitize(values, cuts))
    return _Split(column.name, (*named, "missing"), group)


def _compare(
    split: _Split, cells: Cells, redrawn: NDArray[np.int64], settings: FairnessSettings
) -> Iterator[Said]:
    large = cells.rows >= settings.min_rows
    enough = {
        "selection": large,
        "tpr": large & (cells.positives >= settings.min_labelled),
        "fpr": large & (cells.rows - cells.positives >= settings.min_labelled),
    }
    here, drawn = rates(cells.counts), rates(redrawn)
    compared: dict[str, Disparity] = {}
    for rate, fit in enough.items():
        eligible = np.flatnonzero(fit)
        if eligible.size < 2:
            yield _unknown(
                "too_small",
                f"{split.attribute}: fewer than two groups are large enough to compare {rate} "
                f"({settings.min_rows} rows, {settings.min_labelled} of the label)",
                where=split.attribute,
                fix="test on more rows",
            )
            continue
        compared[rate] = disparity(here[rate], drawn[rate], eligible)
        yield _bars(split, cells, rate, eligible)
    n = int(cells.rows[large].sum())
    if "selection" in compared:
        yield _metric(f"selection_ratio[{split.attribute}]", compared["selection"].ratio, n)
        kept = disparity(1 - here["selection"], 1 - drawn["selection"], np.flatnonzero(large))
        yield _metric(f"favourable_ratio[{split.attribute}]", kept.ratio, n)
    if "tpr" in compared:
        positives = int(cells.positives[enough["tpr"]].sum())
        yield _metric(f"tpr_ratio[{split.attribute}]", compared["tpr"].ratio, positives)
        yield _metric(f"tpr_gap[{split.attribute}]", compared["tpr"].gap, positives)
    if "fpr" in compared:
        negatives = int((cells.rows - cells.positives)[enough["fpr"]].sum())
        yield _metric(f"fpr_gap[{split.attribute}]", compared["fpr"].gap, negatives)
    if compared:
        yield _measured(split, cells, compared, large)


def _bars(split: _Split, cells: Cells, rate: str, eligible: NDArray[np.int64]) -> Curve:
    """One point a group, in the order that the axis label names them."""
    tn, fp, fn, tp = cells.counts[eligible].T
    hits, of = {
        "selection": (fp + tp, tn + fp + fn + tp),
        "tpr": (tp, tp + fn),
        "fpr": (fp, fp + tn),
    }[rate]
    bars = [wilson(int(k), int(n)) for k, n in zip(hits, of, strict=True)]
    shares = hits / of
    names = ", ".join(f"{i} = {split.names[g]}" for i, g in enumerate(eligible))
    return Curve(
        f"{rate}[{split.attribute}]",
        f"{split.attribute}: {names}",
        rate,
        tuple((float(i), float(share)) for i, share in enumerate(shares)),
        tuple(bars),
    )


def _measured(
    split: _Split, cells: Cells, compared: dict[str, Disparity], large: NDArray[np.bool_]
) -> Finding:
    """The worst pairs in words, the table of groups, and who was left out."""
    words = [
        f"{rate} lowest for {split.names[worst.lowest]}, highest for {split.names[worst.highest]} "
        f"(ratio {worst.ratio.value:.2f})"
        for rate, worst in compared.items()
    ]
    here = rates(cells.counts)
    table = [
        {
            "group": split.names[g],
            "rows": int(cells.rows[g]),
            "positives": int(cells.positives[g]),
            **{name: _rounded(values[g]) for name, values in here.items()},
        }
        for g in np.flatnonzero(large)
    ]
    # No counts of small groups: they may point at a person.
    left_out = [split.names[g] for g in np.flatnonzero(~large & (cells.rows > 0))]
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"{split.attribute}: {'; '.join(words)}.",
        Severity.INFO,
        where=split.attribute,
        facts={"groups": table, "left_out": left_out, "caveat": _CAVEAT},
        references=("29 CFR 1607.4 D",),
    )


def _rounded(rate: float) -> float | None:
    return round(float(rate), 6) if np.isfinite(rate) else None


def _metric(name: str, estimate: Estimate, n: int) -> Metric:
    return Metric(
        name, estimate.value, estimate.low, estimate.high, n, method="multinomial bootstrap"
    )


def _unknown(
    rule: str, message: str, *, where: str | None = None, fix: str | None = None
) -> Finding:
    return Finding(
        f"{_RULE}.{rule}", Outcome.UNKNOWN, message, Severity.MEDIUM, where=where, fix=fix
    )
