"""Runs a campaign: several workers, one system each, and a line in the journal for each step.

1. Read the journal; begin a round, or go on with the one that was cut off.
2. Note that a system is started, then start its worker: what kills the machine is counted.
3. Take what the worker says; end one that takes too long; note how it ended.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from strongroom.assess.campaign import (
    MAX_STARTS,
    Ended,
    Planned,
    Scope,
    Standing,
    Started,
    standing,
)
from strongroom.assess.campaign_journal import Journal
from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome

_TICK: Final = 0.1
"""Seconds between looks at the workers."""
_WORKER: Final = (sys.executable, "-m", "strongroom.assess.campaign_worker")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many at a time, and for how long."""

    workers: int
    cores: int
    """For each worker."""
    seconds: float | None = None
    """For each system; without it checks have their own limits and nothing else."""
    check_seconds: float | None = None
    fresh: bool = False


class Watch(Protocol):
    """Is told how the campaign goes."""

    def resumed(self, standing: Standing, folders: tuple[str, ...]) -> None:
        """What the journal says before anything is run."""
        ...

    def started(self, folder: str) -> None:
        """A worker has it."""
        ...

    def ended(self, ended: Ended, seconds: float) -> None:
        """It is over."""
        ...


@dataclass(slots=True)
class _Live:
    folder: str
    process: subprocess.Popen[bytes]
    began: float
    late: bool = False


def run(
    home: str,
    scope: Scope,
    limits: Limits,
    journal: Journal,
    *,
    names: Mapping[str, str],
    problems: Mapping[str, str],
    now: Callable[[], datetime],
    watch: Watch,
) -> tuple[Ended, ...]:
    """Assess what is left; gives how every system ended, in the scope's order.

    `names`: system by folder. `problems`: why a folder cannot be assessed at all.
    """
    return _Campaign(home, scope, limits, journal, names, problems, now, watch).all()


class _Campaign:
    def __init__(
        self,
        home: str,
        scope: Scope,
        limits: Limits,
        journal: Journal,
        names: Mapping[str, str],
        problems: Mapping[str, str],
        now: Callable[[], datetime],
        watch: Watch,
    ) -> None:
        self._home = home
        self._scope = scope
        self._limits = limits
        self._journal = journal
        self._names = names
        self._problems = problems
        self._now = now
        self._watch = watch
        self._ended: dict[str, Ended] = {}
        self._live: list[_Live] = []

    def all(self) -> tuple[Ended, ...]:
        folders = self._scope.folders
        before = standing(self._journal.lines)
        if before.rounds == 0 or before.over(folders):
            self._journal.add(Planned(self._now()))
            before = Standing()
        self._ended = dict(before.ended)
        self._watch.resumed(before, folders)
        for folder in folders:
            if before.hopeless(folder):
                self._end(folder, 0.0, problem=f"started {MAX_STARTS} times, and never ended")
        waiting = list(before.left(folders))
        try:
            while waiting or self._live:
                while waiting and len(self._live) < self._limits.workers:
                    self._start(waiting.pop(0))
                self._look()
        finally:
            for live in self._live:
                _kill(live)
        return tuple(self._ended[folder] for folder in folders)

    def _start(self, folder: str) -> None:
        if problem := self._problems.get(folder):
            self._end(folder, 0.0, problem=problem)
            return
        self._journal.add(Started(folder, self._now()))
        process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            _WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        live = _Live(folder, process, time.monotonic())
        self._live.append(live)
        with suppress(BrokenPipeError):
            _pipe(process.stdin).write(canonical(self._task(folder)) + b"\n")
            _pipe(process.stdin).flush()
        self._watch.started(folder)

    def _task(self, folder: str) -> dict[str, Any]:
        return {
            "home": self._home,
            "folder": folder,
            "checks": self._scope.checks,
            "profile": self._scope.profile,
            "seed": self._scope.seed,
            "cores": self._limits.cores,
            "time_limit": self._limits.check_seconds,
            "fresh": self._limits.fresh,
        }

    def _look(self) -> None:
        """Bury the dead, kill the late."""
        time.sleep(_TICK)
        for live in list(self._live):
            took = time.monotonic() - live.began
            if self._limits.seconds is not None and took > self._limits.seconds:
                live.late = True
                live.process.kill()
                live.process.wait()
            if live.process.poll() is not None:
                self._live.remove(live)
                self._bury(live, took)

    def _bury(self, live: _Live, took: float) -> None:
        said = _pipe(live.process.stdout).read()
        _kill(live)
        if live.late:
            problem = f"stopped after {self._limits.seconds:g} s, which is its time limit"
            self._end(live.folder, took, problem=problem)
            return
        try:
            # Only the last line is the worker's: a library may have printed before it.
            made = parse_json(said.rstrip().rpartition(b"\n")[2], where="worker")
            if "problem" in made:
                self._end(live.folder, took, problem=str(made["problem"]))
                return
            passed, failed, unknown = made["counts"]
            self._end(
                live.folder,
                took,
                outcome=Outcome(made["outcome"]),
                counts=(passed, failed, unknown),
                reused=made["reused"],
            )
        except (InputError, KeyError, TypeError, ValueError):
            self._end(live.folder, took, problem=_obituary(live.process.returncode))

    def _end(self, folder: str, took: float, **said: Any) -> None:
        said.setdefault("outcome", Outcome.UNKNOWN)
        ended = Ended(folder, self._now(), system=self._names.get(folder), **said)
        self._journal.add(ended)
        self._ended[folder] = ended
        self._watch.ended(ended, took)


def _pipe(pipe: Any) -> Any:
    if pipe is None:
        raise InputError("the worker has no pipe")
    return pipe


def _kill(live: _Live) -> None:
    live.process.kill()
    live.process.wait()
    for pipe in (live.process.stdin, live.process.stdout):
        with suppress(BrokenPipeError):
            _pipe(pipe).close()


def _obituary(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"its process died of {signal.Signals(-code).name}"
    return f"its process left without a word (exit code {code})"
