"""What is said of a version's data key after it was sealed: wrapped anew, used, shredded."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from strongroom.domain.canonical import parse_time, plain
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.statement import Statement, Subject
from strongroom.keys.key_service import Destruction
from strongroom.keys.sealing import context_of
from strongroom.keys.trust import KEY_USE_TYPE, REWRAP_TYPE, SHRED_TYPE

_R = TypeVar("_R")
ORDERED: Final = "ordered"
DESTROYED: Final = "destroyed"


def key_name(version: Digest) -> str:
    """The named key of a version in the key service: destroyed with it, and with no other."""
    return f"version-{version.hex[:40]}"


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A version's data key, as a key service wrapped it."""

    system: str
    version: Digest
    wrapped: bytes
    kms: str
    """URI of the key service."""
    at: datetime

    @property
    def key(self) -> str:
        """The named key that wrapped it."""
        return key_name(self.version)

    @property
    def context(self) -> bytes:
        """What the wrapped key is bound to."""
        return context_of(system=self.system, version=str(self.version))

    def to_statement(self) -> Statement:
        """That the data key was wrapped anew."""
        predicate = {
            "system": self.system,
            "version": str(self.version),
            "action": "rewrap",
            "name": self.key,
            "wrapped_key": base64.b64encode(self.wrapped).decode("ascii"),
            "kms": self.kms,
            "at": plain(self.at),
        }
        return Statement(REWRAP_TYPE, (Subject("version", self.version),), predicate)

    @classmethod
    def from_statement(cls, statement: Statement) -> Wrapping:
        """Read back. Raises InputError."""
        return _read(REWRAP_TYPE, statement, _wrapping)


@dataclass(frozen=True, slots=True)
class Shredding:
    """That a version's key is to be destroyed, or was."""

    system: str
    version: Digest
    action: str
    """`ordered`, from when on nobody opens it; then `destroyed`, with the key services' answers."""
    by: str
    reason: str
    files: tuple[Subject, ...]
    """What cannot be read any more: each file of the version, by the digest of its plaintext."""
    answers: tuple[tuple[str, Destruction], ...]
    """URI of each key service that held its key, and what it said."""
    at: datetime

    @property
    def words(self) -> str:
        """When, by whom, why."""
        done = "was shredded at" if self.action == DESTROYED else "is being shredded since"
        at = f"{self.at:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.version.short} {done} {at} by {self.by}: {self.reason}"

    def to_statement(self) -> Statement:
        """About the version and its files."""
        predicate = {
            "system": self.system,
            "version": str(self.version),
            "action": self.action,
            "name": key_name(self.version),
            "by": self.by,
            "reason": self.reason,
            "answers": [
                {"kms": uri, "key": a.key, "final": a.final, "answer": a.answer}
                for uri, a in self.answers
            ],
            "at": plain(self.at),
        }
        return Statement(SHRED_TYPE, (Subject("version", self.version), *self.files), predicate)

    @classmethod
    def from_statement(cls, statement: Statement) -> Shredding:
        """Read back. Raises InputError."""
        return _read(SHRED_TYPE, statement, _shredding)


def use_of(wrapping: Wrapping, purpose: str, by: str, uses: int, at: datetime) -> Statement:
    """That a data key was asked for: who, which key, what for, how often since last told."""
    predicate = {
        "system": wrapping.system,
        "version": str(wrapping.version),
        "action": purpose,
        "name": wrapping.key,
        "kms": wrapping.kms,
        "by": by,
        "uses": uses,
        "at": plain(at),
    }
    return Statement(KEY_USE_TYPE, (Subject("version", wrapping.version),), predicate)


def _wrapping(raw: Mapping[str, Any], _: Statement) -> Wrapping:
    return Wrapping(
        raw["system"],
        Digest.parse(raw["version"]),
        base64.b64decode(raw["wrapped_key"], validate=True),
        raw["kms"],
        parse_time(raw["at"]),
    )


def _shredding(raw: Mapping[str, Any], statement: Statement) -> Shredding:
    if raw["action"] not in (ORDERED, DESTROYED):
        raise ValueError(raw["action"])
    return Shredding(
        raw["system"],
        Digest.parse(raw["version"]),
        raw["action"],
        raw["by"],
        raw["reason"],
        statement.subjects[1:],
        tuple(
            (a["kms"], Destruction(a["key"], final=bool(a["final"]), answer=a["answer"]))
            for a in raw["answers"]
        ),
        parse_time(raw["at"]),
    )


def _read(
    kind: str, statement: Statement, make: Callable[[Mapping[str, Any], Statement], _R]
) -> _R:
    if statement.predicate_type != kind:
        raise InputError(f"expected {kind}, found {statement.predicate_type}")
    try:
        made = make(statement.predicate, statement)
        about = statement.subjects[0]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"malformed {kind}: {error!r}") from error
    if about != Subject("version", Digest.parse(statement.predicate["version"])):
        raise InputError(f"a {kind} about another version than it says")
    return made
