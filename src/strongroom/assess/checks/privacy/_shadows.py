"""The rows that are attacked, and the shadow models that are trained on them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.attacks.constraints import Bools, Floats
from strongroom.assess.attacks.membership import Shadows, confidence, design
from strongroom.assess.case import Case
from strongroom.assess.check import Settings
from strongroom.assess.retrain import Recipe, make
from strongroom.domain.errors import InputError

_RULE: Final = "privacy.membership"
_LEAST_LABELLED: Final = 8
"""Rows of each label that the pool must hold, so that both halves can be trained on."""


class MembershipSettings(Settings):
    """How many shadows, on how many rows, for how long."""

    shadows: int = Field(default=16, ge=4, le=512, multiple_of=2)
    """Shadow models; even."""
    max_rows: int = Field(default=8_000, ge=100)
    """Rows attacked: half members, half non-members."""
    shadow_rows: int = Field(default=20_000, ge=50)
    """Rows that one shadow trains on, at most. Shadows much smaller than the model miss leaks."""
    replicates: int = Field(default=1_000, ge=100, le=20_000)
    """Bootstrap replicates."""
    exposed: int = Field(default=10, ge=0, le=100)
    """How many of the most exposed training rows to name, by row number."""
    seconds: float = Field(default=120.0, gt=0)
    """Time for training shadows; those not trained by then are left out, and said so."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The attacked rows, members first, and what fills the shadows up."""

    x: Floats
    y: NDArray[np.int8]
    members: int
    rows: NDArray[np.int64]
    """Row numbers of the members in the training data."""
    filler: NDArray[np.int64]
    """Row numbers of training rows that are not attacked."""
    fill: int
    """How many of the filler each shadow gets."""

    @property
    def is_member(self) -> Bools:
        """Of each attacked row."""
        made: Bools = np.arange(len(self.y)) < self.members
        return made

    @property
    def training_rows(self) -> int:
        """Rows that the assessed model was trained on."""
        return len(self.rows) + len(self.filler)

    @property
    def shadow_rows(self) -> int:
        """Rows that a shadow trains on."""
        return len(self.y) // 2 + self.fill


def draw(case: Case, settings: MembershipSettings) -> Pool:
    """Choose the rows to attack. Raises InputError where too few are there."""
    train, test = case.features("data.train"), case.features("data.test")
    half = min(len(train), len(test), settings.max_rows // 2)
    rng = case.rng(f"{_RULE}.rows")
    order = rng.permutation(len(train))
    rows, others = order[:half], rng.permutation(len(test))[:half]
    y = np.concatenate([case.labels("data.train")[rows], case.labels("data.test")[others]])
    rarest = int(np.bincount(y, minlength=2).min())
    if rarest < _LEAST_LABELLED:
        raise InputError(
            f"{len(y)} rows to attack, {rarest} of the rarer label: {_LEAST_LABELLED} are needed",
            fix="raise max_rows, or test on more rows",
        )
    wanted = min(len(train), settings.shadow_rows) - half
    return Pool(
        x=np.concatenate([train[rows], test[others]]),
        y=y,
        members=half,
        rows=rows,
        filler=order[half:],
        fill=max(0, min(wanted, len(train) - half)),
    )


@dataclass(frozen=True, slots=True)
class Trainer:
    """Makes models as the assessed one was made."""

    case: Case
    pool: Pool
    recipe: Recipe

    def shadows(self, settings: MembershipSettings) -> Shadows:
        """Train shadows in pairs until all are there or the time is up."""
        rng = self.case.rng(f"{_RULE}.shadows")
        rows = len(self.pool.y)
        inside = design(rows, settings.shadows, rng)
        deadline = time.monotonic() + settings.seconds
        confidences: list[Floats] = []
        for one, chosen in enumerate(inside):
            if one % 2 == 0 and time.monotonic() > deadline:
                break
            confidences.append(self.confidence_of_one(chosen, self.pool.fill, rng))
            self.case.progress(one + 1, len(inside))
        return Shadows(
            np.array(confidences).reshape(len(confidences), rows), inside[: len(confidences)]
        )

    def confidence_of_one(self, chosen: Bools, fill: int, rng: np.random.Generator) -> Floats:
        """Train on the chosen rows and some filler; its confidence in every attacked row."""
        extra = rng.choice(self.pool.filler, fill, replace=False)
        x, y = self.case.features("data.train"), self.case.labels("data.train")
        shadow = make(
            self.recipe,
            np.concatenate([self.pool.x[chosen], x[extra]]),
            np.concatenate([self.pool.y[chosen], y[extra]]),
            int(rng.integers(2**31)),
            threads=self.case.threads,
        )
        return confidence(shadow.score(self.pool.x), self.pool.y)
