"""Which records of these integrations count: signed by who may seal, and in the ledger."""

from __future__ import annotations

from strongroom.domain.errors import IntegrityError, TrustError
from strongroom.domain.statement import Statement
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.keys.dsse import pae
from strongroom.keys.trust import Role

SIGNER = "registry"
"""The service key that signs what is sealed."""


def vouched(home: Home, record: Record, scope: str) -> Statement:
    """The statement of a record that every signature on it, and the ledger, stand for.

    Raises IntegrityError when it is not what was signed or logged, TrustError when one of its keys
    may not seal for this scope.
    """
    where = f"seal of {scope}"
    home.check_logged(record)
    envelope = record.envelope
    if not envelope.signatures or record.statement.predicate.get("system") != scope:
        raise TrustError("nobody signed it, or it is about something else", where=where)
    message = pae(envelope.payload_type, envelope.payload)
    for signature in envelope.signatures:
        trusted = home.trust.admit(
            signature.key_id, Role.SEAL, scope=scope, at=record.recorded_at, where=where
        )
        if not trusted.key.verify(message, signature.value):
            raise IntegrityError("the seal is not what was signed", where=where)
    return record.statement
