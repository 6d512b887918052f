"""Judges what a pickle would do: the rules between "reviewed" and "dangerous".

In order, for each symbol that the file names:

1. reviewed (`allow/*.yaml`): clean, if its guard holds for the arguments;
2. known to be dangerous (`danger/*.yaml`): block, called or not;
3. of the standard library and called: block. A model needs the few reviewed ones and no more;
4. a function that nobody reviewed, called: block, unless it is named like a private helper that
   rebuilds an object (`_unpickle_block`), which goes to review;
5. a class that nobody reviewed, or anything that is only referred to: review.

Never clean by default. Calling what only running would compute is block.
"""

from __future__ import annotations

import re
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterable
from typing import Any, Final

from strongroom.assess.scanner.guards import Guards, state_trouble
from strongroom.assess.scanner.hidden import MOST as PAYLOADS
from strongroom.assess.scanner.hidden import judged, may_hide, payload
from strongroom.assess.scanner.machine import Machine
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.symbols import Book, Symbol, book
from strongroom.assess.scanner.values import (
    COMPUTED,
    Box,
    Global,
    Made,
    Persistent,
    render,
    render_args,
)
from strongroom.assess.scanner.verdicts import (
    CALL,
    abused,
    computed,
    dangerous,
    keeps,
    numbered,
    patches,
    persistent,
    replaces,
    unknown_call,
    unreviewed,
    unseen,
)

MOST: Final = 100
"""Hazards kept for one stream."""


