"""Ordinary values that people pickle beside their models: tables, arrays, times, settings."""

import argparse
import collections
import datetime as dt
import decimal
import fractions
import ipaddress
import operator
import pathlib
import random
import re
import types
import uuid
import zoneinfo
from collections.abc import Iterator

import numpy as np
import pandas as pd


def values() -> Iterator[tuple[str, object]]:
    """Name and object."""
    yield from _python()
    yield from _arrays()
    yield from _tables()


def _python():
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    yield "times", [dt.date(2020, 1, 1), dt.timedelta(1), dt.time(1, 2)]
    yield "zoned", dt.datetime(2020, 1, 1, tzinfo=berlin)
    yield "utc", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    yield "numbers", [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 1j, 2**200, True, None]
    yield "ids", [uuid.UUID(int=3), ipaddress.ip_address("10.0.0.1"), pathlib.PurePosixPath("a/b")]
    yield (
        "maps",
        [
            collections.OrderedDict(a=1),
            collections.defaultdict(list, {1: [2]}),
            collections.Counter("abc"),
            collections.deque([1], 5),
            collections.ChainMap({1: 2}),
            collections.UserDict(a=1),
        ],
    )
    yield "settings", [argparse.Namespace(a=1), types.SimpleNamespace(b=2), slice(1, 2), range(3)]
    yield "picks", [operator.itemgetter(1), re.compile("a+", re.IGNORECASE), random.Random(3)]
    yield "bytes", [b"abc" * 100, bytearray(b"x" * 10), bytearray(), {1, 2}, frozenset([3])]
    yield "errors", [ValueError("x"), FileNotFoundError(2, "x")]
    yield "digests", {"sha256": "80" * 32, "key": "gASV" + "A" * 40, "text": "eJ is how it begins"}


def _arrays():
    for code in ("i1", "u8", "f2", "f8", "c16", "S5", "U5", "M8[ns]", "m8[s]", "O", "?", ">f8"):
        array = np.zeros(3, dtype=code)
        yield f"array {code}", {"array": array, "scalar": array[0], "type": array.dtype}
    yield "structured", np.zeros(3, dtype=[("a", "f4"), ("b", "O"), ("c", "U3")])
    yield "masked", np.ma.array([1, 2], mask=[0, 1])
    yield "limits", np.finfo(float)
    yield (
        "generators",
        [np.random.default_rng(0), np.random.RandomState(0), np.random.SeedSequence(3)],
    )
    yield "functions", [np.log1p, np.mean, np.percentile, np.unique, np.linalg.norm, np.float32]


def _tables():
    table = pd.DataFrame(
        {
            "text": ["a", "b", "c"],
            "category": pd.Categorical(["x", "y", "x"]),
            "day": pd.date_range("2020", periods=3, tz="UTC"),
            "time": pd.to_timedelta([1, 2, 3]),
            "number": pd.array([1, None, 3], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "string": pd.array(["a", None, "b"], dtype="string"),
            "month": pd.period_range("2020", periods=3, freq="M"),
            "range": pd.interval_range(0, 3),
            "sparse": pd.arrays.SparseArray([0, 0, 1]),
        }
    )
    for column in table:
        yield f"column {column}", table[column]
    yield "table", table
    yield "table by two", table.set_index(["text", "day"])
    yield "types", table.dtypes
    yield (
        "indexes",
        [
            pd.timedelta_range("1D", periods=3),
            pd.interval_range(0, 3),
            pd.CategoricalIndex(["a", "b"]),
            pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
        ],
    )
    yield "offsets", [pd.offsets.MonthEnd(), pd.DateOffset(months=1), pd.Timestamp("2020"), pd.NaT]
