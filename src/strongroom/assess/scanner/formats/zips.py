"""ZIP archives: every entry is scanned, and so is what directory and headers disagree about."""

from __future__ import annotations

import re
import stat
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from strongroom.assess.scanner.formats import keras, pickles, skops, torch
from strongroom.assess.scanner.place import Place, Scanned, odd, over, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Budget, Seekable, Slice, Stream, Truncated
from strongroom.assess.scanner.ziplist import (
    Directory,
    Entry,
    Local,
    directory,
    local_header,
    open_member,
)
from strongroom.domain.errors import LimitError

_MISMATCH: Final = ("CVE-2025-1944", "CVE-2025-10155", "CWE-436")
_FLAGS: Final = ("CVE-2025-1945", "CWE-436")
_CRC: Final = ("CVE-2025-10156", "CWE-354")
_SLIP: Final = ("CWE-22",)
_UTF8_AND_SIZES: Final = 0x0808
_WEIGHTS: Final = re.compile(r"/data/(weights|constants)/\w+\Z")
"""Entries of a torch.export archive that are numbers and nothing else."""
_DRIVE: Final = re.compile(r"[A-Za-z]:")
DESCRIPTOR: Final = 24
"""Longest data descriptor between two entries, in bytes."""
ALIGN: Final = 64
"""Padding that writers put between entries so that tensors lie aligned."""


def scan(stream: Stream, place: Place) -> Scanned:
    """Scan the archive as the format that its entries make it."""
    file = stream.random_access()
    try:
        listing = directory(file, place.budget)
    except Truncated:
        hazard = unjudged("zip.broken", "begins like a ZIP archive but has no sound directory")
        return Scanned("zip", (hazard,))
    names = frozenset(e.name for e in listing.entries)
    kind = _kind(names)
    hazards = [*_listing(listing)]
    try:
        for entry in listing.entries:
            hazards.extend(_entry(file, entry, place, kind))
        hazards.extend(_gaps(file, listing, place))
    except LimitError as error:
        hazards.append(over(error))
    return Scanned(kind, tuple(hazards))


def at_end(file: Seekable, budget: Budget) -> bool:
    """Whether a sound directory with entries stands at the end of whatever this is."""
    try:
        listing = directory(file, budget)
        return bool(listing.entries) and local_header(file, listing.entries[0]).data > 0
    except (Truncated, LimitError, struct.error):
        return False
    finally:
        file.seek(0)


def polyglot(name: str) -> Hazard:
    """A file that is two things at once."""
    return odd(
        "zip.polyglot",
        f"begins as {name} and ends as a ZIP archive: loaders differ in what they take it for",
        attack="polyglot",
        references=_MISMATCH,
    )


def _kind(names: frozenset[str]) -> str:
    """What the archive is, by the entries it has."""
    bases = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in bases:
        return "torchscript" if "constants.pkl" in bases else "torch"
    if "archive_format" in bases and any("/data/weights/" in name for name in names):
        return "torch-export"
    if "schema.json" in names:
        return "skops"
    if "config.json" in names and bases & {"model.weights.h5", "metadata.json"}:
        return "keras"
    if "MAR-INF/MANIFEST.json" in names:
        return "torch-mar"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    return "zip"


def _listing(listing: Directory) -> Iterator[Hazard]:
    counts = Counter(e.name for e in listing.entries)
    for name in (n for n, count in counts.items() if count > 1):
        yield odd(
            "zip.duplicate_name",
            f"{name!r} stands in the directory more than once: loaders differ in which they take",
            attack="parser_differential",
            references=_MISMATCH,
            rating=Rating.BLOCK,
        )
    for entry in listing.entries:
        yield from _path(entry)
    if listing.size > listing.end:
        yield odd(
            "zip.trailing_data",
            f"{listing.size - listing.end} bytes follow the archive",
            offset=listing.end,
            attack="hidden_data",
            references=("CWE-506",),
        )


def _path(entry: Entry) -> Iterator[Hazard]:
    parts = entry.name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or _DRIVE.match(entry.name) or "\0" in entry.name:
        yield odd(
            "zip.path_escape",
            f"{entry.name!r} would be unpacked outside the folder",
            attack="path_escape",
            references=_SLIP,
            rating=Rating.BLOCK,
        )
    if stat.S_ISLNK(entry.mode):
        yield odd(
            "zip.symlink",
            f"{entry.name!r} is a symbolic link",
            attack="path_escape",
            references=("CWE-59",),
        )


def _entry(file: Seekable, entry: Entry, place: Place, kind: str) -> Iterator[Hazard]:
    try:
        local = local_header(file, entry)
    except Truncated:
        yield odd(
            "zip.header_mismatch",
            f"the directory points for {entry.name!r} where no entry begins",
            offset=entry.offset,
            attack="parser_differential",
            references=_MISMATCH,
            rating=Rating.BLOCK,
        )
        return
    yield from _disagreement(entry, local)
    if entry.name.endswith("/") and not entry.size:
        return
    if _raw_tensor(entry, kind):
        return
    yield from _content(file, entry, local, place, kind)


