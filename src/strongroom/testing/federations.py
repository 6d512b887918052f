"""A federation of five banks with keys, and randomness that is drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from strongroom.federated import parties
from strongroom.federated.fixed import Words
from strongroom.federated.messages import Terms
from strongroom.federated.parties import Party
from strongroom.federated.plan import Plan
from strongroom.keys.keypair import KeyPair, generate
from strongroom.payments.federation_demo import toml_of

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


def plan_document(model: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A plan of all five for three features, as in TOML."""
    members = {name: pair.public.raw.hex() for name, pair in federation().signers.items()}
    return {
        "version": 1,
        "system": "cards",
        "coordinator": "hub",
        "threshold": 3,
        "rounds": 3,
        "target": "fraud",
        "features": ["a", "b", "c"],
        "seed": 5,
        "members": members,
        "model": dict(model),
        **changes,
    }


def plan_for(model: Mapping[str, Any], **changes: Any) -> Plan:
    """The same, read."""
    return Plan.model_validate(plan_document(model, **changes))


def folders(place: Path, document: dict[str, Any], now: datetime) -> dict[str, Party]:
    """An authority, and a folder for each bank and the coordinator with keys of their own."""
    parties.make_authority(place / "authority", None, now)
    authority = parties.open_party(place / "authority", None)
    names = (document["coordinator"], *document["members"])
    keys = {name: parties.enrol(place / name, None) for name in names}
    for name, key in keys.items():
        parties.admit(authority, name, key, now, place / name)
    members = {name: keys[name].raw.hex() for name in document["members"]}
    for name in names:
        (place / name / "plan.toml").write_text(toml_of({**document, "members": members}))
    return {name: parties.open_party(place / name, None) for name in names}
