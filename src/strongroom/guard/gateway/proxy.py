"""One request from beginning to end.

1. Which route, whose key, within which limits.
2. Read the body, find its texts, judge them; refuse, or write back what was masked.
3. Send it on; judge the answer, whole (`answering.py`) or as it streams (`relaying.py`).
4. Record each decision before its outcome leaves; settle the budget.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from strongroom.domain.errors import InputError, LimitError, StoreError
from strongroom.guard.abuse.memory import Who
from strongroom.guard.gateway.asgi import (
    HeaderList,
    Receive,
    Scope,
    Send,
    answer,
    read_body,
)
from strongroom.guard.gateway.body import read_object, write_json
from strongroom.guard.gateway.budget import Use, charges, corrections, reserved, tokens_in
from strongroom.guard.gateway.completions import completion, streamed
from strongroom.guard.gateway.config import Limits
from strongroom.guard.gateway.conversations import conversation_of
from strongroom.guard.gateway.judging import Memory, Verdict, judge_parts
from strongroom.guard.gateway.limits import Counters, CountersLost, Over, Window
from strongroom.guard.gateway.parts import Reading, Unread
from strongroom.guard.gateway.recording import NOTHING, Call, Recorder
from strongroom.guard.gateway.refusals import Family, Refusal, blocked, error_body
from strongroom.guard.gateway.routes import Route
from strongroom.guard.gateway.tenants import Caller, Setup
from strongroom.guard.gateway.upstreams import Server
from strongroom.guard.gateway.watching import WATCHED, Watching, who_of
from strongroom.guard.gateway.workers import Workers
from strongroom.guard.records import Action, Grounds, Source, hardest
from strongroom.guard.tokens.vault import Conversation, Vault

log = logging.getLogger(__name__)
NO_TEXTS: Final = Reading(())


@dataclass(slots=True)
class Request:
    """One request and all that is known of it."""

    call: Call
    route: Route
    setup: Setup
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes | None = None
    value: dict[str, Any] | None = None
    reading: Reading = NO_TEXTS
    verdict: Verdict = NOTHING
    """Of the input."""
    chars: int = 0
    """Of the input's texts."""
    tokens: Conversation | None = None
    """Its pseudonyms, where the policy tokenises."""
    who: Who | None = None
    """Its user, where users are watched."""

    @property
    def grounds(self) -> Grounds:
        """What its texts are held against: the policy's, and its own pseudonyms."""
        return replace(self.caller.grounds, stand_ins=self.tokens)

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.call.caller

    def told(self) -> HeaderList:
        """Headers that tell what was done with the input."""
        headers = [
            (b"x-strongroom-decision", self.call.id.encode()),
            (b"x-strongroom-input-action", self.verdict.action.value.encode()),
        ]
        if self.call.mode == "observe":
            headers.append((b"x-strongroom-mode", b"observe"))
        return headers


@dataclass(slots=True)
class Proxy:
    """What every request needs."""

    recorder: Recorder
    counters: Counters
    workers: Workers
    memory: Memory
    vault: Vault
    watching: Watching
    seconds: Callable[[], float]
    """Since the epoch."""

    async def admit(self, request: Request, scope: Scope, receive: Receive) -> Server:
        """Steps 1 and 2. Raises Refusal for what goes no further."""
        file = request.setup.file
        if request.route.read is not None:
            request.body = await read_body(
                scope, receive, file.limits.body_bytes, file.limits.body_seconds
            )
            self._read(request)
        call = request.call
        server = (
            request.setup.server(request.caller, request.route.family, call.model)
            if request.route.read is not None
            else _first(request)
        )
        call.upstream = server.name
        return server

    async def reserve(self, request: Request) -> tuple[Window, ...]:
        """Take from the tenant's budget. Raises Refusal."""
        caps = request.caller.tenant.limits
        use = reserved(
            request.value or {}, request.chars, request.setup.file.limits.assumed_output_tokens
        )
        if caps.input_tokens and use.input > caps.input_tokens:
            raise Refusal(
                413, "too_many_tokens", f"The request has more than {caps.input_tokens} tokens."
            )
        wanted = tuple(charges(caps, use, request.setup.price(request.call.model)))
        if not wanted:
            return ()
        try:
            taken = await self.counters.take(request.caller.name, wanted)
        except CountersLost as error:
            raise Refusal(503, "limits_unknown", "Limits cannot be checked now.", 1) from error
        if isinstance(taken, Over):
            name = taken.name.replace("_", " ")
            raise Refusal(429, "over_limit", f"Over the limit of {name}.", taken.retry_after)
        return taken

    async def settle(
        self, request: Request, windows: tuple[Window, ...], usage: dict[str, int], said: int
    ) -> None:
        """Correct the reservation by what the model told, or by an estimate."""
        use = Use(
            usage.get("input", tokens_in(request.chars)), usage.get("output", tokens_in(said))
        )
        for window, wrong in corrections(windows, use, request.setup.price(request.call.model)):
            try:
                await self.counters.settle(window, wrong)
            except CountersLost as error:  # the reservation stands: never too little is counted
                log.warning("a reservation could not be settled: %s", error)
        if request.who is not None and use.output:
            await self.watching.spend(request.who, use.output)

    async def judge_input(self, request: Request) -> None:
        """Judge all texts of a request; record it. Raises Refusal if it is blocked."""
        guard, reading = request.caller.guard, request.reading
        reason, fate = _unread(reading.unread, request)
        seen = [(part.source, part.text) for part in reading.parts]
        texts = [text for _, text in seen]
        request.call.conversation = conversation_of(request.headers, request.call, seen)
        if guard.policy.has_tokens:
            request.tokens = self.vault.conversation(request.call.conversation)
        watched = guard.policy.file.abuse.watch and request.route.name in WATCHED
        if watched:
            request.who = who_of(
                request.headers, request.value or {}, request.call, request.setup.user_key
            )
            request.call.user = request.who.user
        content = self.recorder.fingerprint(request.call, texts).hex()
        work = lambda: judge_parts(  # noqa: E731 - done here or in a thread
            reading.parts, guard, self.memory, request.grounds
        )
        verdict = await self.judged(work, request, request.chars)
        would = hardest((verdict.would, fate))
        fate = fate if guard.policy.enforce else min(fate, Action.FLAG, key=lambda a: a.rank)
        verdict = replace(verdict, action=hardest((verdict.action, fate)), would=would)
        if request.who is not None:
            tokens = tokens_in(request.chars)
            verdict = await self.watching.added_to(verdict, request.who, seen, tokens, guard.policy)
        request.verdict = verdict
        self.recorder.record(request.call, "input", verdict, content, seen, reason=reason)
        if verdict.action is Action.BLOCK:
            kinds = tuple(dict.fromkeys([*([reason] if reason else []), *_kinds(verdict)]))
            raise blocked("input", kinds)
        if verdict.changed and request.value is not None:
            request.body = write_json(request.value)

    async def judged(self, work: Callable[[], Verdict], request: Request, size: int) -> Verdict:
        """Judge somewhere; what takes too long has failed."""
        guard, seconds = request.caller.guard, request.setup.file.limits.judge_seconds
        try:
            if guard.policy.file.judge is not None:
                return await self.workers.wait(work, seconds)
            return await self.workers.do(work, size, guard.detectors, seconds)
        except TimeoutError:
            would = guard.policy.on_failure
            action = would if guard.policy.enforce else Action.FLAG
            failures = (f"judging took longer than {seconds:g} s",)
            return Verdict(action, would, 0.0, (), failures, round(seconds * 1e6), changed=False)

    def malformed(self, request: Request, error: InputError) -> Refusal:
        """Record a request that cannot be read."""
        verdict = Verdict(Action.BLOCK, Action.BLOCK, 0.0, (), (), 0, changed=False)
        content = self.recorder.fingerprint(request.call, ()).hex()
        self.recorder.record(request.call, "input", verdict, content, reason="malformed")
        request.verdict = verdict
        status = 413 if isinstance(error, LimitError) else 400
        return Refusal(status, "malformed", f"The request cannot be read: {error}.")

    def _read(self, request: Request) -> None:
        file = request.setup.file
        try:
            value, model = _body(request.body or b"", file.limits)
            read = request.route.read
            definitions = Source(file.tool_definitions)
            reading = read(value, definitions) if read else NO_TEXTS
        except InputError as error:
            raise self.malformed(request, error) from error
        request.value, request.reading = value, reading
        request.call.model = model
        request.call.streamed = bool(value.get("stream")) and request.route.rewriter is not None
        request.chars = sum(len(part.text) for part in reading.parts)


