"""What characters read as: invisible ones are nothing, look-alikes are the letter they look like.

Two tables, applied at C speed by `str.translate` and filled as characters are met:
`reading` keeps case and accents; `folding` is for matching and drops them.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Set
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Final

from strongroom.guard.spans import IDENTITY, Piece, Spliced, Told, Trail, splice

MAX_KEPT: Final = 30_000
"""Characters that a table remembers; a hostile text must not fill the memory."""
MAX_MARKS: Final = 2
"""Accents on one letter that some language uses; more are decoration (`zalgo`)."""

ZERO_WIDTH: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2064\u206a-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb"
)
BIDI: Final = "\u200e\u200f\u202a-\u202e\u2066-\u2069"
SELECTORS: Final = "\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef"
TAGS: Final = "\U000e0000-\U000e007f"
_DROPPED: Final = re.compile(f"[{ZERO_WIDTH}{BIDI}{SELECTORS}]")
_MARKED: Final = re.compile(
    r"[^\W\d_][\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
_FOREIGN_WORD: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]*+[^\W_\x00-\x7f][^\W_]*+")
"""A word that is not all ASCII."""
_LATIN: Final = re.compile("[A-Za-z]")
_SPACES: Final = re.compile(r" {2,}")
_SIGNS: Final = {
    "zero_width": re.compile(f"(?<=[A-Za-z0-9])[{ZERO_WIDTH}]|[{ZERO_WIDTH}](?=[A-Za-z0-9])"),
    "bidi": re.compile(f"[{BIDI}]"),
    "variation_selector": re.compile(f"(?<=[A-Za-z0-9{SELECTORS}])[{SELECTORS}]"),
    "tags": re.compile(f"[{TAGS}]"),
    "fullwidth": re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"),
    "styled_letters": re.compile("[\u24b6-\u24e9\U0001d400-\U0001d7ff\U0001f130-\U0001f189]"),
}
"""Signs of disguise that are worth telling; an emoji's own selector is none."""


_SUSPICIOUS: Final = re.compile(
    f"[{ZERO_WIDTH}{BIDI}{SELECTORS}{TAGS}\uff01-\uff5e\u24b6-\u24e9\U0001d400-\U0001d7ff"
    "\U0001f130-\U0001f189]"
)
"""Characters of all signs: asked of the few different characters of a text, not of all of it."""
_MARKS: Final = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")


class Table(dict[int, str]):
    """A translation table that works out each character when it is first met."""

    def __missing__(self, code: int) -> str:
        text = self.work_out(chr(code))
        if len(self) < MAX_KEPT:
            self[code] = text
        return text

    def work_out(self, char: str) -> str:
        """What one character reads as."""
        raise NotImplementedError


class Reading(Table):
    """Invisible characters out, compatibility forms and digits resolved; case, accents stay."""

    def work_out(self, char: str) -> str:
        """What one character reads as."""
        if "\U000e0020" <= char <= "\U000e007e":
            return chr(ord(char) - 0xE0000)
        if "\U000e0000" <= char <= "\U000e007f" or _DROPPED.match(char):
            return ""
        category = unicodedata.category(char)
        if category == "Zs":
            return " "
        if category == "Nd":
            return str(unicodedata.digit(char))
        if category == "Cs":  # half of a surrogate pair: no character, and no UTF-8
            return "\ufffd"
        return shapes().get(char) or unicodedata.normalize("NFKC", char)


class Folding(Table):
    """Lower case, no accents, look-alikes as the letter, every kind of space one."""

    def work_out(self, char: str) -> str:
        """What one character is matched as."""
        if char in "\t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029":
            return " "
        if char in "\u2018\u2019\u02bc\u00b4`":
            return "'"
        char = lookalikes().get(char, char)
        bare = unicodedata.normalize("NFKD", char.casefold())
        kept = "".join(c for c in bare if unicodedata.category(c) != "Mn")
        return "".join(lookalikes().get(c, c) for c in kept)


READING: Final = Reading()
FOLDING: Final = Folding()


@dataclass(frozen=True)
class Translated(Trail):
    """A text of which each character was looked up in a table. Works itself out when asked."""

    source: str
    table: Table
    before: Trail = IDENTITY

    def back(self, a: int, b: int) -> tuple[int, int]:
        """The span of the original that `[a:b]` was made from."""
        return self._trail.back(a, b)

    def how(self, a: int, b: int) -> tuple[str, ...]:
        """What was undone to read `[a:b]`, outermost first."""
        return self._trail.how(a, b)

    @cached_property
    def _trail(self) -> Spliced:
        changed = [
            Piece(at, at + 1, text)
            for at, char in enumerate(self.source)
            if len(text := self.table[ord(char)]) != 1
        ]
        return Spliced(changed, self.before)


