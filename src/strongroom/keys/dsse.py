"""DSSE v1: a payload and who signed it (Dead Simple Signing Envelope, protocol and envelope).

Two deviations, both stricter: a signature must name its key, and a field that we do not know is
refused instead of ignored: an envelope is known by its digest, so all in it is accounted for.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.statement import PAYLOAD_TYPE, Statement
from strongroom.keys.keypair import Signer

MAX_PAYLOAD: Final = 16 * 1024 * 1024
MAX_ENVELOPE: Final = 24 * 1024 * 1024
"""Room for the largest payload in base64, and its signatures."""
MAX_SIGNATURES: Final = 16
MAX_SIGNATURE: Final = 1024
_TYPE: Final = re.compile(r"[!-~]{1,256}\Z")
_KEY_ID: Final = re.compile(r"[!-~]{1,256}\Z")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature over the envelope's pre-authentication encoding."""

    key_id: str
    value: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.key_id, str) or not _KEY_ID.match(self.key_id):
            raise InputError("a signature names its key in 1 to 256 visible characters")
        if not isinstance(self.value, bytes) or not 0 < len(self.value) <= MAX_SIGNATURE:
            raise InputError(f"a signature has 1 to {MAX_SIGNATURE} bytes")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signed bytes. Parsing proves nothing: `TrustPolicy.verify` says who vouches for them."""

    payload_type: str
    """`application/vnd.in-toto+json` for all that we sign."""
    payload: bytes
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.payload_type, str) or not _TYPE.match(self.payload_type):
            raise InputError("a payload type is 1 to 256 visible characters")
        if len(self.payload) > MAX_PAYLOAD:
            raise LimitError(f"{len(self.payload)} bytes of payload, {MAX_PAYLOAD} allowed")
        if not 0 < len(self.signatures) <= MAX_SIGNATURES:
            raise InputError(f"an envelope has 1 to {MAX_SIGNATURES} signatures")
        if len({s.key_id for s in self.signatures}) != len(self.signatures):
            raise InputError("the same key signed twice")

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal envelopes have equal bytes."""
        return canonical(
            {
                "payload": base64.b64encode(self.payload).decode("ascii"),
                "payloadType": self.payload_type,
                "signatures": [
                    {"keyid": s.key_id, "sig": base64.b64encode(s.value).decode("ascii")}
                    for s in self.signatures
                ],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str = "envelope") -> Envelope:
        """Read the JSON form; trusts nothing. Raises InputError."""
        raw = parse_json(data, where=where, limit=MAX_ENVELOPE)
        try:
            fields = _fields(raw, {"payload", "payloadType", "signatures"})
            signatures = [_fields(s, {"keyid", "sig"}) for s in _list(fields["signatures"])]
            return cls(
                fields["payloadType"],
                _bytes(fields["payload"]),
                tuple(Signature(s["keyid"], _bytes(s["sig"])) for s in signatures),
            )
        except InputError as error:
            raise type(error)(error.what, where=where, fix=error.fix) from error


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(statement: Statement, *signers: Signer) -> Envelope:
    """Sign a statement's canonical bytes with each signer. Raises InputError without a signer."""
    payload = statement.payload()
    message = pae(PAYLOAD_TYPE, payload)
    made = tuple(Signature(s.public.key_id, s.sign(message)) for s in signers)
    return Envelope(PAYLOAD_TYPE, payload, made)


def _fields(raw: object, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(raw, dict) or set(raw) != names:
        raise InputError(f"expected an object of exactly {', '.join(sorted(names))}")
    return raw


def _list(raw: object) -> list[object]:
    if not isinstance(raw, list):
        raise InputError("signatures is not a list")
    return raw


def _bytes(text: object) -> bytes:
    """Standard or URL-safe base64, as DSSE asks of readers; one spelling of each value."""
    if not isinstance(text, str) or not text.isascii():
        raise InputError("expected base64 text")
    standard = text.replace("-", "+").replace("_", "/")
    try:
        value = base64.b64decode(standard, validate=True)
    except binascii.Error as error:
        raise InputError(f"not base64: {error}") from error
    if base64.b64encode(value).decode("ascii") != standard:
        raise InputError("base64 with stray bits at its end")
    return value
