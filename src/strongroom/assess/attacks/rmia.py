"""Membership inference by relative likelihood: RMIA, on the shadows that LiRA has trained.

Zarifzadeh, Liu and Shokri, "Low-Cost High-Power Membership Inference Attacks", ICML 2024. A row x
is compared with rows z of the population: how often is `p(x|model) / p(x)` larger than
`p(z|model) / p(z)`, where p(x) is the mean probability of the true label over reference models,
half of which saw x. All rows here meet the same population, so that share grows with x's own ratio
and with nothing else: the ratio ranks rows as the share does, without its ties.

LiRA models log odds as Gaussian, which averaged votes of a forest are not; RMIA makes no such
assumption. Which of the two sees more depends on the model, so both are run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.special import expit

from strongroom.assess.attacks.constraints import Bools, Floats
from strongroom.assess.attacks.membership import Shadows
from strongroom.domain.errors import InputError

_LEAST: Final = 1e-6
"""Probability below which a reference says nothing more."""

Attack = Callable[[Floats, Shadows], Floats]
"""Confidences of the attacked model (rows,) and shadows to a score of each row (rows,)."""


def rmia(target: Floats, shadows: Shadows) -> Floats:
    """Log of `p(x|model) / p(x)`, (rows,), for the attacked model's confidences (rows,).

    The shadows that saw a row and those that did not count for half each, however many they are.
    Raises InputError where a row has no shadow on one of the sides.
    """
    inside = shadows.inside
    if not (inside.any(axis=0) & ~inside.all(axis=0)).all():
        raise InputError("rows without shadows on both sides", fix="train more shadows")
    probability = expit(shadows.confidence)
    expected = (_mean(probability, inside) + _mean(probability, ~inside)) / 2
    made: Floats = np.log(np.maximum(expit(target), _LEAST)) - np.log(np.maximum(expected, _LEAST))
    return made


def on_each(attack: Attack, shadows: Shadows) -> Floats:
    """(shadows, rows): each shadow attacked with the others."""
    return np.stack(
        [attack(seen, shadows.without(one)) for one, seen in enumerate(shadows.confidence)]
    )


def _mean(values: Floats, chosen: Bools) -> Floats:
    made: Floats = np.where(chosen, values, 0.0).sum(axis=0) / chosen.sum(axis=0)
    return made
