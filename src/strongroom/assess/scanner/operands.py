"""Operands of pickle opcodes: lengths, numbers and text, as unpicklers read them."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from strongroom.assess.scanner.values import DATA, TEXT, Broken, Long

if TYPE_CHECKING:
    from strongroom.assess.scanner.machine import Machine

LINE: Final = 1 << 20
"""Longest line of a text opcode."""
_ESCAPE: Final = re.compile(rb"\\([0-7]{1,3}|x[0-9A-Fa-f]{2}|.)", re.S)
_ESCAPED: Final = {
    b"\n": b"", b"\\": b"\\", b"'": b"'", b'"': b'"', b"a": b"\a", b"b": b"\b",
    b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
}  # fmt: skip


def length_of(code: str) -> Callable[[Machine], int]:
    """A reader of an unsigned length in this notation of `struct`."""
    size = struct.calcsize(code)

    def read(m: Machine) -> int:
        value: int = struct.unpack(code, m.stream.take(size))[0]
        if value < 0:
            raise Broken("negative length")
        return value

    return read


u1, i4, u4, u8 = length_of("<B"), length_of("<i"), length_of("<I"), length_of("<Q")


def decoded(data: bytes, encoding: str, errors: str = "strict") -> str:
    """Text. Raises Broken."""
    try:
        return data.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise Broken(f"not {encoding}: {error.reason}") from error


def decimal(data: bytes) -> int:
    """The number of a text opcode that names a memo entry. Raises Broken."""
    try:
        return int(data)
    except ValueError as error:
        raise Broken("not a number") from error


def any_base(line: bytes) -> Any:
    """INT and LONG take any base, as `int(text, 0)` does."""
    if len(line) > 64:
        return DATA
    try:
        return int(line.strip(b"\0 \t\r"), 0)
    except ValueError:
        try:
            return int(line)
        except ValueError as error:
            raise Broken("not a number") from error


def short(text: str) -> str | Long:
    """The text, cut where it is long."""
    return text if len(text) <= TEXT else Long(text[:TEXT], len(text))


def unescaped(data: bytes) -> bytes:
    """As `codecs.escape_decode`, which also warns. Raises Broken."""
    return _ESCAPE.sub(_unescape, data)


def _unescape(match: re.Match[bytes]) -> bytes:
    """As `codecs.escape_decode`, which also warns."""
    code = match[1]
    if code[0] in b"01234567":
        return bytes([int(code, 8) & 0xFF])
    if code[:1] == b"x":
        if len(code) < 3:
            raise Broken("bad escape")
        return bytes([int(code[1:], 16)])
    return _ESCAPED.get(code, match[0])
