"""Secrets in a text: where they stand and what they are, never what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.assess.secrets.kept import find_kept
from strongroom.domain.secrets import SURE, SecretRule, entropy, placeholders, secret_rules

LONGEST_LINE: Final = 2_000
"""Characters of a line that the kept library reads: its patterns are not made for hostile text."""
MOST: Final = 200
"""Secrets found in one text."""
BEFORE: Final = 300
"""Characters before a literal that may belong to its secret."""
AFTER: Final = 4_200
"""Characters after it."""
_KEPT_ENTROPY: Final = 3.0
_SHOWN: Final = 4
_WORD: Final = re.compile(r"[A-Za-z0-9]")


@dataclass(frozen=True, slots=True, order=True)
class Secret:
    """One secret, at its place in the text."""

    start: int
    """Of the value, in characters."""
    end: int
    kind: str
    title: str
    score: float
    shown: str
    """What may be printed: how it begins, if its form is public, and how long it is."""

    @property
    def sure(self) -> bool:
        """Whether the form alone proves it."""
        return self.score >= SURE


def find_secrets(text: str) -> tuple[Secret, ...]:
    """Every secret once, in order; the surest reading of each place. At most 200."""
    best: list[Secret] = []
    for secret in sorted(
        [*_own(text), *_library(text)], key=lambda s: (-s.score, s.start - s.end, s.start)
    ):
        if not any(secret.start < other.end and other.start < secret.end for other in best):
            best.append(secret)
        if len(best) >= MOST:
            break
    return tuple(sorted(best))


def redacted(text: str) -> str:
    """The text with every secret in it replaced: for whatever is printed of a file."""
    for secret in reversed(find_secrets(text)):
        text = f"{text[: secret.start]}[{secret.title}]{text[secret.end :]}"
    return text


def _own(text: str) -> Iterator[Secret]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters have longer small forms: places would not agree
        lowered = re.sub("[A-Z]", lambda match: match[0].lower(), text)
    for rule in secret_rules():
        for start, end in _windows(lowered, rule.literals):
            yield from _matches(text, rule, start, end)


def _windows(lowered: str, literals: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where a literal stands, to the line's ends or so far as any secret reaches."""
    for literal in literals:
        done, at = 0, lowered.find(literal)
        while at >= 0:
            start = max(lowered.rfind("\n", 0, at) + 1, at - BEFORE, done)
            end = lowered.find("\n", at, at + AFTER)
            done = end = at + AFTER if end < 0 else end
            yield start, end
            at = lowered.find(literal, end)


def _matches(text: str, rule: SecretRule, start: int, end: int) -> Iterator[Secret]:
    for found, match in enumerate(rule.pattern.finditer(text, start, end)):
        if found >= MOST:
            return
        group = match.lastindex or 0
        value = match.group(group)
        if not rule.holds(value):
            continue
        if group and placeholders().search(value):
            continue
        yield _secret(match.span(group), value, rule.kind, rule.title, rule.score)


def _library(text: str) -> Iterator[Secret]:
    start = 0
    for line in text.split("\n"):
        for found in find_kept(line[:LONGEST_LINE]):
            at = line.find(found.value)
            end = at + len(found.value)
            alone = not _WORD.match(line[at - 1 : at]) and not _WORD.match(line[end : end + 1])
            if at >= 0 and alone and _plausible(found.value):
                span = (start + at, start + end)
                yield _secret(span, found.value, found.kind, found.title, SURE)
        start += len(line) + 1


def _plausible(value: str) -> bool:
    """What the library finds by name must be no word and stand for no other thing."""
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return mixed and entropy(value) >= _KEPT_ENTROPY and not placeholders().search(value)


def _secret(span: tuple[int, int], value: str, kind: str, title: str, score: float) -> Secret:
    public = score >= SURE and len(value) >= 16 and "." in kind and value[:_SHOWN].isascii()
    head = f"{value[:_SHOWN]}…, " if public and kind not in _PRIVATE else ""
    return Secret(*span, kind, title, score, f"{head}{len(value)} characters")


_PRIVATE: Final = frozenset(
    {"secret.connection_string", "secret.aws_secret_key", "secret.netrc", "secret.registry_auth",
     "secret.kaggle_key", "secret.bearer"}
)  # fmt: skip
"""Kinds whose values have no public beginning."""
