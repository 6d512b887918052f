"""Counters that several gateways share, in Redis or Valkey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from strongroom.guard.gateway.limits import (
    Charge,
    Counters,
    CountersLost,
    Over,
    Window,
    counter_of,
)

_TAKE: Final = """
for i, key in ipairs(KEYS) do
  local used = tonumber(redis.call('GET', key) or '0')
  if used + tonumber(ARGV[3 * i - 2]) > tonumber(ARGV[3 * i - 1]) then return i end
end
for i, key in ipairs(KEYS) do
  redis.call('INCRBY', key, ARGV[3 * i - 2])
  redis.call('EXPIRE', key, ARGV[3 * i])
end
return 0
"""
"""All charges or none, in one step: amounts, caps and seconds to live, three for each key."""


class RedisCounters:
    """Counters in Redis; every answer within `seconds`, or they are lost."""

    def __init__(self, url: str, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._redis: Any = redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 1),
        )
        self._take = self._redis.register_script(_TAKE)

    async def take(self, tenant: str, charges: Sequence[Charge]) -> tuple[Window, ...] | Over:
        """Take all charges, or none."""
        now = self._clock()
        named = [(counter_of(tenant, charge, now), charge) for charge in charges]
        arguments: list[int] = []
        for (_, left), charge in named:
            arguments += (charge.amount, charge.cap, left + 60)
        try:
            over = await self._take(keys=[name for (name, _), _ in named], args=arguments)
        except (RedisError, OSError) as error:
            raise CountersLost(type(error).__name__) from error
        if over:
            (_, left), charge = named[int(over) - 1]
            return Over(charge.name, left)
        return tuple(Window(name, charge) for (name, _), charge in named)

    async def settle(self, window: Window, amount: int) -> None:
        """Add to a counter that is still there."""
        try:
            if await self._redis.exists(window.counter):
                await self._redis.incrby(window.counter, amount)
        except (RedisError, OSError) as error:
            raise CountersLost(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


class OrLocal:
    """Shared counters; while they are lost, those of this process."""

    def __init__(self, shared: Counters, local: Counters) -> None:
        self._shared, self._local = shared, local

    async def take(self, tenant: str, charges: Sequence[Charge]) -> tuple[Window, ...] | Over:
        """Take all charges, or none."""
        try:
            return await self._shared.take(tenant, charges)
        except CountersLost:
            return await self._local.take(tenant, charges)

    async def settle(self, window: Window, amount: int) -> None:
        """Add where the charge was most likely taken."""
        try:
            await self._shared.settle(window, amount)
        except CountersLost:
            await self._local.settle(window, amount)

    async def close(self) -> None:
        """Close both."""
        await self._shared.close()
        await self._local.close()
