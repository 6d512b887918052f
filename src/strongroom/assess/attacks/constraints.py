"""What an attacker can make of a row: the schema, compiled for one profile and one budget.

A `Space` projects wished-for values to feasible ones, column by column, and recomputes or refuses
what relations between columns tie together. `validator.py` checks the same rules again and shares
no code with this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strongroom.governance import relations
from strongroom.governance.manifest import Feature
from strongroom.governance.relations import Expression, Relation

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

_DECIMALS: Final = 9
"""Snapped values are rounded to so many decimals: 57 × 0.01 is 0.57, not 0.5700000000000001."""
_SLACK: Final = 1e-9


def computed_by(relation: Relation) -> tuple[str, Expression] | None:
    """`total` and `net + fee` where the relation is `total == net + fee`, else None."""
    if relation.comparison != "==":
        return None
    for one, other in (relation.left, relation.right), (relation.right, relation.left):
        if isinstance(one, relations.Column):
            rest = Relation(relation.text, other, "==", other).columns
            return None if one.name in rest else (one.name, other)
    return None


@dataclass(frozen=True, slots=True)
class Column:
    """One column that the attacker sets."""

    index: int
    name: str
    low: float
    high: float
    step: float
    """Values are multiples of it; 0 for any value."""
    levels: Floats | None
    """The only values allowed, for categories and booleans; None for numbers."""
    direction: int
    """1 only up, -1 only down, 0 either."""
    reach: float
    """Largest change relative to the row's own value; infinite where not bounded."""
    cost: float

    def project(self, wished: Floats, origin: Floats) -> Floats:
        """The feasible value nearest to each wish; NaN where the row allows none.

        `wished` is (n, m), `origin` (n, 1): the row's own value. Bounds are met before and after
        snapping to the step.
        """
        if self.levels is not None:
            return self._to_levels(wished, origin)
        low = np.full_like(origin, self.low)
        high = np.full_like(origin, self.high)
        if np.isfinite(self.reach):
            low = np.fmax(low, origin - self.reach * np.abs(origin))
            high = np.fmin(high, origin + self.reach * np.abs(origin))
        if self.direction > 0:
            low = np.fmax(low, origin)
        if self.direction < 0:
            high = np.fmin(high, origin)
        value = np.clip(wished, low, high)
        if self.step > 0:
            first = np.ceil(low / self.step - _SLACK)
            last = np.floor(high / self.step + _SLACK)
            value = np.clip(np.round(value / self.step), first, last) * self.step
            value = np.where(first <= last, np.round(value, _DECIMALS), np.nan)
        unreachable = np.isnan(origin) & (self.direction != 0 or np.isfinite(self.reach))
        return np.where((low <= high) & ~unreachable, value, np.nan)

    def _to_levels(self, wished: Floats, origin: Floats) -> Floats:
        if self.levels is None or self.levels.size == 0:
            return np.full_like(wished, np.nan)
        nearest = np.abs(wished[..., None] - self.levels).argmin(axis=-1)
        value: Floats = self.levels[nearest]
        if self.direction == 0:
            return value
        return np.where((value - origin) * self.direction >= 0, value, np.nan)


