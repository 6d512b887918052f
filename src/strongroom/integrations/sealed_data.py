"""Data sets as sealed files that DVC, git or any store can carry: `train.csv.sealed`.

    file = "strongroom data" 0x01, length[4, big-endian], DSSE envelope, sealed file

The envelope is the signed statement that names the data by digest and holds its wrapped key; it is
in the home's ledger too. The same data is not sealed twice, so a tool that tells files by their
hash sees a change only where there is one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from strongroom.domain.canonical import plain
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, IntegrityError, LimitError, StrongroomError
from strongroom.domain.statement import Statement, Subject
from strongroom.home.home import Home
from strongroom.integrations.streams import Digesting
from strongroom.integrations.vouching import SIGNER, vouched
from strongroom.keys.dsse import Envelope
from strongroom.keys.sealing import context_of, new_key, open_stream, seal_stream
from strongroom.keys.trust import DATA_TYPE
from strongroom.storage.files import sync_folder, told

SYSTEM: Final = "data"
"""The scope of the seal, and the name that one wrapping key stands for."""
SUFFIX: Final = ".sealed"
MAGIC: Final = b"strongroom data\x01"
MAX_ENVELOPE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """What a sealed file says of itself, once the ledger and the trust policy stand for it."""

    name: str
    digest: Digest
    """Of the plaintext."""
    wrapped_key: bytes

    @property
    def context(self) -> bytes:
        """What key and bytes are bound to."""
        return context_of(data=self.name, digest=str(self.digest))


def seal(home: Home, source: Path, target: Path) -> bool:
    """Seal a file; False when `target` holds the same data already.

    Raises InputError for what is not a file, IntegrityError when it changes meanwhile.
    """
    with told(source):
        if not source.is_file():
            raise InputError("not a regular file", where=str(source))
        with source.open("rb") as file:
            digest = Digest("sha256", hashlib.file_digest(file, "sha256").hexdigest())
    if _is_of(home, target, digest, source.name):
        return False
    key = new_key()
    context = context_of(data=source.name, digest=str(digest))
    name = f"data-{hashlib.sha256(SYSTEM.encode()).hexdigest()[:40]}"
    wrapped = home.kms.wrap(key, context, name=name)
    predicate = {
        "system": SYSTEM,
        "wrapped_key": base64.b64encode(wrapped).decode("ascii"),
        "kms": home.kms.uri,
        "at": home.clock(),
    }
    statement = Statement(DATA_TYPE, (Subject(source.name, digest),), plain(predicate))
    envelope = home.record(statement, SIGNER).envelope.to_bytes()
    with _replacing(target) as out, told(source), source.open("rb") as file:
        out.write(MAGIC + len(envelope).to_bytes(4, "big") + envelope)
        reader = Digesting(file)
        seal_stream(cast("BinaryIO", reader), out, key, context)
        if reader.digest != digest:
            raise IntegrityError("the file changed while it was being sealed", where=str(source))
    return True


def open_to(home: Home, source: Path, target: Path) -> bool:
    """Open a sealed file; False when `target` holds that data already.

    Raises InputError when other data is there, IntegrityError, TrustError, KeyAccessError.
    """
    with told(source), source.open("rb") as file:
        head = _head(home, file, str(source))
        if target.exists():
            with target.open("rb") as there:
                same = hashlib.file_digest(there, "sha256").hexdigest() == head.digest.hex
            if same:
                return False
            raise InputError("other data is there", where=str(target), fix="move it away")
        key = home.kms.unwrap(head.wrapped_key, head.context)
        with _replacing(target) as out:
            plain_out = Digesting(out)
            open_stream(file, cast("BinaryIO", plain_out), key, head.context, where=str(source))
            if plain_out.digest != head.digest:
                raise IntegrityError("not the data that was sealed", where=str(source))
    return True


def _is_of(home: Home, target: Path, digest: Digest, name: str) -> bool:
    """Whether a sealed file of this data is there, whole enough to say so."""
    try:
        with target.open("rb") as file:
            head = _head(home, file, str(target))
            key = home.kms.unwrap(head.wrapped_key, head.context)
            nowhere = Digesting(cast("BinaryIO", _Nowhere()))
            open_stream(file, cast("BinaryIO", nowhere), key, head.context, where=str(target))
    except (OSError, StrongroomError):
        return False  # then it is sealed anew
    return (head.digest, head.name) == (digest, name) and nowhere.digest == digest


def _head(home: Home, file: BinaryIO, where: str) -> Head:
    start = file.read(len(MAGIC) + 4)
    if len(start) != len(MAGIC) + 4 or not start.startswith(MAGIC):
        raise InputError("not sealed data of a version that this reads", where=where)
    length = int.from_bytes(start[len(MAGIC) :], "big")
    if length > MAX_ENVELOPE:
        raise LimitError(f"a seal of {length} bytes, {MAX_ENVELOPE} allowed", where=where)
    envelope = Envelope.from_bytes(file.read(length), where=where)
    statement = Statement.parse(envelope.payload, where=where)
    record = home.record_of(statement.digest)
    if record is None or record.kind != DATA_TYPE:
        raise IntegrityError("the seal is not in this home's ledger", where=where)
    said = vouched(home, record, SYSTEM)  # by the ledger's copy: the file's own may be anything
    try:
        (subject,) = said.subjects
        wrapped = base64.b64decode(said.predicate["wrapped_key"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise InputError(f"malformed {DATA_TYPE}: {error!r}", where=where) from error
    return Head(subject.name, subject.digest, wrapped)


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A file of mode 0600 that takes its place whole and durable, or not at all."""
    with told(target):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            draft.replace(target)
            sync_folder(target.parent)
        finally:
            draft.unlink(missing_ok=True)


class _Nowhere:
    """Takes bytes and keeps none."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def write(self, data: memoryview) -> int:
        return len(data)
