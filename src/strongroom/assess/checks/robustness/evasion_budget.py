"""Can an attacker with a stated budget get a detected fraud through?

**Threat.** Somebody who may set some columns of a row (a payer, a merchant, a mule, an insider: see
`mutable_by` in the manifest) tries values until the model no longer flags it (ATLAS AML.T0015).

**Method.** Rows of label 1 that the model detects at its operating threshold are attacked by a
greedy beam search over the profile's columns. Every value tried is feasible: in range, on its step,
on its side, a declared category, amounts within a few per cent of what they were, relations kept.
A second piece of code then checks each adversarial row again.

**Attacker's knowledge.** Scores of the rows he sends, and what ordinary rows look like; neither the
model nor its training data.

**Figures.** `success[payer]`: share of detected frauds that get through with at most `max_changes`
changed columns; `success[payer,1]`, `success[payer,2]` … within fewer; `success[payer,amount]` by
the amount alone; `queries_per_row[payer]`: median rows scored. All are lower bounds: a cleverer
attacker does no worse. Intervals are Wilson's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from strongroom.assess.attacks.attack import Attack, Budget, Evasion
from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.validator import breaches
from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.robustness._ground import (
    EvasionSettings,
    Ground,
    detected_rows,
    prepare,
    profiles_of,
)
from strongroom.assess.measures.intervals import share, wilson
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.governance.manifest import Profile

_RULE: Final = "robustness.evasion_budget"
_REFERENCES: Final = ("ATLAS AML.T0015", "ATLAS AML.T0043")
_MAX_BROKEN: Final = 0.05
"""Share of detected rows that may be left out because they break a relation to begin with."""
_REACHES: Final = (0.05, 0.1, 0.2, 0.5)
"""Relative changes of the amount that the amount curve shows."""


@check(
    "robustness.evasion_budget",
    version=1,
    title="Few detected frauds get through within an attacker's budget",
    needs=("model", "data.test"),
    settings=EvasionSettings,
)
def evasion_budget(case: Case, settings: EvasionSettings) -> Iterator[Said]:
    """Attack detected rows of label 1 by every profile."""
    labels = case.labels("data.test")
    threshold, detected = detected_rows(case, settings)
    flagged = int((labels == 1).sum())
    if not detected.size:
        yield _unknown("nothing_to_attack", f"none of {flagged} rows of label 1 is detected")
        return
    yield Metric.exact("threshold", threshold, len(labels))
    yield share("detected", int(detected.size), flagged)
    profiles = profiles_of(case, settings)
    if not profiles:
        yield _unknown(
            "no_attacker",
            "no feature is declared mutable by an attacker, so no attack could be tried",
            fix="add mutable_by to the features that a payer, merchant, mule or insider can set",
        )
        return
    ground = prepare(case, settings, detected, threshold)
    if ground.broken > _MAX_BROKEN * detected.size:
        yield _unknown(
            "relations",
            f"{ground.broken} of {detected.size} detected rows break the declared relations as "
            "they are: what is feasible for them is not known",
            fix="correct the relations or the data: see the findings of data.schema",
        )
        return
    seconds = settings.seconds / len(profiles)
    for before, profile in enumerate(profiles):
        deadline = time.monotonic() + seconds

        def progress(done: int, rows: int, before: int = before) -> None:
            case.progress(before * rows + done, len(profiles) * rows)

        yield from _attack_by(profile, ground, settings, deadline, progress)


def _attack_by(
    profile: Profile,
    ground: Ground,
    settings: EvasionSettings,
    deadline: float,
    progress: Callable[[int, int], None],
) -> Iterator[Said]:
    budget = Budget(
        max(settings.max_changes, settings.curve_changes),
        np.inf if settings.max_cost is None else settings.max_cost,
        settings.queries_per_row,
        settings.beam,
    )

    def late() -> bool:
        return time.monotonic() > deadline

    attack = ground.attack(profile, budget, None, settings)
    found = evade(attack, ground.attacked, stop=late, progress=progress)
    n = int(found.finished.sum())
    if n == 0:
        yield _unknown("out_of_time", f"no row was attacked to the end in {settings.seconds:g} s")
        return
    if bad := _breaches(profile, ground, attack, found, settings):
        yield bad
        return
    for k in range(1, settings.max_changes + 1):
        yield share(f"success[{profile},{k}]", found.evaded_within(k), n)
    yield share(f"success[{profile}]", found.evaded_within(settings.max_changes), n)
    median = float(np.median(found.queries[found.finished]))
    yield Metric.exact(f"queries_per_row[{profile}]", median, n, "queries")
    yield _curve(profile, found, budget.max_changes, n)
    yield from _amounts_alone(profile, ground, settings, late)
    yield _measured(profile, ground, attack, found, settings)


def _breaches(
    profile: str, ground: Ground, attack: Attack, found: Evasion, settings: EvasionSettings
) -> Finding | None:
    """What the second opinion says against the adversarial rows."""
    bad = breaches(
        ground.features,
        profile,
        ground.attacked,
        found.rows,
        levels=ground.levels,
        reach=ground.reach(settings.amount_change),
        ties=ground.ties,
        one_hot=ground.one_hot,
        max_changes=attack.budget.max_changes,
        max_cost=attack.budget.max_cost,
    )
    if not bad:
        return None
    first = f"{bad[0].column}: {bad[0].reason}"
    return _unknown(
        "infeasible",
        f"the search returned {len(bad)} infeasible values ({first}): its figures are withheld",
        fix="report this as a defect of Strongroom, with the manifest",
    )


def _curve(profile: str, found: Evasion, changes: int, n: int) -> Curve:
    evaded = [found.evaded_within(k) for k in range(changes + 1)]
    return Curve(
        f"robustness[{profile}]",
        "columns changed, at most",
        "share of detected frauds that get through",
        tuple((float(k), hits / n) for k, hits in enumerate(evaded)),
        tuple(wilson(hits, n) for hits in evaded),
    )


def _amounts_alone(
    profile: Profile, ground: Ground, settings: EvasionSettings, late: Callable[[], bool]
) -> Iterator[Said]:
    """Success by the amount alone, for several reaches; what a small one finds a large one has."""
    reaches = sorted({*_REACHES, *filter(None, [settings.amount_change])})
    within = np.zeros(len(ground.attacked), dtype=bool)
    points, band = [(0.0, 0.0)], [(0.0, 0.0)]
    for reach in reaches:
        attack = ground.attack(
            profile, Budget(1, max_queries=settings.queries_per_row), reach, settings
        )
        if not attack.space.columns:
            return
        found = evade(attack, ground.attacked, stop=late)
        if not found.finished.all():
            return
        within |= found.evaded
        points.append((100 * reach, float(within.mean())))
        band.append(wilson(int(within.sum()), len(within)))
        if reach == settings.amount_change:
            yield share(f"success[{profile},amount]", int(within.sum()), len(within))
    yield Curve(
        f"robustness[{profile},amount]",
        "change of the amount, % at most",
        "share of detected frauds that get through",
        tuple(points),
        tuple(band),
    )


def _measured(
    profile: Profile, ground: Ground, attack: Attack, found: Evasion, settings: EvasionSettings
) -> Finding:
    """Say for people who did what at which cost."""
    columns = attack.space.columns
    bounded = [c.name for c in columns if np.isfinite(c.reach)]
    amount = f", {', '.join(bounded)} within ±{settings.amount_change:.0%}" if bounded else ""
    unfinished = int((~found.finished).sum())
    late = f" {unfinished} more were not reached in time." if unfinished else ""
    evaded = found.finished & found.evaded & (found.changes <= settings.max_changes)
    n = int(found.finished.sum())
    most = min(settings.max_changes, len(columns))
    queries = np.median(found.queries[found.finished])
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"An attacker ({profile}) who sees scores gets {evaded.sum() / n:.0%} of {n} detected "
        f"frauds through by changing at most {most} of {len(columns)} column(s)"
        f"{amount}; median {queries:.0f} queries a row.{late}",
        Severity.INFO,
        facts={
            "profile": profile,
            "knowledge": "scores of rows sent, and the range of ordinary rows",
            "columns": [c.name for c in columns],
            "computed_columns": [c.name for c, _ in attack.space.following],
            "amounts": bounded,
            "rows_left_out": ground.broken,
            "cost_median": float(np.median(found.cost[evaded])) if evaded.any() else None,
            "queries_total": int(found.queries.sum()),
            "changed_most": _changed_most(attack, ground.attacked[evaded], found.rows[evaded]),
        },
        references=_REFERENCES,
    )


def _changed_most(attack: Attack, origin: Floats, rows: Floats) -> list[dict[str, str | float]]:
    """Columns by the share of evasions that they took part in."""
    places = [column.index for column in attack.space.columns]
    if not len(rows):
        return []
    shares = (rows[:, places] != origin[:, places]).mean(axis=0)
    ranked = sorted(zip(attack.space.columns, shares.tolist(), strict=True), key=lambda s: -s[1])
    return [{"column": c.name, "share": round(part, 4)} for c, part in ranked[:20] if part]


def _unknown(rule: str, message: str, *, fix: str | None = None) -> Finding:
    return Finding(
        f"{_RULE}.{rule}", Outcome.UNKNOWN, message, Severity.HIGH, fix=fix, references=_REFERENCES
    )
