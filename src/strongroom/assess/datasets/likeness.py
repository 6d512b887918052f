"""Whether a data set still has the shape of a reference: columns, types, gaps, categories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

GAPS: Final = 0.05
"""Share of missing values by which it may have grown."""
CATEGORIES: Final = 50
"""Texts with at most that many values are categories; a new one is a break."""


def breaks(table: pl.DataFrame, reference: pl.DataFrame) -> Iterator[str]:
    """What a reader made for the reference would trip over, in words; names, never values."""
    for name in reference.columns:
        if name not in table.columns:
            yield f"column {name} is missing"
    for name in table.columns:
        if name not in reference.columns:
            yield f"column {name} is new"
        else:
            yield from _column(table[name], reference[name])


def _column(column: pl.Series, wanted: pl.Series) -> Iterator[str]:
    kind, was = _kind(column.dtype), _kind(wanted.dtype)
    if kind != was:
        yield f"column {column.name} holds {kind}, the reference {was}"
        return
    gaps, before = _gaps(column), _gaps(wanted)
    if gaps > before + GAPS:
        yield f"column {column.name} is empty in {gaps:.0%} of rows, {before:.0%} in the reference"
    if kind == "text" and wanted.n_unique() <= CATEGORIES < wanted.len():
        new = set(column.drop_nulls().unique()) - set(wanted.drop_nulls().unique())
        if new:
            yield f"column {column.name} has {len(new)} values that the reference has not"


def _gaps(column: pl.Series) -> float:
    return column.null_count() / max(len(column), 1)


def _kind(dtype: pl.DataType) -> str:
    """Families of types: CSV and Parquet tell no finer ones alike."""
    if dtype == pl.Boolean:
        return "yes or no"
    if dtype.is_numeric():
        return "numbers"
    if dtype.is_temporal():
        return "times"
    return "text" if dtype in {pl.String, pl.Categorical, pl.Enum, pl.Null} else str(dtype)
