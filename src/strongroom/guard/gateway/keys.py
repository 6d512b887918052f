"""Keys of tenants: random, shown once, kept as SHA-256.

A key has 256 random bits, so a plain hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

PREFIX: Final = "sr-"
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request has no tenant."""

    what: str


def new_key() -> tuple[str, str]:
    """A key, and what the configuration holds of it."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, hash_of(key)


def hash_of(key: str) -> str:
    """What the configuration holds of a key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def given_key(headers: Headers) -> str | Refused:
    """The key of a request, from where clients of either provider put it."""
    found = set()
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"authorization":
            scheme, _, token = text.partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                found.add(token.strip())
        elif name == b"x-api-key" and text.strip():
            found.add(text.strip())
    if not found:
        return Refused("no key was given")
    if len(found) > 1:
        return Refused("two different keys were given")
    return found.pop()


def is_over(until: date | None, today: date) -> bool:
    """Whether a key's last day has passed."""
    return until is not None and today > until