def _raw_tensor(entry: Entry, kind: str) -> bool:
    """Storages of a torch archive are bytes of numbers: nothing ever interprets them."""
    return kind in {"torch", "torchscript"} and bool(
        re.search(r"(^|/)(data|constants|tensors)/\d+\Z", entry.name)
    )


def _disagreement(entry: Entry, local: Local) -> Iterator[Hazard]:
    if local.name != entry.name:
        yield odd(
            "zip.header_mismatch",
            f"two names for one entry: {entry.name!r} in the directory, {local.name!r} at its data",
            offset=entry.offset,
            attack="parser_differential",
            references=_MISMATCH,
            rating=Rating.BLOCK,
        )
    if local.method != entry.method or (local.flags ^ entry.flags) & ~_UTF8_AND_SIZES & 0xFFFF:
        yield odd(
            "zip.flag_mismatch",
            f"directory and header of {entry.name!r} disagree on flags or compression",
            offset=entry.offset,
            attack="parser_differential",
            references=_FLAGS,
            rating=Rating.BLOCK,
        )


def _content(
    file: Seekable, entry: Entry, local: Local, place: Place, kind: str
) -> Iterator[Hazard]:
    member, stream = open_member(file, entry, local, place.budget)
    read = _READERS.get(kind)
    scanned = read(stream, entry.name, place) if read else place.descend(stream, entry.name)
    if scanned.format == "unknown" and kind == "torch-export" and _WEIGHTS.search(entry.name):
        scanned = Scanned("weights")
    flagged = entry.encrypted or bool(local.flags & 1)
    if flagged:
        yield from _flagged(entry, scanned, damaged=member.damaged is not None)
        if member.damaged is not None or scanned.format == "unknown":
            return
    yield from scanned.hazards
    if member.damaged is not None:
        yield unjudged("zip.damaged_entry", f"{entry.name!r} cannot be unpacked: {member.damaged}")
    elif member.crc_differs():
        yield Hazard(
            "zip.bad_checksum",
            Rating.UNKNOWN,
            f"the checksum of {entry.name!r} is wrong: damaged, or made to stop scanners",
            attack="parser_differential",
            references=_CRC,
        )


def _flagged(entry: Entry, scanned: Scanned, *, damaged: bool) -> Iterator[Hazard]:
    """The flag says encrypted. Some loaders ignore it, so plain content behind it is a trick."""
    if damaged or scanned.format == "unknown":
        yield unjudged("zip.encrypted", f"{entry.name!r} is encrypted", fix="unpack it first")
        return
    yield odd(
        "zip.false_encryption",
        f"{entry.name!r} is marked as encrypted but is not: scanners stop, loaders go on",
        attack="parser_differential",
        references=_FLAGS,
        rating=Rating.BLOCK,
    )


_READERS: Final[dict[str, Callable[[Stream, str, Place], Scanned]]] = {
    "torch": torch.scan_member,
    "torchscript": torch.scan_script_member,
    "skops": skops.scan_member,
    "keras": keras.scan_member,
}


def _gaps(file: Seekable, listing: Directory, place: Place) -> Iterator[Hazard]:
    """Bytes that no entry owns: before the first, and between them."""
    at = 0
    for entry in sorted(listing.entries, key=lambda e: e.offset):
        if entry.offset > at:
            yield from _gap(file, at, entry.offset, place)
        try:
            end = local_header(file, entry).data + entry.packed
        except Truncated:
            end = entry.offset
        if entry.offset < at or end > listing.start:
            yield _overlap(entry)
        at = max(at, end)
    if listing.start > at and listing.entries:
        yield from _gap(file, at, listing.start, place)


def _overlap(entry: Entry) -> Hazard:
    return odd(
        "zip.overlap",
        f"{entry.name!r} lies over other entries: one byte is read as two things",
        offset=entry.offset,
        attack="parser_differential",
        references=(*_MISMATCH, "CWE-409"),
        rating=Rating.BLOCK,
    )


def _gap(file: Seekable, start: int, end: int, place: Place) -> Iterator[Hazard]:
    file.seek(start)
    head = file.read(min(end - start, 4096))
    hidden = head.startswith(b"PK\x03\x04")
    filler = end - start <= DESCRIPTOR or not head[DESCRIPTOR:].strip(b"\0")
    if start and not hidden and filler:
        return
    yield odd(
        "zip.hidden_entry" if hidden else "zip.foreign_bytes",
        "an entry that the directory does not name" if hidden else "bytes that belong to no entry",
        offset=start,
        attack="parser_differential",
        references=_MISMATCH,
        rating=Rating.BLOCK if hidden else Rating.REVIEW,
    )
    if not hidden:
        probed = pickles.probe(Stream(Slice(file, start, end), place.budget), place)
        yield from probed.hazards if probed else ()
