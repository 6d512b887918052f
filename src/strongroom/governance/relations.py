"""Relations between columns, as a manifest states them: `total == net + fee`, `fee <= 0.1 * net`.

    relation   = sum ("==" | "<=" | ">=" | "<" | ">") sum
    sum        = product (("+" | "-") product)*
    product    = factor (("*" | "/") factor)*
    factor     = "-" factor | number | column | "(" sum ")"
    column     = letter or _ (letters, digits, _ and .)*  |  "`" any other name "`"

Parsed here into a frozen tree; nothing is ever handed to `eval`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from strongroom.domain.errors import InputError

MAX_LENGTH: Final = 500
MAX_DEPTH: Final = 30
TOLERANCE: Final = 1e-9
"""Relative to the sizes of both sides: sums of cents do not come out equal in binary."""

Arithmetic: TypeAlias = Literal["+", "-", "*", "/"]
Comparison: TypeAlias = Literal["==", "<=", ">=", "<", ">"]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<name>[^\W\d][\w.]*)|`(?P<quoted>[^`]+)`|(?P<symbol>==|<=|>=|[-+*/<>()]))"
)
_APPLY: Final[Mapping[Arithmetic, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARISONS: Final = ("==", "<=", ">=", "<", ">")


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one column."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative:
    """Minus something."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two things joined by arithmetic."""

    operator: Arithmetic
    left: Expression
    right: Expression


Expression: TypeAlias = Number | Column | Negative | Binary


@dataclass(frozen=True, slots=True)
class Relation:
    """What holds between columns in every real row."""

    text: str
    """As it was written."""
    left: Expression
    comparison: Comparison
    right: Expression

    @property
    def columns(self) -> frozenset[str]:
        """Every column that it speaks of."""
        return _columns(self.left) | _columns(self.right)

    def evaluate(self, columns: Mapping[str, Any], *, tolerance: float = TOLERANCE) -> Any:
        """Where it holds: a bool for numbers, an array of bool for arrays, row by row.

        `==`, `<=` and `>=` allow for rounding: `tolerance` times (1 + |left| + |right|).
        Takes whatever has arithmetic, comparison and `abs`; a missing value (NaN) does not hold,
        and division by zero is what the operands make of it. Raises KeyError for a column
        that `columns` lacks.
        """
        left, right = value_of(self.left, columns), value_of(self.right, columns)
        if self.comparison == "<":
            return left < right
        if self.comparison == ">":
            return left > right
        slack = tolerance * (1 + abs(left) + abs(right))
        if self.comparison == "<=":
            return left - right <= slack
        if self.comparison == ">=":
            return right - left <= slack
        return abs(left - right) <= slack


def value_of(expression: Expression, columns: Mapping[str, Any]) -> Any:
    """The value of one side, row by row if columns are arrays."""
    match expression:
        case Number(value):
            return value
        case Column(name):
            return columns[name]
        case Negative(of):
            return -value_of(of, columns)
        case Binary(symbol, left, right):
            return _APPLY[symbol](value_of(left, columns), value_of(right, columns))


def parse_relation(text: str) -> Relation:
    """Read one relation. Raises InputError that says where reading stopped."""
    if len(text) > MAX_LENGTH:
        raise InputError(f"a relation of {len(text)} characters, {MAX_LENGTH} allowed")
    parser = _Parser(text, _tokens(text))
    left = parser.sum(0)
    comparison = parser.take()
    if comparison is None or comparison.kind != "symbol" or comparison.text not in _COMPARISONS:
        raise parser.error(comparison, "a comparison (== <= >= < >)")
    right = parser.sum(0)
    if (extra := parser.take()) is not None:
        raise parser.error(extra, "the end")
    return Relation(text, left, cast("Comparison", comparison.text), right)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int
    """Column in the text, from 1."""


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            rest = text[position:].lstrip()
            raise InputError(
                f"{text!r}: cannot read {rest[:20]!r}",
                fix="write column names, numbers, + - * / ( ) and one of == <= >= < >; "
                "put other column names in `backquotes`",
            )
        tokens.append(
            _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1)
        )
        position = match.end()
    return tokens


@dataclass(slots=True)
class _Parser:
    text: str
    tokens: list[_Token]
    next: int = 0

    def take(self) -> _Token | None:
        token = self.peek()
        self.next += 1
        return token

    def peek(self) -> _Token | None:
        return self.tokens[self.next] if self.next < len(self.tokens) else None

    def sees(self, *symbols: str) -> bool:
        token = self.peek()
        return token is not None and token.kind == "symbol" and token.text in symbols

    def error(self, found: _Token | None, expected: str) -> InputError:
        what = f"{found.text!r} at character {found.at}" if found else "nothing more"
        return InputError(
            f"{self.text!r}: expected {expected}, found {what}",
            fix="write it like `total == net + fee`",
        )

    def sum(self, depth: int) -> Expression:
        left = self.product(depth)
        while self.sees("+", "-"):
            symbol = cast("Arithmetic", self.tokens[self.next].text)
            self.next += 1
            left = Binary(symbol, left, self.product(depth))
        return left

    def product(self, depth: int) -> Expression:
        left = self.factor(depth)
        while self.sees("*", "/"):
            symbol = cast("Arithmetic", self.tokens[self.next].text)
            self.next += 1
            left = Binary(symbol, left, self.factor(depth))
        return left

    def factor(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise InputError(f"{self.text[:60]!r}…: nested deeper than {MAX_DEPTH}")
        token = self.take()
        if token is None:
            raise self.error(token, "a number or column")
        if token.kind == "number":
            return self.number(token)
        if token.kind in ("name", "quoted"):
            return Column(token.text)
        if token.text == "-":
            return Negative(self.factor(depth + 1))
        if token.text == "(":
            inner = self.sum(depth + 1)
            if (closing := self.take()) is None or closing.text != ")":
                raise self.error(closing, "')'")
            return inner
        raise self.error(token, "a number or column")

    def number(self, token: _Token) -> Number:
        value = float(token.text)
        if not math.isfinite(value):
            raise self.error(token, "a finite number")
        return Number(value)


def _columns(expression: Expression) -> frozenset[str]:
    match expression:
        case Column(name):
            return frozenset((name,))
        case Negative(of):
            return _columns(of)
        case Binary(_, left, right):
            return _columns(left) | _columns(right)
        case Number():
            return frozenset()
