"""A real `strongroom guard serve`: signals while a stream is open; heads without end."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import aiohttp
import pytest
from tests.guard.gateway.conftest import CONFIG, POLICY, running, write_config
from tests.guard.gateway.test_trouble import ASK, BEARER

from strongroom.testing import upstream as model
from strongroom.testing.upstream import Scripted, Served

WORDS = [f"word{chr(97 + n)} is said. " for n in range(12)]
SERVE = "from strongroom.cli.main import run; run()"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """The process, its address, and its folder; a model of slow answers behind it."""
    slow = model.streaming(model.chat_events(WORDS), pause=0.3)
    with Served(Scripted(lambda _: slow)) as behind, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        config = CONFIG.replace("port: 0", f"port: {port}")
        path = write_config(tmp_path, behind.url, config)
        command = [sys.executable, "-c", SERVE, "guard", "serve", "--config", str(path)]
        child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            until(child.stderr, "listening")  # and so it does: nobody tries again here
            yield child, f"http://127.0.0.1:{port}", tmp_path
        finally:
            child.kill()
            child.communicate()


def until(stderr: IO[str] | None, word: str) -> str:
    """The line that says so."""
    for line in stderr or ():
        if word in line:
            return line
    raise RuntimeError(f"the process ended before it said {word!r}")


def stream(url: str, begun: Callable[[], None] = lambda: None) -> str:
    """All that a stream says; `begun` is called once its beginning is here."""

    async def ask() -> str:
        asked = {**ASK, "stream": True}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/v1/chat/completions", json=asked, headers=BEARER) as got,
        ):
            said = await got.content.readany()
            begun()
            return (said + await got.read()).decode()

    return asyncio.run(ask())


@pytest.mark.slow
def test_sigterm_lets_an_open_stream_end_and_then_ends(served) -> None:
    child, url, _ = served
    said = stream(url, lambda: child.send_signal(signal.SIGTERM))
    assert "wordl" in said
    assert "[DONE]" in said
    assert child.wait(60) == -signal.SIGTERM, "as uvicorn ends: by the signal, once all is said"


@pytest.mark.slow
def test_sighup_takes_a_new_policy_and_keeps_the_stream(served) -> None:
    child, url, folder = served
    (folder / "policy.yaml").write_text(POLICY.replace("ORCHID-ZEBRA-55", "wordc is said"))
    said = stream(url, lambda: child.send_signal(signal.SIGHUP))
    assert "wordl" in said, "the stream under way is judged by the policy it began with"
    until(child.stderr, "reloaded")
    again = stream(url)
    assert "content_filter" in again
    assert "wordl" not in again


def test_a_head_without_end_closes_its_connection(tmp_path) -> None:
    """No matter how long a head may take."""
    config = CONFIG.replace("record:", "limits: {{header_seconds: 3600}}\nrecord:")
    with running(tmp_path, config) as gate:
        with socket.create_connection(("127.0.0.1", gate.served.port), timeout=60) as raw:
            try:
                raw.sendall(b"GET /healthz HTTP/1.1\r\nx-long: " + b"a" * 2_000_000)
                answered = raw.recv(100)
            except ConnectionError:
                answered = b""
        assert answered == b"" or answered.startswith(b"HTTP/1.1 400")


def test_a_port_that_is_taken_is_said_and_ends_with_two(tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = write_config(
            tmp_path, "http://127.0.0.1:9", CONFIG.replace("port: 0", f"port: {port}")
        )
        command = [sys.executable, "-c", SERVE, "guard", "serve", "--config", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is the port free?" in done.stderr
    assert "listening" not in done.stderr
