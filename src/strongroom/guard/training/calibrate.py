"""Sets the scale of scores on calibration data: stack, correction for length, operating points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from strongroom.guard.detectors._encoder import Encoder
from strongroom.guard.detectors._ngrams import Ngrams
from strongroom.guard.detectors._scoring import FIGURES, Scale, Thresholds
from strongroom.guard.detectors.injection_model import InjectionModel
from strongroom.guard.records import View
from strongroom.guard.training.corpora import Example

LEVELS = {
    "monitor": {"user": 0.5, "data": 0.5},
    "balanced": {"user": 0.5, "data": 0.5},
    "payments": {"user": 0.5, "data": 0.45},
    "strict": {"user": 0.3, "data": 0.3},
}
"""From which score a detection counts. The scores are bound to false alarms by POINTS."""
POINTS = (
    ((0.01, 0.04, 0.3), (0.003, 0.02, 0.45), (0.001, 0.01, 0.5)),
    ((0.02, 0.08, 0.3), (0.01, 0.04, 0.45), (0.003, 0.02, 0.5)),
)
"""For users, for data: (share of innocent calibration texts that score higher, the same of HARD
ones, score). Users are stricter: most of what they say is innocent, and trigger words are common.
"""
HARD = ("words.", "ignore.", "instructions", "prompt.words", "system.words", "password", "salted")
"""Innocent requests full of the words that attacks like: what a guard is most often wrong about."""
SURE = ((0.4, 0.75), (4.0, 0.95), (9.0, 0.999))
"""(logit above the last point, score): to block asks for a little more than to tell."""
START = Scale(0.5, 0.5, 1.0, 0.0, 0.0, -1e9, ((0.0, 0.1), (1.0, 0.9)), ((0.0, 0.1), (1.0, 0.9)))
BELOW = -1e3
"""The logit of what the encoder never sees."""
ALIKE = 32
"""Texts with so many first characters in common are taken for one."""
UNSEEN = 0.01
"""Share of calibration attacks that the encoder is not even asked about while the scale is set."""
LOST = 0.002
"""Share of calibration attacks that `clear` may cost in the end, of those that strict finds."""


MOST: Final = 400
"""Texts of one origin and verdict, so that no corpus drowns the others."""


def even(rows: Sequence[Example]) -> list[Example]:
    """At most MOST of each origin and verdict, the first ones."""
    taken: Counter[tuple[str, int | None, int | None]] = Counter()
    kept = []
    for row in rows:
        origin = "&" if "&" in row.origin else row.origin.split("+")[0].rstrip("~")
        kind = (origin, row.user, row.data)
        taken[kind] += 1
        if taken[kind] <= MOST:
            kept.append(row)
    return kept


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What the models said of each calibration text."""

    ngrams: NDArray[np.float64]
    encoder: NDArray[np.float64] | None
    """NaN where the n-gram logit was below `clear`."""
    pieces: NDArray[np.int64]
    attack: NDArray[np.bool_]
    hard: NDArray[np.bool_]
    """Innocent, and of the families of HARD."""
    clear: float
    ask: int
    """0 user, 1 data."""


def read_all(ngrams: Ngrams, encoder: Encoder | None, rows: Sequence[Example], ask: int) -> Read:
    """Both models on every text that has an answer to the question (0 user, 1 data)."""
    name = ("user", "data")[ask]
    asked = [row for row in rows if getattr(row, name) is not None]
    attack = np.array([bool(getattr(row, name)) for row in asked])
    lone = InjectionModel(ngrams, None, Thresholds(START, START, LEVELS))
    judged = [lone.read(View(row.text), ask, START) for row in asked]
    # Texts that begin alike came from one line or template: one observation, not many.
    begins = [" ".join(each.piece.text.split())[:ALIKE].casefold() for each in judged]
    first = {pair: at for at, pair in enumerate(zip(attack.tolist(), begins, strict=True))}
    kept = sorted(first.values())
    asked, judged, attack = [asked[i] for i in kept], [judged[i] for i in kept], attack[kept]
    clear = round(float(np.quantile(np.array([j.ngrams for j in judged])[attack], UNSEEN)), 2)
    if encoder is not None:
        both = replace(lone, encoder=encoder)
        scale = replace(START, clear=clear)
        judged = [
            both.read(View(row.text), ask, scale) if first.ngrams >= clear else first
            for row, first in zip(asked, judged, strict=True)
        ]
    seen = [np.nan if each.encoder is None else each.encoder for each in judged]
    return Read(
        np.array([each.ngrams for each in judged]),
        None if encoder is None else np.array(seen),
        np.array([each.pieces for each in judged]),
        attack,
        np.array([row.origin.startswith(HARD) for row in asked]) & ~attack,
        clear,
        ask,
    )


