"""How hard checks try: `quick`, `standard` or `deep`, from `profiles.yaml`.

A profile moves budgets up or down and touches nothing else. What it changes is part of the
evidence's configuration, so evidence of one profile is never used again for another. A check that
a profile made *smaller* than standard cannot pass: it says so in a finding that is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.assess.orders import Order
from strongroom.domain.errors import InputError
from strongroom.governance.strict_yaml import read_yaml

DEEP: Final = "deep"
_USUAL_REST: Final = 3.0
"""CPU seconds of a check of which no figure is given: mostly imports."""
Bound: TypeAlias = int | float


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Profile(_Strict):
    """One way to run checks."""

    about: str
    """In a sentence, for people."""
    times: float = Field(gt=0)
    """About how much longer than standard it takes."""
    time_limit: float | None = Field(default=None, gt=0)
    """Seconds for each check, in place of what its author allowed."""
    at_most: dict[str, dict[str, Bound]] = Field(default_factory=dict)
    """By check and setting."""
    at_least: dict[str, dict[str, Bound]] = Field(default_factory=dict)
    """By check and setting."""


class Profiles(_Strict):
    """The whole file."""

    profiles: dict[str, Profile]
    usual: dict[str, float]
    """CPU seconds of a check at standard, on 10,000 rows."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a run may take, in seconds."""

    usual: float
    """By what checks took on 10,000 rows, on the cores given."""
    at_most: float
    """By the limits at which checks are killed."""


@cache
def load_profiles() -> Profiles:
    """The file, checked. Raises InputError where it is malformed."""
    raw = read_yaml(files("strongroom.assess").joinpath("profiles.yaml").read_bytes()).value
    try:
        return Profiles.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"malformed: {error}", where="profiles.yaml") from error


def profile_named(name: str) -> Profile:
    """Raises InputError for a name that is not there."""
    known = load_profiles().profiles
    if name not in known:
        raise InputError(f"there is no profile {name}", fix="choose of: " + ", ".join(known))
    return known[name]


def under(profile: str, orders: Iterable[Order]) -> tuple[Order, ...]:
    """The orders with the profile's budgets. `standard` gives them back as they are."""
    bounds = profile_named(profile)
    return tuple(_under(profile, bounds, order) for order in orders)


def estimate(profile: str, orders: Sequence[Order], jobs: int) -> Estimate:
    """What a run of these orders may take with so many checks at a time."""
    chosen, usual = profile_named(profile), load_profiles().usual
    touched = {*chosen.at_most, *chosen.at_least}
    spent = [
        usual.get(o.spec.id.name, _USUAL_REST) * (chosen.times if o.spec.id.name in touched else 1)
        for o in orders
    ]
    limits = [chosen.time_limit or o.spec.time_limit for o in orders]
    return Estimate(_spread(spent, jobs), _spread(limits, jobs))


def _under(name: str, profile: Profile, order: Order) -> Order:
    check = order.spec.id.name
    now = order.spec.configure(order.settings).model_dump()
    lower = dict(_moved(now, profile.at_most.get(check, {}), _lowered))
    raised = dict(_moved(now, profile.at_least.get(check, {}), _raised))
    if not lower and not raised:
        return order
    settings = {**order.settings, **raised, **lower}
    return replace(order, settings=settings, profile=name, short=tuple(sorted(lower)))


def _moved(
    now: Mapping[str, Any], bounds: Mapping[str, Bound], move: Callable[[Any, Bound], Any]
) -> Iterator[tuple[str, Any]]:
    for setting, bound in bounds.items():
        if setting not in now:
            raise InputError(f"there is no setting {setting}", where="profiles.yaml")
        value = now[setting]
        made = move(value, bound)
        if made != value:
            yield setting, made


def _lowered(value: Any, bound: Bound) -> Any:
    if isinstance(value, tuple):
        return tuple(v for v in value if v <= bound) or (min(value),)
    return min(value, bound)


def _raised(value: Any, bound: Bound) -> Any:
    if isinstance(value, tuple):
        return value if max(value) >= bound else (*value, bound)
    return max(value, bound)


def _spread(seconds: Sequence[float], jobs: int) -> float:
    """The longest first, each to whoever is free: what the runner does."""
    ends = [0.0] * max(1, jobs)
    for one in sorted(seconds, reverse=True):
        ends[ends.index(min(ends))] += one
    return max(ends)
