"""Models that can be computed on ciphertext: linear, and nets of one layer with squares.

    logit = bias + weights · z + Σ sign_k (direction_k · z + offset_k)²

where z is the scaled row. A net with square activation has an output weight for each unit; its root
is taken into the direction and its sign stays, which saves one multiplication.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError
from strongroom.homomorphic.parameters import Demand

Floats = npt.NDArray[np.float64]
FORMAT: Final = "strongroom.homomorphic.model.v1"
MAX_FEATURES: Final = 1000
MAX_UNITS: Final = 256
_MAX_FILE: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Card:
    """What the client is told of a model: how to prepare a row, and what to ask of parameters."""

    features: tuple[str, ...]
    centre: Floats
    scale: Floats
    """(d,): z = (x - centre) / scale, cut off at ± clip; a missing value becomes 0."""
    clip: float
    threshold: float
    """Rows whose logit is above it are flagged."""
    demand: Demand
    model: Digest

    def __post_init__(self) -> None:
        wide = (len(self.features),)
        if not 0 < len(self.features) <= MAX_FEATURES or self.centre.shape != wide:
            raise InputError(f"a model of {len(self.features)} features")
        if self.scale.shape != wide or not (self.scale > 0).all() or not 0 < self.clip <= 1000:
            raise InputError("centre, scale and clip do not fit the features")

    def inputs(self, x: Floats) -> Floats:
        """Scaled rows (n, d)."""
        scaled = np.clip((x - self.centre) / self.scale, -self.clip, self.clip)
        return np.where(np.isnan(scaled), 0.0, scaled)

    def to_bytes(self) -> bytes:
        """As a file that may be given away: no weights."""
        demand = {n: getattr(self.demand, n) for n in ("depth", "norm", "largest", "terms")}
        return canonical({**_said(self), "demand": demand, "model": str(self.model)})

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str) -> Card:
        """Read back. Raises InputError."""
        raw = parse_json(data, where=where, limit=_MAX_FILE)
        try:
            demand = Demand(**raw["demand"])
            numbers = (demand.norm, demand.largest, raw["threshold"], raw["clip"])
            if not all(math.isfinite(n) for n in numbers) or not 1 <= demand.depth <= 2:
                raise InputError("a card that asks for what cannot be", where=where)
            return cls(*_read(raw), demand, Digest.parse(raw["model"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"not a model's card: {error!r:.200}", where=where) from error


@dataclass(frozen=True, slots=True)
class SecretModel:
    """What the third party has, and the client never sees."""

    features: tuple[str, ...]
    centre: Floats
    scale: Floats
    clip: float
    threshold: float
    bias: float
    weights: Floats
    """(d,)."""
    directions: Floats
    """(units, d); no units is a linear model."""
    offsets: Floats
    """(units,)."""
    signs: Floats
    """(units,): 1 or -1."""

    def __post_init__(self) -> None:
        d, k = len(self.features), len(self.signs)
        shapes = (self.weights.shape, self.directions.shape, self.offsets.shape)
        if (
            shapes != ((d,), (k, d), (k,))
            or k > MAX_UNITS
            or not np.isin(self.signs, (-1, 1)).all()
        ):
            raise InputError(f"weights {shapes} do not fit {d} features and {k} units")

    def logits(self, z: Floats) -> Floats:
        """In plain, of scaled rows (n, d): what the ciphertext must come to."""
        squares = (z @ self.directions.T + self.offsets) ** 2
        made: Floats = self.bias + z @ self.weights + squares @ self.signs
        return made

    @property
    def demand(self) -> Demand:
        """Bounds over all rows whose scaled values are within ± clip."""
        inner = np.abs(self.directions).sum(axis=1) * self.clip + np.abs(self.offsets)
        linear = float(np.abs(self.weights).sum() * self.clip + abs(self.bias))
        norm = math.hypot(
            float(np.linalg.norm(self.weights)),
            float((2 * inner * np.linalg.norm(self.directions, axis=1)).sum()),
        )
        # Each square, and the inner product before it, must fit as well as their sum.
        largest = linear + float((inner**2).sum() + inner.sum())
        return Demand(2 if len(self.signs) else 1, norm, largest, len(self.signs))

    @property
    def card(self) -> Card:
        """What may be given away."""
        return Card(
            self.features, self.centre, self.scale, self.clip, self.threshold, self.demand,
            sha256(self.to_bytes()),
        )  # fmt: skip

    def to_bytes(self) -> bytes:
        """As a file."""
        arrays = {
            n: getattr(self, n).tolist() for n in ("weights", "directions", "offsets", "signs")
        }
        return canonical({**_said(self), "bias": self.bias, **arrays})

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str) -> SecretModel:
        """Read back. Raises InputError."""
        raw = parse_json(data, where=where, limit=_MAX_FILE)
        try:
            features, centre, scale, clip, threshold = _read(raw)
            directions = np.array(raw["directions"], dtype=np.float64)
            arrays = (_floats(raw[n]) for n in ("weights", "offsets", "signs"))
            weights, offsets, signs = arrays
            directions = directions.reshape(len(signs), len(features))
            if not np.isfinite(directions).all() or not math.isfinite(raw["bias"]):
                raise InputError("expected finite numbers", where=where)
            return cls(features, centre, scale, clip, threshold, float(raw["bias"]), weights,
                       directions, offsets, signs)  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"not a model for ciphertext: {error!r:.200}", where=where) from error


def _said(one: Card | SecretModel) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "features": list(one.features),
        "centre": one.centre.tolist(),
        "scale": one.scale.tolist(),
        "clip": one.clip,
        "threshold": one.threshold,
    }


def _read(raw: Any) -> tuple[tuple[str, ...], Floats, Floats, float, float]:
    if raw["format"] != FORMAT or not all(isinstance(name, str) for name in raw["features"]):
        raise InputError(f"not {FORMAT}")
    centre, scale = _floats(raw["centre"]), _floats(raw["scale"])
    return tuple(raw["features"]), centre, scale, float(raw["clip"]), float(raw["threshold"])


def _floats(raw: Any) -> Floats:
    made = np.array(raw, dtype=np.float64)
    if made.ndim != 1 or not np.isfinite(made).all():
        raise InputError("expected a list of finite numbers")
    return made
