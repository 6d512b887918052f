"""What a check is, and which checks there are.

A check is a function that reads a case and yields what it found:

    @check("data.schema", version=1, title="Data is what was declared", needs=("data.test",))
    def schema(case: Case, settings: NoSettings) -> Iterator[Said]:
        yield Finding("data.schema.missing_column", Outcome.FAIL, "…")

Ours live one a file in `strongroom/assess/checks/ROOM/NAME.py`, where `ROOM.NAME` is the check's
name; a bank's own come through the entry-point group `strongroom.checks`, with the check's name as
the entry point's name. Naming a check imports nothing but its own module.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from strongroom.assess import checks
from strongroom.assess.history import NAMES as HISTORY
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import CheckId, Curve, Finding, Metric

if TYPE_CHECKING:
    from strongroom.assess.case import Case

Said: TypeAlias = Finding | Metric | Curve
"""What a check may yield."""

ARTIFACTS: Final = ("model", "data.train", "data.test", "texts", "dependencies")
"""What a check may need."""
ENTRY_POINTS: Final = "strongroom.checks"


class Settings(BaseModel):
    """Base of a check's settings: frozen, and a setting that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class NoSettings(Settings):
    """For checks with nothing to set."""


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check, as its author declares it."""

    id: CheckId
    title: str
    """What a pass means, in a few words."""
    needs: tuple[str, ...]
    """Artifacts that it cannot do without: they become the evidence's subjects."""
    wants: tuple[str, ...]
    """Artifacts that it looks at where the manifest declares them."""
    run: Callable[[Case, Any], Iterator[Said]]
    settings: type[Settings]
    history: tuple[str, ...]
    """What it asks of the home: names of fields of `History`."""
    time_limit: float
    """Seconds after which it is killed, unless the caller says otherwise."""
    doc: str
    """Its page in the docs: the docstring of its module."""

    def configure(self, raw: Mapping[str, Any]) -> Settings:
        """Settings from the manifest. Raises InputError that names the field."""
        try:
            return self.settings.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"{first['msg']}: {first['input']!r}", where=f"settings.{self.id.name}.{field}"
            ) from error


Run: TypeAlias = Callable[["Case", Any], Iterator[Said]]


def check(
    name: str,
    *,
    version: int,
    title: str,
    needs: tuple[str, ...],
    wants: tuple[str, ...] = (),
    settings: type[Settings] = NoSettings,
    history: tuple[str, ...] = (),
    time_limit: float = 600.0,
) -> Callable[[Run], CheckSpec]:
    """Make a check of a function `run(case, settings)`; `settings` is an instance of the class."""
    check_id = CheckId.parse(f"{name}@{version}")
    if unknown := set(needs + wants) - set(ARTIFACTS):
        raise InputError(f"check {name} needs {sorted(unknown)}", fix=f"choose of {ARTIFACTS}")
    if unknown := set(history) - set(HISTORY):
        raise InputError(f"check {name} asks for {sorted(unknown)}", fix=f"choose of {HISTORY}")

    def make(run: Run) -> CheckSpec:
        page = sys.modules[run.__module__].__doc__ or run.__doc__ or ""
        return CheckSpec(check_id, title, needs, wants, run, settings, history, time_limit, page)

    return make


def check_names() -> tuple[str, ...]:
    """Every check that is installed, sorted; imports none of them."""
    return tuple(sorted({*_own_names(), *(point.name for point in _foreign())}))


def load_check(name: str) -> CheckSpec:
    """The check of that name. One that is unknown, fails to import or is ambiguous stops us."""
    foreign = [point for point in _foreign() if point.name == name]
    own = name in _own_names()
    if own + len(foreign) > 1:
        raise InputError(f"more than one package brings the check {name}")
    if own:
        return _only_spec(f"{checks.__name__}.{name}", name)
    if foreign:
        spec = _load(foreign[0])
        if not isinstance(spec, CheckSpec) or spec.id.name != name:
            raise InputError(f"entry point {foreign[0].value} is not the check {name}")
        return spec
    raise InputError(f"there is no check {name}", fix="choose of: " + ", ".join(check_names()))


def load_all() -> tuple[CheckSpec, ...]:
    """Every installed check, sorted by name. Imports what they import."""
    return tuple(load_check(name) for name in check_names())


def _own_names() -> frozenset[str]:
    names = set()
    for room in pkgutil.iter_modules(checks.__path__):
        if room.ispkg:
            folder = f"{checks.__path__[0]}/{room.name}"
            names |= {f"{room.name}.{m.name}" for m in pkgutil.iter_modules([folder])}
    return frozenset(n for n in names if not n.rpartition(".")[2].startswith("_"))


def _foreign() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=ENTRY_POINTS))


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"the check {point.name} cannot be imported: {error}",
            where=point.value,
            fix="mend or uninstall the package that brings it",
        ) from error


def _only_spec(module: str, name: str) -> CheckSpec:
    specs = [s for s in vars(import_module(module)).values() if isinstance(s, CheckSpec)]
    if len(specs) != 1 or specs[0].id.name != name:
        raise InputError(
            f"{module} must hold the one check {name}", fix="see docs/write-a-check.md"
        )
    return specs[0]
