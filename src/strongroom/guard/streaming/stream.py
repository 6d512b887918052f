"""One output while it streams: holds back what is open, judges the rest, releases it masked.

1. Add the delta; see from where on the text is still open (`holds.py`, `echoes.py`).
2. Plain words before that place are released at once; they are judged later, in strides.
3. Anything else is judged together with what stands before it and what is held after it. Places to
   mask that reach into what is held are held too; all else is released with places masked.
4. At the end everything that is left is judged and released, or blocked.

How a text was cut into deltas does not matter: what leaves is the whole text's masking.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from strongroom.guard.engine import (
    MAX_ROUNDS,
    Answer,
    Inspect,
    Question,
    inspect,
    without_tokens,
)
from strongroom.guard.mask import masked
from strongroom.guard.policy import Policy
from strongroom.guard.records import (
    NO_GROUNDS,
    Action,
    Detection,
    Detector,
    Grounds,
    Source,
    hardest,
)
from strongroom.guard.streaming.echoes import Echoes
from strongroom.guard.streaming.holds import is_quiet, open_from

CONTEXT: Final = 256
"""Characters before a text that are judged with it: words that name a value stand there."""
STRIDE: Final = 1_024
"""Released plain words that are judged together."""
MAX_HELD: Final = 16_384
"""Characters; more are judged as they are and released in parts."""
KEPT: Final = 512
"""Characters that stay held when a longer hold is given up."""
MAX_TOLD: Final = 1_000
"""Detections of one stream that are recorded."""
LOUD: Final = frozenset(
    ("pii.cards", "pii.bank_accounts", "pii.national_ids", "pii.contacts", "secrets",
     "exfiltration.links", "leak.prompt", "ungrounded.accounts")
)  # fmt: skip
"""Detectors of which nothing stands among plain words (`is_quiet`) that do not echo the prompt."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a delta led to."""

    text: str
    """What may go out now."""
    blocked: bool = False
    """Nothing more may go out, ever."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a stream so far."""

    action: Action
    score: float
    detections: tuple[Detection, ...]
    """Spans count from the beginning of the stream."""
    failures: tuple[str, ...]
    late: bool
    """Whether something was seen of which a part had left."""


Talk: TypeAlias = Generator[Inspect, Answer, Step]


def lets_words_pass(policy: Policy, detectors: Sequence[Detector]) -> bool:
    """Whether plain words cannot lead to a mask or a block under this policy."""
    for detector in detectors:
        if detector.name in LOUD:
            continue
        for kind in detector.kinds:
            steps = policy.steps(kind, Source.OUTPUT)
            if steps is not None and (steps.mask is not None or steps.block is not None):
                return False
    return True


