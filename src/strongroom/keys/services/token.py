"""PKCS#11: keys in a hardware security module, or in SoftHSM.

    pkcs11:/PATH/TO/LIBRARY.so?token=LABEL[&prefix=PREFIX]      labels are PREFIXNAME

The user's PIN comes from STRONGROOM_PKCS11_PIN. Keys are AES-256, sensitive and not extractable,
and wrap by AES-GCM, with what the key is bound to as additional data. A version of a key is an
object of its own, whose id is the version's number and something random; destroyed keys leave a
data object behind. Calls are local to the library: how long it may take is the library's to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import (
    EncryptedDataInvalid,
    EncryptedDataLenRange,
    FunctionFailed,
    GeneralError,
    PinIncorrect,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.keys.key_service import Access, Destruction, absent, changed, destroyed
from strongroom.keys.services.wrapped import ServiceKms

_ID: Final = 12
"""Bytes: the version in four, and eight random ones."""
_NONCE: Final = 12
_SEALED: Final = _ID + _NONCE + 32 + 16
_TAMPERED: Final = (EncryptedDataInvalid, EncryptedDataLenRange, FunctionFailed, GeneralError)
"""What a token may say of a ciphertext that is not authentic: the standard leaves it open."""


_ONE_AT_A_TIME: Final = RLock()
"""A session serves one thread at a time."""


class Token:
    """The keys of one token whose labels begin with one prefix."""

    scheme = "pkcs11"

    def __init__(self, uri: str, library: str, label: str, prefix: str, pin: str) -> None:
        """Nothing is loaded yet."""
        self.uri = uri
        self._library = library
        self._label = label
        self._prefix = prefix
        self._pin = pin

    def create(self, name: str) -> None:
        """See Kms."""
        with self._told(f"make key {name}"):
            self._check_alive(name)
            if not self._keys(name):
                self._make(name, 1)

    def encrypt(self, name: str, data_key: bytes, bound: bytes) -> bytes:
        """Id of the key, nonce, ciphertext and tag."""
        with self._told(f"encrypt under {name}"):
            there = self._keys(name)
            if not there:
                raise absent(name, self.uri)
            number, key = there[-1]
            nonce = os.urandom(_NONCE)
            how = GCMParams(nonce, bound)
            sealed = key.encrypt(data_key, mechanism=Mechanism.AES_GCM, mechanism_param=how)
            return number + nonce + bytes(sealed)

    def decrypt(self, name: str, sealed: bytes, bound: bytes) -> bytes:
        """See Engine."""
        with self._told(f"decrypt under {name}"):
            self._check_alive(name)
            key = self._key(name, sealed)
            how = GCMParams(sealed[_ID : _ID + _NONCE], bound)
            try:
                return bytes(
                    key.decrypt(
                        sealed[_ID + _NONCE :], mechanism=Mechanism.AES_GCM, mechanism_param=how
                    )
                )
            except _TAMPERED as error:
                raise changed() from error

    def rotate(self, name: str) -> None:
        """See Kms."""
        with self._told(f"rotate {name}"):
            self._check_alive(name)
            there = self._keys(name)
            if not there:
                raise absent(name, self.uri)
            self._make(name, _version(there[-1][0]) + 1)

    def retire(self, name: str, sealed: bytes) -> bool:
        """Destroy the versions before."""
        with self._told(f"retire versions of {name}"):
            self._key(name, sealed)
            for number, key in self._keys(name):
                if _version(number) < _version(sealed):
                    key.destroy()
        return True

    def destroy(self, name: str) -> Destruction:
        """The trace first, for it outlives a crash in between."""
        with self._told(f"destroy {name}"):
            there = self._keys(name)
            if not there and not self._was_destroyed(name):
                raise absent(name, self.uri)
            if not self._was_destroyed(name):
                self._open().create_object(
                    {**self._trace(name), Attribute.TOKEN: True, Attribute.PRIVATE: True}
                )
            for _, key in there:
                key.destroy()
        return Destruction(name, final=True, answer="the token destroyed the key")

    def _make(self, name: str, version: int) -> None:
        self._open().generate_key(
            KeyType.AES,
            256,
            label=self._prefix + name,
            id=version.to_bytes(4, "big") + os.urandom(_ID - 4),
            store=True,
            template={
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.PRIVATE: True,
            },
        )

    def _key(self, name: str, sealed: bytes) -> Any:
        """The very version of the key that wrapped this."""
        if len(sealed) != _SEALED:
            raise changed()
        there = dict(self._keys(name))
        if not there:
            raise absent(name, self.uri)
        key = there.get(sealed[:_ID])
        if key is None and all(_version(number) > _version(sealed) for number in there):
            raise KeyAccessError(
                f"wrapped under version {_version(sealed)} of key {name}, which was retired",
                where=self.uri,
                fix="open it by its newest wrapping: `strongroom keys rotate` made one",
            )
        if key is None:
            raise changed()
        return key

    def _keys(self, name: str) -> list[tuple[bytes, Any]]:
        """Id and key of each version, the newest last."""
        wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: self._prefix + name}
        found = ((bytes(key.id), key) for key in self._open().get_objects(wanted))
        return sorted(found, key=lambda pair: pair[0])

    def _check_alive(self, name: str) -> None:
        if self._was_destroyed(name):
            raise destroyed(name, self.uri)

    def _was_destroyed(self, name: str) -> bool:
        return next(iter(list(self._open().get_objects(self._trace(name)))), None) is not None

    def _trace(self, name: str) -> dict[Attribute, object]:
        label = f"{self._prefix}{name}.destroyed"
        return {Attribute.CLASS: ObjectClass.DATA, Attribute.LABEL: label}

    def _open(self) -> Any:
        return _session(self._library, self._label, self._pin)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Errors in our words; one thread at a time."""
        with _ONE_AT_A_TIME:
            try:
                yield
            except (PinIncorrect, PinLocked) as error:
                raise KeyAccessError(
                    f"the token refuses the PIN ({type(error).__name__})",
                    where=self.uri,
                    fix="set STRONGROOM_PKCS11_PIN; a few wrong ones lock a token",
                ) from error
            except (PKCS11Error, OSError, RuntimeError) as error:
                _session.cache_clear()  # a token that was pulled out needs a new login
                raise KeyAccessError(
                    f"the token does not serve: could not {what} ({type(error).__name__})",
                    where=self.uri,
                    fix="check library, token label, and that the token is plugged in",
                ) from error


@lru_cache(maxsize=4)
def _session(library: str, label: str, pin: str) -> Any:
    """One session with each token: a login is the whole process's, and so is the library."""
    token = pkcs11.lib(library).get_token(token_label=label)
    try:
        return token.open(rw=True, user_pin=pin)
    except UserAlreadyLoggedIn:
        return token.open(rw=True)


def open_kms(rest: str, access: Access) -> ServiceKms:
    """See the top of this file. Raises InputError for a URI that says something else."""
    path, _, query = rest.partition("?")
    given = parse_qs(query)
    pin = access.environment.get("STRONGROOM_PKCS11_PIN")
    if not path or "token" not in given or set(given) - {"token", "prefix"} or not pin:
        raise InputError(
            "not a PKCS#11 token, or no PIN",
            where="STRONGROOM_KMS",
            fix="pkcs11:/usr/lib/softhsm/libsofthsm2.so?token=LABEL, and STRONGROOM_PKCS11_PIN",
        )
    library = str(Path(unquote(path)))
    prefix = given.get("prefix", [""])[0]
    return ServiceKms(Token(f"pkcs11:{rest}", library, given["token"][0], prefix, pin))


def _version(number: bytes) -> int:
    return int.from_bytes(number[:4], "big")
