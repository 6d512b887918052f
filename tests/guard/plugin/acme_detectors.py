"""A detector of somebody else's: a regular expression behind the guard's record.

What makes it a detector is `load() -> Detector`, announced in the distribution's entry points:

    [project.entry-points."strongroom.detectors"]
    acme-projects = "acme_detectors:load"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import Pattern

from strongroom.guard.records import Detection, Message

PROJECT = re.compile(r"\bPROJECT-[A-Z]{3,12}\b")


@dataclass(frozen=True, slots=True)
class Projects:
    """Code names of projects, in every reading of a message."""

    pattern: Pattern[str] = PROJECT
    name: str = "acme.projects"
    version: int = 2
    kinds: tuple[str, ...] = ("acme.project",)

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every code name, where it stands in the original text."""
        for view in message.views:
            for found in self.pattern.finditer(view.text):
                span, how = view.to_original(*found.span()), view.how_of(*found.span())
                yield Detection(f"{self.name}@{self.version}", "acme.project", 0.9, span, how)


def load() -> Projects:
    """The detector."""
    return Projects()
