"""How a decision stands by a framework: which items are proved, which fail, which nobody asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from strongroom.domain.decision import Reason
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.governance.catalog import Catalog
from strongroom.governance.strict_yaml import read_yaml


class Standing(StrEnum):
    """How one item of a framework came out, worst first."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    PASS = "pass"
    NOT_REQUIRED = "not required"
    """Requirements speak to it, none of them to this kind of system at this stage."""
    NOT_COVERED = "not covered"
    """No requirement of the catalog speaks to it: a decision says nothing about it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One risk, control or outcome of a framework, and where the decision leaves it."""

    id: str
    name: str
    standing: Standing
    requirements: tuple[str, ...]
    """Those that speak to it and were judged."""


_ORDER: Final = tuple(Standing)


def outlined() -> tuple[str, ...]:
    """Keys of the frameworks that are outlined whole."""
    return tuple(_outlines())


def standing(framework: str, catalog: Catalog, reasons: Sequence[Reason]) -> tuple[Item, ...]:
    """Every item of the framework, in its order. Raises InputError for one without an outline."""
    items = _outlines().get(framework)
    if items is None:
        raise InputError(
            f"no outline of framework {framework!r}", fix=f"one of {', '.join(outlined())}"
        )
    judged = {reason.requirement: reason for reason in reasons}
    citing: dict[str, list[str]] = {}
    for requirement in catalog.requirements:
        for reference in requirement.references:
            if reference.framework == framework:
                citing.setdefault(reference.id, []).append(requirement.id)
    return tuple(
        _item(raw["id"], raw.get("name", ""), citing.get(raw["id"], []), judged) for raw in items
    )


def _item(name: str, title: str, citing: list[str], judged: dict[str, Reason]) -> Item:
    mine = [judged[requirement] for requirement in citing if requirement in judged]
    if not citing:
        return Item(name, title, Standing.NOT_COVERED, ())
    if not mine:
        return Item(name, title, Standing.NOT_REQUIRED, ())
    worst = min((_one(reason) for reason in mine), key=_ORDER.index)
    return Item(name, title, worst, tuple(reason.requirement for reason in mine))


def _one(reason: Reason) -> Standing:
    if reason.outcome is Outcome.PASS:
        return Standing.PASS
    if reason.waiver is not None:
        return Standing.WAIVED
    return Standing.FAIL if reason.outcome is Outcome.FAIL else Standing.UNKNOWN


@cache
def _outlines() -> dict[str, Any]:
    data = files("strongroom.governance").joinpath("outlines.yaml").read_bytes()
    return dict(read_yaml(data).value)
