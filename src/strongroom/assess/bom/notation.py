"""How CycloneDX writes small things."""

from __future__ import annotations

from typing import Final

from strongroom.assess.pins import Pin
from strongroom.domain.digests import Digest

_ALGORITHMS: Final = {
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "blake3": "BLAKE3",
}


def hash_of(digest: Digest) -> dict[str, str]:
    """A digest."""
    return {"alg": _ALGORITHMS[digest.algorithm], "content": digest.hex}


def hashes_of(pin: Pin) -> list[dict[str, str]]:
    """Every hash of a package."""
    return [{"alg": _ALGORITHMS[a], "content": h} for a, h in pin.hashes]


def note(name: str, value: str) -> dict[str, str]:
    """A property in our own name space."""
    return {"name": f"strongroom:{name}", "value": value}
