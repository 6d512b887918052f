"""The data keys of sealed versions: which wrapping is in force, and who asked for the key.

A seal is in the ledger for ever, and the wrapped key with it. A key that is wrapped anew is told
in a further statement, and the newest by the home's key service is the one that opens. Each use is
told in the ledger before the key is given: no line, no key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from strongroom.domain.errors import KeyAccessError, StrongroomError, TrustError
from strongroom.domain.statement import Statement
from strongroom.home.home import Home
from strongroom.home.key_uses import caller
from strongroom.home.wrappings import DESTROYED, Shredding, Wrapping, use_of
from strongroom.keys.kms import same
from strongroom.keys.trust import REWRAP_TYPE, ROLE_OF, SHRED_TYPE

SIGNER: Final = "registry"
"""The service key that signs what is said of data keys; a shredding is signed by a person."""


class SealedKeys:
    """Of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def open(self, sealed: Wrapping, purpose: str) -> bytes:
        """The data key of a version, given the wrapping that its seal holds; told in the ledger.

        Raises KeyAccessError when it was shredded, was wrapped by another key service, or cannot
        be had; IntegrityError when it was wrapped for something else.
        """
        gone = self.shredding(sealed)
        if gone is not None:
            raise KeyAccessError(
                gone.words,
                where=sealed.system,
                fix=None if gone.action == DESTROYED else "run `strongroom shred` again to end it",
            )
        newest = self.in_force(sealed)
        self._tell(newest, purpose)
        try:
            return self._home.kms.unwrap(newest.wrapped, newest.context)
        except KeyAccessError as error:
            last = self.all_of(sealed)[0]
            if last == newest:
                raise
            raise _elsewhere(last, self._home.kms.uri) from error

    def in_force(self, sealed: Wrapping) -> Wrapping:
        """The newest wrapping by the home's key service. Raises KeyAccessError when none is."""
        mine = self._home.kms.uri
        everywhere = self.all_of(sealed)
        for wrapping in everywhere:
            if same(wrapping.kms, mine):
                return wrapping
        raise _elsewhere(everywhere[0], mine)

    def all_of(self, sealed: Wrapping) -> tuple[Wrapping, ...]:
        """Every wrapping of the key, the newest first; the last one is the seal's."""
        later = (Wrapping.from_statement(s) for s in self._said(REWRAP_TYPE, sealed))
        return (*(w for w in later if w.version == sealed.version), sealed)

    def shredding(self, sealed: Wrapping) -> Shredding | None:
        """What was last said of shredding the version."""
        said = (Shredding.from_statement(s) for s in self._said(SHRED_TYPE, sealed))
        return next((s for s in said if s.version == sealed.version), None)

    def replace(self, sealed: Wrapping, wrapped: bytes, kms: str) -> Wrapping:
        """Tell that the key was wrapped anew: from then on this wrapping is in force."""
        made = replace(sealed, wrapped=wrapped, kms=kms, at=self._home.clock())
        self._home.record(made.to_statement(), SIGNER)
        return made

    def _tell(self, wrapping: Wrapping, purpose: str) -> None:
        home, now = self._home, self._home.clock()
        due = home.uses.count(wrapping.key, purpose, now)
        if due is None:
            return
        try:
            home.record(use_of(wrapping, purpose, caller(), due, now), SIGNER)
        except StrongroomError:
            home.uses.forget(wrapping.key, purpose)
            raise

    def _said(self, kind: str, sealed: Wrapping) -> Iterator[Statement]:
        """Statements that name the version's key, newest first, each vouched for and logged.

        What is signed by somebody who may not say it counts for nothing, and stops nobody.
        """
        home, role = self._home, ROLE_OF[kind]
        for record in home.records(kind, system=sealed.system, naming=sealed.key):
            home.check_logged(record)
            with contextlib.suppress(TrustError):
                yield home.trust.verify(
                    record.envelope, role, scope=sealed.system, at=record.recorded_at
                ).statement


def _elsewhere(wrapping: Wrapping, mine: str) -> KeyAccessError:
    return KeyAccessError(
        f"the key of {wrapping.version.short} is in {wrapping.kms}, and not in this home's service",
        where=mine,
        fix=f"set STRONGROOM_KMS={wrapping.kms}",
    )
