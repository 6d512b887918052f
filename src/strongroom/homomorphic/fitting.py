"""Fit models that can be computed on ciphertext, from rows in plain."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from strongroom.domain.errors import InputError
from strongroom.homomorphic.models import Floats, SecretModel

CLIP = 5.0


def fit(
    x: Floats, y: Floats, features: tuple[str, ...], *, units: int, flagged: float, seed: int
) -> SecretModel:
    """Logistic regression of the scaled features and of the squares of `units` directions.

    Half of the directions are the principal ones, half are drawn. `flagged` is the share of the
    rows (n, d) that the threshold shall flag. Raises InputError for rows of one class.
    """
    if len(np.unique(y)) != 2 or not 0 < flagged < 1:
        raise InputError("fitting takes rows of both classes, and a share to flag")
    centre = np.nanmedian(x, axis=0)
    spread = (np.nanquantile(x, 0.95, axis=0) - np.nanquantile(x, 0.05, axis=0)) / 2
    scale = np.where(spread > 0, spread, 1.0)
    z = np.clip((x - centre) / scale, -CLIP, CLIP)
    z = np.where(np.isnan(z), 0.0, z)
    directions = _directions(z, units, np.random.default_rng(seed))
    squares = (z @ directions.T) ** 2
    model = LogisticRegression(C=0.1, max_iter=2000).fit(np.hstack([z, squares]), y)
    linear, square = np.split(model.coef_[0], [z.shape[1]])
    made = SecretModel(
        features=features,
        centre=centre,
        scale=scale,
        clip=CLIP,
        threshold=0.0,
        bias=float(model.intercept_[0]),
        weights=linear,
        directions=directions * np.sqrt(np.abs(square))[:, None],
        offsets=np.zeros(units),
        signs=np.where(square < 0, -1.0, 1.0),
    )
    return at_threshold(made, float(np.quantile(made.logits(z), 1 - flagged)))


def at_threshold(model: SecretModel, threshold: float) -> SecretModel:
    """The same model with another logit to flag from."""
    return SecretModel(
        model.features, model.centre, model.scale, model.clip, threshold, model.bias, model.weights,
        model.directions, model.offsets, model.signs,
    )  # fmt: skip


def _directions(z: Floats, units: int, rng: np.random.Generator) -> Floats:
    """Rows of norm 1 over the root of d, so that squares stay about as large as features."""
    wide = z.shape[1]
    _, _, principal = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    drawn = rng.normal(size=(units, wide))
    chosen = np.vstack([principal[: units // 2], drawn])[:units]
    made: Floats = chosen / np.linalg.norm(chosen, axis=1, keepdims=True) / np.sqrt(wide)
    return made
