"""OpenBao and Vault: the transit engine.

    openbao:https://HOST:PORT[/MOUNT][?namespace=NAMESPACE]      `vault:` is the same

From the environment: VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID (AppRole); VAULT_NAMESPACE;
VAULT_CACERT. Each also as BAO_….

Keys are of type aes256-gcm96; what they are bound to goes with each call as associated data. A
destroyed key leaves a key NAME.destroyed behind, which wraps nothing, so that its name is not
used again; that one is made first and so outlives a crash in between.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, Unauthorized, VaultError
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.keys.key_service import Access, Destruction, absent, changed, destroyed
from strongroom.keys.services.wrapped import ServiceKms

_LATER: Final = (412, 429, 500, 502, 503, 504)
"""Answers that may be others in a moment; 503 is also a sealed server."""
_PAUSE: Final = 0.1
"""Seconds before the second repetition; twice as long before each further one."""
_AHEAD: Final = 2
"""Bytes of a key version's number."""


class Transit:
    """One mount of the engine."""

    scheme = "vault"

    def __init__(self, uri: str, mount: str, connect: Callable[[], hvac.Client]) -> None:
        """`connect` is called at first use, and again when a token has run out."""
        self.uri = uri
        self._mount = mount
        self._connect = connect
        self._client: hvac.Client | None = None

    def create(self, name: str) -> None:
        """Making a key that is there changes nothing, by the engine's own rule."""
        if self._was_destroyed(name):
            raise destroyed(name, self.uri)
        with self._told(f"make key {name}"):
            self._call("create_key", name, key_type="aes256-gcm96")

    def encrypt(self, name: str, data_key: bytes, bound: bytes) -> bytes:
        """`vault:v3:BASE64` comes back as the version and the bytes: base64 has slack to forge."""
        with self._told(f"encrypt under {name}"):
            answer = self._call(
                "encrypt_data", name, plaintext=_b64(data_key), associated_data=_b64(bound)
            )
        _, version, text = answer["data"]["ciphertext"].split(":")
        return int(version[1:]).to_bytes(_AHEAD, "big") + base64.b64decode(text, validate=True)

    def decrypt(self, name: str, sealed: bytes, bound: bytes) -> bytes:
        """The engine refuses in words alone; those that we do not know count as tampering."""
        version = int.from_bytes(sealed[:_AHEAD], "big")
        if version < 1:
            raise changed()  # the engine would take 0 for 1
        text = f"vault:v{version}:{_b64(sealed[_AHEAD:])}"
        try:
            with self._told(f"decrypt under {name}"):
                answer = self._call(
                    "decrypt_data", name, ciphertext=text, associated_data=_b64(bound)
                )
            return base64.b64decode(answer["data"]["plaintext"], validate=True)
        except InvalidRequest as error:
            said = str(error)
            if "key not found" in said:
                gone = destroyed if self._was_destroyed(name) else absent
                raise gone(name, self.uri) from error
            if "too old" in said:
                raise KeyAccessError(
                    f"wrapped under version {version} of key {name}, which was retired",
                    where=self.uri,
                    fix="open it by its newest wrapping: `strongroom keys rotate` made one",
                ) from error
            raise changed() from error
        except (KeyError, TypeError, binascii.Error) as error:
            raise changed() from error

    def rotate(self, name: str) -> None:
        """A new version of the key."""
        self._require(name)
        with self._told(f"rotate {name}"):
            self._call("rotate_key", name)

    def retire(self, name: str, sealed: bytes) -> bool:
        """Set the lowest version that decrypts, and delete the ones below it."""
        lowest = int.from_bytes(sealed[:_AHEAD], "big")
        known = self._require(name)
        if known["min_decryption_version"] > lowest:
            raise KeyAccessError(f"version {lowest} of key {name} was retired", where=self.uri)
        with self._told(f"retire versions of {name}"):
            # In this order: what encrypts may never be older than what decrypts.
            self._call("update_key_configuration", name, min_encryption_version=lowest)
            self._call("update_key_configuration", name, min_decryption_version=lowest)
            if known["min_available_version"] < lowest:  # trimming twice is an error there
                self._call("trim_key", name, min_version=lowest)
        return True

    def destroy(self, name: str) -> Destruction:
        """Leave the tombstone, allow deletion, delete."""
        done = Destruction(name, final=True, answer="the transit engine deleted the key")
        known = self._read(name)
        if known is None:
            if not self._was_destroyed(name):
                raise absent(name, self.uri)
            return done
        with self._told(f"destroy {name}"):
            self._call("create_key", _tombstone(name), key_type="aes256-gcm96")
            self._call("update_key_configuration", name, deletion_allowed=True)
            self._call("delete_key", name)
        if self._read(name) is not None:
            raise KeyAccessError(f"key {name} is still there after its deletion", where=self.uri)
        return done

    def _require(self, name: str) -> Any:
        known = self._read(name)
        if known is None:
            raise (destroyed if self._was_destroyed(name) else absent)(name, self.uri)
        return known

    def _was_destroyed(self, name: str) -> bool:
        return self._read(_tombstone(name)) is not None

    def _read(self, name: str) -> Any:
        """What the engine says of a key; None when there is none."""
        with self._told(f"read {name}"):
            try:
                return self._call("read_key", name)["data"]
            except InvalidPath:
                return None

    def _call(self, method: str, name: str, **fields: object) -> Any:
        """Once more with a fresh token when the old one has run out."""
        known = self._client  # another thread may forget it meanwhile
        client = self._client = known or self._connect()
        transit = client.secrets.transit
        try:
            return getattr(transit, method)(name=name, mount_point=self._mount, **fields)
        except (Forbidden, Unauthorized):
            if known is None:
                raise
            self._client = None
            return self._call(method, name, **fields)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Errors in our words: a server's may repeat what was sent."""
        try:
            yield
        except (InvalidRequest, InvalidPath) as error:
            if what.startswith("decrypt"):
                raise
            raise KeyAccessError(
                f"refused to {what}", where=self.uri, fix=f"is transit mounted at {self._mount}?"
            ) from error
        except (Forbidden, Unauthorized) as error:
            raise KeyAccessError(
                f"permission denied: may not {what}, or the token has expired",
                where=self.uri,
                fix="give VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, with that policy",
            ) from error
        except (VaultError, requests.RequestException) as error:
            raise KeyAccessError(
                f"the key service does not answer: could not {what}",
                where=self.uri,
                fix="check that it is up, unsealed and reachable; nothing was lost, try again",
            ) from error


