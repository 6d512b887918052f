"""Can an outsider tell who was in the training data?

**Threat.** Somebody who can score a person's row learns whether it was trained on: that a customer
defaulted, was a fraud victim, was a client at all (ATLAS AML.T0024.000).

**Method.** LiRA (Carlini et al., IEEE S&P 2022), online: members are rows of the training data,
non-members rows of the test data. Sixteen shadow models, made as the assessed model was, each train
on half of those rows, so that each row is seen by eight and unseen by eight; the rest of the
training data fills them up towards the size of the real training set. The score of a row is the
likelihood ratio of the assessed model's confidence between the two.

**Attacker's knowledge.** Scores; the kind of model and its settings; data like the training data,
here most of the training data itself. That is a strong attacker: what he cannot tell, a weaker one
cannot either, up to the number and size of the shadows.

**Figures.** `tpr@fpr=0.001` and `tpr@fpr=0.01`: members found when one in a thousand (hundred)
non-members is accused wrongly, which is what a leak is about; `auc` beside them, which hides it.
`recipe.*`: the same attack on the shadows, whose members are a random half. `shift_control.auc`:
how well the attack tells training rows from test rows on shadows for which they are *not*
members and non-members: far from .5 it says that the two data sets differ (in time, say) and that
part of `auc` may be that difference.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.attacks.membership import (
    Shadows,
    confidence,
    design,
    lira,
    lira_on_shadows,
)
from strongroom.assess.attacks.statistics import Estimate, Ranking, wilson
from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.retrain import Recipe, make, recipe_of
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "privacy.membership"
_REFERENCES: Final = ("ATLAS AML.T0024.000",)
_FPRS: Final = (0.001, 0.01)
_FEWEST: Final = 4
"""Shadows without which nothing is said."""
_ALIKE: Final = 1.1
"""A model trained on this many times a shadow's rows memorises about as much."""
_LEAST_LABELLED: Final = 8
"""Rows of each label that the pool must hold, so that both halves can be trained on."""


class MembershipSettings(Settings):
    """How many shadows, on how many rows, for how long."""

    shadows: int = Field(default=16, ge=4, le=512, multiple_of=2)
    """Shadow models; even."""
    max_rows: int = Field(default=8_000, ge=100)
    """Rows attacked: half members, half non-members."""
    shadow_rows: int = Field(default=20_000, ge=50)
    """Rows that one shadow trains on, at most. Shadows much smaller than the model miss leaks."""
    replicates: int = Field(default=1_000, ge=100, le=20_000)
    """Bootstrap replicates."""
    exposed: int = Field(default=10, ge=0, le=100)
    """How many of the most exposed training rows to name, by row number."""
    seconds: float = Field(default=120.0, gt=0)
    """Time for training shadows; those not trained by then are left out, and said so."""


@dataclass(frozen=True, slots=True)
class _Pool:
    """The attacked rows, members first, and what fills the shadows up."""

    x: Floats
    y: NDArray[np.int8]
    members: int
    rows: NDArray[np.int64]
    """Row numbers of the members in the training data."""
    filler: NDArray[np.int64]
    """Row numbers of training rows that are not attacked."""
    fill: int
    """How many of the filler each shadow gets."""

    @property
    def training_rows(self) -> int:
        """Rows that the assessed model was trained on."""
        return len(self.rows) + len(self.filler)

    @property
    def shadow_rows(self) -> int:
        """Rows that a shadow trains on."""
        return len(self.y) // 2 + self.fill


@check(
    "privacy.membership",
    version=1,
    title="Training rows cannot be told from rows never seen",
    needs=("model", "data.train", "data.test"),
    settings=MembershipSettings,
)
def membership(case: Case, settings: MembershipSettings) -> Iterator[Said]:
    """Attack the model with shadows made by its own recipe."""
    pool = _draw(case, settings)
    if isinstance(pool, Finding):
        yield pool
        return
    recipe = recipe_of(case.scorer)
    shadows = _train(case, pool, recipe, settings)
    trained = len(shadows.inside)
    if trained < _FEWEST:
        yield _unknown(
            "out_of_time",
            f"{trained} of {settings.shadows} shadow models trained in {settings.seconds:g} s",
            fix="give it more seconds, or fewer shadow_rows",
        )
        return
    target = confidence(case.scorer.score(pool.x), pool.y)
    scores = lira(target, shadows)
    found = Ranking.of(scores[: pool.members], scores[pool.members :])
    yield from _figures("", found, case.rng(f"{_RULE}.bootstrap"), settings)
    yield _roc("roc", found)
    yield from _controls(pool, shadows)
    yield Metric.exact("shadows", trained, trained)
    yield _measured(pool, recipe, found, scores, settings)