@dataclass(frozen=True, slots=True)
class Space:
    """What one attacker can set, and what follows from it."""

    names: tuple[str, ...]
    """All columns of a row, in the model's order."""
    columns: tuple[Column, ...]
    """Those that the attacker sets."""
    ties: tuple[Relation, ...] = ()
    """What must hold between columns, of those relations that speak of the model's columns only."""
    following: tuple[tuple[Column, Expression], ...] = ()
    """Columns that are computed from others by a tie, and cannot be set alone."""
    one_hot: tuple[Ints, ...] = ()
    """Groups of columns, by index, of which exactly one is 1."""

    def settle(self, origin: Floats, rows: Floats) -> Bools:
        """Recompute in `rows` what follows; return which rows are then feasible.

        Both are (n, d); `rows` is changed in place, in the following columns only.
        """
        turned = self._turn_groups(origin, rows)
        if not self.ties:
            return turned
        view = {name: rows[:, i] for i, name in enumerate(self.names)}
        feasible = turned
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for column, expression in self.following:
                own = origin[:, [column.index]]
                value = np.broadcast_to(relations.value_of(expression, view), len(rows))
                near = column.project(value[:, None], own)[:, 0]
                # What follows is not the attacker's to round: a sum off its range is refused.
                feasible &= np.isclose(near, value, rtol=0, atol=1e-6) | (value == own[:, 0])
                rows[:, column.index] = value
            for tie in self.ties:
                feasible &= np.broadcast_to(tie.evaluate(view), len(rows))
        return feasible

    def _turn_groups(self, origin: Floats, rows: Floats) -> Bools:
        """Where one of a group was set to 1, set the others to 0; say which rows are sound."""
        sound = np.ones(len(rows), dtype=bool)
        for group in self.one_hot:
            before, after = origin[:, group], rows[:, group]
            fresh = (after == 1) & (before != 1)
            turned = np.where(fresh.any(axis=1, keepdims=True), fresh, after)
            rows[:, group] = turned
            moved = (turned != before).any(axis=1)
            sound &= ~moved | (turned.sum(axis=1) == 1)
        return sound


def space_of(
    features: Sequence[Feature],
    profile: str,
    *,
    levels: Mapping[str, Floats],
    reach: Mapping[str, float],
    ties: Sequence[Relation] = (),
    one_hot: Sequence[Sequence[str]] = (),
    only: Sequence[str] | None = None,
) -> Space:
    """The space of `profile`.

    `levels`: allowed values, as the model reads them, of each category column. `reach`: largest
    relative change of the columns named. `one_hot`: groups of which exactly one is 1; who may not
    set all of a group moves none of it. `only`: restrict to these columns.
    """
    names = tuple(feature.name for feature in features)
    mine = {feature.name for feature in features if profile in feature.mutable_by}
    whole = [group for group in one_hot if mine.issuperset(group)]
    members = {name for group in whole for name in group}
    mine -= {name for group in one_hot for name in group} - members
    made = {
        # A member is set to 1 only: that sets the others to 0.
        feature.name: _column(
            index,
            feature,
            np.array([1.0]) if feature.name in members else levels.get(feature.name),
            reach,
        )
        for index, feature in enumerate(features)
        if feature.name in mine
    }
    known = enforceable(ties, names)
    targets = dict(filter(None, map(computed_by, known)))
    following = tuple((made[name], how) for name, how in targets.items() if name in made)
    settable = [
        column
        for name, column in made.items()
        if name not in targets and (only is None or name in only)
    ]
    places = {name: index for index, name in enumerate(names)}
    groups = tuple(np.array([places[name] for name in group]) for group in whole)
    return Space(names, tuple(settable), known, following, groups)


def enforceable(ties: Sequence[Relation], names: Sequence[str]) -> tuple[Relation, ...]:
    """The relations that speak of columns of these names only."""
    return tuple(tie for tie in ties if tie.columns <= set(names))


def _column(
    index: int, feature: Feature, levels: Floats | None, reach: Mapping[str, float]
) -> Column:
    if feature.type == "bool" and levels is None:
        levels = np.array([0.0, 1.0])
    step = feature.step or (1.0 if feature.type == "int" else 0.0)
    return Column(
        index=index,
        name=feature.name,
        low=-np.inf if feature.min is None else feature.min,
        high=np.inf if feature.max is None else feature.max,
        step=0.0 if feature.type == "category" else step,
        levels=levels if feature.type in ("bool", "category") else None,
        direction={"any": 0, "up": 1, "down": -1}[feature.direction],
        reach=reach.get(feature.name, np.inf),
        cost=feature.cost,
    )
