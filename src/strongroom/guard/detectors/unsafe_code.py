"""Code and SQL in an answer that would do harm to whoever runs it unread.

**What it looks at**: every reading of an output, so also what it hides in base64 or between spaces.

**What it says**: what a rule of `unsafe_code.toml` is sure of: statements that destroy or change
all there is, injections, shells that fetch and run or call home, code that runs anything, scripts
in pages. An assistant that writes code for people says such things rightly; then let the policy be.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from strongroom.guard.records import Detection, Message, Source
from strongroom.guard.triggers import Triggers

MAX_FOUND: Final = 50
"""Of one rule in one reading."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of harm."""

    name: str
    kind: str
    score: float
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class UnsafeCode:
    """See the module."""

    rules: tuple[Rule, ...]
    needs: Triggers
    """One group a rule: a pattern takes long to find nothing."""
    name: str = "unsafe.code"
    version: int = 1
    kinds: tuple[str, ...] = ("unsafe.sql", "unsafe.shell", "unsafe.code")

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Each place once."""
        if message.source is not Source.OUTPUT:
            return
        seen: set[tuple[str, int, int]] = set()
        for view in message.views:
            for rule in (self.rules[n] for n in sorted(self.needs.groups(view.folded))):
                for count, match in enumerate(rule.pattern.finditer(view.text)):
                    if count >= MAX_FOUND:
                        break
                    span = view.to_original(*match.span())
                    if (rule.name, *span) not in seen:
                        seen.add((rule.name, *span))
                        yield Detection(
                            f"{self.name}@{self.version}", rule.kind, rule.score, span,
                            view.how_of(*match.span()), {"rule": rule.name},
                        )  # fmt: skip


@cache
def rule_table() -> tuple[dict[str, Any], ...]:
    """The rules as they are written, with their hits and misses."""
    home = resources.files("strongroom.guard.detectors")
    table = tomllib.loads(home.joinpath("unsafe_code.toml").read_text("utf-8"))
    return tuple(table["rule"])


def load() -> UnsafeCode:
    """The detector."""
    rules = (
        Rule(r["name"], r["kind"], r["score"], re.compile(r["pattern"], re.IGNORECASE))
        for r in rule_table()
    )
    return UnsafeCode(tuple(rules), Triggers(r["needs"] for r in rule_table()))