def _draw(case: Case, settings: MembershipSettings) -> _Pool | Finding:
    train, test = case.features("data.train"), case.features("data.test")
    half = min(len(train), len(test), settings.max_rows // 2)
    rng = case.rng(f"{_RULE}.rows")
    order = rng.permutation(len(train))
    rows, others = order[:half], rng.permutation(len(test))[:half]
    y = np.concatenate([case.labels("data.train")[rows], case.labels("data.test")[others]])
    rarest = int(np.bincount(y, minlength=2).min())
    if rarest < _LEAST_LABELLED:
        return _unknown(
            "too_few_rows",
            f"{len(y)} rows to attack, {rarest} of the rarer label: {_LEAST_LABELLED} are needed",
            fix="raise max_rows, or test on more rows",
        )
    wanted = min(len(train), settings.shadow_rows) - half
    return _Pool(
        x=np.concatenate([train[rows], test[others]]),
        y=y,
        members=half,
        rows=rows,
        filler=order[half:],
        fill=max(0, min(wanted, len(train) - half)),
    )


def _train(case: Case, pool: _Pool, recipe: Recipe, settings: MembershipSettings) -> Shadows:
    """Train shadows in pairs until all are there or the time is up."""
    rng = case.rng(f"{_RULE}.shadows")
    inside = design(len(pool.y), settings.shadows, rng)
    x, y = case.features("data.train"), case.labels("data.train")
    deadline = time.monotonic() + settings.seconds
    confidences: list[Floats] = []
    for one, chosen in enumerate(inside):
        if one % 2 == 0 and time.monotonic() > deadline:
            break
        fill = rng.choice(pool.filler, pool.fill, replace=False)
        shadow = make(
            recipe,
            np.concatenate([pool.x[chosen], x[fill]]),
            np.concatenate([pool.y[chosen], y[fill]]),
            int(rng.integers(2**31)),
            threads=case.threads,
        )
        confidences.append(confidence(shadow.score(pool.x), pool.y))
        case.progress(one + 1, len(inside))
    empty = np.empty((0, len(pool.y)))
    return Shadows(np.array(confidences).reshape(-1, empty.shape[1]), inside[: len(confidences)])


def _figures(
    prefix: str, found: Ranking, rng: np.random.Generator, settings: MembershipSettings
) -> Iterator[Said]:
    areas, rates = found.bootstrap(rng, _FPRS, settings.replicates)
    method = f"bootstrap {settings.replicates}"
    auc = Estimate.of(found.auc(), areas)
    n = found.positives + found.negatives
    yield Metric(f"{prefix}auc", auc.value, auc.low, auc.high, n, method=method)
    for fpr, drawn in zip(_FPRS, rates, strict=True):
        name = f"{prefix}tpr@fpr={fpr:g}"
        if found.negatives * fpr < 1:
            yield _unknown(
                "too_few_non_members",
                f"{found.negatives} non-members cannot show {name}: {1 / fpr:.0f} are needed",
                fix="test on more rows, or raise max_rows",
            )
            continue
        rate = found.tpr_at(fpr)
        boot = Estimate.of(rate, drawn)
        # Where no member is found no replicate finds one: Wilson's interval knows better.
        share = wilson(round(rate * found.positives), found.positives)
        low, high = min(boot.low, share.low), max(boot.high, share.high)
        yield Metric(name, rate, low, high, found.positives, method=f"{method}, widened to Wilson")


def _controls(pool: _Pool, shadows: Shadows) -> Iterator[Said]:
    """The same attack where the truth is known: means over shadows, between the extremes."""
    scores = lira_on_shadows(shadows)
    origin = np.arange(len(pool.y)) < pool.members
    kinds: dict[str, NDArray[Any]] = {
        "recipe": shadows.inside,
        "shift_control": np.broadcast_to(origin, shadows.inside.shape),
    }
    for name, truth in kinds.items():
        ranked = [Ranking.of(s[t], s[~t]) for s, t in zip(scores, truth, strict=True)]
        yield _over(f"{name}.auc", [r.auc() for r in ranked], len(pool.y))
        for fpr in _FPRS:
            if min(r.negatives for r in ranked) * fpr >= 1:
                yield _over(f"{name}.tpr@fpr={fpr:g}", [r.tpr_at(fpr) for r in ranked], len(pool.y))
    pooled = Ranking.of(scores[shadows.inside], scores[~shadows.inside])
    yield _roc("roc of the recipe", pooled)


def _over(name: str, values: list[float], n: int) -> Metric:
    mean = float(np.mean(values))
    spread = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5
    low, high = max(0.0, mean - spread), min(1.0, mean + spread)
    return Metric(name, mean, low, high, n, method=f"mean of {len(values)} shadows")


def _roc(name: str, found: Ranking) -> Curve:
    """Log-spaced points: the left end is what matters."""
    fpr, tpr = found.curve()
    grid = np.unique(np.r_[0.0, np.geomspace(1 / found.negatives, 1, 100)])
    at = np.searchsorted(fpr, grid + 1e-12, side="right") - 1
    points = tuple((float(x), float(tpr[i])) for x, i in zip(grid, at, strict=True) if x > 0)
    return Curve(name, "false positive rate (log)", "true positive rate (log)", points)


def _measured(
    pool: _Pool, recipe: Recipe, found: Ranking, scores: Floats, settings: MembershipSettings
) -> Finding:
    """In words: how much leaks, by which shadows, and whose rows stick out."""
    small = (
        f" Shadows saw {pool.shadow_rows} rows where the model saw {pool.training_rows}: "
        "the leak may be larger."
    ) * (pool.training_rows > _ALIKE * pool.shadow_rows)
    ranked = scores[: pool.members].argsort()[::-1][: settings.exposed]
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"LiRA finds {found.tpr_at(0.01):.1%} of members when it accuses 1 % of non-members "
        f"wrongly (chance is 1 %); AUC {found.auc():.3f}. Shadows: {recipe.note}.{small}",
        Severity.INFO,
        facts={
            "members": found.positives,
            "non_members": found.negatives,
            "shadow_rows": pool.shadow_rows,
            "training_rows": pool.training_rows,
            "recipe": recipe.note,
            "most_exposed_training_rows": [int(row) for row in pool.rows[ranked]],
            "knowledge": "scores, the kind of model and its settings, most of the training data",
        },
        references=_REFERENCES,
    )


def _unknown(rule: str, message: str, *, fix: str | None = None) -> Finding:
    return Finding(
        f"{_RULE}.{rule}", Outcome.UNKNOWN, message, Severity.HIGH, fix=fix, references=_REFERENCES
    )
