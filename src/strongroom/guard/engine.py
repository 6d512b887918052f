"""The engine: judges one message as a conversation. It asks, and never does.

    1. read the text in all its disguises
    2. ask each detector what it sees
    3. let the policy decide
    4. mask what is to be masked, and look at what is left again

Whoever drives it answers each `Inspect` with an `Answer`: in this thread, in a pool with a time
limit, or from a recording. It holds no clock, and reads no file.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from strongroom.guard.mask import Word, masked
from strongroom.guard.normalise import Readings, readings_of
from strongroom.guard.policy import Policy
from strongroom.guard.records import (
    NO_GROUNDS,
    Action,
    Detection,
    Detector,
    Grounds,
    Judgement,
    Message,
    Source,
    hardest,
)

JUDGE_VERSION: Final = 1
MAX_ROUNDS: Final = 4
"""Maskings of one text; a text that still holds something after these is blocked."""


@dataclass(frozen=True, slots=True)
class Inspect:
    """Ask this detector about this message."""

    detector: Detector
    message: Message


@dataclass(frozen=True, slots=True)
class Consult:
    """Ask a judge about a text in the grey zone. Nobody has to answer: see `judge.py`."""

    text: str
    """As it would go on: with places masked."""
    source: Source
    chars: int
    """A longer text is not shown to anybody."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a detector or a judge saw, or why it could not tell."""

    detections: tuple[Detection, ...] = ()
    failed: str | None = None
    """"crashed: ValueError", "took longer than 500 ms"."""


@dataclass(frozen=True, slots=True)
class Question:
    """A text to judge, who speaks, and what it is held against."""

    text: str
    source: Source = Source.USER
    grounds: Grounds = NO_GROUNDS
    language: str | None = None


Ask: TypeAlias = Inspect | Consult
Conversation: TypeAlias = Generator[Ask, Answer, Judgement]


def judge(
    question: Question, policy: Policy, detectors: Sequence[Detector], today: date
) -> Conversation:
    """Judge one text. No detectors at all is a failure: nothing was looked at."""
    found, failures = yield from inspect(question, policy, detectors)
    if not detectors:
        failures = ("no detectors",)
    found = list(without_tokens(found, question.text, question.grounds))
    kept = tuple(d for d in found if not policy.allows(d, question.text, today))
    action = hardest(
        (
            *(policy.action_on(d, question.source) for d in kept),
            *([policy.on_failure] if failures else []),
        )
    )
    score = _score(kept, question.source, policy)
    if not policy.enforce:
        action = min(action, Action.FLAG, key=lambda a: a.rank)
    text = question.text
    if action is Action.MASK:
        text, action = yield from _without(question, policy, detectors, today, kept)
    rules = policy.file.judge
    if rules is not None and action is not Action.BLOCK and rules.wants(question.source, kept):
        answer = yield Consult(text, question.source, rules.chars)
        kept += opinion(answer, len(question.text))
        worst = hardest(policy.action_on(d, question.source) for d in kept)
        if not policy.enforce:
            worst = min(worst, Action.FLAG, key=lambda a: a.rank)
        action, score = hardest((action, worst)), _score(kept, question.source, policy)
    return Judgement(action, score, kept, "" if action is Action.BLOCK else text, 0, failures)


def opinion(answer: Answer, length: int) -> tuple[Detection, ...]:
    """What a judge said; that it said nothing is a detection too, of which the policy decides."""
    if answer.failed is None:
        return answer.detections
    facts = {"why": answer.failed}
    return (Detection(f"judge@{JUDGE_VERSION}", "judge.lost", 1.0, (0, length), (), facts),)


def inspect(
    question: Question, policy: Policy, detectors: Iterable[Detector]
) -> Generator[Inspect, Answer, tuple[list[Detection], tuple[str, ...]]]:
    """All that the detectors see in a text, by place, and which of them failed."""
    readings = readings_of(question.text, policy.limits)
    message = Message(
        question.source, question.text, readings.views, question.language, question.grounds
    )
    found, failures = _exceeded(readings, len(question.text)), []
    for detector in detectors:
        answer = yield Inspect(detector, message)
        found += answer.detections
        if answer.failed is not None:
            failures.append(f"{detector.name}@{detector.version} {answer.failed}")
    found.sort(key=lambda d: (d.span, d.kind, d.detector))
    return found, tuple(failures)


def without_tokens(found: Sequence[Detection], text: str, grounds: Grounds) -> Sequence[Detection]:
    """What was found, but for pseudonyms of this very conversation: they stand for nobody."""
    spans = grounds.stand_ins.spans(text) if grounds.stand_ins is not None and found else ()
    if not spans:
        return found
    return [d for d in found if not any(a <= d.span[0] and d.span[1] <= b for a, b in spans)]


def _word(text: str, question: Question, policy: Policy) -> Word | None:
    """What stands in a place that is masked: a pseudonym where the policy says so.

    Never in an output: it would be undone there, and what the model made known with it.
    """
    stand_ins = question.grounds.stand_ins
    if stand_ins is None or question.source is Source.OUTPUT:
        return None

    def word(detection: Detection) -> str | None:
        if detection.decoded or not policy.tokenises(detection, question.source):
            return None
        return stand_ins.stand_in(detection.kind, text[slice(*detection.span)])

    return word


def _exceeded(readings: Readings, length: int) -> list[Detection]:
    return [
        Detection("normalise@1", f"limit.{name}", 1.0, (0, length)) for name in readings.exceeded
    ]


def _score(detections: Iterable[Detection], source: Source, policy: Policy) -> float:
    """The highest score of what the policy has a say about."""
    scores = (d.score for d in detections if policy.steps(d.kind, source) is not None)
    return max(scores, default=0.0)


def _without(
    question: Question,
    policy: Policy,
    detectors: Sequence[Detector],
    today: date,
    found: Iterable[Detection],
) -> Generator[Inspect, Answer, tuple[str, Action]]:
    """The text without what is to be masked, looked at until nothing is left; else a block.

    Whatever masking brings to light (two halves of a number that now stand together) is seen.
    """
    text = question.text
    for _ in range(MAX_ROUNDS):
        mask = [d for d in found if policy.action_on(d, question.source) is Action.MASK]
        text = masked(text, mask, _word(text, question, policy))
        left = Question(text, question.source, question.grounds, question.language)
        again, failures = yield from inspect(left, policy, detectors)
        found = [d for d in without_tokens(again, text, question.grounds)
                 if not policy.allows(d, text, today)]  # fmt: skip
        worst = hardest(policy.action_on(d, question.source) for d in found)
        if (failures and policy.on_failure is Action.BLOCK) or worst is Action.BLOCK:
            break
        if worst is not Action.MASK:
            return text, Action.MASK
    return "", Action.BLOCK
