"""Protocol-buffer wire format, just enough to walk a message by field numbers."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.assess.scanner.stream import Stream, Truncated

KEEP = 1 << 16
"""Bytes of a field that are kept where only its text is wanted."""


def varint(stream: Stream) -> int:
    """A base-128 varint of at most ten bytes. Raises Truncated."""
    value = shift = 0
    while shift < 70:
        byte = stream.take(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
    raise Truncated


def fields(stream: Stream, end: int | None) -> Iterator[tuple[int, int, int]]:
    """Field number, wire type, and length (of bytes) or value (of varints).

    Reads up to offset `end`, or to the end of the stream.

    The stream stands at the start of a length-delimited field's bytes when it is given; what the
    caller leaves unread is passed over. Raises Truncated for what is no message.
    """
    while stream.tell() < end if end is not None else stream.peek(1):
        key = varint(stream)
        number, wire = key >> 3, key & 7
        if not number:
            raise Truncated
        if wire == 0:
            yield number, wire, varint(stream)
        elif wire == 2:
            length = varint(stream)
            stop = stream.tell() + length
            if end is not None and stop > end:
                raise Truncated
            yield number, wire, length
            if stream.tell() > stop:
                raise Truncated
            stream.skip(stop - stream.tell())
        elif wire in (1, 5):
            stream.take(8 if wire == 1 else 4)
            yield number, wire, 0
        else:
            raise Truncated


def text(stream: Stream, length: int) -> str:
    """A string field, cut when long."""
    return stream.take(min(length, KEEP)).decode("utf-8", "replace")
