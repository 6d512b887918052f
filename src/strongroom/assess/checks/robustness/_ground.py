"""Who attacks, with what budget, and what the attack starts from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.attacks.attack import Attack, Budget, candidates
from strongroom.assess.attacks.constraints import Floats, enforceable, space_of
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.case import Case
from strongroom.assess.check import Settings
from strongroom.domain.errors import InputError
from strongroom.governance.manifest import Feature, Profile
from strongroom.governance.relations import Relation, parse_relation

PROFILES: Final[tuple[Profile, ...]] = ("payer", "merchant", "mule", "insider")
_AMOUNT: Final = re.compile(r"(?:^|[^a-z])(?:amount|amt)[0-9]*$", re.IGNORECASE)


class EvasionSettings(Settings):
    """Who attacks, and with what budget."""

    profiles: tuple[Profile, ...] | None = None
    """Attackers to try; by default every one that can set some feature."""
    threshold: float | None = None
    """Scores at or above it are detected; by default set from `target_fpr`."""
    target_fpr: float = Field(default=0.01, gt=0, lt=1)
    """False positive rate on the test data at which the threshold is set."""
    max_changes: int = Field(default=2, ge=1, le=20)
    """The default budget: columns that may be changed in one row."""
    curve_changes: int = Field(default=4, ge=1, le=20)
    """How far the robustness curve goes."""
    max_cost: float | None = Field(default=None, ge=0)
    """Sum of the features' declared costs that may be spent on one row; unlimited by default."""
    amounts: tuple[str, ...] | None = None
    """Amount-like features; by default numbers whose name ends in `amount` or `amt`."""
    amount_change: float | None = Field(default=0.10, gt=0)
    """Largest relative change of amount-like features; null for no limit but their range."""
    max_rows: int = Field(default=400, ge=1)
    """Detected rows to attack, drawn at random."""
    values_per_field: int = Field(default=16, ge=2, le=200)
    """Values tried in each numeric column: quantiles of ordinary rows."""
    beam: int = Field(default=4, ge=1, le=100)
    """Partial solutions kept after each change; 1 is plain greedy."""
    queries_per_row: int = Field(default=5_000, ge=1)
    """Rows that may be scored on behalf of one row."""
    seconds: float = Field(default=60.0, gt=0)
    """Time for all attacks; rows not reached by then are left out, and said so."""


def detected_rows(case: Case, settings: EvasionSettings) -> tuple[float, NDArray[np.intp]]:
    """The threshold that the settings name or imply, and the rows of label 1 at or above it."""
    labels = case.labels("data.test")
    scores = case.scorer.score(case.features("data.test"))
    threshold = settings.threshold
    if threshold is None:
        threshold = threshold_at_fpr(scores, labels, settings.target_fpr)
    return threshold, np.flatnonzero((labels == 1) & (scores >= threshold))


@dataclass(frozen=True, slots=True)
class Ground:
    """What every profile's attack starts from."""

    features: tuple[Feature, ...]
    levels: dict[str, Floats]
    ties: tuple[Relation, ...]
    one_hot: tuple[tuple[str, ...], ...]
    amounts: tuple[str, ...]
    ordinary: Floats
    """Rows of label 0."""
    attacked: Floats
    """Detected rows of label 1, in random order."""
    broken: int
    """Detected rows that break a relation or a one-hot group as they are, and are not attacked."""
    score: Callable[[Floats], Floats]
    threshold: float

    def reach(self, limit: float | None) -> dict[str, float]:
        """Relative bounds on amounts; None for none."""
        return {} if limit is None else dict.fromkeys(self.amounts, limit)

    def attack(
        self, profile: str, budget: Budget, reach: float | None, settings: EvasionSettings
    ) -> Attack:
        """The whole attack, or the one on amounts alone where `reach` is given."""
        limit = settings.amount_change if reach is None else reach
        space = space_of(
            self.features,
            profile,
            levels=self.levels,
            reach=self.reach(limit),
            ties=self.ties,
            one_hot=self.one_hot,
            only=None if reach is None else self.amounts,
        )
        grids = candidates(space.columns, self.ordinary, settings.values_per_field)
        return Attack(self.score, self.threshold, space, grids, budget)


def profiles_of(case: Case, settings: EvasionSettings) -> tuple[Profile, ...]:
    """The attackers that were asked for and can set some feature."""
    able = {name for feature in case.schema.features for name in feature.mutable_by}
    return tuple(p for p in settings.profiles or PROFILES if p in able)


def prepare(
    case: Case, settings: EvasionSettings, detected: NDArray[np.int64], threshold: float
) -> Ground:
    """Draw the rows to attack from `detected`, row numbers of the test data."""
    features = case.schema.features
    names = [feature.name for feature in features]
    ties = enforceable([parse_relation(text) for text in case.schema.relations], names)
    x = case.features("data.test")
    order = case.rng("robustness.evasion_budget").permutation(detected)
    view = {name: x[order, i] for i, name in enumerate(names)}
    sound = np.ones(len(order), dtype=bool)
    for tie in ties:
        sound &= np.broadcast_to(tie.evaluate(view), len(order))
    for group in case.schema.one_hot:
        sound &= np.sum([view[name] for name in group], axis=0) == 1
    return Ground(
        features=features,
        levels=_levels(case, x),
        ties=ties,
        one_hot=case.schema.one_hot,
        amounts=_amounts(features, settings),
        ordinary=x[case.labels("data.test") == 0],
        attacked=x[order[sound][: settings.max_rows]],
        broken=int((~sound).sum()),
        score=case.scorer.score,
        threshold=threshold,
    )


def _amounts(features: tuple[Feature, ...], settings: EvasionSettings) -> tuple[str, ...]:
    numbers = tuple(f.name for f in features if f.type in {"float", "int"})
    if settings.amounts is None:
        return tuple(name for name in numbers if _AMOUNT.search(name))
    if unknown := set(settings.amounts) - set(numbers):
        raise InputError(
            f"amounts names {', '.join(sorted(unknown))}, no number among the features",
            where="settings.robustness.evasion_budget.amounts",
        )
    return settings.amounts


def _levels(case: Case, x: Floats) -> dict[str, Floats]:
    """What categories look like to the model: their number, or their place among the declared."""
    frame, made = case.frame("data.test"), {}
    for index, feature in enumerate(case.schema.features):
        if feature.type != "category":
            continue
        if feature.categories is None:
            levels = np.unique(x[np.isfinite(x[:, index]), index])
        elif frame[feature.name].dtype.is_numeric():
            levels = np.array([float(c) for c in feature.categories])
        else:
            levels = np.arange(len(feature.categories), dtype=np.float64)
        made[feature.name] = levels
    return made
