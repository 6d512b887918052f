"""Evasion, group fairness and membership beside the plain way of doing each, in one run.

    python -m bench.attacks

The plain evasion scores one candidate row at a time, as attack loops do that were written for
images; it tries the same values and finds the same successes. The plain fairness calls scikit-learn
for each group and replicate; it is run on a few replicates, and its time is scaled.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
from sklearn.metrics import precision_score, recall_score

from bench._attack_peers import compare
from strongroom.assess.attacks.attack import Attack, Budget, candidates
from strongroom.assess.attacks.constraints import space_of
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.membership import Shadows, confidence, design, lira
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.measures.groups import Cells, disparity, rates
from strongroom.assess.measures.ranking import rank, recall_at
from strongroom.governance.manifest import Feature
from strongroom.testing.systems import FEATURES, payments

CREDIT = Path(__file__).parents[1].parent / "shared/data/tabular/taiwan_default.parquet"
TREES = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 7}


@dataclass(frozen=True)
class Row:
    """One comparison. Times are CPU seconds for the same work."""

    what: str
    ours: float
    plain: float
    note: str

    @property
    def ratio(self) -> float:
        return self.plain / self.ours


def run() -> str:
    """Every comparison as Markdown, in about four minutes."""
    rows = [evasion(), fairness()]
    if CREDIT.exists():
        rows.append(membership())
    lines = ["## Attacks and group figures", "", "CPU seconds for the same work.", ""]
    lines += ["| what | ours | the plain way | ratio | |", "|---|---:|---:|---:|---|"]
    lines += [
        f"| {r.what} | {r.ours:.3g} | {r.plain:.3g} | **{r.ratio:.3g} ×** | {r.note} |"
        for r in rows
    ]
    return "\n".join([*lines, "", "### Beside HopSkipJump", "", compare()])


def cpu(work: Callable[[], object]) -> tuple[float, object]:
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def evasion(few: int = 30) -> Row:
    """Greedy search in large calls against the same search one row at a time, per attacked row."""
    train, test = payments(30_000, 1), payments(30_000, 2)
    x, y = train.select(FEATURES).to_numpy(), train["fraud"].to_numpy()
    model = lightgbm.train(TREES, lightgbm.Dataset(x, y), 200)
    features = [
        Feature(name="amount", min=0.01, max=10_000, step=0.01, mutable_by=("payer",)),
        Feature(name="hour", type="int", min=0, max=23, mutable_by=("payer",)),
        Feature(name="count_1d", type="int", min=0, max=30, mutable_by=("payer",)),
        Feature(name="risk", min=0, max=1),
    ]
    space = space_of(features, "payer", levels={}, reach={"amount": 0.1})
    grids = candidates(space.columns, x[y == 0].astype(float), 16)

    def score(rows: np.ndarray) -> np.ndarray:
        return model.predict(rows, num_threads=1)

    xt, yt = test.select(FEATURES).to_numpy().astype(float), test["fraud"].to_numpy()
    scores = score(xt)
    threshold = threshold_at_fpr(scores, yt, 0.01)
    frauds = xt[(yt == 1) & (scores >= threshold)]
    attack = Attack(score, threshold, space, grids, Budget(max_changes=2, beam=1))
    ours, found = cpu(lambda: evade(attack, frauds))
    plain, evaded = cpu(lambda: [hill_climb(attack, row) for row in frauds[:few]])
    same = np.array_equal(found.evaded[:few], evaded)
    return Row(
        "evasion, an attacked row",
        ours / len(frauds),
        plain / few,
        f"{found.evaded.mean():.0%} of {len(frauds)} evade within 2 changes, "
        f"{np.median(found.queries):.0f} queries; same rows evade: {same}",
    )


def hill_climb(attack: Attack, row: np.ndarray) -> bool:
    """Set the best value of the best column, scored one at a time, until it evades."""
    now, used = row.copy(), set()
    for _ in range(attack.budget.max_changes):
        best, best_score = None, np.inf
        for column, grid in zip(attack.space.columns, attack.grids, strict=True):
            if column.name in used:
                continue
            own = row[column.index]
            wished = list(grid)
            if np.isfinite(column.reach):
                wished += list(own + np.linspace(-1, 1, len(grid)) * column.reach * abs(own))
            for wish in wished:
                tried = now.copy()
                value = column.project(np.array([[wish]]), np.array([[own]]))[0, 0]
                if np.isnan(value) or value == own:
                    continue
                tried[column.index] = value
                one = attack.score(tried[None])[0]
                if one < best_score:
                    best, best_score, name = tried, one, column.name
        if best is None:
            return False
        now = best
        used.add(name)
        if best_score < attack.threshold:
            return True
    return False


def fairness(rows: int = 1_000_000, groups: int = 20, few: int = 2) -> Row:
    """Four rates of twenty groups of a million rows, with 1,000 bootstrap replicates."""
    rng = np.random.default_rng(0)
    group, labels = rng.integers(0, groups, rows), rng.integers(0, 2, rows)
    flagged = rng.random(rows) < 0.3

    def ours() -> dict:
        cells = Cells.of(group, labels, flagged, groups)
        here = rates(cells.counts)
        drawn = rates(cells.redraw(np.random.default_rng(1), 1_000))
        every = np.arange(groups)
        for name in here:
            disparity(here[name], drawn[name], every)
        return here

    def plain_once(at: np.ndarray) -> np.ndarray:
        made = []
        for one in range(groups):
            of = at[group[at] == one]
            y, hit = labels[of], flagged[of]
            made.append(
                (
                    hit.mean(),
                    recall_score(y, hit),
                    recall_score(1 - y, hit),
                    precision_score(y, hit),
                )
            )
        return np.array(made).T

    def plain() -> np.ndarray:
        for _ in range(few):
            plain_once(rng.integers(0, rows, rows))
        return plain_once(np.arange(rows))

    seconds, here = cpu(ours)
    slow, there = cpu(plain)
    same = np.allclose(list(here.values()), there)
    return Row(
        "fairness, 1 M rows × 20 groups, 1,000 bootstraps",
        seconds,
        slow / (few + 1) * 1_001,
        f"same rates as scikit-learn: {same}; plain time scaled from {few + 1} passes",
    )


def membership(shadows: int = 16) -> Row:
    """LiRA's cost beside training the model once; and what a plain confidence attack finds."""
    frame = pl.read_parquet(CREDIT).sample(fraction=1.0, shuffle=True, seed=0)
    y = frame["default.payment.next.month"].to_numpy()
    x = frame.drop("ID", "default.payment.next.month").to_numpy().astype(float)

    def fit(rows: np.ndarray) -> lightgbm.Booster:
        return lightgbm.train(TREES, lightgbm.Dataset(x[rows], y[rows]), 100)

    n = 10_000
    pool = np.arange(2 * n)
    plain, model = cpu(lambda: fit(pool[:n]))
    target = confidence(model.predict(x[: 2 * n], num_threads=1), y[: 2 * n])

    def attack() -> np.ndarray:
        inside = design(2 * n, shadows, np.random.default_rng(0))
        seen = [fit(pool[chosen]).predict(x[: 2 * n], num_threads=1) for chosen in inside]
        return lira(target, Shadows(confidence(np.array(seen), y[: 2 * n]), inside))

    ours, scores = cpu(attack)
    at, member = recall_at(0.001), pool < n
    found = {name: rank(member, s) for name, s in (("LiRA", scores), ("confidence", target))}
    said = ", ".join(f"{k} {float(at(r.positives, r.negatives)):.4f}" for k, r in found.items())
    return Row(
        f"membership, {shadows} shadows of 10 k rows (plain: one training)",
        ours,
        plain,
        f"TPR at 0.1 % FPR: {said}",
    )


if __name__ == "__main__":
    print(run())
