"""The few things the ledger asks of a file system, and how its refusals are said."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from strongroom.domain.errors import ConflictError, LimitError, StoreError

TEMPORARY: Final = ".tmp"
"""Suffix of files on their way; a crash may leave some, nobody reads them."""
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_PAUSE: Final = 0.005
"""Seconds between two tries for the lock."""
_FIXES: Final = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "free some space and try again",
    errno.EFBIG: "raise the limit on file sizes and try again",
    errno.EROFS: "make the file system writable",
    errno.EACCES: "let this user read and write the folder",
    errno.EPERM: "let this user read and write the folder",
}


@contextmanager
def store_errors(where: Path) -> Iterator[None]:
    """Say what the operating system refused as a StoreError."""
    try:
        yield
    except OSError as error:
        fix = _FIXES.get(error.errno or 0)
        raise StoreError(
            error.strerror or repr(error), where=str(error.filename or where), fix=fix
        ) from error


def read_limited(path: Path, limit: int) -> bytes:
    """A file from outside, of `limit` bytes at most. Raises LimitError, StoreError."""
    with store_errors(path), path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise LimitError(f"more than {limit} bytes", where=str(path))
    return data


def write_new(path: str, data: bytes) -> None:
    """Write a file that nobody reads yet, unless it is there already. Not yet durable.

    Its bytes follow from its name: one that is there and not short has them.
    """
    try:
        fd = os.open(path, _CREATE | os.O_EXCL, 0o644)
    except FileExistsError:
        if not is_there(Path(path), len(data)):
            replace(Path(path), data)
        return
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, _CREATE, 0o644)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)


def holds(path: str, data: bytes) -> bool:
    """Whether the file has these bytes and no others."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, len(data) + 1) == data
    finally:
        os.close(fd)


def is_there(path: Path, size: int) -> bool:
    """Whether the file exists with that many bytes or more."""
    try:
        return path.stat().st_size >= size
    except FileNotFoundError:
        return False


def replace(path: Path, data: bytes) -> None:
    """Put `data` at `path` at once: readers see what was there or all of it. Not yet durable."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    fd = os.open(temporary, _CREATE, 0o644)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)
    temporary.replace(path)


def replace_durably(path: Path, data: bytes) -> None:
    """Put `data` at `path` at once, so that it survives a power cut when this returns."""
    temporary = path.with_name(path.name + TEMPORARY)
    fd = os.open(temporary, _CREATE, 0o644)
    try:
        write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    sync(path.parent)


def write_all(fd: int, data: bytes) -> None:
    """Write to the end: the system may take less at a time than it was given."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file_system(folder: Path, paths: Iterable[Path]) -> None:
    """Make everything on the folder's file system durable: `paths`, their names, and the rest.

    One call where the system has syncfs(2) and it reports errors (Linux); else a sync for each.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        for path in {above for one in paths for above in (one, *one.parents)}:
            if path == folder or folder in path.parents:
                sync(path)
        return
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(fd)


@contextmanager
def exclusive(path: Path, wait: float) -> Iterator[None]:
    """Hold the lock file, waiting up to `wait` seconds. Raises ConflictError.

    The file is opened anew each time, so that a forked child never shares its parent's lock; the
    system gives the lock back when the process dies.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _lock(fd, fcntl.LOCK_EX, path, time.monotonic() + wait)
        yield
    finally:
        os.close(fd)


@contextmanager
def shared(path: Path, wait: float) -> Iterator[None]:
    """Keep writers out for a moment, beside other readers. Raises ConflictError.

    A copy of a log has no lock file and needs none.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        _lock(fd, fcntl.LOCK_SH, path, time.monotonic() + wait)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, kind: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise ConflictError(
                    "another process is writing to this ledger",
                    where=str(path),
                    fix="wait for it to finish, or end it, and try again",
                ) from error
            time.sleep(_PAUSE)
        else:
            return
