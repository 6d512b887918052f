"""Can an outsider tell who was in the training data?

**Threat.** Somebody who can score a person's row learns whether it was trained on: that a customer
defaulted, was a fraud victim, was a client at all (ATLAS AML.T0024.000).

**Method.** LiRA (Carlini et al., IEEE S&P 2022), online: members are rows of the training data,
non-members rows of the test data. Sixteen shadow models, made as the assessed model was, each train
on half of those rows, so that each row is seen by eight and unseen by eight; the rest of the
training data fills them up towards the size of the real training set. The score of a row is the
likelihood ratio of the assessed model's confidence between the two. RMIA (Zarifzadeh et al., ICML
2024) works on the same shadows and costs nothing more: `rmia.*`. It sees what LiRA's Gaussians miss
in random forests, and the other way round; the larger of the two is the leak.

**Attacker's knowledge.** Scores; the kind of model and its settings; data like the training data,
here most of the training data itself. That is a strong attacker: what he cannot tell, a weaker one
cannot either, up to the number and size of the shadows.

**Figures.** `tpr@fpr=0.001` and `tpr@fpr=0.01`: members found when one in a thousand (hundred)
non-members is accused wrongly, which is what a leak is about; `auc` beside them, which hides it.
Test rows may differ from training rows by more than not being members, by being later for one:
`shift_control.auc` is how well the attack tells *unseen* training rows from test rows, on two
models trained on training rows only; away from .5 the first three figures mix leak and shift.
`recipe.*` is free of that: the same attack on each shadow, whose members are a random half.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.attacks.membership import Shadows, confidence, lira
from strongroom.assess.attacks.rmia import Attack, on_each, rmia
from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.privacy._shadows import MembershipSettings, Trainer, draw
from strongroom.assess.measures.intervals import wilson
from strongroom.assess.measures.ranking import (
    Measure,
    Ranking,
    auc,
    bootstrap,
    rank,
    recall_at,
    roc,
)
from strongroom.assess.retrain import recipe_of
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "privacy.membership"
_REFERENCES: Final = ("ATLAS AML.T0024.000",)
_ATTACKS: Final[dict[str, Attack]] = {"": lira, "rmia.": rmia}
"""By the prefix of their figures."""
_FPRS: Final = (0.001, 0.01)
_FEWEST: Final = 4
"""Shadows without which nothing is said."""
_ALIKE: Final = 1.1
"""A model trained on this many times a shadow's rows memorises about as much."""
_SHIFT: Final = 0.05
"""Distance of the control's AUC from .5 beyond which shift is called by its name."""


@check(
    "privacy.membership",
    version=1,
    title="Training rows cannot be told from rows never seen",
    needs=("model", "data.train", "data.test"),
    settings=MembershipSettings,
)
def membership(case: Case, settings: MembershipSettings) -> Iterator[Said]:
    """Attack the model with shadows made by its own recipe."""
    pool = draw(case, settings)
    trainer = Trainer(case, pool, recipe_of(case.scorer))
    shadows = trainer.shadows(settings)
    trained = len(shadows.inside)
    if trained < _FEWEST:
        yield _unknown(
            "out_of_time",
            f"{trained} of {settings.shadows} shadow models trained in {settings.seconds:g} s",
            fix="give it more seconds, or fewer shadow_rows",
        )
        return
    target = confidence(case.scorer.score(pool.x), pool.y)
    scores = {prefix: attack(target, shadows) for prefix, attack in _ATTACKS.items()}
    found = {prefix: rank(pool.is_member, s) for prefix, s in scores.items()}
    yield Metric.exact("shadows", trained, trained)
    for prefix, attack in _ATTACKS.items():
        rng = case.rng(f"{_RULE}.{prefix}bootstrap")
        yield from _figures(found[prefix], rng, settings, prefix)
        yield _curve(f"{prefix}roc", found[prefix])
        yield from _recipe(shadows, attack, prefix)
    shift = _shift(trainer, shadows, settings)
    yield shift
    yield _measured(trainer, found, scores, shift, settings)


def _figures(
    found: Ranking, rng: np.random.Generator, settings: MembershipSettings, prefix: str
) -> Iterator[Said]:
    rates = {f"tpr@fpr={fpr:g}": (fpr, recall_at(fpr)) for fpr in _FPRS}
    drawn = bootstrap(
        found, {"auc": auc, **{k: m for k, (_, m) in rates.items()}}, rng, settings.replicates
    )
    method = f"bootstrap {settings.replicates}"
    yield _between(f"{prefix}auc", _value(auc, found), drawn["auc"], found.n, method)
    members, others = int(found.positives.sum()), int(found.negatives.sum())
    for name, (fpr, measure) in rates.items():
        if others * fpr < 1:
            if prefix:  # Said once.
                continue
            yield _unknown(
                "too_few_non_members",
                f"{others} non-members cannot show {name}: {1 / fpr:.0f} are needed",
                fix="test on more rows, or raise max_rows",
            )
            continue
        value = _value(measure, found)
        # Where no member is found no replicate finds one: Wilson's interval knows better.
        replicates = np.r_[
            np.quantile(drawn[name], [0.025, 0.975]), wilson(value * members, members)
        ]
        low, high = float(replicates.min()), float(replicates.max())
        yield Metric(
            prefix + name, value, low, high, members, method=f"{method}, widened to Wilson's"
        )


