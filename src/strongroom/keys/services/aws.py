"""AWS KMS: a symmetric key for each name, found by its alias.

    aws-kms:REGION[?prefix=PREFIX&endpoint=https://HOST]

A key's alias is alias/PREFIXNAME, where PREFIX is strongroom/ unless given.

Credentials come as boto3 finds them: environment, profile, role of the machine. What a key is bound
to goes with each call as encryption context, as a SHA-256, so that the service's own log has it.

The service keeps all material of a key for as long as the key: old versions cannot be retired. And
it destroys a key only after a waiting time, here the shortest it allows; until then a key
administrator can bring it back, and nobody can use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.keys.key_service import Access, Destruction, absent, changed, destroyed
from strongroom.keys.services.wrapped import ServiceKms, once

WAIT: Final = 7
"""Days until a key is destroyed: the fewest that the service allows."""
_GONE: Final = ("PendingDeletion", "PendingReplicaDeletion")


class AwsKeys:
    """The keys under one prefix in one region."""

    scheme = "aws"

    def __init__(self, uri: str, prefix: str, connect: Callable[[], Any]) -> None:
        """`connect` is called at first use."""
        self.uri = uri
        self._prefix = prefix
        self._connect = once(connect)

    def create(self, name: str) -> None:
        """The alias decides who was first; the key of who was second is taken back."""
        if self._state(name) is not None:
            self._alive(name)
            return
        with self._told(f"make key {name}"):
            made = self._kms.create_key(Description=f"Strongroom {name}")["KeyMetadata"]["KeyId"]
            try:
                self._kms.create_alias(AliasName=self._alias(name), TargetKeyId=made)
            except ClientError as error:
                if _code(error) != "AlreadyExistsException":
                    raise
                self._kms.schedule_key_deletion(KeyId=made, PendingWindowInDays=WAIT)

    def encrypt(self, name: str, data_key: bytes, bound: bytes) -> bytes:
        """See Engine."""
        with self._told(f"encrypt under {name}"):
            answer = self._kms.encrypt(
                KeyId=self._alias(name), Plaintext=data_key, EncryptionContext=_context(bound)
            )
        return bytes(answer["CiphertextBlob"])

    def decrypt(self, name: str, sealed: bytes, bound: bytes) -> bytes:
        """By this key only, whatever the ciphertext says of itself."""
        self._alive(name)
        try:
            with self._told(f"decrypt under {name}"):
                answer = self._kms.decrypt(
                    KeyId=self._alias(name),
                    CiphertextBlob=sealed,
                    EncryptionContext=_context(bound),
                )
        except ClientError as error:  # the ones that `_told` leaves: of what was sent
            raise changed() from error
        return bytes(answer["Plaintext"])

    def rotate(self, name: str) -> None:
        """New material in the same key, which decrypts what the old material encrypted."""
        self._alive(name)
        with self._told(f"rotate {name}"):
            self._kms.rotate_key_on_demand(KeyId=self._id(name))

    def retire(self, name: str, sealed: bytes) -> bool:  # noqa: ARG002 of a seam
        """It cannot be done: see the top of this file."""
        self._alive(name)
        return False

    def destroy(self, name: str) -> Destruction:
        """Disable the key, then schedule its destruction."""
        state = self._state(name)
        if state is None:
            raise absent(name, self.uri)
        if state["KeyState"] not in _GONE:
            with self._told(f"destroy {name}"):
                self._kms.disable_key(KeyId=state["KeyId"])
                self._kms.schedule_key_deletion(KeyId=state["KeyId"], PendingWindowInDays=WAIT)
        end = (self._state(name) or {}).get("DeletionDate")
        until = f"{end:%Y-%m-%d %H:%M} UTC" if end else f"{WAIT} days from now"
        return Destruction(
            name, final=False, answer=f"unusable now; a key administrator can restore it to {until}"
        )

    def _alive(self, name: str) -> None:
        """The service's own refusal does not say which key, and why."""
        state = self._state(name)
        if state is None:
            raise absent(name, self.uri)
        if state["KeyState"] in _GONE:
            raise destroyed(name, self.uri)

    def _id(self, name: str) -> str:
        """Some calls take no alias."""
        state = self._state(name)
        if state is None:
            raise absent(name, self.uri)
        return str(state["KeyId"])

    def _state(self, name: str) -> Any:
        """What the service says of a key; None when there is none."""
        with self._told(f"read {name}"):
            try:
                return self._kms.describe_key(KeyId=self._alias(name))["KeyMetadata"]
            except ClientError as error:
                if _code(error) != "NotFoundException":
                    raise
        return None

    def _alias(self, name: str) -> str:
        return (
            f"alias/{self._prefix}{name.replace('.', '/')}"  # no dots in an alias, `/` not in ours
        )

    @property
    def _kms(self) -> Any:
        return self._connect()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            said = _code(error)
            if said in _REFUSALS:
                raise KeyAccessError(
                    f"permission denied: may not {what} ({said})",
                    where=self.uri,
                    fix="check the credentials, the clock, and the key's policy",
                ) from error
            if said in _TAMPERED or said == "NotFoundException":
                raise
            raise KeyAccessError(
                f"refused to {what} ({said})", where=self.uri, fix="see the key in the AWS console"
            ) from error
        except BotoCoreError as error:
            raise KeyAccessError(
                f"the key service does not answer: could not {what} ({type(error).__name__})",
                where=self.uri,
                fix="check network and credentials; nothing was lost, try again",
            ) from error


_TAMPERED: Final = ("InvalidCiphertextException", "IncorrectKeyException", "ValidationException")
_REFUSALS: Final = (
    "AccessDeniedException",
    "AccessDenied",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "UnrecognizedClientException",
)


def open_kms(rest: str, access: Access) -> ServiceKms:
    """See the top of this file. Raises InputError for a URI that says something else."""
    region, _, query = rest.partition("?")
    given = parse_qs(query)
    if not region or set(given) - {"prefix", "endpoint"}:
        raise InputError(
            "not an AWS region",
            where="STRONGROOM_KMS",
            fix="aws-kms:eu-central-1, and credentials as the AWS tools take them",
        )

    def connect() -> Any:
        found = access.environment
        patience = Config(
            connect_timeout=access.timeout,
            read_timeout=access.timeout,
            retries={"total_max_attempts": access.attempts, "mode": "standard"},
        )
        session = boto3.session.Session(
            aws_access_key_id=found.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=found.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=found.get("AWS_SESSION_TOKEN"),
            region_name=region,
        )
        return session.client("kms", endpoint_url=given.get("endpoint", [None])[0], config=patience)

    prefix = given.get("prefix", ["strongroom/"])[0]
    return ServiceKms(AwsKeys(f"aws-kms:{rest}", prefix, connect))


def _code(error: ClientError) -> str:
    """What the service calls it. Classes of errors are a client's own, and made by each thread."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _context(bound: bytes) -> dict[str, str]:
    return {"strongroom": sha256(bound).hexdigest()}
