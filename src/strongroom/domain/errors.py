"""The one tree of exceptions. Expected outcomes are values; these mean "I could not do it".

StrongroomError
├── InputError          what was given is malformed: a manifest, a flag, a file, a record
│   └── LimitError      what was given is larger, deeper or slower than we accept
├── IntegrityError      bytes are not what was signed, sealed or logged: tampering or damage
├── TrustError          a key is unknown, expired, revoked, or may not sign this
├── KeyAccessError      a key cannot be used: wrong passphrase, KMS down, destroyed
│   └── KeyAbsentError  the key service has no such key, and does not say that it had
├── DeniedError         the gate or a policy said no to an act that needs a yes
├── StoreError          the store cannot be read or written: full disk, read-only, locked
│   └── ConflictError   somebody else was first
├── AbortedError        what several parties did together was given up: too few took part
└── MissingExtra        an optional part is not installed
"""

from __future__ import annotations


class StrongroomError(Exception):
    """Says what happened, where, and what to do about it."""

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        """A path, `file:line`, field, URL or record that the reader can go to."""
        self.fix = fix
        """What to do next, as an instruction."""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.fix})" if self.fix else ""
        return f"{place}{self.what}{advice}"


class InputError(StrongroomError):
    """What was given is malformed."""


class LimitError(InputError):
    """What was given exceeds a limit on size, depth, ratio or time."""


class IntegrityError(StrongroomError):
    """Bytes are not what was signed, sealed or logged."""


class TrustError(StrongroomError):
    """The trust policy does not let this key say this."""


class KeyAccessError(StrongroomError):
    """A key exists but cannot be used."""


class KeyAbsentError(KeyAccessError):
    """There is no such key."""


class DeniedError(StrongroomError):
    """A policy or the gate refused the act."""


class StoreError(StrongroomError):
    """The store cannot be read or written."""


class ConflictError(StoreError):
    """Somebody else was first."""


class AbortedError(StrongroomError):
    """What several parties did together was given up."""


class MissingExtra(StrongroomError):
    """An optional part of Strongroom is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(
            f"{what} needs the '{extra}' extra", fix=f"pip install 'strongroom[{extra}]'"
        )
