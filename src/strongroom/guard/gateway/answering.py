"""The answers of models: whole ones judged whole, streams relayed event by event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp

from strongroom.domain.errors import InputError, LimitError
from strongroom.guard.gateway.asgi import HeaderList, Send, answer
from strongroom.guard.gateway.body import read_json, write_json
from strongroom.guard.gateway.channels import Blocked, Channels
from strongroom.guard.gateway.judging import judge_parts
from strongroom.guard.gateway.parts import Part, answer_parts
from strongroom.guard.gateway.proxy import Proxy, Request, as_refusal
from strongroom.guard.gateway.refusals import Refusal, blocked
from strongroom.guard.gateway.restoring import restore_parts
from strongroom.guard.gateway.sse import EventReader
from strongroom.guard.gateway.structuring import held_of, satisfied
from strongroom.guard.gateway.tool_calls import Calls
from strongroom.guard.gateway.turns import turns_of
from strongroom.guard.gateway.wire.rewriter import Rewriter
from strongroom.guard.gateway.wire.signatures import drop_misfits, signed_blocks
from strongroom.guard.gateway.workers import is_own
from strongroom.guard.records import Action, Grounds, Source, hardest

_PASSED = frozenset(
    ("content-type", "request-id", "x-request-id", "retry-after", "openai-processing-ms",
     "openai-version", "anthropic-organization-id")
)  # fmt: skip
APPROVAL = b"x-strongroom-approval"
"""Header of a request with a person's approval of one call."""
_PASSED_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")


def headers_of(response: aiohttp.ClientResponse) -> HeaderList:
    """Headers of an answer that go on; cookies and servers' names do not."""
    return [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in response.headers.items()
        if name.lower() in _PASSED or name.lower().startswith(_PASSED_PREFIXES)
    ]


def grounds_of(request: Request) -> Grounds:
    """What an answer is held against: the policy's, the system prompt, all that was said."""
    own = request.caller.grounds
    seen = tuple(part.text for part in request.reading.parts)
    prompt = request.reading.prompt
    return Grounds(own.canaries, prompt, seen, own.hosts, own.labels, own.topics, request.tokens)


def calls_of(proxy: Proxy, request: Request) -> Calls:
    """What judges the calls of tools in an answer."""
    warden = request.caller.warden
    before = turns_of(request.value) if warden and request.value else []
    tokens = tuple(v.decode("latin-1") for k, v in request.headers if k == APPROVAL)
    enforced = request.caller.guard.policy.enforce
    return Calls(warden, before, enforced, tokens, proxy.seconds())


async def whole(
    proxy: Proxy, request: Request, response: aiohttp.ClientResponse, send: Send
) -> tuple[dict[str, int], int]:
    """Judge a whole answer and send it. Gives what the model says it used, and characters."""
    body = await _read(response, request.setup.file.limits.response_bytes)
    if request.route.judged or response.status >= 400:
        value, parts = _texts(request, response, body)
        signed = signed_blocks(value[0])
        seen = [(part.source, part.text) for part in parts]
        texts = [text for _, text in seen]
        size = sum(map(len, texts))
        grounds = grounds_of(request)
        content = proxy.recorder.fingerprint(request.call, texts).hex()
        work = lambda: judge_parts(  # noqa: E731 - done here or in a thread
            parts, request.caller.guard, None, grounds
        )
        verdict = await proxy.judged(work, request, size)
        restored = verdict.action is not Action.BLOCK and restore_parts(parts, request.tokens)
        calls = calls_of(proxy, request)
        calls.whole(value[0])
        verdict = calls.added_to(verdict)
        if response.status < 400:
            verdict = await satisfied(verdict, proxy.workers, request, value[0], size)
        proxy.recorder.record(request.call, "output", verdict, content, seen)
        if verdict.action is Action.BLOCK:
            raise blocked("output", tuple(dict.fromkeys(d.kind for d in verdict.detections)))
        if verdict.changed or restored:
            _unspell(value)
            drop_misfits(value[0], signed)
            body = write_json(value[0]) if request.route.judged or parts else body
    else:
        value, verdict, size = [_lenient(body)], request.verdict, 0
    done = hardest((request.verdict.action, verdict.action))
    action = (b"x-strongroom-action", done.value.encode())
    await answer(send, response.status, body, [*headers_of(response), *request.told(), action])
    return _usage(value[0]), size


