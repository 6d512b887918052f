"""The use case: run what a system's requirements ask for, against its home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from strongroom.assess.evidence_store import EvidenceStore
from strongroom.assess.orders import STANDARD, Order, orders_for
from strongroom.assess.profiles import under
from strongroom.assess.runner import Assessed, Plan, Watch, run
from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError
from strongroom.governance.applicability import applicable
from strongroom.governance.loader import Loaded
from strongroom.governance.requirement import Catalog


def required(loaded: Loaded, catalog: Catalog, names: Sequence[str] = ()) -> tuple[Order, ...]:
    """Orders for the checks that any stage requires of the system, or for those named.

    Metrics are held against the tightest bound of any stage; a gate judges for its own stage.
    Raises InputError when nothing is required.
    """
    needs = [
        need
        for stage in Stage
        for applied in applicable(catalog, loaded.system, stage)
        for need in applied.needs
    ]
    orders = orders_for(needs, loaded.system.settings, names)
    if not orders:
        raise InputError("no requirement asks for a check", fix="name one: --check data.schema")
    return orders


def required_by(stage: Stage, loaded: Loaded, catalog: Catalog) -> tuple[str, ...]:
    """Names of the checks that one stage asks for, sorted."""
    applied = applicable(catalog, loaded.system, stage)
    return tuple(sorted({need.check.name for one in applied for need in one.needs}))


def assess(
    loaded: Loaded,
    catalog: Catalog,
    plan: Plan,
    *,
    store: EvidenceStore,
    now: Callable[[], datetime],
    watch: Watch,
    names: Sequence[str] = (),
    profile: str = STANDARD,
) -> tuple[Assessed, ...]:
    """Evidence of everything that is required, sorted by check."""
    orders = under(profile, required(loaded, catalog, names))
    return run(loaded, orders, plan, now=now, store=store, watch=watch)
