"""What the scanner says: hazards at places, and one rating for each file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome, Severity

RUNS_INSTRUCTIONS: Final = "format.runs_instructions"
"""The rule of the note that stands in every report on a pickle."""


EXTERNAL: Final = "onnx.external_data"
"""The rule of the note that names a file in which an ONNX model keeps its weights."""
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)


class Rating(StrEnum):
    """How one file came out. Three verdicts, and the honest fourth: it could not be told."""

    CLEAN = "clean"
    """Everything that loading would do is on a reviewed list, or loading does nothing."""
    REVIEW = "review"
    """Nothing known to be hostile, but something that nobody has vouched for: a person decides."""
    UNKNOWN = "unknown"
    """Could not be judged: damaged, encrypted, over a limit, or a format that we do not read."""
    BLOCK = "block"
    """Runs or may run what a model file has no business running. Do not load it."""

    @property
    def rank(self) -> int:
        """0 for the mildest; a file is rated by the worst thing in it."""
        return list(Rating).index(self)


@dataclass(frozen=True, slots=True)
class Hazard:
    """One thing in a file that somebody should know of."""

    rule: str
    """Given by the author: `pickle.dangerous_call`, `onnx.path_escape`."""
    rating: Rating
    message: str
    """For people: what loading would do, and why that is wrong."""
    severity: Severity = Severity.HIGH
    offset: int | None = None
    """Bytes from the start of the stream named by `member`."""
    member: str = ""
    """Path inside the container, `archive/data.pkl`; empty for the file itself."""
    call: str | None = None
    """What would be executed, as readable pseudo-code."""
    attack: str | None = None
    """Class of attack: `command_execution`, `resolver`, `path_escape`…"""
    references: tuple[str, ...] = ()
    """CWE, MITRE ATLAS and advisory ids."""
    fix: str | None = None

    def to_dict(self) -> Mapping[str, Any]:
        """A `findings` item of the machine contract."""
        return {
            "id": self.rule,
            "severity": self.severity.value,
            "verdict": self.rating.value,
            "offset": self.offset,
            "member": self.member,
            "message": self.message,
            "call": self.call,
            "attack": self.attack,
            "references": list(self.references),
        }

    def to_finding(self, path: str) -> Finding:
        """As the house's record: block is a fail, review and unknown could not be told."""
        outcome = {Rating.BLOCK: Outcome.FAIL, Rating.CLEAN: Outcome.PASS}
        place = path + (f"!{self.member}" if self.member else "")
        facts = {"call": self.call, "attack": self.attack, "verdict": self.rating.value}
        return Finding(
            f"supply_chain.{self.rule}",
            outcome.get(self.rating, Outcome.UNKNOWN),
            self.message,
            self.severity,
            place if self.offset is None else f"{place}@{self.offset}",
            self.fix,
            {name: value for name, value in facts.items() if value is not None},
            self.references,
        )


@dataclass(frozen=True, slots=True)
class FileReport:
    """All that was found in one file."""

    path: Path
    format: str
    """By content: `pickle`, `joblib`, `onnx`, `text`…; `unknown` where nothing was recognised."""
    verdict: Rating
    findings: tuple[Hazard, ...] = ()

    @classmethod
    def of(cls, path: Path, format_: str, hazards: Iterable[Hazard]) -> FileReport:
        """Rate a file by its worst hazard, and put the worst first."""
        found = tuple(_printable(h) for h in sorted(hazards, key=lambda h: -h.rating.rank))
        worst = max((h.rating for h in found), key=lambda r: r.rank, default=Rating.CLEAN)
        return cls(path, format_, worst, found)

    @property
    def runs_instructions(self) -> bool:
        """Whether loading means to run what the file says, however harmless it is today."""
        return any(hazard.rule == RUNS_INSTRUCTIONS for hazard in self.findings)

    def to_dict(self) -> Mapping[str, Any]:
        """A `files` item of the machine contract."""
        return {
            "path": printable(str(self.path)),
            "format": self.format,
            "verdict": self.verdict.value,
            "findings": [hazard.to_dict() for hazard in self.findings],
        }


def printable(text: str) -> str:
    """Text of a hostile file made fit for JSON and terminals: no lone surrogates, no controls."""
    sound = text.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", sound)


def _printable(hazard: Hazard) -> Hazard:
    return replace(
        hazard,
        message=printable(hazard.message),
        member=printable(hazard.member),
        call=None if hazard.call is None else printable(hazard.call),
    )
