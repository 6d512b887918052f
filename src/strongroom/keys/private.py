"""Files that only their owner may read, and the secrets that lock them."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.domain.errors import InputError, KeyAccessError, StoreError

MAX_FILE: Final = 64 * 1024
MAX_SECRET: Final = 1024


@dataclass(frozen=True, slots=True)
class Work:
    """What one guess costs: scrypt's parameters (RFC 7914), memory 128·n·r bytes."""

    n: int
    r: int
    p: int


GUESSABLE: Final = Work(2**14, 8, 5)
"""For what people can remember (OWASP Password Storage Cheat Sheet, 2023): 16 MiB, some 0.2 s."""
RANDOM: Final = Work(2**10, 8, 1)
"""For 32 random bytes, which nobody guesses anyway: some milliseconds."""


def stretch(secret: bytes, salt: bytes, work: Work) -> bytes:
    """32 bytes by scrypt, as dear to guess as `work` says. Raises InputError."""
    if not isinstance(secret, bytes) or not 0 < len(secret) <= MAX_SECRET:
        raise InputError(f"a passphrase is 1 to {MAX_SECRET} bytes")
    room = 64 * 1024 * 1024
    return hashlib.scrypt(secret, salt=salt, n=work.n, r=work.r, p=work.p, maxmem=room, dklen=32)


def derive(key: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869): a key for one purpose from a key that is random already."""
    return HKDF(SHA256(), length, salt, info).derive(key)


def read_private(path: Path) -> bytes:
    """The bytes of a small file that nobody but its owner may read. Raises KeyAccessError."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError as error:
        raise KeyAccessError("there is no such key file", where=str(path)) from error
    except OSError as error:
        raise KeyAccessError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyAccessError(
            f"others on this machine may use the file (mode {stat.S_IMODE(status.st_mode):04o})",
            where=str(path),
            fix=f"chmod 600 {path}, and replace the key if others had the chance to copy it",
        )
    if len(data) > MAX_FILE:
        raise KeyAccessError(f"too large for a key file, over {MAX_FILE} bytes", where=str(path))
    return data


def create_private(path: Path, data: bytes) -> bool:
    """Make a file of mode 0600, wholly or not at all, durable when this returns.

    A file that is there stays, and False is returned: of several processes that try at once, one
    wins. Raises StoreError.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                path.hardlink_to(draft)  # unlike a rename, this refuses to replace
            finally:
                draft.unlink()
        sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error
    return True


def exists(path: Path) -> bool:
    """Whether there is such a file. Raises KeyAccessError when its folder cannot be looked into."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise KeyAccessError(f"cannot be read: {error.strerror}", where=str(path)) from error
    return True


def sync_folder(folder: Path) -> None:
    """Make names that were added to or taken from a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
