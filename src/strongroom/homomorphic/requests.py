"""Files that go to the third party and back: a header in JSON, then parts with their lengths."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, LimitError
from strongroom.homomorphic.ckks import MAX_CIPHERTEXT, MAX_CONTEXT
from strongroom.homomorphic.models import MAX_FEATURES
from strongroom.homomorphic.parameters import Parameters

MAGIC: Final = b"strongroom.homomorphic.v1\n"
MAX_FILE: Final = 4 * 1024 * 1024 * 1024
MAX_BATCHES: Final = 1000
_LENGTH: Final = struct.Struct(">Q")
_MAX_HEADER: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """Encrypted rows, and the public context they belong to."""

    model: Digest
    """Of the model that shall score them, as its card says."""
    parameters: Parameters
    rows: int
    context: bytes
    batches: tuple[tuple[bytes, ...], ...]

    def to_bytes(self) -> bytes:
        """As a file."""
        parameters = self.parameters
        header = {
            "kind": "request",
            "model": str(self.model),
            "rows": self.rows,
            "features": len(self.batches[0]),
            "degree": parameters.degree,
            "chain": list(parameters.chain),
            "scale_bits": parameters.scale_bits,
        }
        return _packed(header, [self.context, *(one for batch in self.batches for one in batch)])

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str) -> Request:
        """Read what arrived; trusts nothing. Raises InputError, LimitError."""
        raw, parts = _unpacked(data, "request", where)
        try:
            parameters = Parameters(raw["degree"], tuple(raw["chain"]), raw["scale_bits"])
            wide, rows, model = raw["features"], raw["rows"], Digest.parse(raw["model"])
            sound = type(wide) is int and type(rows) is int and 0 < wide <= MAX_FEATURES
            batches = -(-rows // parameters.rows) if sound else 0
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("not a request's header", where=where) from error
        if not 0 < batches <= MAX_BATCHES or len(parts) != 1 + batches * wide:
            raise InputError(f"{len(parts)} parts for {rows} rows", where=where)
        made = tuple(tuple(parts[1 + i * wide : 1 + (i + 1) * wide]) for i in range(batches))
        return cls(model, parameters, rows, parts[0], made)


@dataclass(frozen=True, slots=True)
class Answer:
    """Encrypted logits."""

    model: Digest
    rows: int
    batches: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """As a file."""
        header = {"kind": "answer", "model": str(self.model), "rows": self.rows}
        return _packed(header, self.batches)

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str) -> Answer:
        """Read what came back; trusts nothing. Raises InputError, LimitError."""
        raw, parts = _unpacked(data, "answer", where)
        try:
            rows, model = raw["rows"], Digest.parse(raw["model"])
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError("not an answer's header", where=where) from error
        if type(rows) is not int or rows <= 0 or not 0 < len(parts) <= MAX_BATCHES:
            raise InputError("not an answer's header", where=where)
        return cls(model, rows, tuple(parts))


def _packed(header: dict[str, Any], parts: Sequence[bytes]) -> bytes:
    whole = [canonical(header), *parts]
    return MAGIC + b"".join(_LENGTH.pack(len(part)) + part for part in whole)


def _unpacked(data: bytes, kind: str, where: str) -> tuple[Any, list[bytes]]:
    if len(data) > MAX_FILE:
        raise LimitError(f"{len(data)} bytes, {MAX_FILE} allowed", where=where)
    if not data.startswith(MAGIC):
        raise InputError("not a file of this kind, or of another version", where=where)
    parts: list[bytes] = []
    at = len(MAGIC)
    while at < len(data):
        if at + _LENGTH.size > len(data):
            raise InputError("cut off", where=where)
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        most = (_MAX_HEADER, MAX_CONTEXT)[len(parts)] if len(parts) < 2 else MAX_CIPHERTEXT
        if size > most:
            raise LimitError(f"a part of {size} bytes, {most} allowed", where=where)
        if at + size > len(data):
            raise InputError("cut off", where=where)
        parts.append(data[at : at + size])
        at += size
    raw = parse_json(parts[0], where=where, limit=_MAX_HEADER) if parts else None
    if not isinstance(raw, dict) or raw.get("kind") != kind:
        raise InputError(f"not a {kind}", where=where)
    return raw, parts[1:]
