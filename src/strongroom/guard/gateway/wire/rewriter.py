"""What the rewriters of all streams share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from strongroom.domain.errors import InputError
from strongroom.guard.gateway.body import read_object, write_json
from strongroom.guard.gateway.channels import Blocked, Channels
from strongroom.guard.gateway.refusals import Family, Refusal, error_body
from strongroom.guard.gateway.sse import ServerEvent, write_event
from strongroom.guard.gateway.wire.mould import Mould, Sole, mould_of

MAX_MOULDS: Final = 16
"""Made for one stream; one whose events all differ has none."""


class Rewriter(ABC):
    """Takes the events of a model's stream; gives what may leave. Keeps the protocol valid."""

    family: Family

    def __init__(self, channels: Channels, decision: str) -> None:
        self.channels = channels
        self.decision = decision
        self.done = False
        """The stream's own last event has come."""
        self.usage: dict[str, int] = {}
        """"input" and "output" tokens, as far as the model told."""
        self.framing = 0
        """Characters of an event around its text, as far as they are known."""
        self._mould: Mould | None = None
        self._moulds = 0

    def events(
        self, events: Iterable[ServerEvent], stops: Callable[[str], bool]
    ) -> Iterator[bytes]:
        """What leaves for events that came together; deltas of one text are judged as one.

        `stops` is asked about the data of every other event. Raises as `event` does.
        """
        run: list[ServerEvent] = []
        texts: list[str] = []
        try:
            for event in events:
                mould = self._mould
                text = mould.text_in(event) if mould is not None else None
                if text is not None:
                    run.append(event)
                    texts.append(text)
                    continue
                if mould is not None and run:
                    yield self._grown(mould, run, "".join(texts))
                    run, texts = [], []
                if stops(event.data):
                    raise Blocked
                yield self.event(event)
        except InputError:  # what came before it counts
            if self._mould is not None and run:
                yield self._grown(self._mould, run, "".join(texts))
            raise
        if self._mould is not None and run:
            yield self._grown(self._mould, run, "".join(texts))

    def _grown(self, mould: Mould, run: Sequence[ServerEvent], text: str) -> bytes:
        """What leaves for events of one mould, which add this text."""
        left = self.channels.feed(mould.place, text) if text else text
        if left == text:
            return b"".join(event.to_bytes() for event in run)
        return mould.filled(left) if left else b""

    def event(self, event: ServerEvent) -> bytes:
        """What leaves for one event. Raises Blocked, or InputError for one that is no JSON."""
        mould = self._mould
        if mould is not None and (text := mould.text_in(event)) is not None:
            return self._grown(mould, [event], text)
        body = read_object(event.data.encode("utf-8", "replace"))
        try:
            if self._moulds < MAX_MOULDS and (sole := self.sole(body)) is not None:
                self._take(mould_of(event, body, sole))
            return self.rewritten(event, body)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # a part of another type
            raise InputError("an event is not as its format has it") from error

    def _take(self, mould: Mould | None) -> None:
        self._mould, self._moulds = mould, self._moulds + 1
        self.framing = len(mould.head) + len(mould.tail) if mould is not None else 0

    def sole(self, body: dict[str, Any]) -> Sole | None:  # noqa: ARG002 - most formats have none
        """The text that an event adds to, where it holds no other and says nothing else."""
        return None

    @abstractmethod
    def rewritten(self, event: ServerEvent, body: dict[str, Any]) -> bytes:
        """What leaves for one event, given what it holds."""

    @abstractmethod
    def stop(self) -> bytes:
        """The end of a blocked stream, as the protocol ends one that a filter stopped."""

    def broken(self, refusal: Refusal) -> bytes:
        """The end of a stream that broke: an error event."""
        body = write_json(error_body(self.family, refusal, self.decision))
        return write_event(body, "error" if self.family is Family.ANTHROPIC else "")

    def count(self, usage: Any) -> None:
        """Remember what the model says that it used."""
        if not isinstance(usage, dict):
            return
        for name, theirs in (
            ("input", ("prompt_tokens", "input_tokens")),
            ("output", ("completion_tokens", "output_tokens")),
        ):
            for key in theirs:
                if isinstance(usage.get(key), int):
                    self.usage[name] = max(self.usage.get(name, 0), usage[key])
