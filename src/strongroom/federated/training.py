"""The coordinator's training as a conversation: it yields tasks and receives what banks add up to.

1. Round 0: a sketch of every feature, from which bins or scales follow; nobody's rows leave.
2. Each later round: a step of the net (FedAvg, FedProx), or a tree, level by level.
3. After each round it yields `Finished`, which is when whoever drives it records the model.

If a bank falls out within a tree, the tree ends with the levels that it has. Sums of the next level
without that bank, taken off the sums with it, would be that bank's own.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

import numpy as np

from strongroom.domain.canonical import canonical
from strongroom.domain.errors import AbortedError
from strongroom.federated import boosting, nets, robust, sketch
from strongroom.federated.fixed import Floats
from strongroom.federated.models import Forest, Model, Net, to_bytes, tree_to_json
from strongroom.federated.plan import BoostingPlan, NetPlan, Plan
from strongroom.federated.tasks import Finished, Kind, Outcome, Parted, Singles, Summed, Task

Training: TypeAlias = Generator[Task | Finished, Outcome | None, Model]


def training(plan: Plan, model: Model | None = None, done: int = 0) -> Training:
    """Train from the start, or go on from a model of `done` rounds. Returns the last model."""
    if model is None:
        model = yield from _begin(plan)
        done = 0
    for number in range(done + 1, plan.rounds + 1):
        if isinstance(model, Net):
            model = yield from _step(plan, model, number)
        else:
            model = yield from _tree(plan, model, number)
    return model


def body_of(model: Model | None, growing: boosting.Growing | None = None) -> bytes:
    """A task's body: the model's file, and the tree that grows, if one does."""
    grown = None
    if growing is not None:
        grown = {"depth": growing.depth, **tree_to_json(growing.tree)}
    return canonical({"model": model and to_bytes(model).decode(), "growing": grown})


def noise_of_sketch(plan: Plan) -> float:
    """Standard deviation of the noise that each bank adds to each count; 0 without privacy.

    A row is counted once in each feature, once as a row and at most once as of class 1.
    """
    if plan.privacy is None:
        return 0.0
    return plan.privacy.noise_multiplier * float(np.sqrt(len(plan.features) + 2))


def _begin(plan: Plan) -> Generator[Task | Finished, Outcome | None, Model]:
    wide = len(plan.features)
    length = wide * sketch.BUCKETS + 2
    outcome = yield Task(0, 0, Kind.SKETCH, body_of(None), length)
    company = _company(outcome)
    total = _counted(outcome, wide)
    counts = total[:-2].reshape(wide, sketch.BUCKETS)
    counts = sketch.denoised(counts, noise_of_sketch(plan) * np.sqrt(len(company)))
    rows, positive = max(total[-2], 1.0), total[-1]
    model: Model
    if isinstance(plan.model, NetPlan):
        model = nets.first(*sketch.scales(counts), plan.model.hidden, plan.seed)
    else:
        odds = np.clip(positive / rows, 1e-6, 1 - 1e-6)
        base = float(np.log(odds / (1 - odds)))
        model = Forest(sketch.edges(counts, plan.model.bins), base)
    yield Finished(0, model, None, round(float(rows)), company)
    return model


def _step(plan: Plan, net: Net, number: int) -> Generator[Task | Finished, Outcome | None, Net]:
    outcome = yield Task(number, 0, Kind.STEP, body_of(net), len(net.weights) + 2)
    company = _company(outcome)
    if isinstance(outcome, Summed):
        rows = max(outcome.values[-2], 1.0)
        moved, loss = outcome.values[:-2] / rows, outcome.values[-1] / rows
    else:
        moved, loss, rows = _robust(plan, _singles(outcome))
    net = Net(net.centre, net.scale, net.sizes, net.weights + moved)
    told = None if plan.privacy else float(loss)
    yield Finished(number, net, told, round(float(rows)), company)
    return net


def _tree(
    plan: Plan, forest: Forest, number: int
) -> Generator[Task | Finished, Outcome | None, Forest]:
    how = plan.model
    if not isinstance(how, BoostingPlan):
        raise AbortedError("a plan for a net goes on from trees", fix="start anew")
    growing = boosting.seedling(how.depth)
    rows, loss = 1.0, 0.0
    company: tuple[str, ...] = ()
    for level in range(how.depth):
        shape = (2, len(growing.nodes), len(plan.features), how.bins)
        length = int(np.prod(shape)) + 2
        outcome = yield Task(number, level, Kind.LEVEL, body_of(forest, growing), length)
        if isinstance(outcome, Parted) and level > 0:
            break
        company = _company(outcome)
        total = _counted(outcome, len(plan.features))
        if level == 0:
            rows, loss = max(float(total[-2]), 1.0), float(total[-1])
        growing = boosting.divided(growing, total[:-2].reshape(shape), forest.edges, how)
    forest = Forest(forest.edges, forest.base, (*forest.trees, growing.tree))
    yield Finished(number, forest, loss / rows, round(rows), company)
    return forest


def _company(outcome: Outcome | None) -> tuple[str, ...]:
    if isinstance(outcome, Summed | Singles):
        return outcome.company
    raise AbortedError("the round has no sum", fix="start the coordinator again to repeat it")


def _counted(outcome: Outcome | None, features: int) -> Floats:
    """A sum; where updates are single, what the middle bank counts, so that no bank decides."""
    if isinstance(outcome, Summed):
        return outcome.values
    singles = np.stack(list(_singles(outcome).values.values()))
    counts = np.maximum(singles[:, :-2].reshape(len(singles), features, -1), 0.0)
    shares = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1.0)
    typical = float(np.median(singles[:, -2]))
    middle = np.median(shares, axis=0) * typical
    return np.concatenate([middle.ravel(), np.median(singles[:, -2:], axis=0)])


def _robust(plan: Plan, singles: Singles) -> tuple[Floats, float, float]:
    vectors = np.stack([singles.values[name] for name in singles.company])
    rows = np.maximum(vectors[:, -2], 1.0)
    moved, losses = vectors[:, :-2] / rows[:, None], vectors[:, -1] / rows
    tolerated = plan.aggregation.tolerated
    if plan.aggregation.rule == "krum":
        chosen = robust.krum(moved, tolerated)
    elif plan.aggregation.rule == "trimmed-mean":
        chosen = robust.trimmed_mean(moved, tolerated)
    else:
        chosen = robust.median(moved)
    return chosen, float(np.median(losses)), float(rows.sum())


def _singles(outcome: Outcome | None) -> Singles:
    if not isinstance(outcome, Singles):
        raise AbortedError("the plan asks for single updates, and there are none")
    return outcome
