"""Many files at a time: each scanned in a worker, each reported, whatever becomes of the worker."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from strongroom.assess.scanner.report import FileReport
from strongroom.assess.scanner.scan import scan_file
from strongroom.assess.scanner.stream import Limits
from strongroom.assess.scanner.walk import crashed, in_company

WORTH_A_PROCESS: Final = 16 * 2**20
"""Bytes of files from which on starting worker processes pays."""
MANY: Final = 64
"""Files from which on it pays, however small they are."""


def scan_many(
    paths: Sequence[Path],
    *,
    jobs: int = 1,
    limits: Limits | None = None,
    done: Callable[[FileReport], None] | None = None,
) -> list[FileReport]:
    """Scan files, in order; `done` hears of each as it ends. Never raises for what is in a file."""
    limits = limits or Limits()
    with _executor(paths, jobs) as executor:
        futures = [executor.submit(scan_file, path, limits) for path in paths]
        reports = []
        for path, future in zip(paths, futures, strict=True):
            report = _result(path, future)
            reports.append(report)
            if done is not None:
                done(report)
    return in_company(reports)


def _executor(paths: Sequence[Path], jobs: int) -> Executor:
    if jobs > 1 and (len(paths) >= MANY or _bytes(paths) >= WORTH_A_PROCESS):
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(min(jobs, len(paths)), mp_context=context)
    return ThreadPoolExecutor(1)


def _result(path: Path, future: Future[FileReport]) -> FileReport:
    """A worker that dies or fails makes an `unknown`, not an end of the scan."""
    error = future.exception()
    return future.result() if error is None else crashed(path, error)


def _bytes(paths: Sequence[Path]) -> int:
    return sum(_size(path) for path in paths)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
