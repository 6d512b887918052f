"""Drives conversations: runs detectors, holds the clock, turns crashes into answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Final, TypeAlias, TypeVar

from strongroom.guard.engine import Answer, Ask, Consult, Conversation, Question, judge
from strongroom.guard.policy import Policy
from strongroom.guard.records import Detection, Detector, Judgement

MAX_DETECTIONS: Final = 5_000
"""Of one detector in one message; more is a flood, behind which something could hide."""
T = TypeVar("T")
Run: TypeAlias = Callable[[Ask], Answer]
NO_JUDGE: Final = Answer(failed="there is no judge here")
log = logging.getLogger(__name__)


def here(ask: Ask) -> Answer:
    """Run a detector in this thread, for as long as it takes. There is no judge."""
    if isinstance(ask, Consult):
        return NO_JUDGE
    detector = ask.detector
    try:
        detections = tuple(islice(detector.inspect(ask.message), MAX_DETECTIONS + 1))
    except Exception as error:  # noqa: BLE001 - a detector may be anybody's plug-in
        # The message may quote the text that is judged: logs hold its type only.
        log.error(  # noqa: TRY400
            "detector %s@%s crashed: %s", detector.name, detector.version, type(error).__name__
        )
        return Answer(failed=f"crashed: {type(error).__name__}")
    length = len(ask.message.text)
    if not all(_is_sound(one, length) for one in detections):
        return Answer(failed="said what is no detection in this text")
    if len(detections) > MAX_DETECTIONS:
        return Answer(detections[:MAX_DETECTIONS], f"saw more than {MAX_DETECTIONS} things")
    return Answer(detections)


def _is_sound(one: object, length: int) -> bool:
    """Whether it is a detection with a score, in a place of a text of that length."""
    if not isinstance(one, Detection) or not isinstance(one.score, int | float):
        return False
    span = one.span
    if not (isinstance(span, tuple) and [type(at) for at in span] == [int, int]):
        return False
    return 0 <= one.score <= 1 and 0 <= span[0] <= span[1] <= length


@dataclass(frozen=True, slots=True)
class Within:
    """Runs a detector in a pool and waits so long for it, not longer."""

    pool: Executor
    seconds: float

    def __call__(self, ask: Ask) -> Answer:
        """Its answer, or that it took too long. A detector that is late goes on in its thread."""
        future = self.pool.submit(here, ask)
        try:
            return future.result(self.seconds)
        except TimeoutError:
            future.cancel()
            return Answer(failed=f"took longer than {self.seconds * 1000:.0f} ms")


def converse(talk: Generator[Ask, Answer, T], run: Run = here) -> T:
    """Answer a conversation until it is over; what it came to."""
    try:
        ask = next(talk)
        while True:
            ask = talk.send(run(ask))
    except StopIteration as done:
        outcome: T = done.value
    return outcome


def drive(conversation: Conversation, run: Run = here) -> Judgement:
    """Answer the engine until it has judged, and measure how long that took."""
    started = time.perf_counter_ns()
    judgement = converse(conversation, run)
    return replace(judgement, micros=(time.perf_counter_ns() - started) // 1000)


@dataclass(frozen=True, slots=True)
class Guard:
    """A policy and its detectors, ready to judge."""

    policy: Policy
    detectors: Sequence[Detector]
    today: Callable[[], date]
    """For the end dates of the allow-list."""
    run: Run = here

    def judge(self, question: Question) -> Judgement:
        """Judge one text."""
        return drive(judge(question, self.policy, self.detectors, self.today()), self.run)
