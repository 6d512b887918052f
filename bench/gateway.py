"""The gateway beside a plain pass-through: CPU a request, streams at once, a soak; `run()`.

Three processes on this machine: a server of models, a proxy, and this one, which asks. CPU is what
the proxy's process used, so it does not depend on what else runs.

    python -m bench gateway              20 seconds of soak
    python -m bench.gateway --soak 600   ten minutes; prints the section
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psutil
from aiohttp import web

from strongroom.guard.gateway.keys import hash_of
from strongroom.guard.gateway.serving import prepare, server_of
from strongroom.guard.gateway.workers import Workers

KEY = "sr-bench-key-of-nobody-in-particular"
SYSTEM = "You are the assistant of a bank. Answer in plain words and name no customer. " * 6
WORDS = (
    "your",
    "payment",
    "was",
    "executed",
    "and",
    "the",
    "statement",
    "follows",
    "by",
    "post",
    "as",
)
PAN = "4111 1111 1111 1111"
REQUESTS = 400
OPEN = 1_000
DELTAS = 40
_SESSION = web.AppKey("session", aiohttp.ClientSession)


def prose(number: int, words: int) -> str:
    """Text that no request had before."""
    picked = [WORDS[(number * 7 + n * (1 + number % 5)) % len(WORDS)] for n in range(words)]
    return f"Case {number}: " + " ".join(picked) + "."


def ask(number: int, *, stream: bool, kind: str = "plain") -> dict[str, object]:
    """The fourth turn of a conversation: all but the last message were sent before."""
    history = [
        {"role": role, "content": prose(turn, 40)}
        for turn in range(3)
        for role in ("user", "assistant")
    ]
    last = {"role": "user", "content": prose(number, 30)}
    messages = [{"role": "system", "content": SYSTEM}, *history, last]
    return {"model": f"m-{kind}", "messages": messages, "stream": stream, "user": str(number)}


async def model(port: int) -> None:
    """A server of models: answers of 100 words; `m-slow` takes 8 seconds, `m-card` tells a card."""

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        kind, number = body["model"], int(body.get("user", 0))
        text = prose(number + 1_000_000, 100)
        if kind == "m-card":
            text += f" The card is {PAN} as you know."
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response({"id": "c", "object": "chat.completion", "created": 1,
                                      "model": kind, "choices": [choice]})  # fmt: skip
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        size = -(-len(text) // DELTAS)
        for at in range(0, len(text), size):
            if kind == "m-slow":
                await asyncio.sleep(8 / DELTAS)
            await response.write(chunk({"content": text[at : at + size]}))
        await response.write(chunk({}, "stop") + b"data: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    await _serve(app, port)


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
             "choices": [choice]}  # fmt: skip
    return b"data: " + json.dumps(event).encode() + b"\n\n"


async def plain(port: int, upstream: str) -> None:
    """The plainest pass-through that aiohttp makes: no look at what passes."""

    async def forward(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        session = request.app[_SESSION]
        async with session.post(upstream + request.path, data=body) as got:
            response = web.StreamResponse(
                status=got.status, headers={"content-type": got.headers["content-type"]}
            )
            await response.prepare(request)
            async for part in got.content.iter_any():
                await response.write(part)
            return response

    app = web.Application()
    app[_SESSION] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    app.router.add_post("/v1/chat/completions", forward)
    await _serve(app, port)


async def _serve(app: web.Application, port: int) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=4096)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def guarded(folder: Path, upstream: str) -> None:
    """The gateway itself, without the classifier."""
    sha = hash_of(KEY)
    (folder / "policy.yaml").write_text("version: 1\nmodel: off\n")
    path = folder / "guard.yaml"
    path.write_text(
        f"version: 1\npolicies: {{shop: {{file: policy.yaml}}}}\n"
        f"upstreams: {{m: {{speaks: openai, url: '{upstream}', concurrency: 20000,\n"
        "  connect_seconds: 60}}\n"
        f"tenants: {{t: {{policy: shop, upstreams: [m], keys: [{{name: k, sha256: {sha}}}]}}}}\n"
        "record: {file: decisions.jsonl}\n"
    )
    workers = Workers()
    server = server_of(path, prepare(path, workers), workers)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    server.run(sockets=[listening])


@contextmanager
def process(*role: str) -> Iterator[tuple[str, psutil.Process]]:
    """A role in a process of its own: its address, and the process."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.gateway", *role], stdout=subprocess.PIPE, text=True
    )
    try:
        port = child.stdout.readline().strip() if child.stdout else ""
        yield f"http://127.0.0.1:{port}", psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(90)


