"""What is learnt: the same together as in one place; with poison, with noise, with a gap."""

from __future__ import annotations

import os

import numpy as np
import pytest

from strongroom.domain.errors import AbortedError, InputError
from strongroom.federated import boosting, nets, robust, sketch
from strongroom.federated.local import train
from strongroom.federated.models import Forest, Net, from_bytes, to_bytes
from strongroom.federated.plan import Plan
from strongroom.federated.tasks import Finished, Kind, Parted, Singles, Summed, Task
from strongroom.federated.training import training
from strongroom.federated.worker import Loss, Rows, Worker
from strongroom.testing.federations import BANKS, plan_for


def rows(seed: int, n: int = 600) -> Rows:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [1, 10, 0.1] + [0, seed, 0]
    x[rng.random((n, 3)) < 0.02] = np.nan
    logit = 2 * np.nan_to_num(x[:, 0]) + 30 * np.nan_to_num(x[:, 2]) - 2
    return Rows(x, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float))


@pytest.fixture(scope="module")
def everybody() -> dict[str, Rows]:
    return {name: rows(number) for number, name in enumerate(BANKS)}


def pooled(parts: dict[str, Rows]) -> Rows:
    return Rows(
        np.concatenate([p.x for p in parts.values()]), np.concatenate([p.y for p in parts.values()])
    )


def workers(plan: Plan, parts: dict[str, Rows]) -> dict[str, Worker]:
    return {name: Worker(plan, name, part, os.urandom) for name, part in parts.items()}


def loss_of(model, part: Rows) -> float:
    p = np.clip(model.score(part.x), 1e-9, 1 - 1e-9)
    return float(-np.mean(part.y * np.log(p) + (1 - part.y) * np.log(1 - p)))


def test_boosting_together_is_boosting_in_one_place(everybody):
    """Histograms add up: the trees are the same, up to the rounding of fixed-point sums."""
    plan = plan_for({"kind": "boosting", "depth": 3, "bins": 16}, rounds=4)
    together = train(plan, workers(plan, everybody))
    one = train(plan, workers(plan, {"ash": pooled(everybody)}))
    assert isinstance(together, Forest)
    assert isinstance(one, Forest)
    assert together.edges == one.edges
    assert [t.feature for t in together.trees] == [t.feature for t in one.trees]
    assert [t.threshold for t in together.trees] == [t.threshold for t in one.trees]
    x = pooled(everybody).x
    assert np.allclose(together.score(x), one.score(x), atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "boosting", "depth": 3},
        {"kind": "net", "hidden": []},
        {"kind": "net", "hidden": [6], "proximal": 0.1, "learning_rate": 0.05},
    ],
    ids=["boosting", "regression", "fedprox"],
)
def test_together_beats_a_bank_alone_on_everybodys_rows(everybody, model):
    plan = plan_for(model, rounds=6)
    every = pooled(everybody)
    told: list[Finished] = []
    together = train(plan, workers(plan, everybody), told.append)
    alone = train(plan, workers(plan, {"fir": everybody["fir"]}))
    assert loss_of(together, every) < loss_of(alone, every)
    losses = [one.loss for one in told if one.loss is not None]
    assert losses[-1] < losses[0]
    assert from_bytes(to_bytes(together), where="x").score(every.x).tolist() == (
        together.score(every.x).tolist()
    )


def test_a_poisoning_bank_moves_the_mean_and_not_the_robust_rules(everybody):
    """ash sends the opposite of its update, a hundred times as large."""
    found = {}
    for rule in ("median", "trimmed-mean", "krum"):
        aggregation = {"rule": rule, "tolerated": 1}
        plan = plan_for({"kind": "net"}, rounds=5, threshold=5, aggregation=aggregation)
        found[rule] = loss_of(_poisoned(plan, everybody), pooled(everybody))
    plan = plan_for({"kind": "net"}, rounds=5)
    mean = loss_of(_poisoned(plan, everybody), pooled(everybody))
    honest = loss_of(train(plan, workers(plan, everybody)), pooled(everybody))
    assert mean > 2 * honest
    assert all(loss < 1.2 * honest for loss in found.values()), found


