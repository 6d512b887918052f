"""Payloads that lie in a model as data.

Nothing loads them while the model loads, and no model needs them. Bytes and long texts are looked
into where they begin like a pickle, plain or packed.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterable
from typing import Final

from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.domain.outcome import Severity

LONGEST: Final = 1 << 20
"""Characters of a text that is decoded."""
SHORTEST: Final = 16
"""Characters of a value that could hold a call."""
HEADS: Final = frozenset(
    {"gA", "eJ", "eN", "H4", "UE", "Y2", "Y3", "Y1", "80", "78", "1f", "50", "63"}
)
"""How a pickle, a packed one or an archive begins in base 64 and in hexadecimal."""
MOST: Final = 64
"""Payloads that are looked into in one stream."""
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05][^\x00]|PK\x03\x04|c[a-z_][\w.]*\n\w+\n")
_BASE64: Final = re.compile(r"(gA[A-Z]|eJ|eN|H4sI|UEsDB|Y)[A-Za-z0-9+/\s]{16,}={0,2}\s*\Z")
_HEX: Final = re.compile(r"(800[2-5]|789c|78da|1f8b|504b0304|63)([0-9a-f]{2}){8,}\Z", re.I)
_PACKED: Final = (b"x\x9c", b"x\xda", b"x\x01", b"\x1f\x8b")


def may_hide(data: bytes | str) -> bool:
    """Whether a value is worth a second look; cheap, since every value is asked about."""
    if isinstance(data, bytes):
        return len(data) > SHORTEST and bool(_PICKLE.match(data) or data.startswith(_PACKED))
    return len(data) > SHORTEST and (data[:2] in HEADS or data[0] == "\x80")


def payload(data: bytes | str) -> bytes | None:
    """The bytes in a value that may be a pickle, or None."""
    if isinstance(data, str) and data[:1] == "\x80":  # bytes as protocols before 3 write them
        data = data.encode("latin-1", "replace")
    if isinstance(data, str):
        raw = _decoded(data[:LONGEST])
        return None if raw is None else payload(raw)
    if data.startswith(_PACKED):
        data = _unpacked(data)
    return data if _PICKLE.match(data) else None


def judged(found: Iterable[Hazard], offset: int) -> Hazard | None:
    """What to say of a payload by what scanning it found: only what would be blocked counts."""
    worst = next((hazard for hazard in found if hazard.rating is Rating.BLOCK), None)
    if worst is None:
        return None
    return Hazard(
        "pickle.hidden_payload",
        Rating.BLOCK,
        f"carries another pickle as data, and {worst.message}",
        Severity.HIGH,
        offset,
        call=worst.call,
        attack="hidden_data",
        references=("CWE-506", *worst.references),
    )


def _decoded(text: str) -> bytes | None:
    decode: Callable[[str], bytes] = bytes.fromhex if _HEX.match(text) else base64.b64decode
    if decode is base64.b64decode and not _BASE64.match(text):
        return None
    try:
        return decode(text)
    except (ValueError, binascii.Error):
        return None


def _unpacked(data: bytes) -> bytes:
    window = 31 if data.startswith(b"\x1f\x8b") else 15
    try:
        return zlib.decompressobj(window).decompress(data, LONGEST)
    except zlib.error:
        return b""
