"""A key service in a folder: each named key in a file of its own, locked under one secret.

root                "strongroom root" 0x01, guessable[1], salt[32], check[32]
NAME.key            "strongroom key " 0x01, salt[32], AES-256-GCM(named key)
NAME@N.key          likewise: its version N, from 2 on; the highest one wraps
NAME.destroyed      empty: the key is gone for good, and its name with it
wrapped data key    "strongroom wrap" 0x01, salt[32], length of name[1], name or name@N,
                    AES-256-GCM(data key), all before it and the context authenticated

root key            scrypt(secret, salt); check = HKDF(root key, "check")
keys of AES-256-GCM HKDF(root key, salt, stem of the file), HKDF(named key, salt, "…wrap" 0x01):
                    each seals one message under a fresh salt, so the nonce is constant
"""

from __future__ import annotations

import hmac
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.domain.errors import InputError, KeyAccessError, StoreError
from strongroom.keys.key_service import (
    DEFAULT_KEY,
    KEY,
    Access,
    Destruction,
    absent,
    changed,
    check_key,
    check_name,
    destroyed,
)
from strongroom.keys.private import (
    GUESSABLE,
    RANDOM,
    create_private,
    derive,
    exists,
    read_private,
    stretch,
    sync_folder,
)

_STEM: Final = re.compile(r"([a-z0-9][a-z0-9._-]{0,62})(?:@([1-9][0-9]{0,5}))?\Z")
"""A key's name, and its version unless that is the first."""
_ROOT: Final = b"strongroom root\x01"
_KEY: Final = b"strongroom key \x01"
_WRAP: Final = b"strongroom wrap\x01"
_MAGIC: Final = 16
_SALT: Final = 32
_ONCE: Final = bytes(12)
_WORK: Final = {b"\x00": RANDOM, b"\x01": GUESSABLE}


