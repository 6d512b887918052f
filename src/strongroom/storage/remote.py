"""A file somewhere else, read by ranges: little for who seeks, much at a time for who reads on."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

from strongroom.domain.errors import StoreError

MOST: Final = 8 * 1024 * 1024
"""Bytes fetched in one request, and held."""


class RemoteFile(io.RawIOBase):
    """Readable and seekable.

    After a seek exactly what is asked for is fetched; a reader that goes on where it stopped gets
    twice as much ahead each time.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, first: bytes) -> None:
        """`fetch(start, end)` gives these bytes of the `size` there are; `first` are held already.

        Reading raises what `fetch` raises, StoreError when it gives another number of bytes.
        """
        self._fetch = fetch
        self._size = size
        self._held = first
        self._start = 0
        self._ahead = len(first)
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Costs nothing."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Some bytes; none at the end."""
        view = memoryview(buffer).cast("B")
        if not view or self._position >= self._size:
            return 0
        if not self._start <= self._position < self._start + len(self._held):
            self._hold(len(view))
        offset = self._position - self._start
        part = memoryview(self._held)[offset : offset + len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _hold(self, wanted: int) -> None:
        reads_on = self._position == self._start + len(self._held)
        self._ahead = min(2 * self._ahead, MOST) if reads_on else 0
        end = min(self._position + min(max(wanted, self._ahead), MOST), self._size)
        data = self._fetch(self._position, end)
        if len(data) != end - self._position:
            raise StoreError(
                f"the object store sent {len(data)} bytes of {end - self._position}",
                fix="try again; if it stays so, look what stands between here and the store",
            )
        self._ahead = max(self._ahead, len(data))
        self._held, self._start = data, self._position
