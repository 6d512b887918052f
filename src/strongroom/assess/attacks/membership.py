"""Membership inference by likelihood ratio: was this row in the training data?

LiRA (Carlini, Chien, Nasr, Song, Terzis, Tramèr, "Membership Inference Attacks From First
Principles", IEEE S&P 2022), online: shadow models are trained on random halves of a pool, each row
in exactly half of them; a row's confidence is Gaussian among the shadows that saw it and among
those that did not, and the ratio of the two densities at the attacked model's confidence is the
row's score. Because every row has its own two Gaussians, rows that are merely easy score no higher.

Everything below works on confidences that are already there, (shadows, rows) and (rows,), so other
attacks on the same shadows cost nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Bools, Floats
from strongroom.domain.errors import InputError

FEW_SHADOWS: Final = 64
"""Below this the variance is pooled over rows, as Carlini et al. advise."""
_CLIP: Final = 1e-6
_LEAST_DEVIATION: Final = 1e-3
"""A model that never moves has no spread; this keeps its likelihoods finite, and equal."""


def design(rows: int, shadows: int, rng: np.random.Generator) -> Bools:
    """(shadows, rows): who trains on what; each row is in exactly half of the shadows.

    Shadows come in pairs, a random half and the other half, so that every even number of them is
    balanced too. Raises InputError for an odd or too small number of shadows.
    """
    if shadows < 4 or shadows % 2:
        raise InputError(f"{shadows} shadows", fix="take an even number, 4 or more")
    half = np.arange(rows) < rows // 2
    one = np.stack([rng.permutation(half) for _ in range(shadows // 2)])
    return np.stack([one, ~one], axis=1).reshape(shadows, rows)


def confidence(scores: Floats, labels: NDArray[Any]) -> Floats:
    """Log odds of the true label, (…, rows), for probabilities of class 1: nearly Gaussian."""
    sure = np.clip(np.where(labels == 1, scores, 1 - scores), _CLIP, 1 - _CLIP)
    made: Floats = np.log(sure) - np.log1p(-sure)
    return made


@dataclass(frozen=True, slots=True)
class Shadows:
    """Confidences of shadow models, and which rows each was trained on."""

    confidence: Floats
    """(shadows, rows)"""
    inside: Bools
    """(shadows, rows)"""

    def without(self, one: int) -> Shadows:
        """All but one, which may then be attacked with the rest."""
        rest = np.arange(len(self.inside)) != one
        return Shadows(self.confidence[rest], self.inside[rest])


def lira(target: Floats, shadows: Shadows) -> Floats:
    """Log likelihood ratio of membership, (rows,), for the attacked model's confidences (rows,).

    Raises InputError where a row has no shadow that saw it, or none that did not.
    """
    inside = shadows.inside
    if not (inside.any(axis=0) & ~inside.all(axis=0)).all():
        raise InputError("rows without shadows on both sides", fix="train more shadows")
    mean_in, deviation_in = _gaussian(shadows.confidence, inside)
    mean_out, deviation_out = _gaussian(shadows.confidence, ~inside)
    return _log_density(target, mean_in, deviation_in) - _log_density(
        target, mean_out, deviation_out
    )


def _gaussian(confidences: Floats, chosen: Bools) -> tuple[Floats, Floats | float]:
    """Each row's mean and deviation over the chosen shadows; one deviation where they are few."""
    n = chosen.sum(axis=0)
    mean = np.where(chosen, confidences, 0.0).sum(axis=0) / n
    squares = np.where(chosen, (confidences - mean) ** 2, 0.0).sum(axis=0)
    if len(chosen) < FEW_SHADOWS:
        freedom = max(int((n - 1).sum()), 1)
        return mean, max(float(np.sqrt(squares.sum() / freedom)), _LEAST_DEVIATION)
    return mean, np.maximum(np.sqrt(squares / np.maximum(n - 1, 1)), _LEAST_DEVIATION)


def _log_density(x: Floats, mean: Floats, deviation: Floats | float) -> Floats:
    made: Floats = -np.log(deviation) - ((x - mean) / deviation) ** 2 / 2
    return made
