"""Which records of these integrations count: signed by who may seal, and in the ledger."""

from __future__ import annotations

from strongroom.domain.statement import Statement
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.keys.trust import Role

SIGNER = "registry"
"""The service key that signs what is sealed."""


def vouched(home: Home, record: Record, scope: str) -> Statement:
    """The statement of a record that every signature on it, and the ledger, stand for.

    Raises IntegrityError when it is not what was signed or logged, TrustError when one of its keys
    may not seal for this scope.
    """
    home.check_logged(record)
    return home.trust.verify(
        record.envelope, Role.SEAL, scope=scope, at=record.recorded_at, where=f"seal of {scope}"
    ).statement
