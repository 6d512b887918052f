"""From signed envelopes to what the gate may count: each is believed, or refused with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from strongroom.domain.decision import APPROVAL_TYPE, WAIVER_TYPE, Approval, Waiver
from strongroom.domain.errors import InputError, IntegrityError, TrustError
from strongroom.domain.evidence import EVIDENCE_TYPE, Evidence
from strongroom.domain.statement import Statement
from strongroom.keys.dsse import Envelope
from strongroom.keys.trust import ROLE_OF, TrustPolicy, Vouched, scope_of
from strongroom.registry.candidate import Records, Signed

R = TypeVar("R", Evidence, Approval, Waiver)

COUNTED = (EVIDENCE_TYPE, APPROVAL_TYPE, WAIVER_TYPE)
"""What the gate looks at."""


def gather(envelopes: Iterable[tuple[Envelope, datetime]], trust: TrustPolicy) -> Records:
    """Sort envelopes, each with the time at which the ledger took it, by what they say."""
    evidence: list[Signed[Evidence]] = []
    approvals: list[Signed[Approval]] = []
    waivers: list[Signed[Waiver]] = []
    refused: list[str] = []
    for envelope, at in envelopes:
        try:
            vouched = vouch(envelope, trust, at)
            match vouched.statement.predicate_type:
                case str(kind) if kind == EVIDENCE_TYPE:
                    evidence += _signed(vouched, Evidence.from_statement(vouched.statement))
                case str(kind) if kind == APPROVAL_TYPE:
                    approvals += _signed(vouched, Approval.from_statement(vouched.statement))
                case str(kind) if kind == WAIVER_TYPE:
                    waivers += _signed(vouched, Waiver.from_statement(vouched.statement))
                case kind:
                    refused.append(f"{kind}: nothing that the gate counts")
        except (TrustError, IntegrityError, InputError) as error:
            refused.append(f"{_named(envelope)}: {error.what}")
    return Records(tuple(evidence), tuple(approvals), tuple(waivers), tuple(refused))


def vouch(
    envelope: Envelope, trust: TrustPolicy, at: datetime, *, where: str = "record"
) -> Vouched:
    """What the envelope says, if trusted keys might say that then. Raises TrustError and others."""
    statement = Statement.parse(envelope.payload, where=where)
    role = ROLE_OF.get(statement.predicate_type)
    if role is None:
        raise TrustError(f"nobody may sign {statement.predicate_type}", where=where)
    return trust.verify(envelope, role, scope=scope_of(statement), at=at, where=where)


def _signed(vouched: Vouched, record: R) -> list[Signed[R]]:
    return [Signed(vouched.statement.digest, by, record) for by in vouched.signers]


def _named(envelope: Envelope) -> str:
    """What the refused record says it is about, for the reason's text alone."""
    try:
        return scope_of(Statement.parse(envelope.payload))
    except InputError:
        return "a record"
