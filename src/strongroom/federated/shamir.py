"""Shamir's secret sharing of 32 bytes over the integers modulo 2^521 - 1.

Any `threshold` shares give the secret; any fewer are consistent with every secret alike.
Source: A. Shamir, "How to share a secret", Communications of the ACM 22 (1979) 612-613. The prime
is the Mersenne prime M521: larger than any 32-byte secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from strongroom.domain.errors import InputError

PRIME: Final = 2**521 - 1
SECRET_BYTES: Final = 32
SHARE_BYTES: Final = 66
Entropy = Callable[[int], bytes]
"""So many unpredictable bytes: `os.urandom`, or a seeded source in tests."""


def split(secret: bytes, points: Iterable[int], threshold: int, entropy: Entropy) -> dict[int, int]:
    """A share for each point, which is a positive integer."""
    if len(secret) != SECRET_BYTES:
        raise InputError(f"a secret of {len(secret)} bytes, {SECRET_BYTES} expected")
    # 16 bytes more than the prime has: what is left of the bias is below 2^-128.
    drawn = (entropy(SHARE_BYTES + 16) for _ in range(threshold - 1))
    coefficients = [int.from_bytes(secret), *(int.from_bytes(d) % PRIME for d in drawn)]
    return shares_of(coefficients, points, threshold, PRIME)


def combine(shares: Mapping[int, int]) -> bytes:
    """The secret of at least `threshold` shares. Raises InputError when they give none.

    Too few shares, or false ones, give another number: whoever combines must know the secret when
    they see it.
    """
    value = at_zero(shares, PRIME)
    if value >= 256**SECRET_BYTES:
        raise InputError("the shares do not belong together")
    return value.to_bytes(SECRET_BYTES)


def shares_of(
    coefficients: list[int], points: Iterable[int], threshold: int, prime: int
) -> dict[int, int]:
    """Values of the polynomial at the points, by Horner's rule."""
    wanted = list(points)
    distinct = len(set(wanted)) == len(wanted) and all(0 < point < prime for point in wanted)
    if not distinct or not 1 <= threshold <= len(wanted):
        raise InputError(f"{threshold} of {len(wanted)} shares cannot be made")
    made = {}
    for point in wanted:
        value = 0
        for coefficient in reversed(coefficients):
            value = (value * point + coefficient) % prime
        made[point] = value
    return made


def at_zero(shares: Mapping[int, int], prime: int) -> int:
    """Lagrange interpolation at 0."""
    total = 0
    for point, value in shares.items():
        above, below = 1, 1
        for other in shares:
            if other != point:
                above = above * other % prime
                below = below * (other - point) % prime
        total = (total + value * above * pow(below, -1, prime)) % prime
    return total
