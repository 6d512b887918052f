"""Several attacks on the same rows under one profile's budget, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field

from strongroom.assess import retrain
from strongroom.assess.attacks.attack import Attack, Budget, Evasion, Score
from strongroom.assess.attacks.constraints import Bools, Floats, Ints
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.genetic import evolve
from strongroom.assess.attacks.gradient import descend
from strongroom.assess.attacks.label_only import decide
from strongroom.assess.attacks.transfer import transfer
from strongroom.assess.case import Case
from strongroom.assess.checks.robustness._ground import EvasionSettings, Ground
from strongroom.domain.errors import InputError
from strongroom.governance.manifest import Attacker, Profile

Method = Literal["gradient", "greedy", "genetic", "label_only", "transfer"]
METHODS: Final[tuple[Method, ...]] = ("gradient", "greedy", "genetic", "label_only", "transfer")
KNOWS: Final[dict[Method, str]] = {
    "gradient": "the net itself",
    "greedy": "scores",
    "genetic": "scores",
    "label_only": "decisions",
    "transfer": "decisions",
}
"""What an attacker of each kind is told of the rows that he sends."""
_SURROGATE: Final = retrain.Recipe(
    "lightgbm", {"num_leaves": 15, "learning_rate": 0.1, "rounds": 80}
)


class AttackSettings(EvasionSettings):
    """Who attacks, how, and with what budget; the manifest's `attackers` go before."""

    methods: tuple[Method, ...] | None = Field(default=None, min_length=1)
    """Attacks to run; by default all, `gradient` on models that have gradients only."""
    max_changes: int = Field(default=2, ge=0, le=20)
    """Columns that may be changed in one row; 0 is an attacker who can only send it again."""
    max_rows: int = Field(default=200, ge=1)
    """Detected rows to attack, drawn at random."""
    queries_per_row: int = Field(default=1_000, ge=0)
    """Rows that may be scored on behalf of one row."""
    seconds: float = Field(default=120.0, gt=0)
    """Time for all attacks by all profiles; each gets an equal part."""
    examples: int = Field(default=5, ge=0, le=50)
    """Counterfactuals to show: what was changed in one row, and nothing else of it."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What every attack of one profile found; all began with the same rows."""

    attack: Attack
    found: dict[Method, Evasion]
    """Attacks that ended in time."""
    late: tuple[Method, ...]
    """Attacks that did not, and are not counted."""

    @property
    def fewest(self) -> Ints:
        """Per row, the fewest changes by which any attack evades; one more than allowed if none."""
        most = self.attack.budget.max_changes + 1
        each = [np.where(e.evaded, e.changes, most) for e in self.found.values()]
        least: Ints = np.min(each, axis=0)
        return least

    @property
    def best(self) -> tuple[Bools, Floats]:
        """Which rows some attack brought over, and the row of the attack with fewest changes."""
        every = list(self.found.values())
        most = self.attack.budget.max_changes + 1
        changes = np.array([np.where(e.evaded, e.changes, most) for e in every])
        rows = np.array([e.rows for e in every])[
            changes.argmin(axis=0), np.arange(changes.shape[1])
        ]
        return changes.min(axis=0) < most, rows


def budget_of(declared: Attacker | None, settings: AttackSettings) -> Budget:
    """What the manifest declares for the profile; the settings' where it says nothing."""
    cost = settings.max_cost
    changes, queries = settings.max_changes, settings.queries_per_row
    if declared is not None:
        cost = declared.max_cost if declared.max_cost is not None else cost
        changes = declared.max_changes if declared.max_changes is not None else changes
        queries = declared.max_queries if declared.max_queries is not None else queries
    return Budget(changes, np.inf if cost is None else cost, queries, settings.beam)


