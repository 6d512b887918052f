"""Private keys at rest: a PEM file with the encrypted private key, then the public key in clear.

The private block is PKCS#8 (RFC 5958) under PBES2 with scrypt and AES-256-CBC (RFC 8018, RFC 7914),
so `openssl pkey -in FILE` reads it. The library's own writer knows only 2,048 rounds of PBKDF2,
which is cheap to guess through; hence the few lines of DER here. CBC does not notice changes, so
what was decrypted is checked against the public block, and only our own encoding is read.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.keys.keypair import KeyPair, PublicKey
from strongroom.keys.private import (
    GUESSABLE,
    RANDOM,
    Work,
    create_private,
    read_private,
    stretch,
)

_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")  # 1.2.840.113549.1.5.13
_SCRYPT: Final = bytes.fromhex("06092b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11
_AES256_CBC: Final = bytes.fromhex("060960864801650304012a")  # 2.16.840.1.101.3.4.1.42
_SALT: Final = slice(35, 51)
"""Where the salt stands in the DER, as everything before it has a fixed length."""
_IV: Final = slice(76, 92)
_CIPHERTEXT: Final = {"ed25519": 64, "ecdsa-p256": 144}
"""Bytes at the end of the DER."""
_BEGIN: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
_END: Final = b"-----END ENCRYPTED PRIVATE KEY-----\n"
_FILE: Final = re.compile(
    _BEGIN + rb"([A-Za-z0-9+/=\n]+)" + _END + rb"(-----BEGIN PUBLIC KEY-----\n.+)\Z", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class _Locked:
    """What a key file says."""

    public: PublicKey
    work: Work
    salt: bytes
    iv: bytes
    ciphertext: bytes

    def to_bytes(self) -> bytes:
        """The file: EncryptedPrivateKeyInfo, then SubjectPublicKeyInfo."""
        cost = _integer(self.work.n) + _integer(self.work.r) + _integer(self.work.p)
        kdf = _sequence(_SCRYPT + _sequence(_octets(self.salt) + cost))
        cipher = _sequence(_AES256_CBC + _octets(self.iv))
        scheme = _sequence(_PBES2 + _sequence(kdf + cipher))
        text = base64.b64encode(_sequence(scheme + _octets(self.ciphertext)))
        lines = b"".join(text[i : i + 64] + b"\n" for i in range(0, len(text), 64))
        return _BEGIN + lines + _END + self.public.pem().encode("ascii")

    def cipher(self, passphrase: bytes) -> Cipher[CBC]:
        """AES-256-CBC under the stretched passphrase."""
        return Cipher(AES256(stretch(passphrase, self.salt, self.work)), CBC(self.iv))


def save_key(signer: KeyPair, path: Path, passphrase: bytes, *, guessable: bool = True) -> None:
    """Write the pair's file, mode 0600, wholly or not at all; a file that is there stays.

    `guessable=False` is for a passphrase of 32 random bytes: it saves the time that makes guessing
    dear. Raises KeyAccessError when the file exists, StoreError when it cannot be written.
    """
    work = GUESSABLE if guessable else RANDOM
    blank = _Locked(signer.public, work, os.urandom(16), os.urandom(16), b"")
    padder = PKCS7(128).padder()
    plain = signer.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    encryptor = blank.cipher(passphrase).encryptor()
    padded = padder.update(plain) + padder.finalize()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    locked = _Locked(blank.public, work, blank.salt, blank.iv, ciphertext)
    if not create_private(path, locked.to_bytes()):
        raise KeyAccessError(
            "a key file is there already", where=str(path), fix="name it otherwise"
        )


def load_key(path: Path, passphrase: bytes) -> KeyPair:
    """Read a pair's file.

    Raises KeyAccessError: no such file, others may read it, not a key file, wrong passphrase.
    """
    locked = _read(path)
    wrong = KeyAccessError(
        "wrong passphrase, or the file was changed",
        where=str(path),
        fix="give the passphrase that the key was made with",
    )
    decryptor = locked.cipher(passphrase).decryptor()
    unpadder = PKCS7(128).unpadder()
    try:
        padded = decryptor.update(locked.ciphertext) + decryptor.finalize()
        private = load_der_private_key(unpadder.update(padded) + unpadder.finalize(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # of what garbled DER may say
        raise wrong from error
    if not isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise wrong
    pair = KeyPair(private)
    if pair.public != locked.public:
        raise wrong
    return pair


def public_key_of(path: Path) -> PublicKey:
    """The public half of a pair's file, without the passphrase. Raises KeyAccessError."""
    return _read(path).public


def _read(path: Path) -> _Locked:
    data = read_private(path)
    match = _FILE.match(data)
    try:
        locked = _parse(match[1], match[2]) if match else None
    except (InputError, binascii.Error):
        locked = None
    if locked is None or locked.to_bytes() != data:
        raise KeyAccessError(
            "not a key file of ours, or damaged",
            where=str(path),
            fix="make keys with `strongroom keys`; restore this one from its backup",
        )
    return locked


def _parse(private: bytes, public: bytes) -> _Locked:
    """Take the fields from where they must stand; the caller compares the re-encoding."""
    key = PublicKey.parse_pem(public)
    der = base64.b64decode(private)
    work = next((w for w in (GUESSABLE, RANDOM) if _integer(w.n) == der[51:55]), GUESSABLE)
    return _Locked(key, work, der[_SALT], der[_IV], der[-_CIPHERTEXT[key.algorithm] :])


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x81, size])
    return bytes([tag]) + length + content


def _sequence(content: bytes) -> bytes:
    return _der(0x30, content)


def _octets(content: bytes) -> bytes:
    return _der(0x04, content)


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))
