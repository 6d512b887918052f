"""The pace of tools that several gateways share, in Redis or Valkey.

Asked in the middle of judging, where nothing can wait for the event loop: so it is a client that
blocks, for at most `seconds`, and after a loss is not asked again for a moment. Only calls of tools
with a velocity, and approvals, come here.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, WatchError
from redis.retry import Retry

from strongroom.guard.tools.pace import MAX_KEPT, Made, Pace, PaceLost, made, too_fast
from strongroom.guard.tools.rules import Velocity
from strongroom.guard.tools.turns import Call, Objection

ATTEMPTS: Final = 8
"""Of a call that others were faster than; then the pace is lost."""
PAUSE: Final = 1.0
"""Seconds after a loss in which Redis is not asked."""
T = TypeVar("T")


class RedisPace:
    """Calls and approvals of one tenant, in Redis."""

    def __init__(self, url: str, tenant: str, seconds: float) -> None:
        self._redis: Any = redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 1),
        )
        self._prefix = f"strongroom:tools:{tenant}"
        self._lost_until = 0.0

    def since(self, tool: str, after: float) -> Sequence[Made]:
        """The calls of a tool after a moment."""
        with self._asking():
            return self._read(self._redis, self._calls(tool), after)

    def take(self, call: Call, limits: Sequence[Velocity], now: float) -> tuple[Objection, ...]:
        """Remember a call, unless a limit speaks against it; nobody comes between."""
        if not limits:
            return ()
        name, longest = self._calls(call.tool), max(limit.seconds for limit in limits)
        with self._asking(), self._redis.pipeline() as together:
            for _ in range(ATTEMPTS):
                try:
                    together.watch(name)
                    before = self._read(together, name, now - longest)
                    if found := tuple(too_fast(call, limits, before, now)):
                        return found
                    together.multi()
                    together.zadd(name, {_written(made(call, limits, now)): now})
                    together.zremrangebyscore(name, "-inf", now - longest)
                    together.zremrangebyrank(name, 0, -MAX_KEPT - 1)
                    together.expire(name, int(longest) + 60)
                    together.execute()
                except WatchError:
                    continue
                return ()
        raise PaceLost("too many gateways at once")

    def spend(self, nonce: str, until: float, now: float) -> bool:
        """Use an approval; False if it was used before."""
        with self._asking():
            name, lives = f"{self._prefix}:approval:{nonce}", max(1, int(until - now) + 60)
            return bool(self._redis.set(name, 1, nx=True, ex=lives))

    def _calls(self, tool: str) -> str:
        return f"{self._prefix}:calls:{tool}"

    def _read(self, client: Any, name: str, after: float) -> list[Made]:
        found = client.zrangebyscore(name, f"({after}", "+inf", withscores=True)
        return [_made(value, at) for value, at in found]

    @contextmanager
    def _asking(self) -> Any:
        if time.monotonic() < self._lost_until:
            raise PaceLost("lost a moment ago")
        try:
            yield
        except (RedisError, OSError) as error:
            self._lost_until = time.monotonic() + PAUSE
            raise PaceLost(type(error).__name__) from error


def _written(one: Made) -> str:
    """Two equal calls are two: each has a name of its own."""
    amounts = {name: str(amount) for name, amount in one.amounts}
    return json.dumps([secrets.token_hex(8), amounts], sort_keys=True)


def _made(value: bytes, at: float) -> Made:
    _, amounts = json.loads(value)
    return Made(at, tuple((name, Decimal(amount)) for name, amount in amounts.items()))


class OrLocalPace:
    """A shared pace; while it is lost, that of this process."""

    def __init__(self, shared: Pace, local: Pace) -> None:
        self._shared, self._local = shared, local

    def since(self, tool: str, after: float) -> Sequence[Made]:
        """The calls of a tool after a moment."""
        return self._or(lambda pace: pace.since(tool, after))

    def take(self, call: Call, limits: Sequence[Velocity], now: float) -> tuple[Objection, ...]:
        """Remember a call, unless a limit speaks against it."""
        return self._or(lambda pace: pace.take(call, limits, now))

    def spend(self, nonce: str, until: float, now: float) -> bool:
        """Use an approval; False if it was used before."""
        return self._or(lambda pace: pace.spend(nonce, until, now))

    def _or(self, ask: Callable[[Pace], T]) -> T:
        try:
            return ask(self._shared)
        except PaceLost:
            return ask(self._local)
