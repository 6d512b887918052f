"""A federation of five banks with keys, and randomness that is drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from strongroom.federated.fixed import Words
from strongroom.federated.messages import Terms
from strongroom.keys.keypair import KeyPair, generate

BANKS: Final = ("ash", "birch", "cedar", "elm", "fir")


@dataclass(frozen=True, slots=True)
class Federation:
    """Who takes part in one aggregation, and on what terms."""

    signers: dict[str, KeyPair]
    terms: Terms


@cache
def federation(*, length: int = 6, threshold: int = 3, banks: int = 5) -> Federation:
    """The first `banks` of `BANKS`; the same keys at each call."""
    signers = {name: generate() for name in BANKS[:banks]}
    members = {name: pair.public for name, pair in signers.items()}
    return Federation(signers, Terms(bytes(range(32)), members, threshold, length))


def seeded(seed: int) -> Callable[[int], bytes]:
    """Bytes that are the same at each run; never for real keys."""
    return np.random.default_rng(seed).bytes


def vectors(seed: int, *, length: int = 6, banks: int = 5) -> dict[str, Words]:
    """Any words for each bank, over the whole range."""
    rng = np.random.default_rng(seed)
    return {n: rng.integers(0, 2**64, length, dtype=np.uint64) for n in BANKS[:banks]}


def plain_sum(parts: list[Words]) -> Words:
    """What an aggregation must come to, bit for bit."""
    total: Words = np.sum(parts, axis=0, dtype=np.uint64)
    return total
