"""From where on the end of a text could still become something: the hold-back, by rule.

Each rule reads a text backwards from its end, so it is anchored and takes linear time. What is held
is the shortest ending that some form of the detectors could continue:

* the last word, whole: keys, tokens, addresses, base64 and hex are words
* short pieces before it: digits in groups, ids, spaced letters, bytes, Morse (`41 11`, `QQ 12 34`)
* letters and digits since the country of an IBAN
* lines of base64 since the first; a PEM block since its BEGIN; a link since `[`; a tag since `<`
"""

from __future__ import annotations

import re
from typing import Final

LONGEST_LINK: Final = 4_600
"""Characters of a link or tag that the detectors read."""
_WIDE: Final = "\u2e80-\u9fff\uac00-\ud7af\u0e00-\u0eff"
"""Scripts that write without spaces: their letters are no part of a key."""
_ENDING: Final = re.compile(
    rf"[^\s{_WIDE}]*+"
    r"(?:\s{1,8}(?:[.,:;*/·-]{1,7}(?=\s|$)|[^\sa-z]{0,24}?[0-9][^\sa-z]{0,24}|\S{1,3}"
    r"|[^\w\s]{0,3}\w(?:[^\w\s]{1,3}\w){1,20}[^\w\s]{0,3})(?=\s|$))*+\s{0,8}",
)
_TRAILING: Final = re.compile(r"\s*+")
_IBAN: Final = re.compile(r"[ .-]?(?:[0-9A-Za-z][ .-]?){0,36}[0-9]{2}[A-Za-z]{2}(?![0-9A-Za-z])")
_LINES: Final = re.compile(
    r"[A-Za-z0-9+/=_-]*+(?:\n\r?[A-Za-z0-9+/_-]{4,}+)*\n\r?[A-Za-z0-9+/_-]{12,}+"
)
_LINK: Final = re.compile(r"(?:[^()\s]{0,4000}\(\]|\])?[^\[\]\n]{0,300}\[!?")
_PEM: Final = "-----BEGIN "
_PEM_OVER: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}-----")
_LOUD: Final = re.compile(
    r"[\d@/\\=<%&_+{}$~^|]|[A-Za-z]{17}|[a-z][A-Z]|[A-Z]{6}|[-.·•]{2}|(?:\S{1,2}\s{1,3}){6}"
    r"|[^\x00-\x7f\u00a0\u00c0-\u024f\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u20ac]"
)
_FEW: Final = 6
"""Spaces from which on words can be spaced letters."""
_USUAL: Final = re.compile(r"(?:[A-Z]?[a-z]{0,15}(?:[ ,;:!?']|\.(?!\.)|\Z))*+")
"""Words as sentences have them: nothing of `_LOUD` stands there, and it is told much sooner."""


def is_quiet(text: str) -> bool:
    """Whether a text is plain words in which no form of our own detectors of values can stand.

    Every number, address, key or encoded text has a digit, a sign, or letters as no word has them.
    """
    if text.count(" ") < _FEW and _USUAL.fullmatch(text):
        return True
    return _LOUD.search(text) is None


def open_from(pending: str, *, quiet: bool) -> int:
    """Where the ending begins that further text could complete; `len(pending)` if there is none.

    `quiet`: whether the text is (`is_quiet`).
    """
    backwards = pending[::-1]
    held = _ended(backwards)
    if not quiet:
        held = max(held, *(_length(rule, backwards) for rule in (_IBAN, _LINES, _LINK)))
        held = max(held, len(pending) - _block_from(pending), len(pending) - _tag_from(pending))
    return len(pending) - held


def _ended(backwards: str) -> int:
    """The length of the last word with the short pieces before it; spaces after them count too."""
    spaces = _TRAILING.match(backwards)
    skipped = spaces.end() if spaces else 0
    if skipped:  # the last word is over: it is held only as a piece
        found = _ENDING.match(" " + backwards[skipped:])
        length = (found.end() - 1 if found else 0) if found and found.end() > 1 else 0
        return skipped + length if length else 0
    return _length(_ENDING, backwards)


def _length(rule: re.Pattern[str], backwards: str) -> int:
    found = rule.match(backwards)
    return found.end() if found else 0


def _block_from(text: str) -> int:
    """Where a PEM block begins that has no end yet."""
    at = text.rfind(_PEM)
    return len(text) if at < 0 or _PEM_OVER.search(text, at) else at


def _tag_from(text: str) -> int:
    """Where an HTML tag begins that has no end yet."""
    at = text.rfind("<")
    if at < 0 or len(text) - at > LONGEST_LINK or ">" in text[at:]:
        return len(text)
    return at if not text[at + 1 : at + 2].isspace() else len(text)
