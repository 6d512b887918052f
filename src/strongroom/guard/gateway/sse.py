"""Server-sent events: read from chunks of bytes, and written.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from strongroom.domain.errors import InputError, LimitError

MAX_EVENT: Final = 4 * 1024 * 1024
"""Bytes of one event; a finished response may be repeated whole in its last event."""


class ServerEvent(NamedTuple):
    """One event. There are very many: a tuple is made three times as fast as a frozen class."""

    name: str
    """Empty where none was given."""
    data: str
    raw: bytes
    """As it came, if it holds nothing else; empty otherwise, or where lines end otherwise."""

    def to_bytes(self) -> bytes:
        """As it came, or written anew."""
        return self.raw or write_event(self.data, self.name)


def write_event(data: str | bytes, name: str = "") -> bytes:
    """One event; `data` in one line."""
    data = data.encode("utf-8", "replace") if isinstance(data, str) else data
    head = b"event: " + name.encode() + b"\n" if name else b""
    lines = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
    return head + lines + b"\n"


class EventReader:
    """Takes chunks however they were cut; gives whole events."""

    def __init__(self) -> None:
        self._left = b""
        self._returned = False

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that a chunk completes. Raises InputError on bytes that are no UTF-8."""
        if self._returned or b"\r" in chunk:
            chunk = self._plain(chunk)
        self._left += chunk
        if b"\n\n" in chunk or b"\n\n" in self._left:
            *blocks, self._left = self._left.split(b"\n\n")
            for block in blocks:
                event = _event(block)
                if event is not None:
                    yield event
        if len(self._left) > MAX_EVENT:
            raise LimitError(f"an event is longer than {MAX_EVENT} bytes")

    def finish(self) -> bool:
        """Whether the stream ended between events."""
        return not self._left.strip()

    def _plain(self, chunk: bytes) -> bytes:
        r"""With every end of line as \n, also where \r\n was cut in two."""
        if self._returned and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._returned = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _event(block: bytes) -> ServerEvent | None:
    """One event; None for a block without data, such as a comment."""
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("an event is not UTF-8") from error
    if text.startswith("data: ") and "\n" not in text:
        return ServerEvent("", text[6:], block + b"\n\n")
    name, data, plain = "", [], True
    for line in text.removeprefix("\ufeff").split("\n"):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif line:
            plain = False
    if not data:
        return None
    return ServerEvent(name, "\n".join(data), block + b"\n\n" if plain else b"")
