"""Private keys and the trust policy, as files of one home."""

from __future__ import annotations

import contextlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.home.making import SECRET, key_file
from strongroom.keys.files import load_key, public_key_of, save_key
from strongroom.keys.keypair import KeyPair, Signer
from strongroom.keys.trust import TrustPolicy
from strongroom.storage.files import sync_folder, told, write_file

POLICY: Final = "trust.json"
NEXT: Final = ".next"
"""After the name of a key file: the one that is to replace it."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")


class Keyring:
    """The keys of one home. Reads the policy anew each time: others may have changed it."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._secret = secret
        self._opened: dict[str, tuple[tuple[int, int], Signer]] = {}

    def signer(self, name: str, passphrase: bytes | None = None) -> Signer:
        """The private key of that name. Raises KeyAccessError: no such key, wrong passphrase."""
        path = key_file(self._folder, check_name(name))
        if passphrase is not None:
            return load_key(path, passphrase)  # never kept: its holder decides each time
        file = _file(path)
        known = self._opened.get(name)
        if known is None or known[0] != file:  # another process may have rotated it
            known = self._opened[name] = (file, self._load(path))
        return known[1]

    def save(self, name: str, key: KeyPair, passphrase: bytes | None) -> None:
        """Keep a new key in an encrypted file. Raises KeyAccessError when there is one already."""
        guessable = passphrase is not None or not (self._folder / SECRET).exists()
        path = key_file(self._folder, name)
        save_key(key, path, passphrase or self._secret, guessable=guessable)

    def save_next(self, name: str, key: KeyPair) -> None:
        """Keep the key that is to replace a service's, beside it."""
        guessable = not (self._folder / SECRET).exists()
        path = self._next(name)
        with told(path):
            path.unlink(missing_ok=True)
        save_key(key, path, self._secret, guessable=guessable)

    def settle_next(self, policy: TrustPolicy) -> None:
        """Put keys that the policy knows in the place of the old ones; drop those it does not."""
        known = {trusted.key for trusted in policy.keys}
        with told(self._folder):
            waiting = sorted((self._folder / "keys").glob(f"*{NEXT}"))
            for path in waiting:
                if public_key_of(path) in known:
                    path.replace(path.with_name(path.name.removesuffix(NEXT)))
                else:
                    path.unlink()
            if waiting:
                sync_folder(self._folder / "keys")

    def _next(self, name: str) -> Path:
        path = key_file(self._folder, check_name(name))
        return path.with_name(path.name + NEXT)

    @property
    def policy_bytes(self) -> bytes | None:
        """The trust policy's file, or None when it is gone."""
        path = self._folder / POLICY
        with told(path):
            return path.read_bytes() if path.exists() else None

    @property
    def policy(self) -> TrustPolicy:
        """Raises InputError for a file that is none."""
        return _parse(self.policy_bytes or b"", str(self._folder / POLICY))

    def write_policy(self, data: bytes) -> None:
        """Replace the trust policy. Raises StoreError."""
        write_file(self._folder / POLICY, data)

    def _load(self, path: Path) -> Signer:
        try:
            return load_key(path, self._secret)
        except KeyAccessError as error:
            if not path.exists():
                fix = f"strongroom keys new {path.stem} --role …"
            elif (self._folder / SECRET).exists():
                fix = f"this home is opened by its {SECRET}: unset STRONGROOM_PASSPHRASE"
            else:
                fix = "set STRONGROOM_PASSPHRASE to the passphrase that this home was made with"
            raise KeyAccessError(error.what, where=str(path), fix=fix) from error


def check_name(name: str) -> str:
    """The name of a key's holder, fit for a file name. Raises InputError."""
    if not _NAME.match(name):
        raise InputError(
            f"not a key name: {name!r}", fix="use a-z, 0-9, _ and -, at most 63 of them"
        )
    return name


def _file(path: Path) -> tuple[int, int]:
    """Which file it is, so that one that was replaced is read again."""
    with contextlib.suppress(OSError):  # the reader says it better
        status = path.stat()
        return status.st_ino, status.st_mtime_ns
    return 0, 0


@lru_cache(maxsize=8)
def _parse(data: bytes, where: str) -> TrustPolicy:
    return TrustPolicy.parse(data, where=where)


def local_secret(folder: Path) -> bytes:
    """What opens the service keys when no passphrase was given. Raises KeyAccessError."""
    path = folder / SECRET
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise KeyAccessError(
            "this home is opened by a passphrase",
            where=str(folder),
            fix="set STRONGROOM_PASSPHRASE",
        ) from error
    except OSError as error:
        raise KeyAccessError(f"cannot be read: {error.strerror}", where=str(path)) from error
