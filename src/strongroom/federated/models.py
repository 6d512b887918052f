"""The two kinds of model that a federation trains, as data: canonical JSON that is only numbers."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, LimitError
from strongroom.federated.fixed import Floats

FORMAT: Final = "strongroom.federated.model.v1"
MAX_WEIGHTS: Final = 4_000_000
CLIP: Final = 8.0
"""Scaled features beyond this are taken for this: one wild value moves no bank's update far."""


@dataclass(frozen=True, slots=True)
class Net:
    """Weights of a net with tanh units and one logistic output; no hidden layer is regression."""

    centre: Floats
    """(d,): taken off each feature …"""
    scale: Floats
    """(d,): … which is then divided by this; a missing value becomes 0."""
    sizes: tuple[int, ...]
    """Units of each layer, from d to 1."""
    weights: Floats
    """All layers, each its matrix row by row and then its biases."""
    KIND: ClassVar[str] = "net"

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or min(self.sizes) < 1 or self.sizes[-1] != 1:
            raise InputError(f"layers of {self.sizes} units")
        if count_weights(self.sizes) > MAX_WEIGHTS:
            raise LimitError(f"more than {MAX_WEIGHTS} weights")
        shapes = (self.weights.shape, self.centre.shape, self.scale.shape)
        wide = (self.sizes[0],)
        if shapes != ((count_weights(self.sizes),), wide, wide) or not (self.scale > 0).all():
            raise InputError("weights, centre and scale do not fit the layers")

    def layers(self, weights: Floats) -> list[tuple[Floats, Floats]]:
        """Views of a flat vector: matrix (in, out) and biases (out,) of each layer."""
        made, at = [], 0
        for wide, tall in itertools.pairwise(self.sizes):
            matrix = weights[at : at + wide * tall].reshape(wide, tall)
            at += wide * tall
            made.append((matrix, weights[at : at + tall]))
            at += tall
        return made

    def inputs(self, x: Floats) -> Floats:
        """Scaled features."""
        scaled = np.clip((x - self.centre) / self.scale, -CLIP, CLIP)
        return np.where(np.isnan(scaled), 0.0, scaled)

    def score(self, x: Floats) -> Floats:
        """Probability of class 1 for each row (n, d)."""
        signal = self.inputs(x)
        *hidden, (matrix, bias) = self.layers(self.weights)
        for inner, offset in hidden:
            signal = np.tanh(signal @ inner + offset)
        return sigmoid((signal @ matrix + bias)[:, 0])

    def to_json(self) -> dict[str, Any]:
        """Numbers only."""
        numbers = {"centre": self.centre, "scale": self.scale, "weights": self.weights}
        return {"sizes": list(self.sizes), **{n: v.tolist() for n, v in numbers.items()}}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Net:
        """Read back. Raises InputError."""
        sizes = tuple(raw["sizes"])
        if not all(type(size) is int for size in sizes):
            raise InputError("sizes are whole numbers")
        return cls(_floats(raw["centre"]), _floats(raw["scale"]), sizes, _floats(raw["weights"]))


@dataclass(frozen=True, slots=True)
class Tree:
    """A binary tree in heap order: the children of node i are 2 i + 1 (below) and 2 i + 2."""

    feature: tuple[int, ...]
    """-1 for a leaf."""
    threshold: tuple[float, ...]
    """Rows with a smaller value, or none, go below."""
    value: tuple[float, ...]
    """What a row that ends here adds to the logit."""

    def __post_init__(self) -> None:
        n = len(self.feature)
        if not len(self.threshold) == len(self.value) == n or not n or (n + 1) & n or n > 1023:
            raise InputError("a tree takes 2^k - 1 nodes")
        if any(f >= 0 and 2 * i + 2 >= n for i, f in enumerate(self.feature)):
            raise InputError("a node without children divides")

    def leaves(self, x: Floats) -> Any:
        """The node that each row (n, d) ends in."""
        feature, threshold = np.array(self.feature), np.array(self.threshold)
        at, rows = np.zeros(len(x), dtype=np.int64), np.arange(len(x))
        for _ in range(len(self.feature).bit_length() - 1):
            inner = feature[at] >= 0
            above = x[rows, np.maximum(feature[at], 0)] >= threshold[at]
            at = np.where(inner, 2 * at + 1 + above, at)
        return at

    def margin(self, x: Floats) -> Floats:
        """What the tree adds to each row's logit."""
        found: Floats = np.array(self.value)[self.leaves(x)]
        return found


