"""Relations between columns: read into a tree, evaluated row by row, never by `eval`."""

import contextlib
import operator
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InputError
from strongroom.governance.relations import (
    MAX_DEPTH,
    MAX_LENGTH,
    Binary,
    Column,
    Negative,
    Number,
    Relation,
    parse_relation,
    value_of,
)


def test_a_relation_is_read_into_a_tree() -> None:
    relation = parse_relation("total == net + 2 * -(fee / `credit-amount`)")
    fee = Binary("/", Column("fee"), Column("credit-amount"))
    right = Binary("+", Column("net"), Binary("*", Number(2.0), Negative(fee)))
    assert (relation.left, relation.comparison, relation.right) == (Column("total"), "==", right)
    assert relation.columns == {"total", "net", "fee", "credit-amount"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("a - b - c", 1), ("a - (b - c)", 5), ("a / b * c", 4), ("-a + b", -3), ("a + b * c", 12)],
)
def test_arithmetic_binds_as_on_paper(text: str, value: float) -> None:
    assert value_of(parse_relation(f"{text} == 0").left, {"a": 6, "b": 3, "c": 2}) == value


def test_arrays_are_judged_row_by_row() -> None:
    columns = {
        "total": np.array([0.3, 5.0, np.nan, 1e9]),
        "net": np.array([0.1, 4.0, 1.0, 1e9]),
        "fee": np.array([0.2, 0.5, 1.0, 0.1]),
    }
    holds = parse_relation("total == net + fee").evaluate(columns)
    assert holds.tolist() == [True, False, False, True]
    assert parse_relation("fee <= 0.05 * net").evaluate(columns).tolist() == [
        False,
        False,
        False,
        True,
    ]


def test_rounding_is_allowed_for_only_where_equality_counts() -> None:
    point = {"a": 0.1 + 0.2, "b": 0.3}
    assert point["a"] != point["b"]
    for text, holds in {
        "a == b": True,
        "a <= b": True,
        "a >= b": True,
        "a > b": True,
        "b > a": False,
    }.items():
        assert bool(parse_relation(text).evaluate(point)) is holds


def test_any_numbers_will_do() -> None:
    assert parse_relation("a / 3 < b").evaluate({"a": Fraction(1), "b": Fraction(1, 2)}) is True


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a number or column, found nothing more"),
        ("a", "expected a comparison"),
        ("a = b", "cannot read '= b'"),
        ("a == ", "expected a number or column, found nothing more"),
        ("a == b == c", "expected the end, found '==' at character 8"),
        ("a < b c", "expected the end, found 'c'"),
        ("(a == b", "expected ')'"),
        ("a == __import__('os')", "cannot read"),
        ("a == b[0]", "cannot read"),
        ("a == b ** 2", "expected a number or column, found '*'"),
        ("a == 1e999", "a finite number"),
        ("a == `", "cannot read"),
        ("a == " + "(" * (MAX_DEPTH + 2) + "b", "nested deeper"),
        ("a == " + "-" * (MAX_DEPTH + 2) + "b", "nested deeper"),
        ("a == " + "b + " * MAX_LENGTH, "characters"),
    ],
)
def test_what_is_no_relation_is_refused_where_reading_stopped(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=re.escape(reason)):
        parse_relation(text)


@given(st.text(max_size=80) | st.text("abc019.+-*/()<>=` e", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(parse_relation(text), Relation)


expressions = st.recursive(
    st.sampled_from("xyz") | st.integers(0, 9).map(str),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})")
        | inner.map(lambda part: f"-{part}")
    ),
    max_leaves=8,
)  # fmt: skip


@given(expressions, expressions, st.sampled_from(["==", "<=", ">=", "<", ">"]))
def test_it_says_what_python_says_of_the_same_text(left: str, right: str, comparison: str) -> None:
    point = {"x": 3, "y": -2, "z": 5}
    python = {
        "==": operator.eq,
        "<=": operator.le,
        ">=": operator.ge,
        "<": operator.lt,
        ">": operator.gt,
    }
    expected = python[comparison](eval(left, {}, dict(point)), eval(right, {}, dict(point)))
    relation = parse_relation(f"{left} {comparison} {right}")
    assert bool(relation.evaluate(point, tolerance=0.0)) is expected
