"""Tables from files: Parquet or CSV of unknown origin, into typed columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from strongroom.domain.errors import InputError, LimitError
from strongroom.governance.manifest import Feature

MAX_BYTES: Final = 8 * 2**30
"""Of the file."""
MAX_CELLS: Final = 2_000_000_000
"""Rows times columns: about 16 GB of numbers."""
_PARQUET: Final = b"PAR1"


def read_table(path: Path) -> pl.DataFrame:
    """All rows and columns of a Parquet or CSV file. Raises InputError, LimitError."""
    where = path.name
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            parquet = file.read(4) == _PARQUET
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where) from error
    if size > MAX_BYTES:
        raise LimitError(f"{size} bytes, {MAX_BYTES} allowed", where=where, fix="take a sample")
    try:
        lazy = (
            pl.scan_parquet(path)
            if parquet
            else pl.scan_csv(path, infer_schema_length=None, try_parse_dates=True)
        )
        rows = lazy.select(pl.len()).collect().item()
        if rows * len(lazy.collect_schema()) > MAX_CELLS:
            raise LimitError(f"{rows} rows, too many cells", where=where, fix="take a sample")
        return lazy.collect()
    except PolarsError as error:
        # An error of the CSV reader quotes the cell, which is for nobody's eyes.
        why = f"Parquet table: {_first_line(error)}" if parquet else "CSV table"
        raise InputError(f"not a {why}", where=where, fix="write it as Parquet") from error


def _scan_csv(path: Path) -> pl.LazyFrame:
    """Types are told by all rows: a column that looks whole for long may end in fractions."""
    return pl.scan_csv(path, infer_schema_length=None, try_parse_dates=True)


def feature_matrix(frame: pl.DataFrame, features: Sequence[Feature]) -> NDArray[np.float64]:
    """The features as numbers, (rows, features), C order; missing is NaN."""
    if missing := [f.name for f in features if f.name not in frame.columns]:
        raise InputError(
            f"columns missing: {', '.join(missing[:10])}", fix="see the findings of data.schema"
        )
    made = np.empty((frame.height, len(features)), dtype=np.float64)
    for place, feature in enumerate(features):
        made[:, place] = _numbers(frame[feature.name], feature)
    return made


def label_vector(frame: pl.DataFrame, target: str) -> NDArray[np.int8]:
    """The target as 0 and 1, (rows,)."""
    if target not in frame.columns:
        raise InputError(f"the target column {target} is missing")
    column = frame[target]
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise InputError(f"the target {target} holds {column.dtype}, not 0 and 1")
    values = column.cast(pl.Float64).to_numpy()
    if bad := int(np.count_nonzero((values != 0) & (values != 1))):
        raise InputError(f"the target {target} is neither 0 nor 1 in {bad} rows", where=target)
    return values.astype(np.int8)


def _numbers(column: pl.Series, feature: Feature) -> NDArray[np.float64]:
    if feature.type == "category" and not column.dtype.is_numeric():
        places = {str(c): float(i) for i, c in enumerate(feature.categories or ())}
        column = column.cast(pl.String).replace_strict(
            places, default=None, return_dtype=pl.Float64
        )
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise InputError(f"feature {feature.name} holds {column.dtype}", where=feature.name)
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["unreadable"])[0][:200]
