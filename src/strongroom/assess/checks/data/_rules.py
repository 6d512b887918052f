"""What a declared schema says of a table, rule by rule. Pure: frames in, breaches out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strongroom.governance.manifest import Feature, Schema
from strongroom.governance.relations import parse_relation

STEP_TOLERANCE: Final = 1e-6
"""Of a step: decimals such as 0.01 are not exact in binary."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that does not hold."""

    rule: str
    """The last part of the finding's rule: `missing_column`."""
    where: str
    """The column, or the relation."""
    rows: int
    """How many rows break it; 1 for what is wrong with the table."""
    message: str


def declared_columns(schema: Schema) -> tuple[str, ...]:
    """Every column that the manifest names, each once."""
    named = [f.name for f in schema.features]
    named += [schema.target, *schema.sensitive]
    named += [c for c in (schema.time, schema.entity, schema.id) if c is not None]
    for relation in schema.relations:
        named += sorted(parse_relation(relation).columns)
    return tuple(dict.fromkeys(named))


def breaches(frame: pl.DataFrame, schema: Schema, may_miss: frozenset[str]) -> Iterator[Breach]:
    """Everything about the table that is not as declared."""
    for column in declared_columns(schema):
        if column not in frame.columns:
            yield Breach("missing_column", column, 1, f"column {column} is missing")
    if frame.height == 0:
        yield Breach("no_rows", "rows", 1, "the table has no rows")
        return
    for feature in schema.features:
        if feature.name in frame.columns:
            yield from _feature(frame[feature.name], feature, feature.name in may_miss)
    if schema.target in frame.columns:
        yield from _target(frame[schema.target])
    yield from _keys(frame, schema)
    for text in schema.relations:
        yield from _relation(frame, text)


def _feature(column: pl.Series, feature: Feature, may_miss: bool) -> Iterator[Breach]:  # noqa: FBT001
    name = feature.name
    if feature.type == "category":
        yield from _category(column, feature, may_miss)
        return
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        yield Breach("wrong_type", name, len(column), f"{column.dtype}, {feature.type} declared")
        return
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    missing, infinite = np.isnan(values), np.isinf(values)
    if missing.any() and not may_miss:
        yield _rows("missing_value", name, missing, "have no value")
    if infinite.any():
        yield _rows("infinite", name, infinite, "are infinite")
    there = np.where(infinite, np.nan, values)
    yield from _numbers(there, feature)


def _numbers(values: NDArray[np.float64], feature: Feature) -> Iterator[Breach]:
    name = feature.name
    if feature.type == "int":
        yield from _found("not_whole", name, values != np.floor(values), values, "are not whole")
    if feature.type == "bool":
        odd = (values != 0) & (values != 1)
        yield from _found("not_bool", name, odd, values, "are neither 0 nor 1")
    if feature.min is not None:
        low = values < feature.min
        yield from _found("below_min", name, low, values, f"are below {feature.min:g}")
    if feature.max is not None:
        high = values > feature.max
        yield from _found("above_max", name, high, values, f"are above {feature.max:g}")
    if feature.step is not None:
        steps = values / feature.step
        off = np.abs(steps - np.round(steps)) > STEP_TOLERANCE * np.maximum(1.0, np.abs(steps))
        yield from _found("off_step", name, off, values, f"are no multiples of {feature.step:g}")


def _category(column: pl.Series, feature: Feature, may_miss: bool) -> Iterator[Breach]:  # noqa: FBT001
    missing = int(column.null_count())
    if missing and not may_miss:
        yield Breach("missing_value", feature.name, missing, f"{missing} rows have no value")
    if feature.categories is None:
        return
    words = column.drop_nulls()
    if words.dtype.is_float() and bool((words == words.floor()).all()):
        words = words.cast(pl.Int64)  # a category of numbers, in a column that once had gaps
    known = [str(c) for c in feature.categories]
    strange = int((~words.cast(pl.String).is_in(known)).sum())
    if strange:
        yield Breach(
            "unknown_category",
            feature.name,
            strange,
            f"{strange} rows are none of the {len(known)} declared categories",
        )


def _target(column: pl.Series) -> Iterator[Breach]:
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        yield Breach("wrong_type", column.name, len(column), f"{column.dtype}, 0 and 1 wanted")
        return
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    missing = np.isnan(values)
    if missing.any():
        yield _rows("target_missing", column.name, missing, "have no label")
    other = ~missing & (values != 0) & (values != 1)
    if other.any():
        yield _rows("target_not_binary", column.name, other, "are neither 0 nor 1")
    classes = np.unique(values[~missing & ~other])
    if len(classes) == 1:
        yield Breach(
            "one_class",
            column.name,
            1,
            f"every row is of class {int(classes[0])}: nothing to learn",
        )


def _keys(frame: pl.DataFrame, schema: Schema) -> Iterator[Breach]:
    for column in (schema.time, schema.entity, schema.id):
        if column in frame.columns and (gaps := frame[column].null_count()):
            yield Breach("missing_value", str(column), gaps, f"{gaps} rows have no value")
    if schema.id in frame.columns:
        twice = frame.height - frame[schema.id].n_unique()
        if twice:
            yield Breach("id_twice", str(schema.id), twice, f"{twice} rows repeat another's id")


def _relation(frame: pl.DataFrame, text: str) -> Iterator[Breach]:
    relation = parse_relation(text)
    if not relation.columns <= set(frame.columns):
        return  # said as missing_column
    columns = {c: frame[c] for c in relation.columns}
    for name, column in columns.items():
        if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
            yield Breach("wrong_type", name, frame.height, f"{column.dtype}, but {text} calculates")
            return
    numbers = {
        name: column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name, column in columns.items()
    }
    with np.errstate(all="ignore"):
        holds = np.broadcast_to(np.asarray(relation.evaluate(numbers), dtype=bool), (frame.height,))
    if not holds.all():
        yield _rows("relation", text, ~holds, f"break {text}")


def _found(
    rule: str, name: str, bad: NDArray[Any], values: NDArray[np.float64], what: str
) -> Iterator[Breach]:
    bad = bad & ~np.isnan(values)
    if bad.any():
        yield _rows(rule, name, bad, what)


def _rows(rule: str, where: str, bad: NDArray[Any], what: str) -> Breach:
    rows = int(np.count_nonzero(bad))
    return Breach(rule, where, rows, f"{rows} rows {what}, the first is row {int(np.argmax(bad))}")
