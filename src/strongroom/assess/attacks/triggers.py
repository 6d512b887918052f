"""Looking for a back door in a finished model: a few values that let any fraud pass.

1. Every value that recurs among the training rows of label 0 is set in some detected frauds, and
   the fall of the model's log odds is compared with that of references: models of the same kind,
   trained on other data. What lowers every such model's answer is how fraud looks; what lowers this
   one's only may be a door.
2. The most suspicious are extended by a second and a third value that recur together with them.

With enough tries some set of values stands out in any model: how far it does in honest ones was
measured, and stands in docs/poisoning.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from strongroom.assess.attacks.attack import Score, score_in_calls
from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.attacks.poisoning import Trigger

Moves: TypeAlias = tuple[tuple[int, float], ...]
"""Columns, in order, and the value that each is set to."""

_LEAST: Final = 5
"""Rows that hold a trigger, however few rows there are."""
_SURE: Final = 1e-6
"""Probabilities nearer to 0 or 1 count as this near."""


@dataclass(frozen=True, slots=True)
class Scan:
    """How wide the search is."""

    fields: int = 3
    """Columns that a trigger sets, at most."""
    beam: int = 6
    """Partial triggers that are extended."""
    recurs: float = 0.0005
    """Share of the training rows of label 0 that hold all of a trigger's values, at least."""
    shortlist: int = 400
    """Sets of which the references are asked, at each step."""
    max_queries: int = 2_000_000
    """Rows that the suspect scores, at most; a step that would need more is not taken."""


@dataclass(frozen=True, slots=True)
class Door:
    """The most suspicious set of values."""

    trigger: Trigger
    excess: float
    """Median over the rows: fall of the log odds less the largest fall in any reference."""
    queries: int
    """Rows that the suspect scored."""
    finished: bool
    """False where time or queries ended before all fields were tried."""


@dataclass(slots=True)
class _Asking:
    """The rows, and every model that is asked about them. Not frozen: it counts."""

    models: Sequence[Score]
    """The suspect first."""
    rows: Floats
    stop: Callable[[], bool]
    queries: int = 0

    def falls(self, model: int, sets: Sequence[Moves]) -> Floats | None:
        """(sets, rows): by how much the log odds fall when a set's values are set."""
        asked = np.repeat(self.rows[None], len(sets), axis=0)
        for place, moves in enumerate(sets):
            for column, value in moves:
                asked[place, :, column] = value
        rows = np.concatenate([self.rows, asked.reshape(-1, self.rows.shape[1])])
        scores = score_in_calls(self.models[model], rows, self.stop)
        if scores is None:
            return None
        self.queries += len(rows) if model == 0 else 0
        odds = _log_odds(scores)
        made: Floats = odds[: len(self.rows)] - odds[len(self.rows) :].reshape(len(sets), -1)
        return made

    def others(self, sets: Sequence[Moves]) -> Floats | None:
        """(references, sets, rows)."""
        told = [self.falls(model, sets) for model in range(1, len(self.models))]
        known = [one for one in told if one is not None]
        return np.stack(known) if len(known) == len(told) else None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A model under suspicion."""

    score: Score
    ordinary: Floats
    """Rows of label 0 that it was trained on: a trigger's values recur in them, together."""


def search(
    suspect: Suspect,
    references: Sequence[Score],
    rows: Floats,
    scan: Scan = Scan(),  # frozen
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Door | None:
    """The set of values that moves the suspect most beyond its references.

    `rows` are frauds that the suspect detects, (n, d). None without references, rows or values that
    recur, and where time or queries end before any value was tried.
    """
    asking = _Asking([suspect.score, *references], rows, stop)
    if not references or not len(rows):
        return None
    tried, finished = _best(asking, [()], suspect.ordinary, scan), True
    if not tried:
        return None
    top, states = tried[0], tried
    for _ in range(1, scan.fields):
        longer = _best(asking, [sets for _, sets in states], suspect.ordinary, scan)
        if longer is None:
            finished = False
            break
        if not longer:
            break
        states, top = longer, max(top, longer[0])
    columns, values = zip(*top[1], strict=True)
    return Door(Trigger(columns, values), top[0], asking.queries, finished)


def _best(
    asking: _Asking, states: Sequence[Moves], ordinary: Floats, scan: Scan
) -> list[tuple[float, Moves]] | None:
    """The most suspicious sets with one more value; None when time or queries end first."""
    longer = sorted({made for state in states for made in _extended(state, ordinary, scan)})
    if not longer:
        return []
    if asking.queries + len(longer) * len(asking.rows) > scan.max_queries:
        return None
    mine = asking.falls(0, longer)
    if mine is None:
        return None
    # References are asked of what moves the suspect most.
    short = np.argsort(-np.median(mine, axis=1), kind="stable")[: scan.shortlist]
    sets = [longer[i] for i in short]
    others = asking.others(sets)
    if others is None:
        return None
    excess = np.median(mine[short] - others.max(axis=0), axis=1)
    kept = np.argsort(-excess, kind="stable")[: scan.beam]
    return [(float(excess[i]), sets[i]) for i in kept]


def _extended(state: Moves, ordinary: Floats, scan: Scan) -> Iterator[Moves]:
    """The set with one more value that recurs among the ordinary rows that hold the set."""
    holding = ordinary
    for column, value in state:
        holding = holding[holding[:, column] == value]
    taken = {column for column, _ in state}
    least = max(_LEAST, scan.recurs * len(ordinary))
    for column in range(ordinary.shape[1]):
        if column in taken:
            continue
        known = holding[np.isfinite(holding[:, column]), column]
        values, count = np.unique(known, return_counts=True)
        for value in values[count >= least].tolist():
            yield tuple(sorted((*state, (column, value))))


def _log_odds(scores: Floats) -> Floats:
    sure = np.clip(scores, _SURE, 1 - _SURE)
    made: Floats = np.log(sure) - np.log1p(-sure)
    return made
