"""Hashing a model's files as an OMS signature wants it: the one part of OMS that reads a disk.

Folders are walked without following links. Where links to files are allowed, such a link counts as
the file it leads to, wherever that lies; a link to a folder never is allowed, since OMS would leave
what is behind it uncovered without a word.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from blake3 import blake3

from strongroom.domain.errors import InputError, LimitError
from strongroom.keys.oms import WHOLE, Discrepancy, Hashing, Resource, ordered
from strongroom.keys.pipeline import WORKERS

MAX_FILES: Final = 200_000
MAX_DEPTH: Final = 64
"""Folders in folders."""
CHUNK: Final = 1024 * 1024


class _State(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a model's folder now."""

    resources: tuple[Resource, ...]
    uncovered: tuple[str, ...]
    """Files that are there and that no signature made this way covers: ignored, or empty among
    shards."""
    refused: tuple[Discrepancy, ...]
    """What is neither a file nor a folder, or is a link where none may be."""


@dataclass(frozen=True, slots=True)
class _Walked:
    files: tuple[str, ...]
    ignored: tuple[str, ...]
    refused: tuple[Discrepancy, ...]


def hash_model(root: Path, hashing: Hashing, *, besides: Path | None = None) -> Found:
    """Hash all files of a model, which is a folder or a single file.

    `besides` is the signature's own file: not part of the model wherever it lies. Raises
    InputError when a file cannot be read, LimitError for too many files or folders too deep.
    """
    if not root.exists():
        raise InputError("there is no such model", where=str(root))
    walked = _walk(root, hashing, besides)
    with ThreadPoolExecutor(WORKERS) as pool:
        hashed = list(pool.map(lambda path: _hash_file(root, path, hashing), walked.files))
    empty = [path for path, made in zip(walked.files, hashed, strict=True) if not made]
    return Found(
        ordered([resource for made in hashed for resource in made]),
        tuple(sorted((*walked.ignored, *empty))),
        walked.refused,
    )


def _walk(root: Path, hashing: Hashing, besides: Path | None) -> _Walked:
    files: list[str] = []
    ignored: list[str] = []
    refused: list[Discrepancy] = []
    own = besides.resolve() if besides is not None else None
    for path, entry in _entries(root):
        said = _objection(path, entry, hashing)
        if own is not None and entry.resolve() == own:
            continue
        if hashing.ignores(path):
            ignored.append(path)
        elif said is not None:
            refused.append(Discrepancy(path, said))
        else:
            files.append(path)
        if len(files) + len(ignored) > MAX_FILES:
            raise LimitError(f"more than {MAX_FILES} files", where=str(root))
    return _Walked(tuple(files), tuple(ignored), tuple(refused))


def _entries(root: Path) -> Iterator[tuple[str, Path]]:
    """Everything below that is not a folder, by its name in the manifest; links not followed."""
    if not root.is_dir():
        yield WHOLE, root
        return
    waiting = [(root, "", 0)]
    while waiting:
        folder, prefix, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise LimitError(f"folders more than {MAX_DEPTH} deep", where=str(folder))
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((folder / entry.name, f"{prefix}{entry.name}/", depth + 1))
                    else:
                        yield f"{prefix}{entry.name}", folder / entry.name
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=str(folder)) from error


def _objection(path: str, entry: Path, hashing: Hashing) -> str | None:
    if not path.isprintable():
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            return "a name that is not UTF-8"
    if entry.is_symlink() and (path != WHOLE or not hashing.allow_symlinks):
        if not hashing.allow_symlinks:
            return "a symbolic link, which this signature does not allow"
        if entry.is_dir():
            return "a symbolic link to a folder, which no signature covers"
    if not entry.is_file():
        return "neither a file nor a folder, or a link that leads nowhere"
    return None


def _hash_file(root: Path, path: str, hashing: Hashing) -> tuple[Resource, ...]:
    entry = root if path == WHOLE else root / path
    try:
        with _opened(entry, follow=hashing.allow_symlinks) as file:
            return tuple(_resources(file, path, hashing))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(entry)) from error


def _opened(entry: Path, *, follow: bool) -> BinaryIO:
    """Only a regular file, also if something else took its place since it was looked at."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    file = os.fdopen(os.open(entry, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError("became something else than a file while it was hashed", where=str(entry))
    return file


def _resources(file: BinaryIO, path: str, hashing: Hashing) -> Iterator[Resource]:
    if hashing.shard_size is None:
        yield Resource(path, _digest(file, hashing.hash_type, None))
        return
    start, size = 0, os.fstat(file.fileno()).st_size
    while start < size:
        end = min(start + hashing.shard_size, size)
        yield Resource(path, _digest(file, hashing.hash_type, end - start), (start, end))
        start = end


def _digest(file: BinaryIO, hash_type: str, length: int | None) -> str:
    state: _State = blake3() if hash_type == "blake3" else hashlib.new(hash_type)
    left = length
    while chunk := file.read(CHUNK if left is None else min(CHUNK, left)):
        state.update(chunk)
        left = None if left is None else left - len(chunk)
    return state.hexdigest()
