"""Azure Key Vault: an RSA key of the vault for each name.

    azure-kv:https://VAULT.vault.azure.net[?prefix=PREFIX]

Credentials come as azure-identity finds them: environment, workload identity, the machine's own. A
vault on this machine is asked without any. `REQUESTS_CA_BUNDLE` names other authorities to trust.

A vault wraps by RSA-OAEP-256, which has no room for what a key is bound to. So a data key is locked
under a random one-time key by AES-256-GCM, bound to all that it must be bound to, and the vault
wraps the one-time key:

    length of version[1], version, length of wrapped[2], wrapped one-time key, locked data key

See docs/decisions/azure-wraps-a-one-time-key.md. Old versions of a key are disabled, which a key
administrator can undo. A deleted key is unusable at once and restorable for the vault's retention
time, 7 to 90 days, unless an administrator purges it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, KeyWrapAlgorithm
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.keys.key_service import KEY, Access, Destruction, absent, changed, destroyed
from strongroom.keys.services.wrapped import ServiceKms

BITS: Final = 3072
"""Of an RSA key. Source: NIST SP 800-57 part 1 rev. 5, table 2 (128 bits of strength)."""
_ALGORITHM: Final = KeyWrapAlgorithm.rsa_oaep_256
_ONCE: Final = bytes(12)
"""The nonce: a one-time key locks one message."""
_VERSION: Final = re.compile(r"[0-9a-f]{32}\Z")
_LONGEST: Final = 127
"""Characters of a key's name that the service takes: letters, digits and `-`."""
_SPELLED: Final = str.maketrans({"-": "-0", ".": "-1", "_": "-2"})
_PREFIX: Final = re.compile(r"[a-z0-9-]{0,32}\Z")


class VaultKeys:
    """The keys under one prefix in one vault."""

    scheme = "azure"

    def __init__(self, uri: str, vault: str, prefix: str, access: Access) -> None:
        """Nothing is asked of the vault yet."""
        self.uri = uri
        self._vault = vault
        self._prefix = prefix
        self._how = _patience(access)
        self._credential: Any = None
        self._client: Any = None
        if _is_here(vault):
            self._credential = _NoCredential()
            self._how["verify_challenge_resource"] = False  # it is no vault.azure.net

    def create(self, name: str) -> None:
        """Two that are first at once make two versions of one key, which is as good."""
        if self._found(name) is not None:
            return
        with self._told(f"make key {name}"):
            try:
                self._kms.create_rsa_key(self._name(name), size=BITS)
            except ResourceExistsError as error:  # deleted between the two calls
                raise destroyed(name, self.uri) from error

    def encrypt(self, name: str, data_key: bytes, bound: bytes) -> bytes:
        """The one-time key is wrapped here, by the public half of the vault's key."""
        key = self._alive(name)
        once = os.urandom(KEY)
        with self._told(f"encrypt under {name}"):
            wrapped = bytes(self._crypto(key).wrap_key(_ALGORITHM, once).encrypted_key)
        version = str(key.properties.version).encode()
        head = bytes([len(version)]) + version + len(wrapped).to_bytes(2, "big") + wrapped
        return head + AESGCM(once).encrypt(_ONCE, data_key, head + bound)

    def decrypt(self, name: str, sealed: bytes, bound: bytes) -> bytes:
        """Raises IntegrityError, KeyAccessError."""
        version, wrapped, end = _parts(sealed)
        with self._told(f"decrypt under {name}"):
            try:
                crypto = self._crypto(f"{self._vault}/keys/{self._name(name)}/{version}")
                once = crypto.unwrap_key(_ALGORITHM, wrapped).key
            except ResourceNotFoundError as error:
                self._alive(name)
                raise changed() from error
            except HttpResponseError as error:
                if _code(error) == "KeyDisabled":
                    what = f"wrapped under a version of key {name} that was retired"
                    raise KeyAccessError(what, where=self.uri) from error
                if error.status_code == _BAD_REQUEST:
                    raise changed() from error
                raise
        try:
            return AESGCM(once).decrypt(_ONCE, sealed[end:], sealed[:end] + bound)
        except (InvalidTag, ValueError) as error:
            raise changed() from error

    def rotate(self, name: str) -> None:
        """A new version, which is the one that is found from then on."""
        self._alive(name)
        with self._told(f"rotate {name}"):
            self._kms.create_rsa_key(self._name(name), size=BITS)

    def retire(self, name: str, sealed: bytes) -> bool:
        """Disable the versions before; False when one is of the same second, which stays."""
        version, _, _ = _parts(sealed)
        self._alive(name)
        with self._told(f"retire {name}"):
            there = list(self._kms.list_properties_of_key_versions(self._name(name)))
            mine = next((v for v in there if v.version == version), None)
            if mine is None:
                raise changed()
            for old in there:
                if old.created_on < mine.created_on and old.enabled:
                    self._kms.update_key_properties(self._name(name), old.version, enabled=False)
        return not any(v.created_on == mine.created_on and v.version != version for v in there)

    def destroy(self, name: str) -> Destruction:
        """Delete the key. It is not purged: that takes a right that few should have."""
        if self._state(name) is None:
            raise absent(name, self.uri)
        with self._told(f"destroy {name}"):
            with suppress(ResourceNotFoundError):  # it was deleted before
                self._kms.begin_delete_key(self._name(name), _polling_interval=0.1).wait()
            gone = self._kms.get_deleted_key(self._name(name))
        until = f"{gone.scheduled_purge_date:%Y-%m-%d %H:%M} UTC"
        said = f"unusable now; a key administrator can restore it to {until}, or purge it"
        return Destruction(name, final=False, answer=said)

    def _alive(self, name: str) -> Any:
        key = self._found(name)
        if key is None:
            raise absent(name, self.uri)
        return key

    def _found(self, name: str) -> Any:
        """The key with its newest version, None if there is none. Raises KeyAccessError."""
        state = self._state(name)
        if state == _DELETED:
            raise destroyed(name, self.uri)
        return state

    def _state(self, name: str) -> Any:
        with self._told(f"read {name}"):
            try:
                return self._kms.get_key(self._name(name))
            except ResourceNotFoundError:
                try:
                    self._kms.get_deleted_key(self._name(name))
                except ResourceNotFoundError:
                    return None
        return _DELETED

    def _name(self, name: str) -> str:
        """Every name of ours as another name there."""
        spelled = self._prefix + name.translate(_SPELLED)
        if len(spelled) > _LONGEST:
            raise InputError(f"too long a name for a vault's key: {name}", where=self.uri)
        return spelled

    def _crypto(self, key: Any) -> Any:
        """A key as it was found, or its identifier."""
        self._kms  # noqa: B018 so that there is a credential
        return CryptographyClient(key, self._credential, **self._how)

    @property
    def _kms(self) -> Any:
        if self._client is None:
            self._credential = self._credential or DefaultAzureCredential()
            self._client = KeyClient(self._vault, self._credential, **self._how)
        return self._client

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except ClientAuthenticationError as error:
            raise self._refused(what) from error
        except (ResourceNotFoundError, ResourceExistsError):
            raise
        except HttpResponseError as error:
            if error.status_code == _FORBIDDEN:
                raise self._refused(what) from error
            raise self._down(what, error) from error
        except AzureError as error:
            raise self._down(what, error) from error

    def _refused(self, what: str) -> KeyAccessError:
        return KeyAccessError(
            f"permission denied: may not {what}",
            where=self.uri,
            fix="check the identity, its roles on the vault, and the vault's firewall",
        )

    def _down(self, what: str, error: Exception) -> KeyAccessError:
        return KeyAccessError(
            f"the key service does not answer: could not {what} ({type(error).__name__})",
            where=self.uri,
            fix="check network and vault; nothing was lost, try again",
        )


