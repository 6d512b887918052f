"""Stealing a model by asking it: what to ask, what is answered, how good the copy is.

Tramèr, Zhang, Juels, Reiter and Ristenpart, "Stealing Machine Learning Models via Prediction APIs"
(USENIX Security 2016); active choice of questions after Pal et al., "ActiveThief" (AAAI 2020).

A copy of a fraud model agrees with the original in 95 of 100 rows by flagging nothing. What a thief
is after is which rows are flagged, and a ranking as good as the one he did not pay for: F1 on the
flagged class, and the copy's AUC beside the victim's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Bools, Floats
from strongroom.assess.measures.ranking import auc, rank

_ROUNDS: Final = 80
_MIXED: Final = 0.25
"""Of the columns of a row that the thief makes up from his own, taken from another row."""
_ACTIVE_ROUNDS: Final = 4
_CANDIDATES: Final = 4
"""Questions that the active thief chooses among, for each that he asks."""
_CHUNK: Final = 50

Answer = Callable[[Floats], Floats]
"""Rows (n, features) to what the endpoint says of each, in [0, 1]."""
Thief = Callable[[Floats], Floats]
"""A copy: rows to scores."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the thief has: rows like those that the model sees, without labels."""

    rows: Floats

    def in_distribution(self, n: int, rng: np.random.Generator) -> Floats:
        """His own rows; when they run out, his rows with some columns of others."""
        order = rng.permutation(len(self.rows))
        own: Floats = self.rows[order[:n]]
        if n <= len(own):
            return own
        more = self.rows[rng.integers(0, len(self.rows), n - len(own))]
        swap = rng.random(more.shape) < _MIXED
        return np.concatenate([own, np.where(swap, self.marginal(len(more), rng), more)])

    def marginal(self, n: int, rng: np.random.Generator) -> Floats:
        """Each column drawn alone: what is known to who has read the documentation."""
        drawn = rng.integers(0, len(self.rows), (n, self.rows.shape[1]))
        made: Floats = np.take_along_axis(self.rows, drawn, axis=0)
        return made

    def uniform(self, n: int, rng: np.random.Generator) -> Floats:
        """Anything between the least and the largest value of each column."""
        filled = np.where(np.isfinite(self.rows), self.rows, np.nan)
        known = np.isfinite(filled).any(axis=0)
        safe = np.where(known, filled, 0.0)
        low, high = np.nanmin(safe, axis=0), np.nanmax(safe, axis=0)
        made: Floats = np.where(known, rng.uniform(low, high, (n, len(low))), np.nan)
        return made


@dataclass(frozen=True, slots=True)
class Copy:
    """A stolen model."""

    score: Thief
    threshold: float
    """At which it flags as many of the thief's questions as the victim did."""
    queries: int


def copy_by(
    questions: Floats, answers: Floats, flags: Bools, seed: int, *, threads: int = 1
) -> Copy:
    """Fit a gradient-boosted copy to answers in [0, 1]; the victim's flags set its threshold."""
    fit = _fit(questions, answers, seed, threads)
    scores = np.sort(fit(questions))[::-1]
    flagged = int(flags.sum())
    cut = scores[min(flagged, len(scores)) - 1] if flagged else np.nextafter(scores[0], np.inf)
    return Copy(fit, float(cut), len(questions))


def ask_actively(
    own: Own, victim: Answer, cut: float, n: int, rng: np.random.Generator, threads: int = 1
) -> tuple[Floats, Floats]:
    """Questions (n, features) and answers (n,): in rounds, those that the copy is least sure of."""
    share = n // _ACTIVE_ROUNDS
    asked = own.in_distribution(n - share * (_ACTIVE_ROUNDS - 1), rng)
    answers = victim(asked)
    for _ in range(_ACTIVE_ROUNDS - 1):
        surrogate = _fit(asked, answers, int(rng.integers(2**31)), threads)
        open_ = own.in_distribution(share * _CANDIDATES, rng)
        doubt = np.abs(surrogate(open_) - cut)
        chosen = open_[np.argsort(doubt, kind="stable")[:share]]
        asked = np.concatenate([asked, chosen])
        answers = np.concatenate([answers, victim(chosen)])
    return asked, answers


def _fit(rows: Floats, answers: Floats, seed: int, threads: int) -> Thief:
    # Cross entropy takes probabilities as well as labels.
    params = {
        "objective": "cross_entropy",
        "num_leaves": 31,
        "learning_rate": 0.15,
        "min_data_in_leaf": min(20, max(1, len(rows) // 20)),
        "verbosity": -1,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
    }
    data = lightgbm.Dataset(rows, label=answers, params={"verbosity": -1})
    booster = lightgbm.train(params, data, num_boost_round=_ROUNDS)

    def score(x: Floats) -> Floats:
        made: Floats = np.asarray(booster.predict(x, num_threads=threads), dtype=np.float64)
        return made

    return score


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like the victim a copy is, on rows that neither was made of; with resamples of each."""

    f1: float
    """Of the copy's flags, taking the victim's for the truth."""
    auc_ratio: float
    """The copy's AUC over the victim's, on true labels."""
    agreement: float
    """Share of rows with the same flag; near 1 for a copy that flags nothing."""
    drawn: NDArray[np.float64]
    """(replicates, 3) in the order above; NaN where a resample has no such figure."""


def likeness(
    victim: Floats,
    stolen: Floats,
    cuts: tuple[float, float],
    labels: NDArray[Any],
    rng: np.random.Generator,
    replicates: int,
) -> Likeness:
    """Compare scores (rows,) of both; `cuts` are the victim's threshold and the copy's."""
    ours, theirs = victim >= cuts[0], stolen >= cuts[1]
    n = len(labels)
    one = np.ones((1, n), dtype=np.int64)
    figures = _figures(one, ours, theirs, labels, victim, stolen)[0]
    drawn = []
    for start in range(0, replicates, _CHUNK):
        size = min(_CHUNK, replicates - start)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=size)
        drawn.append(_figures(weights, ours, theirs, labels, victim, stolen))
    f1, ratio, agreement = (float(figure) for figure in figures)
    return Likeness(f1, ratio, agreement, np.concatenate(drawn))


def _figures(
    weights: NDArray[np.int64],
    ours: Bools,
    theirs: Bools,
    labels: NDArray[Any],
    victim: Floats,
    stolen: Floats,
) -> Floats:
    """(replicates, 3) for rows counted `weights` (replicates, rows) times."""
    both = weights @ (ours & theirs).astype(np.int64)
    any_ = weights @ ours.astype(np.int64) + weights @ theirs.astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        f1 = np.where(any_ > 0, 2 * both / any_, np.nan)
        ratio = _auc(weights, labels, stolen) / _auc(weights, labels, victim)
    return np.stack([f1, ratio, (weights @ (ours == theirs)) / weights.sum(axis=1)], axis=1)


def _auc(weights: NDArray[np.int64], labels: NDArray[Any], scores: Floats) -> Floats:
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ones = np.add.reduceat(weights[:, order] * (labels[order] == 1), starts, axis=1)
    rows = np.add.reduceat(weights[:, order], starts, axis=1)
    made: Floats = auc(ones, rows - ones)
    return made


def plain_auc(labels: NDArray[Any], scores: Floats) -> float:
    """AUC of scores; NaN with one class."""
    ranking = rank(labels, scores)
    return float(auc(ranking.positives, ranking.negatives))
