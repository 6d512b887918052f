"""What `strongroom scan` does beyond single files: advisories, licences, data sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from strongroom.assess.scanner.formats.requirements import UNCHECKED
from strongroom.assess.scanner.report import FileReport
from strongroom.cli.output import people
from strongroom.domain.errors import InputError, MissingExtra
from strongroom.keys.trust import MAX_FILE, TrustPolicy

if TYPE_CHECKING:
    from strongroom.assess.advisories.mirror import Mirror

TRUST = "trust.json"
"""The trust policy's name in a home."""


TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
"""Names of data sets whose content says no more than that it is text."""


class Kind(StrEnum):
    """What the files are taken for."""

    AUTO = "auto"
    DATA = "data"


def with_datasets(
    reports: Sequence[FileReport], kind: Kind, label: str | None, like: Path | None
) -> list[FileReport]:
    """The reports, with data sets judged as such.

    Without the ml extra a data set that was only come upon keeps a note that it was not read.
    """
    wanted = [report for report in reports if kind is Kind.DATA or is_table(report)]
    asked = kind is Kind.DATA or label is not None or like is not None
    if not wanted:
        return list(reports)
    missing = [name for name in ("polars", "numpy") if find_spec(name) is None]
    if missing and asked:
        raise MissingExtra("ml", "judging data sets")
    if label is not None and find_spec("cleanlab") is None:
        raise MissingExtra("supply", "scan --label")
    if missing:
        people.print(Text("data sets were not read: pip install 'strongroom[ml]'", style="yellow"))
        return list(reports)
    from strongroom.assess.datasets.judge import (  # noqa: PLC0415 - of an extra
        DataQuestions,
        judge_dataset,
    )

    questions = DataQuestions(label, like)
    chosen = {report.path for report in wanted}
    return [
        _joined(report, judge_dataset(report.path, questions)) if report.path in chosen else report
        for report in reports
    ]


def is_table(report: FileReport) -> bool:
    """Whether a file is a data set by its content, or by its name where that is plain text."""
    named = report.path.suffix.lower() in TABLES and report.format in {"text", "json"}
    return report.format == "parquet" or named


def _joined(report: FileReport, data: FileReport) -> FileReport:
    """Both, but each rule of the text once: secrets are told by column."""
    told = {hazard.rule for hazard in data.findings}
    kept = [h for h in report.findings if h.rule not in told and h.rule not in _SUPERSEDED]
    return FileReport.of(report.path, data.format, [*kept, *data.findings])


_SUPERSEDED = frozenset({"json.broken", "json.size"})
"""JSON lines are no JSON document; the reader of data sets says what they are."""


def checked_mirror(folder: Path, home: Path, max_age: float, now: datetime) -> Mirror:
    """The mirror, if the home's trust policy and the age limit let it count. Raises otherwise."""
    if find_spec("pip_audit") is None:
        raise MissingExtra("supply", "scan --advisories")
    from strongroom.assess.advisories.mirror import open_mirror  # noqa: PLC0415 - of an extra

    return open_mirror(folder, _trust(home), now=now, max_age=timedelta(days=max_age))


def surrounded(
    reports: Sequence[FileReport], mirror: Mirror | None, licences: Path | None
) -> list[FileReport]:
    """The reports, with what the whole scan knows."""
    result = list(reports)
    if mirror is not None:
        from strongroom.assess.scanner.advise import advised  # noqa: PLC0415 - of an extra

        result = advised(result, mirror)
    if licences is not None:
        from strongroom.assess.scanner.licensing import licensed, read_policy  # noqa: PLC0415

        result = licensed(result, read_policy(licences))
    asked = not any(h.rule == UNCHECKED for report in result for h in report.findings)
    if not asked:
        text = "lists of packages were judged by pins and hashes only: --advisories MIRROR"
        people.print(Text(text, style="yellow"), soft_wrap=True)
    return result


def _trust(home: Path) -> TrustPolicy:
    path = home / TRUST
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise InputError(
            "no trust policy says whose advisories count", where=str(path), fix="give --home DIR"
        ) from error
    return TrustPolicy.parse(data, where=str(path))
