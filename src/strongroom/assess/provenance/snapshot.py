"""What lies in a folder, by size and times: taken before and after, the difference is what changed.

Nothing is read: a file whose inode, size, and both times are as before is taken to be as before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_FILES: Final = 200_000
SKIPPED: Final = frozenset(
    {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".strongroom", ".cache"}
)
"""Folders that hold no inputs or outputs of a training run."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file from a later state of it."""

    inode: int
    size: int
    modified: int
    """Nanoseconds."""
    changed: int
    """Nanoseconds; of the inode, which no program can set back."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The regular files below a folder."""

    stamps: Mapping[str, Stamp]
    """By path below the folder, with `/`."""
    whole: bool
    """False when there were more files than are looked at."""

    def changed_since(self, before: Snapshot) -> tuple[str, ...]:
        """Files that are new or other, sorted."""
        return tuple(sorted(p for p, s in self.stamps.items() if before.stamps.get(p) != s))


def snapshot(folder: Path, *, without: frozenset[Path] = frozenset()) -> Snapshot:
    """Look at every file below the folder, but not in `without`."""
    stamps: dict[str, Stamp] = {}
    for path in _files(folder, without):
        if len(stamps) >= MAX_FILES:
            return Snapshot(stamps, whole=False)
        stamp = stamp_of(path)
        if stamp is not None:
            stamps[path.relative_to(folder).as_posix()] = stamp
    return Snapshot(stamps, whole=True)


def stamp_of(path: Path) -> Stamp | None:
    """Of a file; None when it is gone."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _files(folder: Path, without: frozenset[Path]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(f for f in folders if f not in SKIPPED and here / f not in without)
        for name in sorted(names):
            path = here / name
            if path.is_file() and not path.is_symlink():
                yield path
