"""Whatever becomes of many streams, nothing stays: requests, connections, what they held."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable

import aiohttp
import psutil
import pytest
from tests.guard.gateway.conftest import Gate
from tests.guard.gateway.test_trouble import ASK, BEARER, PAN, get

from strongroom.guard.gateway.channels import Channels
from strongroom.testing import upstream as model

MANY = [
    pytest.param(20, id="20"),
    pytest.param(500, id="500", marks=pytest.mark.slow),
]
WORD = "word "


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds; say so if it never does."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("it never came to that")
        time.sleep(0.05)


def under_way(gate: Gate) -> float:
    """Requests that the gateway has open."""
    lines = get(gate, "/metrics")[1].decode().splitlines()
    return next(float(x.split()[1]) for x in lines if x.startswith("strongroom_guard_open_req"))


def held() -> int:
    """Answers that somebody still holds."""
    gc.collect()
    # Not isinstance: it asks each object for its class, and some libraries answer with a warning.
    return sum(type(one) is Channels for one in gc.get_objects())


def files() -> int:
    """Open files and sockets of the client, the gateway and the model."""
    return psutil.Process().num_fds()


async def streams(gate: Gate, count: int, *, leave: bool) -> list[bytes]:
    """So many at once: all are begun, then all are left, or read to their ends."""
    begun = asyncio.Barrier(count)

    async def one(session: aiohttp.ClientSession) -> bytes:
        url = f"{gate.url}/v1/chat/completions"
        async with session.post(url, json={**ASK, "stream": True}, headers=BEARER) as got:
            first = await got.content.readany()
            await begun.wait()
            return first if leave else first + await got.read()

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        return await asyncio.gather(*(one(session) for _ in range(count)))


def settled(gate: Gate, files_before: int) -> None:
    """Nothing is open, nothing is held, and no connection but the few of whoever asks here."""
    until(lambda: under_way(gate) == 0)
    until(lambda: held() == 0)
    until(lambda: files() <= files_before + 8)


@pytest.mark.parametrize("count", MANY)
def test_clients_that_leave_leave_nothing_behind(gate, count) -> None:
    gate.says(model.streaming(model.chat_events([WORD] * 400), pause=0.1))
    before, left = files(), gate.upstream.left
    asyncio.run(streams(gate, count, leave=True))
    until(lambda: gate.upstream.left == left + count)
    settled(gate, before)
    reasons = [one["reason"] for one in gate.decisions() if one["direction"] == "output"]
    assert reasons[-count:] == ["disconnected"] * count


@pytest.mark.parametrize("count", MANY)
def test_models_that_break_off_leave_nothing_behind(gate, count) -> None:
    events = model.chat_events(["Hello ", f"there, the card is {PAN[:9]}"])[:3]
    gate.says(model.streaming(events, pause=0.2, breaks=True))
    before = files()
    answers = asyncio.run(streams(gate, count, leave=False))
    assert all(b"Hello" in each and b"is 4111" not in each for each in answers)
    assert all(b"upstream_error" in each for each in answers)
    settled(gate, before)
