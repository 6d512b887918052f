"""Signed policies: who vouches for one, which revision it is, and that none older comes back.

A policy's signature lies beside it, `policy.yaml.dsse`: a statement by a key with the role
`guard-policy`, about the file's very bytes, its name and its revision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import ConflictError, InputError, IntegrityError, TrustError
from strongroom.domain.statement import Statement, Subject
from strongroom.governance.strict_yaml import MAX_BYTES
from strongroom.guard.policy import Policy, read_policy
from strongroom.keys.dsse import Envelope, sign
from strongroom.keys.trust import GUARD_POLICY_TYPE, Role, TrustPolicy
from strongroom.storage.files import told, write_file

if TYPE_CHECKING:  # it is given; its database would be loaded with it
    from strongroom.home.home import Home

SUFFIX: Final = ".dsse"
MAX_SIGNED: Final = 64 * 1024
MAX_STATE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Signed:
    """A policy, and who vouches for it."""

    policy: Policy
    revision: int
    file: Digest
    """Of its bytes."""
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vouching:
    """Says whether a gateway may load a policy: signed by somebody trusted, and none older.

    The newest revision of each name that was loaded is kept in a file, so that an old policy with
    its old and good signature is refused after a restart too.
    """

    trust: TrustPolicy
    state: Path
    now: Callable[[], datetime]

    def __call__(self, path: Path, data: bytes) -> None:
        """Raises TrustError, IntegrityError or InputError for a policy that may not be loaded."""
        signed = verify_policy(path, data, self.trust, self.now())
        known = _state(self.state)
        name = signed.policy.file.name
        last = known.get(name)
        if last is not None:
            _not_older(signed, int(last["revision"]), str(last["file"]), str(path))
        known[name] = {"revision": signed.revision, "file": str(signed.file)}
        write_file(self.state, canonical({"version": 1, "policies": known}), mode=0o600)


def read_file(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file of at most that size. Raises InputError, StoreError."""
    with told(path), path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"is larger than {limit} bytes", where=str(path))
    return data


def sign_policy(home: Home, path: Path, signer: str, passphrase: bytes | None) -> Signed:
    """Sign a policy, record that, and write the signature beside it.

    Raises ConflictError for a revision that is not newer than the last one recorded.
    """
    data = read_file(path)
    policy = read_policy(data, where=str(path))
    revision = _revision(policy, str(path))
    signed = Signed(policy, revision, sha256(data), (signer,))
    for record in home.records(GUARD_POLICY_TYPE, system=policy.file.name):
        _, last = _said(record.statement)
        if revision <= last and record.statement.subjects[0].digest != signed.file:
            raise ConflictError(
                f"revision {revision} of {policy.file.name} is not newer than {last}",
                where=str(path),
                fix=f"write `revision: {last + 1}`",
            )
        break
    envelope = sign(_statement(signed), home.signer(signer, passphrase))
    home.trust.verify(
        envelope, Role.GUARD_POLICY, scope=policy.file.name, at=home.clock(), where=signer
    )
    home.record_envelope(envelope)
    write_file(_beside(path), envelope.to_bytes())
    return signed


def verify_policy(path: Path, data: bytes, trust: TrustPolicy, at: datetime) -> Signed:
    """Who vouches for a policy now.

    Raises TrustError where nobody does, IntegrityError where it is not what was signed.
    """
    where = str(path)
    beside = _beside(path)
    if not beside.exists():
        raise TrustError("is not signed", where=where, fix=f"strongroom guard policy sign {path}")
    envelope = Envelope.from_bytes(read_file(beside, MAX_SIGNED), where=str(beside))
    policy = read_policy(data, where=where)
    vouched = trust.verify(
        envelope, Role.GUARD_POLICY, scope=policy.file.name, at=at, where=str(beside)
    )
    file, revision = _said(vouched.statement)
    if file != sha256(data):
        raise IntegrityError("is not the file that was signed", where=where)
    if revision != _revision(policy, where):
        raise IntegrityError(f"was signed as revision {revision}", where=where)
    return Signed(policy, revision, file, vouched.signers)


def _statement(signed: Signed) -> Statement:
    name = signed.policy.file.name
    predicate = {
        "system": name,
        "name": f"revision {signed.revision}",
        "revision": signed.revision,
        "level": signed.policy.file.level.value,
        "policy": str(signed.policy.digest),
    }
    return Statement(GUARD_POLICY_TYPE, (Subject(name, signed.file),), predicate)


def _said(statement: Statement) -> tuple[Digest, int]:
    try:
        (subject,) = statement.subjects
        revision = int(statement.predicate["revision"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"no signed policy: {error!r}") from error
    return subject.digest, revision


def _revision(policy: Policy, where: str) -> int:
    if policy.file.revision is None:
        raise InputError(
            "a signed policy has a revision", where=where, fix="write `revision: 1`, then count up"
        )
    return policy.file.revision


def _not_older(signed: Signed, last: int, file: str, where: str) -> None:
    if signed.revision < last:
        raise TrustError(f"is revision {signed.revision}, {last} was in force", where=where)
    if signed.revision == last and str(signed.file) != file:
        raise TrustError(
            f"is another revision {last} than the one that was in force",
            where=where,
            fix="give each change a revision of its own",
        )


def _state(path: Path) -> dict[str, Any]:
    """What was loaded so far. Raises InputError for a file that was damaged: nobody knows then."""
    if not path.exists():
        return {}
    raw = parse_json(read_file(path, MAX_STATE), where=str(path))
    try:
        known = {
            str(name): {"revision": int(one["revision"]), "file": str(one["file"])}
            for name, one in raw["policies"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError("is damaged", where=str(path)) from error
    return known


def _beside(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)
