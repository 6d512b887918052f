"""Lists of packages: pins, hashes and second sources. Advisories are asked for later, in one go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from strongroom.assess.locks import Locked, kind_of, read_locked
from strongroom.assess.pins import Pin
from strongroom.assess.scanner.formats import yamls
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.secrets import redacted
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Severity

UNCHECKED: Final = "dependencies.advisories_unchecked"
"""The rule of the note that no advisories were asked."""
SHOWN: Final = 20
"""Packages named in one finding."""
FIX: Final = "uv pip compile --generate-hashes requirements.in -o requirements.txt"
_FIXED_URL: Final = re.compile(r"@[0-9a-f]{40}\b|#(?:.*&)?sha(?:256|384|512)=[0-9a-f]{64}")


def recognise(text: str, name: str, place: Place) -> Scanned | None:
    """Judge a list of packages."""
    kind = kind_of(name, place.path.parent.name, text[:4096])
    if kind is None or (kind == "dist-info" and not text.startswith("Metadata-Version:")):
        return None
    try:
        locked = read_locked(text, kind, where=name)
    except InputError as error:
        return Scanned(kind, (unjudged("dependencies.unread", redacted(str(error))),))
    tags = yamls.recognise(text, name) if kind == "conda" else None
    recorded = locked.installed or place.path.with_name("MLmodel").is_file()
    found = (*(tags.hazards if tags else ()), *_judge(locked, place, recorded=recorded))
    return Scanned(kind, found)


def _judge(locked: Locked, place: Place, *, recorded: bool) -> Iterator[Hazard]:
    pins = locked.requirements.pins
    direct = [pin for pin in pins if _direct(pin)]
    loose = [p for p in pins if p.version is None and not _direct(p)]
    bare = [p for p in pins if p.version and not p.hashes and p.name not in locked.elsewhere]
    if any(not _FIXED_URL.search(pin.name) for pin in direct):
        yield _packages(
            "dependencies.direct",
            [pin for pin in direct if not _FIXED_URL.search(pin.name)],
            "from an address or folder that may change",
            "name a commit or #sha256=…",
        )
    # A model's recorded environment is no order to install: MLflow writes it without hashes.
    rating = Rating.CLEAN if recorded else Rating.REVIEW
    if loose:
        text = "without an exact version, so that each install may bring another"
        yield _packages("dependencies.unpinned", loose, text, FIX, rating)
    if bare:
        text = "without a hash, so that a package changed upstream would be run, not refused"
        yield _packages("dependencies.no_hash", bare, text, FIX, rating, Severity.LOW)
    yield from _options(locked, place)
    if pins:
        yield odd(
            UNCHECKED,
            f"no advisories were asked about its {len(pins)} entries",
            rating=Rating.CLEAN,
            severity=Severity.INFO,
            fix="strongroom scan --advisories MIRROR",
        )


def _direct(pin: Pin) -> bool:
    return pin.version is None and ("://" in pin.name or pin.name.startswith(("-", ".", "/")))


def _packages(
    rule: str,
    pins: Sequence[Pin],
    text: str,
    fix: str,
    rating: Rating = Rating.REVIEW,
    severity: Severity = Severity.MEDIUM,
) -> Hazard:
    names = ", ".join(_named(pin) for pin in pins[:SHOWN])
    more = f" and {len(pins) - SHOWN} more" if len(pins) > SHOWN else ""
    return odd(
        rule,
        f"{text}: {names}{more}",
        attack="supply_chain",
        references=("CWE-494", "AML.T0010.001"),
        rating=rating,
        severity=severity,
        fix=fix,
    )


def _named(pin: Pin) -> str:
    return redacted(pin.name)[:80] + (f" (line {pin.line})" if pin.line else "")


def _options(locked: Locked, place: Place) -> Iterator[Hazard]:
    for option in locked.requirements.options:
        text = redacted(option.text)[:200]
        if option.risky:
            yield odd(
                "dependencies.second_source",
                f"line {option.line}: {text} lets packages in from a second source: whoever "
                "registers a name there first is installed",
                attack="dependency_confusion",
                references=("CWE-427", "AML.T0010.001"),
                severity=Severity.HIGH,
                fix="name one index, outside the file",
            )
        elif option.includes and not _beside(option.text, place):
            text = f"line {option.line}: {text} names a file that is not there"
            yield unjudged("dependencies.included_file", text)


def _beside(option: str, place: Place) -> bool:
    """Whether the file that it names lies there, where this scan or another looks at it."""
    name = re.split(r"[=\s]+", option, maxsplit=1)[-1].strip()
    return not place.member and "\0" not in name and place.path.parent.joinpath(name).is_file()
