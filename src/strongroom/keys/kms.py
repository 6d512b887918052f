"""The port to key services, and the one that needs no service: keys in a local folder.

A key service holds named key-encryption keys that never leave it, and wraps data keys under them.
Destroying a named key makes everything wrapped under it unreadable for ever: that is how sealed
versions are shredded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from strongroom.domain.errors import InputError
from strongroom.keys.local_kms import DEFAULT_KEY, LocalKms

__all__ = ["DEFAULT_KEY", "Kms", "LocalKms", "kms_from_uri"]


class Kms(Protocol):
    """What wraps data keys. Every method raises KeyAccessError when the service cannot serve."""

    @property
    def uri(self) -> str:
        """What `kms_from_uri` opens it by."""
        ...

    def create_key(self, name: str) -> None:
        """Make a named key-encryption key; nothing happens if it is there.

        Raises KeyAccessError when a key of that name was destroyed.
        """
        ...

    def wrap(self, data_key: bytes, context: bytes, *, name: str = DEFAULT_KEY) -> bytes:
        """The data key, readable only through this service and with the same context.

        A named key that is not there is made, as Vault's transit engine does.
        """
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The data key. Raises IntegrityError when it was wrapped otherwise, or changed since."""
        ...

    def destroy(self, name: str) -> None:
        """Destroy a named key for ever; nothing happens if it was destroyed before."""
        ...


def kms_from_uri(uri: str, *, secret: bytes | None = None, guessable: bool = True) -> Kms:
    """Open a key service: `local:FOLDER`, whose files are locked under `secret`.

    `guessable=False` says that the secret is 32 random bytes. Raises InputError for an unknown
    scheme, or when the scheme needs what was not given.
    """
    scheme, _, rest = uri.partition(":")
    opener = _OPENERS.get(scheme)
    if opener is None:
        raise InputError(
            f"no key service of scheme {scheme!r}", where=uri, fix=f"one of {', '.join(_OPENERS)}"
        )
    return opener(rest, secret, guessable)


def _local(folder: str, secret: bytes | None, guessable: bool) -> Kms:  # noqa: FBT001
    if not folder or not secret:
        lacking = "no folder" if not folder else "no secret"
        raise InputError(
            f"a local key service with {lacking}",
            where=f"local:{folder}",
            fix="local:FOLDER, and STRONGROOM_PASSPHRASE",
        )
    return LocalKms(Path(folder), secret, guessable=guessable)


_OPENERS: Final[Mapping[str, Callable[[str, bytes | None, bool], Kms]]] = {"local": _local}
