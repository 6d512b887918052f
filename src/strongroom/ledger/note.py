"""C2SP signed notes with Ed25519: text, an empty line, and signature lines.

Source: c2sp.org/signed-note; the verifier key line is that of golang.org/x/mod/sumdb/note.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from strongroom.domain.errors import InputError, IntegrityError, LimitError

MAX_NOTE: Final = 64 * 1024
"""Bytes: room for the text and many more than the 16 signatures that must be accepted."""
_ED25519: Final = b"\x01"
_DASH: Final = "\N{EM DASH} "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Public(Protocol):
    """A public key, as far as notes need to know it."""

    @property
    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 key, RFC 8032."""


class NoteSigner(Protocol):
    """Whoever signs notes; the signers of `keys` fit when they are Ed25519."""

    @property
    def public(self) -> Public:
        """The key that verifies."""

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named Ed25519 key, written `name+hex key id+base64`."""

    name: str
    raw: bytes
    """32 bytes, RFC 8032."""
    key_id: bytes = field(init=False)
    """Four bytes that say which key of that name signed."""

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(c.isspace() or c < " " for c in self.name):
            raise InputError(
                f"not a key name: {self.name!r}", fix="use a name without spaces and plus signs"
            )
        if len(self.raw) != 32:
            raise InputError(
                f"{len(self.raw)} bytes are not an Ed25519 key", fix="checkpoints need Ed25519"
            )
        named = self.name.encode() + b"\n" + _ED25519 + self.raw
        object.__setattr__(self, "key_id", sha256(named).digest()[:4])

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.raw).decode()}"

    @classmethod
    def parse(cls, line: str, *, where: str = "verifier key") -> VerifierKey:
        """Read a verifier key line. Raises InputError."""
        parts = line.strip().split("+", 2)
        if len(parts) != 3:
            raise InputError("not a verifier key: expected name+key id+base64", where=where)
        name, key_id, encoded = parts
        data = decode_base64(encoded)
        if data is None or data[:1] != _ED25519:
            raise InputError("not an Ed25519 verifier key", where=where)
        key = cls(name, data[1:])
        if key.key_id.hex() != key_id:
            raise InputError(f"key id {key_id[:20]} is not that of the key", where=where)
        return key

    def accepts(self, text: bytes, signature: bytes) -> bool:
        """Whether the signature over the note's text is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except InvalidSignature:
            return False
        return True


def sign_note(text: str, key: VerifierKey, signer: NoteSigner) -> bytes:
    """A signed note over `text`, which must end in a newline. `key` is the signer's."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise InputError("a note's text ends in a newline and has no other control characters")
    signature = base64.b64encode(key.key_id + signer.sign(text.encode())).decode()
    return f"{text}\n{_DASH}{key.name} {signature}\n".encode()


def open_note(data: bytes, key: VerifierKey, *, where: str = "note") -> str:
    """The text of a note that `key` signed. Raises IntegrityError.

    Signatures by other keys are ignored, as the specification asks; a bad one by `key` is not.
    """
    text, signatures = _split(data, where)
    ours = [value for name, value in signatures if (name, value[:4]) == (key.name, key.key_id)]
    if not ours:
        raise IntegrityError(f"not signed by {key.name} ({key.key_id.hex()})", where=where)
    if not all(key.accepts(text.encode(), value[4:]) for value in ours):
        raise IntegrityError(f"the signature of {key.name} does not fit the text", where=where)
    return text


def decode_base64(text: str) -> bytes | None:
    """RFC 4648 section 4 in its one canonical form, or None: equal bytes have equal text."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def _split(data: bytes, where: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(data) > MAX_NOTE:
        raise LimitError(f"{len(data)} bytes of note, {MAX_NOTE} allowed", where=where)
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IntegrityError("note is not UTF-8", where=where) from error
    text, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n") or _CONTROL.search(note):
        raise IntegrityError("not a signed note", where=where)
    return text + "\n", [_signature(line, where) for line in lines[:-1].split("\n")]


def _signature(line: str, where: str) -> tuple[str, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    value = decode_base64(encoded)
    if not line.startswith(_DASH) or not name or not space or value is None or len(value) < 5:
        raise IntegrityError("malformed signature line in note", where=where)
    return name, value
