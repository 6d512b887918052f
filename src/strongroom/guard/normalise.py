"""From a text to its readings: what it says once its disguises are taken off, layer by layer.

1. The plain reading: invisible characters out, look-alikes resolved (`folding.py`).
2. Text that invisible characters carry, read in its place.
3. In rounds, each on the outcome of the last: everything that is marked as encoded (percent signs,
   entities, escapes, base64, hex …) is read in its place: one new view a round.
4. On each of these views: ciphers and spellings that only the outcome tells (ROT13, leetspeak,
   morse, spaced or reversed letters), one new view each, which goes through step 3 again.

Nothing is judged here, so what is encoded and harmless stays harmless.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.guard.decoders import (
    base32,
    base64,
    base85,
    ciphers,
    data_uri,
    entities,
    escapes,
    hexadecimal,
    invisible,
    leet,
    markup,
    morse,
    spaced,
    url,
    wrapped,
)
from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.folding import fold, read
from strongroom.guard.records import View
from strongroom.guard.spans import IDENTITY, Piece, Spliced, Trail, splice

CARRIED: Final = (invisible.SELECTORS, invisible.BITS)
MARKED: Final = (
    base85.BASE85,
    data_uri.DATA_URI,
    url.URL,
    url.QUOTED,
    entities.ENTITIES,
    escapes.ESCAPES,
    hexadecimal.HEX,
    hexadecimal.CODES,
    base32.BASE32,
    base64.BASE64,
    markup.HIDDEN,
    markup.TAGS,
    wrapped.WRAPPED,
)
"""In this order: what encloses comes before what is enclosed, the stricter form first."""
TOLD_BY_OUTCOME: Final = (
    ciphers.ROT13,
    ciphers.CAESAR,
    ciphers.ATBASH,
    ciphers.REVERSED,
    ciphers.REVERSED_WORDS,
    ciphers.UPSIDE_DOWN,
    spaced.SPACED,
    leet.LEET,
    morse.MORSE,
)
DECODERS: Final = (*CARRIED, *MARKED, *TOLD_BY_OUTCOME)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much work one text may make."""

    chars: int = 262_144
    """Characters of the text."""
    depth: int = 6
    """Layers of encoding."""
    views: int = 24
    decoded_chars: int = 1_048_576
    """Characters of all views together."""


@dataclass(frozen=True, slots=True)
class Readings:
    """A text in all its readings."""

    views: tuple[View, ...]
    exceeded: tuple[str, ...] = ()
    """Limits that stopped the reading; then there may be more than was read."""


DEFAULT_LIMITS: Final = Limits()


def views_of(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[View, ...]:
    """The readings of a text, the plain one first."""
    return readings_of(text, limits).views


def readings_of(text: str, limits: Limits = DEFAULT_LIMITS) -> Readings:
    """The readings of a text, the plain one first, and the limits that were met. Never raises."""
    exceeded: set[str] = set()
    if len(text) > limits.chars:
        exceeded.add("chars")
        text = text[: limits.chars]
    plain = _view(text, IDENTITY)
    views, queue = [plain], deque([(plain, 0)])
    for decoder in CARRIED if invisible.carries(text) else ():
        if pieces := decoder.decode(text):
            carried = _view(splice(text, pieces), Spliced(pieces, IDENTITY, decoder.name))
            views.append(carried)
            queue.append((carried, 1))
    seen, chars = {view.text for view in views}, sum(len(view.text) for view in views)
    while queue:
        parent, depth = queue.popleft()
        for child in _children(parent):
            if child.text in seen:
                continue
            chars += len(child.text)
            met = {
                "depth": depth >= limits.depth,
                "views": len(views) >= limits.views,
                "decoded_chars": chars > limits.decoded_chars,
            }
            if any(met.values()):
                exceeded |= {name for name, is_met in met.items() if is_met}
                break
            seen.add(child.text)
            views.append(child)
            queue.append((child, depth + 1))
    return Readings(tuple(views), tuple(sorted(exceeded)))


def _children(parent: View) -> list[View]:
    """The next readings of a view: all that is marked at once, then each spelling that fits."""
    children = []
    text, trail = parent.text, parent.trail
    for decoder in MARKED:
        if pieces := decoder.decode(text):
            text, trail = _next(text, trail, decoder, pieces)
    if text != parent.text or trail is not parent.trail:
        children.append(_view(text, trail))
    children += [
        _view(*_next(parent.text, parent.trail, decoder, pieces))
        for decoder in TOLD_BY_OUTCOME
        if (pieces := decoder.decode(parent.text))
    ]
    return children


def _next(text: str, trail: Trail, decoder: Decoder, pieces: Sequence[Piece]) -> tuple[str, Trail]:
    return splice(text, pieces), Spliced(pieces, trail, decoder.name)


def _view(text: str, trail: Trail) -> View:
    """A text and its trail, read naturally and folded."""
    plain, _, trail = read(text, trail)
    matched, fold_trail = fold(plain)
    return View(plain, trail.how(0, len(plain)), trail, matched, fold_trail)
