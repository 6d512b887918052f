"""GGUF: metadata, then tensors. The metadata may hold a chat template, which is a program."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.formats.jinja import judge_template
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream, Truncated

_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
TEXT: Final = 1 << 20
"""Longest string that is kept."""
PAIRS: Final = 1 << 20
"""Pairs of metadata, and tensors."""
DIMENSIONS: Final = 4
ABSURD: Final = 1 << 48
"""Bytes or elements that nothing on a disk has."""


def scan(stream: Stream, _place: Place) -> Scanned:
    """Read the metadata."""
    stream.take(4)
    version = _number(stream, "<I")
    if version not in (2, 3):
        return Scanned("gguf", (unjudged("gguf.version", f"version {version} is not known"),))
    tensors, pairs = _number(stream, "<Q"), _number(stream, "<Q")
    hazards: list[Hazard] = []
    try:
        _sound(max(tensors, pairs) <= PAIRS)
        for _ in range(pairs):
            hazards.extend(_pair(stream))
        for _ in range(tensors):
            _tensor(stream)
    except _Absurd:
        hazards.append(_corrupting(stream))
    except Truncated:
        hazards.append(unjudged("gguf.broken", "the file ends too early", offset=stream.tell()))
    return Scanned("gguf", tuple(hazards))


class _Absurd(Exception):
    """A number that no writer would write: made to overflow whoever computes with it."""


def _sound(holds: bool) -> None:  # noqa: FBT001 - reads as a claim
    if not holds:
        raise _Absurd


def _tensor(stream: Stream) -> None:
    """One tensor's description; ggml allows four dimensions and 64 bytes of name."""
    _text(stream)
    dimensions = _number(stream, "<I")
    _sound(dimensions <= DIMENSIONS)
    elements = 1
    for _ in range(dimensions):
        elements *= _number(stream, "<Q")
    _number(stream, "<I")
    _sound(max(elements, _number(stream, "<Q")) < ABSURD)


def _corrupting(stream: Stream) -> Hazard:
    return odd(
        "gguf.corrupting",
        "announces sizes beyond any file, which overflow in loaders",
        offset=stream.tell(),
        attack="memory_corruption",
        references=("CVE-2024-21802", "CVE-2024-21836", "CWE-190"),
        rating=Rating.BLOCK,
    )


def _pair(stream: Stream) -> Iterator[Hazard]:
    key, offset = _text(stream), stream.tell()
    value = _value(stream, _number(stream, "<I"), 0)
    if "chat_template" in key and isinstance(value, str):
        yield from judge_template(value, f"{key}", offset)


def _value(stream: Stream, kind: int, depth: int) -> Any:
    if kind == _STRING:
        return _text(stream)
    if kind == _ARRAY:
        if depth > 4:
            raise Truncated
        inner, count = _number(stream, "<I"), _number(stream, "<Q")
        _sound(count < ABSURD)
        if inner in _SIZES:
            stream.skip(_SIZES[inner] * count)
            return None
        for index in range(count):
            _value(stream, inner, depth + 1)
            if not index % 4096:
                stream.budget.tick()
        return None
    if kind not in _SIZES:
        raise Truncated
    stream.take(_SIZES[kind])
    return None


def _text(stream: Stream) -> str:
    length = _number(stream, "<Q")
    _sound(length < ABSURD)
    data = stream.take(min(length, TEXT))
    if length > TEXT:
        stream.skip(length - TEXT)
    return data.decode("utf-8", "replace")


def _number(stream: Stream, code: str) -> int:
    value: int = struct.unpack(code, stream.take(struct.calcsize(code)))[0]
    return value
