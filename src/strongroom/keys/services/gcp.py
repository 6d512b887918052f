"""Google Cloud KMS: a symmetric key of a key ring for each name.

    gcp-kms:projects/P/locations/L/keyRings/R[?endpoint=HOST:PORT]

Credentials are the application's default ones; an endpoint on this machine is asked without any.
What a key is bound to goes with each call as additional authenticated data. The CRC-32C sums that
the service defines are sent, and the ones that come back are checked.

The service destroys a version of a key only after a waiting time, 30 days unless the key says
otherwise; until then it can be restored, and is not usable. Keys themselves are never deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs

import grpc
from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    GoogleAPICallError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RetryError,
    ServiceUnavailable,
    Unauthenticated,
)
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import (
    KeyManagementServiceGrpcTransport,
)

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.keys.key_service import Access, Destruction, absent, changed, destroyed
from strongroom.keys.services.wrapped import ServiceKms, once

_State: Final = kms_v1.CryptoKeyVersion.CryptoKeyVersionState
_GONE: Final = (_State.DESTROYED, _State.DESTROY_SCHEDULED)
_NUMBER: Final = 4
"""Bytes of a version's number."""
_POLYNOMIAL: Final = 0x82F63B78
"""Of CRC-32C, reflected (RFC 3720, B.4)."""


