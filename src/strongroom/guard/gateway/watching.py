"""Watches users over time: who asks, what came before, and what that makes of a request.

Who the user is, says the tenant's configuration: whoever its key's holder names (`named`), or the
key itself, whatever a request says (`key`). Names are kept as HMACs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from strongroom.guard.abuse.memory import Memory, MemoryLost, Who
from strongroom.guard.abuse.sketch import SHORT, sketch
from strongroom.guard.abuse.watch import Mark, comes_near, judged
from strongroom.guard.gateway.judging import Verdict
from strongroom.guard.gateway.keys import Headers
from strongroom.guard.gateway.recording import Call, Texts
from strongroom.guard.gateway.refusals import Refusal
from strongroom.guard.gateway.verdicts import with_failure, with_found
from strongroom.guard.policy import Policy
from strongroom.guard.records import Source

HEADER: Final = b"x-strongroom-user"
WATCHED: Final = frozenset(("chat", "responses", "messages", "embeddings"))
"""Routes that ask a model."""
_FIELDS: Final = ("safety_identifier", "user")
LOST: Final = "abuse@2 what users did before is not known now"
log = logging.getLogger(__name__)


def name_of(headers: Headers, body: dict[str, Any]) -> str:
    """The user whom a request names: by header, else as either provider's format does.

    Raises Refusal for two headers that differ: one of them may be a client's own.
    """
    given = {value for name, value in headers if name == HEADER and value.strip()}
    if len(given) > 1:
        raise Refusal(400, "two_users", "The request names two different users.")
    if given:
        return given.pop().decode("latin-1").strip()
    metadata = body.get("metadata")
    inner = metadata.get("user_id") if isinstance(metadata, dict) else None
    for value in (*(body.get(field) for field in _FIELDS), inner):
        if value:
            return value if isinstance(value, str) else json.dumps(value)
    return ""


def who_of(headers: Headers, body: dict[str, Any], call: Call, user_key: bytes) -> Who:
    """Whose history a request belongs to. Raises Refusal where it must name a user and does not."""
    caller = call.caller
    rule = caller.tenant.users
    name = "" if rule == "key" else name_of(headers, body)
    if rule == "required" and not name:
        raise Refusal(400, "no_user", "The request names no user.")
    if name:
        told = ("user", name)
    else:
        told = ("key", "") if rule == "key" else ("conversation", call.conversation)
    mac = hmac.new(user_key, digestmod=hashlib.sha256)
    for part in (caller.name, caller.key, *told):
        mac.update(part.encode("utf-8", "replace") + b"\0")
    return Who(caller.name, caller.key, mac.hexdigest()[:32], named=bool(name))


@dataclass(frozen=True, slots=True)
class Watching:
    """Asks a memory, and lets the policy say what is done."""

    memory: Memory
    seconds: Callable[[], float]
    """Since the epoch."""

    async def added_to(
        self, verdict: Verdict, who: Who, texts: Texts, tokens: int, policy: Policy
    ) -> Verdict:
        """A verdict on a request with what its user did before."""
        rules = policy.file.abuse
        mark = _mark(verdict, newest_of(texts), self.seconds(), policy)
        try:
            history = await self.memory.add(who, mark, tokens, rules)
        except MemoryLost:
            return with_failure(verdict, LOST, policy)
        found = judged(history, mark, rules)
        return with_found(verdict, found, Source.USER, policy)

    async def spend(self, who: Who, tokens: int) -> None:
        """Take in what an answer used."""
        try:
            await self.memory.spend(who, self.seconds(), tokens)
        except MemoryLost as error:
            log.warning("what an answer used could not be remembered: %s", error)


def newest_of(texts: Texts) -> str:
    """The user's last message; of a request without any, the first text."""
    own = [text for source, text in texts if source is Source.USER]
    return own[-1] if own else next((text for _, text in texts), "")


def _mark(verdict: Verdict, text: str, at: float, policy: Policy) -> Mark:
    near = comes_near(verdict.action, verdict.newest, policy.file.abuse)
    return Mark(at, sketch(text) if near or len(text) >= SHORT else 0, near)
