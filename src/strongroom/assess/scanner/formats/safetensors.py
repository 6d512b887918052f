"""safetensors: a JSON header and raw numbers. The header must account for every byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.jsons import MAX_BYTES, NotJson, parse
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream, Truncated
from strongroom.domain.errors import LimitError

HEADER: Final = 100_000_000
"""Longest header that the format allows, in bytes."""
_REFERENCES: Final = ("CWE-1284", "CWE-20")


def plausible(head: bytes) -> bool:
    """A little-endian length, then an object."""
    return len(head) > 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= 2**40


def scan(stream: Stream, place: Place) -> Scanned:
    """Check the header, the layout and what follows it."""
    length = int.from_bytes(stream.take(8), "little")
    if length > HEADER:
        hazard = odd(
            "safetensors.header_size",
            f"a header of {length} bytes, {HEADER} allowed",
            attack="resource_exhaustion",
            references=_REFERENCES,
            rating=Rating.BLOCK,
        )
        return Scanned("safetensors", (hazard,))
    if length > MAX_BYTES:
        raise LimitError(f"a header of {length} bytes")
    try:
        header = parse(stream.take(length))
    except NotJson as error:
        return Scanned("safetensors", (unjudged("safetensors.broken", f"bad header: {error}"),))
    spans, hazards = _spans(header)
    hazards.extend(_layout(spans))
    end = max((stop for _, stop in spans), default=0)
    try:
        stream.skip(end)
    except Truncated:
        hazards.append(
            unjudged("safetensors.truncated", "tensors reach beyond the end of the file")
        )
        return Scanned("safetensors", tuple(hazards))
    if stream.peek(1):
        hazards.extend(_trailing(stream, place))
    return Scanned("safetensors", tuple(hazards))


def _spans(header: Any) -> tuple[list[tuple[int, int]], list[Hazard]]:
    spans, hazards = [], []
    for name, tensor in header.items() if isinstance(header, dict) else ():
        if name == "__metadata__":
            continue
        offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
        match offsets:
            case [int() as start, int() as stop] if 0 <= start <= stop:
                spans.append((start, stop))
            case _:
                text = f"tensor {name[:100]!r} has no sound place"
                hazards.append(odd("safetensors.bad_tensor", text))
    return spans, hazards


def _layout(spans: list[tuple[int, int]]) -> Iterator[Hazard]:
    at = 0
    for start, stop in sorted(spans):
        if start != at:
            what = "overlap" if start < at else "leave bytes between them unnamed"
            yield odd(
                "safetensors.layout",
                f"tensors {what} at {min(start, at)}",
                offset=min(start, at),
                attack="hidden_data",
                references=_REFERENCES,
            )
            return
        at = max(at, stop)


def _trailing(stream: Stream, place: Place) -> Iterator[Hazard]:
    """Something appended: harmless to safetensors, not to what reads it as something else."""
    offset = stream.tell()
    inner = place.descend(stream, "appended")
    known = inner.format not in {"unknown", "text", "empty"}
    yield odd(
        "safetensors.trailing_data",
        f"{'a ' + inner.format if known else 'bytes'} stands after the last tensor",
        offset=offset,
        attack="polyglot",
        references=("CWE-506",),
        rating=Rating.BLOCK if known else Rating.REVIEW,
    )
    yield from (h for h in inner.hazards if h.rating is Rating.BLOCK)
