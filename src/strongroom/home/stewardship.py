"""How the trust policy changes: every change is a signed statement in the ledger.

A change is stored and logged first and put in force after that. Opening a home compares the policy
in force with the one that was logged last: an older one is a change that a crash cut short, and is
brought up; any other was written by somebody else, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from strongroom.domain.canonical import plain
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import IntegrityError, TrustError
from strongroom.domain.statement import Statement, Subject
from strongroom.home.keyring import POLICY, Keyring
from strongroom.home.locks import held
from strongroom.home.making import VALIDITY
from strongroom.home.record import Record
from strongroom.keys.dsse import pae
from strongroom.keys.keypair import generate
from strongroom.keys.trust import TrustedKey, TrustPolicy
from strongroom.storage.objects import Objects, read

KEY_EVENT_TYPE: Final = "urn:strongroom:key-event:v1"
OVERLAP: Final = timedelta(minutes=5)
"""For processes that had the old key open when it was replaced, and end what they were at."""
SIGNED_BY: Final = "ledger"
"""The one key that every opening unlocks, so that nothing unsigned passes as a change."""


class Stewardship:
    """Changes the trust policy of one home."""

    def __init__(
        self,
        keyring: Keyring,
        objects: Objects,
        lock: Path,
        *,
        log: Callable[[Statement], Record],
        logged: Callable[[], Iterator[Record]],
    ) -> None:
        """`log` signs and records a statement; `logged` yields key events, newest first."""
        self._keyring = keyring
        self._objects = objects
        self._lock = lock
        self._log = log
        self._logged = logged

    def add(self, make: Callable[[TrustPolicy], TrustedKey], now: datetime) -> TrustedKey:
        """Trust one more key, made with the policy in sight. Raises InputError for a known key."""
        with held(self._lock):
            before = self._keyring.policy
            key = make(before)
            self._change("add", before.with_key(key), [key], now)
        return key

    def revoke(self, name: str, at: datetime, now: datetime) -> None:
        """Revoke all keys of a holder from `at` on. Raises TrustError for an unknown name."""
        with held(self._lock):
            policy = self._keyring.policy.revoke(name, at)
            self._change("revoke", policy, [k for k in policy.keys if k.name == name], now)

    def rotate(self, name: str, now: datetime) -> TrustedKey:
        """Give a service another key; what the old one signs is good for `OVERLAP` more.

        The new private key lies beside the old one until the policy knows it: killed in between,
        the next opening ends it or takes it back. Raises TrustError for a name without a key.
        """
        with held(self._lock):
            policy = self._keyring.policy
            old = _in_use(policy, name, now)
            pair = generate()
            self._keyring.save_next(name, pair)
            new = replace(old, key=pair.public, valid_from=now, valid_until=now + VALIDITY)
            last = replace(old, valid_until=min(old.valid_until, now + OVERLAP))
            kept = tuple(last if key is old else key for key in policy.keys)
            self._change("rotate", TrustPolicy((*kept, new)), [last, new], now)
            self._keyring.settle_next(self._keyring.policy)
        return new

    def extend(self, name: str, until: datetime, now: datetime) -> TrustedKey:
        """Let a key sign for longer. Raises TrustError for a name without a key in use."""
        with held(self._lock):
            policy = self._keyring.policy
            old = _in_use(policy, name, now)
            new = replace(old, valid_until=max(old.valid_until, until))
            kept = tuple(new if key is old else key for key in policy.keys)
            self._change("extend", TrustPolicy(kept), [new], now)
        return new

    def settle(self, now: datetime) -> None:
        """Log a policy that is new; end a change that was cut short; refuse any other."""
        with held(self._lock):
            self._settle(now)
            self._keyring.settle_next(self._keyring.policy)

    def _settle(self, now: datetime) -> None:
        newest = next(events := self._logged(), None)
        found = self._keyring.policy_bytes
        if newest is None:
            policy = self._keyring.policy
            self._change("create", policy, policy.keys, now)
            return
        self._check_signature(newest)
        wanted = _policy_of(newest)
        if found is not None and sha256(found) == wanted:
            return
        if found is not None and sha256(found) not in {_policy_of(e) for e in events}:
            raise IntegrityError(
                "the trust policy is not the one that was logged last",
                where=POLICY,
                fix="restore it from a backup; change it by `strongroom keys` only",
            )
        self._keyring.write_policy(read(self._objects, wanted, where=POLICY))

    def _check_signature(self, event: Record) -> None:
        """By our own key, and not by what the policy says: the policy is what is in question."""
        ours = self._keyring.signer(SIGNED_BY).public
        message = pae(event.envelope.payload_type, event.envelope.payload)
        if not any(ours.verify(message, s.value) for s in event.envelope.signatures):
            raise IntegrityError(
                "the last change of the trust policy is not signed by this home's ledger key",
                where=f"record {event.digest.short}",
            )

    def _change(
        self, action: str, policy: TrustPolicy, keys: Sequence[TrustedKey], now: datetime
    ) -> None:
        data = policy.to_bytes()
        self._objects.put([data])
        self._log(key_event(action, keys, sha256(data), now))
        self._keyring.write_policy(data)


def _in_use(policy: TrustPolicy, name: str, now: datetime) -> TrustedKey:
    for key in reversed(policy.keys):
        if key.name == name and key.revoked_at is None and key.valid_until > now:
            return key
    raise TrustError(f"no key of {name} is in use", fix="list them: strongroom keys list")


def key_event(action: str, keys: Sequence[TrustedKey], policy: Digest, at: datetime) -> Statement:
    """`create`, `add`, `revoke`, `rotate` or `extend`, said about the policy that results."""
    return Statement(
        KEY_EVENT_TYPE,
        (Subject(POLICY, policy),),
        {
            "action": action,
            "name": ", ".join(k.name for k in keys),
            "keys": [
                {"name": k.name, "key": k.key.key_id, "roles": [role.value for role in k.roles]}
                for k in keys
            ],
            "at": plain(at),
        },
    )


def _policy_of(event: Record) -> Digest:
    return event.statement.subjects[0].digest