def _poisoned(plan: Plan, parts: dict[str, Rows]):
    team, conversation, outcome = workers(plan, parts), training(plan), None
    while True:
        try:
            said = conversation.send(outcome)
        except StopIteration as stop:
            return stop.value
        outcome = None
        if isinstance(said, Task):
            vectors = {name: worker.answer(said) for name, worker in team.items()}
            if said.kind is Kind.STEP:
                vectors["ash"] = np.concatenate([-100 * vectors["ash"][:-2], vectors["ash"][-2:]])
            if plan.aggregation.rule == "secure":
                outcome = Summed(np.sum(list(vectors.values()), axis=0), tuple(vectors))
            else:
                outcome = Singles(vectors)


def test_robust_rules_on_numbers_done_by_hand():
    updates = np.array([[1.0, 10], [2, 11], [3, 12], [4, 13], [1000, -1000]])
    assert robust.median(updates).tolist() == [3, 11]
    assert robust.trimmed_mean(updates, 1).tolist() == [3, 11]
    assert robust.krum(updates, 1).tolist() in ([2, 11], [3, 12])
    with pytest.raises(InputError):
        robust.krum(updates[:4], 1)
    with pytest.raises(InputError):
        robust.trimmed_mean(updates, 3)


def test_private_training_tells_each_use_before_it_happens(everybody):
    privacy = {"noise_multiplier": 1.0, "sampling": 0.1, "steps": 7, "clip": 1.0}
    plan = plan_for({"kind": "net", "learning_rate": 0.5}, rounds=3, privacy=privacy)
    told: list[Loss] = []
    team = {n: Worker(plan, n, p, os.urandom, told.append) for n, p in everybody.items()}
    finished: list[Finished] = []
    train(plan, team, finished.append)
    mechanisms = [(loss.mechanism, loss.times) for loss in told]
    assert mechanisms.count(("gaussian", 1)) == 5
    assert mechanisms.count(("sampled_gaussian", 7)) == 15
    assert all(one.loss is None for one in finished)


def test_a_bank_past_its_budget_computes_nothing(everybody):
    privacy = {"noise_multiplier": 1.0, "sampling": 0.1}
    plan = plan_for({"kind": "net"}, rounds=1, privacy=privacy)

    def refuse(_: Loss) -> None:
        raise InputError("no budget")

    worker = Worker(plan, "ash", everybody["ash"], os.urandom, refuse)
    with pytest.raises(InputError, match="no budget"):
        worker.answer(training(plan).send(None))


def test_each_rows_gradient_is_clipped():
    net = nets.first(np.zeros(3), np.ones(3), (4,), 1)
    x, y = np.random.default_rng(0).normal(size=(20, 3)) * 50, np.ones(20)
    single = [nets.gradients(net, net.weights, x[i : i + 1], y[i : i + 1], 0.5) for i in range(20)]
    assert max(np.linalg.norm(g) for g in single) <= 0.5 + 1e-9
    whole = nets.gradients(net, net.weights, x, y, 0.5)
    assert np.allclose(whole, np.sum(single, axis=0))


@pytest.mark.parametrize("hidden", [(), (4,), (3, 2)])
def test_gradients_are_the_slope_of_the_loss(hidden):
    rng = np.random.default_rng(2)
    net = nets.first(np.zeros(3), np.ones(3), hidden, 3)
    net = Net(net.centre, net.scale, net.sizes, rng.normal(size=len(net.weights)) / 3)
    x, y = rng.normal(size=(9, 3)), (rng.random(9) < 0.5).astype(float)
    slope = nets.gradients(net, net.weights, x, y, None)
    for i in range(len(net.weights)):
        step = np.zeros(len(net.weights))
        step[i] = 1e-6
        ends = [Net(net.centre, net.scale, net.sizes, net.weights + s) for s in (step, -step)]
        up, down = (nets.loss(end, x, y) for end in ends)
        assert (up - down) / 2e-6 == pytest.approx(slope[i], abs=1e-4)


