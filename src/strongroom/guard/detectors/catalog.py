"""Which detectors there are.

Ours use the same plug as anybody's: `load() -> Detector`, in a module or behind an entry point.
Discovery says what exists; the policy says what is done about what they see.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Final

from strongroom.domain.errors import InputError, IntegrityError, MissingExtra
from strongroom.guard.policy import ModelUse
from strongroom.guard.records import Detector

HOME: Final = "strongroom.guard.detectors"
OWN: Final = (
    "injection_patterns",
    "cards",
    "bank_accounts",
    "national_ids",
    "contacts",
    "secrets",
    "labels",
    "exfiltration",
    "leaks",
    "ungrounded",
    "unsafe_code",
    "toxicity",
    "topics",
)
MODEL: Final = "injection_model"
GROUP: Final = "strongroom.detectors"


@dataclass(frozen=True, slots=True)
class Roster:
    """The detectors that are there, and why some are not."""

    detectors: tuple[Detector, ...]
    notes: tuple[str, ...] = ()


def roster(model: ModelUse = ModelUse.OPTIONAL, trained: Detector | None = None) -> Roster:
    """All detectors, loaded once; `trained` in place of the model that comes with the package.

    Raises MissingExtra without the guard extra, InputError for a plug-in that does not load, and
    whatever the model says if it is required.
    """
    detectors = [_load(f"{HOME}.{name}") for name in OWN]
    notes = []
    if model is not ModelUse.OFF:
        try:
            detectors.append(model_detector := trained or _load(f"{HOME}.{MODEL}"))
            notes += [said] if (said := getattr(model_detector, "note", "")) else []
        except (InputError, IntegrityError, MissingExtra) as error:
            if model is ModelUse.REQUIRED:
                raise
            notes.append(f"the trained detector is not used: {error}")
    detectors += _plugins()
    return Roster(tuple(detectors), tuple(notes))


def _load(module: str) -> Detector:
    if find_spec(module) is None:
        raise InputError(f"{module} is not part of this installation")
    try:
        detector: Detector = import_module(module).load()
    except ModuleNotFoundError as error:
        raise MissingExtra("guard", module) from error
    return detector


def _plugins() -> Iterator[Detector]:
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        yield _plugin(entry)


def _plugin(entry: EntryPoint) -> Detector:
    try:
        detector: Detector = entry.load()()
    except Exception as error:  # anybody's code: a plug-in that fails to load stops us
        raise InputError(f"detector plug-in {entry.name} does not load: {error!r}") from error
    return detector
