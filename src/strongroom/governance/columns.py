"""What the columns of some tables hold, read lazily and in one pass over each table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

from strongroom.domain.errors import InputError, LimitError, MissingExtra

MAX_COLUMNS: Final = 5_000
MAX_CATEGORIES: Final = 100
_CENT_ERROR: Final = 1e-6
"""How far hundredths may be from whole numbers, in hundredths."""

Kind: TypeAlias = Literal["float", "int", "bool", "text", "time", "other"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What one column holds, over all tables that were read."""

    name: str
    kind: Kind
    low: float | None = None
    """Smallest finite value of a number."""
    high: float | None = None
    zero_one: bool = False
    """Holds nothing but 0 and 1, or truth values."""
    cents: bool = False
    """Every value is a whole number of hundredths, and some are no whole numbers."""
    values: tuple[str, ...] | None = None
    """Every text in it, in order, where there are at most MAX_CATEGORIES."""

    @property
    def binary(self) -> bool:
        """Could be a label: holds 0 and 1, and both of them."""
        return self.zero_one and (self.low, self.high) == (0, 1)


def read_columns(paths: Sequence[Path]) -> tuple[ColumnFacts, ...]:
    """The columns that every table has, in the order of the first.

    Raises InputError for what is no table, MissingExtra without the `ml` extra.
    """
    pl = _polars()
    tables = [_scan(pl, path) for path in paths]
    schemas = [
        _tried(pl, path, table.collect_schema) for path, table in zip(paths, tables, strict=True)
    ]
    shared = [name for name in schemas[0] if all(name in schema for schema in schemas)]
    if len(shared) > MAX_COLUMNS:
        raise LimitError(f"{len(shared)} columns, {MAX_COLUMNS} allowed", where=str(paths[0]))
    kinds = {name: _kind(pl, [schema[name] for schema in schemas]) for name in shared}
    asked = [expr for name, kind in kinds.items() for expr in _questions(pl, name, kind)]
    answers: list[Mapping[str, Any]] = []
    for path, table in zip(paths, tables, strict=True):
        made = _tried(pl, path, table.select(asked).collect) if asked else None
        answers.append(made.row(0, named=True) if made is not None and made.height else {})
    return tuple(_facts(name, kind, answers) for name, kind in kinds.items())


def _polars() -> Any:
    try:
        import polars as pl  # noqa: PLC0415  (heavy; `strongroom init` alone needs it in this room)
    except ImportError as error:
        raise MissingExtra("ml", "looking into tables") from error
    return pl


def _scan(pl: Any, path: Path) -> Any:
    if path.suffix.lower() == ".csv":
        return _tried(pl, path, lambda: pl.scan_csv(path, infer_schema_length=10_000))
    return _tried(pl, path, lambda: pl.scan_parquet(path))


def _tried(pl: Any, path: Path, act: Callable[[], T]) -> T:
    try:
        return act()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0][:200]
        raise InputError(f"not a table: {reason}", where=str(path)) from error


def _kind(pl: Any, types: Sequence[Any]) -> Kind:
    kinds = {_kind_of(pl, dtype) for dtype in types}
    if kinds == {"int", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 else "other"


def _kind_of(pl: Any, dtype: Any) -> Kind:
    if dtype == pl.Boolean:
        return "bool"
    if dtype.is_integer():
        return "int"
    if dtype.is_numeric():
        return "float"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "text"
    return "time" if dtype in (pl.Date, pl.Datetime) else "other"


def _questions(pl: Any, name: str, kind: Kind) -> list[Any]:
    """Aggregates of one column, named `name`, a NUL, and what is asked."""
    pattern = name == "*" or name.startswith("^")
    column = pl.col(f"^{_escaped(name)}$" if pattern else name)
    if kind == "text":
        values = column.cast(pl.String).drop_nulls().unique()
        few = values.sort().head(MAX_CATEGORIES + 1).implode()
        return [few.alias(f"{name}\0values")]
    if kind not in ("float", "int", "bool"):
        return []
    number = column.cast(pl.Float64)
    number = number.filter(number.is_finite())
    hundredths = number * 100
    off = (hundredths - hundredths.round()).abs().max()
    return [
        number.min().alias(f"{name}\0low"),
        number.max().alias(f"{name}\0high"),
        ((number == 0) | (number == 1)).all().alias(f"{name}\0zero_one"),
        (off <= _CENT_ERROR).alias(f"{name}\0cents"),
        (number == number.round()).all().alias(f"{name}\0whole"),
    ]


def _escaped(name: str) -> str:
    """For names that polars would read as a pattern."""
    return "".join(c if c.isalnum() or c == "_" else f"\\x{{{ord(c):x}}}" for c in name)


def _facts(name: str, kind: Kind, answers: Sequence[Mapping[str, Any]]) -> ColumnFacts:
    def said(what: str) -> list[Any]:
        found = (answer.get(f"{name}\0{what}") for answer in answers)
        return [value for value in found if value is not None]

    texts = sorted({text for listed in said("values") for text in listed})
    return ColumnFacts(
        name,
        kind,
        min(said("low"), default=None),
        max(said("high"), default=None),
        bool(said("zero_one")) and all(said("zero_one")),
        bool(said("cents")) and all(said("cents")) and not all(said("whole")),
        tuple(texts) if kind == "text" and 0 < len(texts) <= MAX_CATEGORIES else None,
    )
