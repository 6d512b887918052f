"""ART's HopSkipJump beside our attacks: same model, same rows, same feasible values.

ART runs in an environment of its own and each row in a process of its own, which is killed when its
time is up: on trees HopSkipJump may halve its step for ever. What it returns is made feasible in
its favour before it is judged: values that the attacker cannot set are put back, the others are
projected to range, step and reach, and the row counts if the model then lets it through.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from bench._peers import environment
from strongroom.assess.attacks.attack import Attack, Budget, Evasion, candidates
from strongroom.assess.attacks.constraints import space_of
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.genetic import evolve
from strongroom.assess.attacks.label_only import decide
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.attacks.validator import breaches
from strongroom.governance.manifest import Feature
from strongroom.testing.systems import FEATURES, payments

HERE = Path(__file__).parent
PINS = ("adversarial-robustness-toolbox==1.20.1", "scikit-learn==1.7.2", "packaging", "lightgbm")
ROWS = int(os.environ.get("STRONGROOM_BENCH_ROWS", "8"))
"""Rows that ART attacks; ours attack the same."""
ART = {"ART HopSkipJump, its defaults": (50, 10_000), "ART HopSkipJump, cut short": (10, 1_000)}
"""Iterations, and evaluations an iteration."""
A_ROW = float(os.environ.get("STRONGROOM_BENCH_ROW_SECONDS", "15"))
"""Wall-clock seconds for one row of ART's."""


@dataclass(frozen=True)
class Ground:
    """A model, its threshold, the rows under attack and what may be done to them."""

    booster: lightgbm.Booster
    features: list[Feature]
    reach: dict[str, float]
    ordinary: np.ndarray
    rows: np.ndarray
    threshold: float
    what: str

    def score(self, rows: np.ndarray) -> np.ndarray:
        return self.booster.predict(rows, num_threads=1)


def simulated() -> Ground:
    """Our simulator's payments: a payer sets amount (±10 %), hour and how often he pays."""
    train, test = payments(20_000, 1), payments(20_000, 2)
    features = [
        Feature(name="amount", min=0.01, max=10_000, step=0.01, mutable_by=("payer",)),
        Feature(name="hour", type="int", min=0, max=23, mutable_by=("payer",)),
        Feature(name="count_1d", type="int", min=0, max=30, mutable_by=("payer",)),
        Feature(name="risk", min=0, max=1),
    ]
    tables = [
        (t.select(FEATURES).to_numpy().astype(float), t["fraud"].to_numpy()) for t in (train, test)
    ]
    return _ground(*tables, features, {"amount": 0.1}, "our simulator")


def _ground(train, test, features, reach, what) -> Ground:
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 7}
    booster = lightgbm.train(params, lightgbm.Dataset(*train), 200)
    scores = booster.predict(test[0], num_threads=1)
    threshold = threshold_at_fpr(scores, test[1], 0.01)
    rows = test[0][(test[1] == 1) & (scores >= threshold)][:ROWS]
    return Ground(booster, features, reach, train[0][train[1] == 0], rows, threshold, what)


