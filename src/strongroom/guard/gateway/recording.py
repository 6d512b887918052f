"""Makes the record of each decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from strongroom.domain.canonical import format_time
from strongroom.guard.events.content import seal_texts
from strongroom.guard.gateway.events import Decided, Fingerprint, Sink
from strongroom.guard.gateway.judging import Verdict
from strongroom.guard.gateway.tenants import Caller
from strongroom.guard.records import Action, Source

NOTHING = Verdict(Action.ALLOW, Action.ALLOW, 0.0, (), (), 0, changed=False)
Texts: TypeAlias = Sequence[tuple[Source, str]]
"""What was judged, and whose words it is."""


@dataclass(slots=True)
class Call:
    """What is known of a request so far."""

    id: str
    caller: Caller
    route: str
    mode: str
    hmac_key: bytes
    content_key: bytes | None = None
    """Seals texts that the policy wants kept."""
    conversation: str = ""
    user: str = ""
    """A digest of who asks, where users are watched."""
    model: str = ""
    upstream: str = ""
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes decisions to a sink."""

    sink: Sink
    now: Callable[[], datetime]

    def fingerprint(self, call: Call, texts: Iterable[str]) -> Fingerprint:
        """Of texts."""
        made = Fingerprint(call.hmac_key)
        for text in texts:
            made.add(text)
            made.between()
        return made

    def record(
        self,
        call: Call,
        direction: str,
        verdict: Verdict,
        content: str,
        texts: Texts = (),
        *,
        reason: str = "",
        late: bool = False,
    ) -> None:
        """Record one decision. Raises StoreError."""
        self.sink.record(
            Decided(
                at=format_time(self.now()),
                id=call.id,
                tenant=call.caller.name,
                key=call.caller.key,
                route=call.route,
                model=call.model,
                upstream=call.upstream,
                direction=direction,
                policy=str(call.caller.guard.policy.digest),
                mode=call.mode,
                action=verdict.action.value,
                would=verdict.would.value,
                score=verdict.score,
                detections=verdict.detections,
                failures=verdict.failures,
                reason=reason,
                streamed=call.streamed,
                late=late,
                micros=verdict.micros,
                content=content,
                chars=sum(len(text) for _, text in texts),
                conversation=call.conversation,
                user=call.user,
                sealed=_sealed(call, direction, texts),
            )
        )


def _sealed(call: Call, direction: str, texts: Texts) -> str:
    wanted = call.caller.guard.policy.file.content == "sealed"
    if not wanted or call.content_key is None or not texts:
        return ""
    return seal_texts(texts, call.content_key, f"{call.id}.{direction}")
