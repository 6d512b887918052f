"""Models trained under differential privacy, each use paid for before the data is touched.

1. The plan is priced: bounds for scaling take a share of epsilon, training the rest.
2. `spend` is told all uses at once; past the budget it refuses, and nothing has been looked at.
3. Bounds are found privately, rows scaled and clipped to them.
4. A linear model is trained by diffprivlib (objective perturbation, Chaudhuri, Monteleoni and
   Sarwate, JMLR 2011), a net by Opacus (DP-SGD, Abadi et al., CCS 2016).

Neighbouring data sets differ in one row; how many rows there are is public.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.dp.bounds import Bounds, Floats, bounds_use, private_bounds
from strongroom.assess.dp.mechanisms import Use, noise_for
from strongroom.assess.models import Scorer
from strongroom.domain.errors import InputError

Kind = Literal["linear", "net"]
_KINDS: Final = ("linear", "net")
"""Each is a module beside this one, and named by what it makes, not by the library."""
_FAMILIES: Final = {".skops": "skops", ".safetensors": "torch"}
_LEAST_ROWS: Final = 100
_LEAST_BATCH: Final = 32
_SHARE_STEP: Final = 1e-6
"""Taken off the training's part, so that no sum of parts is above the whole by rounding."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained, and what may be lost."""

    kind: Kind
    epsilon: float
    """In all: scaling and training."""
    delta: float = 1e-5
    """Of nets; linear models and bounds need none."""
    scaling: float = 0.1
    """Share of epsilon for the bounds."""
    hidden: tuple[int, ...] = ()
    """Widths of a net's hidden layers; none is a logistic regression by DP-SGD."""
    epochs: int = 15
    batch: int = 512
    """Rows of one step, on average; too few, and a step might find none and so show that."""
    clip: float = 1.0
    """Longest gradient of one row."""
    rate: float = 0.02
    """Of Adam."""

    def __post_init__(self) -> None:
        if not _number(self.epsilon) or self.epsilon <= 0:
            raise InputError(f"an epsilon of {self.epsilon!r}", fix="it must be above 0")
        if not _number(self.delta) or not 0 < self.delta < 1:
            raise InputError(f"a delta of {self.delta!r}", fix="between 0 and 1, below one a row")
        if not _number(self.scaling) or not 0 < self.scaling < 1:
            raise InputError(f"a share of {self.scaling!r} for scaling", fix="between 0 and 1")
        if self.kind not in _KINDS:
            raise InputError(f"no model of kind {self.kind!r}", fix="linear or net")
        if self.kind == "linear" and self.hidden:
            raise InputError("a linear model has no hidden layers", fix="choose the kind net")
        whole = (*self.hidden, self.epochs, self.batch)
        if any(type(n) is not int or n < 1 for n in whole):
            raise InputError("widths, epochs and batch are whole numbers above 0")
        if self.batch < _LEAST_BATCH:
            raise InputError(f"a batch of {self.batch}", fix=f"{_LEAST_BATCH} rows or more")
        if any(not _number(n) or n <= 0 for n in (self.clip, self.rate)):
            raise InputError("clip and rate are above 0")

    def steps(self, rows: int) -> int:
        """Of DP-SGD."""
        return math.ceil(self.epochs * rows / min(self.batch, rows))

    def uses(self, rows: int, columns: int) -> tuple[Use, ...]:
        """All that this plan does with the data. Raises InputError where delta is too large."""
        if rows < _LEAST_ROWS or columns < 1:
            raise InputError(f"{rows} rows of {columns} columns", fix=f"{_LEAST_ROWS} rows or more")
        if self.kind == "net" and self.delta > 1 / rows:
            raise InputError(
                f"a delta of {self.delta:g} for {rows} rows: somebody's row may be published whole",
                fix=f"below {1 / rows:.1g}",
            )
        bounds = bounds_use(columns, self.epsilon * self.scaling)
        epsilon = self.epsilon * (1 - self.scaling) * (1 - _SHARE_STEP)
        if self.kind == "linear":
            return bounds, Use("stated", {"epsilon": epsilon, "delta": 0.0})
        sampling, steps = min(1.0, self.batch / rows), self.steps(rows)
        noise = noise_for(sampling, steps, epsilon, self.delta)
        return bounds, Use(
            "sampled_gaussian", {"noise_multiplier": noise, "sampling": sampling}, steps
        )


@dataclass(frozen=True, slots=True)
class PrivateModel:
    """A trained model, as the bytes of a file that `open_scorer` opens."""

    file: bytes
    suffix: str
    """`.skops` or `.safetensors`."""
    uses: tuple[Use, ...]
    bounds: Bounds

    def scorer(self) -> Scorer:
        """The model, opened."""
        family = import_module(f"strongroom.assess.families.{_FAMILIES[self.suffix]}")
        columns = len(self.bounds.low)
        made: Scorer = family.open_model(self.file, where="model", n_features=columns, threads=1)
        return made


def train_privately(
    plan: Plan,
    x: Floats,
    y: NDArray[Any],
    spend: Callable[[Sequence[Use]], object],
    rng: np.random.Generator,
) -> PrivateModel:
    """Train on rows (n, features) and labels (n,) of 0 and 1.

    `spend` records the uses or raises, before anything is looked at. `rng` must be nobody's to
    guess: whoever knows the noise can take it off again. Raises MissingExtra without diffprivlib
    (`private`) or Opacus (`torch`).
    """
    trainer = import_module(f"strongroom.assess.dp.{plan.kind}")
    uses = plan.uses(*x.shape)
    spend(uses)
    bounds = private_bounds(x, plan.epsilon * plan.scaling, rng)
    labels = np.asarray(y, dtype=np.int64)
    if set(np.unique(labels)) != {0, 1}:
        raise InputError("labels of one class only", fix="train on rows of both")
    file: bytes = trainer.train(plan, uses[-1], bounds, x, labels, rng)
    return PrivateModel(file, trainer.SUFFIX, uses, bounds)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
