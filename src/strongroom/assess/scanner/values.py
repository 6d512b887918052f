"""What the abstract pickle machine computes with: just enough of each value to judge by.

Plain numbers, short strings and bytes stand for themselves; anything long is cut, anything that
would be the result of running something is a description of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

KEEP: Final = 64
"""Items of a container that are kept; a dict's keys and values count apart."""
SHOWN: Final = 8
"""Items of a container that people are shown."""
TEXT: Final = 128
"""Characters of a string that are kept."""


class Broken(Exception):
    """The real unpickler would raise here."""


class Opaque:
    """Some plain data that no judgement rests on."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


DATA: Final = Opaque("…")
LOST: Final = Opaque("<forgotten>")
"""Was memoised beyond what we remember."""
COMPUTED: Final = Opaque("<computed>")
"""Would come out of running code: nobody can know it before."""


@dataclass(slots=True, eq=False)
class Global:
    """A reference to `module.name`, as the file writes it."""

    module: str
    name: str
    offset: int
    allowed: bool = False
    """On a reviewed list."""
    direct: bool = False
    """Reviewed for being called then and there: as a value, others could call it with anything."""

    @property
    def dotted(self) -> str:
        """`module.name`."""
        return f"{self.module}.{self.name}" if self.module else self.name


@dataclass(slots=True, eq=False)
class Made:
    """The result of a call."""

    callee: Any
    args: Any
    allowed: bool = False
    """By a reviewed callee: an instance or value that can do no harm by itself."""
    state: Any = None


@dataclass(slots=True, eq=False)
class Long:
    """A string or bytes too long to keep."""

    head: str | bytes
    length: int


class Box:
    """A container: its kind, its first items, and how many there are.

    `kind` is `tuple`, `list`, `dict`, `set` or `frozenset`; a dict's items alternate key and value.
    """

    __slots__ = ("items", "kind", "size", "special")

    def __init__(self, kind: str, items: list[Any] | None = None, size: int = 0) -> None:
        self.kind = kind
        self.items: list[Any] = [] if items is None else items
        self.size = size
        self.special: str | None = None
        """Of a dict: a key that as an attribute would change what an object does when it is loaded,
        or one that is only known when it runs."""

    def extend(self, items: list[Any]) -> None:
        """Add, keeping the first few."""
        if self.kind == "dict":
            self._look_at(items[::2])
        if len(self.items) < KEEP:
            self.items.extend(items[: KEEP - len(self.items)])
        self.size += len(items)

    def _look_at(self, keys: list[Any]) -> None:
        for key in keys:
            if type(key) is str:
                if key in _METHODS:
                    self.special = key
            elif isinstance(key, Made | Persistent):
                self.special = "a computed name"

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return self.size == len(self.items)

    def get(self, key: str) -> Any:
        """A dict's value, the last that was set, or None."""
        pairs = list(zip(self.items[::2], self.items[1::2], strict=False))
        return next((value for name, value in reversed(pairs) if name == key), None)


@dataclass(slots=True, eq=False)
class Persistent:
    """What the program that loads would hand over for a persistent id."""

    pid: Any


def boxed(kind: str, items: list[Any]) -> Box:
    """A container of these items."""
    box = Box(kind)
    box.extend(items)
    return box


_METHODS: Final = frozenset(
    {
        "append",
        "extend",
        "add",
        "__setstate__",
        "__class__",
        "__dict__",
        "__reduce__",
        "__reduce_ex__",
    }
    | {
        "__call__",
        "__init__",
        "__new__",
        "__del__",
        "__getattr__",
        "__getattribute__",
        "__getstate__",
    }
)
"""Attributes that unpicklers look up on an instance and call, and their kin."""

_BRACKETS: Final = {
    "tuple": ("(", ")"),
    "list": ("[", "]"),
    "dict": ("{", "}"),
    "set": ("{", "}"),
    "frozenset": ("frozenset({", "})"),
}


def render(value: Any, depth: int = 4) -> str:
    """Readable pseudo-code of a value, at most some hundred characters."""
    if isinstance(value, Global):
        return value.dotted
    if isinstance(value, Made):
        return f"{render(value.callee, depth - 1)}({render_args(value.args, depth - 1)})"
    if isinstance(value, Long):
        return f"{value.head!r}…({value.length})"
    if isinstance(value, Persistent):
        return f"persistent_load({render(value.pid, depth - 1)})"
    if isinstance(value, Opaque):
        return value.name
    if isinstance(value, Box):
        left, right = _BRACKETS[value.kind]
        return f"{left}{_items(value, depth)}{right}"
    return repr(value)[:TEXT]


def render_args(args: Any, depth: int = 4) -> str:
    """Arguments as between the brackets of a call."""
    if isinstance(args, Box) and args.kind == "tuple":
        return _items(args, depth)
    return f"*{render(args, depth)}"


def _items(box: Box, depth: int) -> str:
    if depth <= 0:
        return "…" if box.size else ""
    shown = [render(item, depth - 1) for item in box.items[:SHOWN]]
    if box.kind == "dict":
        shown = [f"{k}: {v}" for k, v in zip(shown[::2], shown[1::2], strict=False)]
    more = ", …" if box.size > SHOWN else ""
    return ", ".join(shown) + more
