"""Shredding: the one key that opens a version is destroyed, wherever copies of its files lie.

1. Who orders it may, by the trust policy; the version does not stand in production, or it is
   forced, with a reason.
2. The order is signed and logged: from here on nobody opens the version.
3. Every key service that ever wrapped its key destroys the named key.
4. The one in use is asked for the data key, by every wrapping that was ever told: it must refuse.
5. What the services answered is signed and logged.

Killed anywhere after 2, the version does not open, and running it again ends it.
"""

from __future__ import annotations

from dataclasses import replace

from strongroom.domain.decision import Stage
from strongroom.domain.errors import (
    DeniedError,
    InputError,
    IntegrityError,
    KeyAbsentError,
    KeyAccessError,
)
from strongroom.domain.statement import Subject
from strongroom.home.home import Home
from strongroom.home.locks import held
from strongroom.home.sealed_keys import SealedKeys
from strongroom.home.wrappings import DESTROYED, ORDERED, Shredding, Wrapping
from strongroom.keys.key_service import Destruction
from strongroom.keys.kms import same
from strongroom.keys.trust import Role
from strongroom.registry import reading
from strongroom.registry.rotation import LOCK
from strongroom.registry.statements import Seal


def shred(
    home: Home,
    seal: Seal,
    *,
    by: str,
    reason: str,
    force: bool = False,
    passphrase: bytes | None = None,
) -> Shredding:
    """Destroy what opens a version; `by` names the key that signs. Told twice, it is done once.

    Raises DeniedError, TrustError (no role to shred this system), InputError (no reason),
    KeyAccessError when a key service does not serve: run it again then.
    """
    if not reason.strip():
        raise InputError("a shredding without a reason", fix="say in --reason why it must go")
    public = home.signer(by, passphrase).public
    with held(home.folder / LOCK):
        said = SealedKeys(home).shredding(seal.wrapping)
        if said is not None and said.action == DESTROYED:
            return said
        now = home.clock()
        home.trust.admit(public.key_id, Role.SHRED, scope=seal.system, at=now, where=by)
        if said is None:
            if not force:
                _check_idle(home, seal)
            files = tuple(Subject(f.path, f.digest) for f in seal.files)
            said = Shredding(seal.system, seal.version, ORDERED, by, reason.strip(), files, (), now)
            home.record(said.to_statement(), by, passphrase=passphrase)
        answers = _destroy(home, seal)
        done = replace(said, action=DESTROYED, by=by, answers=answers, at=home.clock())
        home.record(done.to_statement(), by, passphrase=passphrase)
        return done


def _check_idle(home: Home, seal: Seal) -> None:
    standing = reading.current(home, seal.system, Stage.PRODUCTION)
    if standing is not None and standing.version == seal.version:
        raise DeniedError(
            f"{seal.version.short} stands in production",
            where=seal.system,
            fix="roll back or promote another version first; or --force, with the reason",
        )


def _destroy(home: Home, seal: Seal) -> tuple[tuple[str, Destruction], ...]:
    wrappings = SealedKeys(home).all_of(seal.wrapping)
    answers: list[tuple[str, Destruction]] = []
    for uri in dict.fromkeys(w.kms for w in wrappings):
        if any(same(uri, known) for known, _ in answers):
            continue
        answers.append((uri, _destroy_in(home, uri, seal.wrapping.key)))
    for wrapping in wrappings:
        _check_gone(home, wrapping)
    return tuple(answers)


def _destroy_in(home: Home, uri: str, key: str) -> Destruction:
    """In the home's own service the key must be there, or be known as destroyed."""
    service = home.kms_at(uri)
    try:
        return service.destroy(key)
    except KeyAbsentError:
        if service is home.kms:
            raise
        return Destruction(key, final=True, answer="no such key there any more")


def _check_gone(home: Home, wrapping: Wrapping) -> None:
    """Nothing that was ever wrapped may still be given."""
    try:
        home.kms_at(wrapping.kms).unwrap(wrapping.wrapped, wrapping.context)
    except (KeyAccessError, IntegrityError):
        return
    raise IntegrityError(
        "the key service still gives the key that it says it destroyed",
        where=wrapping.kms,
        fix="find out why, and run `strongroom shred` again",
    )
