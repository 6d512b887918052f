"""The use case: promote a version with its bills of materials signed beside it."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.decision import Stage
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.registry.decisions import newest_decision
from strongroom.registry.registry import Registry
from strongroom.registry.statements import Move
from strongroom.report.bills import sign_bills


@dataclass(frozen=True, slots=True)
class Promoted:
    """A move, and what was signed with it."""

    move: Move
    bills: tuple[Record, Record]
    """CycloneDX and SPDX."""


def promote(home: Home, loaded: Loaded, stage: Stage) -> Promoted:
    """Sign the bills first: a version never stands in a stage without them.

    If the promotion is refused afterwards, they remain, which does no harm: they are about these
    digests, whatever stage they stand in. Raises as `Registry.promote` does.
    """
    system, about = loaded.system.system.name, subjects_of(loaded)
    allowed = newest_decision(home, system, stage, about, home.clock())
    bills = sign_bills(home, loaded, allowed)
    return Promoted(Registry(home).promote(loaded, stage, allowed.digest), bills)
