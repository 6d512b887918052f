"""Constraints that no row can meet at once, found before an attack is measured under them.

Two linear constraints within the ranges of their columns can be met together unless some weighted
sum of the two cannot be met even at the best corner of the ranges (linear programming duality; the
best weight is 0, 1 or one at which a column drops out). That is decided exactly, for every pair.
Three constraints of which every two agree are not looked at, nor relations that are not linear.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from strongroom.domain.errors import InputError
from strongroom.governance.relations import (
    Binary,
    Column,
    Expression,
    Negative,
    Number,
    parse_relation,
)

MAX_RELATIONS: Final = 200
"""Pairs of more are not looked at."""
_TINY: Final = 1e-9

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Half:
    """Sum of `weights[column] * column` is at most `limit`; below it where `strict`."""

    weights: Mapping[str, float]
    limit: float
    strict: bool


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two constraints that exclude each other."""

    first: int
    """Index among the relations given."""
    second: int | None
    """The other; None where `first` excludes the columns' own ranges."""


def contradictions(
    relations: Sequence[str], ranges: Mapping[str, Range]
) -> Iterator[Contradiction]:
    """Every relation that its columns' ranges exclude, then every pair that excludes each other.

    `ranges`: smallest and largest value of each column; a column that is not named has no limits.
    Relations that cannot be read are passed over.
    """
    halves = {i: _halves(text) for i, text in enumerate(relations[:MAX_RELATIONS])}
    alone = {i for i, own in halves.items() if any(_excluded(h, h, ranges) for h in own)}
    yield from (Contradiction(i, None) for i in sorted(alone))
    for one, other in combinations(sorted(set(halves) - alone), 2):
        if any(_excluded(a, b, ranges) for a in halves[one] for b in halves[other]):
            yield Contradiction(one, other)


def _halves(text: str) -> tuple[Half, ...]:
    """The relation as `… <= limit`, once or, for an equation, twice; nothing if not linear."""
    try:
        relation = parse_relation(text)
    except InputError:
        return ()
    weights = _linear(Binary("-", relation.left, relation.right))
    if weights is None:
        return ()
    limit = -weights.pop("", 0.0)
    strict = relation.comparison in ("<", ">")
    below = Half(weights, limit, strict)
    above = Half({name: -w for name, w in weights.items()}, -limit, strict)
    return {"<": (below,), "<=": (below,), ">": (above,), ">=": (above,)}.get(
        relation.comparison, (below, above)
    )


def _linear(expression: Expression) -> dict[str, float] | None:
    """Weight of each column, the constant under the empty name; None where it is not linear."""
    match expression:
        case Number(value):
            return {"": value}
        case Column(name):
            return {name: 1.0}
        case Negative(of):
            return _scaled(_linear(of), -1.0)
        case Binary("+" | "-" as sign, left, right):
            one, other = _linear(left), _linear(right)
            other = _scaled(other, 1.0 if sign == "+" else -1.0)
            return None if one is None or other is None else _sum(one, other)
        case Binary(sign, left, right):
            one, other = _linear(left), _linear(right)
            if one is None or other is None:
                return None
            if set(other) <= {""}:
                by = other.get("", 0.0)
                return _scaled(one, by if sign == "*" else 1 / by) if by or sign == "*" else None
            return _scaled(other, one.get("", 0.0)) if sign == "*" and set(one) <= {""} else None


def _scaled(weights: Mapping[str, float] | None, by: float) -> dict[str, float] | None:
    return None if weights is None else {name: w * by for name, w in weights.items()}


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {*one, *other}}


def _excluded(one: Half, other: Half, ranges: Mapping[str, Range]) -> bool:
    """Whether some weighting of the two cannot be met by any values within the ranges."""
    for share in _shares(one.weights, other.weights):
        mixed = {
            name: share * one.weights.get(name, 0.0) + (1 - share) * other.weights.get(name, 0.0)
            for name in {*one.weights, *other.weights}
        }
        size = 1 + abs(one.limit) + abs(other.limit)
        gap = _least(mixed, ranges) - share * one.limit - (1 - share) * other.limit
        strict = (one.strict and share > 0) or (other.strict and share < 1)
        if gap > _TINY * size or (strict and gap >= -_TINY * size):
            return True
    return False


def _shares(one: Mapping[str, float], other: Mapping[str, float]) -> Iterable[float]:
    """0, 1 and each weight of `one` between at which a column drops out."""
    yield from (0.0, 1.0)
    for name in {*one, *other}:
        a, b = one.get(name, 0.0), other.get(name, 0.0)
        if a * b < 0:
            yield b / (b - a)


def _least(weights: Mapping[str, float], ranges: Mapping[str, Range]) -> float:
    """The smallest value of the weighted sum within the ranges."""
    least = 0.0
    for name, weight in weights.items():
        if abs(weight) > _TINY:
            low, high = ranges.get(name, (-math.inf, math.inf))
            least += weight * (low if weight > 0 else high)
    return least
