"""Numbers that name a person, a card or an account: their forms and check digits.

The facts stand in `identifiers.toml`; patterns are regular expressions of digits without
separators, for whoever judges many values at once; `is_…` judge one value.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

DAY: Final = (
    "(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|[12][0-9]))"
)
"""Month and day, as MMDD."""
NEVER_SSN: Final = "000.*|666.*|9.*|...00.*|.*0000"
"""US SSN: areas, groups and serials that were never issued.

Source: Social Security Administration, SSN randomization (2011).
"""


@cache
def facts() -> Mapping[str, Any]:
    """The tables of `identifiers.toml`."""
    file = resources.files("strongroom.domain").joinpath("identifiers.toml")
    return tomllib.loads(file.read_text("utf-8"))


def prefix_pattern(text: str) -> str:
    """A pattern of the prefixes `51-55`, or of the one prefix `4`."""
    low, _, high = text.partition("-")
    if not high:
        return low
    return "|".join(str(n).zfill(len(low)) for n in range(int(low), int(high) + 1))


@cache
def card_pattern() -> str:
    """Card numbers whose first digits and length are issued by some network."""
    return "|".join(
        rf"(?:{prefix_pattern(prefix)})[0-9]{{{length - len(prefix.partition('-')[0])}}}"
        for one in facts()["cards"]["ranges"]
        for prefix in one["prefixes"]
        for length in one["lengths"]
    )


@cache
def nric_pattern() -> str:
    """Malaysian NRIC: a day and a place of birth."""
    places = "|".join(prefix_pattern(p) for p in facts()["nric"]["places"])
    return rf"[0-9]{{2}}{DAY}(?:{places})[0-9]{{4}}"


@cache
def qid_pattern() -> str:
    """Qatari QID: century and year before 2040, a nationality, serial."""
    nationalities = "|".join(facts()["qid"]["nationalities"])
    return rf"(?:2[0-9]{{2}}|3[0-3][0-9])(?:{nationalities})[0-9]{{5}}"


def mod97(text: str) -> int:
    """ISO 7064 MOD 97-10 of letters and digits, the first four moved to the end; 1 is valid."""
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        number = int(char) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def ean13(digits: str) -> bool:
    """The check digit of EAN-13, as Swiss AHV numbers have it."""
    numbers = [int(char) for char in digits]
    return len(numbers) == 13 and (sum(numbers[::2]) + 3 * sum(numbers[1::2])) % 10 == 0


def is_card(digits: str) -> bool:
    """Issued by some network, with a valid check digit."""
    return _issued().fullmatch(digits) is not None and luhn(digits)


def is_iban(text: str) -> bool:
    """An IBAN without spaces, in capitals: its country's length, MOD 97-10."""
    length: int | None = facts()["iban"]["lengths"].get(text[:2])
    return length == len(text) and text.isascii() and text.isalnum() and mod97(text) == 1


def is_nric(digits: str) -> bool:
    """Malaysian NRIC."""
    return re.fullmatch(nric_pattern(), digits) is not None


def is_qid(digits: str) -> bool:
    """Qatari QID."""
    return re.fullmatch(qid_pattern(), digits) is not None


def is_ssn(digits: str) -> bool:
    """US social security number that may have been issued."""
    return re.fullmatch("[0-9]{9}", digits) is not None and not re.fullmatch(NEVER_SSN, digits)


@cache
def _issued() -> re.Pattern[str]:
    return re.compile(card_pattern())
