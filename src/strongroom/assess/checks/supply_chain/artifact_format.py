"""The model's files run no code, and are in a format that could hold none.

**What it looks at**: every file of the model, read as data by the scanner (`strongroom scan`).

**What it reports**: `blocked` files (they run or may run code that no model needs), files left for
`review` (a person must judge them: something unreviewed, something unreadable, or a format that can
hold code), and `files` looked at.

**Fails** for a blocked file, and for formats whose loading means running instructions from the file
(pickle, joblib, PyTorch archives without tensors-only loading): even where every symbol in it is
reviewed today, the next training run may bring another. **Unknown** for what must be reviewed.

**What to do**: export to ONNX, to LightGBM's or XGBoost's own text or JSON, or save with skops.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.assess.case import Case
from strongroom.assess.check import NoSettings, Said, check
from strongroom.assess.scanner import FileReport, Rating, scan_file
from strongroom.assess.scanner.report import Hazard
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.governance.artifacts import artifact_files

NAME: Final = "supply_chain.artifact_format"
FIX: Final = "export to ONNX, to the library's own text or JSON, or save with skops"
MOST: Final = 20
"""Findings reported for one file."""


@check(NAME, version=1, title="The model's files run no code", needs=("model",))
def artifact_format(case: Case, _settings: NoSettings) -> Iterator[Said]:
    """Scan each file of the model."""
    root = case.path("model")
    files = artifact_files(root)
    blocked = review = 0
    for done, file in enumerate(files):
        case.progress(done, len(files))
        report = scan_file(file)
        name = file.name if file == root else file.relative_to(root).as_posix()
        carries = report.runs_instructions
        blocked += report.verdict is Rating.BLOCK
        review += report.verdict in {Rating.REVIEW, Rating.UNKNOWN} or carries
        yield from _judge(report, name, carries=carries)
    yield Metric.exact("blocked", blocked, len(files), "files")
    yield Metric.exact("review", review, len(files), "files")
    yield Metric.exact("files", len(files), len(files), "files")


def _judge(report: FileReport, name: str, *, carries: bool) -> Iterator[Finding]:
    for hazard in [h for h in report.findings if h.rating is not Rating.CLEAN][:MOST]:
        yield _finding(hazard, name)
    if carries:
        yield Finding(
            f"{NAME}.can_hold_code",
            Outcome.FAIL,
            f"{name} is a {report.format} file: loading it runs instructions from the file. "
            + ("Each symbol it names was reviewed, " if report.verdict is Rating.CLEAN else "")
            + "so whoever can change the file can run code where it is loaded.",
            Severity.HIGH,
            name,
            FIX,
            {"format": report.format, "scan": report.verdict.value},
            ("CWE-502", "ATLAS AML.T0011.000"),
        )
    elif report.verdict is Rating.CLEAN:
        yield Finding(
            f"{NAME}.data_only",
            Outcome.PASS,
            f"{name} is {report.format}: data only, and nothing in it runs when it is loaded.",
            Severity.INFO,
            name,
            facts={"format": report.format},
        )


def _finding(hazard: Hazard, name: str) -> Finding:
    found = hazard.to_finding(Path(name).name)
    return Finding(
        f"{NAME}.{hazard.rule}",
        found.outcome,
        found.message,
        found.severity,
        found.where,
        found.fix or FIX,
        found.facts,
        found.references,
    )
