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
from strongroom.assess.scanner.machine import Machine
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.symbols import Book, Danger, Symbol, book
from strongroom.assess.scanner.values import (
    COMPUTED,
    Box,
    Global,
    Made,
    Persistent,
    render,
    render_args,
)
from strongroom.domain.outcome import Severity

MOST: Final = 100
"""Hazards kept for one stream."""
CALL: Final = 400
"""Characters of pseudo-code."""
_DESERIALIZATION: Final = ("CWE-502", "AML.T0011.000")
_HELPER: Final = re.compile(
    r"_*(pyx_)?(re)?(un)?(pickle|build|construct|create|make|new|load|restore|from|deserial)", re.I
)


class PickleJudge:
    """Collects hazards of one pickle stream."""

    def __init__(
        self,
        *,
        nested: Callable[[bytes], Iterable[Hazard]],
        persistent: bool = False,
        local: frozenset[str] = frozenset(),
    ) -> None:
        """Judge one stream.

        `nested` scans bytes that a reviewed symbol would load; `persistent` says that the format
        has persistent ids; `local` names top modules that the format brings itself.
        """
        self._book: Book = book()
        self._guards = Guards(self._book)
        self._nested = nested
        self._persistent = persistent
        self._local = local
        self._found: dict[tuple[str, str], Hazard] = {}
        self.called = False
        """Whether anything that was not reviewed was called."""

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """What was found, in order, each symbol once."""
        return tuple(self._found.values())

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
        module, name = (
            _modern(symbol.module, symbol.name)
            if protocol < 3
            else (
                symbol.module,
                symbol.name,
            )
        )
        written = (symbol.module, symbol.name)
        symbol.module, symbol.name = module, name
        symbol.allowed = self._is_local(symbol) or self._book.allow(module, name) is not None
        if not symbol.allowed:
            self._unreviewed(symbol, written)

    def call(self, callee: Any, args: Any, offset: int, how: str) -> Any:
        """Something is called."""
        if isinstance(callee, Global):
            return self._call_symbol(callee, args, offset)
        if how in _FILLERS:
            if isinstance(callee, Made) and not callee.allowed:
                self._add(_computed(f"{render(callee)}.{how}({render_args(args)})", offset))
            return callee
        if how == "name":
            self._add(_computed(f"import_symbol({render_args(args)})", offset))
        else:
            self._add(_computed(f"{render(callee)}({render_args(args)})", offset))
        return COMPUTED

    def build(self, target: Any, state: Any, offset: int) -> None:
        """State is set on an object."""
        if isinstance(target, Made) and isinstance(target.callee, Global) and target.allowed:
            self._build_reviewed(target.callee, state, offset)
        if isinstance(target, Global):
            self._add(
                Hazard(
                    "pickle.patches_symbol",
                    Rating.BLOCK,
                    f"sets attributes of {target.dotted} itself: changes code already loaded",
                    Severity.CRITICAL,
                    offset,
                    call=f"{target.dotted}.__dict__.update({render(state)})"[:CALL],
                    attack="monkey_patch",
                    references=_DESERIALIZATION,
                ),
                key=target.dotted,
            )

    def persist(self, pid: Any, offset: int) -> Any:
        """A persistent id is asked for."""
        if not self._persistent:
            self._add(
                Hazard(
                    "pickle.persistent_id",
                    Rating.REVIEW,
                    "asks the loading program for an object by a persistent id",
                    Severity.MEDIUM,
                    offset,
                    call=f"persistent_load({render(pid)})"[:CALL],
                    attack="persistent_id",
                    references=("CWE-502",),
                )
            )
        return Persistent(pid)

    def extension(self, code: int, offset: int) -> Any:
        """A symbol by number."""
        self._add(
            Hazard(
                "pickle.extension_registry",
                Rating.BLOCK,
                f"names a symbol only by number {code} of the process's copyreg registry, "
                "so that the file does not show what it is",
                Severity.HIGH,
                offset,
                call=f"copyreg._inverted_registry[{code}]",
                attack="hidden_symbol",
                references=_DESERIALIZATION,
            )
        )
        return COMPUTED

    def built(self, target: Any, machine: Machine) -> None:
        """Plain pickles have nothing between their opcodes."""

    # --- rules

    def _is_local(self, symbol: Global) -> bool:
        return symbol.module.partition(".")[0] in self._local

    def _unreviewed(self, symbol: Global, written: Symbol) -> None:
        danger = self._book.danger(*written) or self._book.danger(symbol.module, symbol.name)
        if danger:
            self._add(_dangerous(symbol, danger, f"{symbol.dotted}", "names"), key=symbol.dotted)
        else:
            self._add(
                Hazard(
                    "pickle.unreviewed_symbol",
                    Rating.REVIEW,
                    f"imports {symbol.dotted}, which nobody has reviewed",
                    Severity.MEDIUM,
                    symbol.offset,
                    call=symbol.dotted[:CALL],
                    attack="unreviewed_import",
                    references=_DESERIALIZATION,
                ),
                key=symbol.dotted,
            )

    def _call_symbol(self, callee: Global, args: Any, offset: int) -> Any:
        if callee.allowed:
            return self._call_reviewed(callee, args, offset)
        self.called = True
        text = f"{callee.dotted}({render_args(args)})"[:CALL]
        if danger := self._book.danger(callee.module, callee.name):
            hazard = _dangerous(callee, danger, text, "calls")
        else:
            hazard = _unknown_call(
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
            hazard = _abused(callee, said.trouble, said.rating, said.attack, text, offset)
            self._add(hazard, key=callee.dotted)
        elif guard == "latin1" and args.items and isinstance(args.items[0], str):
            # Protocol 2 writes bytes as text: what loads them must see them.
            return args.items[0].encode("latin-1", "replace")
        return Made(callee, args, allowed=not said.trouble)

    def _build_reviewed(self, callee: Global, state: Any, offset: int) -> None:
        review = self._book.allow(callee.module, callee.name)
        trouble = state_trouble(review.state, state) if review and review.state else None
        if trouble is not None:
            text = f"{callee.dotted}().__setstate__({render(state)})"
            self._add(_abused(callee, trouble, Rating.BLOCK, "code_execution", text, offset))

    def _call_loader(self, callee: Global, args: Any, offset: int) -> Any:
        data = args.items[0] if isinstance(args, Box) and args.items else None
        if isinstance(data, bytes):
            for hazard in self._nested(data):
                self._add(hazard, key=f"nested@{hazard.offset}")
        else:
            self._add(
                Hazard(
                    "pickle.nested_unseen",
                    Rating.REVIEW,
                    f"{callee.dotted} loads a pickle that cannot be seen here",
                    Severity.HIGH,
                    offset,
                    call=f"{callee.dotted}({render_args(args)})"[:CALL],
                    attack="nested_pickle",
                    references=_DESERIALIZATION,
                )
            )
        return Made(callee, args, allowed=True)

    def _add(self, hazard: Hazard, *, key: str = "", replace: bool = False) -> None:
        place = (key or hazard.rule, "" if key else str(hazard.offset))
        before = self._found.get(place)
        if before is None and len(self._found) >= MOST and hazard.rating is not Rating.BLOCK:
            return
        if before is None or (replace and hazard.rating.rank >= before.rating.rank):
            if before is None and len(self._found) >= 2 * MOST:
                return
            self._found[place] = hazard


_FILLERS: Final = ("append", "extend", "update", "__setitem__")


def _modern(module: str, name: str) -> Symbol:
    """The Python 3 name, as unpicklers translate it below protocol 3."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[(module, name)]
    return IMPORT_MAPPING.get(module, module), name


def _dangerous(symbol: Global, danger: Danger, text: str, verb: str) -> Hazard:
    return Hazard(
        "pickle.dangerous_call" if verb == "calls" else "pickle.dangerous_symbol",
        Rating.BLOCK,
        f"loading {verb} {symbol.dotted}: {danger.why}",
        danger.severity,
        symbol.offset,
        call=text[:CALL],
        attack=danger.attack,
        references=danger.references,
    )


def _unknown_call(callee: Global, text: str, offset: int, *, standard: bool) -> Hazard:
    last = callee.name.rpartition(".")[2]
    like_a_class = last.lstrip("_")[:1].isupper() and not _traverses(callee.name)
    helper = bool(_HELPER.match(last)) and last.startswith("_") and "." not in callee.name
    lenient = not standard and (like_a_class or helper)
    if standard:
        why = "comes with Python and no model needs it"
    elif lenient:
        why = "nobody has reviewed it"
    else:
        why = "is a function that nobody has reviewed, run while the file loads"
    return Hazard(
        "pickle.unreviewed_call",
        Rating.REVIEW if lenient else Rating.BLOCK,
        f"loading calls {callee.dotted}, which {why}"
        if not lenient
        else f"loading makes a {callee.dotted}; {why}",
        Severity.MEDIUM if lenient else Severity.HIGH,
        offset,
        call=text,
        attack="unreviewed_call",
        references=_DESERIALIZATION,
    )


def _traverses(name: str) -> bool:
    """Whether a dotted name goes through something that looks like a module, not a class."""
    return any(not part.lstrip("_")[:1].isupper() for part in name.split(".")[:-1])


def _abused(
    callee: Global, trouble: str, rating: Rating, attack: str, text: str, offset: int
) -> Hazard:
    return Hazard(
        "pickle.guarded_call",
        rating,
        f"{callee.dotted} is reviewed for ordinary use only; here {trouble}",
        Severity.HIGH,
        offset,
        call=text[:CALL],
        attack=attack,
        references=_DESERIALIZATION,
    )


def _computed(text: str, offset: int) -> Hazard:
    return Hazard(
        "pickle.computed_operand",
        Rating.BLOCK,
        "calls or imports something whose name is only made while the file loads",
        Severity.CRITICAL,
        offset,
        call=text[:CALL],
        attack="computed_operand",
        references=_DESERIALIZATION,
    )
