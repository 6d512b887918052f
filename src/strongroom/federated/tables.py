"""A bank's rows from a Parquet or CSV file: the plan's columns and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from strongroom.domain.errors import InputError
from strongroom.federated.plan import Plan
from strongroom.federated.worker import Rows


def read_rows(path: Path, plan: Plan) -> Rows:
    """Read the file. Raises InputError for missing columns, text, other labels than 0 and 1."""
    frame = read_frame(path, (*plan.features, plan.target))
    return rows_of(frame, plan, where=str(path))


def rows_of(frame: pl.DataFrame, plan: Plan, *, where: str) -> Rows:
    """The plan's features and target as numbers; null is missing."""
    missing = [name for name in (*plan.features, plan.target) if name not in frame.columns]
    if missing:
        raise InputError(f"no column {', '.join(missing[:10])}", where=where)
    try:
        numbers = frame.select(*plan.features, plan.target).cast(pl.Float64)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"a column holds no numbers: {error}", where=where) from error
    x = numbers.select(plan.features).to_numpy().astype(np.float64)
    y = numbers[plan.target].fill_null(np.nan).to_numpy().astype(np.float64)
    return Rows(x, y)


def read_frame(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """These columns of a file, by its suffix. Raises InputError."""
    try:
        if path.suffix == ".csv":
            return pl.read_csv(path, columns=list(columns))
        return pl.read_parquet(path, columns=list(columns))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"cannot be read: {str(error)[:300]}", where=str(path), fix="give Parquet or CSV"
        ) from error
