"""How good a copy of the model does a given number of questions buy?

**Threat.** Somebody who may ask for scores, a customer, a partner, a stolen key, trains his own
model on the answers: to try frauds in private until one passes, or to sell what he did not build
(ATLAS AML.T0024.002, OWASP ML05).

**Method.** Copies (gradient boosting, whatever the victim is) are made with growing budgets, from
scores or from flags alone, with four sorts of questions: rows like the real ones
(`in_distribution`), columns drawn one by one (`marginal`), values anywhere in their range
(`uniform`), and those that the last copy was least sure of (`active`). Copies are judged on rows
that the thief never had.

**Attacker's knowledge.** Half of the test rows without labels, the order of the features; neither
the kind of model nor its training data.

**Figures.** `f1[answers,inputs,budget]` on the flagged class, `auc_ratio[…]` of the copy over the
victim, and `agreement[…]`, which is near 1 for a copy that flags nothing. `f1`, `auc_ratio` and
`agreement` are those of the best theft within the reference budget. `days[budget]` and
`cost[budget]` are what it takes at the endpoint's rate limit and price. `defence.f1[…]` is the
same theft when the endpoint rounds, adds noise, answers by flags only (`top1`), or allows no more
than the smallest budget; `defence.auc[…]` is what the honest user has left of the victim's AUC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from strongroom.assess.attacks.extraction import Likeness, plain_auc
from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.robustness._thefts import (
    ExtractionSettings,
    Scene,
    Theft,
    scene_of,
    thefts,
    told_by,
)
from strongroom.assess.measures.intervals import FEW, resampled
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "robustness.extraction"
_REFERENCES: Final = ("ATLAS AML.T0024.002", "OWASP ML05:2023")
_FEWEST: Final = 5
"""Flagged rows without which no F1 is stated."""
_NAMES: Final = ("f1", "auc_ratio", "agreement")
_DAY: Final = 24 * 60
"""Minutes."""
Made = Mapping[Theft, Likeness]


@check(
    "robustness.extraction",
    version=1,
    title="Asking the model does not buy a good copy of it",
    needs=("model", "data.test"),
    settings=ExtractionSettings,
)
def extraction(case: Case, settings: ExtractionSettings) -> Iterator[Said]:
    """Steal it with growing budgets; then see what defences would have bought."""
    scene = scene_of(case, settings)
    if scene.flagged < _FEWEST or len(np.unique(scene.y)) < 2:
        yield _unknown(
            "nothing_to_copy",
            f"{scene.flagged} of {len(scene.y)} compared rows are flagged, {_FEWEST} and both "
            "labels are needed",
            fix="test on more rows, or raise target_fpr",
        )
        return
    made: dict[Theft, Likeness] = {}
    for theft, like in thefts(scene):
        made[theft] = like
        yield from _figures(like, scene, f"[{theft}]")
    planned = len(settings.answers) * len(settings.inputs) * len(set(settings.budgets))
    if len(made) < planned:
        yield _unknown(
            "out_of_time",
            f"{len(made)} of {planned} thefts were tried in {settings.seconds:g} s",
            fix="give it more seconds, or fewer budgets",
        )
    within = {t: m for t, m in made.items() if t.budget <= settings.reference_budget}
    if not within:
        yield _unknown("no_reference", "no theft within the reference budget was tried")
        return
    best = max(within, key=lambda theft: within[theft].f1)
    yield from _figures(made[best], scene, "")
    yield from _costs(settings)
    yield from _defences(scene, best)
    yield from _curves(made, scene)
    yield _measured(made, best, scene)


def _figures(like: Likeness, scene: Scene, suffix: str) -> Iterator[Metric]:
    values = (like.f1, like.auc_ratio, like.agreement)
    for column, (name, value) in enumerate(zip(_NAMES, values, strict=True)):
        if np.isfinite(value):
            samples = like.drawn[:, column]
            # Where no replicate differs they say nothing: Wilson's interval knows better.
            events = scene.flagged if np.ptp(samples) else FEW - 1
            # AUC ratios may exceed 1, so only the proportions are widened for few events.
            yield resampled(
                name + suffix,
                value,
                samples,
                len(scene.y),
                events=events,
                bounded=name != "auc_ratio",
            )


def _costs(settings: ExtractionSettings) -> Iterator[Metric]:
    for budget in sorted(set(settings.budgets)):
        days = budget / (settings.queries_per_minute * _DAY)
        yield Metric.exact(f"days[{budget}]", days, budget, "days")
        if settings.price_per_query is not None:
            cost = budget * settings.price_per_query
            yield Metric.exact(f"cost[{budget}]", cost, budget, "money")


def _defences(scene: Scene, best: Theft) -> Iterator[Metric]:
    """The best theft again, against an endpoint that says less."""
    for name, answers in (("rounding", "rounding"), ("noise", "noise"), ("top1", "labels")):
        told = told_by(answers, scene)
        like = scene.steal(Theft(answers, best.inputs, best.budget), told)
        yield from _defence(name, like, scene)
        left = told(scene.victim, scene.case.rng(f"{_RULE}.{name}.left"))
        yield Metric.exact(f"defence.auc[{name}]", plain_auc(scene.y, left), len(scene.y))
    least = Theft(best.answers, best.inputs, min(scene.settings.budgets))
    yield from _defence("budget", scene.steal(least, told_by(best.answers, scene)), scene)
    yield Metric.exact("defence.auc[none]", plain_auc(scene.y, scene.victim), len(scene.y))


def _defence(name: str, like: Likeness, scene: Scene) -> Iterator[Metric]:
    if np.isfinite(like.f1):
        samples = like.drawn[:, 0]
        n, events = len(scene.y), scene.flagged
        yield resampled(f"defence.f1[{name}]", like.f1, samples, n, events=events)


def _curves(made: Made, scene: Scene) -> Iterator[Curve]:
    for answers in scene.settings.answers:
        for inputs in scene.settings.inputs:
            line = [
                (t.budget, m) for t, m in made.items() if (t.answers, t.inputs) == (answers, inputs)
            ]
            figures = [next(_figures(m, scene, "")) for _, m in line if np.isfinite(m.f1)]
            if line and len(figures) == len(line):
                yield Curve(
                    f"stolen by {answers}, {inputs}",
                    "queries",
                    "F1 on the flagged class",
                    tuple((float(n), f.value) for (n, _), f in zip(line, figures, strict=True)),
                    tuple((f.low, f.high) for f in figures),
                )


def _measured(made: Made, best: Theft, scene: Scene) -> Finding:
    like, days = made[best], best.budget / (scene.settings.queries_per_minute * _DAY)
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"With {best.budget} queries ({days:.2g} days at {scene.settings.queries_per_minute:g} a "
        f"minute) the best of {len(made)} thefts, {best.inputs} questions answered by "
        f"{best.answers}, flags what the model flags with F1 {like.f1:.2f} and ranks "
        f"{like.auc_ratio:.1%} as well (agreement {like.agreement:.1%}, which means little).",
        Severity.INFO,
        facts={
            "compared_rows": len(scene.y),
            "flagged": scene.flagged,
            "thiefs_rows": len(scene.own.rows),
            "queries": sum(theft.budget for theft in made),
            "knowledge": "rows without labels, the order of the features; not the kind of model",
        },
        references=_REFERENCES,
    )


def _unknown(rule: str, message: str, *, fix: str | None = None) -> Finding:
    return Finding(
        f"{_RULE}.{rule}", Outcome.UNKNOWN, message, Severity.HIGH, fix=fix, references=_REFERENCES
    )
