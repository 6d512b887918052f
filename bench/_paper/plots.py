"""Plots of the paper: SVG with text as text, the same bytes for the same runs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from bench._paper.figures import Runs
from bench._paper.systems import MODELS
from bench._paper.tables import SOURCES
from strongroom.domain.evidence import Curve

TITLES: Final = {
    "cards": "Cards (ULB)",
    "simulated": "Cards (simulated)",
    "default": "Credit default (Taiwan)",
    "german": "Credit (German)",
    "adult": "Means test (Adult)",
}
_LOOKS: Final = {
    "lightgbm": {"color": "#0b5cad", "linestyle": "-", "marker": "o"},
    "logistic": {"color": "#a86500", "linestyle": "--", "marker": "s"},
    "forest": {"color": "#1a7f4b", "linestyle": ":", "marker": "^"},
}
_STYLE: Final[Any] = {
    "svg.hashsalt": "strongroom",
    "svg.fonttype": "none",
    "font.size": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_all(runs: Runs, folder: Path) -> tuple[str, ...]:
    """Names of the files written: one for each attack of which there are runs."""
    made = []
    for name, (check, curve, labels, log) in PLOTS.items():
        found = {
            source: {m: c for m in MODELS if (c := runs.curve(source, m, check, curve))}
            for source in SOURCES
        }
        if any(found.values()):
            (folder / f"{name}.svg").write_text(_panels(found, labels, log=log), "utf-8")
            made.append(name)
    return tuple(made)


PLOTS: Final = {
    "evasion": (
        "robustness.evasion_budget",
        "robustness[payer]",
        ("columns changed, at most", "detected rows that get through"),
        False,
    ),
    "membership": (
        "privacy.membership",
        "rmia.roc",
        ("false accusations", "members found (RMIA)"),
        True,
    ),
    "poisoning": (
        "robustness.poisoning_swallowed",
        "poison swallowed",
        ("share of planted rows", "flagged rows that pass"),
        False,
    ),
    "extraction": (
        "robustness.extraction",
        "stolen by scores, in_distribution",
        ("queries", "F1 of the copy"),
        False,
    ),
}


def _panels(found: dict[str, dict[str, Curve]], labels: tuple[str, str], *, log: bool) -> str:
    shown = {source: lines for source, lines in found.items() if lines}
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(2.3 * len(shown), 2.4), layout="constrained")
        for place, (source, lines) in enumerate(shown.items()):
            axes = canvas.add_subplot(1, len(shown), place + 1)
            for model, line in lines.items():
                _line(axes, model, line, marked=not log)
            axes.set_title(TITLES[source], fontsize=8.5)
            axes.set_xlabel(labels[0])
            axes.grid(alpha=0.25, linewidth=0.5)
            if log:
                axes.set(xscale="log", yscale="log", xlim=(1e-3, 1), ylim=(1e-3, 1))
                axes.plot([1e-3, 1], [1e-3, 1], color="#888888", linewidth=0.6)
            else:
                axes.set_ylim(-0.03, 1.03)
                _spread(axes, [x for line in lines.values() for x, _ in line.points])
            if place == 0:
                axes.set_ylabel(labels[1])
                axes.legend(fontsize=7, frameon=False)
        out = io.StringIO()
        canvas.savefig(out, format="svg", metadata={"Date": None})
        return out.getvalue()


def _line(axes: Any, model: str, line: Curve, *, marked: bool) -> None:
    xs, ys = zip(*line.points, strict=True)
    look = dict(_LOOKS[model])
    if not marked:
        look["marker"] = ""
    axes.plot(xs, ys, label=MODELS[model][0], linewidth=1.2, markersize=3.5, **look)
    if line.band:
        lows, highs = zip(*line.band, strict=True)
        axes.fill_between(xs, lows, highs, color=look["color"], alpha=0.12, linewidth=0)


def _spread(axes: Any, xs: Sequence[float]) -> None:
    if min(xs) > 0 and max(xs) / min(xs) > 10:
        axes.set_xscale("log")
