"""Gradient boosting from sums: banks count, the coordinator divides.

For each node of a level, each feature and each bin, a bank adds up first and second derivatives of
the log loss over its own rows; the sum over all banks is all that a split takes. The gain is the
second-order one of Chen and Guestrin, KDD 2016 (https://arxiv.org/abs/1603.02754).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strongroom.federated.fixed import Floats
from strongroom.federated.models import Tree, sigmoid
from strongroom.federated.plan import BoostingPlan

Bins = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
_NO_GAIN: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Growing:
    """A tree of which `depth` levels are divided."""

    depth: int
    tree: Tree

    @property
    def nodes(self) -> range:
        """The nodes of the level that is divided next, by number in the heap."""
        return range(2**self.depth - 1, 2 ** (self.depth + 1) - 1)


def seedling(depth: int) -> Growing:
    """A tree that is one leaf of value 0, with room for `depth` levels of divisions."""
    n = 2 ** (depth + 1) - 1
    return Growing(0, Tree((-1,) * n, (0.0,) * n, (0.0,) * n))


def binned(x: Floats, edges: tuple[tuple[float, ...], ...]) -> Bins:
    """The bin of each value, (n, d); missing values are in the lowest."""
    made = np.empty(x.shape, dtype=np.uint8)
    for column, ends in enumerate(edges):
        values = np.where(np.isnan(x[:, column]), -np.inf, x[:, column])
        made[:, column] = np.searchsorted(np.array(ends), values, side="right")
    return made


def histogram(bins: Bins, at: Ints, margin: Floats, y: Floats, level: range, n_bins: int) -> Floats:
    """Sums of derivatives, (2, nodes, features, bins): of rows that are at nodes of the level."""
    p = sigmoid(margin)
    inside = (at >= level.start) & (at < level.stop)
    node = (at[inside] - level.start) * n_bins
    first, second = (p - y)[inside], (p * (1 - p))[inside]
    made = np.empty((2, len(level), bins.shape[1], n_bins))
    for column in range(bins.shape[1]):
        cell = node + bins[inside, column]
        for kind, weight in enumerate((first, second)):
            sums = np.bincount(cell, weights=weight, minlength=len(level) * n_bins)
            made[kind, :, column] = sums.reshape(len(level), n_bins)
    return made


def divided(
    growing: Growing, sums: Floats, edges: tuple[tuple[float, ...], ...], plan: BoostingPlan
) -> Growing:
    """One level more: every node of the level divided where it gains, its children given values.

    `sums` are as `histogram` gives them, over all banks.
    """
    tree = growing.tree
    feature, threshold, value = list(tree.feature), list(tree.threshold), list(tree.value)
    for place, node in enumerate(growing.nodes):
        best = _best(sums[0, place], sums[1, place], edges, plan)
        if growing.depth == 0:
            value[0] = _leaf(sums[:, 0, 0].sum(axis=1), plan)
        if best is None:
            continue
        feature[node], cut, below, above = best
        threshold[node] = edges[feature[node]][cut]
        value[2 * node + 1], value[2 * node + 2] = _leaf(below, plan), _leaf(above, plan)
    return Growing(growing.depth + 1, Tree(tuple(feature), tuple(threshold), tuple(value)))


def _best(
    first: Floats, second: Floats, edges: tuple[tuple[float, ...], ...], plan: BoostingPlan
) -> tuple[int, int, Floats, Floats] | None:
    """Feature, edge and the sums on both sides of the best division of one node, if any gains."""
    below = np.stack([first, second]).cumsum(axis=2)
    total = below[:, :, -1:]
    above = total - below
    gain = _score(below, plan) + _score(above, plan) - _score(total, plan)
    allowed = (below[1] >= plan.min_weight) & (above[1] >= plan.min_weight)
    allowed &= np.arange(first.shape[1]) < np.array([len(e) for e in edges])[:, None]
    gain = np.where(allowed, gain, -np.inf)
    column, cut = np.unravel_index(int(gain.argmax()), gain.shape)
    if not gain[column, cut] > _NO_GAIN:
        return None
    return int(column), int(cut), below[:, column, cut], above[:, column, cut]


def _score(sums: Floats, plan: BoostingPlan) -> Floats:
    scored: Floats = sums[0] ** 2 / (np.maximum(sums[1], 0.0) + plan.l2 + 1e-12)
    return scored


def _leaf(sums: Floats, plan: BoostingPlan) -> float:
    """Newton's step within bounds, times the learning rate."""
    first, second = sums
    step = -first / (max(second, 0.0) + plan.l2 + 1e-12)
    return float(plan.learning_rate * np.clip(step, -plan.max_step, plan.max_step))
