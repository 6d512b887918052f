"""Template grammars: a line with `{slot}`s becomes many texts, the same for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import yaml

from strongroom.domain.digests import sha256

PLACE: Final = "{~}"
"""Where a document may carry an order."""
_SLOT: Final = re.compile(r"\{(\w+)\}")
_HELD_OUT: Final = 8
"""One template line in so many is kept for calibration and never trained on."""


@dataclass(frozen=True, slots=True)
class Family:
    """Lines of one kind, with what a reader should think of them."""

    name: str
    """Language first where it is not English: "de.attack"."""
    user: int | None
    """1: an attack when a user says it; 0: innocent; None: no opinion."""
    data: int | None
    """The same, when a document or a tool says it."""
    lines: tuple[str, ...]
    slots: Mapping[str, Sequence[str]]

    def part(self, *, held_out: bool) -> Family:
        """The lines kept for calibration, or all the others."""
        kept = tuple(line for line in self.lines if _is_held_out(line) is held_out)
        return Family(self.name, self.user, self.data, kept, self.slots)

    def texts(self, count: int, rng: random.Random) -> Iterator[str]:
        """At most `count` different texts; fewer when the grammar has no more."""
        seen: set[str] = set()
        for _ in range(3 * count if self.lines else 0):
            text = self._fill(rng.choice(self.lines), rng)
            if text not in seen:
                seen.add(text)
                yield text
            if len(seen) == count:
                return

    def _fill(self, line: str, rng: random.Random) -> str:
        line = _hide_braces(line)
        for _ in range(3):  # slots may hold slots, two deep
            line = _SLOT.sub(lambda found: _hide_braces(rng.choice(self.slots[found[1]])), line)
        line = line.replace("\0", "{").replace("\1", "}")
        return re.sub(" +", " ", line).replace("??", "?").replace("..", ".").strip()


def _hide_braces(text: str) -> str:
    """`{{` and `}}` stand for braces; they must not be taken for slots."""
    return text.replace("{{", "\0").replace("}}", "\1")


def _is_held_out(line: str) -> bool:
    return int(sha256(line.encode()).hex[:8], 16) % _HELD_OUT == 0


def read_grammar(name: str) -> tuple[Family, ...]:
    """The families of one file in `grammars/`."""
    text = (resources.files(__package__) / "grammars" / name).read_text("utf-8")
    raw = yaml.safe_load(text)
    if "languages" in raw:
        return tuple(_by_language(raw["languages"]))
    slots = {slot: tuple(map(str, values)) for slot, values in raw["slots"].items()}
    return tuple(
        Family(each["name"], each["user"], each.get("data"), tuple(each["lines"]), slots)
        for each in raw["templates"]
    )


def _by_language(languages: Mapping[str, Any]) -> Iterator[Family]:
    for code, raw in languages.items():
        slots = {slot: tuple(map(str, values)) for slot, values in raw["slots"].items()}
        yield Family(f"{code}.attack", 1, 1, tuple(raw["attack"]), slots)
        yield Family(f"{code}.benign", 0, None, tuple(raw["benign"]), slots)