def compare() -> str:
    """A Markdown table, or a line that says why there is none."""
    python = environment("art", PINS)
    if python is None:
        return "ART could not be installed: no comparison."
    ground = simulated()
    space = space_of(ground.features, "payer", levels={}, reach=ground.reach)
    grids = candidates(space.columns, ground.ordinary, 16)
    attack = Attack(ground.score, ground.threshold, space, grids, Budget(3, max_queries=2_000))
    rng = np.random.default_rng(0)
    ours = {
        "greedy (scores)": lambda: evade(attack, ground.rows),
        "genetic (scores)": lambda: evolve(attack, ground.rows, rng),
        "walk by decisions": lambda: decide(attack, ground.rows, ground.ordinary, rng),
    }
    n = len(ground.rows)
    theirs = {name: _art(python, ground, attack, how) for name, how in ART.items()}
    defaults = theirs["ART HopSkipJump, its defaults"]["seconds"] / n
    lines = [
        "| attack | feasible success | raw success | queries a row | CPU s a row | × fewer |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, run in ours.items():
        began = time.process_time()
        found = run()
        seconds = (time.process_time() - began) / n
        wins = _feasible(ground, attack, found)
        lines.append(
            f"| {name} | {wins}/{n} | {wins}/{n} | {np.median(found.queries):.0f} "
            f"| {seconds:.2g} | **{defaults / seconds:.0f}** |"
        )
    for name, their in theirs.items():
        per_row = their["seconds"] / n
        lines.append(
            f"| {name} | {their['feasible']:.0f}/{n} | {their['raw']:.0f}/{n} "
            f"| {their['queries']:.0f} | {per_row:.2g} | {defaults / per_row:.1f} |"
        )
    killed = sum(their["killed"] for their in theirs.values())
    about = (
        f"Evasion of a LightGBM of 200 trees on {ground.what}: {n} detected frauds, up to "
        f"{attack.budget.max_changes} of {len(space.columns)} columns that a payer sets, amount "
        "within ±10 %. ART 1.20.1 is given a mask of what he can set and attacks one row at a "
        f"time; {killed:.0f} of its {n * len(ART)} searches did not end in {A_ROW:g} s and were "
        "killed. *Feasible* is after its values are put on their steps and into their ranges."
    )
    return "\n".join([about, "", *lines])


def _feasible(ground: Ground, attack: Attack, found: Evasion) -> int:
    bad = breaches(
        ground.features,
        "payer",
        ground.rows,
        found.rows,
        levels={},
        reach=ground.reach,
        max_changes=attack.budget.max_changes,
        max_cost=attack.budget.max_cost,
    )
    refused = {breach.row for breach in bad}
    return sum(bool(e) and i not in refused for i, e in enumerate(found.evaded))


def _art(python: Path, ground: Ground, attack: Attack, how: tuple[int, int]) -> dict[str, float]:
    low, high = (f(ground.ordinary, axis=0) for f in (np.min, np.max))
    low, high = np.minimum(low, ground.rows.min(axis=0)), np.maximum(high, ground.rows.max(axis=0))
    mask = np.isin(np.arange(len(low)), [c.index for c in attack.space.columns]).astype(np.float32)
    total: dict[str, float] = dict.fromkeys(("seconds", "raw", "feasible", "killed"), 0)
    queries = []
    with tempfile.TemporaryDirectory() as folder:
        model, given = Path(folder) / "model.txt", Path(folder) / "row.npz"
        ground.booster.save_model(model)
        for row in ground.rows:
            np.savez(given, row=row, low=low, high=high, mask=mask, threshold=ground.threshold)
            answer, seconds = _one(python, model, given, how)
            total["seconds"] += seconds
            if answer is None:
                total["killed"] += 1
                continue
            queries.append(answer["queries"])
            end = np.array(answer["row"], dtype=float)
            total["raw"] += int(ground.score(end[None])[0] < ground.threshold)
            total["feasible"] += int(_made_feasible(attack, row, end))
    return total | {"queries": float(np.median(queries)) if queries else float("nan")}


def _one(python: Path, model: Path, given: Path, how: tuple[int, int]) -> tuple[dict | None, float]:
    """The answer, and the CPU seconds of the attack; of a killed one, all since it was ready."""
    before = _children()
    script = HERE / "attack_peers/hop_skip_jump.py"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [python, script, model, given, *map(str, how)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    ready = process.stdout.readline().strip() == "ready"
    start = _of(process.pid) if ready else 0.0
    try:
        said, _ = process.communicate(timeout=A_ROW)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, max(_children() - before - start, 0.0)
    if process.returncode:
        raise RuntimeError("ART's process failed: run bench/attack_peers/hop_skip_jump.py by hand")
    answer = json.loads(said)
    return answer, answer["seconds"]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _of(pid: int) -> float:
    """CPU seconds that a running process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _made_feasible(attack: Attack, row: np.ndarray, end: np.ndarray) -> bool:
    """Whether the row still evades once its values are such as the attacker can bring about."""
    made = row.copy()
    for column in attack.space.columns:
        own = row[column.index]
        value = column.project(np.array([[end[column.index]]]), np.array([[own]]))[0, 0]
        made[column.index] = own if np.isnan(value) else value
    return bool(attack.score(made[None])[0] < attack.threshold)


if __name__ == "__main__":
    print(compare())
