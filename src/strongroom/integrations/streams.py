"""Streams that know what went through them."""

from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO

from strongroom.domain.digests import Digest


class Digesting(io.RawIOBase):
    """Reads from a file or writes to it, in constant memory, and keeps digest and size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._state = hashlib.sha256()
        self.size = 0
        """Bytes that went through."""

    def readable(self) -> bool:
        """It reads where the file does."""
        return self._file.readable()

    def writable(self) -> bool:
        """It writes where the file does."""
        return self._file.writable()

    def readinto(self, buffer: Any) -> int:
        """See io.RawIOBase."""
        view = memoryview(buffer).cast("B")
        data = self._file.read(len(view))
        view[: len(data)] = data
        return self._told(data)

    def write(self, data: Any) -> int:
        """All of it, unlike a raw file."""
        view = memoryview(data).cast("B")
        self._file.write(view)
        return self._told(view)

    @property
    def digest(self) -> Digest:
        """Of all that went through so far."""
        return Digest("sha256", self._state.hexdigest())

    def _told(self, data: bytes | memoryview) -> int:
        self._state.update(data)
        self.size += len(data)
        return len(data)
