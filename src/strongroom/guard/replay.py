"""Judges once more what was judged before, by another policy: what would change?

A log of decisions can be replayed where its policy had the texts sealed, and only by whoever has
the key; a file in the form of `guard check` always. What a model had said is judged without the
conversation that led to it, so what is held against that (copies of the prompt, numbers from
nowhere) is not judged anew: such kinds are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.guard.drivers import Guard
from strongroom.guard.engine import Question
from strongroom.guard.events.content import open_texts
from strongroom.guard.events.event import Event
from strongroom.guard.exchange import Item
from strongroom.guard.records import Action, Grounds, Judgement, Source, hardest

EXAMPLES: Final = 20
"""Changes that are told one by one."""
GROUNDED: Final = ("leak.prompt", "ungrounded", "exfiltration")
"""Kinds that rest on the conversation; a lone text shows them less often, or not at all."""


@dataclass(frozen=True, slots=True)
class Case:
    """Texts that were judged together, and what became of them, if that is known."""

    id: str
    texts: tuple[tuple[Source, str], ...]
    before: Action | None = None
    kinds: tuple[str, ...] = ()
    cut: bool = False
    """Only their beginning is there."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that cannot be replayed, and why."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """A case that is judged otherwise now. Holds no text."""

    id: str
    before: Action
    after: Action
    kinds_before: tuple[str, ...]
    kinds_after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a policy would do with what was judged before."""

    moves: Mapping[tuple[str, str], int]
    """How many went from one action to another; the same one twice is no change."""
    changes: tuple[Change, ...]
    """The first of them."""
    unknown: Mapping[str, int]
    """Why some could not be replayed, and how many."""
    failures: int
    """Cases in which a detector failed."""
    cautious: int
    """Cases whose old decision rests on more than the text, or whose text is cut."""

    @property
    def replayed(self) -> int:
        """Cases that were judged again."""
        return sum(self.moves.values())

    @property
    def changed(self) -> int:
        """Cases that came out otherwise."""
        return sum(n for (before, after), n in self.moves.items() if before != after)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "replayed": self.replayed,
            "changed": self.changed,
            "moves": [
                {"before": b, "after": a, "count": n} for (b, a), n in sorted(self.moves.items())
            ],
            "examples": [
                {"id": c.id, "before": c.before.value, "after": c.after.value,
                 "kinds_before": list(c.kinds_before), "kinds_after": list(c.kinds_after)}
                for c in self.changes
            ],
            "not_replayed": dict(sorted(self.unknown.items())),
            "failures": self.failures,
            "cautious": self.cautious,
        }  # fmt: skip


def cases_of_log(events: Iterable[Event], key: bytes | None) -> Iterator[Case | Unknown]:
    """The cases of a log. Raises IntegrityError for a key that does not fit."""
    for event in events:
        if event.reason:
            yield Unknown(event.uid, "decided without judging a text")
        elif not event.sealed:
            yield Unknown(event.uid, "its content was not kept")
        elif key is None:
            yield Unknown(event.uid, "its content is sealed, and no key was given")
        else:
            kept = open_texts(event, key)
            kinds = tuple(dict.fromkeys(d.kind for d in event.detections))
            yield Case(event.uid, kept.texts, Action(event.would), kinds, kept.cut)


def cases_of_items(items: Iterable[Item]) -> Iterator[Case]:
    """The cases of a file in the form of `guard check`."""
    for place, item in enumerate(items, 1):
        yield Case(str(item.id if item.id is not None else place), item.texts)


def replay(cases: Iterable[Case | Unknown], new: Guard, old: Guard | None) -> Replay:
    """Judge all cases by the new policy; those without a decision by the old one first.

    Compared is what is done where a policy is enforced. A case without a decision, and no old
    policy to make one, cannot be replayed.
    """
    moves: Counter[tuple[str, str]] = Counter()
    unknown: Counter[str] = Counter()
    changes: list[Change] = []
    failures = cautious = 0
    for case in cases:
        if isinstance(case, Unknown):
            unknown[case.why] += 1
            continue
        before, kinds = case.before, case.kinds
        if before is None:
            if old is None:
                unknown["what became of it is not known"] += 1
                continue
            before, kinds, _ = _judged(case, old)
        after, kinds_after, failed = _judged(case, new)
        failures += failed
        cautious += case.cut or any(kind.startswith(GROUNDED) for kind in kinds)
        moves[before.value, after.value] += 1
        if before is not after and len(changes) < EXAMPLES:
            changes.append(Change(case.id, before, after, kinds, kinds_after))
    return Replay(dict(moves), tuple(changes), dict(unknown), failures, cautious)


def _judged(case: Case, guard: Guard) -> tuple[Action, tuple[str, ...], bool]:
    """What is done, about which kinds, and whether a detector failed."""
    file = guard.policy.file
    prompt = "\n".join(text for source, text in case.texts if source is Source.SYSTEM)
    grounds = Grounds(file.canaries, prompt, None, file.hosts, file.labels, file.topic_words)
    judged = [(source, guard.judge(Question(text, source, grounds))) for source, text in case.texts]
    action = hardest(_would(guard, source, one) for source, one in judged)
    kinds = dict.fromkeys(
        d.kind
        for source, one in judged
        for d in one.detections
        if guard.policy.action_on(d, source) is not Action.ALLOW
    )
    return action, tuple(kinds), any(one.failures for _, one in judged)


def _would(guard: Guard, source: Source, judged: Judgement) -> Action:
    own = hardest(guard.policy.action_on(d, source) for d in judged.detections)
    failed = guard.policy.on_failure if judged.failures else Action.ALLOW
    return hardest((own, failed, judged.action))
