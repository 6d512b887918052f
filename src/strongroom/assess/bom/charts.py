"""A curve as SVG text: a line, its band, two labels. The same curve gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from strongroom.domain.evidence import Curve

WIDTH: Final = 320
HEIGHT: Final = 240
EDGE: Final = 30
"""Pixels."""
Point = tuple[float, float]


def svg(curve: Curve) -> str:
    """The drawing, in the range of its own points."""
    band = [(x, y) for (x, _), pair in zip(curve.points, curve.band, strict=False) for y in pair]
    xs, ys = _range([x for x, _ in curve.points]), _range([y for _, y in [*curve.points, *band]])

    def place(points: Iterable[Point]) -> str:
        return " ".join(f"{_at(x, xs, WIDTH)},{HEIGHT - _at(y, ys, HEIGHT):g}" for x, y in points)

    shapes = [
        f'<polyline fill="none" stroke="#205080" points="{place(curve.points)}"/>',
        f'<text x="{EDGE}" y="{HEIGHT - 8}" font-size="10">{escape(curve.x_label)}</text>',
        f'<text x="4" y="12" font-size="10">{escape(curve.y_label)}</text>',
    ]
    if curve.band:
        low = [(x, pair[0]) for (x, _), pair in zip(curve.points, curve.band, strict=False)]
        high = [(x, pair[1]) for (x, _), pair in zip(curve.points, curve.band, strict=False)]
        shapes.insert(0, f'<polygon fill="#c8d8e8" points="{place([*low, *reversed(high)])}"/>')
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(shapes)}</svg>'


def _range(values: Sequence[float]) -> Point:
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _at(value: float, ends: Point, size: int) -> float:
    share = (value - ends[0]) / (ends[1] - ends[0])
    return round(EDGE + share * (size - 2 * EDGE), 1)
