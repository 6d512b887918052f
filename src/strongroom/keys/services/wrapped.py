"""What key services have in common: names, contexts, and the form of a wrapped key.

    wrapped key = head, what the service gave
    head        = "strongroom wrap" 0x02, length of scheme[1], scheme, length of name[1], name

Head and context together are what the service binds the data key to.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final, Protocol, TypeVar

from strongroom.domain.errors import KeyAccessError
from strongroom.keys.key_service import (
    DEFAULT_KEY,
    NAME,
    Destruction,
    changed,
    check_key,
    check_name,
)

_MAGIC: Final = b"strongroom wrap"
_VERSION: Final = b"\x02"

T = TypeVar("T")


def once(make: Callable[[], T]) -> Callable[[], T]:
    """`make`, called at first use by one thread; the others get what it made."""
    made: list[T] = []
    lock = Lock()

    def get() -> T:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get


class Engine(Protocol):
    """One service. Methods take names that were checked, and raise what `Kms` promises."""

    @property
    def scheme(self) -> str:
        """Which kind of service it is, for the head."""
        ...

    @property
    def uri(self) -> str:
        """See Kms."""
        ...

    def create(self, name: str) -> None:
        """See Kms.create_key."""
        ...

    def encrypt(self, name: str, data_key: bytes, bound: bytes) -> bytes:
        """The data key under the newest version of the key, bound to those bytes."""
        ...

    def decrypt(self, name: str, sealed: bytes, bound: bytes) -> bytes:
        """Back. Raises IntegrityError, KeyAccessError."""
        ...

    def rotate(self, name: str) -> None:
        """See Kms."""
        ...

    def retire(self, name: str, sealed: bytes) -> bool:
        """See Kms: versions before the one that gave `sealed`."""
        ...

    def destroy(self, name: str) -> Destruction:
        """See Kms."""
        ...


class ServiceKms:
    """A `Kms` over an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def uri(self) -> str:
        """See Kms."""
        return self._engine.uri

    def create_key(self, name: str) -> None:
        """See Kms."""
        self._engine.create(check_name(name))

    def wrap(self, data_key: bytes, context: bytes, *, name: str = DEFAULT_KEY) -> bytes:
        """See Kms."""
        check_key(data_key)
        self._engine.create(check_name(name))
        scheme = self._engine.scheme.encode()
        head = (
            _MAGIC + _VERSION + bytes([len(scheme)]) + scheme + bytes([len(name)]) + name.encode()
        )
        return head + self._engine.encrypt(name, data_key, head + context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """See Kms."""
        name, end = self._read(wrapped)
        data_key = self._engine.decrypt(name, wrapped[end:], wrapped[:end] + context)
        check_key(data_key)
        return data_key

    def rotate(self, name: str) -> None:
        """See Kms."""
        self._engine.rotate(check_name(name))

    def retire(self, wrapped: bytes) -> bool:
        """See Kms."""
        name, end = self._read(wrapped)
        return self._engine.retire(name, wrapped[end:])

    def destroy(self, name: str) -> Destruction:
        """See Kms."""
        return self._engine.destroy(check_name(name))

    def _read(self, wrapped: bytes) -> tuple[str, int]:
        """The key's name in a wrapped key, and where the head ends."""
        if not wrapped.startswith(_MAGIC):
            raise changed()
        scheme, at = _text(wrapped, len(_MAGIC) + 1)
        if wrapped[len(_MAGIC) :][:1] != _VERSION or scheme != self._engine.scheme:
            raise KeyAccessError(
                "wrapped by a key service of another kind",
                where=self.uri,
                fix="set STRONGROOM_KMS to the one that wrapped it",
            )
        name, end = _text(wrapped, at)
        if not NAME.match(name):
            raise changed()
        return name, end


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A short text with its length before it, and where it ends."""
    end = at + 1 + (data[at] if at < len(data) else 0)
    return data[at + 1 : end].decode("ascii", "replace"), end
