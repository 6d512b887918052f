"""Secrets: private keys, cloud and API keys, tokens, connection strings, passwords.

**What it looks at**: every reading of a message, whoever speaks.

**False alarms**: a value after "password:" or "api key =" counts only if it is no word: it mixes
letters with digits or signs, and has the entropy of a secret. The forms are data: `secrets.toml`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.guard.detectors.values import MAX_FOUND, table, told
from strongroom.guard.records import Detection, Message, View
from strongroom.guard.triggers import Triggers


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret."""

    kind: str
    pattern: re.Pattern[str]
    score: float
    entropy: float
    """Least bits a character."""
    mixed: bool
    """Whether it must hold a digit or sign among its letters."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """See the module."""

    rules: tuple[Rule, ...]
    literals: Triggers
    """One group a rule."""
    name: str = "secrets"
    version: int = 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """One kind a rule."""
        return tuple(sorted({rule.kind for rule in self.rules}))

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every secret, once."""
        seen: set[tuple[str, int, int]] = set()
        for view in message.views:
            for number in sorted(self.literals.groups(view.folded)):
                for detection in self._found(view, self.rules[number]):
                    key = (detection.kind, *detection.span)
                    if key not in seen:
                        seen.add(key)
                        yield detection

    def _found(self, view: View, rule: Rule) -> Iterator[Detection]:
        for count, match in enumerate(rule.pattern.finditer(view.text)):
            if count >= MAX_FOUND:
                return
            group = match.lastindex or 0
            if _secret(match.group(group), rule):
                span = match.span(group)
                yield told(f"{self.name}@{self.version}", view, rule.kind, rule.score, span)


def _secret(value: str, rule: Rule) -> bool:
    if rule.mixed and (value.isalpha() or not any(c.isdigit() for c in value)):
        return False
    return entropy(value) >= rule.entropy


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def load() -> Secrets:
    """The detector with the rules of `secrets.toml`."""
    file = table("secrets.toml")["secret"]
    rules = tuple(
        Rule(
            raw["kind"],
            re.compile(raw["pattern"]),
            raw["score"],
            raw.get("entropy", 0.0),
            raw.get("mixed", False),
        )
        for raw in file
    )
    return Secrets(rules, Triggers(raw["literals"] for raw in file))