@dataclass(frozen=True, slots=True)
class Forest:
    """Boosted trees: the logit is `base` and what every tree adds."""

    edges: tuple[tuple[float, ...], ...]
    """For each feature, where its bins end."""
    base: float
    trees: tuple[Tree, ...] = ()
    KIND: ClassVar[str] = "boosting"

    def margin(self, x: Floats) -> Floats:
        """Logits of the rows (n, d)."""
        total = np.full(len(x), self.base)
        for tree in self.trees:
            total += tree.margin(x)
        return total

    def score(self, x: Floats) -> Floats:
        """Probability of class 1 for each row (n, d)."""
        return sigmoid(self.margin(x))

    def to_json(self) -> dict[str, Any]:
        """Numbers only."""
        trees = [tree_to_json(tree) for tree in self.trees]
        return {"edges": [list(e) for e in self.edges], "base": self.base, "trees": trees}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Forest:
        """Read back. Raises InputError."""
        edges = tuple(tuple(float(e) for e in one) for one in raw["edges"])
        return cls(edges, float(raw["base"]), tuple(tree_of(t, len(edges)) for t in raw["trees"]))


Model: TypeAlias = Net | Forest
_KINDS: Final[dict[str, type[Net] | type[Forest]]] = {"net": Net, "boosting": Forest}


def to_bytes(model: Model) -> bytes:
    """The model's file: same model, same bytes."""
    return canonical({"format": FORMAT, "kind": model.KIND, **model.to_json()})


def digest_of_model(model: Model) -> Digest:
    """SHA-256 of its file."""
    return sha256(to_bytes(model))


def from_bytes(data: bytes, *, where: str) -> Model:
    """Read a model's file. Raises InputError for anything else."""
    raw = parse_json(data, where=where, limit=256 * 1024 * 1024)
    try:
        if raw["format"] != FORMAT:
            raise InputError(f"not {FORMAT}", where=where)
        return _KINDS[raw["kind"]].from_json(raw)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"malformed model: {error!r:.200}", where=where) from error


def tree_to_json(tree: Tree) -> dict[str, Any]:
    """Three lists, one entry a node."""
    return {"feature": tree.feature, "threshold": tree.threshold, "value": tree.value}


def tree_of(raw: dict[str, Any], features: int) -> Tree:
    """Read a tree. Raises InputError, TypeError, ValueError."""
    feature = tuple(raw["feature"])
    if not all(type(f) is int and -1 <= f < features for f in feature):
        raise InputError("a tree divides by a feature that is not there")
    return Tree(feature, *(tuple(_floats(raw[n]).tolist()) for n in ("threshold", "value")))


def count_weights(sizes: tuple[int, ...]) -> int:
    """Weights and biases of a net."""
    return sum((a + 1) * b for a, b in itertools.pairwise(sizes))


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), for x of any size."""
    made: Floats = 0.5 * (1.0 + np.tanh(0.5 * logits))
    return made


def log_loss(logits: Floats, y: Floats) -> float:
    """Sum over the rows, in nats."""
    return math.fsum(np.logaddexp(0.0, logits) - y * logits)


def _floats(raw: Any) -> Floats:
    made = np.array(raw, dtype=np.float64)
    if made.ndim != 1 or not np.isfinite(made).all():
        raise InputError("expected finite numbers")
    return made
