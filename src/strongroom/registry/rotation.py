"""New versions of wrapping keys, and another key service: data keys are wrapped anew.

Nothing that was sealed is touched. For each version, under one lock for the home:

1. the key service makes a new version of the version's key (a move: the new service makes the key);
2. the data key is unwrapped, wrapped anew, and what came of it unwrapped again to compare;
3. that is told in the ledger, durably: from here on the new wrapping is in force;
4. the old versions of the key are retired (a move: the old key is destroyed).

Killed anywhere, the wrapping that is in force opens. An order in the ledger, without its end, says
where to go on.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.domain.canonical import parse_time, plain
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.domain.statement import Statement, Subject
from strongroom.home.home import Home
from strongroom.home.locks import held
from strongroom.home.sealed_keys import SIGNER, SealedKeys
from strongroom.home.wrappings import Wrapping
from strongroom.keys.kms import Kms, same
from strongroom.keys.trust import ROTATION_TYPE, Role
from strongroom.registry import reading

LOCK: Final = "keys.lock"
"""Held while keys change: two rotations at once could retire what the other has just wrapped."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of one version's key."""

    system: str
    version: Digest
    retired: bool
    """Whether what wrapped it before is refused from now on."""


def rotate(home: Home, system: str | None = None) -> Iterator[Rewrapped]:
    """Rotate the wrapping keys of all versions, or a system's; goes on where it was killed.

    Raises KeyAccessError when the key service does not serve: run it again then.
    """
    with held(home.folder / LOCK):
        for name, sealed in _by_system(home, system):
            since = _ordered(home, name)
            for wrapping in sealed:
                yield _rotate(home, wrapping, since)
            _record(home, name, "rotated")


def move(home: Home, target: str, *, keep_old: bool = False) -> Iterator[Rewrapped]:
    """Wrap every version's key by another key service, and destroy the old keys in this one.

    Until all of a system's are moved, the old ones stay and open. Raises InputError for the
    service that the home has already, KeyAccessError.
    """
    if same(target, home.kms.uri):
        raise InputError("the home has this key service already", where=target)
    other = home.kms_at(target)
    with held(home.folder / LOCK):
        for _, sealed in _by_system(home, None):
            for wrapping in sealed:
                _move(home, wrapping, other)
            for wrapping in sealed:
                if not keep_old:
                    home.kms.destroy(wrapping.key)
                yield Rewrapped(wrapping.system, wrapping.version, retired=not keep_old)


def _by_system(home: Home, system: str | None) -> Iterator[tuple[str, Sequence[Wrapping]]]:
    """What is sealed and not shredded, the oldest first."""
    keys, found = SealedKeys(home), reading.versions(home, system)
    if system is not None and not found:
        raise InputError("no version of this system is sealed", where=system)
    for name in sorted({v.seal.system for v in found}):
        all_of = (v.seal.wrapping for v in reversed(found) if v.seal.system == name)
        yield name, [w for w in all_of if keys.shredding(w) is None]


def _rotate(home: Home, sealed: Wrapping, since: datetime) -> Rewrapped:
    keys, kms = SealedKeys(home), home.kms
    newest = keys.in_force(sealed)
    if newest is sealed or newest.at < since:
        kms.rotate(sealed.key)
        newest = _wrap_anew(keys, kms, kms, newest)
    retired = kms.retire(newest.wrapped)
    kms.unwrap(newest.wrapped, newest.context)
    return Rewrapped(sealed.system, sealed.version, retired)


def _move(home: Home, sealed: Wrapping, other: Kms) -> None:
    keys = SealedKeys(home)
    if any(same(w.kms, other.uri) for w in keys.all_of(sealed)):
        return
    _wrap_anew(keys, home.kms, other, keys.in_force(sealed))


def _wrap_anew(keys: SealedKeys, old: Kms, new: Kms, wrapping: Wrapping) -> Wrapping:
    data_key = old.unwrap(wrapping.wrapped, wrapping.context)
    wrapped = new.wrap(data_key, wrapping.context, name=wrapping.key)
    if not hmac.compare_digest(new.unwrap(wrapped, wrapping.context), data_key):
        raise IntegrityError("the key service gave back another key than it took", where=new.uri)
    return keys.replace(wrapping, wrapped, new.uri)


def _ordered(home: Home, system: str) -> datetime:
    """When the rotation that is under way was ordered; orders it when none is."""
    newest = next(home.records(ROTATION_TYPE, system=system), None)
    if newest is not None and newest.statement.predicate.get("action") == "rotate":
        home.check_logged(newest)
        home.trust.verify(newest.envelope, Role.SEAL, scope=system, at=newest.recorded_at)
        return parse_time(str(newest.statement.predicate.get("at")))
    return _record(home, system, "rotate")


def _record(home: Home, system: str, action: str) -> datetime:
    now = home.clock()
    service = Subject("key service", sha256(home.kms.uri.encode()))
    said = {"system": system, "action": action, "kms": home.kms.uri, "at": plain(now)}
    home.record(Statement(ROTATION_TYPE, (service,), said), SIGNER)
    return now