def methods_of(case: Case, settings: AttackSettings) -> tuple[Method, ...]:
    """Attacks that fit the model. Raises InputError where one was asked for that does not."""
    if case.scorer.slope is not None:
        return settings.methods or METHODS
    if settings.methods and "gradient" in settings.methods:
        raise InputError(
            f"a gradient attack on a model of the family {case.scorer.family}, which gives none",
            where="settings.robustness.evasion_attacks.methods",
            fix="leave it out, or hand in the net as safetensors",
        )
    return settings.methods or tuple(m for m in METHODS if m != "gradient")


def run(
    case: Case,
    profile: Profile,
    ground: Ground,
    settings: AttackSettings,
    clock: Callable[[], float],
    seconds: float,
) -> Campaign:
    """Run every method; each has its part of `seconds`, and what is left of the parts before."""
    budget = budget_of(case.schema.attackers.get(profile), settings)
    attack = ground.attack(profile, budget, None, settings)
    methods = methods_of(case, settings)
    found: dict[Method, Evasion] = {}
    late: list[Method] = []
    began = clock()
    for done, method in enumerate(methods, start=1):
        until = began + seconds * done / len(methods)
        stop = partial(_past, clock, until)
        made = _attack(method, case, attack, ground, f"{profile}/{method}", stop)
        if made.finished.all():
            found[method] = made
        else:
            late.append(method)
        case.progress(done, len(methods))
    return Campaign(attack, found, tuple(late))


def _past(clock: Callable[[], float], until: float) -> bool:
    return clock() > until


def _attack(
    method: Method,
    case: Case,
    attack: Attack,
    ground: Ground,
    name: str,
    stop: Callable[[], bool],
) -> Evasion:
    rng = case.rng(f"robustness.evasion_attacks/{name}")
    rows = ground.attacked
    if method == "gradient" and case.scorer.slope is not None:
        return descend(attack, case.scorer.slope, rows, rng, stop=stop)
    if method == "greedy":
        return evade(attack, rows, stop=stop)
    if method == "genetic":
        return evolve(attack, rows, rng, stop=stop)
    if method == "label_only":
        return decide(attack, rows, ground.ordinary, rng, stop=stop)

    def fit(x: Floats, y: Ints) -> Score:
        return retrain.make(_SURROGATE, x, y, case.seed, threads=case.threads).score

    return transfer(attack, rows, ground.ordinary, fit, rng, stop=stop)


def counterfactuals(campaign: Campaign, origin: Floats, hidden: frozenset[str]) -> dict[str, Any]:
    """What was changed in the rows that got through, by column: how often, which way, how far.

    Columns in `hidden` are counted and not described.
    """
    evaded, rows = campaign.best
    before, after = origin[evaded], rows[evaded]
    table = []
    for column in campaign.attack.space.columns:
        one, other = before[:, column.index], after[:, column.index]
        moved = one != other
        if not moved.any():
            continue
        entry: dict[str, Any] = {"column": column.name, "share": round(float(moved.mean()), 4)}
        if column.name not in hidden:
            entry |= _move(one[moved], other[moved], ordered=column.levels is None)
        table.append(entry)
    return {"changed": sorted(table, key=lambda entry: -entry["share"])[:20]}


def _move(before: Floats, after: Floats, *, ordered: bool) -> dict[str, float]:
    """Medians only: no row is shown."""
    known = np.isfinite(before)
    if not ordered or not known.any():
        return {}
    return {
        "raised": round(float((after[known] > before[known]).mean()), 4),
        "median_before": float(np.median(before[known])),
        "median_after": float(np.median(after[known])),
    }


def examples(
    campaign: Campaign, ground: Ground, hidden: frozenset[str], few: int
) -> list[dict[str, Any]]:
    """A few rows that got through: the changed columns before and after, and nothing else."""
    evaded, rows = campaign.best
    made = []
    for at in np.flatnonzero(evaded)[:few]:
        before, after = ground.attacked[at], rows[at]
        changed = [
            {"column": c.name, "from": _plain(before[c.index]), "to": _plain(after[c.index])}
            for c in campaign.attack.space.columns
            if before[c.index] != after[c.index] and c.name not in hidden
        ]
        made.append({"changes": changed})
    return made


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
