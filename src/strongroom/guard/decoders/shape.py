"""The shape of a text: each character as its class. Tells in microseconds where nothing is to find.

Patterns are slow where they find nothing; `bytes.translate` and `in` are not. A decoder asks the
shape first, and uses its pattern only on a text that could hold something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

OTHER: Final = b"~"
"""What is in no class."""


class Shape:
    """Classes of ASCII characters; all others, and what lies beyond ASCII, are OTHER."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        """`classes`: the sign of each class, and its characters."""
        table = bytearray(OTHER * 256)
        for sign, chars in classes.items():
            for char in chars:
                table[ord(char)] = ord(sign)
        self._table = bytes(table)

    def of(self, text: str) -> bytes:
        """The text as signs of classes, one for each character."""
        return text.encode("ascii", "replace").translate(self._table)

    def holds(self, text: str, *forms: bytes) -> bool:
        """Whether one of the forms stands somewhere in the text."""
        signs = self.of(text)
        return any(form in signs for form in forms)

    def matches(self, pattern: re.Pattern[str], text: str, form: bytes) -> Iterator[re.Match[str]]:
        """As `finditer` for a pattern whose matches all begin with a form, tried only there."""
        signs = self.of(text)
        at = signs.find(form)
        while at >= 0:
            if match := pattern.match(text, at):
                yield match
            at = signs.find(form, match.end() if match else at + 1)

    def runs(self, text: str, sign: bytes, least: int) -> Iterator[tuple[int, int]]:
        """Where at least so many characters of one class stand in a row: each run as a span.

        `bytes.find` leaps over what is shorter, so ordinary text costs next to nothing.
        """
        signs = self.of(text)
        run, whole = sign * least, re.compile(re.escape(sign) + b"+")
        start = signs.find(run)
        while start >= 0 and (found := whole.match(signs, start)):
            yield found.span()
            start = signs.find(run, found.end())
