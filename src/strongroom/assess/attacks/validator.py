"""The second opinion on adversarial rows: reads the schema itself, shares no code with the search.

A search that is wrong about what is feasible would overstate success, so each row it returns is
held against the declared features and relations again, one column at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from strongroom.assess.attacks.constraints import Bools, Floats, computed_by, enforceable
from strongroom.governance.manifest import Feature
from strongroom.governance.relations import Relation

_TOLERANCE: Final = 1e-6
"""Of a step, of a limit: what arithmetic on decimals may lose."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that makes an adversarial row impossible."""

    row: int
    """Position in the arrays that were checked."""
    column: str
    """A column, or the text of a relation."""
    reason: str


def breaches(
    features: Sequence[Feature],
    profile: str,
    origin: Floats,
    rows: Floats,
    *,
    levels: Mapping[str, Floats],
    reach: Mapping[str, float],
    ties: Sequence[Relation] = (),
    one_hot: Sequence[Sequence[str]] = (),
    max_changes: int,
    max_cost: float,
) -> tuple[Breach, ...]:
    """All that is impossible in `rows`, (n, d), which were `origin` before the attack.

    Columns that a relation computes from others follow; they are not counted as changes, nor is
    what a one-hot group loses when another of it is set.
    """
    found: list[Breach] = []
    changed = (rows != origin) & ~(np.isnan(rows) & np.isnan(origin))
    for index, feature in enumerate(features):
        at = np.flatnonzero(changed[:, index])
        before, after = origin[at, index], rows[at, index]
        for reason, broken in _judge(
            feature, before, after, profile=profile, levels=levels, reach=reach
        ):
            found += [Breach(int(row), feature.name, reason) for row in at[broken]]
    known = enforceable(ties, [feature.name for feature in features])
    places = {feature.name: index for index, feature in enumerate(features)}
    paid = changed.copy()
    for group in one_hot:
        members = [places[name] for name in group]
        now = rows[:, members]
        paid[:, members] &= now != 0
        broken = changed[:, members].any(axis=1) & ((now != 0).sum(axis=1) != 1)
        at = np.flatnonzero(broken)
        found += [Breach(int(row), ", ".join(group), "not exactly one of a group") for row in at]
    found += _budget(features, paid, known, max_changes, max_cost)
    view = {feature.name: rows[:, index] for index, feature in enumerate(features)}
    for tie in known:
        broken = ~np.broadcast_to(tie.evaluate(view), len(rows))
        found += [Breach(int(row), tie.text, "relation broken") for row in np.flatnonzero(broken)]
    return tuple(found)


def _judge(
    feature: Feature,
    before: Floats,
    after: Floats,
    *,
    profile: str,
    levels: Mapping[str, Floats],
    reach: Mapping[str, float],
) -> Iterator[tuple[str, Bools]]:
    if profile not in feature.mutable_by:
        yield f"not mutable by {profile}", np.ones(len(after), dtype=bool)
    yield "not a finite number", ~np.isfinite(after)
    step = feature.step or (1.0 if feature.type == "int" else None)
    slack = _TOLERANCE * (step or _TOLERANCE)
    if feature.min is not None:
        yield f"below {feature.min:g}", after < feature.min - slack
    if feature.max is not None:
        yield f"above {feature.max:g}", after > feature.max + slack
    if feature.direction == "up":
        yield "may only rise", ~(after >= before - slack)
    if feature.direction == "down":
        yield "may only fall", ~(after <= before + slack)
    if feature.type == "bool":
        yield "not 0 or 1", (after != 0) & (after != 1)
    elif feature.type == "category":
        yield "not a declared category", ~np.isin(after, levels.get(feature.name, ()))
    elif step is not None:
        steps = after / step
        yield "off its step", np.abs(steps - np.rint(steps)) > _TOLERANCE
    if feature.name in reach:
        limit = reach[feature.name] * np.abs(before)
        yield "moved too far", ~(np.abs(after - before) <= limit * (1 + _TOLERANCE) + slack)


def _budget(
    features: Sequence[Feature],
    changed: Bools,
    ties: Sequence[Relation],
    max_changes: int,
    max_cost: float,
) -> Iterator[Breach]:
    computed = {name for name, _ in filter(None, map(computed_by, ties))}
    paid = np.array([feature.name not in computed for feature in features])
    cost = np.array([feature.cost for feature in features])
    count = (changed & paid).sum(axis=1)
    spent = (changed & paid) @ cost
    for row in np.flatnonzero(count > max_changes):
        yield Breach(int(row), "budget", f"{count[row]} changes, {max_changes} allowed")
    for row in np.flatnonzero(spent > max_cost * (1 + _TOLERANCE)):
        yield Breach(int(row), "budget", f"cost {spent[row]:g}, {max_cost:g} allowed")
