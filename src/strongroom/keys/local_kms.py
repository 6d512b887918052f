"""A key service in a folder: each named key in a file of its own, locked under one secret.

root                "strongroom root" 0x01, guessable[1], salt[32], check[32]
NAME.key            "strongroom key " 0x01, salt[32], AES-256-GCM(named key)
NAME.destroyed      empty: the key is gone for good, and its name with it
wrapped data key    "strongroom wrap" 0x01, salt[32], length of name[1], name,
                    AES-256-GCM(data key), all before it and the context authenticated

root key            scrypt(secret, salt); check = HKDF(root key, "check")
keys of AES-256-GCM HKDF(root key, salt, NAME) and HKDF(named key, salt, "strongroom wrap" 0x01):
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

from strongroom.domain.errors import InputError, IntegrityError, KeyAccessError, StoreError
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

DEFAULT_KEY: Final = "default"
KEY: Final = 32
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")
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
        path = self._path(name)
        if exists(path):
            return
        salt = os.urandom(_SALT)
        lock = AESGCM(derive(self._root_key, salt, name.encode()))
        create_private(path, _KEY + salt + lock.encrypt(_ONCE, os.urandom(KEY), _KEY))

    def wrap(self, data_key: bytes, context: bytes, *, name: str = DEFAULT_KEY) -> bytes:
        """The data key under a named key, which is made if need be."""
        if not isinstance(data_key, bytes) or len(data_key) != KEY:
            raise InputError(f"a data key is {KEY} bytes")
        self.create_key(name)
        head = _WRAP + os.urandom(_SALT) + bytes([len(name)]) + name.encode()
        return head + self._wrapper(name, head).encrypt(_ONCE, data_key, head + context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The data key. Raises IntegrityError, or KeyAccessError when its named key is gone."""
        changed = IntegrityError("a wrapped key that was changed, or made for something else")
        named = _MAGIC + _SALT + 1
        end = named + wrapped[named - 1] if len(wrapped) > named else 0
        name = wrapped[named:end].decode("ascii", "replace")
        if not wrapped.startswith(_WRAP) or not _NAME.match(name):
            raise changed
        try:
            head = wrapped[:end]
            return self._wrapper(name, head).decrypt(_ONCE, wrapped[end:], head + context)
        except InvalidTag as error:
            raise changed from error

    def destroy(self, name: str) -> None:
        """Destroy a named key for ever. Raises KeyAccessError when there never was one."""
        tombstone = self._tombstone(name)
        path = self._folder / f"{name}.key"
        if not exists(tombstone) and not exists(path):
            raise KeyAccessError(f"there is no key {name}", where=self.uri)
        create_private(tombstone, b"")  # first, for it outlives a crash in between
        try:
            path.unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise StoreError(f"cannot be destroyed: {error.strerror}", where=str(path)) from error

    def _wrapper(self, name: str, head: bytes) -> AESGCM:
        salt = head[_MAGIC : _MAGIC + _SALT]
        return AESGCM(derive(self._named_key(name), salt, _WRAP))

    def _named_key(self, name: str) -> bytes:
        path = self._path(name)
        data = read_private(path)
        lock = AESGCM(derive(self._root_key, data[_MAGIC : _MAGIC + _SALT], name.encode()))
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

    def _path(self, name: str) -> Path:
        """Where the key is or would be. Raises KeyAccessError when it was destroyed."""
        if exists(self._tombstone(name)):
            raise KeyAccessError(
                f"key {name} was destroyed, and with it all that was sealed under it",
                where=self.uri,
            )
        return self._folder / f"{name}.key"

    def _tombstone(self, name: str) -> Path:
        if not _NAME.match(name):
            raise InputError(f"not a name for a key: {name!r:.80}", fix="like default or fraud-v3")
        return self._folder / f"{name}.destroyed"

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
