"""A small Google Cloud KMS for tests: its gRPC calls and rules, as its proto files tell them.

Source: google/cloud/kms/v1/service.proto and resources.proto. It encrypts by AES-GCM, checks and
gives CRC-32C sums, and lets a version that is scheduled for destruction encrypt nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import grpc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud import kms_v1

from strongroom.keys.services.gcp import crc32c

_State = kms_v1.CryptoKeyVersion.CryptoKeyVersionState


@dataclass(slots=True)
class _Version:
    path: str
    secret: bytes
    state: Any = _State.ENABLED
    gone_at: datetime | None = None

    def told(self) -> Any:
        return kms_v1.CryptoKeyVersion(name=self.path, state=self.state, destroy_time=self.gone_at)


@dataclass(slots=True)
class GcpKms:
    """What the server holds: versions by the path of their key."""

    address: str = ""
    keys: dict[str, list[_Version]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def create_crypto_key(self, asked: Any, context: Any) -> Any:
        """With a first version, which is the primary one."""
        path = f"{asked.parent}/cryptoKeys/{asked.crypto_key_id}"
        with self.lock:
            if path in self.keys:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "there is such a key")
            self.keys[path] = [_Version(f"{path}/cryptoKeyVersions/1", os.urandom(32))]
        return self.get_crypto_key(kms_v1.GetCryptoKeyRequest(name=path), context)

    def get_crypto_key(self, asked: Any, context: Any) -> Any:
        """Its primary version is the newest here."""
        newest = self._versions(asked.name, context)[-1]
        return kms_v1.CryptoKey(name=asked.name, primary=newest.told())

    def create_crypto_key_version(self, asked: Any, context: Any) -> Any:
        """One more."""
        there = self._versions(asked.parent, context)
        path = f"{asked.parent}/cryptoKeyVersions/{len(there) + 1}"
        there.append(_Version(path, os.urandom(32)))
        return there[-1].told()

    def update_crypto_key_primary_version(self, asked: Any, _: Any) -> Any:
        """The newest is it already."""
        return kms_v1.CryptoKey(name=asked.name)

    def list_crypto_key_versions(self, asked: Any, context: Any) -> Any:
        """On one page."""
        told = [v.told() for v in self._versions(asked.parent, context)]
        return kms_v1.ListCryptoKeyVersionsResponse(crypto_key_versions=told)

    def destroy_crypto_key_version(self, asked: Any, context: Any) -> Any:
        """In thirty days."""
        there = self._versions(asked.name.rpartition("/cryptoKeyVersions/")[0], context)
        version = next(v for v in there if v.path == asked.name)
        version.state = _State.DESTROY_SCHEDULED
        version.gone_at = datetime.now(UTC) + timedelta(days=30)
        return version.told()

    def encrypt(self, asked: Any, context: Any) -> Any:
        """By the version that is named."""
        key = asked.name.rpartition("/cryptoKeyVersions/")[0]
        version = next(v for v in self._versions(key, context) if v.path == asked.name)
        self._check_enabled(version, context)
        aad = asked.additional_authenticated_data
        if asked.plaintext_crc32c != crc32c(asked.plaintext):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "plaintext_crc32c")
        if asked.additional_authenticated_data_crc32c != crc32c(aad):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "additional_authenticated_data_crc32c")
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(version.secret).encrypt(nonce, asked.plaintext, aad)
        return kms_v1.EncryptResponse(
            name=version.path,
            ciphertext=sealed,
            ciphertext_crc32c=crc32c(sealed),
            verified_plaintext_crc32c=True,
            verified_additional_authenticated_data_crc32c=True,
        )

    def decrypt(self, asked: Any, context: Any) -> Any:
        """By whichever version did it."""
        if asked.ciphertext_crc32c != crc32c(asked.ciphertext):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "ciphertext_crc32c")
        for version in self._versions(asked.name, context):
            with contextlib.suppress(InvalidTag, ValueError):
                plain = AESGCM(version.secret).decrypt(
                    asked.ciphertext[:12],
                    asked.ciphertext[12:],
                    asked.additional_authenticated_data,
                )
                self._check_enabled(version, context)
                return kms_v1.DecryptResponse(plaintext=plain, plaintext_crc32c=crc32c(plain))
        return context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Decryption failed")

    def _check_enabled(self, version: _Version, context: Any) -> None:
        if version.state != _State.ENABLED:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{version.path} is not enabled")

    def _versions(self, path: str, context: Any) -> list[_Version]:
        if path not in self.keys:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {path}")
        return self.keys[path]


_CALLS = {
    "CreateCryptoKey": kms_v1.CreateCryptoKeyRequest,
    "GetCryptoKey": kms_v1.GetCryptoKeyRequest,
    "CreateCryptoKeyVersion": kms_v1.CreateCryptoKeyVersionRequest,
    "UpdateCryptoKeyPrimaryVersion": kms_v1.UpdateCryptoKeyPrimaryVersionRequest,
    "ListCryptoKeyVersions": kms_v1.ListCryptoKeyVersionsRequest,
    "DestroyCryptoKeyVersion": kms_v1.DestroyCryptoKeyVersionRequest,
    "Encrypt": kms_v1.EncryptRequest,
    "Decrypt": kms_v1.DecryptRequest,
}


@contextlib.contextmanager
def gcp_kms() -> Iterator[GcpKms]:
    """Start it, and stop it at the end."""
    held = GcpKms()
    server = grpc.server(ThreadPoolExecutor(4))
    handlers = {
        call: grpc.unary_unary_rpc_method_handler(
            getattr(held, _snake(call)),
            request_deserializer=asked.deserialize,
            response_serializer=_serialized,
        )
        for call, asked in _CALLS.items()
    }
    service = "google.cloud.kms.v1.KeyManagementService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    held.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield held
    finally:
        server.stop(None).wait()


def _serialized(answer: Any) -> bytes:
    encode: Callable[[Any], bytes] = type(answer).serialize
    return encode(answer)


def _snake(call: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in call).lstrip("_")
