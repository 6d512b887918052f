"""Small files written whole and durably, and the operating system's complaints in our words."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.domain.errors import StoreError

_FULL: Final = "free some space: nothing was lost, what was half-written is gone"
_READ_ONLY: Final = "use a folder that this user may write to (--home DIR)"
_FIXES: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOTDIR: "a file stands where a folder is needed; choose another path",
    errno.EEXIST: "a file stands where a folder is needed; choose another path",
    errno.ENOTEMPTY: "name a folder that is new or empty",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}


def store_error(error: OSError, where: Path) -> StoreError:
    """What went wrong, where, and what to do."""
    fix = _FIXES.get(error.errno or 0, "check the folder and its permissions")
    return StoreError(f"cannot use the store: {error.strerror or error}", where=str(where), fix=fix)


@contextlib.contextmanager
def told(where: Path) -> Iterator[None]:
    """Turn OSError into StoreError."""
    try:
        yield
    except OSError as error:
        raise store_error(error, where) from error


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a small file: the old bytes or the new, never half. Raises StoreError."""
    with told(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        incoming = Path(name)
        try:
            with os.fdopen(handle, "wb") as target:
                target.write(data)
                target.flush()
                os.fsync(target.fileno())
            incoming.chmod(mode)
            incoming.replace(path)
            sync_folder(path.parent)
        finally:
            incoming.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable: POSIX wants an fsync of the folder itself."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