async def relay(
    proxy: Proxy,
    request: Request,
    response: aiohttp.ClientResponse,
    send: Send,
    usage: dict[str, int],
) -> int:
    """Judge a stream as it comes and send what may leave. Gives characters that were said."""
    rewriter_of = request.route.rewriter
    if rewriter_of is None:
        raise Refusal(502, "upstream_error", "The upstream streams where nothing should.")
    fingerprint = proxy.recorder.fingerprint(request.call, ())
    channels = Channels(request.caller.guard, grounds_of(request), fingerprint, request.tokens)
    rewriter, calls = rewriter_of(channels, request.call.id), calls_of(proxy, request)
    headers = [*headers_of(response), *request.told()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    held = held_of(request)
    end, reason, stopped = b"", "", True
    try:
        async for out in _relayed(proxy, request, response, rewriter, calls):
            if leaving := held.add(out) if held else out:
                await send({"type": "http.response.body", "body": leaving, "more_body": True})
        if held:
            await held.judge(proxy.workers)
        stopped = False
    except Blocked:
        end, stopped = rewriter.stop(), False
    except (TimeoutError, aiohttp.ClientError, InputError) as error:
        reason, stopped = as_refusal(error).code, False
        end = rewriter.broken(as_refusal(error))
    finally:
        usage.update(rewriter.usage)
        verdict, late = channels.verdict()
        verdict = calls.added_to(verdict)
        verdict = held.added_to(verdict) if held else verdict
        proxy.recorder.record(
            request.call, "output", verdict, fingerprint.hex(), channels.said(),
            reason="disconnected" if stopped else reason, late=late,
        )  # fmt: skip
    end = held.end(verdict, end) if held else end
    await send({"type": "http.response.body", "body": end})
    return channels.characters()


async def _relayed(
    proxy: Proxy,
    request: Request,
    response: aiohttp.ClientResponse,
    rewriter: Rewriter,
    calls: Calls,
) -> AsyncIterator[bytes]:
    """What leaves, chunk by chunk of the upstream."""
    limits = request.setup.file.limits
    foreign = [one for one in request.caller.guard.detectors if not is_own(one)]
    reader, received = EventReader(), 0

    def rewrite(chunk: bytes, out: list[bytes]) -> None:
        for left in rewriter.events(reader.feed(chunk), calls.event):
            out.append(left)  # noqa: PERF402 - what came before an error counts

    async for chunk in response.content.iter_any():
        received += len(chunk)
        if received > limits.response_bytes:
            raise LimitError(f"is larger than {limits.response_bytes} bytes")
        out: list[bytes] = []
        failed = None
        try:
            work = partial(rewrite, chunk, out)
            size = len(chunk) - chunk.count(b"\n\n") * rewriter.framing
            await proxy.workers.do(work, size, foreign, limits.judge_seconds)
        except (Blocked, InputError) as error:
            failed = error
        if not rewriter.channels.enforced:
            out, failed = [chunk], None
        if leaving := b"".join(out):
            yield leaving
        if failed is not None:
            raise failed
    if rewriter.channels.enforced and not (rewriter.done and reader.finish()):
        raise aiohttp.ClientPayloadError("the stream ended before its end")


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    parts, size = [], 0
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            raise LimitError(f"is larger than {most} bytes")
    return b"".join(parts)


def _texts(
    request: Request, response: aiohttp.ClientResponse, body: bytes
) -> tuple[list[Any], list[Part]]:
    """An answer in a list of one, and its texts; an error page is one text."""
    try:
        value = [read_json(body, request.setup.file.limits.depth)]
    except InputError:
        if response.status < 400 and request.caller.guard.policy.enforce:
            raise
        value = [body.decode("utf-8", "replace")]
        return value, [Part(Source.OUTPUT, value, 0)] if body else []
    if isinstance(value[0], dict | list):
        return value, list(answer_parts(value[0], request.route.echoed))
    return value, [Part(Source.OUTPUT, value, 0)] if isinstance(value[0], str) else []


def _unspell(value: Any) -> None:
    """Forget log probabilities: they spell out what was masked."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            if one.get("logprobs"):
                one["logprobs"] = [] if isinstance(one["logprobs"], list) else None
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)


def _lenient(body: bytes) -> Any:
    try:
        return read_json(body)
    except InputError:
        return None


def _usage(value: Any) -> dict[str, int]:
    usage = value.get("usage") if isinstance(value, dict) else None
    if not isinstance(usage, dict):
        return {}
    pairs = {
        "input": usage.get("prompt_tokens", usage.get("input_tokens")),
        "output": usage.get("completion_tokens", usage.get("output_tokens", 0)),
    }
    return {name: count for name, count in pairs.items() if isinstance(count, int)}