def _body(data: bytes, limits: Limits) -> tuple[dict[str, Any], str]:
    """A request's object and its model. Raises InputError."""
    value = read_object(data, limits.depth)
    model = value.get("model")
    if not isinstance(model, str) or not 0 < len(model) <= 200:
        raise InputError("expected the name of a model", where="model")
    if not isinstance(value.get("stream", False), bool | None):
        raise InputError("expected true or false", where="stream")
    messages = value.get("messages", value.get("input"))
    if isinstance(messages, list) and len(messages) > limits.messages:
        raise LimitError(f"has more than {limits.messages} messages")
    return value, model


async def refuse(send: Send, request: Request | None, refusal: Refusal, family: Family) -> None:
    """Answer with a refusal, in the provider's shape."""
    decision = request.call.id if request else ""
    headers: HeaderList = [(b"content-type", b"application/json")]
    if request is not None:
        headers += request.told()
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    status, body = refusal.status, write_json(error_body(family, refusal, decision))
    if refusal.code == "blocked":
        headers.append((b"x-strongroom-action", b"block"))
        friendly = request is not None and request.setup.file.refusal == "completion"
        if friendly and request is not None:
            whole = completion(request.route.name, request.call.model, decision, refusal.message)
            if whole is not None:
                status, body = 200, write_json(whole)
                if request.call.streamed:
                    body = streamed(request.route.name, whole)
                    headers[0] = (b"content-type", b"text/event-stream")
    await answer(send, status, body, headers)


def as_refusal(error: Exception) -> Refusal:
    """What a client is told of a failure."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, StoreError):
        log.error("a decision could not be recorded: %s", error)
        return Refusal(503, "not_recorded", "The decision could not be recorded.", 5)
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return Refusal(504, "upstream_timeout", "The upstream took too long.")
    if isinstance(error, aiohttp.ClientError):
        return Refusal(502, "upstream_error", "The upstream broke off.")
    if isinstance(error, InputError):
        return Refusal(502, "upstream_malformed", f"The upstream's answer cannot be read: {error}.")
    raise error


def _first(request: Request) -> Server:
    for name in request.caller.tenant.upstreams:
        server = request.setup.servers[name]
        if server.config.speaks == request.route.family.value:
            return server
    raise Refusal(404, "model_not_found", "There is no such upstream here.")


def _unread(unread: tuple[Unread, ...], request: Request) -> tuple[str, Action]:
    """The kind of content that has the hardest fate, and that fate."""
    fates = request.setup.file.unjudged
    worst, name = Action.ALLOW, ""
    for kind in unread:
        fate = Action(getattr(fates, kind.value))
        if fate.rank > worst.rank:
            worst, name = fate, kind.value
    return name, worst


def _kinds(verdict: Verdict) -> list[str]:
    return [d.kind for d in verdict.detections] + (["guard.failure"] if verdict.failures else [])
