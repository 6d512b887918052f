"""What a validator signs about an attack: threat, method, budget, figures, verdict, limits.

Threat and method are the check's own page, figures are the evidence's, the budget is what manifest
and profile ask for. Only the limits are written for the report, in `attack_limits.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from strongroom.assess.check import CheckSpec, load_check
from strongroom.assess.formats import reasons
from strongroom.assess.orders import STANDARD, Order
from strongroom.assess.profiles import under
from strongroom.domain.errors import InputError, MissingExtra
from strongroom.domain.evidence import Evidence
from strongroom.domain.outcome import Outcome
from strongroom.governance.manifest import System
from strongroom.governance.strict_yaml import read_yaml

_PART: Final = re.compile(
    r"\*\*(?P<name>[A-Z][^*]*?)\.?\*\*\.?\s*(?P<text>.*?)(?=\n\s*\n|\Z)", re.DOTALL
)
"""A paragraph of a check's page that begins with a bold name: `**Threat.** Somebody who …`."""
_NEEDED: Final = ("Threat", "Method")
MAX_REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack, as far as a signature needs it."""

    title: str
    """What a pass means."""
    threat: str
    method: str
    knowledge: str
    reading: str
    """How the figures are meant."""
    limits: tuple[str, ...]
    budget: tuple[tuple[str, str], ...]
    """Settings and their values, as manifest and profile ask."""
    profile: str
    seed: str
    verdict: str
    """In words, with the figures it rests on."""


def attack_of(said: Evidence, system: System) -> Attack | None:
    """Of evidence whose check is an attack and is installed in the version that spoke."""
    try:
        spec = load_check(said.check.name)
    except (InputError, MissingExtra):
        return None
    page = {m["name"]: _plain(m["text"]) for m in _PART.finditer(spec.doc)}
    if spec.id != said.check or any(part not in page for part in _NEEDED):
        return None
    profile = said.environment.get("profile", STANDARD)
    return Attack(
        spec.title,
        page["Threat"],
        page["Method"],
        page.get("Attacker's knowledge", ""),
        page.get("Figures", ""),
        (page["Limits"],) if "Limits" in page else limits_by_check().get(spec.id.name, ()),
        _budget(spec, system, profile),
        profile,
        said.environment.get("seed", "not stated"),
        _verdict(said),
    )


def _budget(spec: CheckSpec, system: System, profile: str) -> tuple[tuple[str, str], ...]:
    """Empty where the manifest's settings are no longer ones that the check knows."""
    try:
        (order,) = under(profile, [Order(spec, system.settings.get(spec.id.name, {}))])
        settings = spec.configure(order.settings).model_dump(mode="json")
    except InputError:
        return ()
    return tuple((name, _value(value)) for name, value in settings.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _verdict(said: Evidence) -> str:
    lead = {
        Outcome.PASS: "Nothing found against the model",
        Outcome.FAIL: "The model does not hold",
        Outcome.UNKNOWN: "Could not be told",
    }[said.outcome]
    bounded = [f.message for f in said.findings if f not in said.own_findings]
    why = reasons(said) if said.outcome is not Outcome.PASS else tuple(bounded)
    return ": ".join(filter(None, (lead, "; ".join(why[:MAX_REASONS])))) + "."


def _plain(text: str) -> str:
    return " ".join(text.replace("`", "").replace("*", "").split())


@cache
def limits_by_check() -> Mapping[str, tuple[str, ...]]:
    """From `attack_limits.yaml`."""
    raw = read_yaml(files("strongroom.report").joinpath("attack_limits.yaml").read_bytes()).value
    return {check: tuple(limits) for check, limits in raw.items()}