class Stream:
    """Judges one output, delta by delta. Each call is a conversation, as the engine's are."""

    def __init__(
        self,
        policy: Policy,
        detectors: Sequence[Detector],
        today: date,
        grounds: Grounds = NO_GROUNDS,
    ) -> None:
        self._policy, self._detectors, self._today = policy, detectors, today
        self._grounds, self._echoes = grounds, Echoes(grounds)
        self._eager = lets_words_pass(policy, detectors)
        self._base = 0
        """Where `_text` begins in the stream."""
        self._text = ""
        """What is still looked at: context, and what is not judged or not released."""
        self._released = self._judged = 0
        """Up to where, in `_text`."""
        self._shown = ""
        """The end of what has left, as it left."""
        self._blocked = False
        self._found: dict[tuple[str, str, int, int], Detection] = {}
        self._failures: set[str] = set()
        self._late = False

    @property
    def outcome(self) -> Outcome:
        """What became of the stream so far; all of it once `finish` is over."""
        found = tuple(sorted(self._found.values(), key=lambda d: (d.span, d.kind)))
        actions = [self._policy.action_on(d, Source.OUTPUT) for d in found]
        action = Action.BLOCK if self._blocked else hardest(actions)
        counted = (d.score for d in found if self._policy.steps(d.kind, Source.OUTPUT) is not None)
        if not self._policy.enforce:
            action = min(action, Action.FLAG, key=lambda a: a.rank)
        return Outcome(
            action, max(counted, default=0.0), found, tuple(sorted(self._failures)), self._late
        )

    @property
    def holding(self) -> int:
        """Characters that are held back."""
        return len(self._text) - self._released

    def feed(self, delta: str) -> Talk:
        """Add text; what may go out now."""
        if self._blocked:
            return Step("", blocked=True)
        self._text += delta
        if not self._policy.enforce:
            return (yield from self._let_pass())
        pending = self._text[self._released :]
        quiet = is_quiet(pending)  # and so is every part of it
        safe = open_from(pending, quiet=quiet)
        echo, sure = self._echoes.open_from(pending)
        safe = min(safe, echo)
        if overfull := len(pending) - safe > MAX_HELD:
            safe = _cut(pending)
        if not (safe or sure):
            return Step("")
        if self._eager and not sure and (quiet or is_quiet(pending[:safe])):
            step = self._release(self._released + safe, pending[:safe])
            if self._released - self._judged >= STRIDE:
                return (yield from self._judge(self._released, step.text))
            return step
        before = self._released
        step = yield from self._judge(self._released + safe)
        if overfull and not step.blocked and self._released == before:
            self._blocked = True  # one thing is longer than can be held: nobody knows what it is
            return Step("", blocked=True)
        return step

    def finish(self) -> Talk:
        """The output is over: what is left of it."""
        if self._blocked:
            return Step("", blocked=True)
        if self._judged == len(self._text) and self._released == len(self._text):
            return Step("")
        return (yield from self._judge(len(self._text), over=True))

    def _let_pass(self) -> Talk:
        """Nothing is enforced: all goes out, and is judged in strides."""
        step = self._release(len(self._text), self._text[self._released :])
        if self._released - self._judged >= STRIDE:
            yield from self._judge(self._released)
        return step

    def _judge(self, safe: int, gone: str = "", *, over: bool = False) -> Talk:
        """Judge all that is there, release up to `safe`. `gone` has been released already."""
        question = Question(self._text, Source.OUTPUT, self._grounds)
        found, failures = yield from inspect(question, self._policy, self._detectors)
        failures = failures if self._detectors else ("no detectors",)
        self._failures.update(failures)
        found = list(without_tokens(found, self._text, self._grounds))
        kept = [d for d in found if not self._policy.allows(d, self._text, self._today)]
        self._tell(kept, safe if not over else len(self._text))
        actions = {d: self._policy.action_on(d, Source.OUTPUT) for d in kept}
        failed = bool(failures) and self._policy.on_failure is Action.BLOCK
        if self._policy.enforce:
            if failed or Action.BLOCK in actions.values():
                self._blocked = True
                return Step(gone, blocked=True)
            mask = [d for d, action in actions.items() if action is Action.MASK]
        else:
            mask = []
        for place in sorted((d.span for d in mask), reverse=True):
            if place[0] < safe < place[1] and not over:
                safe = max(place[0], self._released)
        mine = [d for d in mask if d.span[1] > self._released and d.span[0] < safe]
        if any(d.span[0] < self._released for d in mine):
            self._late = True
        region = _masked(self._text, mine, self._released, safe)
        if mine:
            again = yield from self._again(region)
            if again is None:
                self._blocked = True
                return Step(gone, blocked=True)
            region = again
        self._judged = safe
        step = self._release(safe, region)
        return Step(gone + step.text)

    def _again(self, region: str) -> Generator[Inspect, Answer, str | None]:
        """Look at what is left once something was masked; None if it does not end."""
        for _ in range(MAX_ROUNDS):
            before = len(self._shown)
            question = Question(self._shown + region, Source.OUTPUT, self._grounds)
            found, _failures = yield from inspect(question, self._policy, self._detectors)
            kept = [d for d in found if not self._policy.allows(d, question.text, self._today)]
            actions = {d: self._policy.action_on(d, Source.OUTPUT) for d in kept}
            if Action.BLOCK in actions.values():
                return None
            mask = [d for d, a in actions.items() if a is Action.MASK and d.span[1] > before]
            if not mask:
                return region
            region = _masked(question.text, mask, before, len(question.text))
        return None

    def _release(self, upto: int, text: str) -> Step:
        self._released = upto
        self._shown = (self._shown + text)[-CONTEXT:]
        self._forget()
        return Step(text)

    def _forget(self) -> None:
        """Drop what is no context any more, from the beginning of a word on."""
        spare = min(self._released, self._judged) - CONTEXT
        if spare < CONTEXT:
            return
        at = self._text.find(" ", spare, self._judged)
        if at < 0:
            at = spare - spare % 4  # inside a long word: base64 is read in fours
        self._text = self._text[at:]
        self._base, self._released, self._judged = (
            self._base + at, self._released - at, self._judged - at
        )  # fmt: skip

    def _tell(self, found: Sequence[Detection], upto: int) -> None:
        """Remember what was seen, once, where it stands in the stream."""
        for d in found:
            a, b = d.span[0] + self._base, d.span[1] + self._base
            if d.span[0] < upto and len(self._found) < MAX_TOLD:
                told = Detection(d.detector, d.kind, d.score, (a, b), d.decoded, d.facts)
                self._found[d.detector, d.kind, a, b] = told


def _masked(text: str, detections: Sequence[Detection], start: int, end: int) -> str:
    """`text[start:end]` without the places that were found."""
    inside = [
        Detection(d.detector, d.kind, d.score, (d.span[0] - start, d.span[1] - start))
        for d in detections
    ]
    return masked(text[start:end], inside)


def _cut(pending: str) -> int:
    """Where to give up holding: at the end of a line, or after a multiple of four characters."""
    end = len(pending) - KEPT
    line = pending.rfind("\n", 0, end)
    return line + 1 if line > end - KEPT else end - end % 4
