"""The formats on disk, held to fixed vectors and to a second computation that shares no code.

`seal_by_hand` and `wrap_by_hand` follow the format's description with `hmac`, `hashlib.scrypt` and
the one-shot AES-GCM call only. `vectors/sealing.json` was written by them, once:

    python tests/keys/test_vectors.py > tests/keys/vectors/sealing.json

so a change of either computation fails here. A new format gets new vectors; these stay.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.domain.decision import APPROVAL_TYPE
from strongroom.domain.digests import Digest
from strongroom.domain.statement import Statement, Subject
from strongroom.keys.dsse import Envelope, pae
from strongroom.keys.files import load_key
from strongroom.keys.local_kms import LocalKms
from strongroom.keys.private import derive
from strongroom.keys.sealing import SealedReader, open_stream, seal_stream

FILE = Path(__file__).parent / "vectors" / "sealing.json"
MIB = 1 << 20
KEY = bytes(range(32))
SALT = bytes(range(100, 132))
CONTEXT = b'{"model":"fraud","path":"model.onnx","version":"1"}'
SIZES = [0, 1, 1000, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 12345]


def plaintext(size: int) -> bytes:
    return hashlib.shake_128(b"strongroom test vector").digest(size)


def hkdf_by_hand(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, section 2."""
    prk = hmac.new(salt, key, "sha256").digest()
    made = block = b""
    while len(made) < length:
        block = hmac.new(prk, block + info + bytes([len(made) // 32 + 1]), "sha256").digest()
        made += block
    return made[:length]


def seal_by_hand(data: bytes, key: bytes, context: bytes, salt: bytes) -> bytes:
    magic = b"strongroom seal\x01"
    made = hkdf_by_hand(key, salt, magic + context, 64)
    header = magic + salt + made[32:]
    pieces = [data[i : i + MIB] for i in range(0, len(data), MIB)] or [b""]
    sealed = header
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        nonce = (number << 8 | last).to_bytes(12, "big")
        sealed += AESGCM(made[:32]).encrypt(nonce, piece, header + context)
    return sealed


def root_by_hand(secret: bytes, salt: bytes, *, guessable: bool) -> tuple[bytes, bytes]:
    n, p = (16384, 5) if guessable else (1024, 1)
    root = hashlib.scrypt(secret, salt=salt, n=n, r=8, p=p, maxmem=1 << 26, dklen=32)
    check = hkdf_by_hand(root, salt, b"check", 32)
    return root, b"strongroom root\x01" + bytes([guessable]) + salt + check


def key_file_by_hand(root: bytes, name: bytes, named_key: bytes, salt: bytes) -> bytes:
    magic = b"strongroom key \x01"
    lock = AESGCM(hkdf_by_hand(root, salt, name, 32))
    return magic + salt + lock.encrypt(bytes(12), named_key, magic)


def wrap_by_hand(
    named_key: bytes, name: bytes, data_key: bytes, context: bytes, salt: bytes
) -> bytes:
    magic = b"strongroom wrap\x01"
    head = magic + salt + bytes([len(name)]) + name
    lock = AESGCM(hkdf_by_hand(named_key, salt, magic, 32))
    return head + lock.encrypt(bytes(12), data_key, head + context)


def make() -> dict[str, Any]:
    root, root_file = root_by_hand(b"correct horse", SALT, guessable=True)
    named_key = hashlib.sha256(b"a named key").digest()
    return {
        "sealed": [
            {
                "size": size,
                "sha256": hashlib.sha256(sealed).hexdigest(),
                "header": sealed[:80].hex(),
                "last": sealed[-32:].hex(),
            }
            for size in SIZES
            for sealed in [seal_by_hand(plaintext(size), KEY, CONTEXT, SALT)]
        ],
        "kms": {
            "root": root_file.hex(),
            "fraud.key": key_file_by_hand(root, b"fraud", named_key, SALT).hex(),
            "wrapped": wrap_by_hand(named_key, b"fraud", KEY, CONTEXT, SALT).hex(),
        },
    }


VECTORS = json.loads(FILE.read_text()) if FILE.exists() else {"sealed": []}


def test_the_hand_computation_still_gives_the_committed_vectors() -> None:
    assert make() == VECTORS


@pytest.mark.parametrize("vector", VECTORS["sealed"], ids=lambda v: v["size"])
def test_we_open_the_vectors(vector: dict[str, Any]) -> None:
    sealed = seal_by_hand(plaintext(vector["size"]), KEY, CONTEXT, SALT)
    assert hashlib.sha256(sealed).hexdigest() == vector["sha256"]
    target = io.BytesIO()
    open_stream(io.BytesIO(sealed), target, KEY, CONTEXT)
    assert target.getvalue() == plaintext(vector["size"])
    with SealedReader(io.BytesIO(sealed), KEY, CONTEXT) as reader:
        assert reader.read() == plaintext(vector["size"])


@pytest.mark.parametrize("size", SIZES)
def test_what_we_seal_is_what_the_hand_computation_seals(size: int) -> None:
    target = io.BytesIO()
    seal_stream(io.BytesIO(plaintext(size)), target, KEY, CONTEXT)
    sealed = target.getvalue()
    assert sealed == seal_by_hand(plaintext(size), KEY, CONTEXT, salt=sealed[16:48])


def test_our_hkdf_is_that_of_rfc_5869() -> None:
    """Appendix A.1."""
    key, salt = bytes([0x0B] * 22), bytes(range(13))
    info = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")
    expected = (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert derive(key, salt, info, 42).hex() == expected
    assert hkdf_by_hand(key, salt, info, 42).hex() == expected


def vector_kms(folder: Path) -> LocalKms:
    for name in ("root", "fraud.key"):
        (folder / name).write_bytes(bytes.fromhex(VECTORS["kms"][name]))
        (folder / name).chmod(0o600)
    return LocalKms(folder, b"correct horse")


def test_we_unwrap_the_vectors(tmp_path: Path) -> None:
    kms = vector_kms(tmp_path)
    assert kms.unwrap(bytes.fromhex(VECTORS["kms"]["wrapped"]), CONTEXT) == KEY


def test_what_we_wrap_is_what_the_hand_computation_wraps(tmp_path: Path) -> None:
    kms = LocalKms(tmp_path, b"secret", guessable=False)
    wrapped = kms.wrap(KEY, CONTEXT, name="aml")
    root_file, key_file = (tmp_path / "root").read_bytes(), (tmp_path / "aml.key").read_bytes()
    root, again = root_by_hand(b"secret", root_file[17:49], guessable=False)
    assert root_file == again
    lock = AESGCM(hkdf_by_hand(root, key_file[16:48], b"aml", 32))
    named_key = lock.decrypt(bytes(12), key_file[48:], key_file[:16])
    assert wrapped == wrap_by_hand(named_key, b"aml", KEY, CONTEXT, salt=wrapped[16:48])


def test_an_envelope_of_version_one_verifies_for_ever(tmp_path: Path) -> None:
    """Ed25519 and our ECDSA are deterministic, so the signed bytes are a vector as well."""
    statement = Statement(
        APPROVAL_TYPE, (Subject("model", Digest("sha256", "ab" * 32)),), {"system": "fraud"}
    )
    envelope = Envelope.from_bytes((FILE.parent / "envelope.json").read_bytes())
    assert envelope.payload == statement.payload()
    for name, signature in zip(("ed25519", "ecdsa-p256"), envelope.signatures, strict=True):
        path = tmp_path / name
        path.write_bytes((FILE.parent / f"{name}.key").read_bytes())
        path.chmod(0o600)
        pair = load_key(path, b"correct horse")
        assert signature.key_id == pair.public.key_id
        assert signature.value == pair.sign(pae(envelope.payload_type, envelope.payload))
        assert pair.public.verify(pae(envelope.payload_type, envelope.payload), signature.value)


if __name__ == "__main__":
    json.dump(make(), sys.stdout, indent=1)
    sys.stdout.write("\n")
