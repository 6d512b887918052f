"""C2SP tlog-proof@v1: one file that proves, alone and offline, that an entry was logged.

Source: c2sp.org/tlog-proof.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.domain.errors import IntegrityError, LimitError
from strongroom.ledger.checkpoint import Checkpoint, parse_decimal
from strongroom.ledger.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from strongroom.ledger.note import MAX_NOTE, VerifierKey, decode_base64

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_PROOF: Final = 4 * MAX_NOTE
_MAX_HASHES: Final = 63


@dataclass(frozen=True, slots=True)
class Proven:
    """Where an entry provably stands."""

    index: int
    size: int
    """Of the log when the checkpoint in the proof was signed."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """The parts of a proof file; nothing in it is verified yet."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    """The signed note, verbatim."""
    extra: bytes | None = None
    """Opaque, and never authenticated."""

    def to_bytes(self) -> bytes:
        """The file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {_b64(self.extra)}")
        lines += [f"index {self.index}", *(_b64(h) for h in self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes, *, where: str = "proof") -> TlogProof:
        """Read a proof file. Raises IntegrityError."""
        if len(data) > MAX_PROOF:
            raise LimitError(f"{len(data)} bytes of proof, {MAX_PROOF} allowed", where=where)
        head, gap, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise IntegrityError("malformed tlog-proof", where=where) from error
        if not gap or lines.pop(0) != HEADER:
            raise IntegrityError(f"not a {HEADER} file", where=where)
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = _decoded(lines.pop(0).removeprefix("extra "), where)
        return cls(_index(lines, where), _hashes(lines[1:], where), checkpoint, extra)


def verify_tlog_proof(
    proof: bytes, entry: bytes, key: VerifierKey, *, where: str = "proof"
) -> Proven:
    """Where `entry` stands in the log that `key` signs for. Raises IntegrityError."""
    parts = TlogProof.parse(proof, where=where)
    head = Checkpoint.open(parts.checkpoint, key, where=where)
    if not verify_inclusion(leaf_hash(entry), parts.index, head.size, parts.hashes, head.root):
        raise IntegrityError(
            f"the entry is not what stands at index {parts.index} of {head.origin}", where=where
        )
    return Proven(parts.index, head.size)


def _index(lines: Sequence[str], where: str) -> int:
    name, _, value = lines[0].partition(" ") if lines else ("", "", "")
    index = parse_decimal(value)
    if name != "index" or index is None:
        raise IntegrityError("tlog-proof has no proper index", where=where)
    return index


def _hashes(lines: Sequence[str], where: str) -> tuple[bytes, ...]:
    hashes = tuple(_decoded(line, where) for line in lines)
    if len(hashes) > _MAX_HASHES or any(len(h) != HASH_SIZE for h in hashes):
        raise IntegrityError("tlog-proof has malformed hashes", where=where)
    return hashes


def _decoded(text: str, where: str) -> bytes:
    data = decode_base64(text)
    if data is None:
        raise IntegrityError("tlog-proof has malformed base64", where=where)
    return data


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
