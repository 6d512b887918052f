"""One conversation between a client and a server, message by message. It does no I/O.

    client ──▶ known method? ▶ pinned? ▶ rules of the tool ▶ judge the arguments ──▶ server
    client ◀── judge the answer ◀ drop what is not as pinned ◀ asked for at all? ◀── server

Whatever may not pass is answered with a valid error, or, where nobody waits for an answer, dropped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from strongroom.guard.gateway.judging import Verdict, judge_parts
from strongroom.guard.gateway.parts import Form, Part
from strongroom.guard.mcp.journal import Journal
from strongroom.guard.mcp.listing import Listing
from strongroom.guard.mcp.messages import (
    ASKED,
    BLOCKED,
    GONE,
    INVALID_REQUEST,
    JUDGED,
    PLAIN,
    UNKNOWN_METHOD,
    Id,
    Message,
    Out,
    failure,
    is_request,
    params_of,
)
from strongroom.guard.mcp.reading import LISTS, Answered, read_params, read_result
from strongroom.guard.mcp.rules import McpRules
from strongroom.guard.records import Action, Source
from strongroom.guard.tools.judge import Warden
from strongroom.guard.tools.turns import Call, Objection, Said, Turn

APPROVAL: str = "strongroom/approval"
"""Key in `_meta` of a call: an approval token, which does not reach the server."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for its answer."""

    method: str
    at: float
    call: Call | None = None


@dataclass(slots=True)
class Remembered:
    """What was called and what came back, in its order."""

    turns: list[Turn] = field(default_factory=list)
    chars: int = 0

    def add(self, turn: Turn, size: int) -> None:
        """Add a turn of so many characters."""
        self.turns.append(turn)
        self.chars += size