class PickleJudge:
    """Collects hazards of one pickle stream."""

    def __init__(
        self,
        *,
        nested: Callable[[bytes], Iterable[Hazard]],
        has_persistent_ids: bool = False,
        local: frozenset[str] = frozenset(),
    ) -> None:
        """Judge one stream.

        `nested` scans bytes that a reviewed symbol would load; `has_persistent_ids` is
        said of the format; `local` names top modules that the format brings itself.
        """
        self._book: Book = book()
        self._guards = Guards(self._book)
        self._nested = nested
        self._persistent = has_persistent_ids
        self._local = local
        self._found: dict[tuple[str, str], Hazard] = {}
        self._payloads = 0
        self.called = False
        """Whether anything that was not reviewed was called."""

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """What was found, in order, each symbol once."""
        return tuple(self._found.values())

    @property
    def names_danger(self) -> bool:
        """Whether it names what only an attack does, called or not."""
        symbols = (hazard.call or "" for hazard in self._found.values())
        return any(_OVERT.match(symbol) for symbol in symbols)

    @property
    def worst(self) -> Rating:
        """The worst so far."""
        return max(
            (h.rating for h in self._found.values()), key=lambda r: r.rank, default=Rating.CLEAN
        )

    def adopt(self, hazards: Iterable[Hazard]) -> None:
        """Take over what another judge found in the same stream."""
        for hazard in hazards:
            self._add(hazard, key=f"{hazard.rule}:{hazard.call}")

    # --- told by the machine

    def refer(self, symbol: Global, protocol: int) -> None:
        """A symbol is imported."""
        written = (symbol.module, symbol.name)
        module, name = _modern(*written) if protocol < 3 else written
        symbol.module, symbol.name = module, name
        review = self._book.allow(module, name)
        symbol.allowed = self._is_local(symbol) or review is not None
        symbol.direct = review is not None and review.direct
        if not symbol.allowed:
            self._unreviewed(symbol, written)

    def call(self, callee: Any, args: Any, offset: int, how: str) -> Any:
        """Something is called."""
        if isinstance(callee, Global):
            return self._call_symbol(callee, args, offset)
        if how in _FILLERS and isinstance(callee, Made) and callee.state is None:
            return callee  # as pickles fill lists: before the state is set, by the class's method
        if how == "name":
            self._add(computed(f"import_symbol({render_args(args)})", offset))
        else:
            self._add(computed(f"{render(callee)}({render_args(args)})", offset))
        return COMPUTED

    def build(self, target: Any, state: Any, offset: int) -> None:
        """State is set on an object."""
        if (special := _special(state)) is not None:
            self._add(replaces(render(target), special, offset))
        if isinstance(target, Made) and isinstance(target.callee, Global) and target.allowed:
            self._build_reviewed(target.callee, state, offset)
        if isinstance(target, Global):
            self._add(patches(target, render(state), offset), key=target.dotted)

    def persist(self, pid: Any, offset: int) -> Any:
        """A persistent id is asked for."""
        if not self._persistent:
            self._add(persistent(render(pid), offset))
        items = pid.items if isinstance(pid, Box) else []
        symbols = [item for item in items if isinstance(item, Global)]
        if self._persistent and items[:1] == ["module"] and symbols:
            return symbols[0]  # old torch names a class together with its source
        for symbol in symbols:
            if not symbol.allowed:
                self._call_symbol(symbol, pid, offset)  # old torch calls the storage type
        return Persistent(pid)

    def extension(self, code: int, offset: int) -> Any:
        """A symbol by number."""
        self._add(numbered(code, offset))
        return COMPUTED

    def kept(self, offset: int) -> None:
        """A guarded symbol was kept as a value: whoever calls it later chooses the arguments."""
        self._add(keeps(offset))

    def data(self, value: bytes | str, offset: int) -> None:
        """Bytes or a text that looks like a packed pickle."""
        inner = payload(value) if self._payloads < PAYLOADS else None
        if inner is None:
            return
        self._payloads += 1
        hazard = judged(self._nested(inner), offset)
        if hazard is not None:
            self._add(hazard)

    def built(self, target: Any, machine: Machine) -> None:
        """Plain pickles have nothing between their opcodes."""

    # --- rules

    def _is_local(self, symbol: Global) -> bool:
        return symbol.module.partition(".")[0] in self._local

    def _unreviewed(self, symbol: Global, written: Symbol) -> None:
        danger = self._book.danger(*written) or self._book.danger(symbol.module, symbol.name)
        if danger:
            self._add(dangerous(symbol, danger, f"{symbol.dotted}", "names"), key=symbol.dotted)
        else:
            self._add(unreviewed(symbol), key=symbol.dotted)

    def _call_symbol(self, callee: Global, args: Any, offset: int) -> Any:
        if callee.allowed:
            return self._call_reviewed(callee, args, offset)
        self.called = True
        text = f"{callee.dotted}({render_args(args)})"[:CALL]
        if danger := self._book.danger(callee.module, callee.name):
            hazard = dangerous(callee, danger, text, "calls")
        else:
            hazard = unknown_call(
                callee, text, offset, standard=self._book.is_standard(callee.module)
            )
        self._add(hazard, key=callee.dotted, replace=True)
        return Made(callee, args)

    def _call_reviewed(self, callee: Global, args: Any, offset: int) -> Any:
        review = self._book.allow(callee.module, callee.name)
        guard = review.guard if review else None
        if guard is None:
            return Made(callee, args, allowed=True)
        if guard == "nested":
            return self._call_loader(callee, args, offset)
        said = self._guards.check(guard, args)
        if said.refers is not None:
            inner = said.refers
            self.refer(inner, protocol=5)
            if said.calls and not inner.allowed:
                self._call_symbol(inner, said.arguments, offset)
            return inner if not said.calls else Made(inner, args, allowed=inner.allowed)
        if said.trouble:
            text = f"{callee.dotted}({render_args(args)})"
            hazard = abused(callee, said.trouble, said.rating, said.attack, text, offset)
            self._add(hazard, key=callee.dotted)
        elif guard == "latin1" and args.items and isinstance(args.items[0], str):
            # Protocol 2 writes bytes as text: what loads them must see them.
            raw = args.items[0].encode("latin-1", "replace")
            if may_hide(raw):
                self.data(raw, offset)
            return raw
        return Made(callee, args, allowed=not said.trouble)

    def _build_reviewed(self, callee: Global, state: Any, offset: int) -> None:
        review = self._book.allow(callee.module, callee.name)
        trouble = state_trouble(review.state, state) if review and review.state else None
        if trouble is not None:
            text = f"{callee.dotted}().__setstate__({render(state)})"
            self._add(abused(callee, trouble, Rating.BLOCK, "code_execution", text, offset))

    def _call_loader(self, callee: Global, args: Any, offset: int) -> Any:
        data = args.items[0] if isinstance(args, Box) and args.items else None
        if isinstance(data, bytes):
            for hazard in self._nested(data):
                self._add(hazard, key=f"nested@{hazard.offset}")
        else:
            text = f"{callee.dotted}({render_args(args)})"
            self._add(unseen(callee, text, offset))
        return Made(callee, args, allowed=True)

    def _add(self, hazard: Hazard, *, key: str = "", replace: bool = False) -> None:
        place = (key or hazard.rule, "" if key else str(hazard.offset))
        before = self._found.get(place)
        if before is None and len(self._found) >= MOST and hazard.rating is not Rating.BLOCK:
            return
        if before is None:
            if len(self._found) < 2 * MOST:
                self._found[place] = hazard
        elif hazard.rating.rank + replace > before.rating.rank:
            self._found[place] = hazard


_OVERT: Final = re.compile(
    r"(os|posix|nt|builtins|subprocess|pty|socket|runpy|ctypes|importlib|marshal|pickle|shutil)\."
    r"(system|popen|exec\w*|spawn\w*|posix_spawn\w*|eval|compile|__import__|open|getattr|Popen|call|run|"
    r"check_\w+|get\w*output|run_\w+|CDLL|import_module|loads?|rmtree|socket|create_connection)\b"
)
_FILLERS: Final = ("append", "extend", "update", "__setitem__")


def _special(state: Any) -> str | None:
    """An attribute in this state that changes how the object behaves while it is loaded."""
    parts = state.items if isinstance(state, Box) and state.kind == "tuple" else [state]
    return next((p.special for p in parts if isinstance(p, Box) and p.special), None)


def _modern(module: str, name: str) -> Symbol:
    """The Python 3 name, as unpicklers translate it below protocol 3."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[(module, name)]
    return IMPORT_MAPPING.get(module, module), name
