"""Nothing that the model will not know at the time stands in its training data.

**What it looks at**: `data.train` and `data.test`, and the declared target, time and entity.

**What it reports**

- `overlap_share`: the share of test rows that also stand in the training data: the same features,
  and the same entity and time where the schema declares them. With Wilson's interval.
- `max_single_feature_auc`: how well the best single feature alone tells the classes apart in the
  training data, with a bootstrap interval. A feature that nearly is the label was most likely
  written after the fact.

**Fails** when test rows are earlier than the last training row (where `time` is declared): what
happened after a payment was then known when it was judged; and when a feature whose name speaks of
what happens after a payment (`chargeback`, `dispute`, `refund`…) tells the classes apart with an
AUC of 0.8 or more.

**Unknown** where nothing can be compared: labels of one class, tables without rows.

**What to do**: split by time, with a gap as long as labels take to come in; drop the feature, or
show that it is known at the time.

**Settings**: `after_the_fact`, more words that betray a feature; `sample`, how many rows the
single-feature figures are taken from; `resamples`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures.intervals import resampled, share
from strongroom.assess.measures.ranking import Ranking, auc, bootstrap, rank
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

NAME = "data.leakage"
AFTER_THE_FACT = (
    "chargeback",
    "charged_back",
    "dispute",
    "fraud_flag",
    "investigat",
    "is_fraud",
    "label",
    "outcome",
    "recover",
    "refund",
    "reversal",
    "settled",
    "written_off",
)
"""Parts of names of features that speak of what happens after a payment."""
SUSPECT_AUC = 0.8
"""From here on a feature whose name speaks of later events is taken for one."""

PART = 1_000_000
"""Rows hashed at a time, which bounds the memory for their copy."""


class Suspicion(Settings):
    """Settings of `data.leakage`."""

    after_the_fact: tuple[str, ...] = ()
    """More parts of names of features that speak of what happens after a payment."""
    sample: int = Field(default=500_000, ge=100)
    resamples: int = Field(default=1000, ge=100, le=100_000)


@check(
    NAME,
    version=1,
    title="Nothing from the future or from the test data is in the training data",
    needs=("data.train", "data.test"),
    settings=Suspicion,
)
def leakage(case: Case, settings: Suspicion) -> Iterator[Said]:
    """Overlap, order in time, and single features that know too much."""
    if not case.frame("data.train").height or not case.frame("data.test").height:
        raise InputError("a table without rows: nothing to compare", fix="see data.schema")
    yield from _overlap(case)
    yield from _time(case)
    yield from _target(case, settings)


def _overlap(case: Case) -> Iterator[Said]:
    shared = row_hashes(case, "data.test").is_in(row_hashes(case, "data.train").implode())
    metric = share("overlap_share", int(shared.sum()), len(shared))
    yield metric
    if metric.value == 0:
        yield Finding(
            f"{NAME}.no_overlap",
            Outcome.PASS,
            f"none of {metric.n} test rows stands in the training data",
            Severity.INFO,
        )


def row_hashes(case: Case, table: str) -> pl.Series:
    """A hash for each row: of the features, and of entity and time where both tables have them.

    64 bits: among ten million rows fewer than one pair in ten thousand such tables is confused.
    """
    x, frame = case.features(table), case.frame(table)
    names = [f"f{i}" for i in range(x.shape[1])]
    keys = [
        frame[name].cast(pl.String).alias(f"k{place}")
        for place, name in enumerate((case.schema.entity, case.schema.time))
        if name is not None
        and all(name in case.frame(t).columns for t in ("data.train", "data.test"))
    ]
    parts = [
        pl.DataFrame(x[start : start + PART], schema=names)
        .with_columns([key.slice(start, PART) for key in keys])
        .hash_rows(seed=0)
        for start in range(0, len(x), PART)
    ]
    return pl.concat(parts)


def _time(case: Case) -> Iterator[Finding]:
    name = case.schema.time
    if name is None:
        return
    train, test = (case.frame(t) for t in ("data.train", "data.test"))
    if name not in train.columns or name not in test.columns:
        raise InputError(f"the time column {name} is missing", fix="see data.schema")
    if train[name].dtype != test[name].dtype:
        raise InputError(
            f"{name} is {train[name].dtype} in one table and {test[name].dtype} in the other"
        )
    last = train[name].max()
    early = int((test[name] < last).sum())
    if early:
        yield Finding(
            f"{NAME}.time",
            Outcome.FAIL,
            f"{early} of {test.height} test rows are earlier than the last training row: "
            "the model was trained on what came after them",
            Severity.HIGH,
            where=f"data.test: {name}",
            fix="split by time, all test rows after all training rows",
            facts={"rows": early},
        )
    else:
        yield Finding(
            f"{NAME}.in_order",
            Outcome.PASS,
            "every test row comes after the last training row",
            Severity.INFO,
        )


def _target(case: Case, settings: Suspicion) -> Iterator[Said]:
    labels = case.labels("data.train")
    if len(np.unique(labels)) < 2:
        raise InputError(
            "training labels of one class: no feature can tell them apart", fix="see data.schema"
        )
    x, y = _sampled(case.features("data.train"), labels, settings.sample, case.rng("sample"))
    names = [f.name for f in case.schema.features]
    strengths = []
    for place, _ in enumerate(names):
        strengths.append(strength(x[:, place], y))
        case.progress(place + 1, len(names))
    yield _strongest(x, y, names, strengths, case.rng("bootstrap"), settings.resamples)
    yield from _after_the_fact(names, strengths, AFTER_THE_FACT + settings.after_the_fact)


def strength(values: NDArray[Any], labels: NDArray[Any]) -> float:
    """How well one feature alone tells the classes apart, in either direction; NaN is lowest."""
    ranking = oriented(values, labels)
    return float(auc(ranking.positives, ranking.negatives))


def oriented(values: NDArray[Any], labels: NDArray[Any]) -> Ranking:
    """The ranking by a feature, turned so that its AUC is at least 0.5."""
    ranking = rank(labels, np.where(np.isnan(values), -np.inf, values))
    if auc(ranking.positives, ranking.negatives) >= 0.5:
        return ranking
    return Ranking(ranking.scores[::-1], ranking.positives[::-1], ranking.negatives[::-1])


def _strongest(
    x: NDArray[Any],
    y: NDArray[Any],
    names: list[str],
    strengths: list[float],
    rng: np.random.Generator,
    resamples: int,
) -> Metric:
    best = int(np.argmax(strengths))
    ranking = oriented(x[:, best], y)
    # Infinite places for missing values would spoil the means of merged scores.
    ranking = Ranking(np.arange(len(ranking.scores), 0, -1.0), ranking.positives, ranking.negatives)
    samples = bootstrap(ranking, {"auc": auc}, rng, resamples)["auc"]
    metric = resampled(
        "max_single_feature_auc", strengths[best], samples, len(y), events=ranking.events
    )
    return Metric(
        metric.name, metric.value, metric.low, metric.high, metric.n, metric.unit,
        metric.confidence, f"{metric.method}; the feature is {names[best]}",
    )  # fmt: skip


def _after_the_fact(
    names: list[str], strengths: list[float], words: tuple[str, ...]
) -> Iterator[Finding]:
    suspect = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    named = [(n, s) for n, s in zip(names, strengths, strict=True) if suspect.search(n)]
    for name, found in named:
        if found >= SUSPECT_AUC:
            yield Finding(
                f"{NAME}.after_the_fact",
                Outcome.FAIL,
                f"feature {name} speaks of what happens after a payment, and alone tells the "
                f"classes apart with an AUC of {found:.3f}",
                Severity.HIGH,
                where=name,
                fix="drop the feature, or show that it is known when a payment is judged",
                facts={"auc": found},
            )
    if not any(found >= SUSPECT_AUC for _, found in named):
        yield Finding(
            f"{NAME}.features",
            Outcome.PASS,
            f"none of {len(names)} features speaks of later events and knows the label",
            Severity.INFO,
        )


def _sampled(
    x: NDArray[Any], y: NDArray[Any], rows: int, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(y) <= rows:
        return x, y
    chosen = np.sort(rng.choice(len(y), rows, replace=False))
    return x[chosen], y[chosen]
