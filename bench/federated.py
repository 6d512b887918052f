"""Training together beside training alone, what the masks cost, and what scoring unseen costs.

python -m bench federated
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from strongroom.federated.local import aggregate
from strongroom.federated.parties import open_party
from strongroom.federated.tables import rows_of
from strongroom.home.home import system_clock
from strongroom.homomorphic import guard
from strongroom.homomorphic.ckks import ClientKeys, Evaluator
from strongroom.homomorphic.fitting import fit
from strongroom.homomorphic.parameters import FINE, STANDARD_CHOICE, Parameters
from strongroom.payments import federation, federation_demo
from strongroom.payments.federation import BANKS, BOOSTING, Shared
from strongroom.testing.federations import federation as team_of
from strongroom.testing.federations import vectors

CARDS = Path(__file__).parents[1].parent / "shared/data/tabular/creditcard_ulb.parquet"
ROUNDS = 25
SEED = 7


def run() -> str:
    """A few minutes, most of them five banks in processes."""
    parts = [
        "## Training together, scoring unseen",
        _lift("Simulated payments", lambda: federation.simulated(SEED)),
    ]
    if CARDS.exists():
        parts.append(_lift("ULB cards", lambda: federation.from_cards(CARDS, SEED)))
    return "\n\n".join([*parts, _masks(), _unseen()])


def _lift(title: str, make: Callable[[], Shared]) -> str:
    """The federation in processes, banks alone, and pooled."""
    shared = make()
    with tempfile.TemporaryDirectory() as folder:
        stage = federation_demo.set_up(
            Path(folder), shared, BOOSTING, rounds=ROUNDS, seed=SEED, now=system_clock()
        )
        began = time.monotonic()
        together = federation_demo.run(stage, BANKS, lambda text: print(text, file=sys.stderr))
        seconds = time.monotonic() - began
        plan = open_party(stage.party(BANKS[0]), None).plan
    models = {**federation.alone(plan, shared, lambda _: None), "together": together}
    later = rows_of(shared.later, plan, where="later")
    lines = [
        f"{title}: five banks as processes, {ROUNDS} trees, masked sums over TLS, {seconds:.0f} s.",
        "",
        "| model | rows | frauds | AUC | average precision | recall at 0.5 % FPR |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in (*BANKS, "together", "pooled"):
        held = [shared.banks[name]] if name in BANKS else list(shared.banks.values())
        frauds = sum(int(part[shared.target].sum()) for part in held)
        score = federation.score(models[name], later)
        label = f"{name} alone" if name in BANKS else name
        lines.append(
            f"| {label} | {sum(map(len, held)):,} | {frauds:,} | {score.auc:.3f} | "
            f"{score.average_precision:.3f} | {score.recall:.3f} |"
        )
    return "\n".join(lines)


def _masks() -> str:
    """CPU of one secure sum, all parties together."""
    lines = [
        "| banks | words | CPU ms, all parties | KiB sent by a bank |",
        "|---:|---:|---:|---:|",
    ]
    for banks, length in ((3, 1_000), (5, 1_000), (5, 100_000), (5, 1_000_000)):
        team, values = team_of(length=length, banks=banks), vectors(1, length=length, banks=banks)
        began = time.process_time()
        aggregate(team.terms, team.signers, values, os.urandom)
        spent = (time.process_time() - began) * 1000
        lines.append(f"| {banks} | {length:,} | {spent:.0f} | {length * 8 / 1024:,.0f} |")
    return "One secure sum:\n\n" + "\n".join(lines)


def _unseen() -> str:
    """Milliseconds and bytes of scoring on ciphertext."""
    shared = federation.simulated(SEED, 800)
    frame = next(iter(shared.banks.values()))
    x, y = frame.select(shared.features).to_numpy().astype(float), frame["fraud"].to_numpy()
    head = (
        "| model | parameters | rows | key ms | encrypt ms | score ms | decrypt ms | request KiB "
        "| answer KiB | error, estimated | measured |"
    )
    lines = [
        head,
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    small = Parameters(8192, (60, 40, 60), 40)
    for units, parameters in ((0, small), (0, STANDARD_CHOICE), (8, STANDARD_CHOICE), (8, FINE)):
        model = fit(x, y, shared.features, units=units, flagged=0.05, seed=0)
        lines.append(_cost(model, parameters, f"{units} squares" if units else "linear"))
    return (
        "Scoring unseen, 15 features; a batch of one row costs what a full one costs:\n\n"
        + "\n".join(lines)
    )


def _cost(model: Any, parameters: Parameters, name: str) -> str:
    rng = np.random.default_rng(0)
    z = rng.uniform(-model.clip, model.clip, (parameters.rows, len(model.features)))
    times = [time.process_time()]
    keys = ClientKeys.make(parameters)
    public = keys.public()
    times.append(time.process_time())
    (batch,) = keys.encrypt(z)
    times.append(time.process_time())
    answer = Evaluator(model, public, parameters).evaluate(batch)
    times.append(time.process_time())
    logits = keys.decrypt([answer], len(z))
    times.append(time.process_time())
    error = float(np.abs(logits - model.logits(z)).max())
    estimated = guard.require(parameters, model.demand, 1.0)
    took = " | ".join(f"{1000 * (b - a):.0f}" for a, b in itertools.pairwise(times))
    chain = ",".join(map(str, parameters.chain))
    sent = (len(public) + sum(map(len, batch))) / 1024
    return (
        f"| {name} | {parameters.degree}: {chain} | {parameters.rows:,} | {took} | {sent:,.0f} | "
        f"{len(answer) / 1024:,.0f} | {estimated:.1e} | {error:.1e} |"
    )


if __name__ == "__main__":
    print(run())
