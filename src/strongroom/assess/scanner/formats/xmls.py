"""XML, PMML among it: entities that reach out, and scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strongroom.assess.scanner.place import Scanned, odd
from strongroom.assess.scanner.report import Hazard, Rating

_START: Final = re.compile(r"<\?xml|<PMML|<!DOCTYPE", re.I)
_ENTITY: Final = re.compile(r"<!(ENTITY|DOCTYPE)\b[^>]*", re.I)
_INCLUDE: Final = re.compile(r"<\s*(xi|xinclude)\s*:\s*include\b[^>]*", re.I)
_SCRIPT: Final = re.compile(r"<\s*script\b|java\s*:|ProcessBuilder|Runtime\.getRuntime", re.I)


def recognise(text: str, _name: str) -> Scanned | None:
    """Judge XML."""
    if not _START.match(text.lstrip("\ufeff \t\r\n")[:200]):
        return None
    kind = "pmml" if "<PMML" in text[:10_000] else "xml"
    return Scanned(kind, tuple(_judge(text, kind)))


def _judge(text: str, kind: str) -> Iterator[Hazard]:
    if found := _ENTITY.search(text):
        yield odd(
            "xml.entity",
            "declares a document type: entities read files and addresses, or grow without end",
            offset=found.start(),
            attack="xxe",
            references=("CWE-611", "CWE-776"),
            rating=Rating.BLOCK if "<!ENTITY" in text.upper() else Rating.REVIEW,
            call=found[0][:200],
        )
    if found := _INCLUDE.search(text):
        yield odd(
            "xml.include",
            "includes another file or address",
            offset=found.start(),
            attack="xxe",
            references=("CWE-611", "CWE-827"),
            rating=Rating.BLOCK,
            call=found[0][:200],
        )
    if kind == "pmml" and (found := _SCRIPT.search(text)):
        yield odd(
            "pmml.script",
            "holds a script or names a class to run",
            offset=found.start(),
            attack="code_execution",
            references=("CWE-94",),
            rating=Rating.BLOCK,
            call=found[0][:200],
        )
