"""Arguments and options that several verbs share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

FolderArgument = Annotated[
    Path, typer.Argument(metavar="[DIR]", help="The folder that holds strongroom.yaml.")
]
HomeOption = Annotated[
    Path,
    typer.Option(
        "--home", envvar="STRONGROOM_HOME", metavar="DIR", help="The store: evidence, keys, ledger."
    ),
]
ActorOption = Annotated[
    str,
    typer.Option(
        "--as",
        envvar="STRONGROOM_ACTOR",
        metavar="NAME",
        help="Who you are, where an access policy asks; STRONGROOM_KEY_PASSPHRASE opens your key.",
    ),
]
HERE = Path()
HOME = Path(".strongroom")
MANIFEST = "strongroom.yaml"


def key_passphrase() -> bytes | None:
    """What opens a person's key: STRONGROOM_KEY_PASSPHRASE, or None for the home's own."""
    given = os.environ.get("STRONGROOM_KEY_PASSPHRASE")
    return given.encode() if given else None


def manifest_in(folder: Path) -> Path:
    """The manifest that `[DIR]` means: a folder that holds one, or the file itself."""
    return folder / MANIFEST if folder.is_dir() or not folder.exists() else folder
