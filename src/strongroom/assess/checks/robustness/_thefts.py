"""The thief's settings, his rows, and one theft after another until the time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.attacks.extraction import (
    Answer,
    Likeness,
    Own,
    ask_actively,
    copy_by,
    likeness,
)
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.case import Case
from strongroom.assess.check import Settings
from strongroom.domain.errors import InputError

Inputs = Literal["in_distribution", "marginal", "uniform", "active"]
Answers = Literal["scores", "labels"]
_RULE: Final = "robustness.extraction"
_LEAST: Final = 40
"""Test rows, half of which the thief has."""


class ExtractionSettings(Settings):
    """What the thief asks, what he is told, what it costs him."""

    budgets: tuple[int, ...] = Field(default=(2_000, 10_000, 50_000), min_length=1, max_length=6)
    """Queries; the copy is made anew with each."""
    reference_budget: int = Field(default=10_000, ge=100)
    """The figures without brackets are those of the best theft with at most so many queries."""
    answers: tuple[Answers, ...] = Field(default=("scores", "labels"), min_length=1)
    """What the endpoint says: the score, or only whether the row is flagged."""
    inputs: tuple[Inputs, ...] = Field(
        default=("in_distribution", "marginal", "uniform", "active"), min_length=1
    )
    """Where the questions come from."""
    target_fpr: float = Field(default=0.01, gt=0, lt=1)
    """False positive rate on the test data at which the victim flags."""
    queries_per_minute: float = Field(default=60.0, gt=0)
    """The endpoint's rate limit, which makes days of queries."""
    price_per_query: float | None = Field(default=None, ge=0)
    """What the thief pays for one, in any currency; without it no cost is stated."""
    round_to: float = Field(default=0.1, gt=0, le=0.5)
    """Step of the rounding that is tried as a defence."""
    noise: float = Field(default=0.05, gt=0, le=1)
    """Standard deviation of the noise that is tried as a defence."""
    max_eval_rows: int = Field(default=5_000, ge=100)
    """Rows that a copy is compared on."""
    replicates: int = Field(default=200, ge=100, le=5_000)
    """Bootstrap replicates."""
    seconds: float = Field(default=240.0, gt=0)
    """Time for all thefts; those not begun by then are left out, and said so."""


@dataclass(frozen=True, slots=True)
class Theft:
    """One way to go about it."""

    answers: str
    inputs: Inputs
    budget: int

    def __str__(self) -> str:
        return f"{self.answers},{self.inputs},{self.budget}"


@dataclass(frozen=True, slots=True)
class Scene:
    """The victim, what the thief has, and the rows on which both are compared."""

    case: Case
    own: Own
    x: Floats
    y: NDArray[np.int8]
    victim: Floats
    """Its scores of the compared rows."""
    threshold: float
    settings: ExtractionSettings

    @property
    def flagged(self) -> int:
        """Of the compared rows."""
        return int((self.victim >= self.threshold).sum())

    def steal(
        self, theft: Theft, told: Callable[[Floats, np.random.Generator], Floats]
    ) -> Likeness:
        """Ask, copy, compare. `told` is what the endpoint makes of its scores."""
        rng = self.case.rng(f"{_RULE}.{theft}")
        threads = self.case.threads
        flags: list[NDArray[np.bool_]] = []

        def answer(rows: Floats) -> Floats:
            scores = self.case.scorer.score(rows)
            flags.append(scores >= self.threshold)
            return told(scores, rng)

        cut = self.threshold if theft.answers == "scores" else 0.5
        x, said = self._ask(theft, answer, cut, rng)
        made = copy_by(x, said, np.concatenate(flags), int(rng.integers(2**31)), threads=threads)
        return likeness(
            self.victim,
            made.score(self.x),
            (self.threshold, made.threshold),
            self.y,
            rng,
            self.settings.replicates,
        )

    def _ask(
        self, theft: Theft, answer: Answer, cut: float, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        if theft.inputs == "active":
            return ask_actively(self.own, answer, cut, theft.budget, rng, self.case.threads)
        draw: Callable[[int, np.random.Generator], Floats] = getattr(self.own, theft.inputs)
        x = draw(theft.budget, rng)
        return x, answer(x)


def scene_of(case: Case, settings: ExtractionSettings) -> Scene:
    """Half of the test rows are the thief's, without labels. Raises InputError for too few."""
    x, y = case.features("data.test"), case.labels("data.test")
    if len(x) < _LEAST:
        raise InputError(f"{len(x)} test rows, {_LEAST} are needed", fix="test on more rows")
    scores = case.scorer.score(x)
    threshold = threshold_at_fpr(scores, y, settings.target_fpr)
    order = case.rng(f"{_RULE}.rows").permutation(len(x))
    mine, rest = order[: len(x) // 2], order[len(x) // 2 :][: settings.max_eval_rows]
    return Scene(case, Own(x[mine]), x[rest], y[rest], scores[rest], threshold, settings)


def told_by(answers: str, scene: Scene) -> Callable[[Floats, np.random.Generator], Floats]:
    """What the endpoint makes of its scores: all, a flag, a rounded or a noisy score."""
    settings = scene.settings

    def tell(scores: Floats, rng: np.random.Generator) -> Floats:
        if answers == "labels":
            return np.asarray(scores >= scene.threshold, dtype=np.float64)
        if answers == "rounding":
            scores = np.round(scores / settings.round_to) * settings.round_to
        if answers == "noise":
            scores = scores + rng.normal(0, settings.noise, len(scores))
        return np.clip(scores, 0.0, 1.0)

    return tell


def thefts(scene: Scene) -> Iterator[tuple[Theft, Likeness]]:
    """Every theft of the settings, the cheapest first, until the time is up."""
    settings = scene.settings
    every = [
        Theft(answers, inputs, budget)
        for budget in sorted(set(settings.budgets))
        for answers in settings.answers
        for inputs in settings.inputs
    ]
    deadline = time.monotonic() + settings.seconds
    for done, theft in enumerate(every):
        if time.monotonic() > deadline:
            return
        yield theft, scene.steal(theft, told_by(theft.answers, scene))
        scene.case.progress(done + 1, len(every))
