"""The model tells the flagged class from the rest, on rows that it has not seen.

**What it looks at**: the model's scores on `data.test`, against the target.

**What it reports**, each with its 95 % interval:

- `auc`: the chance that a fraud scores higher than an honest payment. 0.5 is a coin.
- `average_precision`: the mean precision over all frauds; the base rate is what a coin gets.
- `recall@fpr=0.01`: the share of frauds found when 1 % of honest payments are flagged.
- `card_precision@100`: of 100 cards looked at each day, the share that is compromised; where the
  schema declares `entity` and `time` and days have so many cards.
- the ROC and precision-recall curves, with bands.

**How the intervals come**: 1,000 bootstrap resamples of the rows; with fewer than 50 rows in the
smaller class they are widened to Wilson's interval for so many trials. Card precision varies from
day to day, so its interval is Student's over days.

**Fails** when the whole interval of `auc` is below 0.5: the scores are the wrong way round. It is
**unknown** when the interval holds 0.5, or when there is only one class.

**What to do**: see `data.leakage` first (a figure that is too good), then the features; more test
rows if intervals are too wide.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures import ranking as measures
from strongroom.assess.measures.card_precision import card_precision, daily_precision, days_of
from strongroom.assess.measures.intervals import resampled
from strongroom.assess.measures.ranking import Measure, bootstrap, rank
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

NAME = "performance.discrimination"
FIGURES: dict[str, Measure] = {
    "auc": measures.auc,
    "average_precision": measures.average_precision,
    "recall@fpr=0.01": measures.recall_at(0.01),
}
GRID = np.unique(np.concatenate([np.linspace(0, 1, 101), np.geomspace(1e-4, 1e-2, 20)]))
RECALLS = np.linspace(0.01, 1, 100)


class Budget(Settings):
    """Settings of `performance.discrimination`."""

    resamples: int = Field(default=1000, ge=100, le=100_000)
    cards: int = Field(default=100, ge=1)
    """Cards that analysts look at each day."""


@check(
    NAME,
    version=1,
    title="The model tells the flagged class from the rest",
    needs=("model", "data.test"),
    settings=Budget,
)
def discrimination(case: Case, settings: Budget) -> Iterator[Said]:
    """Rank the test rows and measure."""
    labels = case.labels("data.test")
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"{len(labels)} test rows of one class: nothing can be told apart",
            fix="take test rows of both classes",
        )
    scores = case.scorer.score(case.features("data.test"))
    ranking = rank(labels, scores)
    curves: dict[str, Measure] = {
        "roc": measures.roc(GRID),
        "precision_recall": measures.precision_recall(RECALLS),
    }
    samples = bootstrap(ranking, FIGURES | curves, case.rng("bootstrap"), settings.resamples)
    for name, measure in FIGURES.items():
        value = float(measure(ranking.positives, ranking.negatives))
        metric = resampled(name, value, samples[name], ranking.n, events=ranking.events)
        yield metric
        if name == "auc":
            yield _verdict(metric)
    whole = {n: m(ranking.positives, ranking.negatives) for n, m in curves.items()}
    yield _curve("roc", "false positive rate", "recall", GRID, whole["roc"], samples["roc"])
    yield _curve(
        "precision_recall", "recall", "precision", RECALLS, whole["precision_recall"],
        samples["precision_recall"],
    )  # fmt: skip
    yield from _cards(case, labels, scores, settings.cards)


def _verdict(auc: Metric) -> Finding:
    figures = f"auc {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]"
    if auc.high < 0.5:
        return Finding(
            f"{NAME}.inverted",
            Outcome.FAIL,
            f"the scores are the wrong way round: {figures}",
            Severity.HIGH,
            fix="see which class the model's output is the probability of",
        )
    if auc.low <= 0.5:
        return Finding(
            f"{NAME}.no_better_than_chance",
            Outcome.UNKNOWN,
            f"the ranking cannot be told from chance: {figures}",
            fix="take more test rows, or better features",
        )
    return Finding(
        f"{NAME}.better_than_chance", Outcome.PASS, f"ranks better than chance: {figures}",
        Severity.INFO,
    )  # fmt: skip


def _curve(name: str, x_label: str, y_label: str, x: object, y: object, samples: object) -> Curve:
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    kept = np.asarray(samples)[np.isfinite(np.asarray(samples)).all(axis=1)]
    low, high = np.percentile(kept, [2.5, 97.5], axis=0) if len(kept) else (ys, ys)
    return Curve(
        name,
        x_label,
        y_label,
        tuple(zip(xs.tolist(), ys.tolist(), strict=True)),
        tuple(zip(np.minimum(low, ys).tolist(), np.maximum(high, ys).tolist(), strict=True)),
    )


def _cards(case: Case, labels: object, scores: object, k: int) -> Iterator[Said]:
    schema = case.schema
    if schema.time is None or schema.entity is None:
        return
    frame = case.frame("data.test")
    if schema.time not in frame.columns or schema.entity not in frame.columns:
        return
    days = days_of(frame[schema.time])
    if days is None or days.null_count():
        return
    daily = daily_precision(
        frame[schema.entity], days, np.asarray(labels), np.asarray(scores, dtype=np.float64), k
    )
    if len(daily):
        yield card_precision(pl.Series(daily), k)
