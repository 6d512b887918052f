"""The mirror: advisories in one file, and a signed statement of what they are and of when.

    MIRROR/advisories.jsonl      one advisory a line, sorted by id, canonical JSON
    MIRROR/mirror.dsse.json      in-toto statement: digest of that file, date, source, counts

Nothing is read from it before signature, digest and date were checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from strongroom.assess.advisories.osv import Advisory, Document
from strongroom.domain.canonical import canonical, format_time, parse_time
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, IntegrityError, LimitError, TrustError
from strongroom.domain.statement import Statement, Subject
from strongroom.keys.dsse import MAX_ENVELOPE, Envelope, sign
from strongroom.keys.keypair import Signer
from strongroom.keys.trust import ADVISORIES_TYPE, Role, TrustPolicy
from strongroom.storage.files import told, write_file

DATA: Final = "advisories.jsonl"
HEAD: Final = "mirror.dsse.json"
SCOPE: Final = "advisories"
"""What the trust policy's scopes name it."""
MAX_AGE: Final = timedelta(days=7)
SKEW: Final = timedelta(minutes=5)
"""A clock elsewhere may be ahead of ours by so much."""
MAX_BYTES: Final = 1 << 30
MAX_LINE: Final = 8 * 2**20


@dataclass(frozen=True, slots=True)
class About:
    """What the signed statement says."""

    as_of: datetime
    """The mirror holds what was published up to then."""
    source: str
    advisories: int
    newest: str
    """When the advisory that changed last was changed, as the source says."""
    digest: Digest
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror that was checked."""

    about: About
    data: bytes

    def concerning(self, packages: Iterable[str]) -> tuple[Advisory, ...]:
        """Every advisory about one of these packages (normalised names)."""
        wanted = frozenset(packages)
        marks = [json.dumps(name).encode() for name in wanted]
        found = []
        for line in self.data.splitlines():
            if any(mark in line for mark in marks):
                advisory = Advisory(json.loads(line))
                if advisory.packages & wanted:
                    found.append(advisory)
        return tuple(found)


def write_mirror(
    folder: Path, documents: Iterable[Document], *, source: str, as_of: datetime, signer: Signer
) -> int:
    """Write and sign a mirror; how many advisories it holds. Raises InputError when there is none.

    The data goes first: a reader that comes in between finds a digest that does not fit, and stops.
    """
    by_id = {document["id"]: document for document in documents}
    if not by_id:
        raise InputError("no advisory about a package of PyPI", where=source)
    lines = [canonical(by_id[name]) for name in sorted(by_id)]
    data = b"\n".join(lines) + b"\n"
    predicate = {
        "system": SCOPE,
        "ecosystem": "PyPI",
        "as_of": format_time(as_of),
        "source": source[:300],
        "advisories": len(lines),
        "newest": max(str(d["modified"]) for d in by_id.values()),
    }
    statement = Statement(ADVISORIES_TYPE, (Subject(DATA, sha256(data)),), predicate)
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / DATA, data)
    write_file(folder / HEAD, sign(statement, signer).to_bytes())
    return len(lines)


def open_mirror(
    folder: Path, trust: TrustPolicy, *, now: datetime, max_age: timedelta = MAX_AGE
) -> Mirror:
    """Read a mirror, if it is signed, whole and young enough.

    Raises TrustError (signer, age), IntegrityError (bytes), InputError (no mirror).
    """
    about = read_about(folder, trust, now=now)
    check_age(about, now, max_age, where=folder)
    return Mirror(about, read_data(folder, about))


def check_age(
    about: About, now: datetime, max_age: timedelta = MAX_AGE, *, where: Path | None = None
) -> None:
    """Raises TrustError for a mirror that is too old, or from the future."""
    if about.as_of > now + SKEW:
        raise TrustError(f"dated {format_time(about.as_of)}, which is to come", where=str(where))
    if now - about.as_of > max_age:
        raise TrustError(
            f"of {format_time(about.as_of)}: older than {max_age.days} days",
            where=str(where),
            fix="strongroom advisories sync, or allow more with --max-age DAYS",
        )


def read_data(folder: Path, about: About) -> bytes:
    """The advisories. Raises IntegrityError for others than those that were signed."""
    data = _read(folder / DATA, MAX_BYTES)
    if hashlib.sha256(data).hexdigest() != about.digest.hex:
        raise IntegrityError("not the advisories that were signed", where=str(folder / DATA))
    return data


def read_about(folder: Path, trust: TrustPolicy, *, now: datetime) -> About:
    """What the signed statement says; neither age nor data is judged."""
    where = str(folder / HEAD)
    envelope = Envelope.from_bytes(_read(folder / HEAD, MAX_ENVELOPE), where=where)
    vouched = trust.verify(envelope, Role.EVIDENCE, scope=SCOPE, at=now, where=where)
    said = vouched.statement
    if said.predicate_type != ADVISORIES_TYPE or len(said.subjects) != 1:
        raise TrustError("signed, but as something else than advisories", where=where)
    try:
        return _about(said.predicate, said.subjects[0].digest, vouched.signers)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"a statement of another shape: {error!r}", where=where) from error


def _about(said: Any, digest: Digest, signers: tuple[str, ...]) -> About:
    source, newest = str(said["source"]), str(said["newest"])
    as_of = parse_time(said["as_of"])
    return About(as_of, source, int(said["advisories"]), newest, digest, signers)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise InputError(
            "no mirror of advisories", where=str(path), fix="strongroom advisories sync"
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > limit:
        raise LimitError(f"more than {limit} bytes", where=str(path))
    return data
