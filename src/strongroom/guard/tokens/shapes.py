"""Pseudonyms in the shape of what they stand for. Pure: digits come from the caller's stream.

| kind | pseudonym |
|---|---|
| `pii.pan` | as long and grouped alike, begins with 99, fails Luhn's check: nothing charges it |
| `pii.iban` | same country and length, and good check digits: what validates IBANs takes it |
| `pii.email` | letters for letters, at a host of `.example` (RFC 2606): it reaches nobody |
| all other | a digit for a digit, a letter of its case for a letter; a phone keeps its country |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

_VOWELS: Final = "aeiou"
_CONSONANTS: Final = "bcdfghjklmnpqrstvwxz"
_PHONE_KEPT: Final = 3
"""Characters: the plus and a country's code."""
Draw = Callable[[int], int]
"""A number below its argument."""


def pseudonym(kind: str, value: str, draw: Draw) -> str:
    """In the shape of the value; the same for the same draws."""
    if kind.startswith("pii.pan"):
        return _card(value, draw)
    if kind.startswith("pii.iban"):
        return _iban(value, draw)
    if kind.startswith("pii.email"):
        return f"{_like(value.partition('@')[0], draw)}@{_like('mailer', draw)}.example"
    kept = _PHONE_KEPT if kind.startswith("pii.phone") and value.startswith("+") else 0
    return value[:kept] + _like(value[kept:], draw)


def _card(value: str, draw: Draw) -> str:
    digits = [9, 9, *(draw(10) for char in value[2:] if char.isdigit())]
    size = sum(char.isdigit() for char in value)
    digits = (digits + [draw(10) for _ in range(size)])[:size]
    total = sum(
        sum(divmod(2 * d, 10)) if place % 2 else d for place, d in enumerate(reversed(digits))
    )
    if total % 10 == 0:
        digits[-1] = (digits[-1] + 1 + draw(8)) % 10
    left: Iterator[int] = iter(digits)
    return "".join(str(next(left)) if char.isdigit() else char for char in value)


def _iban(value: str, draw: Draw) -> str:
    plain = "".join(char for char in value if char.isalnum()).upper()
    country, account = plain[:2], _like(plain[4:], draw).upper()
    number = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    whole = iter(f"{country}{98 - int(number) % 97:02d}{account}")
    return "".join(next(whole) if char.isalnum() else char for char in value)


def _like(value: str, draw: Draw) -> str:
    """A digit for a digit, a letter for a letter: it can be said."""
    made = []
    for place, char in enumerate(value):
        if char.isdigit():
            made.append(str(draw(10)))
        elif char.isalpha():
            letters = _VOWELS if place % 2 else _CONSONANTS
            new = letters[draw(len(letters))]
            made.append(new.upper() if char.isupper() else new)
        else:
            made.append(char)
    return "".join(made)
