"""Which files a scan looks at, and what a folder says about files that say nothing themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from strongroom.assess.scanner.place import unjudged
from strongroom.assess.scanner.report import EXTERNAL, FileReport, Hazard, Rating

SKIPPED: Final = frozenset({".git"})
"""Folders that are passed over: version control keeps its own compressed objects there."""
_SHARD: Final = re.compile(r"(.+)\.data-\d{5}-of-\d{5}\Z")
_SSTABLE: Final = bytes.fromhex("57fb808b247547db")
"""LevelDB's magic number at the end of a table, as in TensorFlow's checkpoint index."""


def files_under(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file named, and every file below every folder named, each once, sorted by folder.

    Links to files are followed (Hugging Face caches are made of them), links to folders are not.
    A path that is not there is given as it is: scanning it says so.
    """
    seen: set[Path] = set()
    for path in paths:
        for file in _below(path) if path.is_dir() else (path,):
            if file not in seen:
                seen.add(file)
                yield file


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in SKIPPED)
        yield from (Path(where) / name for name in sorted(files))


def in_company(reports: Sequence[FileReport]) -> list[FileReport]:
    """Judge files by their neighbours where they are raw numbers with no format of their own.

    Nothing loads such bytes but the model that names them: weights that an ONNX file of the same
    folder keeps outside itself, and shards of a TensorFlow checkpoint beside its index.
    """
    named = {
        os.path.normpath(report.path.parent / hazard.call)
        for report in reports
        for hazard in report.findings
        if hazard.rule == EXTERNAL and hazard.call
    }
    return [_raw(report, named) if report.format == "unknown" else report for report in reports]


def _raw(report: FileReport, named: set[str]) -> FileReport:
    if not all(h.rule == "format.unknown" for h in report.findings):
        return report
    if os.path.normpath(report.path) in named:
        return replace(report, format="onnx-weights", verdict=Rating.CLEAN, findings=())
    if report.path.suffix == ".index" and _is_index(report.path):
        return replace(report, format="tensorflow-index", verdict=Rating.CLEAN, findings=())
    if report.path.name == "fingerprint.pb" and report.path.with_name("saved_model.pb").exists():
        return replace(report, format="savedmodel-digest", verdict=Rating.CLEAN, findings=())
    match = _SHARD.match(report.path.name)
    if match and _is_index(report.path.with_name(match[1] + ".index")):
        return replace(report, format="tensorflow-weights", verdict=Rating.CLEAN, findings=())
    return report


def _is_index(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-len(_SSTABLE), os.SEEK_END)
            return file.read() == _SSTABLE
    except OSError:
        return False


def crashed(path: Path, error: BaseException) -> FileReport:
    """The report on a file at which the scanner itself failed: never taken for clean."""
    hazard: Hazard = unjudged("scanner.failed", f"the scanner failed at this file: {error!r:.300}")
    return FileReport.of(path, "unknown", [hazard])
