"""Before keys are made or used: are these parameters good for this model? Estimated, then measured.

The estimate is for the worst row that the card allows; the trial encrypts rows at the limits and
compares. Both must be within the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from strongroom.domain.errors import DeniedError
from strongroom.homomorphic.ckks import ClientKeys, Evaluator
from strongroom.homomorphic.models import Card, Floats, SecretModel
from strongroom.homomorphic.parameters import Parameters, require

MAX_ERROR: Final = 1e-3
"""Of a logit: a probability is then off by at most a quarter of it."""
_TRIAL_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class Precision:
    """How far a logit may be from the one in plain."""

    estimated: float
    measured: float


def check(
    model: SecretModel,
    parameters: Parameters,
    rng: np.random.Generator,
    max_error: float = MAX_ERROR,
) -> Precision:
    """Judge, then try with keys that are thrown away. Raises DeniedError when not good."""
    estimated = require(parameters, model.demand, max_error)
    z = extremes(model, rng)
    keys = ClientKeys.make(parameters)
    evaluator = Evaluator(model, keys.public(), parameters)
    answers = [evaluator.evaluate(batch) for batch in keys.encrypt(z)]
    measured = float(np.abs(keys.decrypt(answers, len(z)) - model.logits(z)).max())
    if not measured <= max_error:
        raise DeniedError(
            f"an error of {measured:.2g} was measured, {max_error:.2g} allowed",
            where=str(parameters),
        )
    return Precision(estimated, measured)


def stand_in(card: Card, rng: np.random.Generator) -> SecretModel:
    """A model of the card's shape with weights drawn: a client does not have the real one."""
    d, units = len(card.features), card.demand.terms
    directions = rng.normal(size=(units, d)) / max(d, 1)
    return SecretModel(
        card.features,
        card.centre,
        card.scale,
        card.clip,
        card.threshold,
        bias=0.0,
        weights=rng.normal(size=d) / np.sqrt(d),
        directions=directions,
        offsets=np.zeros(units),
        signs=np.ones(units),
    )


def extremes(model: SecretModel, rng: np.random.Generator) -> Floats:
    """Rows at the limits: half at random corners, half anywhere within; and the two worst."""
    d = len(model.features)
    corners = rng.choice([-model.clip, model.clip], (_TRIAL_ROWS // 2, d))
    inside = rng.uniform(-model.clip, model.clip, (_TRIAL_ROWS // 2, d))
    worst = np.where(model.weights < 0, -model.clip, model.clip)
    return np.vstack([corners, inside, worst, -worst])
