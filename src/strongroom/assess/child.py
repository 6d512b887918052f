"""The inside of a check's own process: open the case, run the check, say what it said."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock, Thread
from typing import BinaryIO, Final

from threadpoolctl import threadpool_limits

from strongroom.assess.case import Case
from strongroom.assess.check import load_check
from strongroom.assess.task import Task
from strongroom.assess.wire import Ended, Message, Progress, encode
from strongroom.domain.errors import MissingExtra, StrongroomError
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome

_PROGRESS_EVERY: Final = 0.2
"""Seconds."""
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


def main(task: Task, lines: Connection) -> None:
    """Run one check. Everything that it says goes down the pipe, the last line being `Ended`."""
    _confine(task)
    with os.fdopen(lines.fileno(), "wb", buffering=0, closefd=False) as out:
        say = _Speaker(out)
        try:
            with threadpool_limits(task.threads):
                say(_run(task, say))
        except BrokenPipeError:
            # The runner is gone or has given up: nobody is left to tell.
            return


class _Speaker:
    """Writes whole lines, whichever thread speaks."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = Lock()

    def __call__(self, message: Message) -> None:
        line = memoryview(encode(message))
        with self._lock:
            while line:
                line = line[self._out.write(line) :]


def _run(task: Task, say: _Speaker) -> Ended:
    try:
        spec = load_check(task.check)
        case = Case(
            task.loaded,
            task.seed,
            spec.needs + spec.wants,
            threads=task.threads,
            scratch=Path(task.scratch),
            history=task.history,
            report=_seldom(say),
        )
        for said in spec.run(case, spec.configure(task.settings)):
            say(said)
    except BrokenPipeError:
        raise
    except MissingExtra as error:
        return Ended(str(error))
    except StrongroomError as error:
        # Bad input is a finding, not a crash.
        say(_refusal(task.check, error))
    except MemoryError:
        return Ended(f"out of memory at {task.memory // 2**20} MiB")
    except Exception as error:  # noqa: BLE001  # the one broad handler: a check is a plug-in
        return Ended(_place(error), traceback.format_exc()[-20_000:])
    return Ended()


def _seldom(say: _Speaker) -> Callable[[int, int], None]:
    """Passes progress on, a few times a second at most."""
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _PROGRESS_EVERY:
            last = now
            say(Progress(done, total))

    return report


def _refusal(check: str, error: StrongroomError) -> Finding:
    return Finding(f"{check}.input", Outcome.UNKNOWN, error.what, where=error.where, fix=error.fix)


def _place(error: Exception) -> str:
    """Kind and place of a crash, without its text, which may quote the data."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    return f"the check crashed: {type(error).__name__}{place}"


def _confine(task: Task) -> None:
    """A process group of its own, limits, an empty working directory, no voice but the pipe."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = task.memory if most == resource.RLIM_INFINITY else min(task.memory, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    # Relative entries would mean other places from the new working directory.
    sys.path[:] = [str(Path(entry).absolute()) for entry in sys.path]
    os.chdir(task.scratch)
    os.environ["TMPDIR"] = task.scratch
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.update(dict.fromkeys(_THREADS, str(task.threads)))
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    os.close(silence)
    Thread(target=_die_with_the_runner, daemon=True).start()


def _die_with_the_runner() -> None:
    """A killed runner cannot kill its children: they watch it instead."""
    runner = multiprocessing.parent_process()
    if runner is not None:
        wait([runner.sentinel])
        os.killpg(0, signal.SIGKILL)
