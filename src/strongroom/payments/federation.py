"""What banks gain by training together: one table of payments split among unlike banks.

1. Split the payments by customer, so that banks differ in what their customers spend, and in fraud.
2. Train a model of each bank's rows alone, one of all banks' rows in one place, and one by the
   federation: real processes, mutual TLS, secure aggregation.
3. Score them all on later payments of all banks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from strongroom.federated.fixed import Floats
from strongroom.federated.local import train
from strongroom.federated.models import Model
from strongroom.federated.plan import Plan
from strongroom.federated.tables import rows_of
from strongroom.federated.worker import Rows, Worker
from strongroom.payments.features import FEATURES, HISTORY, LABEL_DELAY, with_features
from strongroom.payments.fraud import SIMULATION
from strongroom.payments.simulator import simulate

BANKS: Final = ("ash", "birch", "cedar", "elm", "fir")
COORDINATOR: Final = "hub"
BOOSTING: Final[Mapping[str, Any]] = {"kind": "boosting", "depth": 4, "learning_rate": 0.25}
REGRESSION: Final[Mapping[str, Any]] = {"kind": "net", "hidden": [], "learning_rate": 0.1}
_TRAIN_DAYS: Final = 10


@dataclass(frozen=True, slots=True)
class Shared:
    """Payments of several banks."""

    features: tuple[str, ...]
    target: str
    banks: Mapping[str, pl.DataFrame]
    """To train on."""
    later: pl.DataFrame
    """Of all banks, to score on."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well a model finds fraud among the later payments."""

    auc: float
    average_precision: float
    recall: float
    """At 0.5 % false alarms."""


def simulated(seed: int, customers: int = 3_000) -> Shared:
    """Ten days of payments for each bank; the ten that follow a week later to score on."""
    sized = replace(
        SIMULATION, customers=customers, terminals=2 * customers, seed=seed, personal_data=False
    )
    table = with_features(simulate(sized))
    since = table["time"].min()
    day = ((table["time"] - since - HISTORY).dt.total_seconds() / 86_400).to_numpy()
    gap = _TRAIN_DAYS + LABEL_DELAY.days
    bank = _by_spending(table, seed)
    trained = (day >= 0) & (day < _TRAIN_DAYS)
    columns = (*FEATURES, "fraud")
    parts = {
        name: table.filter(trained & (bank == number)).select(columns)
        for number, name in enumerate(BANKS)
    }
    return Shared(FEATURES, "fraud", parts, table.filter(day >= gap).select(columns))


def from_cards(path: Path, seed: int) -> Shared:
    """The ULB card data: the first 70 % in time, split by amount and first component, with noise.

    Source: https://www.kaggle.com/datasets/mlg-ulb/creditcardfraud (Worldline and ULB).
    """
    table = pl.read_parquet(path).sort("Time", maintain_order=True)
    features = tuple(name for name in table.columns if name not in {"Time", "Class"})
    table = table.with_columns(pl.col("Class").cast(pl.Int8))
    rng = np.random.default_rng(seed)
    first, amount = (table[name].to_numpy() for name in ("V1", "Amount"))
    lean = _rank(first) + _rank(amount) + rng.normal(0, 0.3, len(table))
    bank = (_rank(lean) * len(BANKS)).astype(np.int64)
    cut = int(0.7 * len(table))
    early = np.arange(len(table)) < cut
    columns = (*features, "Class")
    parts = {n: table.filter(early & (bank == i)).select(columns) for i, n in enumerate(BANKS)}
    return Shared(features, "Class", parts, table.slice(cut).select(columns))


def plan_of(
    shared: Shared, keys: Mapping[str, str], model: Mapping[str, Any], rounds: int, seed: int
) -> dict[str, Any]:
    """A plan for these banks, as it stands in plan.toml."""
    return {
        "version": 1,
        "system": "card-fraud",
        "coordinator": COORDINATOR,
        "threshold": len(keys) // 2 + 1,
        "rounds": rounds,
        "target": shared.target,
        "features": list(shared.features),
        "seed": seed,
        "members": dict(keys),
        "model": dict(model),
        "time": {"gather": 600.0},  # all five are on their way
    }


def alone(plan: Plan, shared: Shared, watch: Callable[[str], None]) -> dict[str, Model]:
    """A model for each bank from its own rows, and `pooled`: from all rows in one place."""
    tables = {**shared.banks, "pooled": pl.concat(list(shared.banks.values()))}
    made = {}
    for name, table in tables.items():
        watch(name)
        worker = Worker(plan, name, rows_of(table, plan, where=name), os.urandom)
        made[name] = train(plan, {name: worker})
    return made


def score(model: Model, rows: Rows) -> Score:
    """AUC, average precision, and recall at 0.5 % false alarms."""
    scores: Floats = model.score(rows.x)
    false, true, _ = roc_curve(rows.y, scores)
    return Score(
        float(roc_auc_score(rows.y, scores)),
        float(average_precision_score(rows.y, scores)),
        float(true[np.searchsorted(false, 0.005, side="right") - 1]),
    )


def _by_spending(table: pl.DataFrame, seed: int) -> npt.NDArray[np.int64]:
    """The bank of each payment: customers by what they spend on average, with noise."""
    rng = np.random.default_rng(seed)
    people = table.group_by("customer_id").agg(pl.col("amount").mean()).sort("customer_id")
    lean = people["amount"].to_numpy() + rng.normal(0, 15, len(people))
    place = np.searchsorted(people["customer_id"].to_numpy(), table["customer_id"].to_numpy())
    bank: npt.NDArray[np.int64] = (_rank(lean) * len(BANKS)).astype(np.int64)[place]
    return bank


def _rank(values: Floats) -> Floats:
    """Each value's place, from 0 to just below 1."""
    made: Floats = np.argsort(np.argsort(values, kind="stable")) / len(values)
    return made
