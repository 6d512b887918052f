"""Fixed-point numbers modulo 2^64: what is added under masks, since masks need a finite group.

A number x becomes round(x · 2^20) as a signed 64-bit integer, read as an unsigned one. Sums wrap
modulo 2^64 and so are exact, whatever the order, as long as the true sum fits; the limits below see
to that: an entry of one bank is at most 2^32, so a thousand banks stay below 2^62.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strongroom.domain.errors import InputError, LimitError

Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

FRACTION_BITS: Final = 20
SCALE: Final = float(2**FRACTION_BITS)
MAX_ENTRY: Final = float(2**32)
"""Largest absolute value of one entry of one bank: exact in a double with 20 bits of fraction."""
RESOLUTION: Final = 1 / SCALE
"""An entry is off by at most half of this."""


def encode(values: Floats) -> Words:
    """Fixed-point words of numbers (n,). Raises InputError, LimitError: never wraps silently."""
    if not np.isfinite(values).all():
        raise InputError("a number to be added is not finite", fix="check the training rows")
    largest = float(np.abs(values).max(initial=0.0))
    if largest > MAX_ENTRY:
        raise LimitError(f"{largest:.3g} is to be added, {MAX_ENTRY:.3g} allowed")
    return np.rint(values * SCALE).astype(np.int64).view(np.uint64)


def decode(words: Words) -> Floats:
    """The numbers that a sum of encoded ones stands for."""
    return words.view(np.int64) / SCALE


def to_bytes(words: Words) -> bytes:
    """Eight bytes a word, least significant first."""
    return words.astype("<u8").tobytes()


def from_bytes(data: bytes, length: int, *, where: str) -> Words:
    """Read `length` words. Raises InputError."""
    if len(data) != 8 * length:
        raise InputError(f"{len(data)} bytes for {length} words of eight", where=where)
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)