def _recipe(shadows: Shadows, attack: Attack, prefix: str) -> Iterator[Said]:
    """The same attack on each shadow: mean over shadows, with the spread of that mean."""
    scores = on_each(attack, shadows)
    ranked = [rank(inside, s) for s, inside in zip(scores, shadows.inside, strict=True)]
    others = int(ranked[0].negatives.sum())
    rates = {f"tpr@fpr={fpr:g}": recall_at(fpr) for fpr in _FPRS if fpr * others >= 1}
    for name, measure in {"auc": auc, **rates}.items():
        values = [_value(measure, one) for one in ranked]
        mean = float(np.mean(values))
        spread = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5
        low, high = max(0.0, mean - spread), min(1.0, mean + spread)
        method = f"mean of {len(values)} shadows"
        yield Metric(f"recipe.{prefix}{name}", mean, low, high, ranked[0].n, method=method)
    yield _curve(f"{prefix}roc of the recipe", rank(shadows.inside.ravel(), scores.ravel()))


def _shift(trainer: Trainer, shadows: Shadows, settings: MembershipSettings) -> Metric:
    """Unseen training rows against test rows, on two models that saw neither."""
    pool, rng = trainer.pool, trainer.case.rng(f"{_RULE}.shift")
    member = pool.is_member
    half = np.arange(len(pool.y)) < pool.members // 2
    fill = min(len(pool.filler), pool.shadow_rows - pool.members // 2)
    scores, unseen = [], []
    for chosen in (half, member & ~half):
        made = lira(trainer.confidence_of_one(chosen, fill, rng), shadows)
        scores.append(made[~chosen])
        unseen.append(member[~chosen])
    found = rank(np.concatenate(unseen), np.concatenate(scores))
    drawn = bootstrap(found, {"auc": auc}, rng, settings.replicates)["auc"]
    method = f"bootstrap {settings.replicates}"
    return _between("shift_control.auc", _value(auc, found), drawn, found.n, method)


def _value(measure: Measure, found: Ranking) -> float:
    return float(measure(found.positives, found.negatives))


def _between(name: str, value: float, drawn: Floats, n: int, method: str) -> Metric:
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    return Metric(name, value, min(value, low), max(value, high), n, method=method)


def _curve(name: str, found: Ranking) -> Curve:
    """Log-spaced points: the left end is what matters."""
    rates = np.geomspace(1 / found.negatives.sum(), 1, 100)
    points = zip(rates.tolist(), roc(rates)(found.positives, found.negatives).tolist(), strict=True)
    return Curve(name, "false positive rate (log)", "true positive rate (log)", tuple(points))


def _measured(
    trainer: Trainer,
    found: Mapping[str, Ranking],
    scores: Mapping[str, Floats],
    shift: Metric,
    settings: MembershipSettings,
) -> Finding:
    """In words: how much leaks, by which shadows, and whose rows stick out."""
    pool, note = trainer.pool, trainer.recipe.note
    lira_rate, rmia_rate = (_value(recall_at(0.01), found[prefix]) for prefix in _ATTACKS)
    text = (
        f"LiRA finds {lira_rate:.1%} of members and RMIA {rmia_rate:.1%} when they accuse 1 % of "
        f"non-members wrongly (chance is 1 %); AUC {_value(auc, found['']):.3f} and "
        f"{_value(auc, found['rmia.']):.3f}. Shadows: {note}."
    )
    if trainer.recipe.family != trainer.case.scorer.family:
        text += " Shadows of another kind than the model miss leaks: the leak may be larger."
    if pool.training_rows > _ALIKE * pool.shadow_rows:
        text += (
            f" Shadows saw {pool.shadow_rows} rows where the model saw {pool.training_rows}: the "
            "leak may be larger."
        )
    if abs(shift.value - 0.5) > _SHIFT:
        text += (
            f" Test rows differ from unseen training rows (control AUC {shift.value:.2f}): "
            "rely on recipe.*"
        )
    exposed = {
        prefix: [
            int(row) for row in pool.rows[s[: pool.members].argsort()[::-1]][: settings.exposed]
        ]
        for prefix, s in scores.items()
    }
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        text,
        Severity.INFO,
        facts={
            "members": pool.members,
            "non_members": len(pool.y) - pool.members,
            "shadow_rows": pool.shadow_rows,
            "training_rows": pool.training_rows,
            "recipe": note,
            "most_exposed_training_rows": exposed[""],
            "most_exposed_by_rmia": exposed["rmia."],
            "knowledge": "scores, the kind of model and its settings, most of the training data",
        },
        references=_REFERENCES,
    )


def _unknown(rule: str, message: str, *, fix: str | None = None) -> Finding:
    return Finding(
        f"{_RULE}.{rule}", Outcome.UNKNOWN, message, Severity.HIGH, fix=fix, references=_REFERENCES
    )
