"""Making a home: built beside its place, then moved there whole, so that half a home never is."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.errors import InputError, StoreError
from strongroom.keys.files import save_key
from strongroom.keys.keypair import KeyPair, generate
from strongroom.keys.trust import Role, TrustedKey, TrustPolicy
from strongroom.ledger.log import Ledger
from strongroom.storage.files import sync_folder, told, write_file

FORMAT: Final = 1
"""Version of the folder's layout."""
VALIDITY: Final = timedelta(days=730)
"""How long a key may sign. Source: NIST SP 800-57 part 1 rev. 5, 5.3.6 (one to three years)."""
SERVICES: Final[Mapping[str, tuple[Role, ...]]] = {
    "assessor": (Role.EVIDENCE,),
    "gate": (Role.DECISION,),
    "registry": (Role.SEAL, Role.PROMOTION, Role.BUNDLE),
    "recorder": (Role.PROVENANCE, Role.MATERIALS),
    "ledger": (Role.CHECKPOINT,),
}
"""The keys that the house signs with, and for what."""
SECRET: Final = "local.secret"


@dataclass(frozen=True, slots=True)
class Identity:
    """What `home.json` says."""

    id: str
    """Sixteen hexadecimal digits; the database and the ledger's origin carry it too."""
    version: int = FORMAT

    @property
    def origin(self) -> str:
        """The ledger's name in its checkpoints."""
        return f"strongroom.local/{self.id}"

    @classmethod
    def read(cls, folder: Path) -> Identity:
        """Raises StoreError for a folder that is no home, or one of a newer format."""
        path = folder / "home.json"
        with told(path):
            data = path.read_bytes()
        try:
            raw = parse_json(data, where=str(path))
            identity = cls(str(raw["id"]), int(raw["version"]))
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise StoreError("the home's own file is damaged", where=str(path)) from error
        if identity.version > FORMAT:
            raise StoreError(
                f"the home has format {identity.version}, this release knows up to {FORMAT}",
                where=str(folder),
                fix="use the release that wrote it, or a newer one",
            )
        return identity


def key_file(folder: Path, name: str) -> Path:
    """Where the home keeps a private key."""
    return folder / "keys" / f"{name}.pem"


def make_home(folder: Path, passphrase: bytes | None, now: datetime) -> None:
    """Make the folder with keys, trust policy and an empty ledger, unless somebody just did."""
    folder = folder.resolve()
    with told(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        _furnish(draft, passphrase, now)
        with told(folder):
            try:
                draft.rename(folder)
            except OSError:
                if not (folder / "home.json").exists():
                    raise
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _furnish(draft: Path, passphrase: bytes | None, now: datetime) -> None:
    with told(draft):
        (draft / "keys").mkdir(mode=0o700)
    secret = passphrase or secrets.token_bytes(32)
    if passphrase is None:
        write_file(draft / SECRET, secret, mode=0o600)
    signers = {name: generate() for name in SERVICES}
    for name, signer in signers.items():
        save_key(signer, key_file(draft, name), secret, guessable=passphrase is not None)
    write_file(draft / "trust.json", _policy(signers, now).to_bytes())
    identity = Identity(secrets.token_hex(8))
    Ledger.create(draft / "ledger", identity.origin, signers["ledger"]).close()
    write_file(draft / "home.json", canonical(identity))


def _policy(signers: Mapping[str, KeyPair], now: datetime) -> TrustPolicy:
    return TrustPolicy(
        tuple(
            TrustedKey(name, signer.public, SERVICES[name], ("*",), now, now + VALIDITY)
            for name, signer in signers.items()
        )
    )
