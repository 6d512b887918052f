"""The texts of one streamed answer: each its own `Stream`; arguments of tool calls are held whole.

Half an argument is of no use to a program, and masking half a JSON string would break it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.guard.drivers import Guard, converse
from strongroom.guard.gateway.events import Fingerprint
from strongroom.guard.gateway.judging import Verdict, judge_parts, verdict_of
from strongroom.guard.gateway.parts import Form, Part
from strongroom.guard.gateway.restoring import restore_parts
from strongroom.guard.records import Action, Grounds, Judgement, Source, hardest
from strongroom.guard.streaming.stream import Step, Stream, Talk
from strongroom.guard.tokens.vault import Conversation, Restorer

MAX_ARGUMENTS: Final = 1024 * 1024
"""Characters of the arguments of one call."""


class Blocked(Exception):
    """Nothing more of this answer may leave."""


@dataclass(slots=True)
class _Text:
    stream: Stream
    restorer: Restorer | None = None
    given: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    over: bool = False


@dataclass(slots=True)
class _Arguments:
    given: list[str] = field(default_factory=list)
    size: int = 0
    over: bool = False


class Channels:
    """Judges every text of one answer as it comes."""

    def __init__(
        self,
        guard: Guard,
        grounds: Grounds,
        fingerprint: Fingerprint,
        tokens: Conversation | None = None,
    ) -> None:
        self._tokens = tokens if guard.policy.enforce else None
        self._guard, self._grounds, self._fingerprint = guard, grounds, fingerprint
        self._texts: dict[Hashable, _Text] = {}
        self._arguments: dict[Hashable, _Arguments] = {}
        self._whole: list[Verdict] = []
        self._finished: dict[str, str] = {}
        self._nanos = 0
        self._reason_blocked = False

    @property
    def enforced(self) -> bool:
        """Whether anything is held or changed."""
        return self._guard.policy.enforce

    @property
    def finished(self) -> Mapping[str, str]:
        """Texts that are over: as the model said them, and as they left."""
        return self._finished

    def feed(self, key: Hashable, delta: str) -> str:
        """Add to a text; what may leave of it. Raises Blocked."""
        text = self._texts.get(key)
        if text is None:
            policy = self._guard.policy
            stream = Stream(policy, self._guard.detectors, self._guard.today(), self._grounds)
            restorer = Restorer(self._tokens) if self._tokens else None
            text = self._texts[key] = _Text(stream, restorer)
        text.given.append(delta)
        return self._stepped(text, text.stream.feed(delta), delta)

    def arguments(self, key: Hashable, delta: str) -> str:
        """Add to arguments; nothing of them leaves before they are whole. Raises Blocked."""
        held = self._arguments.setdefault(key, _Arguments())
        held.given.append(delta)
        held.size += len(delta)
        if held.size > MAX_ARGUMENTS and self.enforced:
            self._reason_blocked = True
            raise Blocked
        return "" if self.enforced else delta

    def finish(self, which: Callable[[Hashable], bool]) -> Iterator[tuple[Any, str]]:
        """End texts; the rest of each that may leave, if there is any. Raises Blocked."""
        for key, text in self._texts.items():
            if not text.over and which(key):
                text.over = True
                rest = self._stepped(text, text.stream.finish(), "", over=True)
                self._finished["".join(text.given)] = "".join(text.left)
                if rest:
                    yield key, rest
        for key, held in self._arguments.items():
            if not held.over and which(key):
                held.over = True
                rest = self._judged("".join(held.given))
                if rest and self.enforced:
                    yield key, rest

    def changed(self, key: Hashable) -> bool:
        """Whether a text that is over left as something else."""
        text = self._texts.get(key)
        return text is not None and "".join(text.given) != "".join(text.left)

    def whole(self, parts: Iterable[Part]) -> bool:
        """Judge texts that come whole; whether something was masked. Raises Blocked."""
        changed = False
        parts = list(parts)
        for part in parts:
            if part.form is Form.TEXT and part.text in self._finished:
                left = self._finished[part.text]
                changed |= left != part.text
                part.put(left)
        unknown = [p for p in parts if p.form is not Form.TEXT or p.text not in self._left()]
        if unknown:
            self._see(p.text for p in unknown)
            verdict = judge_parts(unknown, self._guard, None, self._grounds)
            self._whole.append(verdict)
            changed |= verdict.changed
            if verdict.action is Action.BLOCK:
                raise Blocked
            changed |= restore_parts(unknown, self._tokens)
        return changed

    def verdict(self) -> tuple[Verdict, bool]:
        """What became of the answer, and whether something was seen too late."""
        outcomes = [text.stream.outcome for text in self._texts.values()]
        judged = [Judgement(o.action, o.score, o.detections, "", 0, o.failures) for o in outcomes]
        total = verdict_of(judged, self._guard, [Source.OUTPUT] * len(judged), changed=False)
        every = (total, *self._whole)
        action = hardest(v.action for v in every)
        if self._reason_blocked:
            action = Action.BLOCK
        verdict = Verdict(
            action,
            hardest((action, *(v.would for v in every))),
            max(v.score for v in every),
            tuple(d for v in every for d in v.detections),
            tuple(sorted({f for v in every for f in v.failures})),
            self._nanos // 1000 + sum(v.micros for v in self._whole),
            changed=any(v.changed for v in every),
        )
        return verdict, any(o.late for o in outcomes)

    def characters(self) -> int:
        """Of all that the model said so far."""
        texts = sum(len(delta) for text in self._texts.values() for delta in text.given)
        return texts + sum(held.size for held in self._arguments.values())

    def said(self) -> list[tuple[Source, str]]:
        """All that the model said so far."""
        texts = ["".join(text.given) for text in self._texts.values()]
        texts += ["".join(held.given) for held in self._arguments.values()]
        return [(Source.OUTPUT, text) for text in texts if text]

    def _left(self) -> set[str]:
        return set(self._finished.values())

    def _judged(self, arguments: str) -> str:
        holder: dict[str, Any] = {"arguments": arguments}
        self.whole([Part(Source.OUTPUT, holder, "arguments", Form.JSON_TEXT)])
        left: str = holder["arguments"]
        self._finished[arguments] = left
        return left

    def _stepped(self, text: _Text, talk: Talk, delta: str, *, over: bool = False) -> str:
        self._fingerprint.add(delta)
        started = time.perf_counter_ns()
        step: Step = converse(talk, self._guard.run)
        self._nanos += time.perf_counter_ns() - started
        if step.blocked:
            raise Blocked
        left = step.text
        if text.restorer is not None:
            left = text.restorer.feed(left) + (text.restorer.finish() if over else "")
        text.left.append(left)
        return left

    def _see(self, texts: Iterable[str]) -> None:
        for text in texts:
            self._fingerprint.add(text)
            self._fingerprint.between()