class LocalKms:
    """Named keys in files. Reads the folder at each use, so a destroyed key is gone at once."""

    def __init__(self, folder: Path, secret: bytes, *, guessable: bool = True) -> None:
        """Nothing is read or written until first use; `guessable` counts for a new folder only."""
        self._folder = folder
        self._secret = secret
        self._guessable = guessable

    @property
    def uri(self) -> str:
        """`local:` and the folder."""
        return f"local:{self._folder}"

    def create_key(self, name: str) -> None:
        """Make a named key if there is none. Raises KeyAccessError when it was destroyed."""
        self._check_alive(name)
        if not self._versions(name):
            self._make(name)

    def wrap(self, data_key: bytes, context: bytes, *, name: str = DEFAULT_KEY) -> bytes:
        """The data key under the newest version of a named key, which is made if need be."""
        check_key(data_key)
        self.create_key(name)
        stem = _stem(name, max(self._versions(name), default=1))
        head = _WRAP + os.urandom(_SALT) + bytes([len(stem)]) + stem.encode()
        return head + self._wrapper(stem, head).encrypt(_ONCE, data_key, head + context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The data key. Raises IntegrityError, or KeyAccessError when its named key is gone."""
        head, name, version = _head(wrapped)
        self._check_alive(name)
        try:
            wrapper = self._wrapper(_stem(name, version), head)
            return wrapper.decrypt(_ONCE, wrapped[len(head) :], head + context)
        except InvalidTag as error:
            raise changed() from error

    def rotate(self, name: str) -> None:
        """Make the key's next version. Raises KeyAccessError when there is no such key."""
        self._check_alive(name)
        versions = self._versions(name)
        if not versions:
            raise absent(name, self.uri)
        self._make(_stem(name, max(versions) + 1))

    def retire(self, wrapped: bytes) -> bool:
        """Delete the versions of the key before the one that wrapped this."""
        _, name, version = _head(wrapped)
        self._check_alive(name)
        there = self._versions(name)
        if version not in there:
            raise absent(_stem(name, version), self.uri)
        self._delete(name, [v for v in there if v < version])
        return True

    def destroy(self, name: str) -> Destruction:
        """Destroy a named key for ever. Raises KeyAccessError when there never was one."""
        tombstone = self._tombstone(name)
        versions = self._versions(name)
        if not exists(tombstone) and not versions:
            raise absent(name, self.uri)
        create_private(tombstone, b"")  # first, for it outlives a crash in between
        self._delete(name, versions)
        return Destruction(name, final=True, answer="its file was deleted")

    def _make(self, stem: str) -> None:
        salt = os.urandom(_SALT)
        lock = AESGCM(derive(self._root_key, salt, stem.encode()))
        sealed = _KEY + salt + lock.encrypt(_ONCE, os.urandom(KEY), _KEY)
        create_private(self._folder / f"{stem}.key", sealed)

    def _versions(self, name: str) -> list[int]:
        """The versions of a key that are there, the newest last."""
        found = []
        if exists(self._folder / f"{check_name(name)}.key"):
            found.append(1)
        for path in self._folder.glob(f"{name}@*.key"):
            match = _STEM.match(path.stem)
            if match and match[1] == name:
                found.append(int(match[2]))
        return sorted(found)

    def _delete(self, name: str, versions: list[int]) -> None:
        try:
            for version in versions:
                (self._folder / f"{_stem(name, version)}.key").unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise StoreError(f"cannot be destroyed: {error.strerror}", where=self.uri) from error

    def _wrapper(self, stem: str, head: bytes) -> AESGCM:
        salt = head[_MAGIC : _MAGIC + _SALT]
        return AESGCM(derive(self._named_key(stem), salt, _WRAP))

    def _named_key(self, stem: str) -> bytes:
        path = self._folder / f"{stem}.key"
        data = read_private(path)
        lock = AESGCM(derive(self._root_key, data[_MAGIC : _MAGIC + _SALT], stem.encode()))
        try:
            if data.startswith(_KEY):
                return lock.decrypt(_ONCE, data[_MAGIC + _SALT :], _KEY)
        except InvalidTag:
            pass  # said below, as for a file that is no key file at all
        raise KeyAccessError(
            "not a key of this key service, or damaged",
            where=str(path),
            fix="restore it from its backup",
        )

    def _check_alive(self, name: str) -> None:
        if exists(self._tombstone(name)):
            raise destroyed(name, self.uri)

    def _tombstone(self, name: str) -> Path:
        return self._folder / f"{check_name(name)}.destroyed"

    @cached_property
    def _root_key(self) -> bytes:
        path = self._folder / "root"
        if not exists(path) and not any(self._folder.glob("*.key")):
            self._make_root(path)  # never for keys that are there: it would not open them
        data = read_private(path)
        flag, salt, check = data[_MAGIC : _MAGIC + 1], data[_MAGIC + 1 : -32], data[-32:]
        if not data.startswith(_ROOT) or flag not in _WORK or len(salt) != _SALT:
            raise KeyAccessError("not the root file of a key service", where=str(path))
        root = stretch(self._secret, salt, _WORK[flag])
        if not hmac.compare_digest(check, derive(root, salt, b"check")):
            raise KeyAccessError(
                "wrong secret for the key service, or its root file was changed",
                where=str(path),
                fix="give the passphrase that the store was made with",
            )
        return root

    def _make_root(self, path: Path) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"cannot be made: {error.strerror}", where=self.uri) from error
        salt = os.urandom(_SALT)
        flag = bytes([self._guessable])
        check = derive(stretch(self._secret, salt, _WORK[flag]), salt, b"check")
        create_private(path, _ROOT + flag + salt + check)


def open_kms(folder: str, access: Access) -> LocalKms:
    """`local:FOLDER`, whose files are locked under the secret. Raises InputError."""
    if not folder or not access.secret:
        lacking = "no folder" if not folder else "no secret"
        raise InputError(
            f"a local key service with {lacking}",
            where=f"local:{folder}",
            fix="local:FOLDER, and STRONGROOM_PASSPHRASE",
        )
    return LocalKms(Path(folder), access.secret, guessable=access.guessable)


def _head(wrapped: bytes) -> tuple[bytes, str, int]:
    """The part of a wrapped key before the ciphertext, the key's name, and its version."""
    named = _MAGIC + _SALT + 1
    end = named + wrapped[named - 1] if len(wrapped) > named else 0
    match = _STEM.match(wrapped[named:end].decode("ascii", "replace"))
    if not wrapped.startswith(_WRAP) or match is None:
        raise changed()
    return wrapped[:end], match[1], int(match[2] or 1)


def _stem(name: str, version: int) -> str:
    return name if version == 1 else f"{name}@{version}"