class KeyRing:
    """The keys of one key ring."""

    scheme = "gcp"

    def __init__(self, uri: str, ring: str, access: Access, connect: Callable[[], Any]) -> None:
        """`connect` is called at first use."""
        self.uri = uri
        self._ring = ring
        self._connect = once(connect)
        again = if_exception_type(ServiceUnavailable)
        total = access.timeout * access.attempts
        self._how = {
            "timeout": access.timeout,
            "retry": Retry(predicate=again, initial=0.1, maximum=1.0, timeout=total),
        }

    def create(self, name: str) -> None:
        """See Kms."""
        if self._find(name):
            self._alive(name)
            return
        key = kms_v1.CryptoKey(purpose=kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT)
        with self._told(f"make key {name}"):
            try:
                self._kms.create_crypto_key(
                    request={
                        "parent": self._ring,
                        "crypto_key_id": name.replace(".", "--"),
                        "crypto_key": key,
                    },
                    **self._how,
                )
            except AlreadyExists:  # somebody else was first, which is as good
                return

    def encrypt(self, name: str, data_key: bytes, bound: bytes) -> bytes:
        """Version of the key in four bytes, which it is bound to too, and the ciphertext."""
        with self._told(f"encrypt under {name}"):
            path = self._kms.get_crypto_key(request={"name": self._path(name)}, **self._how)
            number = int(path.primary.name.rpartition("/")[2]).to_bytes(_NUMBER, "big")
            bound = number + bound
            answer = self._kms.encrypt(
                request={
                    "name": path.primary.name,
                    "plaintext": data_key,
                    "plaintext_crc32c": crc32c(data_key),
                    "additional_authenticated_data": bound,
                    "additional_authenticated_data_crc32c": crc32c(bound),
                },
                **self._how,
            )
        sound = (
            answer.verified_plaintext_crc32c
            and answer.verified_additional_authenticated_data_crc32c
            and answer.ciphertext_crc32c == crc32c(answer.ciphertext)
        )
        self._check_sound(sound, name)
        return number + bytes(answer.ciphertext)

    def decrypt(self, name: str, sealed: bytes, bound: bytes) -> bytes:
        """The service finds the version by itself; ours is there to know what to retire."""
        bound, ciphertext = sealed[:_NUMBER] + bound, sealed[_NUMBER:]
        with self._told(f"decrypt under {name}"):
            try:
                answer = self._kms.decrypt(
                    request={
                        "name": self._path(name),
                        "ciphertext": ciphertext,
                        "ciphertext_crc32c": crc32c(ciphertext),
                        "additional_authenticated_data": bound,
                        "additional_authenticated_data_crc32c": crc32c(bound),
                    },
                    **self._how,
                )
            except InvalidArgument as error:
                raise changed() from error
            except FailedPrecondition as error:
                self._alive(name)
                raise KeyAccessError(
                    f"wrapped under a version of key {name} that was retired", where=self.uri
                ) from error
            except NotFound as error:
                raise absent(name, self.uri) from error
        self._check_sound(answer.plaintext_crc32c == crc32c(answer.plaintext), name)
        return bytes(answer.plaintext)

    def rotate(self, name: str) -> None:
        """A new version, made the primary one."""
        self._alive(name)
        with self._told(f"rotate {name}"):
            made = self._kms.create_crypto_key_version(
                request={"parent": self._path(name)}, **self._how
            )
            self._kms.update_crypto_key_primary_version(
                request={
                    "name": self._path(name),
                    "crypto_key_version_id": made.name.rpartition("/")[2],
                },
                **self._how,
            )

    def retire(self, name: str, sealed: bytes) -> bool:
        """Schedule the destruction of the versions before."""
        number = int.from_bytes(sealed[:_NUMBER], "big")
        self._alive(name)
        for version in self._find(name):
            if int(version.name.rpartition("/")[2]) < number:
                self._destroy(version, name)
        return True

    def destroy(self, name: str) -> Destruction:
        """Schedule the destruction of every version."""
        there = self._find(name)
        if not there:
            raise absent(name, self.uri)
        for version in there:
            self._destroy(version, name)
        left = [v for v in self._find(name) if v.state == _State.DESTROY_SCHEDULED]
        until = max((f"{v.destroy_time:%Y-%m-%d %H:%M} UTC" for v in left), default="")
        said = (
            f"unusable now; a key administrator can restore it to {until}" if left else "destroyed"
        )
        return Destruction(name, final=not left, answer=said)

    def _destroy(self, version: Any, name: str) -> None:
        if version.state in _GONE:
            return
        with self._told(f"destroy {name}"):
            self._kms.destroy_crypto_key_version(request={"name": version.name}, **self._how)

    def _alive(self, name: str) -> None:
        there = self._find(name)
        if not there:
            raise absent(name, self.uri)
        if all(v.state in _GONE for v in there):
            raise destroyed(name, self.uri)

    def _find(self, name: str) -> list[Any]:
        """All versions of a key; none when there is no such key."""
        with self._told(f"read {name}"):
            try:
                request = {"parent": self._path(name)}
                return list(self._kms.list_crypto_key_versions(request=request, **self._how))
            except NotFound:
                return []

    def _check_sound(self, sound: bool, name: str) -> None:  # noqa: FBT001 of a comparison
        if not sound:
            raise KeyAccessError(
                f"what was said of key {name} was changed on its way (CRC-32C)",
                where=self.uri,
                fix="try again",
            )

    def _path(self, name: str) -> str:
        return f"{self._ring}/cryptoKeys/{name.replace('.', '--')}"  # which takes no dots

    @property
    def _kms(self) -> Any:
        return self._connect()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (PermissionDenied, Unauthenticated, GoogleAuthError) as error:
            raise KeyAccessError(
                f"permission denied: may not {what}",
                where=self.uri,
                fix="check the application's default credentials and its roles on the key ring",
            ) from error
        except (GoogleAPICallError, RetryError) as error:
            raise KeyAccessError(
                f"the key service does not answer: could not {what} ({type(error).__name__})",
                where=self.uri,
                fix="check network and key ring; nothing was lost, try again",
            ) from error


def open_kms(rest: str, access: Access) -> ServiceKms:
    """See the top of this file. Raises InputError for a URI that says something else."""
    ring, _, query = rest.partition("?")
    given = parse_qs(query)
    endpoint = given.get("endpoint", [None])[0]
    parts = ring.split("/")
    if parts[0::2] != ["projects", "locations", "keyRings"] or set(given) - {"endpoint"}:
        raise InputError(
            "not a key ring",
            where="STRONGROOM_KMS",
            fix="gcp-kms:projects/PROJECT/locations/LOCATION/keyRings/RING",
        )

    def connect() -> Any:
        if endpoint is not None and endpoint.startswith("127.0.0.1:"):
            transport = KeyManagementServiceGrpcTransport(channel=grpc.insecure_channel(endpoint))
            return kms_v1.KeyManagementServiceClient(transport=transport)
        options = {"api_endpoint": endpoint} if endpoint else None
        return kms_v1.KeyManagementServiceClient(client_options=options)

    return ServiceKms(KeyRing(f"gcp-kms:{rest}", ring, access, connect))


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of a few bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
