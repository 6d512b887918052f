"""What the fairness checks share: where decisions are made, what a group is, and how to say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.case import Case
from strongroom.assess.check import Settings
from strongroom.assess.measures.groups import (
    Cells,
    Disparity,
    Estimate,
    Least,
    Measured,
    band_names,
    parts,
    quantile_bands,
)
from strongroom.assess.measures.intervals import wilson
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

MAX_GROUPS: Final = 200
"""An attribute with more values is a name or a number, not a group."""
CAVEAT: Final = (
    "The .80 ratio is a screening value from US employment law (29 CFR 1607.4 D) for favourable "
    "outcomes, not a rule for lending or payments."
)


class Grouping(Settings):
    """What a group is."""

    min_rows: int = Field(default=100, ge=2)
    """Groups with fewer rows are left out."""
    bands: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Inner edges for numbers: `{age: [25, 40, 60]}`; a band holds its lower edge."""
    max_levels: int = Field(default=12, ge=2)
    """A number with more values than this is cut into bands."""
    quantiles: int = Field(default=4, ge=2, le=20)
    """How many bands, where none are declared."""
    replicates: int = Field(default=1_000, ge=100, le=100_000)
    """Bootstrap replicates."""


class Operating(Settings):
    """Where decisions are made."""

    threshold: float | None = None
    """Scores at or above it are flagged; by default set from `target_fpr` or `flag_share`."""
    target_fpr: float = Field(default=0.01, gt=0, lt=1)
    """False positive rate on the test data at which the threshold is set."""
    flag_share: float | None = Field(default=None, gt=0, lt=1)
    """Instead: share of the test rows that is flagged, as in credit decisions."""


class Decisions(Grouping, Operating):
    """Where decisions are made, and what a group is."""

    min_labelled: int = Field(default=20, ge=1)
    """Groups with fewer rows of label 1 (0) are left out of the rates over label 1 (0)."""

    @property
    def least(self) -> Least:
        """The sizes, for the engine."""
        return Least(self.min_rows, self.min_labelled)


@dataclass(frozen=True, slots=True)
class Split:
    """The rows in groups by one attribute, or by two."""

    attribute: str
    names: tuple[str, ...]
    group: NDArray[np.int64]
    """(rows,) places in `names`."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The test rows as the model decides them."""

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    threshold: float

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Scores at or above the threshold."""
        made: NDArray[np.bool_] = self.scores >= self.threshold
        return made

    @property
    def metric(self) -> Metric:
        """The threshold as a figure."""
        return Metric.exact("threshold", self.threshold, len(self.scores))


def decided(case: Case, settings: Operating) -> Decided:
    """Score the test rows and set the threshold. Raises InputError where there are none."""
    labels, scores = scored(case)
    if settings.threshold is not None:
        threshold = settings.threshold
    elif settings.flag_share is not None:
        threshold = float(np.quantile(scores, 1 - settings.flag_share, method="higher"))
    else:
        threshold = threshold_at_fpr(scores, labels, settings.target_fpr)
    return Decided(labels, scores, threshold)


def scored(case: Case) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Labels and scores of the test rows. Raises InputError where there are none."""
    labels = case.labels("data.test")
    scores = case.scorer.score(case.features("data.test"))
    if not len(scores):
        raise InputError("the test data has no rows")
    return labels, scores


def splits(case: Case, settings: Grouping, rule: str) -> Iterator[Split | Finding]:
    """Each sensitive attribute, or why it cannot be one. Raises InputError for stray settings."""
    sensitive = case.schema.sensitive
    if not sensitive:
        yield unknown(
            rule,
            "no_attribute",
            "the manifest declares no sensitive attribute, so nothing could be compared",
            fix="name the protected attributes under data.schema.sensitive",
        )
    if stray := set(settings.bands) - set(sensitive):
        raise InputError(
            f"{', '.join(sorted(stray))} is not declared sensitive",
            where=f"settings.{rule}.bands",
            fix="name it under data.schema.sensitive too",
        )
    frame = case.frame("data.test")
    for attribute in sensitive:
        if attribute not in frame.columns:
            yield unknown(
                rule,
                "missing_attribute",
                f"the sensitive attribute {attribute} is not in the test data",
                where=attribute,
                fix="add the column to the test data; the model need not read it",
            )
            continue
        made = split(frame[attribute], settings, rule)
        if len(made.names) > MAX_GROUPS:
            yield unknown(
                rule,
                "too_many_groups",
                f"{attribute} has {len(made.names)} values, {MAX_GROUPS} allowed",
                where=attribute,
            )
            continue
        yield made


