"""What may be loaded: a folder of files is scanned before anything in it is deserialised."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from strongroom.assess.scanner.many import scan_many
from strongroom.assess.scanner.report import FileReport, Rating
from strongroom.assess.scanner.walk import files_under
from strongroom.domain.errors import DeniedError, InputError

ADMIT: Final = "STRONGROOM_ADMIT"
"""Environment of whoever runs the loading process: `clean` (the default) or `review`."""
_SHOWN: Final = 5
_INSTALLING: Final = "dependencies."
"""Rules about packages that a list names, such as `dependencies.unpinned`."""


def admitted(environ: Mapping[str, str] = os.environ) -> Rating:
    """The worst rating that a model may have. Raises InputError for a word that is none of ours."""
    said = environ.get(ADMIT, Rating.CLEAN.value)
    if said not in (Rating.CLEAN.value, Rating.REVIEW.value):
        raise InputError(f"{ADMIT} is {said[:40]!r}", fix="clean, or review")
    return Rating(said)


def refuse_hazards(folder: Path, worst: Rating) -> None:
    """Scan all below a folder. Raises DeniedError that says what was found where.

    `worst` is the worst rating that passes; what could not be judged ranks above review.
    """
    reports = scan_many(list(files_under([folder])))
    refused = [report for report in reports if _rating(report).rank > worst.rank]
    if refused:
        lines = "; ".join(_line(report, folder) for report in refused[:_SHOWN])
        more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise DeniedError(
            f"not loaded: {lines}{more}",
            fix=f"see `strongroom scan`; {ADMIT}=review admits what a person has reviewed",
        )


def _rating(report: FileReport) -> Rating:
    """What loading is rated. Lists of packages say what an installation would do; none happens."""
    about = [h.rating for h in report.findings if not h.rule.startswith(_INSTALLING)]
    if len(about) == len(report.findings):
        return report.verdict
    return max(about, key=lambda rating: rating.rank, default=Rating.CLEAN)


def _line(report: FileReport, folder: Path) -> str:
    rating = _rating(report)
    hazard = next((h for h in report.findings if h.rating is rating), None)
    path = report.path.relative_to(folder).as_posix()
    return f"{path}: {rating}" + (f", {hazard.message}" if hazard else "")
