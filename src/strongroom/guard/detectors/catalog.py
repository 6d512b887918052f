"""Which detectors there are.

Ours use the same plug as anybody's: `load() -> Detector`, in a module or behind an entry point.
Discovery says what exists; the policy says what is done about what they see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, Final

from strongroom.domain.errors import InputError, IntegrityError, MissingExtra
from strongroom.guard.policy import PLACELESS, ModelUse
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
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


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


@dataclass(frozen=True, slots=True)
class Listed:
    """One detector, for people."""

    name: str
    version: int
    kinds: tuple[str, ...]
    origin: str
    """"strongroom", or the distribution that announces it."""


def listed(detectors: Iterable[Detector]) -> list[Listed]:
    """Who the detectors are, and whose."""
    origins = {entry.module: entry.dist for entry in entry_points(group=GROUP)}

    def origin(detector: Detector) -> str:
        module = type(detector).__module__
        dist = origins.get(module)
        return f"{dist.name} {dist.version}" if dist else module.partition(".")[0]

    return [Listed(d.name, d.version, tuple(d.kinds), origin(d)) for d in detectors]


def _plugins() -> Iterator[Detector]:
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        yield plugin_of(entry.name, partial(_made, entry))


def _made(entry: EntryPoint) -> Any:
    return entry.load()()


def plugin_of(name: str, load: Callable[[], Any]) -> Detector:
    """Somebody's detector. Raises InputError for one that does not load, or is none."""
    try:
        detector: Detector = load()
        problem = _problem(detector)
    except Exception as error:  # anybody's code: a plug-in that fails to load stops us
        raise InputError(f"detector plug-in {name} does not load: {error!r}") from error
    if problem:
        raise InputError(f"detector plug-in {name} is no detector: {problem}")
    return detector


def _problem(detector: Any) -> str:
    """Why something is no detector; empty if it is one."""
    own_name, version, kinds = detector.name, detector.version, detector.kinds
    if not isinstance(own_name, str) or not _NAME.fullmatch(own_name):
        return "its name is not of the form words.with_dots"
    if type(version) is not int or version < 1:
        return "its version is no whole number from 1 on"
    if not isinstance(kinds, tuple | list) or not kinds:
        return "its kinds are no list of names"
    if not all(isinstance(kind, str) and _NAME.fullmatch(kind) for kind in kinds):
        return "its kinds are not of the form words.with_dots"
    if any(kind.split(".")[0] in PLACELESS for kind in kinds):
        return f"no detector yields {', '.join(sorted(PLACELESS))}: the guard itself does"
    return "" if callable(detector.inspect) else "it has no `inspect`"
