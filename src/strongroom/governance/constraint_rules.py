"""Rules about what attackers can do: constraints that exclude each other, and groups that hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from strongroom.governance.contradictions import contradictions
from strongroom.governance.manifest import Feature, Schema, System
from strongroom.governance.problems import Path, Problem

_SCHEMA: Final = ("data", "schema")
_SLACK: Final = 1e-9


def constraint_rules(system: System) -> Iterator[Problem]:
    """Everything that no attacker, and no row, could keep to at once."""
    if system.data is None:
        return
    schema = system.data.schema_
    yield from _relations(schema)
    yield from _steps(schema)
    yield from _groups(schema)
    yield from _attackers(schema)


def range_of(feature: Feature) -> tuple[float, float]:
    """Smallest and largest value; a category's place among its categories has no meaning here."""
    if feature.type == "bool":
        return 0.0, 1.0
    low = -math.inf if feature.min is None else feature.min
    return low, math.inf if feature.max is None else feature.max


def _relations(schema: Schema) -> Iterator[Problem]:
    ranges = {f.name: range_of(f) for f in schema.features if f.type != "category"}
    for found in contradictions(schema.relations, ranges):
        at: Path = (*_SCHEMA, "relations", found.first)
        one = schema.relations[found.first]
        other = "the ranges of its columns"
        if found.second is not None:
            other = f"`{schema.relations[found.second]}`"
        yield Problem(at, f"`{one}` and {other} cannot both hold", "correct one of the two")


def _steps(schema: Schema) -> Iterator[Problem]:
    """A range holds at least one multiple of the step."""
    for index, feature in enumerate(schema.features):
        low, high = range_of(feature)
        step = feature.step or (1.0 if feature.type == "int" else 0.0)
        if not step or not math.isfinite(low) or not math.isfinite(high) or low > high:
            continue
        if math.ceil(low / step - _SLACK) > math.floor(high / step + _SLACK):
            what = f"step {step:g} and the range {low:g} to {high:g} have no value in common"
            yield Problem((*_SCHEMA, "features", index), what, "widen the range or lessen the step")


def _groups(schema: Schema) -> Iterator[Problem]:
    """One-hot groups are of declared bools, and no column is in two of them."""
    features = {feature.name: feature for feature in schema.features}
    taken: dict[str, int] = {}
    for number, group in enumerate(schema.one_hot):
        at: Path = (*_SCHEMA, "one_hot", number)
        if len(set(group)) < max(2, len(group)):
            yield Problem(at, "a one-hot group has two or more different columns", "list them all")
        for name in group:
            if name not in features:
                yield Problem(at, f"{name} is no feature", "name features of the model only")
            elif features[name].type != "bool":
                fix = "write `type: bool`"
                yield Problem(at, f"{name} is {features[name].type}, not bool", fix)
            elif features[name].direction != "any":
                what = f"{name} moves {features[name].direction} only, and is in a one-hot group"
                yield Problem(at, what, "remove one of the two: a group turns both ways")
            if taken.setdefault(name, number) != number:
                what = f"{name} is in one_hot[{taken[name]}] and in one_hot[{number}]"
                yield Problem(at, what, "keep it in one of the two")


def _attackers(schema: Schema) -> Iterator[Problem]:
    """A budget is somebody's who can set something."""
    able = {profile for feature in schema.features for profile in feature.mutable_by}
    for profile in schema.attackers:
        if profile not in able:
            yield Problem(
                (*_SCHEMA, "attackers", profile),
                f"{profile} has a budget, and no feature is mutable_by {profile}",
                f"add {profile} to `mutable_by` of what he can set, or remove the budget",
            )