@cache
def _lookalike_tables() -> dict[str, dict[str, str]]:
    file = resources.files("strongroom.guard").joinpath("lookalikes.toml")
    tables = tomllib.loads(file.read_text("utf-8"))
    return {
        name: {char: letter for letter, chars in table.items() for char in chars}
        for name, table in tables.items()
    }


@cache
def shapes() -> dict[str, str]:
    """Small capitals, letters in discs: always read as their letter."""
    return _lookalike_tables()["shapes"]


@cache
def scripts() -> dict[str, str]:
    """Letters of other scripts that look like Latin ones: read so only among Latin ones."""
    return _lookalike_tables()["scripts"]


@cache
def flipped() -> dict[str, str]:
    """Letters standing on their heads, and what they are."""
    return _lookalike_tables()["flipped"]


@cache
def lookalikes() -> dict[str, str]:
    """All that is matched as a Latin letter."""
    tables = _lookalike_tables()
    return {**tables["plain"], **tables["shapes"], **tables["scripts"]}


def read(text: str, before: Trail = IDENTITY) -> tuple[str, tuple[str, ...], Trail]:
    """The natural reading of a text, which disguises were taken off, and the trail back."""
    if text.isascii():
        return text, (), before
    met = "".join(set(text))  # few, however long the text
    suspicious = _SUSPICIOUS.search(met)
    how = [name for name, sign in _SIGNS.items() if sign.search(text)] if suspicious else []
    plain, trail = text, before
    if (read_as := met.translate(READING)) != met:
        plain, trail = text.translate(READING), Translated(text, READING, before)
    if _MARKS.search(read_as) and (marks := _marks(plain)):
        read_as = ""
        plain, trail = splice(plain, marks), Spliced(marks, trail)
        how += ["zalgo"] * any(p.end - p.start > 1 + MAX_MARKS for p in marks)
    if impostors := _impostors(plain, set(read_as or plain)):
        plain, trail = splice(plain, impostors), Spliced(impostors, trail)
        how.append("homoglyph")
    return plain, tuple(how), Told(tuple(how), trail) if how else trail


def fold(text: str) -> tuple[str, Trail]:
    """The text as it is matched, and the trail back to `text`."""
    folded = text.translate(FOLDING)
    trail: Trail = IDENTITY if len(folded) == len(text) else Translated(text, FOLDING)
    if "  " in folded:
        pieces = [Piece(m.start(), m.end(), " ") for m in _SPACES.finditer(folded)]
        folded, trail = _SPACES.sub(" ", folded), Spliced(pieces, trail)
    return folded, trail


def folded(text: str) -> str:
    """The text as it is matched."""
    return fold(text)[0]


def _marks(text: str) -> list[Piece]:
    """Letters with accents beside them, composed; heaps of accents removed."""
    return [Piece(m.start(), m.end(), _composed(m.group())) for m in _MARKED.finditer(text)]


def _composed(cluster: str) -> str:
    if len(cluster) > 1 + MAX_MARKS:
        return cluster[0]
    return unicodedata.normalize("NFC", cluster)


def _impostors(text: str, met: Set[str]) -> list[Piece]:
    """Letters of other scripts inside Latin words, or words made of nothing but look-alikes.

    `met`: the different characters of the text.
    """
    table = scripts()
    if met.isdisjoint(table):
        return []
    disguised = _wholly_disguised(met)
    words = (word.span() for word in _FOREIGN_WORD.finditer(text))
    return [
        Piece(at, at + 1, _as_case(text[at], table[text[at]]), aligned=True)
        for start, end in words
        if disguised or _LATIN.search(text, start, end)
        for at in range(start, end)
        if text[at] in table
    ]


def _wholly_disguised(met: Set[str]) -> bool:
    """Whether no letter of a look-alike's script is honest: real Russian has ones like д and ж."""
    foreign = {c for c in met if not c.isascii() and c.isalpha() and "LATIN" not in _name(c)}
    return len(foreign) >= 3 and all(char in scripts() for char in foreign)


def _name(char: str) -> str:
    return unicodedata.name(char, "")


def _as_case(char: str, letter: str) -> str:
    return letter.upper() if char.isupper() else letter
