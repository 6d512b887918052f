"""Finds values by form, check and the words before them; what the detectors of numbers share."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import ascii_letters, digits
from typing import Any, Final

from strongroom.guard.decoders.shape import Shape
from strongroom.guard.folding import folded
from strongroom.guard.records import Detection, Message, View
from strongroom.guard.triggers import Triggers

BEFORE: Final = 48
"""Characters before a value in which a word says what it is."""
NEVER: Final = r"[^\s\S]"
"""Matches nothing."""
MAX_FOUND: Final = 6_000
"""Values of one form in one reading; more than a driver takes, so a flood is no hiding place."""
SHAPE: Final = Shape({"d": digits, "a": ascii_letters, "-": "-", ".": ".", " ": " ", "+": "+"})
_ONLY_DIGITS: Final = bytes(code if code == ord("d") else 32 for code in range(256))


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is written, and how sure it is then."""

    kind: str
    pattern: re.Pattern[str]
    """Its first group, or all of it, is the value."""
    valid: Callable[[str], bool]
    """Judges the value without separators, in capitals."""
    alone: float
    """Score where nothing names it; 0 if it is then nothing."""
    named: float
    """Score after a word that names it."""
    hints: tuple[str, ...] = ()
    """Words that name it, shortly before it; `_` is any separator, or none."""
    needs: tuple[bytes, ...] = ()
    """Shapes of which one stands in every text that could hold it."""
    facts: Mapping[str, Any] | None = None


def hint_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Any of the words, as whole words; `_` is any or no separator."""
    options = "|".join(re.escape(folded(word)).replace("_", "[ _.-]?") for word in words)
    return re.compile(rf"(?<![a-z0-9])(?:{options or NEVER})(?![a-z])")


class Forms:
    """Forms, and what tells at once which of them a text cannot hold."""

    def __init__(self, forms: Iterable[Form]) -> None:
        """A form that is nothing alone needs one of its words in the text."""
        self.all = tuple(forms)
        self.hints = tuple(hint_pattern(form.hints) for form in self.all)
        self._needs = _by_digits({need for form in self.all for need in form.needs})
        self._all_need = all(form.needs for form in self.all)
        self._unnamed = frozenset(n for n, form in enumerate(self.all) if form.alone > 0)
        self._named = Triggers(
            [] if form.alone > 0 else {folded(hint).split("_")[0] for hint in form.hints}
            for form in self.all
        )

    def in_view(self, view: View) -> Iterator[tuple[Form, re.Pattern[str]]]:
        """The forms that a reading could hold, and the words that name each."""
        shape = SHAPE.of(view.text)
        there: set[bytes] = set()
        for run, needs in self._needs:
            if run not in shape:
                break
            there.update(need for need in needs if need in shape)
        if not there and self._all_need:
            return
        for number in sorted(self._unnamed | self._named.groups(view.folded)):
            wanted = self.all[number].needs
            if not wanted or not there.isdisjoint(wanted):
                yield self.all[number], self.hints[number]


def _by_digits(needs: set[bytes]) -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
    """Shapes by their longest run of digits, the shortest first: without it, none stands there."""
    runs = {need: max(need.translate(_ONLY_DIGITS).split(), key=len, default=b"") for need in needs}
    return tuple(
        (run, tuple(sorted(need for need in needs if runs[need] == run)))
        for run in sorted(set(runs.values()), key=len)
    )


def find(detector: str, message: Message, forms: Forms) -> Iterator[Detection]:
    """Every value of every form in every reading; each place once, at its highest score."""
    best: dict[tuple[str, int, int], Detection] = {}
    for view in message.views:
        for form, hints in forms.in_view(view):
            for detection in _found(detector, view, form, hints):
                key = (detection.kind, *detection.span)
                known = best.get(key)
                if known is None or (detection.score, -len(detection.decoded)) > (
                    known.score,
                    -len(known.decoded),
                ):
                    best[key] = detection
    yield from best.values()


def _found(detector: str, view: View, form: Form, hints: re.Pattern[str]) -> Iterator[Detection]:
    group = 1 if form.pattern.groups else 0
    for count, match in enumerate(form.pattern.finditer(view.text)):
        if count >= MAX_FOUND:
            return
        start, end = match.span(group)
        value = re.sub(r"[^0-9A-Za-z]", "", match.group(group)).upper()
        if not form.valid(value):
            continue
        score = form.named if named(view.text, start, hints) else form.alone
        if score > 0:
            yield told(detector, view, form.kind, score, (start, end), form.facts)


def told(
    detector: str,
    view: View,
    kind: str,
    score: float,
    span: tuple[int, int],
    facts: Mapping[str, Any] | None = None,
) -> Detection:
    """A detection at a place of a view."""
    return Detection(
        detector, kind, score, view.to_original(*span), view.how_of(*span), facts or {}
    )


def named(text: str, start: int, hints: re.Pattern[str]) -> bool:
    """Whether a word shortly before a place says what stands there."""
    return bool(hints.search(folded(text[max(0, start - BEFORE) : start])))


@cache
def table(name: str) -> Mapping[str, Any]:
    """A data file beside the detectors."""
    file = resources.files("strongroom.guard.detectors").joinpath(name)
    return tomllib.loads(file.read_text("utf-8"))
