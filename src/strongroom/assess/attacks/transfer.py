"""Evasion by transfer: attack a model of one's own, and show the result to the real one.

The attacker learns decisions, no scores. He has ordinary rows and variations of his own rows
decided, trains a surrogate on the answers, searches against it for as long as he likes, and spends
only a few of the real model's decisions on each row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from strongroom.assess.attacks.attack import Attack, Evasion, Score, score_in_calls
from strongroom.assess.attacks.batches import Trials
from strongroom.assess.attacks.constraints import Floats, Ints
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.label_only import blind, mixed
from strongroom.domain.errors import InputError

Fit: TypeAlias = Callable[[Floats, Ints], Score]
"""Trains the surrogate on rows and decisions of 0 and 1, both present."""

_SURE: Final = (0.5, 0.2, 0.05, 0.01)
"""The surrogate's score under which a try is shown to the real model, one after the other."""


def transfer(
    attack: Attack,
    origin: Floats,
    ordinary: Floats,
    fit: Fit,
    rng: np.random.Generator,
    *,
    probes: int = 4_000,
    stop: Callable[[], bool] = lambda: False,
) -> Evasion:
    """Attack each row of `origin` (n, d), after `probes` decisions that all rows share.

    The probes are charged to the rows in equal parts, rounded up, and stay within their queries.
    Nothing evades where all probes are decided alike. Raises InputError without `ordinary` rows.
    """
    if not len(ordinary):
        raise InputError("no ordinary rows to probe the model with")
    trials = Trials.begin(blind(attack), origin, stop)
    # Tries for the rows themselves are kept back.
    each = min(attack.budget.max_queries - len(_SURE), -(-probes // max(len(origin), 1)))
    if not len(origin) or not attack.space.columns or attack.budget.max_changes == 0 or each <= 0:
        return trials.end()
    half = each * len(origin) // 2
    own = origin[rng.integers(0, len(origin), each * len(origin) - half)]
    asked = np.concatenate(
        [ordinary[rng.integers(0, len(ordinary), half)], mixed(attack, own, ordinary, rng)]
    )
    answers = score_in_calls(trials.attack.score, asked, stop)
    if answers is None:
        trials.late = True
        return trials.end()
    trials.found.queries[:] += each
    labels = (np.r_[answers, np.ones(len(origin))] > 0).astype(np.int64)
    if labels.min() == labels.max():
        return trials.end()
    surrogate = replace(attack, score=fit(np.concatenate([asked, origin]), labels))
    for threshold in _SURE:
        rows = trials.open
        if not len(rows) or trials.late:
            break
        found = evade(replace(surrogate, threshold=threshold), origin[rows], stop=stop)
        trials.late |= not found.finished.all()
        trials.ask(rows, found.rows)
    return trials.end()
