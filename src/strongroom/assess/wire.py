"""What a check's child process says to the runner: one canonical JSON object a line.

Never pickle: the child has read hostile bytes, and what it says is input like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from strongroom.assess.check import Said
from strongroom.domain.canonical import canonical, parse_json, plain
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_WHERE: Final = "a check's child process"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the check is."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The check is over: the last line."""

    stopped: str | None = None
    """Why it did not run to its end, else None."""
    trace: str = ""
    """For the operator's log, never for evidence: it may quote what was read."""


Message: TypeAlias = Said | Progress | Ended


def encode(message: object) -> bytes:
    """One line. Raises InputError for what is no message, or what JSON cannot hold."""
    if not isinstance(message, Finding | Metric | Curve | Progress | Ended):
        raise InputError(f"a check says findings, metrics and curves, not {type(message).__name__}")
    return canonical({type(message).__name__.lower(): plain(message)}) + b"\n"


def decode(line: bytes) -> Message:
    """Read one line. Raises InputError."""
    raw = parse_json(line, where=_WHERE)
    try:
        ((kind, body),) = raw.items()
        return _decode(kind, body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"malformed message: {error!r}", where=_WHERE) from error


def _decode(kind: str, body: Mapping[str, Any]) -> Message:
    match kind:
        case "finding":
            known = {"outcome": Outcome(body["outcome"]), "severity": Severity(body["severity"])}
            return Finding(**{**body, **known, "references": tuple(body["references"])})
        case "metric":
            return Metric(**body)
        case "curve":
            pairs = {k: tuple((float(x), float(y)) for x, y in body[k]) for k in ("points", "band")}
            return Curve(**{**body, **pairs})
        case "progress":
            return Progress(int(body["done"]), int(body["total"]))
        case "ended":
            return Ended(**body)
        case _:
            raise InputError(f"unknown message {kind!r}", where=_WHERE)
