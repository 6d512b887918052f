"""A person's approval of exactly one call: signed, for a while, and used once.

v1.BASE64URL({"call": digest, "nonce": …, "until": seconds}).BASE64URL(signature)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from strongroom.domain.errors import InputError
from strongroom.guard.tools.pace import LocalPace, Pace
from strongroom.guard.tools.turns import Call
from strongroom.keys.keypair import PublicKey

PURPOSE: Final = b"strongroom approval of a tool call v1\n"
"""Signed before the payload, so that no other signature reads as an approval."""
MAX_TOKEN: Final = 2_000
MAX_AHEAD: Final = 7 * 24 * 3600.0
"""Seconds that an approval may hold."""


class Signs(Protocol):
    """A person's key."""

    def sign(self, data: bytes) -> bytes:
        """A signature of these bytes."""
        ...


def approve(call: Call, signer: Signs, *, nonce: str, until: float) -> str:
    """A token. `nonce`: random; `until`: seconds since the epoch."""
    payload = json.dumps(
        {"call": call.digest, "nonce": nonce, "until": until}, sort_keys=True
    ).encode()
    return f"v1.{_encoded(payload)}.{_encoded(signer.sign(PURPOSE + payload))}"


class Approvals:
    """Knows who approves, and which approvals were used."""

    def __init__(self, approvers: Iterable[str], pace: Pace | None = None) -> None:
        """Public keys in PEM; who remembers what was used. Raises InputError."""
        self._keys = tuple(PublicKey.parse_pem(pem) for pem in approvers)
        self._pace = pace or LocalPace()

    def use(self, call: Call, tokens: Sequence[str], now: float) -> bool:
        """Whether one of the tokens approves this call; that one is spent. Raises PaceLost."""
        for token in tokens[:8]:
            found = self._read(token)
            if found is None:
                continue
            digest, nonce, until = found
            fits = now < until <= now + MAX_AHEAD and digest == call.digest
            if fits and self._pace.spend(nonce, until, now):
                return True
        return False

    def _read(self, token: str) -> tuple[str, str, float] | None:
        """What a token that one of the approvers signed says."""
        parts = token.split(".") if len(token) <= MAX_TOKEN else []
        if len(parts) != 3 or parts[0] != "v1":
            return None
        try:
            payload, signature = (
                base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in parts[1:]
            )
        except ValueError:
            return None
        if not any(key.verify(PURPOSE + payload, signature) for key in self._keys):
            return None
        try:
            value = json.loads(payload)
            return str(value["call"]), str(value["nonce"]), float(value["until"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError("a signed approval cannot be read") from error


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
