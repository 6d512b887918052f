"""What do different attackers get past the model: by its scores, by its decisions, by a copy?

**Threat.** Somebody who may set some columns of a row tries until it is no longer flagged. One
method may miss what another finds, so several are run (ATLAS AML.T0015, AML.T0043).

**Method.** The same detected rows of label 1 are attacked several times under the profile's budget
(`attackers` in the manifest): a greedy beam search and a genetic search, which see scores; a walk
by decisions alone; transfer from a surrogate trained on decisions; and of nets, a descent by their
gradients, for an insider or a thief who has the file. Each adversarial row is checked again by code
that shares nothing with the attacks. Each attack has a query and a time budget.

**Figures.** `success[payer,genetic]`: share of the attacked rows that this attack brought through;
`success[payer]`: by any of them; `queries_per_row[payer,genetic]`: median rows scored. All are
lower bounds. Intervals are Wilson's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np

from strongroom.assess.attacks.attack import Evasion
from strongroom.assess.attacks.validator import breaches
from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.robustness._campaign import (
    KNOWS,
    AttackSettings,
    Campaign,
    counterfactuals,
    examples,
    run,
)
from strongroom.assess.checks.robustness._ground import Ground, detected_rows, prepare, profiles_of
from strongroom.assess.measures.intervals import share, wilson
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.governance.manifest import Profile

_RULE: Final = "robustness.evasion_attacks"
_REFERENCES: Final = ("ATLAS AML.T0015", "ATLAS AML.T0043")
_MAX_BROKEN: Final = 0.05
"""Share of detected rows that may be left out because they break a constraint to begin with."""


@check(
    "robustness.evasion_attacks",
    version=1,
    title="No kind of attack gets many detected frauds through",
    needs=("model", "data.test"),
    settings=AttackSettings,
)
def evasion_attacks(case: Case, settings: AttackSettings) -> Iterator[Said]:
    """Attack detected rows of label 1 by every profile and method."""
    labels = case.labels("data.test")
    threshold, detected = detected_rows(case, settings)
    profiles = profiles_of(case, settings)
    if not detected.size:
        yield _unknown("nothing_to_attack", "no row of label 1 is detected")
        return
    if not profiles:
        yield _unknown(
            "no_attacker",
            "no feature is declared mutable by an attacker, so no attack could be tried",
            fix="add mutable_by to the features that a payer, merchant, mule or insider can set",
        )
        return
    ground = prepare(case, settings, detected, threshold)
    if ground.broken > _MAX_BROKEN * detected.size or not len(ground.attacked):
        yield _unknown(
            "relations",
            f"{ground.broken} of {detected.size} detected rows break the declared constraints as "
            "they are: what is feasible for them is not known",
            fix="correct the relations or the data: see the findings of data.schema",
        )
        return
    if not len(ground.ordinary):
        yield _unknown("no_ordinary_rows", "the test data has no row of label 0 to borrow from")
        return
    yield Metric.exact("threshold", threshold, len(labels))
    for profile in profiles:
        yield from _by(case, profile, ground, settings, settings.seconds / len(profiles))


def _by(
    case: Case, profile: Profile, ground: Ground, settings: AttackSettings, seconds: float
) -> Iterator[Said]:
    campaign = run(case, profile, ground, settings, time.monotonic, seconds)
    for method in campaign.late:
        yield _unknown("out_of_time", f"{profile}: {method} did not end in its time, not counted")
    if not campaign.found:
        return
    for method, found in campaign.found.items():
        if bad := _breach(profile, ground, campaign, found, settings):
            yield _unknown(
                "infeasible",
                f"{method} returned an infeasible value ({bad}): all figures are withheld",
                fix="report this as a defect of Strongroom, with the manifest",
            )
            return
    n = len(ground.attacked)
    for method, found in campaign.found.items():
        name = f"{profile},{method}"
        yield share(f"success[{name}]", int(found.evaded.sum()), n)
        yield Metric.exact(
            f"queries_per_row[{name}]", float(np.median(found.queries)), n, "queries"
        )
    most = campaign.attack.budget.max_changes
    yield share(f"success[{profile}]", int((campaign.fewest <= most).sum()), n)
    yield _curve(profile, campaign, n)
    yield _measured(case, profile, ground, campaign, settings)


def _breach(
    profile: Profile,
    ground: Ground,
    campaign: Campaign,
    found: Evasion,
    settings: AttackSettings,
) -> str | None:
    """The first thing that the second opinion says against the adversarial rows."""
    budget = campaign.attack.budget
    bad = breaches(
        ground.features,
        profile,
        ground.attacked,
        found.rows,
        levels=ground.levels,
        reach=ground.reach(settings.amount_change),
        ties=ground.ties,
        one_hot=ground.one_hot,
        max_changes=budget.max_changes,
        max_cost=budget.max_cost,
    )
    return f"{bad[0].column}: {bad[0].reason}" if bad else None


def _curve(profile: Profile, campaign: Campaign, n: int) -> Curve:
    most = campaign.attack.budget.max_changes
    hits = [int((campaign.fewest <= k).sum()) for k in range(most + 1)]
    return Curve(
        f"robustness[{profile}]",
        "columns changed, at most",
        "share of detected frauds that any attack gets through",
        tuple((float(k), hit / n) for k, hit in enumerate(hits)),
        tuple(wilson(hit, n) for hit in hits),
    )


def _measured(
    case: Case, profile: Profile, ground: Ground, campaign: Campaign, settings: AttackSettings
) -> Finding:
    """Say for people who did what at which cost."""
    n, budget, columns = len(ground.attacked), campaign.attack.budget, campaign.attack.space.columns
    hidden = frozenset(case.schema.sensitive)
    said = ", ".join(
        f"{method} ({KNOWS[method]}) {found.evaded.mean():.0%}"
        for method, found in campaign.found.items()
    )
    free = [c.name for c in columns if c.levels is None and not (c.step or np.isfinite(c.reach))]
    free = [c.name for c in columns if c.name in free and not np.isfinite([c.low, c.high]).any()]
    loose = f" Nothing bounds {', '.join(free)}: declare min, max or step." if free else ""
    nothing = " A budget of nothing was attacked with." if not budget.max_changes else ""
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"Of {n} detected frauds an attacker ({profile}) gets through within {budget.max_changes} "
        f"change(s) and {budget.max_queries} queries a row: {said}; by any of these "
        f"{(campaign.fewest <= budget.max_changes).mean():.0%}.{loose}{nothing}",
        Severity.INFO,
        facts={
            "profile": profile,
            "budget": {
                "changes": budget.max_changes,
                "cost": budget.max_cost if np.isfinite(budget.max_cost) else None,
                "queries": budget.max_queries,
            },
            "knowledge": {method: KNOWS[method] for method in campaign.found},
            "columns": [column.name for column in columns],
            "computed_columns": [column.name for column, _ in campaign.attack.space.following],
            "unconstrained": free,
            "rows_left_out": ground.broken,
            "cost_median": {
                method: float(np.median(found.cost[found.evaded]))
                for method, found in campaign.found.items()
                if found.evaded.any()
            },
            **counterfactuals(campaign, ground.attacked, hidden),
            "examples": examples(campaign, ground, hidden, settings.examples),
        },
        references=_REFERENCES,
    )


def _unknown(rule: str, message: str, *, fix: str | None = None) -> Finding:
    return Finding(
        f"{_RULE}.{rule}", Outcome.UNKNOWN, message, Severity.HIGH, fix=fix, references=_REFERENCES
    )