@dataclass(slots=True)
class Session:
    """See the module. `journal` judges and records; `warden` is shared by all sessions."""

    journal: Journal
    listing: Listing
    rules: McpRules
    warden: Warden | None
    _pending: dict[Id, Pending] = field(default_factory=dict)
    _asked: set[Id] = field(default_factory=set)
    """Requests of the server that reached the client."""
    _said: Remembered = field(default_factory=Remembered)

    def client(self, message: Message, now: float) -> Out:
        """What becomes of a client's message. `now`: seconds since the epoch."""
        method = message.get("method")
        if method is None:
            return self._answer_of_client(message)
        if is_request(message):
            if message["id"] in self._pending:
                return _refused(message, INVALID_REQUEST, "this id waits for its answer already")
            if len(self._pending) >= self.rules.pending:
                return _refused(message, BLOCKED, "too many requests wait for their answers")
        if method not in PLAIN | JUDGED and self.rules.unknown_methods == "refuse":
            self.journal.refused(method, "input", "method")
            return _refused(message, UNKNOWN_METHOD, "the guard does not know this method")
        if method == "notifications/cancelled":
            self._pending.pop(params_of(message).get("requestId", ""), None)
        call = None
        if method not in PLAIN:
            reasons, call = self._judge_request(message, now)
            if reasons:
                return _blocked(message, reasons)
        if is_request(message):
            self._pending[message["id"]] = Pending(method, now, call)
        return Out(to_server=[message])

    def server(self, message: Message) -> Out:
        """What becomes of a server's message."""
        if "method" not in message:
            return self._answer_of_server(message)
        if not is_request(message):
            return self._notification(message)
        method = message["method"]
        if method not in ASKED and method not in self.rules.server_requests:
            self.journal.refused(method, "output", "server_request")
            if self.journal.enforced:
                what = "the guard's policy lets a server not ask this of a client"
                return Out(to_server=[failure(message["id"], UNKNOWN_METHOD, what)])
        elif method not in ASKED:
            reasons = self._judge(method, "output", read_params(message, Source.TOOL_RESULT))
            if reasons:
                return Out(to_server=_blocked(message, reasons).to_client)
        self._asked.add(message["id"])
        return Out(to_client=[message])

    def exchange(self) -> Session:
        """One that remembers with this one, and waits for answers of its own."""
        return Session(self.journal, self.listing, self.rules, self.warden, _said=self._said)

    def overdue(self, now: float) -> Out:
        """Answers to requests that have waited too long."""
        late = [i for i, one in self._pending.items() if now - one.at > self.rules.seconds]
        out = Out()
        for id_ in late:
            del self._pending[id_]
            cancelled = {"requestId": id_, "reason": "took too long"}
            out.to_client.append(failure(id_, GONE, "the server took too long"))
            out.to_server.append(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}
            )
        return out

    def ended(self) -> Out:
        """Answers to all that still wait: the server is gone."""
        out = Out([failure(id_, GONE, "the server has ended") for id_ in self._pending])
        self._pending.clear()
        return out

    @property
    def waiting(self) -> int:
        """Requests without an answer."""
        return len(self._pending)

    def _judge_request(self, message: Message, now: float) -> tuple[list[str], Call | None]:
        """Why a request may not pass, and the call that it makes."""
        method, params = message["method"], params_of(message)
        if method != "tools/call":
            name = params.get("name")
            if method == "prompts/get" and not self.listing.may_use("prompts", name):
                self.journal.refused(method, "input", "pin")
                return self._if_enforced(["mcp.unpinned"]), None
            found = read_params(message, Source.OUTPUT)
            return self._judge(method, "input", found), None
        name, arguments = params.get("name"), params.get("arguments") or {}
        if not isinstance(name, str) or not isinstance(arguments, dict):
            return ["malformed"], None
        call = Call(name, arguments, len(self._said.turns))
        meta = params.get("_meta")
        token = meta.pop(APPROVAL, "") if isinstance(meta, dict) else ""
        if not self.listing.may_use("tools", name):
            self.journal.refused(method, "input", "pin", tool=name)
            if reasons := self._if_enforced(["mcp.unpinned"]):
                return reasons, None
        objections = self._objections(call, now, [token] if isinstance(token, str) else [])
        if objections:
            self.journal.objected(method, call, objections)
            if self.journal.enforced:
                return [str(one) for one in objections], None
        found = Answered([Part(Source.OUTPUT, params, "arguments", Form.TREE)] if arguments else [])
        reasons = self._judge(method, "input", found, tool=name)
        if not reasons:
            # What was masked is what was called.
            call = Call(name, params.get("arguments") or {}, len(self._said.turns))
            self._said.add(call, len(json.dumps(call.arguments)))
        return reasons, call

    def _objections(self, call: Call, now: float, tokens: Sequence[str]) -> tuple[Objection, ...]:
        """What the rules have against a call."""
        said = self._said
        full = len(said.turns) >= self.rules.turns or said.chars >= self.rules.remembered_chars
        if full:
            return (Objection("tool.limit", call.tool, "this conversation is too long"),)
        return self.warden.judge(call, self._said.turns, now, tokens) if self.warden else ()

    def _answer_of_client(self, message: Message) -> Out:
        if message["id"] not in self._asked:
            return Out()
        self._asked.discard(message["id"])
        found = Answered()
        found.field(Source.OUTPUT, message, "result" if "result" in message else "error")
        reasons = self._judge("response", "input", found)
        if reasons:
            return Out(to_server=_blocked(message, reasons).to_client)
        return Out(to_server=[message])

    def _answer_of_server(self, message: Message) -> Out:
        pending = self._pending.pop(message["id"], None)
        if pending is None:
            return Out()
        result, method = message.get("result"), pending.method
        if not isinstance(result, dict):
            found = Answered()
            found.field(Source.TOOL_RESULT, message, "error")
        else:
            asked = result.get("inputRequests")
            if asked and (why := self._asks(asked)):
                return _blocked(message, why)
            if method in LISTS:
                self.listing.filter(method, result)
            self.listing.instructions(method, result)
            found = read_result(method, result)
        reasons = self._judge(
            method, "output", found, tool=pending.call.tool if pending.call else ""
        )
        if reasons:
            return _blocked(message, reasons)
        for part in found.parts:
            self._said.add(
                Said(part.source, part.text, len(self._said.turns), pending.call), len(part.text)
            )
        return Out(to_client=[message])

    def _asks(self, asked: Any) -> list[str]:
        """Why requests inside an answer may not pass."""
        wanted = asked.values() if isinstance(asked, dict) else [None]
        methods = {str(one.get("method")) if isinstance(one, dict) else "" for one in wanted}
        refused = sorted(methods - ASKED - set(self.rules.server_requests))
        for method in refused:
            self.journal.refused(method, "output", "server_request")
        return self._if_enforced(["mcp.server_request"] if refused else [])

    def _notification(self, message: Message) -> Out:
        found = read_params(message, Source.TOOL_RESULT)
        return Out() if self._judge(message["method"], "output", found) else Out([message])

    def _judge(self, method: str, direction: str, found: Answered, *, tool: str = "") -> list[str]:
        """Judge texts, mask them in their places; why they may not pass."""
        unread = found.unread and self.rules.unread == "block"
        if not found.parts and not unread:
            return []
        texts = [part.text for part in found.parts]
        verdict: Verdict = judge_parts(found.parts, self.journal.guard, None, self.journal.grounds)
        self.journal.judged(method, direction, verdict, texts, "unread" if unread else "", tool)
        reasons = self._if_enforced(["mcp.unread"] if unread else [])
        if verdict.action is Action.BLOCK:
            reasons += dict.fromkeys(d.kind for d in verdict.detections)
            reasons += ["guard.failure"] if verdict.failures else []
        return reasons

    def _if_enforced(self, reasons: list[str]) -> list[str]:
        return reasons if self.journal.enforced else []


def _blocked(message: Message, reasons: Sequence[str]) -> Out:
    """The answer to what may not pass; nothing where nobody waits."""
    if "id" not in message:
        return Out()
    what = f"the guard's policy blocked this: {', '.join(reasons)}"
    return Out([failure(message["id"], BLOCKED, what, reasons=list(reasons))])


def _refused(message: Message, code: int, what: str) -> Out:
    return Out([failure(message["id"], code, what)]) if is_request(message) else Out()
