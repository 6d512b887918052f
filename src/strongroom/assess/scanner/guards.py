"""Conditions under which a reviewed symbol is harmless to call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from strongroom.assess.scanner.report import Rating
from strongroom.assess.scanner.symbols import Book
from strongroom.assess.scanner.values import Box, Global, Made

SMALL: Final = 1 << 20
"""Bytes that a size given as a number may ask for."""
_ENCODINGS: Final = ("latin1", "latin-1", "iso-8859-1", "utf-8", "utf8", "ascii")


_TEMPLATE_LINE: Final = re.compile(
    r"""def\ _parse_args(_rvs|_stats)?\(self,[\w\s,='.]*\):
    |\s+return\ \([\w\s,]*\),[\w\s,]*
    |\s+return\ self\._argcheck_rvs\([\w\s,=]*\)
    |\s*""",
    re.X,
)
"""Lines of the template from which scipy.stats makes its argument parsers with exec."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a guard says of one call."""

    trouble: str | None = None
    """Why the call is not harmless."""
    rating: Rating = Rating.BLOCK
    attack: str = "abused_helper"
    refers: Global | None = None
    """The symbol that the call resolves to, to be judged in its own right."""
    calls: bool = False
    """Whether that symbol is called, too."""
    arguments: Any = None


FINE: Final = Said()


class Guards:
    """The conditions by name."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def check(self, guard: str, args: Any) -> Said:
        """Whether a call with these arguments is harmless."""
        if not isinstance(args, Box) or args.kind != "tuple":
            return Said("the arguments are only known when it runs", attack="computed_operand")
        if not args.whole:
            return Said(f"it has {args.size} arguments")
        check: Any = getattr(self, f"_{guard}")
        said: Said = check(args.items, args.size)
        return said

    def _reference(self, _items: list[Any], _size: int) -> Said:
        return Said("it is called, where models only refer to it")

    def _latin1(self, items: list[Any], size: int) -> Said:
        if size <= 1 or (size == 2 and items[1] in _ENCODINGS):
            return FINE
        return Said("it is asked for a codec that unpacks or imports", attack="codec")

    def _small(self, items: list[Any], size: int) -> Said:
        if size and isinstance(items[0], int) and items[0] > SMALL:
            return Said(f"it reserves {items[0]} bytes", attack="resource_exhaustion")
        return FINE

    def _type_of(self, _items: list[Any], size: int) -> Said:
        return FINE if size == 1 else Said("it makes a new class", attack="class_creation")

    def _instantiates(self, items: list[Any], size: int) -> Said:
        """Trampolines: the first argument is a class that is called."""
        target = items[0] if items else None
        if not isinstance(target, Global):
            return Said("what it calls is only known when it runs", attack="computed_operand")
        return self._arguments(items, size)

    def _arguments(self, items: list[Any], size: int) -> Said:
        """Calls what it is given: every symbol among the arguments is judged as called."""
        for at, item in enumerate(items):
            if isinstance(item, Made) and not isinstance(item.callee, Global):
                return Said("what it calls is only known when it runs", attack="computed_operand")
            if isinstance(item, Global) and not item.allowed:
                rest = items[:at] + items[at + 1 :]
                return Said(refers=item, calls=True, arguments=Box("tuple", rest, size - 1))
        return FINE

    def _bit_generator(self, items: list[Any], size: int) -> Said:
        """Its one argument is a name of NumPy's, or one of its classes."""
        plain = all(isinstance(i, str) or (isinstance(i, Global) and i.allowed) for i in items)
        return FINE if size <= 1 and plain else Said("its argument is no bit generator")

    def _generator(self, items: list[Any], size: int) -> Said:
        """The second argument is called with the first, and must be NumPy's own constructor."""
        if size == 2 and not _is(items[1], "numpy.random._pickle.__bit_generator_ctor"):
            return Said("it calls another constructor than NumPy's own")
        return FINE if size <= 2 else Said(f"it has {size} arguments")

    def _ufunc(self, items: list[Any], size: int) -> Said:
        """`_ufunc_reconstruct(module, name)` imports whatever it is told to."""
        if size == 2 and all(isinstance(item, str) for item in items):
            return Said(refers=Global(items[0], items[1], 0))
        return Said("what it imports is only known when it runs", attack="computed_operand")

    def _attribute(self, items: list[Any], size: int) -> Said:
        """`getattr(owner, "name")`: the attribute of a reviewed class, as a symbol of its own."""
        if size < 2 or not isinstance(items[1], str):
            return Said(
                "the attribute's name is only known when it runs", attack="computed_operand"
            )
        owner, name = items[0], items[1]
        if isinstance(owner, Made) and owner.allowed and isinstance(owner.callee, Global):
            owner = owner.callee
        if isinstance(owner, Global):
            return Said(refers=Global(owner.module, f"{owner.name}.{name}", owner.offset))
        return Said("it takes an attribute of something computed", attack="resolver")


def state_trouble(condition: str, state: Any) -> str | None:
    """Why setting this state is not harmless, or None."""
    return {"argument_template": _template_trouble}[condition](state)


def _template_trouble(state: Any) -> str | None:
    """scipy.stats runs `_parse_arg_template` with exec when its state is set."""
    if not isinstance(state, Box) or state.kind != "dict" or not state.whole:
        return "its state cannot be seen, and part of that is run as Python"
    for key, value in zip(state.items[::2], state.items[1::2], strict=False):
        if not isinstance(key, str):
            return "its state is only known when it runs, and part of that is run as Python"
        if key == "_parse_arg_template" and not _is_template(value):
            return f"its state is Python source that is run: {value!r:.80}"
    return None


def _is(value: Any, dotted: str) -> bool:
    return isinstance(value, Global) and value.dotted == dotted


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and all(_TEMPLATE_LINE.fullmatch(x) for x in value.split("\n"))
