"""A local Hugging Face folder, checked before anything reads it: pinned whole, and scanned."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from strongroom.assess.scanner.walk import files_under
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import DeniedError
from strongroom.integrations.admission import admitted, refuse_hazards
from strongroom.integrations.deliver import model_files
from strongroom.registry.opening import Opened
from strongroom.storage.files import told

Pins = Mapping[str, Digest]
"""Digest by path below the folder: all that may be there, and all that must."""


def pins_of(source: Opened | Path) -> Pins:
    """The pins of a sealed version's model, or of a folder as it is now."""
    if isinstance(source, Opened):
        return {path: sha256(data) for path, data in model_files(source.files).items()}
    return {f.relative_to(source).as_posix(): _digest(f) for f in files_under([source])}


def checked_folder(folder: Path, pins: Pins) -> Path:
    """The folder, fit for `from_pretrained(…, local_files_only=True)`.

    Raises DeniedError when a file is missing, was added or differs from its pin, and when the
    scanner finds what must not be loaded.
    """
    found = {f.relative_to(folder).as_posix(): _digest(f) for f in files_under([folder])}
    wrong = [
        *(f"{path} is not pinned" for path in sorted(found.keys() - pins.keys())),
        *(f"{path} is missing" for path in sorted(pins.keys() - found.keys())),
        *(
            f"{path} is not the file that is pinned"
            for path in sorted(found.keys() & pins.keys())
            if found[path] != pins[path]
        ),
    ]
    if wrong or not pins:
        raise DeniedError("; ".join(wrong[:5]) or "nothing is pinned", where=str(folder))
    refuse_hazards(folder, admitted())
    return folder


def _digest(file: Path) -> Digest:
    with told(file), file.open("rb") as source:
        return Digest("sha256", hashlib.file_digest(source, "sha256").hexdigest())
