"""Judges the parts of a request or an answer, and writes back what was masked.

A conversation is sent again with each turn, so judgements of texts are remembered for a while: by
digest, for one policy and one day. Only what does not depend on the other messages is.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, TypeAlias

from strongroom.domain.errors import InputError
from strongroom.guard.drivers import Guard
from strongroom.guard.engine import Question
from strongroom.guard.gateway.body import read_json, write_json
from strongroom.guard.gateway.parts import Form, Part, as_text, leaves
from strongroom.guard.mask import placeholder
from strongroom.guard.records import (
    NO_GROUNDS,
    Action,
    Detection,
    Grounds,
    Judgement,
    Source,
    hardest,
)

REMEMBERED: Final = 20_000
"""Judgements; without the texts, some 10 MB."""
MAX_LEAVES: Final = 2_000
"""Values of one tree that is to be masked."""
_Key: TypeAlias = tuple[str, str, date, bytes]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of several parts."""

    action: Action
    """What was done."""
    would: Action
    """What is done where the policy is enforced."""
    score: float
    detections: tuple[Detection, ...]
    failures: tuple[str, ...]
    micros: int
    changed: bool
    """Whether something was masked in its place."""
    newest: tuple[Detection, ...] = ()
    """Of the user's last message alone; in a request without any, of the last text."""


class Memory:
    """Judgements that changed nothing, by digest of the text."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size, self._kept = size, OrderedDict[_Key, Judgement]()

    def key(self, guard: Guard, question: Question) -> _Key:
        """For one policy, source, day and text."""
        digest = hashlib.blake2b(question.text.encode("utf-8", "surrogatepass"), digest_size=16)
        return guard.policy.digest.hex, question.source.value, guard.today(), digest.digest()

    def get(self, key: _Key) -> Judgement | None:
        """A judgement without its text."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: _Key, judgement: Judgement) -> None:
        """Remember one that let the text pass as it is."""
        if judgement.failures or judgement.action in (Action.MASK, Action.BLOCK):
            return
        if any(d.kind == "judge.lost" for d in judgement.detections):
            return  # the next time somebody may answer
        self._kept[key] = replace(judgement, text="", micros=0)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


def judge_parts(
    parts: Iterable[Part], guard: Guard, memory: Memory | None, grounds: Grounds = NO_GROUNDS
) -> Verdict:
    """Judge each part; write back what was masked. With a memory `grounds` must be the policy's."""
    judged: list[Judgement] = []
    changed = False
    for part in parts:
        judgement = _judge(part.text, part.source, guard, memory, grounds)
        if judgement.action is Action.MASK:
            judgement = _mask(part, judgement, guard, grounds)
            changed = True
        judged.append(judgement)
        if judgement.action is Action.BLOCK:
            break
    return verdict_of(judged, guard, [p.source for p in parts], changed=changed)


def verdict_of(
    judged: Sequence[Judgement], guard: Guard, sources: Sequence[Source], *, changed: bool
) -> Verdict:
    """The whole of several judgements."""
    policy = guard.policy
    would = hardest(
        policy.action_on(d, source)
        for judgement, source in zip(judged, sources, strict=False)
        for d in judgement.detections
    )
    failures = tuple(sorted({f for j in judged for f in j.failures}))
    if failures:
        would = hardest((would, policy.on_failure))
    action = hardest(j.action for j in judged)
    return Verdict(
        action,
        would if not policy.enforce else hardest((would, action)),
        max((j.score for j in judged), default=0.0),
        tuple(d for j in judged for d in j.detections),
        failures,
        sum(j.micros for j in judged),
        changed,
        _newest(judged, sources),
    )


def _newest(judged: Sequence[Judgement], sources: Sequence[Source]) -> tuple[Detection, ...]:
    pairs = list(zip(judged, sources, strict=False))
    own = [judgement for judgement, source in pairs if source is Source.USER]
    last = own[-1:] or [judgement for judgement, _ in pairs[-1:]]
    return last[0].detections if last else ()


def _judge(
    text: str, source: Source, guard: Guard, memory: Memory | None, grounds: Grounds
) -> Judgement:
    question = Question(text, source, grounds)
    if memory is None:
        return guard.judge(question)
    key = memory.key(guard, question)
    known = memory.get(key)
    if known is None:
        known = guard.judge(question)
        memory.put(key, known)
    return known


def _mask(part: Part, judgement: Judgement, guard: Guard, grounds: Grounds) -> Judgement:
    """Mask a part in its place. JSON stays JSON: its values are masked one by one."""
    if part.form is Form.TEXT:
        part.put(judgement.text)
        return judgement
    try:
        value = read_json(part.text.encode()) if part.form is Form.JSON_TEXT else None
    except InputError:  # arguments that are no JSON are a text like any other
        part.put(judgement.text)
        return judgement
    top = [value] if part.form is Form.JSON_TEXT else [part.holder[part.key]]
    for count, (holder, key, text) in enumerate(list(leaves(top))):
        one = guard.judge(Question(text, part.source, grounds))
        if count >= MAX_LEAVES or one.action is Action.BLOCK:
            return replace(judgement, action=Action.BLOCK, text="")
        if one.action is Action.MASK:
            kinds = [d.kind for d in one.detections]
            holder[key] = one.text if isinstance(holder[key], str) else placeholder(kinds[0])
    again = guard.judge(Question(as_text(top[0]), part.source, grounds))
    if again.action in (Action.MASK, Action.BLOCK):  # in its keys, or across its values
        return replace(judgement, action=Action.BLOCK, text="")
    part.put(top[0] if part.form is Form.TREE else write_json(top[0]).decode())
    return judgement