def test_noise_has_the_deviation_that_it_says():
    drawn = nets.gaussian(20_000, 3.0, os.urandom)
    assert abs(drawn.std() - 3.0) < 0.1  # 6 standard errors
    assert abs(drawn.mean()) < 0.15


def test_a_tree_that_loses_a_bank_ends_with_the_levels_that_it_has(everybody):
    """Else the next sum, taken off the one before, would be the lost bank's own."""
    plan = plan_for({"kind": "boosting", "depth": 3, "bins": 16}, rounds=1)
    team, conversation, outcome = workers(plan, everybody), training(plan), None
    asked = []
    while True:
        try:
            said = conversation.send(outcome)
        except StopIteration as stop:
            (tree,) = stop.value.trees
            break
        outcome = None
        if isinstance(said, Task):
            asked.append((said.round, said.stage))
            if said.stage == 2:
                outcome = Parted()
                continue
            total = np.sum([w.answer(said) for w in team.values()], axis=0)
            outcome = Summed(total, tuple(team))
    assert asked == [(0, 0), (1, 0), (1, 1), (1, 2)]
    assert all(f == -1 for f in tree.feature[3:])
    assert any(v != 0 for v in tree.value[3:7])


def test_a_first_stage_without_a_sum_aborts(everybody):
    plan = plan_for({"kind": "net"}, rounds=1)
    conversation = training(plan)
    conversation.send(None)
    with pytest.raises(AbortedError, match="no sum"):
        conversation.send(Parted())


def test_sketch_bins_hold_equally_many_rows_and_scales_are_of_the_middle():
    x = np.random.default_rng(0).lognormal(3, 1, (20_000, 1))
    total = sketch.counts(x)
    assert total.sum() == 20_000
    (ends,) = sketch.edges(total, 8)
    share = np.histogram(x, [-np.inf, *ends, np.inf])[0] / 20_000
    assert len(ends) == 7
    assert share.min() > 0.09
    assert share.max() < 0.16
    centre, scale = sketch.scales(total)
    assert abs(centre[0] - np.median(x)) < 1
    assert 0.9 < scale[0] / ((np.quantile(x, 0.95) - np.quantile(x, 0.05)) / 2) < 1.1


def test_values_of_any_size_have_a_bucket():
    x = np.array([[0.0], [-1e300], [1e300], [5e-324], [np.nan], [1.0], [-1.0]])
    assert sketch.counts(x).sum() == 6
    assert sketch.edges(sketch.counts(x * np.nan), 8) == ((),)


def test_flags_get_a_bin_of_their_own():
    x = (np.random.default_rng(0).random((1000, 1)) < 0.001).astype(float)
    (ends,) = sketch.edges(sketch.counts(x), 16)
    bins = boosting.binned(np.array([[0.0], [1.0], [np.nan]]), (ends,))
    assert bins[0, 0] != bins[1, 0]
    assert bins[2, 0] == 0


@pytest.mark.parametrize("task", ["x", "{}", '{"model": null, "growing": null}',
                                  '{"model": "{}", "growing": null}'])  # fmt: skip
def test_a_task_that_is_none_is_refused(everybody, task):
    plan = plan_for({"kind": "net"}, rounds=1)
    worker = Worker(plan, "ash", everybody["ash"], os.urandom)
    with pytest.raises(InputError):
        worker.answer(Task(1, 0, Kind.STEP, task.encode(), 6))


@pytest.mark.parametrize("y", [[0, 2], [0, np.nan], [0.5, 1]])
def test_labels_are_0_and_1(y):
    with pytest.raises(InputError, match="labels"):
        Rows(np.zeros((2, 1)), np.array(y))
