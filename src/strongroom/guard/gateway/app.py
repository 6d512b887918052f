"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from strongroom.domain.errors import StrongroomError
from strongroom.guard.gateway.answering import relay, whole
from strongroom.guard.gateway.asgi import Disconnected, Receive, Scope, Send, answer
from strongroom.guard.gateway.judging import Memory
from strongroom.guard.gateway.limits import Window
from strongroom.guard.gateway.proxy import Proxy, Request, as_refusal, refuse
from strongroom.guard.gateway.recording import Call
from strongroom.guard.gateway.refusals import Refusal
from strongroom.guard.gateway.routes import Route, family_of, query_of, route_of
from strongroom.guard.gateway.tally import Tally
from strongroom.guard.gateway.tenants import Setup
from strongroom.guard.gateway.upstreams import Server

log = logging.getLogger(__name__)
_JSON = [(b"content-type", b"application/json")]
_TEXT = [(b"content-type", b"text/plain; version=0.0.4")]


@dataclass(slots=True)
class Gateway:
    """See the module. `setup` may be replaced at any time; what is under way keeps its own."""

    setup: Setup
    proxy: Proxy
    tally: Tally
    today: Callable[[], date]
    new_id: Callable[[], str]
    """Of a decision; unique."""
    draining: bool = False
    _open: Counter[str] = field(default_factory=Counter)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if scope["method"] == "GET" and path in ("/healthz", "/readyz", "/metrics"):
            await self._control(path, send)
            return
        route = route_of(scope["method"], path, scope["headers"])
        family = route.family if route else family_of(path, scope["headers"])
        request = None
        self.tally.open += 1
        try:
            request = self._request(scope, route)
            await self._serve(request, scope, receive, send)
        except Disconnected:
            return
        except (Refusal, StrongroomError) as error:
            await refuse(send, request, as_refusal(error), family)
        finally:
            self.tally.open -= 1

    def replace(self, setup: Setup) -> None:
        """Take a new setup; the old connections close once nothing uses them."""
        old, self.setup, self.proxy.memory = self.setup, setup, Memory()
        for server in old.servers.values():
            task = asyncio.get_running_loop().create_task(server.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close connections and threads."""
        for server in self.setup.servers.values():
            await server.close()
        await asyncio.gather(*self._closing)
        await self.proxy.counters.close()
        await self.proxy.watching.memory.close()
        await asyncio.sleep(0.05)  # sockets close a turn of the loop after they are told to
        self.proxy.workers.close()
        self.proxy.recorder.sink.close()

    def _request(self, scope: Scope, route: Route | None) -> Request:
        setup = self.setup
        if route is None:
            raise Refusal(404, "no_route", "There is no such path here.")
        if self.tally.open > setup.file.limits.open_requests:
            raise Refusal(503, "busy", "The gateway has as many requests as it may.", 1)
        caller = setup.caller(scope["headers"], self.today())
        call = Call(
            self.new_id(), caller, route.name, setup.file.mode, setup.hmac_key, setup.content_key
        )
        path = scope["path"] + query_of(scope.get("query_string", b""))
        return Request(call, route, setup, path, scope["headers"])

    async def _serve(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        name, cap = request.caller.name, request.caller.tenant.limits.concurrency
        if cap and self._open[name] >= cap:
            raise Refusal(429, "over_limit", "Over the limit of open requests.", 1)
        self._open[name] += 1
        try:
            server = await self.proxy.admit(request, scope, receive)
            windows = await self.proxy.reserve(request)
            await self._judge_and_forward(request, server, windows, receive, send)
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

    async def _judge_and_forward(
        self,
        request: Request,
        server: Server,
        windows: tuple[Window, ...],
        receive: Receive,
        send: Send,
    ) -> None:
        usage: dict[str, int] = {"output": 0}
        said = 0
        try:
            await self.proxy.judge_input(request)
            usage = {}
            watch = asyncio.ensure_future(self._leave_with(receive, asyncio.current_task()))
            try:
                said = await self._forward(request, server, send, usage)
            except asyncio.CancelledError:
                if not watch.done():
                    raise
                raise Disconnected from None
            finally:
                watch.cancel()
        finally:
            await self.proxy.settle(request, windows, usage, said)

    async def _forward(
        self, request: Request, server: Server, send: Send, usage: dict[str, int]
    ) -> int:
        """Send it on and its answer back. Gives the characters that the model said."""
        begun = False

        async def sent(message: dict[str, object]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        method = "GET" if request.body is None else "POST"
        headers = server.headers(request.headers)
        try:
            async with server.request(method, request.path, request.body, headers) as response:
                kind = response.headers.get("content-type", "")
                if kind.startswith("text/event-stream"):
                    return await relay(self.proxy, request, response, sent, usage)  # type: ignore[arg-type]
                used, said = await whole(self.proxy, request, response, sent)  # type: ignore[arg-type]
                usage.update(used)
                return said
        except Refusal:
            if begun:  # the answer is under way: its end is all that can still be told
                log.warning("an upstream broke off: %s", server.name)
                return 0
            raise

    async def _leave_with(self, receive: Receive, serving: asyncio.Task[object] | None) -> None:
        """Wait until the client leaves, then stop what is done for it."""
        while (await receive())["type"] != "http.disconnect":
            pass
        if serving is not None:
            serving.cancel()

    async def _control(self, path: str, send: Send) -> None:
        if path == "/metrics":
            if not self.setup.file.metrics:
                await answer(send, 404, b"", [])
            else:
                await answer(send, 200, self.tally.text(), _TEXT)
        elif path == "/readyz" and self.draining:
            await answer(send, 503, b'{"ready":false}', _JSON)
        else:
            await answer(send, 200, b'{"ready":true}' if path == "/readyz" else b"{}", _JSON)
