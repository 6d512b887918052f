"""Finds the words of all classes in all languages in one pass over a text (Aho-Corasick)."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple, TypeAlias

from strongroom.guard.folding import folded
from strongroom.guard.triggers import automaton

ANY: Final = "any"
"""The language of marks that belong to none."""
_UNSPACED: Final = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "DEVANAGARI", "THAI")
"""Scripts that join words, or particles to words: no word ends where another begins."""


class Hit(NamedTuple):
    """A word of a class, found."""

    start: int
    end: int


Found: TypeAlias = Mapping[str, Mapping[str, list[Hit]]]
"""By language, then class; hits in the order of the text."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A word of one class in one language."""

    language: str
    word_class: str
    starts: bool
    """Whether a word must start where it starts."""
    ends: bool
    """Whether a word must end where it ends."""


class Lexicon:
    """The words of every class in every language."""

    def __init__(
        self, words: Mapping[str, Mapping[str, list[str]]], seeds: Collection[str]
    ) -> None:
        """`words`: by language, then class; `seeds`: classes of which one must be there.

        Raises MissingExtra without the guard extra.
        """
        entries: dict[str, list[_Entry]] = {}
        for language, classes in words.items():
            for word_class, forms in classes.items():
                for form in forms:
                    key, entry = _entry(language, word_class, form)
                    entries.setdefault(key, []).append(entry)
        self._entries = list(entries.values())
        self._automaton = automaton(list(entries))
        seeded = {
            word: owners
            for word, owners in entries.items()
            if any(entry.word_class in seeds for entry in owners)
        }
        self._seeds = list(seeded.values())
        self._seed_automaton = automaton(list(seeded))
        self.classes = frozenset(name for classes in words.values() for name in classes)

    def find(self, text: str) -> Found:
        """Every word in a folded text; none where no seed stands."""
        if not any(True for _ in self._entries_in(text, self._seed_automaton, self._seeds)):
            return {}
        found: dict[str, dict[str, list[Hit]]] = {}
        for entry, hit in self._entries_in(text, self._automaton, self._entries):
            found.setdefault(entry.language, {}).setdefault(entry.word_class, []).append(hit)
        return found

    def _entries_in(
        self, text: str, finder: Any, owners: list[list[_Entry]]
    ) -> Iterator[tuple[_Entry, Hit]]:
        last = len(text)
        for index, start, end in finder.find_matches_as_indexes(text, overlapping=True):
            begins = start == 0 or not text[start - 1].isalnum()
            stops = end == last or not text[end].isalnum()
            for entry in owners[index]:
                if (begins or not entry.starts) and (stops or not entry.ends):
                    yield entry, Hit(start, end)


def _entry(language: str, word_class: str, form: str) -> tuple[str, _Entry]:
    key = folded(form.removesuffix("*")).strip()
    return key, _Entry(
        language,
        word_class,
        starts=key[0].isalnum() and not _unspaced(key[0]),
        ends=key[-1].isalnum() and not _unspaced(key[-1]) and not form.endswith("*"),
    )


def _unspaced(char: str) -> bool:
    return unicodedata.name(char, "").startswith(_UNSPACED)


@cache
def lexicon(seeds: frozenset[str]) -> Lexicon:
    """The words of `words/*.toml`."""
    folder = resources.files("strongroom.guard.detectors.injection").joinpath("words")
    words = {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }
    words[ANY] = words.pop("markers")
    return Lexicon(words, seeds)
