"""Which symbols a pickle may name: reviewed one by one, known to be dangerous, or neither.

The lists are data (`allow/*.yaml`, `danger/*.yaml`). A module is never trusted as a whole; it may
be distrusted as a whole.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import yaml

from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Severity

Symbol = tuple[str, str]
"""Module and qualified name."""

try:  # The C parser is ten times as fast; both are safe loaders.
    from yaml import CSafeLoader as _Loader
except ImportError:
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Why a symbol may be named."""

    framework: str
    why: str
    reviewed_by: str
    reviewed_at: str
    guard: str | None = None
    """Name of the condition on the arguments under which a call is harmless."""
    state: str | None = None
    """Name of the condition on the state that may be set on what was called."""

    @property
    def direct(self) -> bool:
        """Whether the symbol must not be kept as a value, for others to call."""
        return self.guard in DIRECT


@dataclass(frozen=True, slots=True)
class Danger:
    """Why a symbol may not."""

    attack: str
    why: str
    severity: Severity
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """All that we know of symbols."""

    allowed: Mapping[Symbol, Allowed]
    dangerous: Mapping[Symbol, Danger]
    dangerous_modules: Mapping[str, Danger]
    standard: frozenset[str]
    """Top-level modules of the standard library, of any version and platform."""

    def allow(self, module: str, name: str) -> Allowed | None:
        """The review of exactly this symbol."""
        return self.allowed.get((module, name))

    def danger(self, module: str, name: str) -> Danger | None:
        """What is known against this symbol, or the module it comes from or leads through."""
        names = name.split(".")
        for end in range(len(names), 0, -1):
            if found := self.dangerous.get((module, ".".join(names[:end]))):
                return found
        parts = module.split(".")
        for end in range(len(parts), 0, -1):
            if found := self.dangerous_modules.get(".".join(parts[:end])):
                return found
        return self._through(names)

    def is_standard(self, module: str) -> bool:
        """Whether the module comes with Python."""
        return module.partition(".")[0] in self.standard

    def _through(self, names: list[str]) -> Danger | None:
        """`os.system` reached as an attribute of some module that imported `os`."""
        for start in range(len(names) - 1):
            inner = names[start]
            rest = ".".join(names[start + 1 :])
            found = self.dangerous.get((inner, rest)) or self.dangerous_modules.get(inner)
            if found:
                return found
        return None


@cache
def book() -> Book:
    """The shipped lists, read once."""
    here = files("strongroom.assess.scanner")
    allowed: dict[Symbol, Allowed] = {}
    for page in _pages(here / "allow"):
        allowed.update(_allowed(page))
    dangerous: dict[Symbol, Danger] = {}
    modules: dict[str, Danger] = {}
    for page in _pages(here / "danger"):
        for rule in page["rules"]:
            danger = Danger(
                rule["attack"], rule["why"], Severity(rule["severity"]), tuple(rule["references"])
            )
            modules.update(dict.fromkeys(rule.get("modules", ()), danger))
            dangerous.update(dict.fromkeys(_symbols(rule.get("symbols", {})), danger))
    standard = frozenset(sys.stdlib_module_names | _former())
    return Book(allowed, dangerous, modules, standard)


@cache
def allowed_symbols() -> frozenset[Symbol]:
    """Every `(module, name)` that was reviewed.

    Those with a condition on their arguments are among them: admit them only for bytes that the
    scanner has just called clean.
    """
    return frozenset(book().allowed)


def _former() -> frozenset[str]:
    text = (files("strongroom.assess.scanner") / "danger" / "former_modules.txt").read_text()
    return frozenset(line for line in text.split() if line)


def _pages(folder: Traversable) -> Iterator[Mapping[str, Any]]:
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            yield yaml.load(file.read_bytes(), Loader=_Loader)  # noqa: TID251 - a safe loader


def _allowed(page: Mapping[str, Any]) -> Iterator[tuple[Symbol, Allowed]]:
    review = page["reviewed"]
    for group in page["groups"]:
        guard = group.get("guard")
        if guard is not None and guard not in GUARDS:
            raise InputError(f"no guard {guard!r}", where=page["framework"])
        state = group.get("state")
        if state is not None and state not in STATES:
            raise InputError(f"no condition on state {state!r}", where=page["framework"])
        who, when = review["by"], str(review["at"])
        entry = Allowed(page["framework"], group["why"], who, when, guard, state)
        for symbol in _symbols(group["symbols"]):
            yield symbol, entry


def _symbols(raw: Mapping[str, list[str]]) -> Iterator[Symbol]:
    for module, names in raw.items():
        for name in names:
            yield module, name


DIRECT: Final = frozenset(
    {"arguments", "attribute", "generator", "instantiates", "latin1", "nested", "ufunc"}
)
"""Guards that judge the arguments of a call: their symbols must be called then and there."""
GUARDS: Final = DIRECT | {"bit_generator", "reference", "small", "type_of"}
"""Conditions on arguments that `guards.py` knows."""
STATES: Final = frozenset({"argument_template"})
"""Conditions on state that `guards.py` knows."""
