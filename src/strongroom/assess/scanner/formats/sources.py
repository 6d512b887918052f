"""Python source and shell scripts: what they download, unpickle or switch off."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from strongroom.assess.code import Spotted, Unparsed, judge_python, judge_shell
from strongroom.assess.scanner.place import Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.secrets import redacted

MOST: Final = 100
"""Hazards of one source."""
_PYTHON: Final = re.compile(r"^#![^\n]{0,80}\bpython")
_SHELL: Final = re.compile(r"^#![^\n]{0,80}\b(?:ba|z|da|k)?sh\b")
_SHELL_NAMES: Final = (".sh", ".bash", ".zsh", "Dockerfile", "Containerfile", ".dockerfile")


def recognise(text: str, name: str) -> Scanned | None:
    """Judge source by its name or its first line; the reader runs neither."""
    text = text.removeprefix("\ufeff")
    if name.endswith((".py", ".pyw", ".pyi")) or _PYTHON.match(text):
        return Scanned("python", tuple(judge_source(text)))
    if name.endswith(_SHELL_NAMES) or _SHELL.match(text):
        return Scanned("shell", tuple(hazards(judge_shell(text))))
    return None


def judge_source(text: str, *, where: str = "") -> Iterator[Hazard]:
    """Hazards of one Python source; `where` stands before line numbers."""
    try:
        yield from hazards(judge_python(text), where=where)
    except Unparsed as error:
        yield unjudged(
            "code.unparsed",
            f"{where}not Python that can be read: {error}",
            fix="mend it, or name it what it is",
        )


def hazards(spotted: Iterable[Spotted], *, where: str = "") -> Iterator[Hazard]:
    """What rules found, each rule once a line, as hazards."""
    seen: set[tuple[str, int]] = set()
    for one in spotted:
        if (one.rule.id, one.line) in seen or len(seen) >= MOST:
            continue
        seen.add((one.rule.id, one.line))
        yield odd(
            one.rule.id,
            f"{where}line {one.line}: {one.rule.message}",
            attack="unsafe_code",
            references=one.rule.references,
            rating=Rating.BLOCK if one.rule.block else Rating.REVIEW,
            severity=one.rule.severity,
            call=redacted(one.text),
            fix=one.rule.fix,
        )
