"""Which recorded decision lets a version move: the newest about exactly its digests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from strongroom.domain.decision import DECISION_TYPE, Decision, Stage, Verdict
from strongroom.domain.errors import DeniedError, IntegrityError, TrustError
from strongroom.domain.statement import Subject
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.keys.trust import Role

GOOD_FOR: Final = timedelta(days=7)
"""After that the gate must look again: evidence may have expired since. Our proposal."""


def newest_decision(
    home: Home, system: str, stage: Stage, about: tuple[Subject, ...], now: datetime
) -> Record:
    """The newest decision about exactly these digests, which must be a fresh ALLOW.

    A record that the trust policy does not vouch for is no decision. Raises DeniedError when there
    is none, when the newest denies, or when it is too old.
    """
    for record in home.records(DECISION_TYPE, system=system):
        decision = _vouched(home, record, system)
        if decision is None or decision.stage is not stage or set(decision.subjects) != set(about):
            continue
        home.check_logged(record)
        _refuse(decision, record, now)
        return record
    raise DeniedError(
        f"no decision lets exactly these digests of {system} into {stage}",
        fix=f"run `strongroom gate --to {stage}` first",
    )


def _refuse(decision: Decision, record: Record, now: datetime) -> None:
    where = f"decision {record.digest.short}"
    if decision.verdict is not Verdict.ALLOW:
        missing = [reason.requirement for reason in decision.reasons if not reason.ok]
        raise DeniedError(
            f"the gate denied it: {', '.join(missing) or 'nothing is required'}",
            where=where,
            fix=f"see `strongroom gate --to {decision.stage}`",
        )
    if now - record.recorded_at > GOOD_FOR:
        raise DeniedError(
            f"the decision is older than {GOOD_FOR.days} days",
            where=where,
            fix=f"run `strongroom gate --to {decision.stage}` again",
        )


def _vouched(home: Home, record: Record, system: str) -> Decision | None:
    try:
        vouched = home.trust.verify(
            record.envelope, Role.DECISION, scope=system, at=record.recorded_at
        )
    except (TrustError, IntegrityError):
        return None
    return Decision.from_statement(vouched.statement)
