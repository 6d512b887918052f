"""Command lines: of scripts, of notebooks, and of Python that starts a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strongroom.assess.code.rules import CodeRule, Spotted, code_rules

LONGEST: Final = 2_000
"""Characters of a command that are looked at."""
SHOWN: Final = 200
_SET: Final = re.compile(
    r"(?:^|[\s;&])(?:export\s+|set\s+|ENV\s+|%env\s+)?([A-Z][A-Z0-9_]{2,60})(?:=|\s)(\S{0,40})"
)


def judge_shell(text: str, *, line: int = 1) -> Iterator[Spotted]:
    """Every line of a script; `line` is the number of the first. Comments do not count."""
    for number, command in _commands(text, line):
        yield from judge_command(command, number)


def judge_command(command: str, line: int) -> Iterator[Spotted]:
    """One command line."""
    command = command[:LONGEST]
    for rule in code_rules():
        if _counts(rule, command):
            yield Spotted(rule, line, command.strip()[:SHOWN])


def _counts(rule: CodeRule, command: str) -> bool:
    if rule.environment and any(_disables(rule, match) for match in _SET.finditer(command)):
        return True
    if not any(pattern.search(command) for pattern in rule.shell):
        return False
    return rule.unless_shell is None or not rule.unless_shell.search(command)


def _disables(rule: CodeRule, match: re.Match[str]) -> bool:
    if match[1] not in rule.environment or rule.value is None:
        return False
    return bool(rule.value.fullmatch(repr(match[2].strip("\"'"))))


def _commands(text: str, line: int) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; continued lines are joined, up to what is looked at."""
    whole, start = "", line
    for number, raw in enumerate(text.split("\n"), line):
        start = start if whole else number
        part = raw.rstrip("\r")
        if part.endswith("\\") and len(whole) < LONGEST:
            whole += part[:-1] + " "
            continue
        whole += part
        if whole.strip() and not whole.lstrip().startswith("#"):
            yield start, whole
        whole = ""
    if whole.strip():
        yield start, whole
