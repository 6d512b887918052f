"""How values of arguments are written, and whether one stands in a text.

Two questions, asked with opposite care. *Does a trusted text hold exactly this value?* is answered
strictly: no look-alikes, no pieces, no decoding, so whatever is disguised is simply not found.
*Where may it have been read?* is answered generously, for telling people.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from strongroom.guard.tools.rules import Kind

ACCOUNT_CHARS: Final = (6, 64)
"""Letters and digits of an account; fewer would be found in any text."""
_SEPARATOR: Final = "[ \\-./\u00a0]"
_ACCOUNT: Final = re.compile(rf"[0-9A-Za-z](?:{_SEPARATOR}?[0-9A-Za-z])*")
_GROUPED: Final = r"\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?"
_PLAIN: Final = r"\d+(?:[.,]\d+)?"
_NUMBER: Final = re.compile(rf"(?<![\w.,/:-])(?:{_GROUPED}|{_PLAIN})(?![\w/:-]|[.,]\d)", re.ASCII)
_PROGRAM: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?")
LARGEST: Final = 1e15
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>)\]}]+")
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]*[A-Za-z0-9]")
MAX_NUMBER: Final = 40
"""Characters of a written number."""


def leaves_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Every text, number and truth value of a JSON value, with the name of its nearest field."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        name, one = stack.pop()
        if isinstance(one, dict):
            stack.extend((str(key), inner) for key, inner in one.items())
        elif isinstance(one, list):
            stack.extend((name, inner) for inner in one)
        elif one is not None:
            yield name, one


def written(value: Any) -> str:
    """A leaf as people would write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def account_of(value: Any) -> str | None:
    """The letters and digits of an account, in lower case; None if it is written as none is."""
    text = written(value).strip(" ")
    if isinstance(value, bool | float) or _ACCOUNT.fullmatch(text) is None:
        return None
    bare = re.sub(_SEPARATOR, "", text).lower()
    return bare if ACCOUNT_CHARS[0] <= len(bare) <= ACCOUNT_CHARS[1] else None


def amount_of(value: Any) -> Decimal | None:
    """An amount as programs write it; None for "1.234,50", which a tool may read otherwise."""
    if isinstance(value, str):
        return _decimal(value) if _PROGRAM.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
        return None
    number = _decimal(str(value))
    return number if number is not None and number.is_finite() else None


def amounts_in(text: str) -> Iterator[Decimal]:
    """Every amount that a text may mean; "1.234" is two."""
    for match in _NUMBER.finditer(text):
        yield from _readings(match.group())


def holds(text: str, value: Any, kind: Kind) -> bool:
    """Whether a text holds exactly this value, whole, as a word of its own."""
    if kind == "amount":
        amount = amount_of(value)
        return amount is not None and amount in set(amounts_in(text))
    if kind == "account":
        bare = account_of(value)
        if bare is None:
            return False
        pattern = f"{_SEPARATOR}?".join(bare)
        return re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE | re.ASCII) is not None
    if kind == "url":
        return any(found.rstrip(".,;:!?") == value for found in _URL.findall(text))
    if kind == "email":
        return any(found.lower() == str(value).lower() for found in _EMAIL.findall(text))
    wanted, given = _even(written(value)), _even(text)
    pattern = rf"(?<!\w){re.escape(wanted)}(?!\w)"
    return bool(wanted) and re.search(pattern, given) is not None


def equal(left: Any, right: Any, kind: Kind) -> bool:
    """Whether two leaves are the same value."""
    if kind == "amount":
        amount = amount_of(left)
        return amount is not None and amount == amount_of(right)
    if kind == "account":
        bare = account_of(left)
        return bare is not None and bare == account_of(right)
    if kind == "email":
        return written(left).lower() == written(right).lower() and written(left).isascii()
    return written(left) == written(right)


def bare(text: str) -> str:
    """Letters and digits alone, in lower case: for looking where a value may have been read."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def _even(text: str) -> str:
    """For comparing words: composed, lower case, single spaces. Look-alikes stay different."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _readings(token: str) -> set[Decimal]:
    """What a written number may mean."""
    if len(token) > MAX_NUMBER:
        return set()
    plain = re.sub("[' \u00a0\u202f]", "", token)
    marks = [c for c in plain if c in ".,"]
    if not marks:
        return _decimals(plain)
    last = plain.rfind(marks[-1])
    as_decimal = re.sub("[.,]", "", plain[:last]) + "." + plain[last + 1 :]
    as_groups = re.sub("[.,]", "", plain)
    grouping = len(plain) - last - 1 == 3
    if len(marks) > 1 and marks[-1] == marks[-2]:
        return _decimals(as_groups)
    if len(set(marks)) == 2 or not grouping or len(plain[:last]) > 3:
        return _decimals(as_decimal)
    return _decimals(as_decimal) | _decimals(as_groups)


def _decimals(text: str) -> set[Decimal]:
    number = _decimal(text)
    return set() if number is None else {number}


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
