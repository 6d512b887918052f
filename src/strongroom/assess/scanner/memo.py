"""A pickle's memo in bounded memory: exact about what was stored, frugal with what it was."""

from __future__ import annotations

from typing import Any, Final

from strongroom.assess.scanner.values import LOST, Global, Long
from strongroom.domain.errors import LimitError

FULL: Final = 100_000
"""Values kept whole; after that only references to symbols and names are."""
MOST: Final = 400_000
"""Values kept at all."""
BYTES: Final = 256
"""Longest string or bytes kept."""
SPARSE: Final = 200_000
"""Indices that may be out of order."""


class Memo:
    """Index to value. Plain data is remembered as such without taking room."""

    __slots__ = ("_dense", "_kept", "_sparse")

    def __init__(self) -> None:
        self._kept: dict[int, Any] = {}
        self._sparse: set[int] = set()
        self._dense = 0
        """Every index below was put."""

    def __contains__(self, index: int) -> bool:
        return 0 <= index < self._dense or index in self._sparse

    def __len__(self) -> int:
        return self._dense + len(self._sparse)

    def put(self, index: int, value: Any) -> None:
        """Store, over whatever was there. Raises LimitError for absurd indices."""
        if index == self._dense:
            self._dense += 1
            while self._sparse and self._dense in self._sparse:
                self._sparse.remove(self._dense)
                self._dense += 1
        elif index > self._dense:
            self._sparse.add(index)
            if len(self._sparse) > SPARSE:
                raise LimitError(f"more than {SPARSE} memo entries out of order")
        self._keep(index, value)

    def append(self, value: Any) -> None:
        """MEMOIZE: store under the number of entries."""
        if self._sparse or len(self._kept) >= FULL:
            self.put(self._dense + len(self._sparse), value)
            return
        self._kept[self._dense] = Long(value[:BYTES], len(value)) if _is_long(value) else value
        self._dense += 1

    def get(self, index: int) -> Any:
        """What was stored; LOST where that was too much to remember."""
        return self._kept.get(index, LOST)

    def _keep(self, index: int, value: Any) -> None:
        if _is_long(value):
            value = Long(value[:BYTES], len(value))
        room = FULL
        if isinstance(value, Global) or (isinstance(value, str) and _like_a_name(value)):
            room = MOST
        if len(self._kept) < room or index in self._kept:
            self._kept[index] = value
        elif isinstance(value, Global):
            raise LimitError(f"more than {MOST} symbols in a pickle's memo")


class Overlay(Memo):
    """A memo on top of another, which stays as it is."""

    __slots__ = ("_below",)

    def __init__(self, below: Memo) -> None:
        super().__init__()
        self._below = below
        self._dense = len(below)

    def __contains__(self, index: int) -> bool:
        return super().__contains__(index) or index in self._below

    def get(self, index: int) -> Any:
        """What was stored here, else below."""
        return self._kept[index] if index in self._kept else self._below.get(index)


def _is_long(value: Any) -> bool:
    return type(value) in (bytes, str) and len(value) > BYTES


def _like_a_name(text: str) -> bool:
    return text.replace(".", "_").isidentifier()
