"""Sign a model, and verify one: files, manifest, signature and trust put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.statement import PAYLOAD_TYPE
from strongroom.keys.dsse import pae
from strongroom.keys.oms import GIT_PATHS, Discrepancy, Hashing, ModelManifest, compare
from strongroom.keys.oms_bundle import MAX_BUNDLE, Bundle
from strongroom.keys.oms_certificates import check_signer
from strongroom.keys.oms_files import hash_model
from strongroom.keys.oms_keys import ModelSigner, hash_of, key_hint
from strongroom.keys.oms_trust import ModelTrust, open_signature

SIGNATURE: Final = "model.sig"
"""Where a folder's signature lies unless said otherwise; beside a file it is FILE.sig."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of verifying a model whose signature itself is genuine."""

    name: str
    """As the signer called the model."""
    signer: str
    files: int
    """Covered by the signature."""
    problems: tuple[Discrepancy, ...]
    """Empty when the model is the one that was signed."""
    uncovered: tuple[str, ...]
    """Files that are there and that the signer left out of the signature."""


def signature_path(model: Path) -> Path:
    """Where a model's signature lies unless said otherwise."""
    return model / SIGNATURE if model.is_dir() else model.with_name(f"{model.name}.sig")


def survey_model(
    model: Path, signature: Path, *, ignored: Sequence[str] = (), allow_symlinks: bool = False
) -> ModelManifest:
    """The manifest of a model as it lies there, to be signed into the file `signature`.

    Raises InputError for what cannot be signed: a link, a device, a name that is not UTF-8.
    """
    own = _below(signature, model)
    hashing = Hashing(
        allow_symlinks=allow_symlinks,
        ignored=tuple(dict.fromkeys((*own, *map(_relative, ignored), *GIT_PATHS))),
    )
    found = hash_model(model, hashing, besides=signature)
    if found.refused:
        first = found.refused[0]
        raise InputError(
            first.reason, where=str(model / first.path), fix="copy the file, or --allow-symlinks"
        )
    return ModelManifest(model.resolve().name, hashing, found.resources)


def sign_manifest(
    manifest: ModelManifest,
    signer: ModelSigner,
    at: datetime,
    *,
    certificates: Sequence[Certificate] = (),
) -> bytes:
    """The signature file. With certificates, the signer's own comes first.

    Raises TrustError when that may not sign at that time, InputError when it is another key's.
    """
    hint: str | None = key_hint(signer.public)
    if certificates:
        if key_hint(check_signer(certificates[0], at, where="the certificate")) != hint:
            raise InputError(
                "the certificate is of another key", fix="give the certificate of this key first"
            )
        hint = None
    hash_of(signer.public)  # refuses curves that OMS does not know
    payload = manifest.to_statement().payload()
    chain = tuple(c.public_bytes(Encoding.DER) for c in certificates)
    return Bundle(payload, signer.sign(pae(PAYLOAD_TYPE, payload)), hint, chain).to_bytes()


def verify_model(model: Path, signature: Path, trust: ModelTrust, at: datetime) -> Verdict:
    """Whether a model is, file by file, the one that somebody trusted signed.

    1. The signature is over what it says, by somebody whom `trust` believes at that time.
    2. The files are hashed again as the signature says they were.
    3. Each signed file is there unchanged, and nothing else is.

    What does not hold in 3 is in the verdict. Raises IntegrityError and TrustError for 1,
    InputError for what cannot be read.
    """
    signed = open_signature(_read(signature), trust, at, where=str(signature))
    found = hash_model(model, signed.manifest.hashing, besides=signature)
    refused = {d.path: d for d in found.refused}
    changed = (d for d in compare(signed.manifest, found.resources) if d.path not in refused)
    problems = (*refused.values(), *changed)
    return Verdict(
        signed.manifest.name,
        signed.signer,
        len({resource.path for resource in signed.manifest.resources}),
        tuple(sorted(problems, key=lambda d: d.path)),
        found.uncovered,
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BUNDLE:
            raise LimitError(f"more than {MAX_BUNDLE} bytes of signature", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _below(path: Path, model: Path) -> tuple[str, ...]:
    """The signature's own place in the model, if it lies there."""
    resolved, root = path.resolve(), model.resolve()
    return (resolved.relative_to(root).as_posix(),) if resolved.is_relative_to(root) else ()


def _relative(path: str) -> str:
    """An ignored path as the manifest has it. Raises InputError for one that leads out."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or not parts:
        raise InputError("an ignored path lies below the model", where=path, fix="like notes/old")
    return "/".join(parts)
