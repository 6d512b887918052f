"""What the columns of a table probably mean, by their names and what they hold."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.domain.errors import InputError
from strongroom.governance.columns import ColumnFacts
from strongroom.governance.words import looks_protected, means, spoken

_DIGITS: Final = 3
"""Significant digits to which the ends of ranges are rounded, outwards."""


@dataclass(frozen=True, slots=True)
class FeatureGuess:
    """One feature, as a manifest would declare it."""

    name: str
    type: str
    min: float | None = None
    max: float | None = None
    step: float | None = None
    categories: tuple[str, ...] = ()
    mutable_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaGuess:
    """What the columns probably mean; people look it over."""

    target: str
    features: tuple[FeatureGuess, ...]
    time: str | None
    entity: str | None
    id: str | None
    sensitive: tuple[str, ...]
    left_out: tuple[str, ...]
    """Columns that have no part in it."""


def targets(columns: Sequence[ColumnFacts]) -> list[str]:
    """Columns that could be the label, the likeliest first."""
    binary = [c.name for c in columns if c.binary and not looks_protected(c.name)]
    return sorted(binary, key=lambda name: not means(name, "target"))


def likely_target(columns: Sequence[ColumnFacts]) -> str | None:
    """The label, if there can be little doubt."""
    named = [name for name in targets(columns) if means(name, "target")]
    if len(named) == 1:
        return named[0]
    binary = targets(columns)
    return binary[0] if not named and len(binary) == 1 else None


def guess_schema(
    columns: Sequence[ColumnFacts], target: str, read_by_model: Sequence[str]
) -> SchemaGuess:
    """The meaning of every column, `read_by_model` being the features the model names, if it does.

    Raises InputError if no feature is left.
    """
    by_name = {column.name: column for column in columns}
    dated = next((c.name for c in columns if c.kind == "time"), None)
    time = dated or _called(columns, "time")
    entity, row = _called(columns, "entity"), _called(columns, "id")
    roles = {target, time, entity, row}
    if read_by_model and all(name in by_name for name in read_by_model):
        chosen = [by_name[name] for name in read_by_model if name != target]
    else:
        chosen = _numbers(columns, roles, len(read_by_model))
    if not chosen:
        raise InputError("no column is left that a model could read", fix="see docs/manifest.md")
    sensitive = [c.name for c in columns if looks_protected(c.name) and c.name not in roles]
    used = {c.name for c in chosen} | set(sensitive) | roles
    return SchemaGuess(
        target,
        tuple(_feature(column) for column in chosen),
        time,
        entity,
        row,
        tuple(sensitive),
        tuple(c.name for c in columns if c.name not in used),
    )


def _numbers(
    columns: Sequence[ColumnFacts], roles: Container[str | None], wanted: int
) -> list[ColumnFacts]:
    """The columns that a model could read; without protected ones if that gives the number wanted.

    `wanted` is how many the model says it reads under names of its own, or 0.
    """
    usable = [c for c in columns if c.name not in roles and _usable(c)]
    unprotected = [c for c in usable if not looks_protected(c.name)]
    return unprotected if len(unprotected) == wanted != len(usable) else usable


def _usable(column: ColumnFacts) -> bool:
    """Numbers that are not names in disguise, nor known after the fact."""
    name = column.name
    return (
        column.kind in ("float", "int", "bool")
        and column.low is not None
        and not means(name, "ignore")
        and not means(name, "time")
        and not spoken(name).endswith(" id")
    )


def _feature(column: ColumnFacts) -> FeatureGuess:
    mutable = ("payer",) if means(column.name, "payer_sets") else ()
    if column.kind == "text":
        return FeatureGuess(column.name, "category", categories=column.values or ())
    if column.kind == "bool":
        return FeatureGuess(column.name, "bool", mutable_by=mutable)
    low, high = column.low, column.high
    if column.kind == "float":
        low, high = _outwards(low, down=True), _outwards(high, down=False)
    kind = "int" if column.kind == "int" else "float"
    step = 0.01 if column.cents else None
    return FeatureGuess(column.name, kind, low, high, step, mutable_by=mutable)


def _outwards(value: float | None, *, down: bool) -> float | None:
    """Rounded away from the data, so that what was seen stays inside."""
    if value is None or not 1e-300 < abs(value) < 1e300:
        return value
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    count = math.floor(value / unit) if down else math.ceil(value / unit)
    rounded = float(f"{count * unit:.{_DIGITS}g}")
    outside = rounded <= value if down else rounded >= value
    return rounded if outside else value


def _called(columns: Iterable[ColumnFacts], meaning: str) -> str | None:
    return next((c.name for c in columns if means(c.name, meaning)), None)
