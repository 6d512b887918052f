"""Where plaintext lies while it is needed: in memory, for this user only, and not for long.

A folder below /dev/shm (a file system in memory; swap aside, it never reaches a disk) of mode 0700.
Its process holds a lock on it, which the kernel drops when the process dies: the next one that
opens a folder removes what the dead left behind.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - not a temporary file of a fixed name
_PREFIX: Final = "strongroom-plain-"


class PlainPath(str):
    """A path whose folder is removed when nobody holds this object any more."""

    __slots__ = ("__weakref__",)


class PlainFolder:
    """A fresh private folder, in memory where there is such a place."""

    def __init__(self) -> None:
        base = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
        _sweep(base)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        self._handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._owner = os.getpid()
        atexit.register(self.remove)

    def remove(self) -> None:
        """Remove all that is in it. A second time, or in a forked child, it does nothing."""
        if self._handle < 0 or os.getpid() != self._owner:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._handle)
        self._handle = -1
        atexit.unregister(self.remove)

    def lend(self, path: Path) -> str:
        """The path, for as long as somebody holds the returned object."""
        lent = PlainPath(path)
        weakref.finalize(lent, self.remove)
        return lent


def loading() -> bool:
    """Whether a `load_model` of MLflow waits for the files: it needs them until it returns."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - inspect.stack reads source files
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_name == "load_model" and module.startswith("mlflow."):
            return True
        frame = frame.f_back
    return False


def _sweep(base: Path) -> None:
    for folder in _left(base):
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # gone by now, or another user's
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # its process lives
        finally:
            os.close(handle)


def _left(base: Path) -> Iterator[Path]:
    for folder in base.glob(f"{_PREFIX}*"):
        try:
            if folder.lstat().st_uid == os.getuid():
                yield folder
        except OSError:
            continue
