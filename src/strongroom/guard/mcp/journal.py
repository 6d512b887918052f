"""Judges with one policy and records each decision, as the gateway does: never the content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.domain.canonical import format_time
from strongroom.guard.drivers import Guard
from strongroom.guard.gateway.events import Decided, Fingerprint, Sink
from strongroom.guard.gateway.judging import Verdict
from strongroom.guard.records import Action, Detection, Grounds
from strongroom.guard.tools.turns import Call, Objection

DETECTOR: Final = "tools@1"


@dataclass(frozen=True, slots=True)
class Journal:
    """For one server."""

    guard: Guard
    sink: Sink
    server: str
    hmac_key: bytes
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @property
    def enforced(self) -> bool:
        """Whether anything is blocked or changed."""
        return self.guard.policy.enforce

    @property
    def grounds(self) -> Grounds:
        """What every text is held against."""
        own = self.guard.policy.file
        return Grounds(own.canaries, hosts=own.hosts, labels=own.labels, topics=own.topic_words)

    def judged(
        self,
        method: str,
        direction: str,
        verdict: Verdict,
        texts: Sequence[str],
        reason: str,
        tool: str,
    ) -> None:
        """Record a judgement of texts. Raises StoreError."""
        made = Fingerprint(self.hmac_key)
        for text in texts:
            made.add(text)
            made.between()
        self._record(method, direction, verdict, made.hex(), reason, tool)

    def refused(self, method: str, direction: str, reason: str, *, tool: str = "") -> None:
        """Record that something did not pass, whatever it says. Raises StoreError."""
        self._record(method, direction, self._blocking(()), "", reason, tool)

    def objected(self, method: str, call: Call, objections: Sequence[Objection]) -> None:
        """Record what the rules have against a call. Raises StoreError."""
        found = tuple(as_detection(one) for one in objections)
        content = Fingerprint(self.hmac_key)
        content.add(call.digest)
        verdict = self._blocking(found)
        self._record(method, "input", verdict, content.hex(), "tools", call.tool)

    def _blocking(self, found: tuple[Detection, ...]) -> Verdict:
        action = Action.BLOCK if self.enforced else Action.FLAG
        return Verdict(action, Action.BLOCK, 1.0, found, (), 0, changed=False)

    def _record(
        self, method: str, direction: str, verdict: Verdict, content: str, reason: str, tool: str
    ) -> None:
        self.sink.record(
            Decided(
                at=format_time(self.now()),
                id=self.new_id(),
                tenant="mcp",
                key="",
                route=method[:200],
                model=tool[:200],
                upstream=self.server,
                direction=direction,
                policy=str(self.guard.policy.digest),
                mode="enforce" if self.enforced else "observe",
                action=verdict.action.value,
                would=verdict.would.value,
                score=verdict.score,
                detections=verdict.detections,
                failures=verdict.failures,
                reason=reason,
                streamed=False,
                late=False,
                micros=verdict.micros,
                content=content,
            )
        )


def as_detection(objection: Objection) -> Detection:
    """An objection as a detection: of the whole call, and sure."""
    return Detection(DETECTOR, objection.kind, 1.0, (0, 0), (), {"what": str(objection)})
