"""Who may sign what, and until when: the trust policy, and the judgement of an envelope by it.

The policy is a file (`trust.json`) that the verifier holds; nothing that is judged by it can change
it. Time is an argument: a signature is judged as of `at`, which must come from a record that the
signer cannot date back, as the ledger is, and never from what was signed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from strongroom.domain.canonical import canonical, format_time, parse_json, parse_time
from strongroom.domain.decision import APPROVAL_TYPE, DECISION_TYPE, WAIVER_TYPE
from strongroom.domain.errors import InputError, IntegrityError, TrustError
from strongroom.domain.evidence import EVIDENCE_TYPE, CheckId
from strongroom.domain.predicates import (
    CYCLONEDX_TYPE,
    FAILED_RUN_TYPE,
    SLSA_TYPE,
    SPDX_TYPE,
    system_in,
)
from strongroom.domain.statement import PAYLOAD_TYPE, Statement
from strongroom.keys.dsse import Envelope, pae
from strongroom.keys.keypair import PublicKey

SEAL_TYPE: Final = "urn:strongroom:seal:v1"
PROMOTION_TYPE: Final = "urn:strongroom:promotion:v1"
BUNDLE_TYPE: Final = "urn:strongroom:bundle:v1"
ADVISORIES_TYPE: Final = "urn:strongroom:advisories:v1"
"""A mirror of advisories: evidence from outside, so it takes the role that signs evidence."""
ARTIFACTS_TYPE: Final = "urn:strongroom:artifacts:v1"
"""All files of an artifact root, as of one change."""
DATA_TYPE: Final = "urn:strongroom:sealed-data:v1"
"""A data set in a sealed file."""
REWRAP_TYPE: Final = "urn:strongroom:rewrap:v1"
ROTATION_TYPE: Final = "urn:strongroom:rotation:v1"
KEY_USE_TYPE: Final = "urn:strongroom:key-use:v1"
SHRED_TYPE: Final = "urn:strongroom:shred:v1"
ACCESS_TYPE: Final = "urn:strongroom:access:v1"
"""The access policy that is in force from then on."""
ACT_TYPE: Final = "urn:strongroom:act:v1"
"""Somebody did what the access policy allows; signed by their own key."""
REFUSAL_TYPE: Final = "urn:strongroom:refusal:v1"
"""Somebody was refused; signed by the house, which does not need their help for that."""
GUARD_LOG_TYPE: Final = "urn:strongroom:guard-log:v1"
"""Lines of the guard's log of decisions."""
GUARD_POLICY_TYPE: Final = "urn:strongroom:guard-policy:v1"
"""A policy that the guard may enforce."""
MODEL_TYPE: Final = "https://model_signing/signature/v1.0"
"""Of OpenSSF Model Signing: `keys/oms.py`."""
MAX_KEYS: Final = 1000
MAX_FILE: Final = 1024 * 1024
VERSION: Final = 1
_POLICY_FIELDS: Final = frozenset({"version", "keys"})
_KEY_FIELDS: Final = frozenset(
    {"name", "key", "roles", "scopes", "valid_from", "valid_until", "revoked_at"}
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")
_SCOPE: Final = re.compile(r"[A-Za-z0-9._/*?-]{1,128}\Z")


class Role(StrEnum):
    """What a signature is for."""

    EVIDENCE = "evidence"
    DECISION = "decision"
    APPROVAL = "approval"
    WAIVER = "waiver"
    SEAL = "seal"
    PROMOTION = "promotion"
    CHECKPOINT = "checkpoint"
    BUNDLE = "bundle"
    PROVENANCE = "provenance"
    MATERIALS = "materials"
    MODEL = "model"
    SHRED = "shred"
    ACT = "act"
    GUARD_LOG = "guard-log"
    GUARD_POLICY = "guard-policy"


ROLE_OF: Final = {
    EVIDENCE_TYPE: Role.EVIDENCE,
    ADVISORIES_TYPE: Role.EVIDENCE,
    DECISION_TYPE: Role.DECISION,
    APPROVAL_TYPE: Role.APPROVAL,
    WAIVER_TYPE: Role.WAIVER,
    SEAL_TYPE: Role.SEAL,
    PROMOTION_TYPE: Role.PROMOTION,
    BUNDLE_TYPE: Role.BUNDLE,
    SLSA_TYPE: Role.PROVENANCE,
    FAILED_RUN_TYPE: Role.PROVENANCE,
    CYCLONEDX_TYPE: Role.MATERIALS,
    SPDX_TYPE: Role.MATERIALS,
    MODEL_TYPE: Role.MODEL,
    ARTIFACTS_TYPE: Role.SEAL,
    DATA_TYPE: Role.SEAL,
    REWRAP_TYPE: Role.SEAL,
    ROTATION_TYPE: Role.SEAL,
    KEY_USE_TYPE: Role.SEAL,
    SHRED_TYPE: Role.SHRED,
    ACCESS_TYPE: Role.ACT,
    ACT_TYPE: Role.ACT,
    REFUSAL_TYPE: Role.DECISION,
    GUARD_LOG_TYPE: Role.GUARD_LOG,
    GUARD_POLICY_TYPE: Role.GUARD_POLICY,
}
"""The role that signing a statement of each predicate type takes."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key, whose it is, and what its signature counts for."""

    name: str
    """The holder: `alice`, `assessor`. One holder may have several keys, one after the other."""
    key: PublicKey
    roles: tuple[Role, ...]
    scopes: tuple[str, ...]
    """Patterns with `*` and `?`: of check names for evidence, of system names for all else."""
    valid_from: datetime
    valid_until: datetime
    """The first moment at which it is no longer good."""
    revoked_at: datetime | None = None
    """Signatures of this moment and later do not count; earlier ones stand."""

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise InputError(f"not a name for a key: {self.name!r}", fix="like alice or gate")
        if not self.roles or len(set(self.roles)) != len(self.roles):
            raise InputError(f"{self.name}: list each role once, and at least one")
        if not self.scopes or not all(_SCOPE.match(s) for s in self.scopes):
            raise InputError(f"{self.name}: not a scope", fix='like "*" or "privacy.*"')
        for at in (self.valid_from, self.valid_until, self.revoked_at):
            if at is not None:
                format_time(at)  # refuses a time without a zone
        if self.valid_from >= self.valid_until:
            raise InputError(f"{self.name}: valid_until is not after valid_from")

    def objection(self, role: Role, scope: str, at: datetime) -> str | None:
        """Why this key's signature of that time does not count, or None if it does."""
        if role not in self.roles:
            return f"{self.name} may not sign {role}, only {', '.join(self.roles)}"
        if not any(fnmatchcase(scope, pattern) for pattern in self.scopes):
            return f"{self.name} may not sign {role} of {scope}, only of {', '.join(self.scopes)}"
        if at < self.valid_from:
            return f"{self.name}'s key was not valid before {format_time(self.valid_from)}"
        if at >= self.valid_until:
            return f"{self.name}'s key expired at {format_time(self.valid_until)}"
        if self.revoked_at is not None and at >= self.revoked_at:
            return f"{self.name}'s key was revoked at {format_time(self.revoked_at)}"
        return None


@dataclass(frozen=True, slots=True)
class Vouched:
    """A statement, and the holders whose signatures on it count."""

    statement: Statement
    signers: tuple[str, ...]
    """Names, each once: two keys of one holder are one signer."""


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """All the keys that count for anything."""

    keys: tuple[TrustedKey, ...]

    def __post_init__(self) -> None:
        if len(self.keys) > MAX_KEYS:
            raise InputError(f"{len(self.keys)} keys, {MAX_KEYS} allowed")
        holders: dict[str, str] = {}
        for trusted in self.keys:
            if trusted.key.key_id in holders:
                # Two names for one key would let one person be four eyes.
                other = holders[trusted.key.key_id]
                raise InputError(f"{other} and {trusted.name} are listed with the same key")
            holders[trusted.key.key_id] = trusted.name

    def verify(
        self, envelope: Envelope, role: Role, *, scope: str, at: datetime, where: str = "envelope"
    ) -> Vouched:
        """Who vouches for the statement in the envelope, if every signature on it counts.

        1. each signature is by a key that we know, and is over these bytes;
        2. the bytes are one canonical in-toto statement, of the role and scope asked for;
        3. each key might sign that, at that time.

        `scope` is a check's name (without version) for evidence, else a system's name; `at` is when
        it was signed, by a record that the signer cannot date back. Raises IntegrityError when the
        bytes are not what was signed, TrustError when a signature does not count.
        """
        message = pae(envelope.payload_type, envelope.payload)
        for signature in envelope.signatures:
            trusted = self._known(signature.key_id, where)
            if not trusted.key.verify(message, signature.value):
                raise IntegrityError(f"not what {trusted.name} signed", where=where)
        statement = _statement(envelope, where)
        _check_subject(statement, role, scope, where)
        signers = (
            self.admit(s.key_id, role, scope=scope, at=at, where=where).name
            for s in envelope.signatures
        )
        return Vouched(statement, tuple(dict.fromkeys(signers)))

    def admit(
        self, key_id: str, role: Role, *, scope: str, at: datetime, where: str = "signature"
    ) -> TrustedKey:
        """The key of that id, if its signature of that time counts. Raises TrustError if not."""
        trusted = self._known(key_id, where)
        format_time(at)  # refuses a time without a zone
        objection = trusted.objection(role, scope, at)
        if objection is not None:
            raise TrustError(objection, where=where)
        return trusted

    def admitted(self, role: Role, *, scope: str, at: datetime) -> tuple[TrustedKey, ...]:
        """All keys whose signature of that time would count: for notes, which name no key id."""
        format_time(at)
        return tuple(k for k in self.keys if k.objection(role, scope, at) is None)

    def with_key(self, trusted: TrustedKey) -> TrustPolicy:
        """The policy with one more key. Raises InputError when the key is listed already."""
        return TrustPolicy((*self.keys, trusted))

    def revoke(self, name: str, at: datetime) -> TrustPolicy:
        """The policy with all keys of a holder revoked from `at` on; never later than before.

        Raises TrustError when there is no such holder.
        """
        if name not in {k.name for k in self.keys}:
            raise TrustError(f"no key of {name} in the trust policy", fix="list them: keys list")
        return TrustPolicy(
            tuple(
                replace(k, revoked_at=min(at, k.revoked_at or at)) if k.name == name else k
                for k in self.keys
            )
        )

    def to_bytes(self) -> bytes:
        """The policy as canonical JSON."""
        return canonical({"version": VERSION, "keys": [_plain(k) for k in self.keys]})

    @classmethod
    def parse(cls, data: bytes, *, where: str = "trust.json") -> TrustPolicy:
        """Read the file, in any spacing and order of fields. Raises InputError."""
        try:
            raw = _fields(parse_json(data, where=where, limit=MAX_FILE), _POLICY_FIELDS)
            _check_version(raw["version"])
            return cls(tuple(_trusted(item) for item in _list(raw["keys"])))
        except InputError as error:
            raise type(error)(error.what, where=where, fix=error.fix) from error

    def _known(self, key_id: str, where: str) -> TrustedKey:
        for trusted in self.keys:
            if trusted.key.key_id == key_id:
                return trusted
        raise TrustError(
            f"signed by a key that the trust policy does not know: {key_id}", where=where
        )


def scope_of(statement: Statement) -> str:
    """What a statement is about, as scopes name it. Raises InputError when it does not say."""
    kind, predicate = statement.predicate_type, statement.predicate
    field = "check" if kind == EVIDENCE_TYPE else "system"
    said = predicate.get(field) if field == "check" else system_in(kind, predicate)
    if not isinstance(said, str):
        raise InputError(f"{kind} that names no {field}")
    return CheckId.parse(said).name if field == "check" else said


def _statement(envelope: Envelope, where: str) -> Statement:
    """The signed statement; only canonical bytes, so that its digest names what was signed."""
    if envelope.payload_type != PAYLOAD_TYPE:
        raise TrustError(f"signed as {envelope.payload_type}, not as a statement", where=where)
    statement = Statement.parse(envelope.payload, where=where)
    if statement.payload() != envelope.payload:
        raise InputError("the statement was signed in a form that is not canonical", where=where)
    return statement


def _check_subject(statement: Statement, role: Role, scope: str, where: str) -> None:
    if ROLE_OF.get(statement.predicate_type) is not role:
        raise TrustError(f"expected signed {role}, found {statement.predicate_type}", where=where)
    if scope_of(statement) != scope:
        raise TrustError(f"{role} about {scope_of(statement)}, not about {scope}", where=where)


def _check_version(said: object) -> None:
    if type(said) is not int or said != VERSION:  # True == 1, and is no version
        raise InputError(f"trust policy of version {said!r:.20}, this reads {VERSION}")


def _plain(trusted: TrustedKey) -> dict[str, Any]:
    return {
        "name": trusted.name,
        "key": base64.b64encode(trusted.key.der).decode("ascii"),
        "roles": [role.value for role in trusted.roles],
        "scopes": list(trusted.scopes),
        "valid_from": format_time(trusted.valid_from),
        "valid_until": format_time(trusted.valid_until),
        "revoked_at": format_time(trusted.revoked_at) if trusted.revoked_at else None,
    }


def _trusted(raw: object) -> TrustedKey:
    given = _fields(raw, _KEY_FIELDS)
    revoked_at = given["revoked_at"]
    return TrustedKey(
        _text(given["name"]),
        _public_key(_text(given["key"])),
        tuple(_role(_text(role)) for role in _list(given["roles"])),
        tuple(_text(scope) for scope in _list(given["scopes"])),
        parse_time(_text(given["valid_from"])),
        parse_time(_text(given["valid_until"])),
        None if revoked_at is None else parse_time(_text(revoked_at)),
    )


def _public_key(text: str) -> PublicKey:
    try:
        return PublicKey.from_der(base64.b64decode(text.encode("ascii"), validate=True))
    except ValueError as error:
        raise InputError("a public key is base64 of its SubjectPublicKeyInfo") from error


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise InputError(f"no such role: {text[:80]!r}", fix=", ".join(Role)) from error


def _fields(raw: object, names: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise InputError("expected an object")
    if strange := sorted(set(raw) ^ names):
        known = "missing" if strange[0] in names else "unknown"
        raise InputError(
            f"{known} field {strange[0][:80]!r}", fix=f"exactly {', '.join(sorted(names))}"
        )
    return raw


def _list(raw: object) -> list[object]:
    if not isinstance(raw, list):
        raise InputError("expected a list")
    return raw


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise InputError(f"expected text, found {type(raw).__name__}")
    return raw
