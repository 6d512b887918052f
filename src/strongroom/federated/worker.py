"""What a bank computes for a task, from its own rows. No I/O; randomness is an argument."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from strongroom.domain.canonical import parse_json
from strongroom.domain.errors import InputError
from strongroom.federated import boosting, models, nets, sketch
from strongroom.federated.fixed import Floats
from strongroom.federated.models import Forest, Net, log_loss, tree_of
from strongroom.federated.plan import BoostingPlan, NetPlan, Plan
from strongroom.federated.shamir import Entropy
from strongroom.federated.tasks import Kind, Task
from strongroom.federated.training import noise_of_sketch


@dataclass(frozen=True, slots=True)
class Rows:
    """A bank's own data."""

    x: Floats
    """(n, d), in the plan's order of features; missing is NaN."""
    y: Floats
    """(n,): 0 or 1."""

    def __post_init__(self) -> None:
        sketch.check_rows(self.x, self.y)
        if np.isinf(self.x).any():
            raise InputError("a feature is infinite", fix="leave it missing")


@dataclass(frozen=True, slots=True)
class Loss:
    """One run of a private mechanism, told before it runs: arguments of `assess.dp`'s `Use`."""

    mechanism: str
    parameters: dict[str, float]
    times: int
    purpose: str


def spend_nothing(_: Loss) -> None:
    """For whoever keeps no privacy ledger."""


class Worker:
    """Answers tasks of one plan; a task asked twice in a row is answered alike."""

    def __init__(
        self,
        plan: Plan,
        me: str,
        rows: Rows,
        entropy: Entropy,
        spend: Callable[[Loss], None] = spend_nothing,
    ) -> None:
        if rows.x.shape[1] != len(plan.features):
            raise InputError(f"{rows.x.shape[1]} columns, the plan has {len(plan.features)}")
        self._plan, self._me, self._rows = plan, me, rows
        self._entropy, self._spend = entropy, spend
        self._last: tuple[object, Floats] | None = None
        self._bins: tuple[object, boosting.Bins] | None = None
        self._margin = (Forest((), 0.0), np.zeros(0))

    def answer(self, task: Task) -> Floats:
        """The vector (task.length,). Raises InputError, LimitError; DeniedError past a budget."""
        asked = (task.content, task.round, task.stage)
        if self._last is None or self._last[0] != asked:
            vector = self._vector(task)
            if vector.shape != (task.length,):
                raise InputError(f"{task.length} words asked for, {len(vector)} made")
            self._last = (asked, vector)
        return self._last[1]

    def _vector(self, task: Task) -> Floats:
        body = _body(task)
        if task.kind is Kind.SKETCH:
            return self._sketch()
        model = models.from_bytes(body["model"].encode(), where="task")
        if task.kind is Kind.STEP and isinstance(model, Net):
            return self._step(model, task)
        if task.kind is Kind.LEVEL and isinstance(model, Forest):
            return self._level(model, body["growing"])
        raise InputError(f"a task of kind {task.kind} with a model of kind {model.KIND}")

    def _sketch(self) -> Floats:
        x, y = self._rows.x, self._rows.y
        noise = noise_of_sketch(self._plan)
        if noise:
            multiplier = self._privacy().noise_multiplier
            self._spend(Loss("gaussian", {"noise_multiplier": multiplier}, 1, "sketch"))
        made = np.concatenate([sketch.counts(x).ravel(), [len(y), y.sum()]])
        return made + nets.gaussian(len(made), noise, self._entropy) if noise else made

    def _step(self, net: Net, task: Task) -> Floats:
        plan, n = self._net_plan(net), len(self._rows.y)
        x, y = net.inputs(self._rows.x), self._rows.y
        if self._plan.privacy is None:
            moved = nets.improved(net, x, y, plan, self._draw(task))
            return np.concatenate([moved * n, [n, nets.loss(net, x, y)]])
        privacy = self._privacy()
        chances = {"noise_multiplier": privacy.noise_multiplier, "sampling": privacy.sampling}
        purpose = f"round {task.round}"
        self._spend(Loss("sampled_gaussian", chances, privacy.steps, purpose))
        moved = nets.improved_privately(net, x, y, plan, privacy, self._entropy)
        return np.concatenate([moved * n, [n, 0.0]])

    def _level(self, forest: Forest, raw: Any) -> Floats:
        plan, (x, y) = self._plan.model, (self._rows.x, self._rows.y)
        if not isinstance(plan, BoostingPlan) or len(forest.edges) != x.shape[1]:
            raise InputError("a forest that is not of this plan")
        if any(len(ends) >= plan.bins for ends in forest.edges):
            raise InputError(f"more than {plan.bins} bins")
        growing = _growing(raw, x.shape[1], plan.depth)
        margin = self._margin_of(forest)
        at = growing.tree.leaves(x)
        bins = self._binned(forest)
        sums = boosting.histogram(bins, at, margin, y, growing.nodes, plan.bins)
        return np.concatenate([sums.ravel(), [len(y), log_loss(margin, y)]])

    def _margin_of(self, forest: Forest) -> Floats:
        """Logits; of trees that were there the last time, from memory."""
        known, margin = self._margin
        n = len(known.trees)
        if len(margin) and known.base == forest.base and known.trees == forest.trees[:n]:
            for tree in forest.trees[n:]:
                margin = margin + tree.margin(self._rows.x)
        else:
            margin = forest.margin(self._rows.x)
        self._margin = (forest, margin)
        return margin

    def _binned(self, forest: Forest) -> boosting.Bins:
        if self._bins is None or self._bins[0] != forest.edges:
            self._bins = (forest.edges, boosting.binned(self._rows.x, forest.edges))
        return self._bins[1]

    def _net_plan(self, net: Net) -> NetPlan:
        plan = self._plan.model
        wanted = (len(self._plan.features), *getattr(plan, "hidden", ()), 1)
        if not isinstance(plan, NetPlan) or net.sizes != wanted:
            raise InputError("a net that is not of this plan")
        return plan

    def _privacy(self) -> Any:
        if self._plan.privacy is None:
            raise InputError("the plan has no differential privacy")
        return self._plan.privacy

    def _draw(self, task: Task) -> np.random.Generator:
        """The order of rows: the same when a task is asked again."""
        own = hashlib.sha256(self._me.encode()).digest()[:8]
        return np.random.default_rng([self._plan.seed, task.round, int.from_bytes(own)])


def _body(task: Task) -> dict[str, Any]:
    raw = parse_json(task.body, where="task", limit=512 * 1024 * 1024)
    if not isinstance(raw, dict) or set(raw) != {"model", "growing"}:
        raise InputError("a task's body has a model and a growing tree")
    if task.kind is not Kind.SKETCH and not isinstance(raw["model"], str):
        raise InputError("the task has no model")
    return raw


def _growing(raw: Any, features: int, depth: int) -> boosting.Growing:
    try:
        tree = tree_of(raw, features)
        made = boosting.Growing(raw["depth"], tree)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("not a growing tree") from error
    fits = type(made.depth) is int and 0 <= made.depth < depth
    if not fits or len(tree.feature) != 2 ** (depth + 1) - 1:
        raise InputError("a growing tree that is not of this plan")
    return made
