"""The guard's nouns: a Message is read in several Views, Detections lead to a Judgement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

from strongroom.guard.spans import IDENTITY, Trail

Span: TypeAlias = tuple[int, int]
"""From and to, in characters of a text, as a slice."""


class Source(StrEnum):
    """Who speaks. Only the system and the user may give orders; data may not."""

    SYSTEM = "system"
    USER = "user"
    CONTEXT = "context"
    """Retrieved documents, messages, files: written by anybody."""
    TOOL_RESULT = "tool_result"
    OUTPUT = "output"
    """What the model says."""

    @property
    def is_data(self) -> bool:
        """Whether it comes from outside the conversation and has nobody's authority."""
        return self in (Source.CONTEXT, Source.TOOL_RESULT)


@dataclass(frozen=True, slots=True)
class View:
    """One reading of a text, after decoding."""

    text: str
    """Natural: case and accents as written; invisible characters out, look-alikes resolved."""
    how: tuple[str, ...] = ()
    """All that was undone to read it, outermost first: ("url", "base64"). Empty: nothing was."""
    trail: Trail = IDENTITY
    """Leads from positions in `text` back to the original."""
    folded: str = ""
    """`text` for matching: lower case, no accents, single spaces."""
    fold_trail: Trail = IDENTITY
    """Leads from positions in `folded` back to `text`."""

    def to_original(self, a: int, b: int) -> Span:
        """Where `text[a:b]` came from, in the original text."""
        return self.trail.back(a, b)

    def how_of(self, a: int, b: int) -> tuple[str, ...]:
        """What was undone to read `text[a:b]`, outermost first."""
        return self.trail.how(a, b)

    def folded_to_original(self, a: int, b: int) -> Span:
        """Where `folded[a:b]` came from, in the original text."""
        return self.trail.back(*self.fold_trail.back(a, b))


class StandIns(Protocol):
    """The pseudonyms of one conversation: `tokens/vault.py`."""

    def stand_in(self, kind: str, value: str) -> str | None:
        """The pseudonym of a value; None where there can be none."""
        ...

    def spans(self, text: str) -> list[Span]:
        """Where pseudonyms stand in a text."""
        ...


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a message is held against: what was said before it, and what must not get out."""

    canaries: tuple[str, ...] = ()
    """Strings planted in the system prompt; one in an output proves a leak."""
    prompt: str = ""
    """The system prompt; long copies of it in an output are a leak."""
    seen: tuple[str, ...] | None = None
    """Texts that came before; None where they are not known."""
    hosts: tuple[str, ...] = ()
    """Hosts that an output may link to."""
    labels: tuple[str, ...] = ()
    """Classification labels of the house, besides those that everybody uses."""
    topics: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Topics that are not wanted: a name, and the words that it goes by."""
    stand_ins: StandIns | None = None
    """Gives pseudonyms where the policy tokenises; what stands for something is not found again."""


NO_GROUNDS: Final = Grounds()


@dataclass(frozen=True, slots=True)
class Message:
    """One text from one source, and its readings."""

    source: Source
    text: str
    views: tuple[View, ...]
    """The plain reading first; never empty."""
    language: str | None = None
    """ISO 639-1 code, where known."""
    grounds: Grounds = NO_GROUNDS


@dataclass(frozen=True, slots=True)
class Detection:
    """One judgement about one place in a text."""

    detector: str
    """Name and version: "injection.patterns@1"."""
    kind: str
    """Dotted, from general to special: "injection", "pii.pan", "secret.private_key"."""
    score: float
    """0..1: how sure."""
    span: Span
    """In the original text."""
    decoded: tuple[str, ...] = ()
    """What had to be undone to see it."""
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """For people: the rule, the language. Never the value itself."""


class Detector(Protocol):
    """Looks at a message and says what it sees. Pure: no I/O, no clock, no memory."""

    @property
    def name(self) -> str:
        """Given by the author: "injection.patterns"."""
        ...

    @property
    def version(self) -> int:
        """Raised when the meaning changes."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind that it may yield."""
        ...

    def inspect(self, message: Message) -> Iterable[Detection]:
        """Everything that it sees in the message."""
        ...


class Action(StrEnum):
    """What becomes of a message, from mild to hard."""

    ALLOW = "allow"
    FLAG = "flag"
    """It passes and is told."""
    MASK = "mask"
    """It passes without the places that were found."""
    BLOCK = "block"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return _RANKS[self]


_RANKS: Final = {action: rank for rank, action in enumerate(Action)}


def hardest(actions: Iterable[Action]) -> Action:
    """The hardest of some actions; ALLOW if there is none."""
    return max(actions, key=lambda action: action.rank, default=Action.ALLOW)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the guard made of one message."""

    action: Action
    score: float
    """The highest score of the detections that count; 0 if there are none."""
    detections: tuple[Detection, ...]
    text: str
    """The text that may go on: with places masked; empty if blocked."""
    micros: int = 0
    """Microseconds of work."""
    failures: tuple[str, ...] = ()
    """Detectors that crashed or took too long."""
