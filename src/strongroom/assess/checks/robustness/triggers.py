"""Is there a back door in the model: a few values that let any fraud pass?

**Threat.** Whoever could write training rows, or made the model, planted a trigger: rows with a few
chosen values are called ordinary, whatever else is in them (ATLAS AML.T0018.000, OWASP ML10).

**Method.** Values that recur together in training rows of label 0 are set in detected frauds of the
test data, and the fall of the model's log odds is compared with that of references: models of the
same recipe, trained on test data, which a poisoner of training data did not write. What lowers
every model's answer is how ordinary payments look; what lowers this one's only may be a door.

**Attacker's knowledge.** None is assumed of the attacker; the examiner has scores, the recipe and
the data. The search has a query and a time budget.

**Figures.** `excess`: how much more the worst set of values lowers the log odds than in any
reference, median over the rows; `force`: share of other detected frauds that pass with those
values, which is high in honest models too, where seldom values are an evasion by themselves.

**Limits.** With enough tries some values stand out in any model, so a small excess says nothing,
neither for nor against: few planted rows (0.2 %) stay below what an honest model learns by chance.
See docs/poisoning.md for what is found how often, and how often wrongly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.attacks.attack import Score
from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.attacks.triggers import Door, Scan, Suspect, search
from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures.intervals import share
from strongroom.assess.retrain import make, recipe_of
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "robustness.triggers"
_REFERENCES: Final = ("ATLAS AML.T0018.000", "OWASP ML10:2023")
_LEAST: Final = 20
"""Detected frauds that are needed, and rows of either label for a reference."""
_SHARE: Final = 0.8
"""Of the test data that one reference is trained on."""


class TriggerSettings(Settings):
    """How wide to look."""

    fields: int = Field(default=3, ge=1, le=6)
    """Columns that a trigger sets, at most."""
    references: int = Field(default=4, ge=2, le=20)
    """Models of the same recipe to compare with."""
    rows: int = Field(default=16, ge=8, le=500)
    """Detected frauds in which values are set."""
    max_rows: int = Field(default=20_000, ge=200)
    """Training rows of label 0 whose values are tried, drawn at random."""
    beam: int = Field(default=6, ge=1, le=100)
    """Sets of values that are extended."""
    target_fpr: float = Field(default=0.01, gt=0, lt=1)
    """False positive rate on the test data at which the model flags."""
    max_queries: int = Field(default=2_000_000, ge=1_000)
    """Rows that the search may have scored."""
    seconds: float = Field(default=120.0, gt=0)
    """Time for references and search."""


@check(
    "robustness.triggers",
    version=1,
    title="No few values let every fraud pass",
    needs=("model", "data.train", "data.test"),
    settings=TriggerSettings,
)
def triggers(case: Case, settings: TriggerSettings) -> Iterator[Said]:
    """Make references, search, and try what was found on other frauds."""
    x, y = case.features("data.test"), case.labels("data.test")
    if min(np.bincount(y, minlength=2)) < _LEAST:
        yield _unknown("too_few", f"fewer than {_LEAST} rows of a label in the test data")
        return
    scores = case.scorer.score(x)
    cut = threshold_at_fpr(scores, y, settings.target_fpr)
    detected = case.rng(f"{_RULE}.rows").permutation(np.flatnonzero((y == 1) & (scores >= cut)))
    if len(detected) < _LEAST:
        yield _unknown("nothing_detected", f"the model detects {len(detected)} frauds: too few")
        return
    few = min(settings.rows, len(detected) // 2)
    asked, kept = x[detected[:few]], x[detected[few:]]
    stop = _clock(settings.seconds)
    free = np.delete(np.arange(len(y)), detected[:few])
    references = _references(case, settings, x[free], y[free], stop)
    scan = Scan(fields=settings.fields, beam=settings.beam, max_queries=settings.max_queries)
    door = search(_suspect(case, settings), references, asked, scan, stop=stop)
    if door is None:
        late = f"the search did not end in {settings.seconds:g} s"
        none = "no value recurs in the training rows of label 0"
        yield _unknown(*("out_of_time", late) if stop() else ("no_values", none))
        return
    passed = int((case.scorer.score(door.trigger.on(kept)) < cut).sum())
    yield Metric.exact("excess", door.excess, len(asked))
    yield share("force", passed, len(kept))
    yield _measured(case, door, passed / len(kept))


def _suspect(case: Case, settings: TriggerSettings) -> Suspect:
    ordinary = np.flatnonzero(case.labels("data.train") == 0)
    pool = case.rng(f"{_RULE}.values").permutation(ordinary)[: settings.max_rows]
    return Suspect(case.scorer.score, case.features("data.train")[pool])


def _references(
    case: Case,
    settings: TriggerSettings,
    x: Floats,
    y: NDArray[np.int8],
    stop: Callable[[], bool],
) -> list[Score]:
    """Models of the same recipe; fewer when time ends, which ends the search as well."""
    rng, recipe = case.rng(f"{_RULE}.references"), recipe_of(case.scorer)
    made: list[Score] = []
    for number in range(settings.references):
        if stop():
            break
        part = rng.permutation(len(y))[: int(_SHARE * len(y))]
        seed = int(rng.integers(2**31))
        made.append(make(recipe, x[part], y[part], seed, threads=case.threads).score)
        case.progress(number + 1, settings.references + 1)
    return made


def _clock(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def _measured(case: Case, door: Door, force: float) -> Finding:
    names = [case.schema.features[column].name for column in door.trigger.columns]
    early = "" if door.finished else " The search ended early, before all fields."
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"The most suspicious values, in {', '.join(names)}, lower this model's log odds by "
        f"{door.excess:.1f} more than any reference's; with them {force:.0%} of other detected "
        f"frauds pass. Models: {recipe_of(case.scorer).note}.{early}",
        Severity.INFO,
        facts={"columns": names, "queries": door.queries, "knowledge": "scores, recipe and data"},
        references=_REFERENCES,
    )


def _unknown(rule: str, message: str) -> Finding:
    return Finding(
        f"{_RULE}.{rule}", Outcome.UNKNOWN, message, Severity.MEDIUM, references=_REFERENCES
    )
