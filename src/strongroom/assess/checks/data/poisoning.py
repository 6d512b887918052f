"""Which training rows look planted, and would this screen have seen planted ones?

**Threat.** Somebody who can add training rows, through a partner's feed, charge-back claims or a
labelling team, teaches the model to let frauds with a few chosen values pass (ATLAS AML.T0020,
OWASP ML02).

**Method.** Rows of label 0 are ranked by how fraudulent they look to models of half of the columns,
and by whether rows that share two values with them look so too, while the full model explains them
away. Beside it: exact copies, copies with another label, and groups of rows (by source column or
by day) with more suspicious rows than chance allows. How much the screen sees on *this* data is
measured: triggers are planted in copies of the data and sought.

**Attacker's knowledge.** Writes rows of the training data; neither the model nor other rows.

**Figures.** `screen_auc`: chance that a planted row ranks above an ordinary one, at `share` of
planted rows, with the interval over triggers: near .5 the screen proves nothing here. `duplicates`
and `conflicting`: shares of rows whose features stand there twice, and twice with both labels.
`provenance_outliers`: sources or days with too many rows among the most suspicious in a hundred.

**Limits.** A ranking for people to look at, no proof: natural groups rank high as well, and where
there are few columns or the trigger holds common values nothing is seen, which `screen_auc` shows.
Wrong labels without a trigger are for a check of labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import binom, t

from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.attacks.poisoning import Labels, plant, suspicion, trigger_of
from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures.card_precision import days_of
from strongroom.assess.measures.ranking import auc, rank, roc
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "data.poisoning"
_REFERENCES: Final = ("ATLAS AML.T0020", "OWASP ML02:2023")
_LEAST: Final = 40
"""Rows of the rarer label without which nothing is said."""
_TOP: Final = 0.01
"""Of the rows of label 0: the most suspicious."""
_CHANCE: Final = 0.001
"""How often chance may name some source or day, all of them together."""


class PoisoningSettings(Settings):
    """How much is looked at."""

    max_rows: int = Field(default=10_000, ge=200)
    """Training rows to look at, drawn at random."""
    share: float = Field(default=0.002, gt=0, le=0.1)
    """Of planted rows, with which the screen is tried."""
    fields: int = Field(default=3, ge=1, le=20)
    """That a planted trigger sets."""
    plants: int = Field(default=3, ge=2, le=50)
    """Triggers with which the screen is tried."""
    source: str | None = None
    """Column that says where a row comes from; days are taken from the schema's time."""
    named: int = Field(default=20, ge=0, le=1_000)
    """Most suspicious rows to name, by row number."""


@check(
    "data.poisoning",
    version=1,
    title="No training rows look planted, as far as the screen sees",
    needs=("data.train",),
    settings=PoisoningSettings,
)
def poisoning(case: Case, settings: PoisoningSettings) -> Iterator[Said]:
    """Rank rows by how planted they look; measure what the ranking is worth here."""
    x, y = case.features("data.train"), case.labels("data.train")
    yield from _copies(x, y)
    rows = case.rng(f"{_RULE}.rows").permutation(len(y))[: settings.max_rows]
    x, y = x[rows], y[rows]
    if int(np.bincount(y, minlength=2).min()) < _LEAST or x.shape[1] < 2:
        yield _unknown(f"fewer than {_LEAST} rows of a label, or fewer than two features")
        return
    scores = suspicion(x, y, case.rng(f"{_RULE}.screen"), threads=case.threads)
    yield from _worth(case, x, y, settings)
    yield from _groups(case, rows, scores, settings)
    order = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")
    yield Finding(
        f"{_RULE}.ranked",
        Outcome.PASS,
        f"{len(y)} rows were ranked; the most suspicious are named by row number for people to see",
        Severity.INFO,
        facts={"most_suspicious_training_rows": [int(r) for r in rows[order][: settings.named]]},
        references=_REFERENCES,
    )


