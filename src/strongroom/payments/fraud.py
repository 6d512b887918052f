"""The fraud model of the demo, handed in twice: carelessly, and mended.

Careless, every step a mistake that is made in earnest:
1. the table keeps card numbers and e-mail addresses, and a column that is known only weeks later;
2. to balance the classes, honest payments are thrown away and frauds repeated, *before* a random
   split, so that the same rows stand in training and test;
3. the model reads what the payer chooses (amount, hour, channel, kind of shop) and memorises it;
4. it is pickled, its requirements are not pinned, and nobody can make it again.

Mended: split by time with the delay of labels, history in place of what a payer chooses, no
personal data, regularised and hardened training, LightGBM text, a lock with hashes, and a command
that makes the same bytes again.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from strongroom.assess.tables import feature_matrix, label_vector
from strongroom.governance.loader import load_manifest
from strongroom.governance.manifest import (
    Classification,
    Criticality,
    Data,
    DataSet,
    EntityType,
    Feature,
    Identity,
    Kind,
    Model,
    Schema,
    System,
    Training,
)
from strongroom.payments.features import FEATURES, NO_CHARGEBACK, WINDOWS, with_leaks
from strongroom.payments.folder import LOCK, LOOSE, split_by_time, split_carelessly, write_folder
from strongroom.payments.simulator import CATEGORIES, CHANNELS, SimulatorSettings
from strongroom.payments.train import COMMAND, train
from strongroom.payments.training import fit_careless, write_pickle

SIMULATION: Final = SimulatorSettings(
    customers=8_000,
    terminals=16_000,
    days=64,
    seed=7,
    terminals_a_day=5,
    customers_a_day=8,
    personal_data=True,
)
"""37 days of history, 10 to train on, 7 of delay, 10 to test on: many customers for a few days,
because frauds come in bunches, and whether groups fare alike shows only over many bunches."""
TRAIN_DAYS: Final = 10
TEST_DAYS: Final = 10
CARELESS_PAYMENTS: Final = 150_000
CARELESS_REPORTED: Final = 0.15

FALLBACK: Final = (
    "The duty officer of payment operations switches to the rule that holds payments above 220 "
    "for review by hand"
)

_SENSITIVE: Final = ("customer_sex", "customer_age_band")
_SOURCE: Final = "simulated after the Fraud Detection Handbook, chapter 3"


def identity(
    *,
    jurisdictions: tuple[str, ...] = ("MY",),
    entity_type: EntityType = EntityType.BANK,
) -> Identity:
    """Who the demo's system is."""
    return Identity(
        name="card-fraud",
        owner="Head of payment fraud",
        purpose="Score card payments for fraud before they are authorised",
        kind=Kind.ML_MODEL,
        criticality=Criticality.HIGH,
        jurisdictions=jurisdictions,
        entity_type=entity_type,
    )


def write_careless(
    folder: Path, table: pl.DataFrame, *, seed: int, who: Identity, trained_by: str
) -> Path:
    """Hand in the careless model. `table`: `with_features`. Returns the manifest."""
    table = with_leaks(table, seed=seed, reported=CARELESS_REPORTED).with_columns(
        hour=pl.col("time").dt.hour().cast(pl.Int64),
        weekday=pl.col("time").dt.weekday().cast(pl.Int64),
    )
    split = split_carelessly(
        table.drop("terminal_risk_now").tail(CARELESS_PAYMENTS),
        "fraud",
        np.random.default_rng([seed, 1]),
    )
    schema = _schema(careless_features())
    system = System(
        version=1,
        system=who,
        model=Model(path="model.joblib", trained_by=trained_by),
        data=_data(schema, Classification.INTERNAL),
        dependencies=LOOSE,
    )
    manifest = write_folder(folder, system, split)
    x = feature_matrix(split.train, schema.features)
    model = fit_careless(x, label_vector(split.train, schema.target), seed=seed)
    write_pickle(model, folder / "model.joblib")
    return manifest


def write_mended(
    folder: Path, table: pl.DataFrame, *, seed: int, who: Identity, trained_by: str
) -> Path:
    """Hand in the mended model. `table`: `with_features`. Returns the manifest."""
    schema = _schema(mended_features())
    kept = [
        "tx_id",
        "time",
        "customer_id",
        *_SENSITIVE,
        *(f.name for f in schema.features),
        "fraud",
    ]
    split = split_by_time(table.select(kept), train_days=TRAIN_DAYS, test_days=TEST_DAYS)
    system = System(
        version=1,
        system=who,
        model=Model(
            path="model.txt",
            trained_by=trained_by,
            training=Training(command=COMMAND, seed=seed),
        ),
        data=_data(schema, Classification.CONFIDENTIAL),
        dependencies=LOCK,
        fallback=FALLBACK,
    )
    manifest = write_folder(folder, system, split)
    train(load_manifest(manifest), folder / "model.txt")
    return manifest


def careless_features() -> tuple[Feature, ...]:
    """What the careless model reads: mostly what a payer chooses, and the future."""
    payer = ("payer",)
    chosen = (
        _amount(),
        Feature(name="hour", type="int", min=0, max=23, mutable_by=payer),
        Feature(name="weekday", type="int", min=1, max=7, mutable_by=payer),
        Feature(name="channel", type="category", categories=_levels(CHANNELS), mutable_by=payer),
        Feature(
            name="merchant_category",
            type="category",
            categories=_levels(CATEGORIES),
            mutable_by=payer,
        ),
    )
    history = tuple(f for f in _history() if f.name.startswith("customer_"))
    return (*chosen, *history, Feature(name="chargeback_days", min=NO_CHARGEBACK, max=45, step=1))


def mended_features() -> tuple[Feature, ...]:
    """What the mended model reads: history, and of the payer's choices only the amount."""
    return (_amount(), *_history())


def _amount() -> Feature:
    return Feature(name="amount", min=0.01, max=5_000, step=0.01, mutable_by=("payer",))


def _history() -> tuple[Feature, ...]:
    made = []
    for name in FEATURES:
        if "_count_" in name:
            made.append(Feature(name=name, min=0, step=1))
        elif "_mean_" in name:
            made.append(Feature(name=name, min=0, max=5_000))
        elif "_risk_" in name:
            made.append(Feature(name=name, min=0, max=1))
    return tuple(made)


def _schema(features: tuple[Feature, ...]) -> Schema:
    names = {feature.name for feature in features}
    return Schema(
        target="fraud",
        features=features,
        time="time",
        entity="customer_id",
        id="tx_id",
        sensitive=_SENSITIVE,
        relations=tuple(
            f"{who}_count_{short}d <= {who}_count_{long}d"
            for who in ("customer", "terminal")
            for short, long in pairwise(WINDOWS)
            if f"{who}_count_{short}d" in names
        ),
    )


def _data(schema: Schema, classification: Classification) -> Data:
    train_set, test_set = (
        DataSet(
            path=f"data/{name}.parquet",
            classification=classification,
            source=_SOURCE,
            licence="made up, free to use",
        )
        for name in ("train", "test")
    )
    return Data(train=train_set, test=test_set, schema=schema)


def _levels(kind: pl.Enum) -> tuple[str, ...]:
    return tuple(kind.categories)
