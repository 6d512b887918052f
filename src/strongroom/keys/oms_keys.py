"""Keys that OMS knows: ECDSA on P-256, P-384 and P-521, each with the hash of its size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from strongroom.domain.errors import InputError, KeyAccessError, LimitError
from strongroom.keys.keypair import MAX_PEM
from strongroom.keys.private import read_private

_HASHES: Final[Mapping[str, HashAlgorithm]] = {
    "secp256r1": SHA256(),
    "secp384r1": SHA384(),
    "secp521r1": SHA512(),
}
_FIX: Final = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -out key.pem"


class ModelSigner(Protocol):
    """Whatever signs models: a key in memory, or in a token."""

    @property
    def public(self) -> EllipticCurvePublicKey:
        """The key that verifies what this signs."""
        ...

    def sign(self, data: bytes) -> bytes:
        """ECDSA in DER over the hash that goes with the curve. Raises KeyAccessError."""
        ...


@dataclass(frozen=True, slots=True)
class SoftwareSigner:
    """A private key in this process's memory."""

    private: EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> EllipticCurvePublicKey:
        """See ModelSigner."""
        return self.private.public_key()

    def sign(self, data: bytes) -> bytes:
        """See ModelSigner."""
        return self.private.sign(data, ECDSA(hash_of(self.public)))


def hash_of(public: EllipticCurvePublicKey) -> HashAlgorithm:
    """What that key hashes with. Raises InputError for a curve that OMS does not know."""
    kind = _HASHES.get(public.curve.name)
    if kind is None:
        raise InputError(f"a key on {public.curve.name}", fix="use P-256, P-384 or P-521")
    return kind


def signed_by(public: EllipticCurvePublicKey, data: bytes, signature: bytes) -> bool:
    """Whether this key signed exactly these bytes."""
    try:
        public.verify(signature, data, ECDSA(hash_of(public)))
    except InvalidSignature:
        return False
    return True


def key_hint(public: EllipticCurvePublicKey) -> str:
    """How OMS names a key: SHA-256 in hexadecimal of its PEM."""
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def accepted(loaded: object) -> EllipticCurvePublicKey:
    """The public key, if OMS knows its kind. Raises InputError."""
    if not isinstance(loaded, EllipticCurvePublicKey):
        raise InputError("OMS signs with ECDSA keys only", fix="use P-256, P-384 or P-521")
    hash_of(loaded)
    return loaded


def load_model_signer(path: Path, passphrase: bytes | None) -> SoftwareSigner:
    """A private key in PEM, ours or any other, that nobody but its owner may read.

    Raises KeyAccessError: unreadable, wrong passphrase, no key; InputError for another kind.
    """
    data = read_private(path)
    try:
        loaded = load_pem_private_key(data, passphrase)
    except TypeError as error:  # a passphrase too many, or one too few
        lacking = passphrase is None
        raise KeyAccessError(
            "the key is encrypted" if lacking else "the key is not encrypted",
            where=str(path),
            fix=f"{'set' if lacking else 'unset'} STRONGROOM_KEY_PASSPHRASE",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyAccessError(
            "wrong passphrase, or not a private key in PEM", where=str(path), fix=_FIX
        ) from error
    if not isinstance(loaded, EllipticCurvePrivateKey):
        raise InputError("OMS signs with ECDSA keys only", where=str(path), fix=_FIX)
    hash_of(loaded.public_key())
    return SoftwareSigner(loaded)


def parse_model_key(pem: bytes, *, where: str) -> EllipticCurvePublicKey:
    """A public key in PEM that verifies models. Raises InputError."""
    if len(pem) > MAX_PEM:
        raise LimitError(f"{len(pem)} bytes of PEM, {MAX_PEM} allowed", where=where)
    try:
        return accepted(load_pem_public_key(pem))
    except (ValueError, UnsupportedAlgorithm) as error:
        fix = "it starts with -----BEGIN PUBLIC KEY-----"
        raise InputError("not a public key in PEM", where=where, fix=fix) from error
    except InputError as error:
        raise InputError(error.what, where=where, fix=error.fix) from error
