"""Keeps benchmark texts out of what is trained on: by hash, and by 13-grams of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from strongroom.domain.digests import sha256
from strongroom.guard.training.corpora import Example, read_lines

GRAM: Final = 13
"""Words in a row that count as copied (the convention of language-model evaluations)."""


class Held:
    """Fingerprints of the texts that must not be trained on. Holds no text."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.whole: set[str] = set()
        self.grams: set[int] = set()
        for text in texts:
            words = _words(text)
            self.whole.add(_hash(words))
            self.grams.update(_grams(words))

    @classmethod
    def of_folder(cls, folder: Path) -> Held:
        """Fingerprints of every text in the JSON lines of a folder."""
        files = sorted(folder.glob("*.jsonl"))
        return cls(row["text"] for path in files for row in read_lines(path))

    def has(self, text: str) -> bool:
        """Whether the text is one of them, or shares 13 words in a row with one."""
        words = _words(text)
        return _hash(words) in self.whole or not self.grams.isdisjoint(_grams(words))


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def _hash(words: tuple[str, ...]) -> str:
    return sha256(" ".join(words).encode("utf-8", "surrogatepass")).hex


def _grams(words: tuple[str, ...]) -> Iterator[int]:
    return (hash(words[at : at + GRAM]) for at in range(len(words) - GRAM + 1))


def without(examples: Iterable[Example], held: Held) -> tuple[list[Example], int]:
    """The examples that share nothing with the held texts and are not repeated; how many shared."""
    kept: dict[str, Example] = {}
    shared = 0
    for example in examples:
        if held.has(example.text):
            shared += 1
        else:
            kept.setdefault(_hash(_words(example.text)) + f"{len(example.text)}", example)
    return list(kept.values()), shared
