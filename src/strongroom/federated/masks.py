"""Keys that two banks agree on, the masks that grow from them, and parcels from bank to bank.

X25519 (RFC 7748) for agreement, HKDF-SHA256 (RFC 5869) for keys, AES-256 in counter mode as the
generator of masks, ChaCha20-Poly1305 (RFC 8439) for parcels. Every key is of one aggregation, one
purpose and one pair of banks, so a nonce of zeros is used once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.domain.canonical import canonical
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.federated.fixed import Words

_NONCE: Final = bytes(12)


def public_of(private: bytes) -> bytes:
    """The 32 public bytes of 32 private ones."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def agree(private: bytes, public: bytes, context: bytes, purpose: str, names: list[str]) -> bytes:
    """32 bytes that only the two holders can make. Raises InputError for a weak public key."""
    try:
        own = X25519PrivateKey.from_private_bytes(private)
        shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:  # of small order, or not of 32 bytes
        raise InputError("a public key that gives no secret") from error
    info = canonical({"context": context.hex(), "purpose": purpose, "names": names})
    return HKDF(SHA256(), 32, salt=None, info=b"strongroom.federated.v1" + info).derive(shared)


def mask(key: bytes, length: int) -> Words:
    """Words (length,) that nobody without the key can tell from random ones."""
    stream = Cipher(AES256(key), CTR(bytes(16))).encryptor().update(bytes(8 * length))
    return np.frombuffer(stream, dtype="<u8").astype(np.uint64)


def wrap(key: bytes, content: bytes, context: bytes) -> bytes:
    """Encrypt for the other holder of the key."""
    return ChaCha20Poly1305(key).encrypt(_NONCE, content, context)


def unwrap(key: bytes, parcel: bytes, context: bytes, *, where: str) -> bytes:
    """Decrypt, or raise IntegrityError."""
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE, parcel, context)
    except InvalidTag as error:
        raise IntegrityError("a parcel from another bank was changed", where=where) from error
