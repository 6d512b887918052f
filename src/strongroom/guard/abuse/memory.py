"""Where the histories of users are kept: in this process here, shared in Redis elsewhere.

Memory is bounded twice, by users and by messages, of each tenant apart: who makes up users pushes
out nobody but users of the same tenant. Those that were idle longest are forgotten first.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Protocol

from strongroom.guard.abuse.rules import AbuseRules
from strongroom.guard.abuse.watch import HOUR, KEPT, History, Mark, lately

USERS: Final = 100_000
"""Of one tenant; some 70 MB."""
MARKS: Final = 1_000_000
"""Of one tenant, 17 bytes each."""
_MARK: Final = struct.Struct("<dQ?")


@dataclass(frozen=True, slots=True)
class Who:
    """Whose history it is."""

    tenant: str
    key: str
    user: str
    """A digest, never the name."""
    named: bool
    """Whether the request named its user; names of a key are counted."""


class MemoryLost(Exception):
    """The shared memory cannot be reached."""


class Memory(Protocol):
    """Remembers what users did."""

    async def add(self, who: Who, mark: Mark, tokens: int, rules: AbuseRules) -> History:
        """Take in a message; all that is known with it. Raises MemoryLost."""
        ...

    async def spend(self, who: Who, at: float, tokens: int) -> None:
        """Take in what an answer used. Raises MemoryLost."""
        ...

    async def close(self) -> None:
        """Nothing more comes."""
        ...


def packed(mark: Mark) -> bytes:
    """A message as it is kept: 17 bytes."""
    return _MARK.pack(mark.at, mark.sketch, mark.near)


def unpacked(data: bytes | bytearray) -> list[Mark]:
    """Messages as they were kept."""
    return [*map(Mark._make, _MARK.iter_unpack(data))]


@dataclass(slots=True)
class _User:
    marks: bytearray = field(default_factory=bytearray)
    hours: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Tenant:
    users: OrderedDict[str, _User] = field(default_factory=OrderedDict)
    names: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By key: number of the window, and users that were new in it."""
    size: int = 0
    """Bytes of all marks."""


class LocalMemory:
    """Histories of this process."""

    def __init__(self, users: int = USERS, marks: int = MARKS) -> None:
        self._most, self._bytes = users, marks * _MARK.size
        self._tenants: dict[str, _Tenant] = {}
        self._keys: dict[tuple[str, str], dict[int, int]] = {}

    def __len__(self) -> int:
        return sum(len(tenant.users) for tenant in self._tenants.values())

    @property
    def size(self) -> int:
        """Bytes of all messages that are kept."""
        return sum(tenant.size for tenant in self._tenants.values())

    async def add(self, who: Who, mark: Mark, tokens: int, rules: AbuseRules) -> History:
        """Take in a message; all that is known with it."""
        tenant = self._tenants.setdefault(who.tenant, _Tenant())
        crowded = who.named and _is_crowd(tenant, who, mark.at, rules)
        known = self._user(tenant, f"{who.key}\0crowd" if crowded else who.user)
        before = len(known.marks)
        kept = known.marks + packed(mark)
        known.marks = kept[max(0, len(kept) - KEPT * _MARK.size) :]
        tenant.size += len(known.marks) - before
        known.hours = _spent(known.hours, mark.at, tokens)
        key = self._spent_by_key(who, mark.at, tokens)
        history = History(unpacked(known.marks), dict(known.hours), dict(key), crowded)
        while len(tenant.users) > self._most or (
            tenant.size > self._bytes and len(tenant.users) > 1
        ):
            _, forgotten = tenant.users.popitem(last=False)
            tenant.size -= len(forgotten.marks)
        return history

    async def spend(self, who: Who, at: float, tokens: int) -> None:
        """Take in what an answer used."""
        tenant = self._tenants.get(who.tenant)
        known = tenant.users.get(who.user) if tenant else None
        if known is not None:
            known.hours = _spent(known.hours, at, tokens)
        self._spent_by_key(who, at, tokens)

    async def close(self) -> None:
        """Nothing to close."""

    def _user(self, tenant: _Tenant, name: str) -> _User:
        known = tenant.users.setdefault(name, _User())
        tenant.users.move_to_end(name)
        return known

    def _spent_by_key(self, who: Who, at: float, tokens: int) -> dict[int, int]:
        place = (who.tenant, who.key)
        self._keys[place] = spent = _spent(self._keys.get(place, {}), at, tokens)
        return spent


def _is_crowd(tenant: _Tenant, who: Who, at: float, rules: AbuseRules) -> bool:
    """Whether a user is new, and one more than the key may name."""
    window = int(at // rules.window)
    number, count = tenant.names.get(who.key, (window, 0))
    count = count if number == window else 0
    if who.user in tenant.users:
        return False
    tenant.names[who.key] = (window, min(count + 1, rules.names + 1))
    return count >= rules.names


def _spent(hours: dict[int, int], at: float, tokens: int) -> dict[int, int]:
    hour = int(at // HOUR)
    known = lately(hours, at)
    known[hour] = known.get(hour, 0) + tokens
    return known


class OrLocal:
    """A shared memory; while it is lost, that of this process."""

    def __init__(self, shared: Memory, local: Memory) -> None:
        self._shared, self._local = shared, local

    async def add(self, who: Who, mark: Mark, tokens: int, rules: AbuseRules) -> History:
        """Take in a message; all that is known with it."""
        try:
            return await self._shared.add(who, mark, tokens, rules)
        except MemoryLost:
            return await self._local.add(who, mark, tokens, rules)

    async def spend(self, who: Who, at: float, tokens: int) -> None:
        """Take in what an answer used."""
        try:
            await self._shared.spend(who, at, tokens)
        except MemoryLost:
            await self._local.spend(who, at, tokens)

    async def close(self) -> None:
        """Close both."""
        await self._shared.close()
        await self._local.close()
