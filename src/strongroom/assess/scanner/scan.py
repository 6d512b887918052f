"""Scan files: find out by content what each stream is, and hand it to that format's reader."""

from __future__ import annotations

import stat
from io import BytesIO
from pathlib import Path
from typing import Final

from strongroom.assess.scanner.detect import reader_for
from strongroom.assess.scanner.formats import zips
from strongroom.assess.scanner.place import Place, Scanned, over, unjudged
from strongroom.assess.scanner.report import FileReport, Hazard, Rating
from strongroom.assess.scanner.stream import Budget, Limits, Stream, Truncated
from strongroom.domain.errors import LimitError

_ENDS_LIKE_ZIP: Final = frozenset(
    {
        "zip",
        "npz",
        "torch",
        "torchscript",
        "torch-export",
        "torch-mar",
        "skops",
        "keras",
        "tar",
        "7z",
        "empty",
    }
)
"""Archives whose last entry, or which themselves, rightly end so."""


def scan_file(path: Path, limits: Limits | None = None) -> FileReport:
    """Judge one file without loading it.

    Never raises for what is in the file, nor for its absence: what could not be judged is a report
    with the verdict `unknown`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            hazard = unjudged("file.special", "not a regular file")
            return FileReport.of(path, "special", [hazard])
        with path.open("rb") as file:
            return _scan(Stream(file, Budget(limits or Limits()), seekable=True), path)
    except OSError as error:
        hazard = unjudged("file.unreadable", f"cannot be read: {error.strerror or error}")
        return FileReport.of(path, "unknown", [hazard])


def scan_bytes(data: bytes, name: str = "bytes", limits: Limits | None = None) -> FileReport:
    """The same for bytes in memory; `name` is only for the report."""
    return _scan(Stream(BytesIO(data), Budget(limits or Limits()), seekable=True), Path(name))


def _scan(stream: Stream, path: Path) -> FileReport:
    place = Place(path, stream.budget, scan_stream)
    scanned = scan_stream(stream, place)
    hazards = (*scanned.hazards, *_second_nature(scanned.format, stream, place))
    return FileReport.of(path, scanned.format, hazards)


def _second_nature(name: str, stream: Stream, place: Place) -> tuple[Hazard, ...]:
    """A ZIP archive at the end of something else: loaders that use zipfile see only the archive."""
    if name.partition("+")[0] in _ENDS_LIKE_ZIP or not zips.at_end(
        stream.random_access(), place.budget
    ):
        return ()
    try:
        inner = place.descend(stream, "zip at the end", zips.scan)
    except (LimitError, Truncated):
        return ()
    return (zips.polyglot(name), *(h for h in inner.hazards if h.rating is Rating.BLOCK))


def scan_stream(stream: Stream, place: Place) -> Scanned:
    """Detect and scan one stream."""
    name, read = reader_for(stream)
    try:
        return read(stream, place)
    except LimitError as error:
        return Scanned(name, (over(error),))
    except Truncated:
        return Scanned(name, (unjudged(f"{name}.truncated", f"the {name} data ends too early"),))
