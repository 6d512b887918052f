"""The port to key services: what wraps data keys, and forgets for good when told to.

A key service holds named key-encryption keys that never leave it, and wraps data keys under them.
Destroying a named key makes everything wrapped under it unreadable for ever: that is how sealed
versions are shredded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from strongroom.domain.errors import InputError, IntegrityError, KeyAbsentError, KeyAccessError

DEFAULT_KEY: Final = "default"
KEY: Final = 32
"""Bytes of a data key."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")


@dataclass(frozen=True, slots=True)
class Destruction:
    """What a key service answered when it was told to destroy a key."""

    key: str
    final: bool
    """Whether nobody can bring it back, not even who runs the service."""
    answer: str
    """For people: `destroyed`, or until when it could be restored."""


@dataclass(frozen=True, slots=True)
class Access:
    """What opening a key service needs beside its URI, which is told and so holds no secret."""

    secret: bytes | None = field(default=None, repr=False)
    """What locks the files of the local one."""
    guessable: bool = True
    """False for a secret of 32 random bytes."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where tokens and PINs come from."""
    timeout: float = 10.0
    """Seconds that one call to a service may take."""
    attempts: int = 3
    """How often a call is made before the service counts as down."""


class Kms(Protocol):
    """What wraps data keys. Every method raises KeyAccessError when the service cannot serve."""

    @property
    def uri(self) -> str:
        """What `kms_from_uri` opens it by. It holds no secret, for it is told in the ledger."""
        ...

    def create_key(self, name: str) -> None:
        """Make a named key-encryption key; nothing happens if it is there.

        Raises KeyAccessError when a key of that name was destroyed.
        """
        ...

    def wrap(self, data_key: bytes, context: bytes, *, name: str = DEFAULT_KEY) -> bytes:
        """The data key, readable only through this service and with the same context.

        A named key that is not there is made.
        """
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The data key. Raises IntegrityError when it was wrapped otherwise, or changed since."""
        ...

    def rotate(self, name: str) -> None:
        """From now on wrap under a new version of the key; what was wrapped before still opens."""
        ...

    def retire(self, wrapped: bytes) -> bool:
        """Refuse what older versions of the key wrapped than the one that wrapped this.

        False where the service keeps all versions for ever.
        """
        ...

    def destroy(self, name: str) -> Destruction:
        """Destroy a named key, all versions of it; told twice, it is destroyed once."""
        ...


def check_key(data_key: bytes) -> None:
    """Raises InputError for what is no data key."""
    if not isinstance(data_key, bytes) or len(data_key) != KEY:
        raise InputError(f"a data key is {KEY} bytes")


def check_name(name: str) -> str:
    """A key's name, fit for every service. Raises InputError."""
    if not NAME.match(name):
        raise InputError(f"not a name for a key: {name!r:.80}", fix="like default or fraud-v3")
    return name


def destroyed(name: str, where: str) -> KeyAccessError:
    """The key is gone, and was meant to go."""
    what = f"key {name} was destroyed, and with it all that was sealed under it"
    return KeyAccessError(what, where=where)


def absent(name: str, where: str) -> KeyAbsentError:
    """There is no such key, and nothing tells that there ever was."""
    fix = "STRONGROOM_KMS may name another key service than the one that wrapped this"
    return KeyAbsentError(f"there is no key {name}", where=where, fix=fix)


def changed() -> IntegrityError:
    """A wrapped key that does not open here; a service does not say which of the two it is."""
    return IntegrityError("a wrapped key that was changed, or made for something else")
