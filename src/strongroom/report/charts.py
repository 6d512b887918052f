"""Charts as SVG: the same bytes for the same figures, readable in black and white."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from strongroom.domain.errors import MissingExtra
from strongroom.domain.evidence import Curve
from strongroom.domain.outcome import Outcome
from strongroom.report.passport import Figure

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas
except ImportError as error:
    raise MissingExtra("report", "drawing charts") from error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#1c2733"
BLUE: Final = "#0b5cad"
LONG: Final = 36
"""Characters of a label that still fit below a chart in full size."""
MANY: Final = 15
"""Points from which a line needs no markers, and groups would be no groups."""
COLOURS: Final = {
    Outcome.PASS: "#1a7f4b",
    Outcome.FAIL: "#b3261e",
    Outcome.UNKNOWN: "#a86500",
    None: "#4a5a6a",
}
_STYLE: Final[Any] = {
    "svg.hashsalt": "strongroom",
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def intervals(figures: Sequence[Figure]) -> str:
    """Each figure as a point in its interval, with a bar at each bound that it must meet."""
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(6.4, 0.55 + 0.34 * len(figures)), layout="constrained")
        axes = canvas.add_subplot()
        for row, figure in enumerate(reversed(figures)):
            _interval(axes, row, figure)
        axes.set_yticks(range(len(figures)), [f.metric.name for f in reversed(figures)])
        axes.set_ylim(-0.6, len(figures) - 0.4)
        axes.grid(axis="x", alpha=0.25, linewidth=0.6)
        return _svg(canvas)


def curve(line: Curve) -> str:
    """A line with its band."""
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(3.6, 2.7), layout="constrained")
        axes = canvas.add_subplot()
        xs = [x for x, _ in line.points]
        if xs == [float(i) for i in range(len(xs))] and len(xs) < MANY:
            _groups(axes, line)
        else:
            _course(axes, line)
        axes.set(xlabel=line.x_label, ylabel=line.y_label, title=line.name)
        axes.title.set_fontsize(9.5)
        axes.xaxis.label.set_fontsize(9.0 if len(line.x_label) < LONG else 6.5)
        axes.grid(alpha=0.25, linewidth=0.6)
        if xs and min(xs) > 0 and max(xs) / min(xs) > 1000:
            axes.set_xscale("log")
        return _svg(canvas)


def _groups(axes: Axes, line: Curve) -> None:
    """Points of groups numbered from 0 stand alone: nothing lies between them."""
    for x, y in line.points:
        axes.plot([x], [y], marker="o", color=BLUE, markersize=4)
    for (x, _), (low, high) in zip(line.points, line.band, strict=False):
        axes.plot([x, x], [low, high], color=BLUE, linewidth=1.6)
    axes.set_xticks([x for x, _ in line.points])
    axes.set_xlim(-0.5, len(line.points) - 0.5)


def _course(axes: Axes, line: Curve) -> None:
    xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
    axes.plot(xs, ys, color=BLUE, linewidth=1.5, marker="o" if len(xs) < MANY else "", ms=3)
    if line.band:
        lows, highs = [low for low, _ in line.band], [high for _, high in line.band]
        axes.fill_between(xs, lows, highs, color=BLUE, alpha=0.18, linewidth=0)


def _interval(axes: Axes, row: int, figure: Figure) -> None:
    metric, colour = figure.metric, COLOURS[figure.outcome]
    axes.plot([metric.low, metric.high], [row, row], color=colour, linewidth=2.2)
    axes.plot([metric.value], [row], marker="o", color=colour, markersize=5)
    for bound in figure.bounds:
        for at, marker in ((bound.at_least, ">"), (bound.at_most, "<")):
            if at is not None:
                axes.plot([at, at], [row - 0.32, row + 0.32], color=INK, linewidth=1.4)
                axes.plot([at], [row + 0.32], marker=marker, color=INK, markersize=4)


def _svg(canvas: Canvas) -> str:
    out = io.StringIO()
    canvas.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()[out.getvalue().index("<svg") :]
