"""TAR archives: every file inside is scanned, paths and links are judged."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Final

from strongroom.assess.scanner.formats import pickles
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream

_LEGACY: Final = frozenset({"pickle", "sys_info", "storages", "tensors"})
"""Entries of the tar that torch.save wrote before 0.1.10."""


def plausible(head: bytes) -> bool:
    """The magic, or a header block whose checksum is right."""
    if len(head) < 512:
        return False
    if head[257:262] == b"ustar":
        return True
    field = head[148:156].strip(b" \0")
    if not field or any(byte not in b"01234567" for byte in field) or not head[0]:
        return False
    return int(field, 8) == sum(head[:148]) + 8 * 32 + sum(head[156:512])


def scan(stream: Stream, place: Place) -> Scanned:
    """Go through the archive once, forward."""
    hazards: list[Hazard] = []
    try:
        with tarfile.open(fileobj=_Forward(stream), mode="r|") as archive:  # type: ignore[call-overload]
            for member in archive:
                place.budget.member()
                hazards.extend(_links(member))
                if member.isfile():
                    hazards.extend(_content(archive, member, place))
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        hazards.append(unjudged("tar.broken", f"not a sound TAR archive: {error}"))
    return Scanned("tar", tuple(hazards))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Place) -> Iterator[Hazard]:
    source = archive.extractfile(member)
    if source is None:
        return
    stream = Stream(source, place.budget)
    read = pickles.scan_legacy if member.name.rpartition("/")[2] in _LEGACY else None
    yield from place.descend(stream, member.name, read).hazards


def _links(member: tarfile.TarInfo) -> Iterator[Hazard]:
    for name in (member.name, member.linkname if member.islnk() or member.issym() else ""):
        if name.startswith("/") or ".." in name.split("/"):
            yield odd(
                "tar.path_escape",
                f"{name[:200]!r} would be unpacked outside the folder",
                attack="path_escape",
                references=("CWE-22", "CVE-2007-4559"),
                rating=Rating.BLOCK,
            )
    if not (member.isfile() or member.isdir() or member.islnk() or member.issym()):
        yield odd(
            "tar.special_file",
            f"{member.name[:200]!r} is a device or pipe",
            attack="path_escape",
            references=("CWE-67",),
            rating=Rating.BLOCK,
        )


class _Forward:
    """The stream as a file object that only reads."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Up to `size` bytes."""
        self._stream.budget.tick()
        return self._stream.read(size)
