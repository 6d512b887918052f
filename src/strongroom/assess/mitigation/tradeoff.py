"""Each way tried on the same rows, and what it costs.

| method | what it changes | strength |
|---|---|---|
| as it is | nothing | |
| reweighing | rows count until label and group are independent | 0 … 1 |
| exponentiated gradient | learns under a bound on the gap | the bound |
| own thresholds | a threshold for each group, chosen afterwards | |

Sources: Kamiran and Calders, Knowledge and Information Systems 33 (2012); Agarwal and others, ICML
2018; Hardt, Price and Srebro, NeurIPS 2016. The last two are fairlearn's. The first three decide
without knowing anybody's group. *Own thresholds* treats people of different groups differently by
rule; for credit in the United States, where the group is a prohibited basis, that is what 12 CFR
1002.4(a) forbids. It is shown as the end of the scale, not as advice.

The learner is any function from rows and labels to a model, as in `attacks.hardening`, so weights
cannot be handed to it: rows are drawn in proportion to their weight instead (Zadrozny, Langford and
Abe, ICDM 2003). Thresholds are set on training rows that were held back, figures are of test rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from strongroom.assess.measures.groups import Bools, Cells, Estimate, Floats, Least, measure
from strongroom.assess.measures.ranking import auc, rank
from strongroom.assess.mitigation.methods import (
    Aim,
    Fit,
    Learner,
    Model,
    People,
    Rate,
    drawn,
    gradient,
    own_thresholds,
    reweighing,
)
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make even, and where decisions are made."""

    rate: Rate = "selection"
    """Rows flagged, or label 1 caught."""
    flag_share: float = 0.1
    """Rows flagged, where a method leaves the choice."""
    strengths: tuple[float, ...] = (0.5, 1.0)
    """Of reweighing."""
    bounds: tuple[float, ...] = (0.1, 0.02)
    """Gaps that the exponentiated gradient may leave in training."""
    rounds: int = 10
    """Models that it trains for each bound, at most."""
    hold: float = 0.3
    """Share of the training rows that thresholds are set on."""
    declined_share: float = 0.02
    """What declining a good row costs, as a share of its money: our proposal."""
    missed_share: float = 1.0
    """What is lost of a missed one."""
    least: Least = field(default_factory=Least)
    """Smaller groups are not compared."""
    replicates: int = 1_000
    """Bootstrap of the gap."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One way, judged on the test rows."""

    method: str
    strength: float | None
    auc: float
    """Of the score; of the exponentiated gradient, of the chance to be flagged."""
    flagged: float
    gap: Estimate
    """Between the groups that differ most, in the plan's rate."""
    cost: float
    """Of errors, for each unit of money in the rows."""
    by_group: bool
    """Whether it must know somebody's group to decide."""


def mitigate(
    fit: Fit, train: People, test: People, plan: Plan, rng: np.random.Generator
) -> Iterator[Tried]:
    """Each way in turn; the model as it is comes first.

    Raises InputError where a table has one class, or fewer than two groups are large enough.
    """
    for people in (train, test):
        if len(np.unique(people.y)) < 2:
            raise InputError("mitigation needs rows of both classes, in training and test")
        if len(np.unique(people.group)) < 2:
            raise InputError("mitigation needs rows of two groups, in training and test")
    order = rng.permutation(len(train.y))
    cut = int(len(order) * plan.hold)
    held, taught = train.only(order[:cut]), train.only(order[cut:])
    base = fit(taught.x, taught.y)
    threshold = _threshold(base, held, plan)
    yield _scored("as it is", None, base, threshold, test, plan, rng)
    for strength in plan.strengths:
        chosen = drawn(reweighing(taught.group, taught.y, strength), rng)
        model = fit(taught.x[chosen], taught.y[chosen])
        at = _threshold(model, held, plan)
        yield _scored("reweighing", strength, model, at, test, plan, rng)
    for bound in plan.bounds:
        chance = gradient(
            Learner(fit, int(rng.integers(2**31))),
            taught,
            test,
            Aim(plan.rate, bound, threshold),
            plan.rounds,
        )
        flagged = rng.random(len(chance)) < chance
        yield _judged("exponentiated gradient", bound, chance, flagged, test, plan, rng)
    flagged = own_thresholds(base, held, test, plan.rate, rng)
    yield _judged("own thresholds", None, base.score(test.x), flagged, test, plan, rng)


def table(tried: Iterable[Tried]) -> str:
    """As Markdown, for people."""
    lines = ["| method | strength | AUC | flagged | gap | cost | knows the group |"]
    lines.append("|---|---:|---:|---:|---|---:|---|")
    for one in tried:
        strength = "" if one.strength is None else f"{one.strength:g}"
        gap = f"{one.gap.value:.3f} [{one.gap.low:.3f}, {one.gap.high:.3f}]"
        lines.append(
            f"| {one.method} | {strength} | {one.auc:.3f} | {one.flagged:.1%} | {gap} "
            f"| {one.cost:.4f} | {'**yes**' if one.by_group else 'no'} |"
        )
    return "\n".join(lines)


def curves(tried: Iterable[Tried]) -> tuple[Curve, ...]:
    """The trade-off of each method as evidence has curves: AUC and cost over the gap."""
    by_method: dict[str, list[Tried]] = {}
    for one in tried:
        by_method.setdefault(one.method, []).append(one)
    return tuple(
        Curve(
            f"{label}, {method}",
            "gap between groups",
            label,
            tuple((one.gap.value, value(one)) for one in sorted(some, key=lambda t: t.gap.value)),
        )
        for label, value in _AXES
        for method, some in by_method.items()
    )


_AXES: Final[tuple[tuple[str, Callable[[Tried], float]], ...]] = (
    ("AUC", lambda one: one.auc),
    ("cost for a unit of money", lambda one: one.cost),
)


def _threshold(model: Model, held: People, plan: Plan) -> float:
    return float(np.quantile(model.score(held.x), 1 - plan.flag_share, method="higher"))


def _scored(
    method: str,
    strength: float | None,
    model: Model,
    threshold: float,
    test: People,
    plan: Plan,
    rng: np.random.Generator,
) -> Tried:
    scores = model.score(test.x)
    return _judged(method, strength, scores, scores >= threshold, test, plan, rng)


def _judged(
    method: str,
    strength: float | None,
    scores: Floats,
    flagged: Bools,
    test: People,
    plan: Plan,
    rng: np.random.Generator,
) -> Tried:
    cells = Cells.of(test.group, test.y, flagged, int(test.group.max()) + 1)
    found = measure(cells, cells.redraw(rng, plan.replicates), plan.least)
    if plan.rate not in found.between:
        raise InputError(
            f"fewer than two groups of the test rows are large enough to compare {plan.rate}",
            fix="test on more rows",
        )
    money = np.ones(len(test.y)) if test.money is None else test.money
    wrong, missed = flagged & (test.y == 0), ~flagged & (test.y == 1)
    cost = plan.declined_share * money[wrong].sum() + plan.missed_share * money[missed].sum()
    ranked = rank(test.y, scores)
    return Tried(
        method,
        strength,
        float(auc(ranked.positives, ranked.negatives)),
        float(flagged.mean()),
        found.between[plan.rate].gap,
        float(cost / money.sum()),
        method == "own thresholds",
    )
