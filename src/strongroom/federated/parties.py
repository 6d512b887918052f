"""A party's folder: its key (locked), its certificate, the authority's, and the plan.

key.pem          encrypted; opened by STRONGROOM_KEY_PASSPHRASE, or by `local.secret` beside it
certificate.pem  of the federation's authority
authority.pem    whose certificates are believed
plan.toml        what all agreed on
given.jsonl      a bank's sums so far: see `discretion`
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from strongroom.domain.errors import StoreError
from strongroom.federated.certificates import authority_certificate, certificate_of
from strongroom.federated.plan import MAX_FILE, Plan, parse_plan
from strongroom.keys.files import load_key, save_key
from strongroom.keys.keypair import KeyPair, PublicKey, generate
from strongroom.keys.private import create_private
from strongroom.storage.files import told, write_file

SECRET: Final = "local.secret"
LASTS: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Party:
    """An opened folder."""

    folder: Path
    key: KeyPair
    secret: bytes
    """Opens key.pem."""

    @property
    def plan(self) -> Plan:
        """The party's own copy. Raises StoreError, InputError."""
        path = self.folder / "plan.toml"
        with told(path), path.open("rb") as source:
            return parse_plan(source.read(MAX_FILE + 1), where=str(path))


def enrol(folder: Path, passphrase: bytes | None) -> PublicKey:
    """Make a party's folder and key; returns what the authority and the plan need to know."""
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    secret = passphrase or os.urandom(32).hex().encode()
    pair = generate()
    save_key(pair, folder / "key.pem", secret, guessable=passphrase is not None)
    if passphrase is None and not create_private(folder / SECRET, secret):
        raise StoreError("a secret is there already", where=str(folder / SECRET))
    return pair.public


def open_party(folder: Path, passphrase: bytes | None) -> Party:
    """Unlock a party's key. Raises KeyAccessError, StoreError."""
    secret = passphrase
    if secret is None:
        path = folder / SECRET
        with told(path):
            secret = path.read_bytes()
    return Party(folder, load_key(folder / "key.pem", secret), secret)


def make_authority(folder: Path, passphrase: bytes | None, now: datetime) -> None:
    """A federation's authority: a key, and its own certificate. Raises KeyAccessError if there."""
    enrol(folder, passphrase)
    certificate = authority_certificate(open_party(folder, passphrase).key, now, LASTS)
    write_file(folder / "authority.pem", certificate)


def admit(authority: Party, name: str, key: PublicKey, now: datetime, into: Path) -> None:
    """Write a certificate of that name for that key, and the authority's, into a folder."""
    certificate = certificate_of(authority.key, name, key, now, LASTS)
    own = authority.folder / "authority.pem"
    with told(own):
        believed = own.read_bytes()
    write_file(into / "certificate.pem", certificate)
    write_file(into / "authority.pem", believed)
