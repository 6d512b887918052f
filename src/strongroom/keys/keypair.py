"""Public keys, signers, and key pairs in software: Ed25519 (RFC 8032) and ECDSA P-256 (FIPS 186-5).

ECDSA signatures are DER over SHA-256, with the deterministic nonce of RFC 6979.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from strongroom.domain.errors import InputError, LimitError

Algorithm: TypeAlias = Literal["ed25519", "ecdsa-p256"]
PrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey
_Loaded: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey

MAX_PEM: Final = 4096
"""Bytes; either kind of public key takes less than 200."""
_P: Final = 2**255 - 19
_Y8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_WEAK: Final = frozenset({0, 1, _P - 1, _P, _P + 1, _Y8, _P - _Y8})
"""The y of all points of edwards25519 whose order divides 8, in every encoding of 255 bits."""
_ECDSA: Final = ECDSA(SHA256(), deterministic_signing=True)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What verifies; made only from a well-formed key of an algorithm that we take."""

    algorithm: Algorithm
    der: bytes
    """SubjectPublicKeyInfo (RFC 5280) in the one encoding that we write ourselves."""

    def __post_init__(self) -> None:
        if not isinstance(self.der, bytes) or len(self.der) > MAX_PEM:
            raise InputError("a public key is at most 4096 bytes of DER")
        loaded = _load(self.der)
        if _algorithm(loaded) != self.algorithm or _spki(loaded) != self.der:
            raise InputError(f"not an {self.algorithm} public key in its plain encoding")
        if isinstance(loaded, Ed25519PublicKey) and _y(loaded) in _WEAK:
            # RFC 8032 verifiers take it, and its holder could disown whatever they signed.
            raise InputError("a public key under which anybody can sign", fix="make another")

    @property
    def key_id(self) -> str:
        """SHA-256 of the DER in hexadecimal: what signatures name the key by."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 key, for signed notes. Raises InputError for others."""
        loaded = _load(self.der)
        if not isinstance(loaded, Ed25519PublicKey):
            raise InputError(f"an {self.algorithm} key has no raw form", fix="use an ed25519 key")
        return loaded.public_bytes_raw()

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether this key signed exactly these bytes."""
        loaded = _load(self.der)
        try:
            if isinstance(loaded, Ed25519PublicKey):
                loaded.verify(signature, data)
            else:
                loaded.verify(signature, data, _ECDSA)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> str:
        """As a PEM block, for other people's tools."""
        pem = _load(self.der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem.decode("ascii")

    @classmethod
    def of(cls, loaded: _Loaded) -> PublicKey:
        """From a key of the `cryptography` package. Raises InputError for other curves."""
        return cls(_algorithm(loaded), _spki(loaded))

    @classmethod
    def from_der(cls, der: bytes, *, where: str = "public key") -> PublicKey:
        """Read SubjectPublicKeyInfo of either algorithm. Raises InputError."""
        if len(der) > MAX_PEM:
            raise LimitError(f"{len(der)} bytes of public key, {MAX_PEM} allowed", where=where)
        try:
            return cls(_algorithm(_load(der)), der)
        except InputError as error:
            raise InputError(error.what, where=where, fix=error.fix) from error

    @classmethod
    def parse_pem(cls, pem: str | bytes, *, where: str = "public key") -> PublicKey:
        """Read a PEM block of either algorithm. Raises InputError."""
        data = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
        if len(data) > MAX_PEM:
            raise LimitError(f"{len(data)} bytes of PEM, {MAX_PEM} allowed", where=where)
        try:
            loaded = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InputError(
                "not a public key in PEM",
                where=where,
                fix="it starts with -----BEGIN PUBLIC KEY-----",
            ) from error
        try:
            return cls.of(_accepted(loaded))
        except InputError as error:
            raise InputError(error.what, where=where, fix=error.fix) from error


class Signer(Protocol):
    """Whatever can sign: a key in memory here, a key service or token elsewhere."""

    @property
    def public(self) -> PublicKey:
        """The key that verifies what this signs."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Sign these bytes. Raises KeyAccessError when the key cannot be used."""
        ...


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A signer whose private key is in this process's memory."""

    private: PrivateKey = field(repr=False)
    public: PublicKey = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "public", PublicKey.of(self.private.public_key()))

    def sign(self, data: bytes) -> bytes:
        """Sign these bytes."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(data)
        return self.private.sign(data, _ECDSA)


def generate(algorithm: Algorithm = "ed25519") -> KeyPair:
    """Make a new key pair from the system's randomness. Raises InputError for other algorithms."""
    if algorithm == "ed25519":
        return KeyPair(Ed25519PrivateKey.generate())
    if algorithm == "ecdsa-p256":
        return KeyPair(generate_private_key(SECP256R1()))
    raise InputError(f"no such key algorithm: {algorithm}", fix="ed25519 or ecdsa-p256")


@lru_cache(maxsize=256)
def _load(der: bytes) -> _Loaded:
    """Parsing a key costs more than checking a signature with it, so it is done once."""
    try:
        return _accepted(load_der_public_key(der))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("not a public key in DER") from error


def _accepted(loaded: object) -> _Loaded:
    if isinstance(loaded, Ed25519PublicKey):
        return loaded
    if isinstance(loaded, EllipticCurvePublicKey) and isinstance(loaded.curve, SECP256R1):
        return loaded
    raise InputError("a key of another algorithm", fix="use ed25519 or ecdsa-p256")


def _algorithm(loaded: _Loaded) -> Algorithm:
    return "ed25519" if isinstance(_accepted(loaded), Ed25519PublicKey) else "ecdsa-p256"


def _y(loaded: Ed25519PublicKey) -> int:
    return int.from_bytes(loaded.public_bytes_raw(), "little") % 2**255


def _spki(loaded: _Loaded) -> bytes:
    return loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
