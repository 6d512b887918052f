"""Decisions, and what people sign on the way to one: approvals and waivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from strongroom.domain.canonical import parse_time, plain
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.domain.statement import Statement, Subject

DECISION_TYPE: Final = "urn:strongroom:decision:v1"
APPROVAL_TYPE: Final = "urn:strongroom:approval:v1"
WAIVER_TYPE: Final = "urn:strongroom:waiver:v1"

_R = TypeVar("_R")


class Stage(StrEnum):
    """Where a version may run. Order matters: each may only be entered from the one before."""

    DEVELOPMENT = "development"
    VALIDATION = "validation"
    PRODUCTION = "production"


class Verdict(StrEnum):
    """May it go?"""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Approval:
    """One person says yes to one stage for exactly these digests; the envelope is signed."""

    system: str
    stage: Stage
    subjects: tuple[Subject, ...]
    approver: str
    """Who, as the trust policy names the key's holder."""
    statement: str
    """What they say they looked at."""
    at: datetime
    expires_at: datetime

    def to_statement(self) -> Statement:
        """As an in-toto statement."""
        return _statement(APPROVAL_TYPE, self)

    @classmethod
    def from_statement(cls, statement: Statement) -> Approval:
        """Read back. Raises InputError."""
        return _read(
            APPROVAL_TYPE,
            statement,
            lambda p: cls(
                p["system"],
                Stage(p["stage"]),
                statement.subjects,
                p["approver"],
                p["statement"],
                parse_time(p["at"]),
                parse_time(p["expires_at"]),
            ),
        )


@dataclass(frozen=True, slots=True)
class Waiver:
    """A requirement let through for a time, by an owner, for a reason; it acts in the gate only."""

    system: str
    requirement: str
    """`SR-…`"""
    subjects: tuple[Subject, ...]
    """The digests that it is good for."""
    owner: str
    reason: str
    at: datetime
    until: datetime

    def to_statement(self) -> Statement:
        """As an in-toto statement."""
        return _statement(WAIVER_TYPE, self)

    @classmethod
    def from_statement(cls, statement: Statement) -> Waiver:
        """Read back. Raises InputError."""
        return _read(
            WAIVER_TYPE,
            statement,
            lambda p: cls(
                p["system"],
                p["requirement"],
                statement.subjects,
                p["owner"],
                p["reason"],
                parse_time(p["at"]),
                parse_time(p["until"]),
            ),
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """How one requirement came out, and on what it rests."""

    requirement: str
    """`SR-…`"""
    outcome: Outcome
    text: str
    """Why, in a sentence a risk officer understands."""
    evidence: tuple[Digest, ...] = ()
    """Statement digests of the evidence and approvals it rests on."""
    waiver: Digest | None = None
    """Statement digest of the waiver that lets it through."""

    @property
    def ok(self) -> bool:
        """Passed, or waived."""
        return self.outcome is Outcome.PASS or self.waiver is not None


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reasons, each naming the evidence it rests on."""

    system: str
    stage: Stage
    subjects: tuple[Subject, ...]
    """What was decided about: model, data sets, manifest."""
    reasons: tuple[Reason, ...]
    policy: Digest
    """Of the requirements and thresholds that were in force."""
    at: datetime

    @property
    def verdict(self) -> Verdict:
        """Allow only what every requirement allows; nothing required is a denial."""
        allowed = bool(self.reasons) and all(reason.ok for reason in self.reasons)
        return Verdict.ALLOW if allowed else Verdict.DENY

    def to_statement(self) -> Statement:
        """As an in-toto statement."""
        statement = _statement(DECISION_TYPE, self)
        return Statement(
            DECISION_TYPE,
            statement.subjects,
            {**statement.predicate, "verdict": self.verdict.value},
        )

    @classmethod
    def from_statement(cls, statement: Statement) -> Decision:
        """Read back; refuses a verdict that its reasons do not carry."""
        decision = _read(
            DECISION_TYPE,
            statement,
            lambda p: cls(
                p["system"],
                Stage(p["stage"]),
                statement.subjects,
                tuple(_reason(r) for r in p["reasons"]),
                Digest.parse(p["policy"]),
                parse_time(p["at"]),
            ),
        )
        if statement.predicate.get("verdict") != decision.verdict.value:
            raise InputError(f"decision's reasons say {decision.verdict}, it says otherwise")
        return decision


def _statement(kind: str, record: Approval | Waiver | Decision) -> Statement:
    predicate = plain(record)
    del predicate["subjects"]
    return Statement(kind, record.subjects, predicate)


def _read(kind: str, statement: Statement, make: Callable[[Mapping[str, Any]], _R]) -> _R:
    if statement.predicate_type != kind:
        raise InputError(f"expected {kind}, found {statement.predicate_type}")
    try:
        return make(statement.predicate)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"malformed {kind}: {error!r}") from error


def _reason(raw: Mapping[str, Any]) -> Reason:
    return Reason(
        raw["requirement"],
        Outcome(raw["outcome"]),
        raw["text"],
        tuple(Digest.parse(d) for d in raw["evidence"]),
        Digest.parse(raw["waiver"]) if raw["waiver"] is not None else None,
    )
