"""Personal data of people who do not exist, so that the search for personal data has work to do.

Card numbers pass the Luhn test (ISO/IEC 7812-1 annex B) and begin like the card numbers that
payment processors publish for testing; e-mail addresses end in names reserved by RFC 2606.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

TEST_PREFIXES: Final = (411111, 424242, 510510, 555555)
RESERVED_DOMAINS: Final = ("example.com", "example.net", "example.org")
_ACCOUNT_DIGITS: Final = 9


def identities(people: int, rng: np.random.Generator) -> pl.DataFrame:
    """`card_number` (16 digits, as text) and `email`, one row a person."""
    prefix = rng.choice(TEST_PREFIXES, people).astype(np.int64)
    account = rng.integers(0, 10**_ACCOUNT_DIGITS, people)
    body = prefix * 10**_ACCOUNT_DIGITS + account
    number = body * 10 + luhn_digit(body)
    domain = pl.Series(RESERVED_DOMAINS).gather(
        rng.integers(0, len(RESERVED_DOMAINS), people).astype(np.uint32)
    )
    return pl.DataFrame({"card_number": number, "n": np.arange(people), "domain": domain}).select(
        pl.col("card_number").cast(pl.String),
        email=pl.format("customer{}@{}", "n", "domain"),
    )


def luhn_digit(body: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The check digits to write after these numbers, so that the whole passes the Luhn test."""
    total = np.zeros_like(body)
    rest, double = body.copy(), True
    while rest.any():
        digit = rest % 10
        total += np.where(digit > 4, 2 * digit - 9, 2 * digit) if double else digit
        rest, double = rest // 10, not double
    check: npt.NDArray[np.int64] = (-total) % 10
    return check
