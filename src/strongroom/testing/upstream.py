"""A server of models for tests: speaks the real wire formats, says what it is told to.

`Served` runs any ASGI application on a free port of this machine, in a thread.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import uvicorn

Body: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers."""

    chunks: tuple[bytes, ...]
    status: int = 200
    content_type: str = "application/json"
    pause: float = 0.0
    """Seconds before each chunk."""
    breaks: bool = False
    """Whether the connection breaks where the end should be."""
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True)
class Asked:
    """One request that came."""

    path: str
    headers: dict[str, str]
    raw: bytes
    query: str = ""

    @property
    def body(self) -> Body:
        """As JSON."""
        value: Body = json.loads(self.raw)
        return value


@dataclass(slots=True)
class Scripted:
    """An ASGI application that answers what `reply` says, and remembers what it was asked."""

    reply: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    left: int = 0
    """Clients that left before the end."""

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one request."""
        raw, more = b"", True
        while more:
            message = await receive()
            raw += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        asked = Asked(scope["path"], headers, raw, scope["query_string"].decode("latin-1"))
        self.asked.append(asked)
        reply = self.reply(asked)
        head = [(b"content-type", reply.content_type.encode()), *reply.headers]
        if reply.breaks:
            head.append((b"content-length", b"1000000"))
        start = {"type": "http.response.start", "status": reply.status, "headers": head}
        await send(start)
        watch = asyncio.ensure_future(receive())
        for chunk in reply.chunks:
            if reply.pause:
                await asyncio.sleep(reply.pause)
            if watch.done():
                self.left += 1
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        watch.cancel()
        if reply.breaks:
            raise ConnectionAbortedError
        await send({"type": "http.response.body", "body": b""})


class Served:
    """An application or a server in a thread, from `with` until its end."""

    def __init__(self, application: Any, **settings: Any) -> None:
        """`application`: ASGI, or a `uvicorn.Server` that is not running."""
        if not isinstance(application, uvicorn.Server):
            options = {"lifespan": "off", "log_level": "critical", "ws": "none", **settings}
            application = uvicorn.Server(uvicorn.Config(application, **options))
        self.server: uvicorn.Server = application
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Its address."""
        return f"http{'s' if self.server.config.ssl_certfile else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Served:
        self._thread.start()
        while not self.server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the server did not start")
            threading.Event().wait(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Drain and end."""
        self.server.should_exit = True
        self._thread.join(20)
        self._socket.close()


def said(body: Body, *, status: int = 200) -> Reply:
    """A whole answer."""
    return Reply((json.dumps(body).encode(),), status)


def streaming(events: Iterable[bytes], **settings: Any) -> Reply:
    """A stream of events."""
    return Reply(tuple(events), content_type="text/event-stream", **settings)


def event(body: Body | str, *, named: bool = False) -> bytes:
    """One event of a stream."""
    data = body if isinstance(body, str) else json.dumps(body)
    name = f"event: {body['type']}\n" if named and not isinstance(body, str) else ""
    return f"{name}data: {data}\n\n".encode()


def chat(content: str | None, *, arguments: str | None = None) -> Body:
    """A chat completion; with arguments a call of the tool `pay`."""
    message: Body = {"role": "assistant", "content": content, "refusal": None}
    if arguments is not None:
        function = {"name": "pay", "arguments": arguments}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    finish = "stop" if arguments is None else "tool_calls"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1",
            "choices": [choice], "usage": usage}  # fmt: skip


def chat_events(deltas: Sequence[str], *, arguments: Sequence[str] = ()) -> list[bytes]:
    """The same as a stream."""

    def chunk(delta: Body, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                      "model": "m-1", "choices": [choice]})  # fmt: skip

    call = {"index": 0, "id": "call_1", "type": "function"}
    out = [chunk({"role": "assistant", "content": ""})]
    out += [chunk({"content": delta}) for delta in deltas]
    if arguments:
        start = {**call, "function": {"name": "pay", "arguments": ""}}
        out.append(chunk({"tool_calls": [start]}))
        out += [
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
            for part in arguments
        ]
    return [*out, chunk({}, "tool_calls" if arguments else "stop"), event("[DONE]")]


def message(text: str, *, tool_input: Body | None = None) -> Body:
    """An Anthropic message; with an input a use of the tool `pay`."""
    content: list[Body] = [{"type": "text", "text": text}] if text else []
    if tool_input is not None:
        content.append({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": tool_input})
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "c-1",
            "content": content, "stop_sequence": None,
            "stop_reason": "end_turn" if tool_input is None else "tool_use",
            "usage": {"input_tokens": 10, "output_tokens": 20}}  # fmt: skip


def message_events(deltas: Sequence[str], *, partial_json: Sequence[str] = ()) -> list[bytes]:
    """The same as a stream."""
    begun = {**message(""), "stop_reason": None}
    bodies: list[Body] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    blocks: list[tuple[Body, str, str, Sequence[str]]] = []
    if deltas:
        blocks.append(({"type": "text", "text": ""}, "text_delta", "text", deltas))
    if partial_json:
        tool = {"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}}
        blocks.append((tool, "input_json_delta", "partial_json", partial_json))
    for index, (block, kind, field_name, parts) in enumerate(blocks):
        bodies.append({"type": "content_block_start", "index": index, "content_block": block})
        bodies += [
            {"type": "content_block_delta", "index": index,
             "delta": {"type": kind, field_name: part}}
            for part in parts
        ]  # fmt: skip
        bodies.append({"type": "content_block_stop", "index": index})
    reason = "tool_use" if partial_json else "end_turn"
    bodies += [
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
         "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    ]  # fmt: skip
    return [event(body, named=True) for body in bodies]


def response(text: str, *, status: str = "completed") -> Body:
    """An answer of the Responses API."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": status,
            "content": [part]}  # fmt: skip
    usage = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30,
             "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 0}}  # fmt: skip
    return {"id": "resp_1", "object": "response", "created_at": 1, "status": status,
            "model": "m-1", "output": [item], "parallel_tool_calls": True, "tool_choice": "auto",
            "tools": [], "usage": usage, "error": None, "incomplete_details": None,
            "instructions": None, "metadata": {}}  # fmt: skip


def response_events(deltas: Sequence[str]) -> list[bytes]:
    """The same as a stream."""
    text = "".join(deltas)
    done = response(text)
    item = done["output"][0]
    part = item["content"][0]
    begun = {**done, "status": "in_progress", "output": [], "usage": None}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    bodies: list[Body] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0,
         "item": {**item, "status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **at, "delta": delta, "logprobs": []}
          for delta in deltas),
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    ]  # fmt: skip
    return [
        event({**body, "sequence_number": number}, named=True) for number, body in enumerate(bodies)
    ]


def embeddings(count: int) -> Body:
    """Vectors for so many texts."""
    data = [{"object": "embedding", "index": n, "embedding": [0.1, 0.2]} for n in range(count)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "data": data, "model": "e-1", "usage": usage}
