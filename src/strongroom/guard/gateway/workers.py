"""Where judging runs: short texts at once, long ones and foreign detectors in threads, in time.

Our own detectors take linear time and never wait, so a short text is judged faster than a thread is
woken. Anybody else's may do anything: it gets a thread and the policy's time limit.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import cache
from typing import Any, Final, TypeVar

from strongroom.guard.detectors.catalog import HOME
from strongroom.guard.drivers import NO_JUDGE, Run, Within, here
from strongroom.guard.engine import Answer, Ask, Consult
from strongroom.guard.policy import Policy
from strongroom.guard.records import Detector

AT_ONCE: Final = 4_096
"""Characters that are judged where they arrive: some milliseconds."""
WAITING: Final = 64
"""Threads that wait for a judge; further requests wait for them."""
MAX_WAIT: Final = 61.0
"""Seconds; the judge's own time-out ends earlier."""
T = TypeVar("T")


def is_own(detector: Detector) -> bool:
    """Whether a detector is part of this package, and so held to linear time by its tests."""
    return _is_ours(type(detector))


def _may_wait() -> bool:
    return threading.current_thread().name.startswith("asking")


@cache
def _is_ours(kind: type[Detector]) -> bool:
    return kind.__module__.startswith(f"{HOME}.")


class Workers:
    """Threads for judging."""

    def __init__(self) -> None:
        cores = os.cpu_count() or 1
        self._judging = ThreadPoolExecutor(cores, "judge")
        self._foreign = ThreadPoolExecutor(4 * cores, "detector")
        self._waiting = ThreadPoolExecutor(WAITING, "asking")
        self._loop: asyncio.AbstractEventLoop | None = None
        self.consult: Callable[[str, Consult], Coroutine[Any, Any, Answer]] | None = None
        """Asks the judge for a tenant, where one is configured; runs in the loop."""

    def run_for(self, policy: Policy, tenant: str = "") -> Run:
        """Own detectors in place, others with the policy's time limit; the judge, if there is."""
        limited = Within(self._foreign, policy.file.limits.milliseconds / 1000)

        def run(ask: Ask) -> Answer:
            if isinstance(ask, Consult):
                return self._consult(tenant, ask)
            return here(ask) if is_own(ask.detector) else limited(ask)

        return run

    async def do(
        self, work: Callable[[], T], size: int, detectors: Sequence[Detector], seconds: float
    ) -> T:
        """Do some judging of so many characters. Raises TimeoutError; the thread goes on."""
        if size <= AT_ONCE and all(is_own(one) for one in detectors):
            return work()
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.run_in_executor(self._judging, work), seconds)

    async def wait(self, work: Callable[[], T], seconds: float) -> T:
        """Do some judging that may have to wait for a judge. Raises TimeoutError."""
        self._loop = asyncio.get_running_loop()
        return await asyncio.wait_for(self._loop.run_in_executor(self._waiting, work), seconds)

    def _consult(self, tenant: str, ask: Consult) -> Answer:
        """Ask from one of the threads that may wait; anywhere else there is no judge."""
        if self.consult is None or self._loop is None or not _may_wait():
            return NO_JUDGE
        future = asyncio.run_coroutine_threadsafe(self.consult(tenant, ask), self._loop)
        try:
            return future.result(MAX_WAIT)
        except (TimeoutError, CancelledError):
            future.cancel()
            return Answer(failed="took too long")

    def close(self) -> None:
        """Wait for nothing that has not begun."""
        self._waiting.shutdown(wait=False, cancel_futures=True)
        self._judging.shutdown(wait=False, cancel_futures=True)
        self._foreign.shutdown(wait=False, cancel_futures=True)
