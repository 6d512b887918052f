"""One at a time, across threads and processes: a lock file that the kernel frees for the dead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from strongroom.ledger.files import exclusive
from strongroom.storage.files import told

PATIENCE: Final = 60.0
"""Seconds to wait for whoever holds the lock."""


@contextmanager
def held(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock at `path`. Raises ConflictError when another process keeps it, StoreError."""
    with ExitStack() as stack:
        with told(path):
            stack.enter_context(exclusive(path, patience))
        yield
