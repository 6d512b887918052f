"""What is said of a sealed version, and of its moves between stages."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from strongroom.domain.canonical import digest_of, parse_time, plain
from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.domain.statement import Statement, Subject
from strongroom.home.wrappings import Wrapping
from strongroom.keys.trust import PROMOTION_TYPE, SEAL_TYPE

_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One file of a version."""

    path: str
    """Below the manifest's folder, with `/`."""
    digest: Digest
    """Of the plaintext."""
    size: int
    """Bytes of plaintext."""
    object: Digest
    """Of the sealed bytes: their name in the object store."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A version: files, what the decision was about, and the key that opens them."""

    system: str
    files: tuple[SealedFile, ...]
    """Sorted by path."""
    about: tuple[Subject, ...]
    """The subjects of the decision: manifest, model, data sets, dependencies."""
    wrapped_key: bytes
    """The data key, wrapped by the KMS in the context of system and version."""
    kms: str
    """URI of the KMS that wrapped it."""
    decision: Digest
    """Statement digest of the decision that let it be sealed."""
    at: datetime

    @property
    def version(self) -> Digest:
        """The version's name: the same files, decided about with the same data, are the same."""
        return version_of(self.system, {f.path: f.digest for f in self.files}, self.about)

    @property
    def wrapping(self) -> Wrapping:
        """The data key as it was wrapped first."""
        return Wrapping(self.system, self.version, self.wrapped_key, self.kms, self.at)

    def to_statement(self) -> Statement:
        """As an in-toto statement whose subjects are the files."""
        predicate = plain(
            {
                "system": self.system,
                "version": self.version,
                "files": [{"path": f.path, "size": f.size, "object": f.object} for f in self.files],
                "about": self.about,
                "wrapped_key": base64.b64encode(self.wrapped_key).decode("ascii"),
                "kms": self.kms,
                "decision": self.decision,
                "at": self.at,
            }
        )
        subjects = tuple(Subject(f.path, f.digest) for f in self.files)
        return Statement(SEAL_TYPE, subjects, predicate)

    @classmethod
    def from_statement(cls, statement: Statement) -> Seal:
        """Read back. Raises InputError; IntegrityError for a version that is not its content's."""
        seal = _read(SEAL_TYPE, statement, _seal)
        if statement.predicate.get("version") != str(seal.version):
            raise IntegrityError("the seal names another version than its content is")
        return seal


class Action(StrEnum):
    """How a version came to stand where it stands."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Move:
    """A version put into a stage."""

    system: str
    stage: Stage
    number: int
    """Counts the moves of this system in this stage, from 1."""
    action: Action
    version: Digest
    """What stands there now."""
    replaced: Digest | None
    """What stood there before."""
    below: int | None
    """The move that a rollback returns to."""
    decision: Digest | None
    """The decision that a promotion rests on; a rollback needs none."""
    at: datetime

    def to_statement(self) -> Statement:
        """As an in-toto statement about the version."""
        predicate = plain(self)
        subjects = (Subject("version", self.version),)
        return Statement(PROMOTION_TYPE, subjects, predicate)

    @classmethod
    def from_statement(cls, statement: Statement) -> Move:
        """Read back. Raises InputError."""
        move = _read(PROMOTION_TYPE, statement, _move)
        if statement.subjects != (Subject("version", move.version),):
            raise InputError("the promotion is about another version than it says")
        return move


def version_of(system: str, files: Mapping[str, Digest], about: tuple[Subject, ...]) -> Digest:
    """The name of a version: SHA-256 over system, files and what was decided about."""
    return digest_of({"system": system, "files": files, "about": sorted(about)})


def _seal(raw: Mapping[str, Any], statement: Statement) -> Seal:
    if len(raw["files"]) != len(statement.subjects):
        raise ValueError("as many files as subjects")
    files = tuple(
        SealedFile(f["path"], s.digest, int(f["size"]), Digest.parse(f["object"]))
        for f, s in zip(raw["files"], statement.subjects, strict=True)
        if f["path"] == s.name
    )
    return Seal(
        raw["system"],
        files,
        tuple(Subject(s["name"], Digest.parse(s["digest"])) for s in raw["about"]),
        base64.b64decode(raw["wrapped_key"], validate=True),
        raw["kms"],
        Digest.parse(raw["decision"]),
        parse_time(raw["at"]),
    )


def _move(raw: Mapping[str, Any], _: Statement) -> Move:
    return Move(
        raw["system"],
        Stage(raw["stage"]),
        int(raw["number"]),
        Action(raw["action"]),
        Digest.parse(raw["version"]),
        _maybe_digest(raw["replaced"]),
        None if raw["below"] is None else int(raw["below"]),
        _maybe_digest(raw["decision"]),
        parse_time(raw["at"]),
    )


def _maybe_digest(raw: str | None) -> Digest | None:
    return None if raw is None else Digest.parse(raw)


def _read(
    kind: str, statement: Statement, make: Callable[[Mapping[str, Any], Statement], _R]
) -> _R:
    if statement.predicate_type != kind:
        raise InputError(f"expected {kind}, found {statement.predicate_type}")
    try:
        return make(statement.predicate, statement)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"malformed {kind}: {error!r}") from error
