"""Passport to HTML (one file, no scripts, nothing fetched) and to PDF (typst)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from strongroom import __version__
from strongroom.domain.canonical import plain
from strongroom.domain.errors import MissingExtra
from strongroom.report import charts
from strongroom.report.passport import Figure, Passport, Section

try:
    import jinja2
    import typst
    from markupsafe import Markup
except ImportError as error:
    raise MissingExtra("report", "writing the passport") from error

_TEMPLATES = resources.files("strongroom.report") / "templates"
MAX_CHARTED = 24
"""Figures beyond this stay in the table only: a taller chart helps nobody."""


Drawn = Mapping[str, Sequence[str]]
"""SVG drawings by check."""


def documents(passport: Passport) -> dict[str, bytes]:
    """`passport.html` and `passport.pdf`; the charts are drawn once for both."""
    drawn = {section.check: _charts(section) for section in passport.sections}
    return {
        "passport.html": _html(passport, drawn).encode(),
        "passport.pdf": _pdf(passport, drawn),
    }


def _html(passport: Passport, drawn: Drawn) -> str:
    """The passport as one self-contained page; every value is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    template = environment.from_string((_TEMPLATES / "passport.html.j2").read_text("utf-8"))
    return template.render(
        passport=passport,
        drawn={check: [_safe(chart) for chart in every] for check, every in drawn.items()},
        strongroom=__version__,
    )


def _pdf(passport: Passport, drawn: Drawn) -> bytes:
    """The passport as PDF; the same record gives the same bytes."""
    with TemporaryDirectory(prefix="strongroom-") as name:
        folder = Path(name)
        document = _document(passport)
        for section, raw in zip(passport.sections, document["sections"], strict=True):
            raw["charts"] = []
            for index, drawing in enumerate(drawn[section.check]):
                path = folder / f"{section.check.replace('@', '-')}-{index}.svg"
                path.write_text(drawing, "utf-8")
                raw["charts"].append(path.name)
        (folder / "passport.json").write_text(json.dumps(document), "utf-8")
        source = folder / "passport.typ"
        source.write_text((_TEMPLATES / "passport.typ").read_text("utf-8"), "utf-8")
        made: bytes = typst.compile(
            str(source), root=str(folder), ignore_system_fonts=True,
            timestamp=int(passport.at.timestamp()),
        )  # fmt: skip
        return made


def number(value: float) -> str:
    """A figure for people: three significant digits, no exponent where it can be avoided."""
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.3g}"


def _charts(section: Section) -> list[str]:
    """The intervals first, then each curve."""
    estimated = [f for f in section.figures if f.metric.low < f.metric.high]
    drawn = [charts.intervals(estimated[:MAX_CHARTED])] if estimated else []
    return drawn + [charts.curve(c) for c in section.curves if c.points]


def _safe(drawing: str) -> Markup:
    return Markup(drawing)  # noqa: S704  (matplotlib's SVG, where all text is drawn as paths)


def _document(passport: Passport) -> dict[str, Any]:
    """Plain values for typst, which formats but does not compute."""
    document: dict[str, Any] = {
        name: plain(getattr(passport, name))
        for name in ("subjects", "decision", "lines", "sections", "next_steps", "at")
    }
    document["cited"] = [{"title": f.title, "edition": f.edition} for f in passport.cited]
    document["system"] = passport.system.model_dump(mode="json", by_alias=True)
    document["strongroom"] = __version__
    document["verdict"] = passport.decision.verdict.value if passport.decision else None
    for section, raw in zip(passport.sections, document["sections"], strict=True):
        raw["rows"] = [_row(f) for f in section.figures]
        raw["telling"] = [_row(f) for f in section.telling]
    return document


def _row(figure: Figure) -> list[str]:
    metric = figure.metric
    return [
        metric.name,
        number(metric.value),
        f"{number(metric.low)} – {number(metric.high)}",
        f"{metric.n:,}",
        " ".join(t.bounds for t in figure.bounds),
        figure.outcome.value if figure.outcome else "",
    ]
