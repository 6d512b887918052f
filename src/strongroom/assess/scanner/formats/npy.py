"""NumPy `.npy`: a literal header, then raw numbers, or a pickle where the array holds objects."""

from __future__ import annotations

import ast
from typing import Any, Final

from strongroom.assess.scanner.arrays import DTYPE_OBJECT
from strongroom.assess.scanner.formats import pickles
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard
from strongroom.assess.scanner.stream import Stream, Truncated

HEADER: Final = 1 << 16
"""Longest header, in bytes."""


def scan(stream: Stream, place: Place) -> Scanned:
    """Check the header and whatever the data is."""
    magic = stream.take(8)
    width = 2 if magic[6] == 1 else 4
    length = int.from_bytes(stream.take(width), "little")
    if magic[6] not in (1, 2, 3) or length > HEADER:
        return Scanned(
            "npy", (unjudged("npy.broken", "a header of unknown version or absurd size"),)
        )
    try:
        header = ast.literal_eval(stream.take(length).decode("latin-1").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return Scanned("npy", (unjudged("npy.broken", "the header is no literal"),))
    size = _size(header)
    if size is None:
        return Scanned("npy", (unjudged("npy.broken", "the header does not describe an array"),))
    if size == DTYPE_OBJECT:
        inner = place.descend(stream, "objects", pickles.scan)
        return Scanned("npy", inner.hazards)
    return Scanned("npy", tuple(_data(stream, size)))


def _data(stream: Stream, size: int) -> list[Hazard]:
    try:
        stream.skip(size)
    except Truncated:
        return [unjudged("npy.truncated", f"the header announces {size} bytes, fewer are there")]
    if not stream.peek(1):
        return []
    return [
        odd(
            "npy.trailing_data",
            "bytes follow the array that loading it never reads",
            offset=stream.tell(),
            attack="hidden_data",
            references=("CWE-506",),
        )
    ]


def _size(header: Any) -> int | None:
    """Bytes of the data, DTYPE_OBJECT for objects, None when it makes no sense."""
    if not isinstance(header, dict):
        return None
    item, shape = _item(header.get("descr")), header.get("shape")
    if item is None or not isinstance(shape, tuple):
        return None
    count = 1
    for length in shape:
        if not isinstance(length, int) or length < 0:
            return None
        count *= length
    return DTYPE_OBJECT if item == DTYPE_OBJECT else item * count


def _item(descr: Any) -> int | None:
    if isinstance(descr, str):
        code = descr.lstrip("<>|=")
        kind, _, digits = code[:1], None, code[1:].partition("[")[0]
        if kind == "O":
            return DTYPE_OBJECT
        if not digits.isdigit() or kind not in "?bBiufcmMSUVa":
            return None
        return int(digits) * (4 if kind == "U" else 1)
    if isinstance(descr, tuple) and len(descr) == 2:
        base = _item(descr[0])
        return _times(base, descr[1])
    if isinstance(descr, list):
        return _fields(descr)
    return None


def _fields(descr: list[Any]) -> int | None:
    total = 0
    for field in descr:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            return None
        item = _item(field[1])
        if len(field) == 3:
            item = _times(item, field[2])
        if item is None or item == DTYPE_OBJECT:
            return item
        total += item
    return total


def _times(base: int | None, shape: Any) -> int | None:
    if base is None or base == DTYPE_OBJECT:
        return base
    lengths = shape if isinstance(shape, tuple) else (shape,)
    for length in lengths:
        if not isinstance(length, int) or length < 0:
            return None
        base *= length
    return base