_DELETED: Final = "deleted"
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403


class _NoCredential:
    """For a vault on this machine: the client library insists on a token."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("none", 2**40)


def open_kms(rest: str, access: Access) -> ServiceKms:
    """See the top of this file. Raises InputError for a URI that says something else."""
    address, _, query = rest.partition("?")
    given = parse_qs(query)
    parts = urlsplit(address)
    prefix = given.get("prefix", ["strongroom-"])[0]
    if (
        parts.scheme != "https"
        or not parts.hostname
        or "@" in parts.netloc
        or parts.path.strip("/")
        or set(given) - {"prefix"}
        or not _PREFIX.match(prefix)
    ):
        raise InputError(
            "not the address of a key vault",
            where="STRONGROOM_KMS",
            fix="azure-kv:https://VAULT.vault.azure.net, and credentials as azure-identity "
            "takes them",
        )
    return ServiceKms(VaultKeys(f"azure-kv:{rest}", address.rstrip("/"), prefix, access))


def _is_here(vault: str) -> bool:
    return urlsplit(vault).hostname == "127.0.0.1"


def _patience(access: Access) -> dict[str, Any]:
    how: dict[str, Any] = {
        "connection_timeout": access.timeout,
        "read_timeout": access.timeout,
        "retry_total": access.attempts - 1,
        "retry_backoff_factor": 0.1,
    }
    if authorities := access.environment.get("REQUESTS_CA_BUNDLE"):
        how["connection_verify"] = authorities
    return how


def _parts(sealed: bytes) -> tuple[str, bytes, int]:
    """Version, wrapped one-time key, and where the locked data key begins."""
    at = 1 + (sealed[0] if sealed else 0)
    version = sealed[1:at].decode("ascii", "replace")
    end = at + 2 + int.from_bytes(sealed[at : at + 2], "big")
    if not _VERSION.match(version) or end > len(sealed):
        raise changed()
    return version, sealed[at + 2 : end], end


def _code(error: HttpResponseError) -> str:
    """What the vault calls the inner reason of a refusal."""
    inner = getattr(error.error, "innererror", None)
    return str(inner.get("code", "")) if isinstance(inner, Mapping) else ""
