"""Judges one call of a tool against the rules and all that came before it.

1. Is the tool allowed, and was it agreed on?
2. Are its arguments of the form that they must have?
3. May their values come from where they come from?
4. How often, how much; how fast, over all conversations?
5. Did a person approve it?
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from strongroom.guard.tools.approvals import Approvals
from strongroom.guard.tools.flow import agreed, grounded, origin_of
from strongroom.guard.tools.pace import LocalPace, Pace, PaceLost, too_fast
from strongroom.guard.tools.rules import ArgumentRule, ToolRule, ToolRules
from strongroom.guard.tools.turns import Call, Objection, Turn
from strongroom.guard.tools.values import account_of, amount_of, equal


class Warden:
    """The rules, and what must be remembered between conversations: pace and used approvals."""

    def __init__(self, rules: ToolRules, pace: Pace | None = None) -> None:
        """Raises InputError for an approver's key that is none."""
        self.rules = rules
        self.pace = pace or LocalPace()
        self._approvals = Approvals(rules.approvers, self.pace)

    def judge(
        self, call: Call, before: Sequence[Turn], now: float, tokens: Sequence[str] = ()
    ) -> tuple[Objection, ...]:
        """All that speaks against a call; none: it may be made, and counts from now on."""
        try:
            return self._judge(call, before, now, tokens)
        except PaceLost:
            what = "what was called before is not known now"
            return (Objection("tool.velocity", call.tool, what),)

    def _judge(
        self, call: Call, before: Sequence[Turn], now: float, tokens: Sequence[str]
    ) -> tuple[Objection, ...]:
        rule = self.rules.allow.get(call.tool)
        limits = rule.velocity if rule else ()
        found = list(objections(call, before, self.rules))
        if limits:
            longest = max(limit.seconds for limit in limits)
            made = self.pace.since(call.tool, now - longest)
            found += too_fast(call, limits, made, now)
        if found:
            return tuple(found)
        if _needs_approval(call, self.rules) and not self._approvals.use(call, tokens, now):
            what = f"a person must approve this call: {call.digest}"
            return (Objection("tool.approval", call.tool, what),)
        return self.pace.take(call, limits, now) if limits else ()


def objections(call: Call, before: Sequence[Turn], rules: ToolRules) -> Iterator[Objection]:
    """All that speaks against a call in itself: not its pace, nor its approval."""
    rule = rules.allow.get(call.tool)
    if rule is None and rules.unknown == "refuse":
        yield Objection("tool.unknown", call.tool, "no tool that the policy allows")
        return
    rule = rule or ToolRule()
    if rules.plan == "pinned":
        plan = agreed(before, rules, [call.tool])
        if plan is not None and call.tool not in plan:
            what = "was not agreed before untrusted content was read"
            yield Objection("tool.plan", call.tool, what)
    yield from _arguments(call, rule, before, rules)
    yield from _counts(call, rule, before, rules)


def _arguments(
    call: Call, rule: ToolRule, before: Sequence[Turn], rules: ToolRules
) -> Iterator[Objection]:
    for name in rule.arguments:
        if rule.arguments[name].required and call.arguments.get(name) is None:
            yield Objection("tool.argument", call.tool, "is missing", name)
    for name, value in call.arguments.items():
        own = rule.arguments.get(name)
        if own is None and (rule.consequential or rule.arguments):
            yield Objection("tool.argument", call.tool, "is not declared", name[:100])
            continue
        if own is None or value is None:
            continue
        if why := _misfit(value, own):
            yield Objection("tool.argument", call.tool, why, name)
            continue
        free = own.origin == "any" or (own.origin is None and not rule.consequential)
        if (own.among or free) and not own.of:
            continue
        if not grounded(value, own, before, rules):
            what = f"its value comes from no {'named field' if own.of else 'trusted source'}"
            origin = origin_of(value, before, rules)
            yield Objection("tool.flow", call.tool, what, name, origin)


def _misfit(value: Any, rule: ArgumentRule) -> str:
    """Why a value has not the form that it must have; empty if it has."""
    if rule.kind == "json":
        return "" if len(str(value)) <= rule.chars else "is too long"
    if rule.kind == "flag":
        return "" if isinstance(value, bool) else "is neither true nor false"
    text = str(value) if isinstance(value, str) else ""
    if len(text) > rule.chars:
        return "is too long"
    if rule.kind == "amount":
        amount = amount_of(value)
        if amount is None:
            return "is no amount"
        if rule.least is not None and amount < rule.least:
            return f"is less than {rule.least:g}"
        if rule.most is not None and amount > rule.most:
            return f"is more than {rule.most:g}"
    elif rule.kind == "account" and account_of(value) is None:
        return "is no account"
    elif rule.kind in ("text", "url", "email") and not isinstance(value, str):
        return "is no text"
    if rule.among and not any(equal(value, one, rule.kind) for one in rule.among):
        return "is none of those that are allowed"
    if rule.pattern is not None and re.fullmatch(rule.pattern, str(value)) is None:
        return "has not the form that it must have"
    return ""


def _counts(
    call: Call, rule: ToolRule, before: Sequence[Turn], rules: ToolRules
) -> Iterator[Objection]:
    calls = [turn for turn in before if isinstance(turn, Call)]
    same = sum(one.tool == call.tool for one in calls)
    if rules.calls is not None and len(calls) >= rules.calls:
        yield Objection("tool.limit", call.tool, f"more than {rules.calls} calls")
    if rule.calls is not None and same >= rule.calls:
        yield Objection("tool.limit", call.tool, f"more than {rule.calls} calls of it")
    if sum(one.digest == call.digest for one in calls) >= rules.repeats:
        yield Objection("tool.loop", call.tool, f"the same call more than {rules.repeats} times")
    if rules.cost is not None:
        spent = sum(rules.allow[one.tool].cost for one in calls if one.tool in rules.allow)
        if spent + rule.cost > rules.cost:
            yield Objection("tool.limit", call.tool, f"calls cost more than {rules.cost:g}")


def _needs_approval(call: Call, rules: ToolRules) -> bool:
    rule = rules.allow.get(call.tool)
    if rule is None or rule.approval is None:
        return False
    if rule.approval.above is None or rule.approval.argument is None:
        return True
    amount = amount_of(call.arguments.get(rule.approval.argument))
    return amount is None or amount > rule.approval.above
