"""Attribute inference: does the model tell a person's sensitive attribute, beyond what else does?

An attacker knows all of a person's row but one attribute, and what the model said of the person. He
can also ask the model what it would say for each value that the attribute may have (Fredrikson, Jha
and Ristenpart, "Model Inversion Attacks that Exploit Confidence Information", CCS 2015). Much of an
attribute follows from the rest of the row: so the same learner guesses with and without the model's
answers, and what counts is the lift between the two (after Jayaraman and Evans, "Are Attribute
Inference Attacks Just Imputation?", CCS 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Bools, Floats

_ROUNDS: Final = 40


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some rows."""

    others: Floats
    """(rows, columns): every feature but the attribute, and the true label."""
    answers: Floats
    """(rows, answers): the model's score of the row, and of the row with each candidate value."""
    values: NDArray[np.int64]
    """(rows,): the attribute, as a place among its levels."""


def answers_of(
    score: Callable[[Floats], Floats], x: Floats, column: int | None, candidates: Floats
) -> Floats:
    """The model's answers (rows, 1 + candidates); only the first where it does not read `column`.

    Candidates are the numbers that stand for the attribute's levels in the model's rows.
    """
    made = [score(x)]
    if column is not None:
        for value in candidates:
            asked = x.copy()
            asked[:, column] = value
            made.append(score(asked))
    return np.stack(made, axis=1)


@dataclass(frozen=True, slots=True)
class Guesses:
    """Right guesses of the same rows by the same learner."""

    with_model: Bools
    without: Bools
    prior: Bools
    """By the commonest value."""

    def lift(self) -> float:
        """Difference of the shares of right guesses, with the model less without."""
        return float(self.with_model.mean() - self.without.mean())

    def draw_lift(self, rng: np.random.Generator, times: int) -> Floats:
        """Resampled lifts, (times,): rows are drawn with both of their guesses."""
        gain = self.with_model.astype(int) - self.without.astype(int)
        n = len(gain)
        counts = np.bincount(gain + 1, minlength=3)
        drawn = rng.multinomial(n, counts / n, size=times)
        made: Floats = (drawn[:, 2] - drawn[:, 0]) / n
        return made


def guess(taught: Known, asked: Known, levels: int, seed: int, *, threads: int = 1) -> Guesses:
    """Learn from rows whose attribute the attacker knows, guess those of the others."""
    both = np.concatenate([taught.others, taught.answers], axis=1)
    plain = _learn(taught.others, taught.values, levels, seed, threads)
    armed = _learn(both, taught.values, levels, seed, threads)
    common = np.bincount(taught.values, minlength=levels).argmax()
    return Guesses(
        armed(np.concatenate([asked.others, asked.answers], axis=1)) == asked.values,
        plain(asked.others) == asked.values,
        asked.values == common,
    )


def _learn(
    x: Floats, y: NDArray[Any], levels: int, seed: int, threads: int
) -> Callable[[Floats], NDArray[np.int64]]:
    params = {
        "objective": "multiclass",
        "num_class": levels,
        "num_leaves": 15,
        "min_data_in_leaf": min(20, max(1, len(y) // 20)),
        "verbosity": -1,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
    }
    data = lightgbm.Dataset(x, label=y, params={"verbosity": -1})
    booster = lightgbm.train(params, data, num_boost_round=_ROUNDS)

    def best(rows: Floats) -> NDArray[np.int64]:
        made: NDArray[np.int64] = np.asarray(booster.predict(rows, num_threads=threads)).argmax(
            axis=1
        )
        return made

    return best
