"""CKKS parameters, judged before use: security, depth, room for the result, and precision.

The library warns of none of this: with [40, 21, 21, 40] it returns numbers that are wrong by more
than they are large. So parameters are refused unless

1. the modulus is no longer than the Homomorphic Encryption Standard allows at 128 bits,
2. there is a prime for each multiplication, of the size of the scale,
3. the first prime has room for the largest result, and the last is no smaller than any other,
4. the error that they must be expected to have is below the bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from strongroom.domain.errors import DeniedError, InputError

STANDARD: Final = {1024: 27, 2048: 54, 4096: 109, 8192: 218, 16384: 438, 32768: 881}
"""Longest modulus in bits by degree, for 128 bits of security against classical attacks, with
ternary secrets. Source: Albrecht et al., "Homomorphic Encryption Security Standard" v1.1 (2018),
table 1, https://homomorphicencryption.org/standard; also https://eprint.iacr.org/2019/939."""
SECURITY_BITS: Final = 128
_PRIME_BITS: Final = (20, 60)
_SIGMA: Final = 3.2
"""Standard deviation of the noise that the standard and SEAL use."""
_TAIL: Final = 8.0
"""Standard deviations that the estimate allows for: 32,768 slots stay within 6 of them."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What keys are made with."""

    degree: int
    """Of the polynomials: a power of two; half of it is the rows of one batch."""
    chain: tuple[int, ...]
    """Bits of each prime of the modulus; the last is for keys only."""
    scale_bits: int
    """Numbers are multiplied by two to this power."""

    def __post_init__(self) -> None:
        numbers = (self.degree, self.scale_bits, *self.chain)
        if any(type(n) is not int or n <= 0 for n in numbers):
            raise InputError("parameters are positive whole numbers")
        if not 2 <= len(self.chain) <= 16:
            raise InputError(f"{len(self.chain)} primes", fix="give 3 to 16")

    @property
    def rows(self) -> int:
        """Rows that one batch holds."""
        return self.degree // 2

    @property
    def levels(self) -> int:
        """Multiplications one after the other."""
        return len(self.chain) - 2


@dataclass(frozen=True, slots=True)
class Demand:
    """What a model asks of parameters."""

    depth: int
    """Multiplications one after the other."""
    norm: float
    """How much noise in the inputs grows: L2 norm of the gradient of the logit, at worst."""
    largest: float
    """Largest absolute value of the logit and of what it is made of, over all allowed inputs."""
    terms: int
    """Squares that are added."""


STANDARD_CHOICE: Final = Parameters(8192, (60, 40, 40, 60), 40)
"""Two multiplications, an error of about 1e-6 of the result, 128 bits."""
FINE: Final = Parameters(16384, (60, 50, 50, 60), 50)
"""Two multiplications, an error of about 1e-9 of the result, 128 bits."""


def objections(parameters: Parameters, demand: Demand, max_error: float) -> tuple[str, ...]:
    """Every reason not to use these parameters for this model; none is good."""
    if not max_error > 0:
        raise InputError(f"an error bound of {max_error}", fix="above 0, such as 1e-3")
    degree, chain = parameters.degree, parameters.chain
    found = []
    allowed = STANDARD.get(degree)
    low, high = _PRIME_BITS
    if allowed is None:
        found.append(
            f"degree {degree} is not in the standard's table: {', '.join(map(str, STANDARD))}"
        )
    elif sum(chain) > allowed:
        found.append(
            f"a modulus of {sum(chain)} bits gives less than {SECURITY_BITS} bits of security: "
            f"{allowed} at degree {degree}"
        )
    if not all(low <= bits <= high for bits in chain):
        found.append(f"primes have {low} to {high} bits")
    if parameters.levels < demand.depth:
        found.append(f"{parameters.levels} multiplications fit, the model takes {demand.depth}")
    if any(bits != parameters.scale_bits for bits in chain[1:-1]):
        found.append(
            f"the primes between first and last are not of the scale's {parameters.scale_bits} bits"
        )
    if chain[-1] < max(chain):
        found.append("the last prime is smaller than another: switching keys would add noise")
    room = chain[0] - parameters.scale_bits
    if room < math.log2(max(demand.largest, 1.0)) + 2:
        found.append(f"{room} bits above the scale do not hold results up to {demand.largest:.3g}")
    if not found:
        error = estimated_error(parameters, demand)
        if not error <= max_error:
            found.append(f"an error of {error:.2g} is to be expected, {max_error:.2g} allowed")
    return tuple(found)


def require(parameters: Parameters, demand: Demand, max_error: float) -> float:
    """The error to expect. Raises DeniedError with every objection."""
    found = objections(parameters, demand, max_error)
    if found:
        raise DeniedError(
            "; ".join(found), where=str(parameters), fix="8192 with 60,40,40,60 and scale 40"
        )
    return estimated_error(parameters, demand)


def estimated_error(parameters: Parameters, demand: Demand) -> float:
    """Absolute error of a logit that is not to be expected to be passed.

    Noise of encryption, rescaling and key switching by the usual heuristics (Cheon et al.,
    ASIACRYPT 2017, https://eprint.iacr.org/2016/421), and what each prime is off the scale by,
    which the library leaves in the result.
    """
    n, scale = parameters.degree, 2.0**parameters.scale_bits
    fresh = _SIGMA * math.sqrt(1 + 4 * n / 3) * math.sqrt(n) / scale
    rounding = math.sqrt((1 + 2 * n / 3) / 12) * math.sqrt(n) / scale
    noise = fresh * demand.norm + rounding * (1 + demand.norm) * (1 + demand.terms)
    off = mismatch(n, parameters.scale_bits, max(parameters.levels, 1))
    return _TAIL * noise + demand.depth * off * demand.largest


def mismatch(degree: int, bits: int, count: int) -> float:
    """How far, in parts of 2^bits, the farthest of the primes is that the library takes.

    They are the largest `count` below 2^bits that are 1 modulo twice the degree.
    """
    candidate: int = 2**bits - 2 * degree + 1
    found = 0
    while candidate > 2 * degree:
        found += is_prime(candidate)
        if found == count:
            return float(1 - candidate / 2**bits)
        candidate -= 2 * degree
    return math.inf


def is_prime(n: int) -> bool:
    """Miller and Rabin's test, certain below 3.3e24 with these bases (Sorenson, Webster 2015)."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    if n < 2 or any(n % b == 0 for b in bases):
        return n in bases
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        if not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True
