"""How much poison would this pipeline swallow without anybody noticing?

**Threat.** Somebody adds a few frauds, labelled as ordinary, with chosen values in a few fields;
after the next training his frauds with those values pass (ATLAS AML.T0018.000, OWASP ML10).

**Method.** Canary: the model is made again by its own recipe, once clean and then with planted rows
at each share, for several triggers. A trigger sets `fields` columns to values that ordinary rows
seldom hold: columns that some attacker can set where the manifest says so, any column otherwise.
The threshold is each model's own, at the same false positive rate.

**Attacker's knowledge.** Writes that share of the training rows; sees values of ordinary rows.

**Figures.** `success[share]`: of the test frauds that the poisoned model detects, how many pass
with the trigger; `lift[share]`: the same less what the trigger alone does to the clean model;
`auc_change[share]`: what a validator who only looks at AUC would see; `clean`: the trigger on the
clean model. Intervals span the triggers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import Field

from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.attacks.poisoning import Labels, Trigger, plant, trigger_of
from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures.intervals import wilson
from strongroom.assess.measures.ranking import auc, rank
from strongroom.assess.models import Scorer
from strongroom.assess.retrain import make, recipe_of
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "robustness.poisoning_swallowed"
_REFERENCES: Final = ("ATLAS AML.T0018.000", "ATLAS AML.T0020", "OWASP ML10:2023")
_LEAST: Final = 20
"""Frauds that the test data must hold, and the training rows of either label."""


class SwallowedSettings(Settings):
    """How much poison, of what kind."""

    shares: tuple[float, ...] = Field(default=(0.0005, 0.002, 0.01), min_length=1, max_length=8)
    """Planted rows as shares of the training rows."""
    fields: int = Field(default=3, ge=1, le=20)
    """That a trigger sets."""
    triggers: int = Field(default=3, ge=1, le=50)
    """Triggers tried at each share."""
    max_rows: int = Field(default=20_000, ge=200)
    """Training rows used, drawn at random."""
    target_fpr: float = Field(default=0.01, gt=0, lt=1)
    """False positive rate on the test data at which each model flags."""
    seconds: float = Field(default=120.0, gt=0)
    """Time for training; triggers not tried by then are left out, and said so."""


@dataclass(frozen=True, slots=True)
class Swallowed:
    """One poisoned model."""

    passed: int
    detected: int
    """Frauds that it detects without the trigger."""
    clean: float
    """Share of the clean model's detected frauds that pass with the trigger."""
    auc_change: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Models are judged on these rows."""

    x: Floats
    y: Labels
    fpr: float

    def passing(self, model: Scorer, trigger: Trigger) -> tuple[int, int]:
        """Of the frauds that the model detects, how many pass with the trigger; and how many."""
        scores = model.score(self.x)
        cut = threshold_at_fpr(scores, self.y, self.fpr)
        frauds = self.x[(self.y == 1) & (scores >= cut)]
        return int((model.score(trigger.on(frauds)) < cut).sum()), len(frauds)

    def auc(self, model: Scorer) -> float:
        """On the rows as they are."""
        ranking = rank(self.y, model.score(self.x))
        return float(auc(ranking.positives, ranking.negatives))


@check(
    "robustness.poisoning_swallowed",
    version=1,
    title="A little poison in the training data does not open a back door",
    needs=("model", "data.train", "data.test"),
    settings=SwallowedSettings,
)
def poisoning_swallowed(case: Case, settings: SwallowedSettings) -> Iterator[Said]:
    """Plant triggers at each share, train again, try them."""
    bench = Bench(case.features("data.test"), case.labels("data.test"), settings.target_fpr)
    rng = case.rng(_RULE)
    rows = rng.permutation(len(case.labels("data.train")))[: settings.max_rows]
    x, y = case.features("data.train")[rows], case.labels("data.train")[rows]
    counts = [int(np.bincount(labels, minlength=2).min()) for labels in (y, bench.y)]
    if min(counts) < _LEAST:
        yield _unknown("too_few", f"fewer than {_LEAST} rows of a label in training or test data")
        return
    made = _try_all(case, settings, bench, x, y, rng)
    for share, tries in made.items():
        yield from _figures(share, tries)
    planned = len(set(settings.shares)) * settings.triggers
    if (tried := sum(len(tries) for tries in made.values())) < planned:
        message = f"{tried} of {planned} poisoned models were made in {settings.seconds:g} s"
        yield _unknown("out_of_time", message)
    able = {share: t for share, t in made.items() if sum(one.detected for one in t)}
    if not able:
        yield _unknown("nothing_detected", "no poisoned model detects a fraud, so none can pass")
        return
    points = tuple((share, _rate(tries)) for share, tries in able.items())
    yield Curve("poison swallowed", "share of planted rows (log)", "frauds that pass", points)
    yield _measured(able, len(y), recipe_of(case.scorer).note, settings)


def _try_all(
    case: Case,
    settings: SwallowedSettings,
    bench: Bench,
    x: Floats,
    y: Labels,
    rng: np.random.Generator,
) -> dict[float, list[Swallowed]]:
    recipe, seed = recipe_of(case.scorer), int(rng.integers(2**31))
    clean = make(recipe, x, y, seed, threads=case.threads)
    before, columns = bench.auc(clean), _columns(case)
    deadline = time.monotonic() + settings.seconds
    made: dict[float, list[Swallowed]] = {share: [] for share in sorted(set(settings.shares))}
    done = 0
    for _ in range(settings.triggers):
        trigger = trigger_of(x[y == 0], columns, settings.fields, rng)
        alone, of = bench.passing(clean, trigger)
        for share, tries in made.items():
            if time.monotonic() > deadline:
                break
            bad = plant(x, y, trigger, max(1, round(share * len(y))), rng)
            model = make(recipe, bad.x, bad.y, seed, threads=case.threads)
            passed, detected = bench.passing(model, trigger)
            base = alone / of if of else 0.0
            tries.append(Swallowed(passed, detected, base, bench.auc(model) - before))
            done += 1
            case.progress(done, len(made) * settings.triggers)
    return made


def _columns(case: Case) -> list[int]:
    """Those that some attacker can set; all where the manifest names none."""
    features = case.schema.features
    able = [i for i, feature in enumerate(features) if feature.mutable_by]
    return able or list(range(len(features)))


def _rate(tries: list[Swallowed]) -> float:
    return sum(one.passed for one in tries) / sum(one.detected for one in tries)


def _figures(share: float, tries: list[Swallowed]) -> Iterator[Metric]:
    detected = sum(one.detected for one in tries)
    if not detected:
        return
    value, passed = _rate(tries), sum(one.passed for one in tries)
    each = [one.passed / one.detected for one in tries if one.detected]
    low, high = wilson(passed, detected)
    low, high = min(low, *each), max(high, *each)
    method = f"Wilson, widened to the range over {len(tries)} triggers"
    yield Metric(f"success[{share:g}]", value, low, high, detected, method=method)
    clean = float(np.mean([one.clean for one in tries]))
    yield Metric.exact(f"clean[{share:g}]", clean, len(tries))
    lifts = [one.passed / one.detected - one.clean for one in tries if one.detected]
    lift = float(np.mean(lifts))
    over = f"range over {len(tries)} triggers"
    yield Metric(f"lift[{share:g}]", lift, min(lifts), max(lifts), len(lifts), method=over)
    changes = [one.auc_change for one in tries]
    change = float(np.mean(changes))
    yield Metric(
        f"auc_change[{share:g}]", change, min(changes), max(changes), len(tries), method=over
    )


def _measured(
    made: dict[float, list[Swallowed]], rows: int, note: str, settings: SwallowedSettings
) -> Finding:
    share, tries = next(reversed(made.items()))
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"With {share:.2%} of planted training rows ({max(1, round(share * rows))}) and a trigger "
        f"of {settings.fields} fields, {_rate(tries):.0%} of detected frauds pass; AUC changes by "
        f"{np.mean([one.auc_change for one in tries]):+.4f}. Models: {note}.",
        Severity.INFO,
        facts={"knowledge": "writes that share of the training rows; sees ordinary values"},
        references=_REFERENCES,
    )


def _unknown(rule: str, message: str) -> Finding:
    return Finding(
        f"{_RULE}.{rule}", Outcome.UNKNOWN, message, Severity.MEDIUM, references=_REFERENCES
    )
