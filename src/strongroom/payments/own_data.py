"""The demo's story on a table of the user's own: handed in carelessly, and mended.

Careless: to balance the classes, other rows are thrown away and rows of the flagged class repeated,
before a random split, so that the same rows stand in training and test; the model memorises them
and is pickled; nothing is pinned. Mended: split by time (at random where the manifest names no
time), each row once, regularised and hardened training, LightGBM text, a lock with hashes, a
command that makes the same bytes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from strongroom.assess.tables import feature_matrix, label_vector, read_table
from strongroom.domain.errors import InputError
from strongroom.governance.loader import load_manifest
from strongroom.governance.manifest import Data, Model, Schema, System, Training
from strongroom.payments.folder import LOCK, LOOSE, Split, split_carelessly, write_folder
from strongroom.payments.train import COMMAND, train
from strongroom.payments.training import fit_careless, write_pickle

TEST_SHARE: Final = 0.3
LEAST_POSITIVES: Final = 20
"""Of the flagged class on either side of a split; with fewer there is nothing to learn or show."""


@dataclass(frozen=True, slots=True)
class OwnData:
    """A table, and the manifest that says what its columns mean."""

    table: pl.DataFrame
    system: System
    data: Data


def read_own_data(table: Path, manifest: Path) -> OwnData:
    """Read both and see that they fit. What the manifest names as model need not exist.

    Raises InputError for a manifest without data, columns that the table lacks, a target that is
    not 0 and 1, or too few rows of one class.
    """
    system = load_manifest(manifest).system
    if system.data is None:
        raise InputError("declares no data", where=str(manifest), fix="add a data section")
    rows, schema = read_table(table), system.data.schema_
    named = [*_columns(schema), *schema.sensitive]
    if missing := [name for name in named if name not in rows.columns]:
        raise InputError(
            f"no column {', '.join(missing[:10])}",
            where=str(table),
            fix=f"name columns that it has: {', '.join(rows.columns[:40])}",
        )
    if empty := rows[schema.target].null_count():
        raise InputError(
            f"the target {schema.target} is missing in {empty} rows",
            where=str(table),
            fix="leave those rows out",
        )
    _require_classes(label_vector(rows, schema.target), str(table))
    _require_times(rows, schema, str(table))
    return OwnData(rows, system, system.data)


def write_careless(folder: Path, own: OwnData, *, seed: int) -> Path:
    """Hand in the careless model; returns the manifest's path."""
    schema = own.data.schema_
    split = split_carelessly(own.table, schema.target, np.random.default_rng([seed, 1]))
    model = Model(path="model.joblib", trained_by=_trainer(own.system))
    manifest = write_folder(folder, _handed_in(own, model, LOOSE), split)
    x = feature_matrix(split.train, schema.features)
    write_pickle(
        fit_careless(x, label_vector(split.train, schema.target), seed=seed), folder / model.path
    )
    return manifest


def write_mended(folder: Path, own: OwnData, *, seed: int) -> Path:
    """Hand in the mended model; returns the manifest's path."""
    schema = own.data.schema_
    split = _split(own.table.unique(maintain_order=True), schema, np.random.default_rng([seed, 2]))
    for part in (split.train, split.test):
        _require_classes(label_vector(part, schema.target), "one side of the split")
    training = Training(command=COMMAND, seed=seed)
    model = Model(path="model.txt", trained_by=_trainer(own.system), training=training)
    manifest = write_folder(folder, _handed_in(own, model, LOCK), split)
    train(load_manifest(manifest), folder / model.path)
    return manifest


def _split(table: pl.DataFrame, schema: Schema, rng: np.random.Generator) -> Split:
    """By time where the schema names one, else at random, like rows on the same side.

    Like are rows of one entity; where the schema names none, rows with the same features.
    """
    if schema.time is not None:
        time = table[schema.time].to_physical()
        later = time >= time.quantile(1 - TEST_SHARE, interpolation="lower")
    else:
        like = [schema.entity] if schema.entity else [f.name for f in schema.features]
        group = table.select(pl.struct(like).rank("dense")).to_series().to_numpy()
        later = pl.Series((rng.random(int(group.max()) + 1) < TEST_SHARE)[group])
    return Split(table.filter(~later), table.filter(later))


def _handed_in(own: OwnData, model: Model, dependencies: str) -> System:
    """The user's manifest with our model and our tables in it."""
    train_set = own.data.train.model_copy(update={"path": "data/train.parquet"})
    test_set = own.data.test.model_copy(update={"path": "data/test.parquet"})
    data = own.data.model_copy(update={"train": train_set, "test": test_set})
    return own.system.model_copy(
        update={"model": model, "data": data, "dependencies": dependencies}
    )


def _trainer(system: System) -> str:
    return system.model.trained_by if system.model else "trainer"


def _columns(schema: Schema) -> tuple[str, ...]:
    named = (schema.target, schema.time, schema.entity, schema.id)
    return (*(name for name in named if name is not None), *(f.name for f in schema.features))


def _require_times(rows: pl.DataFrame, schema: Schema, where: str) -> None:
    if schema.time is None:
        return
    kind = rows.schema[schema.time]
    if not (kind.is_temporal() or kind.is_numeric()):
        raise InputError(
            f"the time {schema.time} holds {kind}, not times or numbers",
            where=where,
            fix="write the table as Parquet with times, or give seconds",
        )
    if empty := rows[schema.time].null_count():
        raise InputError(
            f"the time {schema.time} is missing in {empty} rows",
            where=where,
            fix="leave those rows out",
        )


def _require_classes(labels: np.ndarray, where: str) -> None:
    flagged = int(labels.sum())
    if min(flagged, len(labels) - flagged) < LEAST_POSITIVES:
        raise InputError(
            f"{flagged} rows of the flagged class among {len(labels)}",
            where=where,
            fix=f"give a table with at least {LEAST_POSITIVES} rows of each class",
        )
