"""One at a time, across threads and processes: a lock file that the kernel frees for the dead."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from strongroom.domain.errors import ConflictError
from strongroom.storage.files import told

PATIENCE: Final = 60.0
"""Seconds to wait for whoever holds the lock."""


@contextlib.contextmanager
def held(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock at `path`. Raises ConflictError when another process keeps it, StoreError."""
    lock = FileLock(path)
    try:
        with told(path):
            lock.acquire(timeout=patience)
    except Timeout as error:
        raise ConflictError(
            f"another process has held the home for {patience:g} s",
            where=str(path),
            fix="try again; if it stays so, look for a process that hangs",
        ) from error
    try:
        yield
    finally:
        lock.release()
