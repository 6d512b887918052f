"""The trained detector out of a registry: verified, decrypted in memory, never written."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Final

from strongroom.cli.leave import ask_leave
from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError
from strongroom.governance.access.policy import Action
from strongroom.guard.detectors.injection_model import (
    ENCODER_FILES,
    FILES,
    InjectionModel,
    load_files,
)
from strongroom.home.home import Home
from strongroom.registry.registry import Registry

_REFERENCE: Final = re.compile(r"sealed:([a-z0-9][a-z0-9_-]{0,62})@([a-z]+)")


def sealed_detector(system: str, stage: Stage, home: Path, actor: str) -> InjectionModel:
    """The detector that stands in a stage, if the access policy lets the actor open it.

    Raises InputError where nothing stands there or it is no detector; IntegrityError, TrustError
    for one that was tampered with or that nobody vouched for; KeyAccessError, DeniedError.
    """
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.OPEN, system, stage)
        files = Registry(opened).open(system, stage).files
    where = f"sealed:{system}@{stage}"
    held: dict[str, bytes] = {}
    for path, data in files.items():
        name = PurePosixPath(path).name
        if name in (*FILES, *ENCODER_FILES):
            if name in held:
                raise InputError(f"holds {name} more than once", where=where)
            held[name] = data
    return load_files(held, where)


def parsed(reference: str) -> tuple[str, Stage]:
    """System and stage of `sealed:SYSTEM@STAGE`. Raises InputError."""
    match = _REFERENCE.fullmatch(reference)
    if match is None or match[2] not in set(Stage):
        fix = f"sealed:SYSTEM@STAGE, of {', '.join(Stage)}"
        raise InputError("names no sealed detector", where=reference, fix=fix)
    return match[1], Stage(match[2])
