"""Evasion of text classifiers by small rewrites that a person still reads as the same text.

A greedy search in the manner of TextFooler and TextBugger (Jin et al. 2020; Li et al. 2019): find
which words the score hangs on by leaving each out, then try variants of the heaviest words, one
after the other, and keep what lowers the score most. Both loops have a fixed length and every text
a budget of queries. It does not judge meaning: `max_words` bounds how much is rewritten.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strongroom.domain.errors import InputError

Kind = Literal["character", "keyboard", "homoglyph", "word"]
KINDS: Final[tuple[Kind, ...]] = ("character", "keyboard", "homoglyph", "word")
ScoreTexts: TypeAlias = Callable[[Sequence[str]], NDArray[np.float64]]
"""Texts to (n,) scores of the flagged class."""

MAX_WORDS: Final = 2_000
"""Of one text that are looked at; an attacker rewrites the beginning as well as anything."""
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class TextBudget:
    """What may be spent on one text."""

    max_words: int = 4
    """Words rewritten."""
    max_queries: int = 200
    """Texts scored."""
    kinds: tuple[Kind, ...] = KINDS
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """More replacements of whole words, in lower case, beside our own few."""


@dataclass(frozen=True, slots=True)
class TextEvasion:
    """What became of one text."""

    text: str
    """The evading text, or the lowest-scored one met."""
    score: float
    before: float
    evaded: bool
    changes: tuple[tuple[str, str], ...]
    """Words and what they became, in the order in which they were rewritten."""
    queries: int
    finished: bool = True
    """False where `stop` came first."""


def rewrite(
    score: ScoreTexts,
    text: str,
    threshold: float,
    rng: np.random.Generator,
    budget: TextBudget = TextBudget(),
    *,
    stop: Callable[[], bool] = lambda: False,
) -> TextEvasion:
    """Attack one text. Raises InputError when the model gives no finite score a text."""
    before = float(_scores(score, [text])[0])
    best = TextEvasion(text, before, before, before < threshold, (), 0)
    words = list(_WORD.finditer(text))[:MAX_WORDS]
    if best.evaded or not words or budget.max_words == 0:
        return best
    heavy, used = _by_weight(score, text, words, budget.max_queries, rng)
    rewritten: dict[int, str] = {}
    changes: list[tuple[str, str]] = []
    for place in heavy:
        if len(changes) == budget.max_words or used >= budget.max_queries or best.evaded:
            break
        if stop():
            return replace(best, queries=used, finished=False)
        tried = list(dict.fromkeys(variants(words[place].group(), budget, rng)))
        tried = tried[: budget.max_queries - used]
        if not tried:
            continue
        texts = [_put(text, words, rewritten | {place: one}) for one in tried]
        scores = _scores(score, texts)
        used += len(tried)
        least = int(scores.argmin())
        if scores[least] < best.score:
            rewritten[place] = tried[least]
            changes.append((words[place].group(), tried[least]))
            low = float(scores[least])
            best = TextEvasion(texts[least], low, before, low < threshold, tuple(changes), used)
    return replace(best, queries=used)


def variants(word: str, budget: TextBudget, rng: np.random.Generator) -> Iterator[str]:
    """Ways to write the word so that a person reads it as before; none for a single letter."""
    if len(word) < 2:
        return
    at = int(rng.integers(0, len(word) - 1))
    for kind in budget.kinds:
        yield from (made for made in _MAKE[kind](word, at, budget) if made != word)


def _character(word: str, at: int, _budget: TextBudget) -> Iterator[str]:
    """Two letters swapped, one left out, one doubled."""
    yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    yield word[:at] + word[at + 1 :]
    yield word[: at + 1] + word[at:]


def _keyboard(word: str, at: int, _budget: TextBudget) -> Iterator[str]:
    for near in _table()["keyboard"].get(word[at].lower(), ""):
        yield word[:at] + near + word[at + 1 :]


def _homoglyph(word: str, at: int, _budget: TextBudget) -> Iterator[str]:
    alike = _table()["homoglyph"]
    yield word[:at] + alike.get(word[at], word[at]) + word[at + 1 :]
    yield "".join(alike.get(letter, letter) for letter in word)


def _word(word: str, at: int, budget: TextBudget) -> Iterator[str]:
    """Another word, or the word in two."""
    known = word.lower()
    yield from (*_table()["word"].get(known, ()), *budget.words.get(known, ()))
    yield f"{word[: at + 1]} {word[at + 1 :]}"


_MAKE: Final[Mapping[Kind, Callable[[str, int, TextBudget], Iterator[str]]]] = {
    "character": _character,
    "keyboard": _keyboard,
    "homoglyph": _homoglyph,
    "word": _word,
}


def _by_weight(
    score: ScoreTexts,
    text: str,
    words: Sequence[re.Match[str]],
    queries: int,
    rng: np.random.Generator,
) -> tuple[list[int], int]:
    """Places of words, those first whose loss lowers the score most; and how many were asked.

    At most half of the queries are spent on it; words beyond that come last, in random order.
    """
    order = rng.permutation(len(words)).tolist()
    asked, rest = order[: queries // 2], order[queries // 2 :]
    if not asked:
        return rest, 0
    scores = _scores(score, [_put(text, words, {place: ""}) for place in asked])
    return [asked[i] for i in np.argsort(scores, kind="stable")] + rest, len(asked)


def _put(text: str, words: Sequence[re.Match[str]], new: Mapping[int, str]) -> str:
    """The text with these words replaced."""
    parts, at = [], 0
    for place in sorted(new):
        start, end = words[place].span()
        parts += [text[at:start], new[place]]
        at = end
    return "".join([*parts, text[at:]])


def _scores(score: ScoreTexts, texts: Sequence[str]) -> NDArray[np.float64]:
    made = np.asarray(score(texts), dtype=np.float64)
    if made.shape != (len(texts),) or not np.isfinite(made).all():
        raise InputError("the model did not give one finite score a text while under attack")
    return made


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    source = files("strongroom.assess.attacks").joinpath("text_variants.toml")
    return tomllib.loads(source.read_text("utf-8"))
