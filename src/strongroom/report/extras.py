"""The passport of a system as it stands in a home, and the documents that go into a bundle."""

from __future__ import annotations

from pathlib import Path

from strongroom.domain.decision import DECISION_TYPE, Decision, Stage
from strongroom.domain.errors import StoreError
from strongroom.governance.applicability import applicable
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.registry.deciding import records_about
from strongroom.report.audit import Chosen, Extras
from strongroom.report.passport import Passport, compose
from strongroom.report.render import html, pdf


def passport_of(home: Home, loaded: Loaded, stage: Stage | None = None) -> Passport:
    """From the newest decision about the folder as it is now, if there is one, and its evidence."""
    system = loaded.system.system.name
    subjects = subjects_of(loaded)
    decision = next(
        (
            Decision.from_statement(record.statement)
            for record in home.records(DECISION_TYPE, system=system)
            if set(record.statement.subjects) == set(subjects)
            and stage in {None, record.statement.predicate.get("stage")}
        ),
        None,
    )
    return _compose(home, loaded, decision, stage or Stage.PRODUCTION)


def bundle_extras(home: Home, loaded: Loaded, chosen: Chosen) -> Extras:
    """The passport of the decision that the bundle is about."""
    passport = _compose(home, loaded, chosen.decision, chosen.decision.stage)
    return {"passport.html": html(passport).encode(), "passport.pdf": pdf(passport)}


def write_passport(passport: Passport, folder: Path) -> tuple[Path, ...]:
    """`passport.html` and `passport.pdf` in the folder; gives their paths. Raises StoreError."""
    documents = {"passport.html": html(passport).encode(), "passport.pdf": pdf(passport)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in documents.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    return tuple(folder / name for name in documents)


def _compose(home: Home, loaded: Loaded, decision: Decision | None, stage: Stage) -> Passport:
    subjects = subjects_of(loaded)
    evidence = [
        signed.record
        for signed in records_about(home, loaded.system.system.name).evidence
        if set(subjects).issuperset(signed.record.subjects)
    ]
    catalog = load_catalog()
    applied = applicable(catalog, loaded.system, decision.stage if decision else stage)
    return compose(
        loaded.system, subjects, decision, evidence, applied, catalog.frameworks, home.clock()
    )
