"""GGUF: metadata, then tensors. The metadata may hold a chat template, which is a program."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.formats.jinja import judge_template
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard
from strongroom.assess.scanner.stream import Stream, Truncated

_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
TEXT: Final = 1 << 20
"""Longest string that is kept."""
PAIRS: Final = 1 << 20


def scan(stream: Stream, _place: Place) -> Scanned:
    """Read the metadata."""
    stream.take(4)
    version = _number(stream, "<I")
    if version not in (2, 3):
        return Scanned("gguf", (unjudged("gguf.version", f"version {version} is not known"),))
    _tensors, pairs = _number(stream, "<Q"), _number(stream, "<Q")
    hazards: list[Hazard] = []
    if pairs > PAIRS:
        return Scanned("gguf", (_broken(stream),))
    try:
        for _ in range(pairs):
            hazards.extend(_pair(stream))
    except Truncated:
        hazards.append(_broken(stream))
    return Scanned("gguf", tuple(hazards))


def _broken(stream: Stream) -> Hazard:
    return odd(
        "gguf.broken",
        "the metadata does not hold together: lengths reach beyond the file",
        offset=stream.tell(),
        attack="memory_corruption",
        references=("CVE-2024-21802", "CWE-190"),
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
    data = stream.take(min(length, TEXT))
    if length > TEXT:
        stream.skip(length - TEXT)
    return data.decode("utf-8", "replace")


def _number(stream: Stream, code: str) -> int:
    value: int = struct.unpack(code, stream.take(struct.calcsize(code)))[0]
    return value
