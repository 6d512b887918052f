"""Abuse: threats and insults at somebody, by phrases in ten languages.

**What it looks at**: every reading of a message of the user, of data and of outputs.

**What it misses**: abuse in other words. It is a floor, not a judgement of tone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Final

from strongroom.guard.detectors._phrases import first_places, folded_phrases, phrase_pattern
from strongroom.guard.records import Detection, Message, Source
from strongroom.guard.triggers import Triggers

MAX_FOUND: Final = 20


@dataclass(frozen=True, slots=True)
class Toxicity:
    """See the module."""

    groups: tuple[tuple[str, float, re.Pattern[str]], ...]
    gate: Triggers
    """The phrases of each group, found at once."""
    name: str = "toxic.phrases"
    version: int = 1
    kinds: tuple[str, ...] = ("toxic.threat", "toxic.insult")

    def inspect(self, message: Message) -> Iterator[Detection]:
        """The first places of each kind."""
        if message.source is Source.SYSTEM:
            return
        said = {number for view in message.views for number in self.gate.groups(view.folded)}
        for kind, score, pattern in (self.groups[number] for number in sorted(said)):
            told = (f"{self.name}@{self.version}", kind, score)
            yield from first_places(message.views, pattern, MAX_FOUND, told)


def load() -> Toxicity:
    """The detector."""
    home = resources.files("strongroom.guard.detectors")
    table = tomllib.loads(home.joinpath("toxicity.toml").read_text("utf-8"))
    groups = table["group"]
    return Toxicity(
        tuple((g["kind"], g["score"], phrase_pattern(g["phrases"])) for g in groups),
        Triggers(map(folded_phrases, (g["phrases"] for g in groups))),
    )
