"""What training code should not do unseen: the rules of `rules.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from strongroom.domain.outcome import Severity

Patterns = Mapping[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class CodeRule:
    """One thing to look for. Every field but the first four narrows or widens where it counts."""

    id: str
    message: str
    severity: Severity
    references: tuple[str, ...]
    fix: str
    block: bool
    """Whether it is never right, instead of something that a person has to judge."""
    calls: frozenset[str]
    methods: frozenset[str]
    not_calls: frozenset[str]
    names: frozenset[str]
    with_: Patterns
    without: Patterns
    positions: Mapping[str, int]
    argument_calls: frozenset[str]
    skip_literal: bool
    skip_paths: bool
    writes: bool
    unless_text: tuple[str, ...]
    environment: frozenset[str]
    value: re.Pattern[str] | None
    shell: tuple[re.Pattern[str], ...]
    unless_shell: re.Pattern[str] | None
    hits: tuple[str, ...]
    misses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spotted:
    """A rule that counts at a line."""

    rule: CodeRule
    line: int
    """From 1."""
    text: str
    """What stands there, cut short; may hold secrets, so it is redacted before it is printed."""


@cache
def code_rules() -> tuple[CodeRule, ...]:
    """All rules, in the order of the file."""
    file = resources.files("strongroom.assess.code").joinpath("rules.toml")
    return tuple(_rule(raw) for raw in tomllib.loads(file.read_text("utf-8"))["rule"])


def _rule(raw: Mapping[str, Any]) -> CodeRule:
    unless, value = raw.get("unless_shell"), raw.get("value")
    return CodeRule(
        raw["id"],
        raw["message"],
        Severity(raw["severity"]),
        tuple(raw["references"]),
        raw["fix"],
        raw.get("rating") == "block",
        frozenset(raw.get("calls", ())),
        frozenset(raw.get("methods", ())),
        frozenset(raw.get("not_calls", ())),
        frozenset(raw.get("names", ())),
        _patterns(raw.get("with", {})),
        _patterns(raw.get("without", {})),
        raw.get("positions", {}),
        frozenset(raw.get("argument_calls", ())),
        raw.get("skip_literal", False),
        raw.get("skip_paths", False),
        raw.get("writes", False),
        tuple(raw.get("unless_text", ())),
        frozenset(raw.get("environment", ())),
        None if value is None else re.compile(value),
        tuple(re.compile(pattern) for pattern in raw.get("shell", ())),
        None if unless is None else re.compile(unless),
        tuple(raw["hits"]),
        tuple(raw["misses"]),
    )


def _patterns(raw: Mapping[str, str]) -> Patterns:
    return {name: re.compile(pattern, re.DOTALL) for name, pattern in raw.items()}
