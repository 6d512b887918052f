"""The paper: `paper.md.j2` with the figures of the runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import jinja2

from bench._paper.figures import NOT_RUN, Run, Runs, short, words
from bench._paper.plots import TITLES, draw_all
from bench._paper.runs import CHECKS
from bench._paper.systems import MODELS
from bench._paper.tables import SOURCES

RESEARCH: Final = Path(__file__).parents[2] / "docs/research"
PAPER: Final = RESEARCH / "payment-fraud-models-under-attack.md"
SWALLOWED: Final = "robustness.poisoning_swallowed"
SHARE: Final = "0.002"
SEEN: Final = 0.02
"""A change of AUC that somebody would ask about."""
_TEMPLATE: Final = Path(__file__).parent / "paper.md.j2"


def write() -> Path:
    """Draw the plots, write the paper; gives its path."""
    runs = Runs.read()
    plots = draw_all(runs, RESEARCH)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    template = environment.from_string(_TEMPLATE.read_text("utf-8"))
    PAPER.write_text(
        template.render(
            plots=plots,
            say=runs.words,
            value=runs.metric,
            short=short,
            extremes=runs.extremes,
            table=lambda check, columns: table(runs, check, columns),
            systems=systems(runs),
            record=record(runs),
            environment=_environment(runs),
            missing=_missing(runs),
            moved=_moved(runs),
            poisoned=sum(cell.check == SWALLOWED for cell, _ in runs.all()),
            done=len(tuple(runs.all())),
            planned=len(SOURCES) * len(MODELS) * len(CHECKS),
        ),
        "utf-8",
    )
    return PAPER


def table(runs: Runs, check: str, columns: Sequence[tuple[str, str]]) -> str:
    """Rows are systems that were run, columns are figures: (heading, metric)."""
    rows = []
    for source in SOURCES:
        for model in MODELS:
            run = runs.get(source, model, check)
            if run is not None:
                said = [_or_why(run, metric) for _, metric in columns]
                rows.append([TITLES[source], MODELS[model][0], *said, run.evidence.outcome.value])
    return _markdown(["data", "model", *(heading for heading, _ in columns), "verdict"], rows)


def systems(runs: Runs) -> str:
    """What the models are worth before anybody attacks them."""
    rows = []
    for source in SOURCES:
        for model in MODELS:
            budget = "robustness.evasion_budget"
            if runs.get(source, model, budget):
                rows.append(
                    [
                        TITLES[source],
                        MODELS[model][0],
                        runs.words(source, model, "performance.discrimination", "auc"),
                        runs.words(source, model, budget, "detected"),
                    ]
                )
    return _markdown(["data", "model", "AUC", "of label 1 detected"], rows)


def record(runs: Runs) -> str:
    """Every run with its digest, for whoever wants to check a figure."""
    rows = [
        [
            f"{c.source}-{c.model}",
            f"`{run.evidence.check}`",
            run.evidence.outcome.value,
            f"[`{run.digest.hex[:16]}…`](runs/{c.file.name})",
        ]
        for c, run in runs.all()
    ]
    return _markdown(["system", "check", "outcome", "SHA-256 of the statement"], rows)


def _moved(runs: Runs) -> list[str]:
    """Systems in which validation by AUC would have seen the poison."""
    return [
        f"{MODELS[cell.model][0]} on {TITLES[cell.source]} ({short(found.value)})"
        for cell, run in runs.all()
        if (found := run.evidence.metric(f"auc_change[{SHARE}]")) and abs(found.value) > SEEN
    ]


def _or_why(run: Run, metric: str) -> str:
    found = run.evidence.metric(metric)
    return words(found) if found else NOT_RUN


def _environment(runs: Runs) -> str:
    seen: dict[str, set[str]] = {}
    for _, run in runs.all():
        for name, version in run.evidence.environment.items():
            seen.setdefault(name, set()).add(version)
    return ", ".join(f"{name} {'/'.join(sorted(v))}" for name, v in sorted(seen.items()))


def _missing(runs: Runs) -> str:
    """By check: whole models by name, else system by system."""
    by_check: dict[str, dict[str, list[str]]] = {}
    for cell in runs.missing:
        by_check.setdefault(cell.check, {}).setdefault(cell.model, []).append(cell.source)
    return "; ".join(
        f"`{check}` of {', '.join(_which(model, sources) for model, sources in models.items())}"
        for check, models in by_check.items()
    )


def _which(model: str, sources: Sequence[str]) -> str:
    title = MODELS[model][0]
    return title if len(sources) == len(SOURCES) else f"{title} ({', '.join(sources)})"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])