def open_kms(rest: str, access: Access) -> ServiceKms:
    """See the top of this file. Raises InputError for a URI that says something else."""
    parts = urlsplit(rest)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise InputError(
            "not the address of a transit engine",
            where="STRONGROOM_KMS",
            fix="openbao:https://HOST:8200/transit, and the token in VAULT_TOKEN",
        )
    server = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    mount = parts.path.strip("/") or "transit"
    given = parse_qs(parts.query).get("namespace")
    namespace = given[0] if given else _setting(access, "NAMESPACE")

    def connect() -> hvac.Client:
        client = hvac.Client(
            url=server,
            timeout=access.timeout,
            namespace=namespace,
            session=_session(access),
            verify=_setting(access, "CACERT") or True,
        )
        _log_in(client, access)
        return client

    return ServiceKms(Transit(f"openbao:{rest}", mount, connect))


def _log_in(client: hvac.Client, access: Access) -> None:
    token = _setting(access, "TOKEN")
    role, secret = _setting(access, "ROLE_ID"), _setting(access, "SECRET_ID")
    if role and secret:
        client.auth.approle.login(role_id=role, secret_id=secret)
    elif token:
        client.token = token
    else:
        raise InputError(
            "no token for the transit engine",
            where=str(client.url),
            fix="set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID",
        )


def _session(access: Access) -> requests.Session:
    again = Retry(
        total=access.attempts - 1,
        backoff_factor=_PAUSE,
        status_forcelist=_LATER,
        allowed_methods=None,
        raise_on_status=False,
    )
    session = requests.Session()
    session.trust_env = False  # a .netrc or proxy that was meant for others
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    return session


def _setting(access: Access, name: str) -> str | None:
    found = access.environment
    return found.get(f"VAULT_{name}") or found.get(f"BAO_{name}") or None


def _tombstone(name: str) -> str:
    return f"{name}.destroyed"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
