"""`strongroom sign`: sign a model's files, so that any OMS verifier can check them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography.x509 import Certificate

from strongroom.cli.options import key_passphrase
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.errors import InputError
from strongroom.keys.oms_certificates import load_certificates
from strongroom.keys.oms_keys import ModelSigner, key_hint, load_model_signer
from strongroom.keys.oms_models import sign_manifest, signature_path, survey_model
from strongroom.storage.files import write_file

app = typer.Typer(add_completion=False)


@app.command()
def sign(
    model: Annotated[Path, typer.Argument(help="The model: a folder, or a single file.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="ECDSA private key in PEM, mode 0600."),
    ] = None,
    pkcs11: Annotated[
        str | None, typer.Option("--pkcs11", metavar="URI", help="Or a key in a PKCS#11 token.")
    ] = None,
    cert_chain: Annotated[
        list[Path] | None,
        typer.Option("--cert-chain", metavar="FILE", help="Its certificate, then the issuers'."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write it there, not MODEL/model.sig."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="PATH", help="Leave this out; relative to the model."),
    ] = None,
    allow_symlinks: Annotated[
        bool,
        typer.Option("--allow-symlinks", help="Links to files count as what they lead to."),
    ] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Write an OpenSSF Model Signing signature: `model_signing verify` accepts it too.

    STRONGROOM_KEY_PASSPHRASE opens an encrypted key, STRONGROOM_PKCS11_PIN a token.
    """
    signature = to or signature_path(model)
    manifest = survey_model(model, signature, ignored=ignore or (), allow_symlinks=allow_symlinks)
    signer = model_signer(key, pkcs11)
    data = sign_manifest(manifest, signer, datetime.now(UTC), certificates=chain_of(cert_chain))
    write_file(signature, data)
    if form is Format.JSON:
        write_json(
            {
                "model": manifest.name,
                "digest": manifest.digest,
                "files": len(manifest.resources),
                "key": key_hint(signer.public),
                "signature": str(signature),
            }
        )
    else:
        said = f"[green]signed[/] {len(manifest.resources)} files of"
        people.print(said, manifest.name, manifest.digest.short, "into", signature)


def model_signer(key: Path | None, pkcs11: str | None) -> ModelSigner:
    """The key to sign with. Raises InputError unless exactly one is named, KeyAccessError."""
    if (key is None) is (pkcs11 is None):
        raise InputError("sign with which key?", fix="give either --key FILE or --pkcs11 URI")
    if key is not None:
        return load_model_signer(key, key_passphrase())
    from strongroom.keys.oms_token import TokenSigner  # noqa: PLC0415 - few have tokens

    return TokenSigner.open(pkcs11 or "", os.environ.get("STRONGROOM_PKCS11_PIN"))


def chain_of(files: list[Path] | None) -> tuple[Certificate, ...]:
    """All certificates of these files, in order."""
    return tuple(c for file in files or () for c in load_certificates(file))
