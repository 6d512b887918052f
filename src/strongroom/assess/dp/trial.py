"""Tries out whether a way of training keeps the epsilon that it claims, on made-up rows.

Models are trained with and without one conspicuous row, the canary, and somebody who sees a model's
answer to it guesses whether it was there. The rows are made up, so nobody's privacy is spent; what
is tried is the code. Half of the models choose where the guess turns, the other half are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.dp.audit import Counts
from strongroom.domain.errors import InputError

Floats = NDArray[np.float64]
Train: TypeAlias = Callable[[Floats, NDArray[np.int64]], Callable[[Floats], Floats]]
"""From rows and labels to a function that scores rows."""

LEAST_RUNS: Final = 40


def try_out(
    train: Train,
    runs: int,
    rng: np.random.Generator,
    *,
    rows: int = 120,
    columns: int = 4,
    progress: Callable[[int, int], Any] = lambda _done, _total: None,
) -> Counts:
    """What the guesses did over `runs` models. Raises InputError for too few runs."""
    if runs < LEAST_RUNS:
        raise InputError(f"{runs} runs", fix=f"{LEAST_RUNS} or more")
    x = rng.uniform(-0.1, 0.1, (rows, columns))
    y = np.arange(rows) % 2
    canary = np.ones((1, columns))
    inside = np.arange(runs) % 2 == 0
    scores = np.empty(runs)
    for run, there in enumerate(inside):
        rows_ = np.concatenate([x, canary]) if there else x
        labels = np.append(y, 1) if there else y
        scores[run] = train(rows_, labels)(canary)[0]
        progress(run + 1, runs)
    chosen = np.arange(runs) < runs // 2
    cut = _best_cut(scores[chosen], inside[chosen])
    accused, member = scores[~chosen] >= cut, inside[~chosen]
    return Counts(
        int(member.sum()),
        int((accused & member).sum()),
        int((~member).sum()),
        int((accused & ~member).sum()),
    )


def _best_cut(scores: Floats, inside: NDArray[np.bool_]) -> float:
    """Where members and others are told apart best: a canary raises its own score."""
    cuts = np.unique(scores)
    told = [(scores[inside] >= c).mean() - (scores[~inside] >= c).mean() for c in cuts]
    return float(cuts[int(np.argmax(told))])
