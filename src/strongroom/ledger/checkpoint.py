"""C2SP tlog checkpoints: a log's name, size and root in a signed note.

Source: c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.merkle import HASH_SIZE, MAX_SIZE
from strongroom.ledger.note import NoteSigner, VerifierKey, decode_base64, open_note, sign_note

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log looked like at one size."""

    origin: str
    """Names the log, and the key that signs it."""
    size: int
    root: bytes
    """32 bytes, RFC 6962."""

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def sign(self, signer: NoteSigner) -> bytes:
        """As a signed note."""
        return self.sign_as(VerifierKey(self.origin, signer.public.raw), signer)

    def sign_as(self, key: VerifierKey, signer: NoteSigner) -> bytes:
        """As a signed note, with a key that is known to be the signer's."""
        return sign_note(self.text, key, signer)

    @classmethod
    def open(cls, note: bytes, key: VerifierKey, *, where: str = "checkpoint") -> Checkpoint:
        """Verify a signed checkpoint of the log that `key` is named after. IntegrityError."""
        origin, size, root = _lines(open_note(note, key, where=where), where)
        if origin != key.name:
            raise IntegrityError(f"checkpoint of {origin}, not of {key.name}", where=where)
        return cls(origin, size, root)


def parse_decimal(text: str) -> int | None:
    """ASCII decimal without leading zeroes, at most MAX_SIZE; or None."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = int(text)
    return number if number <= MAX_SIZE else None


def _lines(text: str, where: str) -> tuple[str, int, bytes]:
    lines = text.split("\n")[:-1]
    if len(lines) < 3 or not all(lines):
        raise IntegrityError("a checkpoint has three lines or more, none empty", where=where)
    size, root = parse_decimal(lines[1]), decode_base64(lines[2])
    if size is None or root is None or len(root) != HASH_SIZE:
        raise IntegrityError("checkpoint has no proper size and root", where=where)
    return lines[0], size, root
