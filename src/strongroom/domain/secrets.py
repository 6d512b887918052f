"""Secrets by form: keys, tokens, passwords. One set of rules for messages and for files.

The rules are data, `secrets.toml`, with the texts that each must find and must leave alone.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

SURE: Final = 0.95
"""Score from which on the form alone proves it: no other thing is written like that."""


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One kind of secret."""

    kind: str
    title: str
    """For people: `an AWS access key`."""
    pattern: re.Pattern[str]
    """Its last group that took part, or all of it, is the secret."""
    score: float
    """How sure its form is, 0 to 1."""
    entropy: float
    """Least bits a character."""
    mixed: bool
    """Whether it must hold letters and digits or signs."""
    literals: tuple[str, ...]
    """One of them, in lower case, stands in every text that holds such a secret."""
    files: bool
    """Whether it is for files only: forms of code and configuration that people do not say."""

    def holds(self, value: str) -> bool:
        """Whether a value of this form is a secret and no word."""
        if self.mixed and (value.isalpha() or not any(c.isdigit() for c in value)):
            return False
        return entropy(value) >= self.entropy


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


@cache
def secret_rules() -> tuple[SecretRule, ...]:
    """The rules of `secrets.toml`, in order."""
    return tuple(_rule(raw) for raw in secret_table()["secret"])


@cache
def placeholders() -> re.Pattern[str]:
    """Values that stand where a secret would, and are none."""
    words: Sequence[str] = secret_table()["placeholders"]
    return re.compile("|".join(f"(?:{word})" for word in words), re.IGNORECASE)


@cache
def secret_table() -> Mapping[str, Any]:
    """The file as it is, with its specimens."""
    file = resources.files("strongroom.domain").joinpath("secrets.toml")
    return tomllib.loads(file.read_text("utf-8"))


def _rule(raw: Mapping[str, Any]) -> SecretRule:
    kind: str = raw["kind"]
    return SecretRule(
        kind,
        raw.get("title", "a " + kind.partition(".")[2].replace("_", " ")),
        re.compile(raw["pattern"]),
        raw["score"],
        raw.get("entropy", 0.0),
        raw.get("mixed", False),
        tuple(raw["literals"]),
        raw.get("files", False),
    )
