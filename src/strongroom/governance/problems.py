"""Problems with a manifest: found all at once, each with its line, field and fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from strongroom.domain.errors import InputError

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: `("data", "schema", "features", 3, "min")`."""
MAX_SHOWN: Final = 50
MAX_COMPARED: Final = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what to do about it."""

    at: Path
    """The field; its line is looked up when the problem is reported."""
    what: str
    fix: str | None = None
    line: int | None = None
    """Line (from 1) where that is known better than by the field."""


def dotted(path: Path) -> str:
    """The field as people write it: `data.schema.features[3].min`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of a field, or of the nearest part around it that is written down."""
    for end in range(len(path), -1, -1):
        if (line := lines.get(path[:end])) is not None:
            return line
    return 1


def did_you_mean(given: str, known: Iterable[str]) -> str | None:
    """The one known name that is nearest to what was given, if any is near.

    Looks at MAX_COMPARED names only: a hostile file could hold thousands.
    """
    names = {name.lower(): name for name in islice(known, MAX_COMPARED)}
    near = difflib.get_close_matches(given.lower()[:100], names, n=1, cutoff=0.6)
    return names[near[0]] if near else None


def as_error(problems: Sequence[Problem], lines: Mapping[Path, int], where: str) -> InputError:
    """All problems in one error, in the order of the file."""
    told = sorted(
        (
            p.line or line_of(p.at, lines),
            f"{dotted(p.at)}: {p.what}" if p.at else p.what,
            p.fix or "",
        )
        for p in set(problems)
    )
    if len(told) == 1:
        ((line, text, fix),) = told
        return InputError(text, where=f"{where}:{line}", fix=fix or None)
    name = where.rsplit("/", maxsplit=1)[-1]
    rows = [
        f"{name}:{line}: {text}" + (f"\n    try: {fix}" if fix else "")
        for line, text, fix in told[:MAX_SHOWN]
    ]
    if len(told) > MAX_SHOWN:
        rows.append(f"… and {len(told) - MAX_SHOWN} more")
    listing = "\n  ".join(rows)
    return InputError(f"{len(told)} problems\n  {listing}", where=where)
