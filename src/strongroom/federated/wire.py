"""Frames: four bytes of header length, eight of body length, a JSON header, a body of raw bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.errors import InputError, LimitError

HEAD: Final = struct.Struct(">IQ")
MAX_HEADER: Final = 4 * 1024 * 1024
MAX_BODY: Final = 256 * 1024 * 1024
PROTOCOL: Final = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    header: dict[str, Any]
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """As it goes over the wire."""
        header = canonical(self.header)
        return HEAD.pack(len(header), len(self.body)) + header + self.body


def sizes(head: bytes, *, max_body: int, where: str) -> tuple[int, int]:
    """Header and body length that the first bytes announce. Raises LimitError."""
    header, body = HEAD.unpack(head)
    if header > MAX_HEADER or body > max_body:
        raise LimitError(
            f"a frame of {header} and {body} bytes, {MAX_HEADER} and {max_body} allowed",
            where=where,
        )
    return header, body


def frame_of(header: bytes, body: bytes, *, where: str) -> Frame:
    """Read what arrived. Raises InputError."""
    raw = parse_json(header, where=where, limit=MAX_HEADER)
    if not isinstance(raw, dict):
        raise InputError("a header that is no object", where=where)
    return Frame(raw, body)
