"""TAR archives: every file inside is scanned, paths and links are judged.

Read by our own reader (POSIX.1-1988 and -2001, GNU): tarfile keeps whole extended headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.assess.scanner.formats import pickles
from strongroom.assess.scanner.place import Place, Scanned, odd, over, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Part, Stream, Truncated
from strongroom.domain.errors import LimitError

BLOCK: Final = 512
EXTENDED: Final = 1 << 20
"""Longest extended header, in bytes."""
_FILE, _HARD, _LINK, _FOLDER = b"0", b"1", b"2", b"5"
_CONTENT: Final = frozenset({b"0", b"\0", b"7", b"S"})
_LEGACY: Final = frozenset({"pickle", "sys_info", "storages", "tensors"})
"""Entries of the tar that torch.save wrote before 0.1.10."""


@dataclass(frozen=True, slots=True)
class _Header:
    """One entry."""

    name: str
    link: str
    kind: bytes
    size: int


class _Bad(Exception):
    """Not a tar from here on."""


def plausible(head: bytes) -> bool:
    """Whether a header block with a right checksum stands here."""
    return len(head) >= BLOCK and head[0] != 0 and _checksum(head[:BLOCK])


def scan(stream: Stream, place: Place) -> Scanned:
    """Go through the archive once, forward."""
    hazards: list[Hazard] = []
    try:
        for header in _headers(stream):
            place.budget.member()
            place.budget.tick()
            hazards.extend(_names(header))
            hazards.extend(_entry(stream, header, place))
    except (Truncated, _Bad) as error:
        why = str(error) or "it ends too early"
        hazards.append(unjudged("tar.broken", f"not a sound TAR archive: {why}"))
    except LimitError as error:
        hazards.append(over(error))
    return Scanned("tar", tuple(hazards))


def _headers(stream: Stream) -> Iterator[_Header]:
    """Entries in order; extended headers are put into the entry that they are about.

    The caller reads the entry's bytes, and its padding, before it asks for the next.
    """
    extended: dict[str, str] = {}
    while stream.peek(1):
        block = stream.take(BLOCK)
        if not block.strip(b"\0"):
            return
        if not _checksum(block):
            raise _Bad(f"no header at byte {stream.tell() - BLOCK}")
        kind, size = block[156:157], _number(block[124:136])
        if kind in {b"x", b"g", b"L", b"K"}:
            extended |= _extension(kind, _extended(stream, size))
            continue
        yield _Header(
            extended.get("path") or _path(block),
            extended.get("linkpath") or _text(block[157:257]),
            kind,
            int(extended.get("size") or size),
        )
        extended = {}


def _entry(stream: Stream, header: _Header, place: Place) -> Iterator[Hazard]:
    end = stream.tell() + -(-header.size // BLOCK) * BLOCK
    if header.kind in _CONTENT and header.size:
        read = pickles.scan_legacy if header.name.rpartition("/")[2] in _LEGACY else None
        inner = Stream(Part(stream, header.size), place.budget)
        yield from place.descend(inner, header.name, read).hazards
    if header.kind in _CONTENT:
        stream.skip(end - stream.tell())


def _names(header: _Header) -> Iterator[Hazard]:
    link = header.link if header.kind in {_HARD, _LINK} else ""
    for name in (header.name, link):
        if name.startswith("/") or ".." in name.split("/"):
            yield odd(
                "tar.path_escape",
                f"{name[:200]!r} would be unpacked outside the folder",
                attack="path_escape",
                references=("CWE-22", "CVE-2007-4559"),
                rating=Rating.BLOCK,
            )
    if header.kind in {b"3", b"4", b"6"}:
        yield odd(
            "tar.special_file",
            f"{header.name[:200]!r} is a device or pipe",
            attack="path_escape",
            references=("CWE-67",),
            rating=Rating.BLOCK,
        )


def _extended(stream: Stream, size: int) -> bytes:
    if size > EXTENDED:
        raise _Bad(f"an extended header of {size} bytes")
    data = stream.take(size)
    stream.skip(-size % BLOCK)
    return data


def _extension(kind: bytes, data: bytes) -> dict[str, str]:
    if kind == b"L":
        return {"path": _text(data)}
    if kind == b"K":
        return {"linkpath": _text(data)}
    if kind == b"g":
        return {}
    found = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not 3 <= int(length) <= len(data):
            raise _Bad("an extended header that does not add up")
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        data = data[int(length) :]
    if "size" in found and not found["size"].isdecimal():
        raise _Bad("a size that is no number")
    return found


def _checksum(block: bytes) -> bool:
    field = block[148:156].strip(b" \0")
    if not field or field.strip(b"01234567"):
        return False
    total = sum(block[:148]) + 8 * 32 + sum(block[156:BLOCK])
    return int(field, 8) == total


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # base 256, as GNU writes large sizes
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise _Bad("a size that is no number")
    return int(digits or b"0", 8)


def _path(block: bytes) -> str:
    name, prefix = _text(block[:100]), _text(block[345:500])
    return f"{prefix}/{name}" if prefix and block[257:262] == b"ustar" else name


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")
