"""Histories of users that several gateways share, in Redis or Valkey.

One script a message, so that gateways which see the same user at the same time see each other. Keys
hold digests of names; what is idle for a window (of hours: for a day) is forgotten by Redis itself.
"""

from __future__ import annotations

from typing import Any, Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from strongroom.guard.abuse.memory import MemoryLost, Who, packed, unpacked
from strongroom.guard.abuse.rules import AbuseRules
from strongroom.guard.abuse.watch import HOUR, HOURS, KEPT, History, Mark

_DAY: Final = (HOURS + 2) * HOUR
_ADD: Final = """
local function spend(key)
  redis.call('HINCRBY', key, ARGV[2], ARGV[3])
  redis.call('EXPIRE', key, ARGV[4])
  local hours = redis.call('HGETALL', key)
  for i = 1, #hours, 2 do
    if tonumber(hours[i]) <= tonumber(ARGV[2]) - tonumber(ARGV[5]) then
      redis.call('HDEL', key, hours[i])
    end
  end
  return hours
end
local user, crowded = 1, 0
local names = tonumber(ARGV[8])
if names > 0 and redis.call('EXISTS', KEYS[1]) == 0 then
  if tonumber(redis.call('GET', KEYS[6]) or '0') >= names then
    user, crowded = 3, 1
  else
    redis.call('INCR', KEYS[6])
    redis.call('EXPIRE', KEYS[6], ARGV[7])
  end
end
redis.call('RPUSH', KEYS[user], ARGV[1])
redis.call('LTRIM', KEYS[user], -tonumber(ARGV[6]), -1)
redis.call('EXPIRE', KEYS[user], ARGV[7])
local marks = redis.call('LRANGE', KEYS[user], 0, -1)
return {crowded, marks, spend(KEYS[user + 1]), spend(KEYS[5])}
"""
"""KEYS: marks and hours of the user, the same of all users beyond the last name, hours and names of
the key. ARGV: mark, hour, tokens, seconds that hours live, hours kept, marks kept, seconds that
marks live, most names (0: they are not counted)."""


class RedisMemory:
    """See the module; every answer within `seconds`, or the memory is lost."""

    def __init__(self, url: str, seconds: float) -> None:
        self._redis: Any = redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 1),
        )
        self._add = self._redis.register_script(_ADD)

    async def add(self, who: Who, mark: Mark, tokens: int, rules: AbuseRules) -> History:
        """Take in a message; all that is known with it."""
        user, key = _names(who)
        crowd = f"{key}:crowd"
        window = int(mark.at // rules.window)
        keys = [user, f"{user}:hours", crowd, f"{crowd}:hours", f"{key}:hours",
                f"{key}:names:{window}"]  # fmt: skip
        most = rules.names if who.named else 0
        lives = int(rules.window) + 60
        arguments: list[bytes | int] = [
            packed(mark),
            int(mark.at // HOUR),
            tokens,
            _DAY,
            HOURS,
            KEPT,
            lives,
            most,
        ]
        try:
            crowded, marks, hours, by_key = await self._add(keys=keys, args=arguments)
        except (RedisError, OSError) as error:
            raise MemoryLost(type(error).__name__) from error
        return History(unpacked(b"".join(marks)), _hours(hours), _hours(by_key), bool(crowded))

    async def spend(self, who: Who, at: float, tokens: int) -> None:
        """Take in what an answer used."""
        hour = int(at // HOUR)
        try:
            async with self._redis.pipeline(transaction=True) as together:
                for name in _names(who):
                    together.hincrby(f"{name}:hours", hour, tokens)
                    together.expire(f"{name}:hours", _DAY)
                await together.execute()
        except (RedisError, OSError) as error:
            raise MemoryLost(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def _names(who: Who) -> tuple[str, str]:
    """Of a user, and of its key. No name of a tenant or a key holds a colon."""
    key = f"strongroom:abuse:{who.tenant}:{who.key}"
    return f"{key}:user:{who.user}", key


def _hours(flat: list[bytes]) -> dict[int, int]:
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return {int(hour): int(tokens) for hour, tokens in pairs}
