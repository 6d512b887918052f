"""From logits to a score: a small stack, a correction for the number of readings, a scale."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any, Final

from strongroom.domain.errors import InputError

FIGURES: Final = ("ngrams", "encoder", "alone", "per_doubling", "lone_per_doubling", "clear")


@dataclass(frozen=True, slots=True)
class Scale:
    """How one kind of source is judged. All figures come from calibration data."""

    ngrams: float
    """Weight of the n-gram logit."""
    encoder: float
    """Weight of the encoder's logit; unused where the encoder is not installed."""
    alone: float
    """Weight of the n-gram logit where it stands alone."""
    per_doubling: float
    """Taken off for each doubling of the pieces: the maximum of many is high by chance."""
    lone_per_doubling: float
    """The same where the n-gram model stands alone."""
    clear: float
    """N-gram logits below this are not shown to the encoder."""
    stacked: tuple[tuple[float, float], ...]
    """(logit, score) knots with the encoder, rising in both."""
    lone: tuple[tuple[float, float], ...]
    """The same without it."""

    def corrected(self, logit: float, pieces: int, *, lone: bool) -> float:
        """The highest logit of so many pieces, made comparable to that of one."""
        step = self.lone_per_doubling if lone else self.per_doubling
        return logit - step * log(max(1, pieces), 2)

    def score(self, ngrams: float, encoder: float | None, pieces: int) -> float:
        """0..1, straight between knots."""
        if encoder is None:
            return _between(self.lone, self.corrected(self.alone * ngrams, pieces, lone=True))
        both = self.ngrams * ngrams + self.encoder * encoder
        return _between(self.stacked, self.corrected(both, pieces, lone=False))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scales by kind of source, and the score from which each level counts a detection."""

    user: Scale
    data: Scale
    levels: Mapping[str, Mapping[str, float]]
    """levels["strict"]["data"]: from this score on."""


def read_thresholds(path: Path) -> Thresholds:
    """Read thresholds.toml. Raises InputError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} holds no thresholds: {error!r}") from error
    return parse_thresholds(text, str(path))


def parse_thresholds(text: str, path: str) -> Thresholds:
    """The same from what the file holds; `path` is for messages. Raises InputError."""
    try:
        raw = tomllib.loads(text)
        if raw["version"] != 1:
            raise InputError(f"{path} has version {raw['version']}; this release reads 1")
        return Thresholds(_scale(raw["user"]), _scale(raw["data"]), raw["levels"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} holds no thresholds: {error!r}") from error


def _scale(raw: Mapping[str, Any]) -> Scale:
    figures = {name: float(raw[name]) for name in FIGURES}
    return Scale(**figures, stacked=_knots(raw["stacked"]), lone=_knots(raw["lone"]))


def _knots(raw: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    knots = tuple((float(logit), float(score)) for logit, score in raw)
    rising = all(a < c and b < d for (a, b), (c, d) in pairwise(knots))
    if len(knots) < 2 or not rising:
        raise ValueError("knots must rise")
    return knots


def _between(knots: tuple[tuple[float, float], ...], logit: float) -> float:
    if logit <= knots[0][0]:
        return knots[0][1]
    for (a, low), (b, high) in pairwise(knots):
        if logit <= b:
            return low + (high - low) * (logit - a) / (b - a)
    return knots[-1][1]
