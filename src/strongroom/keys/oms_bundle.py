"""The file an OMS signature is in: a Sigstore bundle v0.3 that holds one DSSE envelope.

Reading is lenient about fields that we do not know, as protocol buffers are, and strict about all
that we use. What stands here beside payload and signature is not signed: it only hints at the key.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.statement import PAYLOAD_TYPE
from strongroom.keys.dsse import MAX_PAYLOAD, MAX_SIGNATURE

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE: Final = 24 * 1024 * 1024
"""Room for the largest payload in base64, and certificates."""
MAX_CERTIFICATES: Final = 10


@dataclass(frozen=True, slots=True)
class Bundle:
    """Signed bytes. Parsing proves nothing."""

    payload: bytes
    """The in-toto statement."""
    signature: bytes
    """ECDSA in DER."""
    key_hint: str | None = None
    """SHA-256 in hexadecimal of the public key's PEM; None when certificates stand here."""
    certificates: tuple[bytes, ...] = ()
    """In DER, the signer's first."""

    def __post_init__(self) -> None:
        if len(self.payload) > MAX_PAYLOAD:
            raise LimitError(f"{len(self.payload)} bytes of payload, {MAX_PAYLOAD} allowed")
        if not 0 < len(self.signature) <= MAX_SIGNATURE:
            raise InputError(f"a signature has 1 to {MAX_SIGNATURE} bytes")
        if len(self.certificates) > MAX_CERTIFICATES:
            raise LimitError(f"{len(self.certificates)} certificates, {MAX_CERTIFICATES} allowed")

    def to_bytes(self) -> bytes:
        """The file."""
        material: dict[str, Any] = {"tlogEntries": []}
        if self.certificates:
            chain = [{"rawBytes": _encoded(der)} for der in self.certificates]
            material["x509CertificateChain"] = {"certificates": chain}
        else:
            material["publicKey"] = {"hint": self.key_hint or ""}
        return canonical(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": material,
                "dsseEnvelope": {
                    "payload": _encoded(self.payload),
                    "payloadType": PAYLOAD_TYPE,
                    "signatures": [{"sig": _encoded(self.signature), "keyid": ""}],
                },
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str) -> Bundle:
        """Read the file; trusts nothing. Raises InputError."""
        raw = parse_json(data, where=where, limit=MAX_BUNDLE)
        try:
            return _bundle(_object(raw))
        except InputError as error:
            raise type(error)(
                f"not an OMS signature: {error.what}", where=where, fix=error.fix
            ) from error


def _bundle(raw: dict[str, Any]) -> Bundle:
    if raw.get("mediaType") != MEDIA_TYPE:
        raise InputError(f"not {MEDIA_TYPE}, but {raw.get('mediaType')!r:.80}")
    envelope = _object(raw.get("dsseEnvelope"))
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise InputError("an OMS signature is signed once")
    if envelope.get("payloadType") != PAYLOAD_TYPE:
        raise InputError(f"signed as {envelope.get('payloadType')!r:.80}")
    hint, certificates = _material(_object(raw.get("verificationMaterial")))
    payload = _decoded(envelope.get("payload"))
    return Bundle(payload, _decoded(_object(signatures[0]).get("sig")), hint, certificates)


def _material(raw: dict[str, Any]) -> tuple[str | None, tuple[bytes, ...]]:
    """The key's hint, or the certificates."""
    if "x509CertificateChain" in raw:
        chain = _object(raw["x509CertificateChain"]).get("certificates")
        if not isinstance(chain, list) or not chain:
            raise InputError("a certificate chain without certificates")
        return None, tuple(_decoded(_object(c).get("rawBytes")) for c in chain)
    if "publicKey" in raw:
        hint = _object(raw["publicKey"]).get("hint") or ""
        if not isinstance(hint, str) or len(hint) > 128:
            raise InputError("a key hint that is none")
        return hint, ()
    if "certificate" in raw:
        raise InputError(
            "signed without a key of its own, by Sigstore's identity service",
            fix="verify it with `model_signing verify sigstore`, which asks that service",
        )
    raise InputError("neither key nor certificates")


def _object(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise InputError(f"expected an object, found {type(raw).__name__}")
    return raw


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise InputError(f"expected base64 text, found {type(text).__name__}")
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise InputError(f"not base64: {error}") from error
