"""LZMA as ZIP packs it (method 14): a small header of its own, then raw data."""

from __future__ import annotations

import lzma
from typing import Final

HEADER: Final = 9
"""Version, length of the properties, and the five bytes of properties."""
DICTIONARY: Final = 128 * 2**20
"""Largest dictionary that is allowed, in bytes."""


class ZipLzma:
    """A decompressor with the interface of `compressed.Decompressor`."""

    def __init__(self) -> None:
        self._head = b""
        self._made: lzma.LZMADecompressor | None = None

    @property
    def eof(self) -> bool:
        """Whether the data has ended."""
        return self._made is not None and self._made.eof

    @property
    def unused_data(self) -> bytes:
        """What follows the data."""
        return self._made.unused_data if self._made is not None else b""

    @property
    def waiting(self) -> bool:
        """Whether it has more to give without new input."""
        return self._made is not None and not self._made.needs_input and not self._made.eof

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` bytes of output. Raises LZMAError."""
        if self._made is None:
            self._head += data
            if len(self._head) < HEADER:
                return b""
            self._made, data = _raw(self._head), self._head[HEADER:]
        return self._made.decompress(data, max_length)


def _raw(head: bytes) -> lzma.LZMADecompressor:
    code, size = head[4], int.from_bytes(head[5:9], "little")
    if head[2:4] != b"\x05\x00" or code >= 9 * 5 * 5 or size > DICTIONARY:
        raise lzma.LZMAError("properties that make no sense")
    settings = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": max(size, 4096),
        "lc": code % 9,
        "lp": code // 9 % 5,
        "pb": code // 45,
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[settings])