def _copies(x: Floats, y: Labels) -> Iterator[Metric]:
    if not len(x):
        return
    frame = pl.DataFrame(x).with_columns(label=pl.Series(y))
    grouped = frame.group_by(pl.exclude("label")).agg(n=pl.len(), kinds=pl.col("label").n_unique())
    again = int(grouped["n"].sum()) - grouped.height
    both = int(grouped.filter(pl.col("kinds") > 1)["n"].sum())
    yield Metric.exact("duplicates", again / len(y), len(y))
    yield Metric.exact("conflicting", both / len(y), len(y))


def _worth(case: Case, x: Floats, y: Labels, settings: PoisoningSettings) -> Iterator[Said]:
    """Plant, seek, and say how well it was found."""
    rng = case.rng(f"{_RULE}.plants")
    planted_rows = max(2, round(settings.share * len(y)))
    found, every_score, every_truth = [], [], []
    for one in range(settings.plants):
        trigger = trigger_of(x[y == 0], range(x.shape[1]), settings.fields, rng)
        made = plant(x, y, trigger, planted_rows, rng)
        scores = suspicion(made.x, made.y, rng, threads=case.threads)
        ordinary = made.y == 0
        ranking = rank(made.planted[ordinary], scores[ordinary])
        found.append(float(auc(ranking.positives, ranking.negatives)))
        every_score.append(scores[ordinary])
        every_truth.append(made.planted[ordinary])
        case.progress(one + 1, settings.plants)
    mean, n = float(np.mean(found)), len(found)
    half = float(t.ppf(0.975, n - 1) * np.std(found, ddof=1) / np.sqrt(n))
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    yield Metric("screen_auc", mean, low, high, n, method=f"Student over {n} triggers")
    ranking = rank(np.concatenate(every_truth), np.concatenate(every_score))
    rates = np.geomspace(0.001, 1, 60)
    heights = roc(rates)(ranking.positives, ranking.negatives).tolist()
    points = tuple(zip(rates.tolist(), heights, strict=True))
    yield Curve("the screen on planted rows", "ordinary rows named", "planted rows named", points)


def _groups(
    case: Case, rows: NDArray[np.int64], scores: Floats, settings: PoisoningSettings
) -> Iterator[Said]:
    """Sources or days that hold too many of the most suspicious rows."""
    named = _provenance(case, settings)
    if named is None:
        return
    what, column = named
    groups = column.gather(rows).cast(pl.String).fill_null("").to_numpy()
    known = np.isfinite(scores)
    top = scores >= np.quantile(scores[known], 1 - _TOP)
    names, place = np.unique(groups[known], return_inverse=True)
    sizes, hits = np.bincount(place), np.bincount(place, weights=top[known])
    chance = binom.sf(hits - 1, sizes, top[known].mean()) * len(names)
    strange = np.flatnonzero(chance < _CHANCE)
    yield Metric.exact("provenance_outliers", len(strange), len(names))
    if len(strange):
        yield Finding(
            f"{_RULE}.provenance",
            Outcome.FAIL,
            f"{len(strange)} of {len(names)} {what}s hold more of the most suspicious rows than "
            "chance allows",
            Severity.HIGH,
            where=what,
            fix="ask where those rows come from, and train without them to compare",
            facts={"rows_of_the_worst": int(sizes[strange[chance[strange].argmin()]])},
            references=_REFERENCES,
        )


def _provenance(case: Case, settings: PoisoningSettings) -> tuple[str, pl.Series] | None:
    frame, time = case.frame("data.train"), case.schema.time
    if settings.source is not None and settings.source in frame.columns:
        return settings.source, frame[settings.source]
    if time is not None and time in frame.columns:
        days = days_of(frame[time])
        return None if days is None else ("day", days)
    return None


def _unknown(message: str) -> Finding:
    return Finding(
        f"{_RULE}.too_little", Outcome.UNKNOWN, message, Severity.MEDIUM, references=_REFERENCES
    )
