"""Folders with a manifest, as a team would hand them in: tables, model, requirements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import yaml

from strongroom.domain.errors import InputError
from strongroom.governance.loader import MANIFEST
from strongroom.governance.manifest import System
from strongroom.payments.features import HISTORY, LABEL_DELAY
from strongroom.payments.files import write_parquet, write_text

LOCK: Final = "requirements.lock"
LOOSE: Final = "requirements.txt"
LOOSE_TEXT: Final = "lightgbm\nscikit-learn\njoblib\n"
KEPT: Final = 30_000
"""Rows of the unflagged class that a careless balancing keeps, about."""
REPEATS: Final = 3
TRAIN_SHARE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Split:
    """What to learn from and what to be judged on."""

    train: pl.DataFrame
    test: pl.DataFrame


def split_by_time(payments: pl.DataFrame, *, train_days: int, test_days: int) -> Split:
    """The last `test_days`, and the `train_days` that end a label delay before them.

    The first `HISTORY` is left out: the windows of its rows are not full. Raises InputError when
    the payments do not reach that far.
    """
    first, last = payments.select(pl.col("time").min(), last=pl.col("time").max()).row(0)
    end = last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    test_from = end - timedelta(days=test_days)
    train_to = test_from - LABEL_DELAY
    train_from = train_to - timedelta(days=train_days)
    if first.replace(hour=0, minute=0, second=0, microsecond=0) + HISTORY > train_from:
        needed = train_days + test_days + (HISTORY + LABEL_DELAY).days
        raise InputError(f"payments of {(end - first).days} days, {needed} needed")
    time = pl.col("time")
    return Split(
        payments.filter(time.is_between(train_from, train_to, closed="left")),
        payments.filter(time >= test_from),
    )


def split_carelessly(rows: pl.DataFrame, target: str, rng: np.random.Generator) -> Split:
    """A mistake to be found: balance the classes, and split at random only then.

    Rows of the flagged class stand there three times, some of them on both sides.
    """
    flagged, other = rows.filter(pl.col(target) == 1), rows.filter(pl.col(target) == 0)
    drawn = pl.Series(rng.random(len(other)) < KEPT / max(1, len(other)))
    balanced = pl.concat([other.filter(drawn), *[flagged] * REPEATS])
    train = pl.Series(rng.random(len(balanced)) < TRAIN_SHARE)
    return Split(balanced.filter(train), balanced.filter(~train))


def manifest_text(system: System) -> str:
    """The manifest as YAML, leaving out what is at its default."""
    plain = system.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.safe_dump(
        plain, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )


def lock_text() -> str:
    """Versions and hashes of what the mended model needs to run."""
    return files(__package__).joinpath(LOCK).read_text(encoding="utf-8")


def write_folder(folder: Path, system: System, split: Split) -> Path:
    """Write the tables, the requirements and the manifest, and return the manifest's path.

    The model is its maker's to write. A `requirements.lock` is written with versions and hashes,
    any other requirements file without.
    """
    if system.data is None:
        raise InputError("the manifest declares no data")
    write_parquet(split.train, folder / system.data.train.path)
    write_parquet(split.test, folder / system.data.test.path)
    if system.dependencies is not None:
        locked = Path(system.dependencies).name == LOCK
        write_text(lock_text() if locked else LOOSE_TEXT, folder / system.dependencies)
    manifest = folder / MANIFEST
    write_text(manifest_text(system), manifest)
    return manifest
