"""Reading hostile bytes: forward, buffered, never more in memory than was asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Final, Protocol

from strongroom.domain.errors import LimitError

CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one file may cost us. Passing one is a finding, never a crash."""

    seconds: float = 300.0
    """Wall time for one file."""
    expanded_bytes: int = 16 * 2**30
    """Of everything unpacked from one file together."""
    ratio: int = 1000
    """Unpacked to packed, once more than 64 MiB came out. An array of numbers may pass it: zeros
    are honest, and deflate packs them 1032 to 1; what it unpacks to is bounded all the same."""
    depth: int = 8
    """Containers in containers."""
    members: int = 100_000
    """Entries in the containers of one file together."""
    stack: int = 500_000
    """Values on a pickle's stack."""
    spool_bytes: int = 32 * 2**20
    """Unpacked bytes held in memory before they go to a temporary file."""


class Bomb(LimitError):
    """Grows or nests as no model does: made to exhaust whoever unpacks it."""


class Budget:
    """What is left of the limits while one file is scanned."""

    def __init__(self, limits: Limits, now: float | None = None) -> None:
        self.limits = limits
        self.deadline = (time.monotonic() if now is None else now) + limits.seconds
        self._bytes = limits.expanded_bytes
        self._members = limits.members

    def tick(self) -> None:
        """Raise LimitError when the time is up."""
        if time.monotonic() > self.deadline:
            raise LimitError(f"not done after {self.limits.seconds:g} seconds")

    def unpacked(self, count: int) -> None:
        """Account for bytes that came out of a container."""
        self._bytes -= count
        if self._bytes < 0:
            raise LimitError(f"unpacks to more than {self.limits.expanded_bytes} bytes")
        self.tick()

    def member(self) -> None:
        """Account for one entry of a container."""
        self._members -= 1
        if self._members < 0:
            raise LimitError(f"holds more than {self.limits.members} entries")


class Raw(Protocol):
    """What a stream reads from: a file, a zip member, a decompressor."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; nothing at the end."""
        ...


class Seekable(Raw, Protocol):
    """A raw source that can be read in any order."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move."""
        ...

    def tell(self) -> int:
        """Where we are."""
        ...


class Truncated(Exception):
    """Fewer bytes were left than were asked for."""


class Stream:
    """Bytes read forward with look-ahead; offsets count from where the stream began."""

    __slots__ = ("_base", "_buffer", "_position", "_raw", "_seekable", "budget")

    def __init__(self, raw: Raw, budget: Budget, *, seekable: bool = False) -> None:
        self._raw = raw
        self._buffer = b""
        self._position = 0
        self._base = 0
        self._seekable = seekable
        self.budget = budget

    def tell(self) -> int:
        """Bytes consumed so far."""
        return self._base + self._position

    def peek(self, count: int) -> bytes:
        """The next bytes without consuming them; fewer at the end."""
        self._fill(count)
        return self._buffer[self._position : self._position + count]

    def read(self, count: int = CHUNK, /) -> bytes:
        """Up to `count` bytes."""
        self._fill(count)
        data = self._buffer[self._position : self._position + count]
        self._position += len(data)
        return data

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes. Raises Truncated."""
        end = self._position + count
        if end <= len(self._buffer):
            data = self._buffer[self._position : end]
            self._position = end
            return data
        data = self.read(count)
        if len(data) < count:
            raise Truncated
        return data

    def window(self, count: int) -> tuple[bytes, int]:
        """The buffer and where in it the next byte stands; holds `count` bytes unless at the end.

        For tight loops, which then say with `advance` how far they came.
        """
        self._fill(count)
        return self._buffer, self._position

    def advance(self, position: int) -> None:
        """Go on at this position of the buffer that `window` gave."""
        self._position = position

    def line(self, limit: int) -> bytes:
        """Up to and without the next newline, cut to `limit`. Raises Truncated at the end.

        As unpicklers do it: they take the last byte off whatever readline gives, so that a line
        which the end of the file cuts short loses its last character.
        """
        end = self._buffer.find(b"\n", self._position)
        if end < 0:
            self._fill(limit)
            end = self._buffer.find(b"\n", self._position)
        if end < 0 and len(self._buffer) - self._position >= limit:
            return self._long_line(limit)
        end = len(self._buffer) - 1 if end < 0 else end
        if end < self._position:
            raise Truncated
        data = self._buffer[self._position : end]
        self._position = end + 1
        return data[:limit]

    def _long_line(self, limit: int) -> bytes:
        head = self.take(limit)
        while data := self.peek(CHUNK):
            self.budget.tick()
            end = data.find(b"\n")
            self._position += len(data) if end < 0 else end + 1
            if end >= 0:
                break
        return head

    def skip(self, count: int) -> None:
        """Pass over exactly `count` bytes without holding them. Raises Truncated."""
        have = len(self._buffer) - self._position
        if count <= have:
            self._position += count
            return
        count -= have
        self._base += len(self._buffer)
        self._buffer, self._position = b"", 0
        if self._seekable and count > CHUNK:
            self._leap(count)
            return
        while count:
            data = self._raw.read(min(count, CHUNK))
            if not data:
                raise Truncated
            self._base += len(data)
            count -= len(data)
            self.budget.tick()

    def drain(self) -> int:
        """Read to the end; how many bytes were left."""
        start = self.tell()
        while self.read(CHUNK):
            self.budget.tick()
        return self.tell() - start

    def random_access(self) -> Seekable:
        """The same bytes from offset 0 for readers that jump about; consumes this stream.

        Call it before anything was consumed. What does not come from a file is copied to a
        temporary one, in memory while it is small.
        """
        if self._seekable:
            self._raw.seek(0)  # type: ignore[attr-defined]
            return self._raw  # type: ignore[return-value]
        spool = SpooledTemporaryFile(max_size=self.budget.limits.spool_bytes)  # noqa: SIM115
        while data := self.read(CHUNK):
            spool.write(data)
            self.budget.tick()
        spool.seek(0)
        return spool

    def _fill(self, count: int) -> None:
        have = len(self._buffer) - self._position
        if have >= count:
            return
        parts = [self._buffer[self._position :]]
        self._base += self._position
        while have < count:
            data = self._raw.read(max(min(count - have, CHUNK), CHUNK))
            if not data:
                break
            parts.append(data)
            have += len(data)
        self._buffer, self._position = b"".join(parts), 0

    def _leap(self, count: int) -> None:
        raw: Seekable = self._raw  # type: ignore[assignment]
        here = raw.tell()
        end = raw.seek(0, 2)
        if here + count > end:
            self._base += end - here
            raise Truncated
        raw.seek(here + count)
        self._base += count


class Slice:
    """Some bytes of a file, from one offset up to another."""

    def __init__(self, file: Seekable, start: int, end: int) -> None:
        self._file, self._at, self._end = file, start, end

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        self._file.seek(self._at)
        data = self._file.read(
            min(size, self._end - self._at) if size >= 0 else self._end - self._at
        )
        self._at += len(data)
        return data


class Part:
    """The next so many bytes of a stream."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data
