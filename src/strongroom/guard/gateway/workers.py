"""Where judging runs: short texts at once, long ones and foreign detectors in threads, in time.

Our own detectors take linear time and never wait, so a short text is judged faster than a thread is
woken. Anybody else's may do anything: it gets a thread and the policy's time limit.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, TypeVar

from strongroom.guard.detectors.catalog import HOME
from strongroom.guard.drivers import Run, Within, here
from strongroom.guard.engine import Answer, Inspect
from strongroom.guard.policy import Policy
from strongroom.guard.records import Detector

AT_ONCE: Final = 4_096
"""Characters that are judged where they arrive: some milliseconds."""
T = TypeVar("T")


def is_own(detector: Detector) -> bool:
    """Whether a detector is part of this package, and so held to linear time by its tests."""
    return _is_ours(type(detector))


@cache
def _is_ours(kind: type[Detector]) -> bool:
    return kind.__module__.startswith(f"{HOME}.")


class Workers:
    """Threads for judging."""

    def __init__(self) -> None:
        cores = os.cpu_count() or 1
        self._judging = ThreadPoolExecutor(cores, "judge")
        self._foreign = ThreadPoolExecutor(4 * cores, "detector")

    def run_for(self, policy: Policy) -> Run:
        """Own detectors in place, others with the policy's time limit."""
        limited = Within(self._foreign, policy.file.limits.milliseconds / 1000)

        def run(ask: Inspect) -> Answer:
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

    def close(self) -> None:
        """Wait for nothing that has not begun."""
        self._judging.shutdown(wait=False, cancel_futures=True)
        self._foreign.shutdown(wait=False, cancel_futures=True)
