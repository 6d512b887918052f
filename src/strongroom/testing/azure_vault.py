"""A small Azure Key Vault for tests: its REST calls and rules, over HTTPS, as its reference tells.

Source: learn.microsoft.com/rest/api/keyvault/keys. It wants a bearer token and says by a challenge
where to get one, keeps deleted keys for 90 days, and lets a disabled version do nothing.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import itertools
import json
import ssl
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    BasicConstraints,
    CertificateBuilder,
    IPAddress,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    random_serial_number,
)
from cryptography.x509.oid import NameOID

_OAEP = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
_CHALLENGE = (
    'Bearer authorization="https://login.microsoftonline.com/tenant", '
    'resource="https://vault.azure.net"'
)


class Refused(Exception):
    """An answer that is an error: status, code, inner code."""

    def __init__(self, status: int, code: str, inner: str = "") -> None:
        super().__init__(status, code)
        self.status = status
        self.told = {"code": code, "message": code, "innererror": {"code": inner or code}}


@dataclass(slots=True)
class _Version:
    name: str
    secret: rsa.RSAPrivateKey
    created: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    enabled: bool = True

    def told(self, address: str) -> dict[str, Any]:
        public = self.secret.public_key().public_numbers()
        return {
            "key": {
                "kid": f"{address}/keys/{self.name}/{self.id}",
                "kty": "RSA",
                "key_ops": ["wrapKey", "unwrapKey"],
                "n": _text(public.n.to_bytes(256, "big")),
                "e": _text(public.e.to_bytes(3, "big")),
            },
            "attributes": self.attributes,
        }

    @property
    def attributes(self) -> dict[str, Any]:
        return {"enabled": self.enabled, "created": self.created, "updated": self.created}


class Vault:
    """What the server holds: versions by name, and which names are deleted."""

    def __init__(self) -> None:
        self.address = ""
        self.authorities = Path()
        self._keys: dict[str, list[_Version]] = {}
        self._deleted: dict[str, datetime] = {}
        self._seconds = itertools.count(int(time.time()))
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    @cached_property
    def _secrets(self) -> list[rsa.RSAPrivateKey]:
        """A few for all keys, since making one takes long; neighbours differ."""
        return [rsa.generate_private_key(65537, 2048) for _ in range(4)]

    def answer(self, method: str, path: list[str], body: dict[str, Any]) -> dict[str, Any]:
        """One call. Raises Refused."""
        with self._lock:
            match method, *path:
                case "POST", "keys", name, "create":
                    return self._create(name)
                case "GET", "keys", name, "versions":
                    found = self._keys.get(name, []) if name not in self._deleted else []
                    told = [v.told(self.address) for v in found]
                    return {"value": [{**t["key"], "attributes": t["attributes"]} for t in told]}
                case "GET", "keys", name, *version:
                    return self._version(name, *version).told(self.address)
                case "PATCH", "keys", name, version:
                    found_one = self._version(name, version)
                    found_one.enabled = body["attributes"]["enabled"]
                    return found_one.told(self.address)
                case "POST", "keys", name, version, "unwrapkey":
                    return self._unwrap(self._version(name, version), body)
                case "DELETE", "keys", name:
                    self._version(name)
                    self._deleted[name] = datetime.now(UTC)
                    return self._told_deleted(name)
                case "GET", "deletedkeys", name:
                    return self._told_deleted(name)
        raise Refused(404, "NotFound")

    def _create(self, name: str) -> dict[str, Any]:
        if name in self._deleted:
            raise Refused(409, "Conflict", "ObjectIsDeletedButRecoverable")
        secret = self._secrets[next(self._numbers) % len(self._secrets)]
        made = _Version(name, secret, next(self._seconds))
        self._keys.setdefault(name, []).append(made)
        return made.told(self.address)

    def _version(self, name: str, version: str = "") -> _Version:
        there = [v for v in self._keys.get(name, []) if version in ("", v.id)]
        if name in self._deleted or not there:
            raise Refused(404, "KeyNotFound")
        return there[-1]

    def _unwrap(self, version: _Version, body: dict[str, Any]) -> dict[str, Any]:
        if not version.enabled:
            raise Refused(403, "Forbidden", "KeyDisabled")
        try:
            plain = version.secret.decrypt(_bytes(body["value"]), _OAEP)
        except ValueError as error:
            raise Refused(400, "BadParameter") from error
        return {"kid": f"{self.address}/keys/{version.name}/{version.id}", "value": _text(plain)}

    def _told_deleted(self, name: str) -> dict[str, Any]:
        if name not in self._deleted:
            raise Refused(404, "KeyNotFound")
        gone = self._deleted[name]
        return {
            **self._keys[name][-1].told(self.address),
            "recoveryId": f"{self.address}/deletedkeys/{name}",
            "deletedDate": int(gone.timestamp()),
            "scheduledPurgeDate": int((gone + timedelta(days=90)).timestamp()),
        }


def _handler(vault: Vault) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self.headers.get("Authorization", "").startswith("Bearer "):
                self._say(401, {"error": {"code": "Unauthorized"}})
                return
            path = [part for part in urlsplit(self.path).path.split("/") if part]
            try:
                self._say(200, vault.answer(self.command, path, json.loads(body or b"{}")))
            except Refused as refused:
                self._say(refused.status, {"error": refused.told})

        def _say(self, status: int, told: dict[str, Any]) -> None:
            data = json.dumps(told).encode()
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", _CHALLENGE)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 the base class's names

    return Handler


@contextlib.contextmanager
def azure_vault() -> Iterator[Vault]:
    """Start it, and stop it at the end."""
    vault = Vault()
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadingHTTPServer(("127.0.0.1", 0), _handler(vault)) as server,
    ):
        vault.authorities = Path(folder, "server.pem")
        vault.authorities.write_bytes(_certificate())
        secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secured.load_cert_chain(vault.authorities)
        server.daemon_threads = True
        server.socket = secured.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        vault.address = f"https://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield vault
        finally:
            server.shutdown()


def _certificate() -> bytes:
    """For this machine, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = Name([NameAttribute(NameOID.COMMON_NAME, "a vault for tests")])
    here = IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(SubjectAlternativeName([here]), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + private


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
