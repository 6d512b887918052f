"""The passport of a system as it stands in a home, and the documents that go into a bundle."""

from __future__ import annotations

from pathlib import Path

from strongroom.domain.decision import Decision, Stage
from strongroom.domain.errors import StoreError
from strongroom.domain.evidence import Evidence
from strongroom.domain.predicates import CYCLONEDX_TYPE, SPDX_TYPE
from strongroom.governance.applicability import applicable
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.registry.deciding import records_about
from strongroom.report import layout
from strongroom.report.audit import Chosen, Extras, newest_decision_about
from strongroom.report.bills import BILL_TYPES, Bills, bills_of, document_in
from strongroom.report.passport import Passport, compose
from strongroom.report.render import documents


def passport_of(home: Home, loaded: Loaded, stage: Stage | None = None) -> Passport:
    """From the newest decision about the folder as it is now, if there is one, and its evidence."""
    record = newest_decision_about(home, loaded, stage)
    decision = Decision.from_statement(record.statement) if record else None
    return _compose(home, loaded, decision, stage or Stage.PRODUCTION)


def bundle_extras(home: Home, loaded: Loaded, chosen: Chosen) -> Extras:
    """Passport and bill of materials of what the bundle is about."""
    passport = _compose(home, loaded, chosen.decision, chosen.decision.stage)
    return {**documents(passport), **_bills(home, loaded, chosen)}


def current_bills(home: Home, loaded: Loaded) -> Bills:
    """Of the folder as it is now, with the newest figures about exactly its digests."""
    return bills_of(home, loaded, _evidence(home, loaded), home.clock())


def write_passport(passport: Passport, folder: Path) -> tuple[Path, ...]:
    """`passport.html` and `passport.pdf` in the folder; gives their paths. Raises StoreError."""
    made = documents(passport)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in made.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    return tuple(folder / name for name in made)


def _bills(home: Home, loaded: Loaded, chosen: Chosen) -> Extras:
    """As they were signed at the promotion; made now for what was never promoted."""
    signed = {r.kind: document_in(r) for r in chosen.records if r.kind in BILL_TYPES}
    if len(signed) == len(BILL_TYPES):
        return {layout.BOM: signed[CYCLONEDX_TYPE], layout.SPDX: signed[SPDX_TYPE]}
    bills = bills_of(home, loaded, _evidence(home, loaded), home.clock())
    return {layout.BOM: bills.cyclonedx, layout.SPDX: bills.spdx}


def _compose(home: Home, loaded: Loaded, decision: Decision | None, stage: Stage) -> Passport:
    catalog = load_catalog()
    return compose(
        loaded.system,
        subjects_of(loaded),
        decision,
        _evidence(home, loaded),
        applicable(catalog, loaded.system, decision.stage if decision else stage),
        catalog.frameworks,
        home.clock(),
    )


def _evidence(home: Home, loaded: Loaded) -> tuple[Evidence, ...]:
    """What was signed about nothing but these digests, and is believed."""
    about = set(subjects_of(loaded))
    believed = records_about(home, loaded.system.system.name).evidence
    return tuple(e.record for e in believed if about.issuperset(e.record.subjects))
