"""Opening: verify everything that is said about a version, then decrypt it in memory.

1. The seal is signed by a key that the trust policy lets seal this system, and is in the ledger;
   the version's name is the digest of what the seal says (`reading` and `statements` see to that).
2. Nobody shredded the version; that its key is asked for is told in the ledger first.
3. Each sealed object opens with the version's key, in its place, whole and unchanged.
4. Each plaintext has the digest that was decided about.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.home.home import Home
from strongroom.home.sealed_keys import SealedKeys
from strongroom.keys.sealing import open_stream
from strongroom.registry.sealing import file_context
from strongroom.registry.statements import Seal, SealedFile
from strongroom.storage.files import told, write_file


@dataclass(frozen=True, slots=True)
class Opened:
    """A version that was verified, decrypted in memory."""

    seal: Seal
    files: Mapping[str, bytes] = field(repr=False)
    """Plaintext by path."""

    @property
    def version(self) -> Digest:
        """The version's name."""
        return self.seal.version

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write the plaintext to `folder`, which must be empty or absent: all of it or nothing.

        Raises InputError for a folder that is in use, IntegrityError for a path that leads out
        of it, StoreError.
        """
        folder = folder.resolve()
        with told(folder):
            if folder.exists() and any(folder.iterdir()):
                raise InputError("the folder is not empty", where=str(folder), fix="name a new one")
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for path, data in self.files.items():
                target = draft.joinpath(*_parts(path))
                with told(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                write_file(target, data, mode=0o600)
            with told(folder):
                draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return tuple(folder.joinpath(*_parts(path)) for path in self.files)


def open_seal(home: Home, seal: Seal) -> Opened:
    """Decrypt the files of a seal that `reading` vouched for.

    Raises IntegrityError that names the file, KeyAccessError when the KMS does not give the key.
    """
    key = SealedKeys(home).open(seal.wrapping, "open")
    return Opened(seal, {file.path: _open_file(home, seal, file, key) for file in seal.files})


def _open_file(home: Home, seal: Seal, file: SealedFile, key: bytes) -> bytes:
    plain = io.BytesIO()
    context = file_context(seal.system, seal.version, file.path)
    with told(Path(file.path)), home.objects.open(file.object) as sealed:
        open_stream(sealed, plain, key, context, where=file.path)
    data = plain.getvalue()
    if sha256(data) != file.digest:
        raise IntegrityError("what was sealed is not what was decided about", where=file.path)
    return data


def _parts(path: str) -> tuple[str, ...]:
    """The parts of a path from a seal, which may not lead out of its folder."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts:
        raise IntegrityError("a path that leads out of the folder", where=path)
    return pure.parts