async def fire(url: str, numbers: range, *, stream: bool, kind: str, at_once: int) -> list[str]:
    """Ask so many times; what went wrong."""
    wrong: list[str] = []
    numbered = iter(numbers)
    timeout = aiohttp.ClientTimeout(total=120)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:

        async def one() -> None:
            for number in numbered:
                try:
                    async with session.post(
                        f"{url}/v1/chat/completions",
                        json=ask(number, stream=stream, kind=kind),
                        headers={"authorization": f"Bearer {KEY}"},
                    ) as got:
                        body = (await got.read()).decode()
                except (aiohttp.ClientError, TimeoutError) as error:
                    wrong.append(repr(error))
                    continue
                if got.status != 200 or (stream and "[DONE]" not in body):
                    wrong.append(f"{got.status} {body[:80]}")
                elif kind == "card" and ("1111" in body or "[PAN]" not in body):
                    wrong.append("a card left")

        await asyncio.gather(*(one() for _ in range(at_once)))
    return wrong


def cpu_of(proxy: psutil.Process) -> float:
    times = proxy.cpu_times()
    return times.user + times.system


def cost(url: str, proxy: psutil.Process, *, stream: bool) -> float:
    """Microseconds of the proxy's CPU for one request, once it is warm."""
    asyncio.run(fire(url, range(50), stream=stream, kind="plain", at_once=8))
    before = cpu_of(proxy)
    wrong = asyncio.run(
        fire(url, range(100, 100 + REQUESTS), stream=stream, kind="plain", at_once=8)
    )
    if wrong:
        raise RuntimeError(f"{len(wrong)} requests failed: {wrong[0]}")
    return (cpu_of(proxy) - before) / REQUESTS * 1e6


def run(soak: float = 20.0) -> str:
    """Markdown for docs/benchmarks.md."""
    with tempfile.TemporaryDirectory() as folder, process("model") as (upstream, _):
        with process("plain", upstream) as (url, proxy):
            passed = [cost(url, proxy, stream=stream) for stream in (False, True)]
        with process("guarded", folder, upstream) as (url, proxy):
            judged = [cost(url, proxy, stream=stream) for stream in (False, True)]
            memory = proxy.memory_info().rss / 2**20
            wrong = asyncio.run(
                fire(url, range(10_000, 10_000 + OPEN), stream=True, kind="slow", at_once=OPEN)
            )
            opened = proxy.memory_info().rss / 2**20
            asked, failed, started = 0, list[str](), time.monotonic()
            while time.monotonic() - started < soak:
                numbers = range(100_000 + asked, 100_000 + asked + 256)
                failed += asyncio.run(fire(url, numbers, stream=True, kind="card", at_once=32))
                asked += 256
            taken = time.monotonic() - started
            after = proxy.memory_info().rss / 2**20
    rows = [
        f"| {name} | {a:.0f} µs | {b:.0f} µs | {100 * (b / a - 1):+.0f} % |"
        for name, a, b in zip(
            ("whole answer", f"stream of {DELTAS} deltas"), passed, judged, strict=True
        )
    ]
    return "\n".join(
        [
            "## The gateway beside a plain pass-through",
            "",
            f"CPU of the proxy's process for one request, of {REQUESTS}: a conversation of eight",
            "messages of which the last is new, an answer of 100 words. Plain: aiohttp server and",
            "client that look at nothing. Gateway: all detectors but the classifier, decisions",
            "written to a file.",
            "",
            "| | plain aiohttp | gateway | more |",
            "|---|---|---|---|",
            *rows,
            "",
            f"- {OPEN} streams open at once for 8 s: {len(wrong)} failed;",
            f"  memory {memory:.0f} MiB before, {opened:.0f} MiB after.",
            f"- Soak of {taken:.0f} s at saturation (32 at once), a card number cut over deltas of",
            f"  each stream: {asked} streams, {len(failed)} failed or leaked;",
            f"  memory {after:.0f} MiB at the end.",
            "",
        ]
    )


def main() -> None:
    """A role of the bench, or the section on its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", nargs="*")
    parser.add_argument("--soak", type=float, default=20.0)
    given = parser.parse_args()
    match given.role:
        case ["model"]:
            asyncio.run(model(0))
        case ["plain", upstream]:
            asyncio.run(plain(0, upstream))
        case ["guarded", folder, upstream]:
            guarded(Path(folder), upstream)
        case _:
            print(run(given.soak))


if __name__ == "__main__":
    main()