def scale_of(read: Read) -> Scale:
    """The scale for one kind of source."""
    scale, both = replace(START, clear=read.clear), read.ngrams
    if read.encoder is not None:
        shown = ~np.isnan(read.encoder)
        stack = LogisticRegression(class_weight="balanced")
        stack.fit(np.column_stack([read.ngrams, read.encoder])[shown], read.attack[shown])
        first, second = (round(float(w), 4) for w in stack.coef_[0])
        scale = replace(scale, ngrams=first, encoder=second)
        both = np.where(shown, first * read.ngrams + second * read.encoder, BELOW)
    scale = replace(
        scale,
        per_doubling=_per_doubling(both, read),
        lone_per_doubling=_per_doubling(read.ngrams, read),
    )
    scale = replace(
        scale,
        stacked=_knots(_corrected(scale, both, read, lone=False), read),
        lone=_knots(_corrected(scale, read.ngrams, read, lone=True), read),
    )
    if read.encoder is None:
        return scale
    return replace(scale, clear=_clear(scale, read.encoder, read))


def _clear(scale: Scale, encoder: NDArray[np.float64], read: Read) -> float:
    """Below this n-gram logit the encoder hardly ever finds an attack; so it need not look."""
    strict, floor = POINTS[read.ask][0][-1], scale.lone[1][0]
    found = [
        ngrams
        for ngrams, seen, pieces, attack in zip(
            read.ngrams, encoder, read.pieces, read.attack, strict=True
        )
        if attack and not np.isnan(seen) and scale.score(ngrams, seen, pieces) >= strict
    ]
    return round(min(float(np.quantile(found, LOST)), floor), 2)


def _corrected(
    scale: Scale, logits: NDArray[np.float64], read: Read, *, lone: bool
) -> NDArray[np.float64]:
    return np.array(
        [scale.corrected(a, n, lone=lone) for a, n in zip(logits, read.pieces, strict=True)]
    )


def _per_doubling(logits: NDArray[np.float64], read: Read) -> float:
    """The step with which most attacks are found at the point of score 0.5."""
    share, hard, _ = POINTS[read.ask][-1]
    best, most = 0.0, -1.0
    for step in np.arange(0.0, 1.01, 0.05):
        moved = logits - step * np.log2(np.maximum(1, read.pieces))
        found = float((moved[read.attack] > _point(moved, read, share, hard)).mean())
        if found > most:
            best, most = float(step), found
    return round(best, 2)


def _point(logits: NDArray[np.float64], read: Read, share: float, hard: float) -> float:
    """The logit that no more than so many of the innocent, and of the hard ones, exceed."""
    point = float(np.quantile(logits[~read.attack], 1 - share))
    if not read.hard.any():
        return point
    return max(point, float(np.quantile(logits[read.hard], 1 - hard)))


def _knots(logits: NDArray[np.float64], read: Read) -> tuple[tuple[float, float], ...]:
    quantiles = [
        (_point(logits, read, share, hard), score) for share, hard, score in POINTS[read.ask]
    ]
    last = quantiles[-1][0]
    knots = [(quantiles[0][0] - 6.0, 0.01), *quantiles]
    knots += [(last + above, score) for above, score in SURE]
    rising = [knots[0]]
    for logit, score in knots[1:]:
        rising.append((round(max(logit, rising[-1][0] + 0.01), 3), score))
    if any(a >= b for (a, _), (b, _) in pairwise(rising)):
        raise ValueError("knots do not rise")
    return tuple(rising)


def as_toml(user: Scale, data: Scale) -> str:
    """thresholds.toml, with what the figures mean."""
    lines = [
        "# Written by the recipe from calibration data alone; see README.md beside this file.",
        "version = 1",
    ]
    for name, scale in (("user", user), ("data", data)):
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {getattr(scale, key)}" for key in FIGURES]
        lines += [f"stacked = {_listed(scale.stacked)}", f"lone = {_listed(scale.lone)}"]
    lines += ["", "[levels]"]
    lines += [
        f"{level} = {{ user = {at['user']}, data = {at['data']} }}" for level, at in LEVELS.items()
    ]
    return "\n".join(lines) + "\n"


def _listed(knots: tuple[tuple[float, float], ...]) -> str:
    return "[" + ", ".join(f"[{logit:.3f}, {score}]" for logit, score in knots) + "]"
