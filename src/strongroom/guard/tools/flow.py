"""Information flow by value: where an argument's value may come from, and where it was read.

A value is *grounded* if a trusted text holds it, whole and undisguised: what the system or the user
said, or what a trusted tool returned. Whatever is not grounded is refused, so no disguise of an
untrusted value has to be recognised for it to be stopped; recognising it is for the message only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from strongroom.guard.normalise import views_of
from strongroom.guard.records import Source
from strongroom.guard.tools.rules import ArgumentRule, Kind, ToolRules
from strongroom.guard.tools.turns import Call, Origin, Said, Turn
from strongroom.guard.tools.values import bare, equal, holds, leaves_of, written

LEAST_PART: Final = 5
"""Letters and digits of a value that tell where it was read."""
MAX_READ: Final = 200_000
"""Characters of one text that are searched for the origin of a value."""


def is_trusted(said: Said, rules: ToolRules) -> bool:
    """Whether values of a text may be used in consequential calls."""
    if said.source in (Source.SYSTEM, Source.USER):
        return True
    rule = rules.allow.get(said.tool) if said.source is Source.TOOL_RESULT else None
    return rule is not None and rule.trusted


def is_untrusted_data(turn: Turn, rules: ToolRules) -> bool:
    """Whether it is content of which anybody may be the author."""
    return isinstance(turn, Said) and turn.source.is_data and not is_trusted(turn, rules)


def grounded(value: Any, rule: ArgumentRule, before: Sequence[Turn], rules: ToolRules) -> bool:
    """Whether each leaf of a value stands in a trusted text."""
    return all(
        _grounded(leaf, _kind(leaf, rule), rule.of, before, rules) for _, leaf in leaves_of(value)
    )


def _grounded(
    leaf: Any, kind: Kind, of: tuple[str, ...], before: Sequence[Turn], rules: ToolRules
) -> bool:
    for number, said in enumerate(before):
        if not isinstance(said, Said) or not is_trusted(said, rules):
            continue
        stands = _in_fields(said, leaf, kind, of) if of else _in_text(said, leaf, kind)
        if stands and not _echoed(said, leaf, kind, before[:number], rules):
            return True
    return False


def _kind(leaf: Any, rule: ArgumentRule) -> Kind:
    if rule.kind != "json":
        return rule.kind
    return "amount" if isinstance(leaf, int | float) and not isinstance(leaf, bool) else "text"


def _in_text(said: Said, leaf: Any, kind: Kind) -> bool:
    return any(holds(text, leaf, kind) for text in _texts(said))


def _texts(said: Said) -> Iterator[str]:
    """The text; of JSON its values, so that two of them never read as one."""
    value = _json(said)
    if value is None:
        yield said.text
    else:
        yield from (written(leaf) for _, leaf in leaves_of(value))


def _in_fields(said: Said, leaf: Any, kind: Kind, of: tuple[str, ...]) -> bool:
    """Whether a result holds the value in one of the named fields."""
    named = (one.partition(".") for one in of)
    fields = {field for tool, _, field in named if tool == said.tool}
    if not fields or (value := _json(said)) is None:
        return False
    return any(name in fields and equal(leaf, one, kind) for name, one in leaves_of(value))


def _echoed(said: Said, leaf: Any, kind: Kind, before: Sequence[Turn], rules: ToolRules) -> bool:
    """Whether a trusted tool may only repeat what it was asked: "no beneficiary DE89…".

    What it was asked counts if it was grounded itself before.
    """
    if said.answers is None:
        return False
    asked = dict(said.answers.arguments)
    wanted = bare(written(leaf))
    if kind == "amount" or len(wanted) < LEAST_PART:
        repeats = any(holds(written(one), leaf, kind) for _, one in leaves_of(asked))
    else:
        views = views_of(json.dumps(asked, ensure_ascii=False)[:MAX_READ])
        repeats = any(wanted in bare(view.text) for view in views)
    return repeats and not _grounded(leaf, kind, (), before, rules)


def _json(said: Said) -> Any:
    if said.source is not Source.TOOL_RESULT or not said.text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(said.text)
    except (ValueError, RecursionError):
        return None


def origin_of(value: Any, before: Iterable[Turn], rules: ToolRules) -> Origin | None:
    """The first untrusted text in which a value, or a good part of it, may have been read."""
    wanted = [bare(written(leaf)) for _, leaf in leaves_of(value)]
    wanted = [one for one in wanted if len(one) >= LEAST_PART]
    partly: Origin | None = None
    for turn in before:
        if not isinstance(turn, Said) or not is_untrusted_data(turn, rules):
            continue
        for view in views_of(turn.text[:MAX_READ]):
            text = bare(view.text)
            if any(one in text for one in wanted):
                return Origin(turn.place, turn.source, turn.tool, view.how)
            if partly is None and any(part in text for one in wanted for part in _parts(one)):
                partly = Origin(turn.place, turn.source, turn.tool, (*view.how, "part"))
    return partly


def _parts(value: str) -> Iterator[str]:
    """Pieces of a value that are long enough to tell."""
    size = max(LEAST_PART, len(value) // 2)
    return (value[start : start + size] for start in range(len(value) - size + 1))


def agreed(before: Sequence[Turn], rules: ToolRules, tools: Iterable[str]) -> frozenset[str] | None:
    """The plan: tools that were called, or named in anybody's words, before untrusted content.

    None as long as no untrusted content was read.
    """
    plan: set[str] = set()
    for turn in before:
        if is_untrusted_data(turn, rules):
            return frozenset(plan)
        if isinstance(turn, Call):
            plan.add(turn.tool)
        else:
            plan.update(tool for tool in tools if holds(turn.text, tool, "text"))
    return None
