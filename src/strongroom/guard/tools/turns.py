"""A conversation as tools see it: what was said, by whom, and what was called, in its order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from strongroom.guard.records import Source


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    tool: str
    arguments: Mapping[str, Any] = field(hash=False)
    place: int = -1
    """Number of the message that holds it; -1 for one that is being judged."""

    @property
    def digest(self) -> str:
        """SHA-256 of the tool and exactly these arguments, in hexadecimal."""
        told = json.dumps([self.tool, self.arguments], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a conversation."""

    source: Source
    text: str
    place: int = 0
    """Number of the message that holds it."""
    answers: Call | None = None
    """The call of which this is the result, where that is beyond doubt."""

    @property
    def tool(self) -> str:
        """The tool that said it; empty if none did."""
        return self.answers.tool if self.answers else ""


Turn: TypeAlias = Said | Call


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was read before."""

    place: int
    source: Source
    tool: str
    how: tuple[str, ...] = ()
    """What had to be undone to see it there: ("base64",); ("part",) if only a part stands there."""

    def __str__(self) -> str:
        name = f"a result of {self.tool}" if self.tool else self.source.value
        how = f", through {' › '.join(self.how)}" if self.how else ""
        return f"message {self.place} ({name}{how})"


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason why a call must not be made."""

    kind: str
    """"tool.unknown", "tool.argument", "tool.flow", "tool.plan", "tool.limit", "tool.loop",
    "tool.velocity", "tool.approval"."""
    tool: str
    what: str
    """For people; holds no value of the call."""
    argument: str = ""
    origin: Origin | None = None
    """Where the value was read, if it was."""

    def __str__(self) -> str:
        place = f"{self.tool}.{self.argument}" if self.argument else self.tool
        came = f"; it stands in {self.origin}" if self.origin else ""
        return f"{place}: {self.what}{came}"
