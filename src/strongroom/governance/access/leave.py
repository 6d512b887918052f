"""Asking leave: who somebody is, whether they may, and a line in the ledger either way.

1. The access policy in force is the newest signed record of it; a home that never had one lets
   whoever can open it do everything.
2. Somebody is who they say if they can open the key of that name; it signs what they did.
3. A refusal is signed by the house and logged before it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.domain.canonical import format_time
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import (
    DeniedError,
    InputError,
    IntegrityError,
    KeyAccessError,
    TrustError,
)
from strongroom.domain.statement import Statement, Subject
from strongroom.governance.access.policy import (
    HOME,
    AccessPolicy,
    Action,
    Duty,
    Request,
    ask,
    read_access,
)
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.keys.trust import ACCESS_TYPE, ACT_TYPE, REFUSAL_TYPE, Role

FILE = "access.yaml"


@dataclass(frozen=True, slots=True)
class InForce:
    """The access policy of a home, as it was recorded."""

    policy: AccessPolicy
    digest: Digest
    """Of the YAML."""
    source: str
    by: str
    """Who put it in force."""


def in_force(home: Home) -> InForce | None:
    """The newest policy that was recorded, or None if there never was one.

    Raises IntegrityError, TrustError for a record that is not what it should be.
    """
    record = next(home.records(ACCESS_TYPE), None)
    if record is None:
        return None
    home.check_logged(record)
    where = f"access policy {record.digest.short}"
    vouched = home.trust.verify(
        record.envelope, Role.ACT, scope=HOME, at=record.recorded_at, where=where
    )
    source = vouched.statement.predicate.get("source")
    if not isinstance(source, str):
        raise IntegrityError("the record holds no policy", where=where)
    digest = sha256(source.encode())
    if Subject(FILE, digest) not in vouched.statement.subjects:
        raise IntegrityError("the record names another policy than it holds", where=where)
    return InForce(read_access(source.encode(), where=where), digest, source, vouched.signers[0])


def put_in_force(home: Home, source: str, actor: str, passphrase: bytes | None) -> Record:
    """Record a policy, which counts from now on. Raises InputError, DeniedError.

    The first one may be set by anybody whom it makes admin, with their key.
    """
    policy = read_access(source.encode())
    if in_force(home) is not None:
        leave(home, Request(actor, Action.ACCESS), passphrase)
    elif Duty.ADMIN not in policy.people.get(actor, ()):
        raise InputError(f"{actor} is not admin in this policy, and could never change it again")
    _authenticate(home, actor, passphrase)
    predicate = {"system": HOME, "source": source, "at": format_time(home.clock())}
    statement = Statement(ACCESS_TYPE, (Subject(FILE, sha256(source.encode())),), predicate)
    return home.record(statement, actor, passphrase=passphrase)


def leave(home: Home, request: Request, passphrase: bytes | None) -> None:
    """Let the act happen, on record, or raise DeniedError, on record. Nothing without a policy."""
    found = in_force(home)
    if found is None:
        return
    reasons: tuple[str, ...]
    try:
        _authenticate(home, request.actor, passphrase)
        answer = ask(found.policy, request, home.clock())
        allowed, reasons = answer.allowed, answer.because
    except (KeyAccessError, TrustError) as error:
        allowed, reasons = False, (error.what,)
    told = _told(found, request, reasons, home)
    if allowed:
        act = Statement(ACT_TYPE, (Subject(FILE, found.digest),), told)
        home.record(act, request.actor, passphrase=passphrase)
        return
    home.record(Statement(REFUSAL_TYPE, (Subject(FILE, found.digest),), told), "gate")
    who = request.actor or "nobody in particular"
    raise DeniedError(
        f"{who} may not {request.action} {request.system}"
        f"{f' in {request.stage}' if request.stage else ''}: {'; '.join(reasons)}",
        fix="say who you are by --as NAME, or see `strongroom access show`",
    )


def _authenticate(home: Home, actor: str, passphrase: bytes | None) -> None:
    """They can open a key that may sign acts now. Raises KeyAccessError, TrustError."""
    if not actor:
        raise TrustError("nobody said who they are")
    signer = home.signer(actor, passphrase)
    home.trust.admit(signer.public.key_id, Role.ACT, scope=HOME, at=home.clock())


def _told(
    found: InForce, request: Request, reasons: tuple[str, ...], home: Home
) -> Mapping[str, object]:
    return {
        "system": HOME,
        "actor": request.actor,
        "action": request.action.value,
        "about": request.system,
        "stage": request.stage.value if request.stage else None,
        "environment": found.policy.environment.value,
        "because": list(reasons),
        "at": format_time(home.clock()),
    }