def split(column: pl.Series, settings: Grouping, rule: str) -> Split:
    """Values, or bands of a number with many; missing is a group of its own."""
    edges = settings.bands.get(column.name)
    many = column.dtype.is_numeric() and column.n_unique() > settings.max_levels
    if edges is None and not many:
        text = column.cast(pl.String).fill_null("missing")
        names = tuple(sorted(text.unique().to_list()))
        places = {name: place for place, name in enumerate(names)}
        group = text.replace_strict(places, return_dtype=pl.Int64).to_numpy()
        return Split(column.name, names, group)
    if not column.dtype.is_numeric():
        raise InputError(
            f"{column.name} holds {column.dtype}, which cannot be cut into bands",
            where=f"settings.{rule}.bands.{column.name}",
        )
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    cuts = quantile_bands(values, settings.quantiles) if edges is None else np.array(sorted(edges))
    named = band_names(cuts)
    group = np.where(np.isnan(values), len(named), np.digitize(values, cuts))
    return Split(column.name, (*named, "missing"), group)


def compare(
    split: Split, cells: Cells, found: Measured, settings: Decisions, rule: str
) -> Iterator[Finding | Metric | Curve]:
    """Figures, curves and the finding of one split, at one threshold for all groups."""
    rated = ("selection", "tpr", "fpr")
    for rate in rated:
        if rate in found.between:
            yield bars(split, cells, rate, np.flatnonzero(found.fit[rate]))
            continue
        yield unknown(
            rule,
            "too_small",
            f"{split.attribute}: fewer than two groups are large enough to compare {rate} "
            f"({settings.min_rows} rows, {settings.min_labelled} of the label)",
            where=split.attribute,
            fix="test on more rows",
        )
    between = found.between
    for name, rate, what in (
        ("selection_ratio", "selection", "ratio"),
        ("favourable_ratio", "favourable", "ratio"),
        ("tpr_ratio", "tpr", "ratio"),
        ("tpr_gap", "tpr", "gap"),
        ("fpr_gap", "fpr", "gap"),
    ):
        if rate in between:
            n = int(parts(rate, cells.counts)[1][found.fit[rate]].sum())
            yield metric(f"{name}[{split.attribute}]", getattr(between[rate], what), n)
    if compared := {rate: between[rate] for rate in rated if rate in between}:
        yield measured(split, cells, found, compared, rule)


def bars(split: Split, cells: Cells, rate: str, eligible: NDArray[np.int64]) -> Curve:
    """One point a group with Wilson's interval, in the order that the axis label names them."""
    hits, of = parts(rate, cells.counts[eligible])
    band = [wilson(int(k), int(n)) for k, n in zip(hits, of, strict=True)]
    return points(split, rate, eligible, hits / of, band)


def points(
    split: Split,
    name: str,
    eligible: NDArray[np.int64],
    values: NDArray[np.float64],
    band: list[tuple[float, float]],
) -> Curve:
    """One point a group, in the order that the axis label names them."""
    names = ", ".join(f"{i} = {split.names[g]}" for i, g in enumerate(eligible))
    return Curve(
        f"{name}[{split.attribute}]",
        f"{split.attribute}: {names}",
        name,
        tuple((float(i), float(value)) for i, value in enumerate(values)),
        tuple(band),
    )


def measured(
    split: Split, cells: Cells, found: Measured, compared: dict[str, Disparity], rule: str
) -> Finding:
    """The worst pairs in words, the table of groups, and who was left out."""
    words = [
        f"{rate} lowest for {split.names[worst.lowest]}, highest for {split.names[worst.highest]} "
        f"(ratio {worst.ratio.value:.2f})"
        for rate, worst in compared.items()
    ]
    large = found.fit["selection"]
    table = [
        {
            "group": split.names[g],
            "rows": int(cells.rows[g]),
            "positives": int(cells.positives[g]),
            **{name: rounded(values[g]) for name, values in found.values.items()},
        }
        for g in np.flatnonzero(large)
    ]
    return Finding(
        f"{rule}.measured",
        Outcome.PASS,
        f"{split.attribute}: {'; '.join(words)}.",
        Severity.INFO,
        where=split.attribute,
        facts={"groups": table, "left_out": left_out(split, cells.rows, large), "caveat": CAVEAT},
        references=("29 CFR 1607.4 D",),
    )


def left_out(split: Split, rows: NDArray[np.int64], large: NDArray[np.bool_]) -> list[str]:
    """Names of groups that are too small. No counts of them: they may point at a person."""
    return [split.names[g] for g in np.flatnonzero(~large & (rows > 0))]


def rounded(value: float) -> float | None:
    """For facts, which are JSON."""
    return round(float(value), 6) if np.isfinite(value) else None


def metric(name: str, estimate: Estimate, n: int, method: str = "multinomial bootstrap") -> Metric:
    """An estimate as a figure."""
    return Metric(name, estimate.value, estimate.low, estimate.high, n, method=method)


def unknown(
    rule: str, name: str, message: str, *, where: str | None = None, fix: str | None = None
) -> Finding:
    """A finding that could not tell."""
    return Finding(
        f"{rule}.{name}", Outcome.UNKNOWN, message, Severity.MEDIUM, where=where, fix=fix
    )
