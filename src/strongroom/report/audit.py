"""Write an audit bundle: everything that a decision rests on, each with its place in the ledger.

1. Find the newest decision for the manifest's folder as it is now.
2. Collect every record about exactly these digests, the seal and the moves of that version, its
   bills of materials and its model's provenance.
3. Copy each with its ledger line and proof; add policy, manifest, BOM and passport.
4. Sign the list of all files, log it, and move the finished folder into place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom import __version__
from strongroom.domain.canonical import plain
from strongroom.domain.decision import DECISION_TYPE, Decision, Stage
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import ConflictError, InputError, StoreError
from strongroom.domain.predicates import SLSA_TYPE
from strongroom.domain.statement import Statement, Subject
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.keys.trust import BUNDLE_TYPE, PROMOTION_TYPE, SEAL_TYPE
from strongroom.registry.gather import COUNTED
from strongroom.registry.statements import Move, Seal
from strongroom.report import layout
from strongroom.report.bills import BILL_TYPES, signed_bill
from strongroom.report.key_story import key_records
from strongroom.storage.objects import read

Extras = Mapping[str, bytes]
"""Further files by path in the bundle: BOM, passport."""

_README = """This is an audit bundle written by Strongroom {version}.

It shows why {system} was {verdict} for {stage} on {day}, and who says so.

To check every file, signature, ledger proof and the decision itself, offline:

    strongroom verify THIS_FOLDER --trust trust.json

where trust.json is the trust policy that you were given by somebody you trust, apart from this
folder. Open passport.html to read the same for people.
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a bundle is about."""

    decision: Decision
    digest: Digest
    """Of the decision's statement."""
    records: tuple[Record, ...]


def choose(home: Home, loaded: Loaded, stage: Stage | None = None) -> Chosen:
    """The newest decision about the folder as it is now, and every record about these digests.

    Raises InputError when there is none.
    """
    system = loaded.system.system.name
    decided = newest_decision_about(home, loaded, stage)
    if decided is None:
        raise InputError(
            f"no decision about {system} as it is now", fix="run `strongroom gate --to STAGE` first"
        )
    about = frozenset(decided.statement.subjects)
    decision = Decision.from_statement(decided.statement)
    records = [
        *_about(home, system, about),
        *_sealed(home, system, about),
        *_materials(home, system, about),
    ]
    return Chosen(decision, decided.digest, tuple(records))


def newest_decision_about(home: Home, loaded: Loaded, stage: Stage | None) -> Record | None:
    """About the folder as it is now, for that stage or any; whether it counts is not asked here."""
    about = frozenset(subjects_of(loaded))
    return next(
        (
            record
            for record in home.records(DECISION_TYPE, system=loaded.system.system.name)
            if frozenset(record.statement.subjects) == about
            and stage in {None, record.statement.predicate.get("stage")}
        ),
        None,
    )


def write_bundle(home: Home, loaded: Loaded, chosen: Chosen, target: Path, extras: Extras) -> Path:
    """Write the bundle to `target`, which must not exist. Whole or not at all."""
    if target.exists():
        raise ConflictError("there is something already", where=str(target), fix="name another")
    files = dict(_files(home, loaded, chosen))
    files[layout.POLICY] = read(home.objects, chosen.decision.policy, where="the decision's policy")
    files.update(extras)
    now = home.clock()
    index = home.record(_index(chosen, files, now), "registry")
    files[layout.INDEX] = index.envelope.to_bytes()
    files[layout.INDEX_LEAF] = index.leaf
    files[layout.INDEX_PROOF] = _proof(home, index)
    _write(target, files)
    return target


def _about(home: Home, system: str, about: frozenset[Subject]) -> Iterator[Record]:
    """Evidence, approvals, waivers and decisions about nothing but these digests."""
    for kind in (*COUNTED, DECISION_TYPE):
        for record in home.records(kind, system=system):
            if about.issuperset(record.statement.subjects):
                yield record


def _sealed(home: Home, system: str, about: frozenset[Subject]) -> Iterator[Record]:
    """The seal of these digests, the moves of that version, and what became of its key."""
    versions = set()
    for record in home.records(SEAL_TYPE, system=system):
        seal = Seal.from_statement(record.statement)
        if frozenset(seal.about) == about:
            versions.add(seal.version)
            yield record
    for record in home.records(PROMOTION_TYPE, system=system):
        if Move.from_statement(record.statement).version in versions:
            yield record
    yield from key_records(home, system, versions)


def _materials(home: Home, system: str, about: frozenset[Subject]) -> Iterator[Record]:
    """The newest bills about these digests, and every provenance of this model."""
    for kind in BILL_TYPES:
        if (bill := signed_bill(home, system, about, kind)) is not None:
            yield bill
    model = next((s for s in about if s.name == "model"), None)
    for record in home.records(SLSA_TYPE, system=system):
        if model in record.statement.subjects:
            yield record


def _files(home: Home, loaded: Loaded, chosen: Chosen) -> Iterator[tuple[str, bytes]]:
    for record in chosen.records:
        name = record.envelope_digest.hex
        yield layout.statement_path(name), record.envelope.to_bytes()
        yield layout.leaf_path(name), record.leaf
        yield layout.proof_path(name), _proof(home, record)
    yield layout.CHECKPOINT, home.ledger.checkpoint()
    yield layout.VERIFIER_KEY, f"{home.ledger.key}\n".encode()
    yield layout.MANIFEST, loaded.source
    yield layout.README, _readme(chosen.decision).encode()


def _proof(home: Home, record: Record) -> bytes:
    if record.ledger_index is None:
        raise StoreError("a record waits to be logged", fix="try again")
    return home.ledger.proof(record.ledger_index)


def _index(chosen: Chosen, files: Mapping[str, bytes], now: datetime) -> Statement:
    subjects = tuple(Subject(path, sha256(files[path])) for path in sorted(files))
    predicate = {
        "system": chosen.decision.system,
        "stage": chosen.decision.stage,
        "decision": chosen.digest,
        "at": now,
    }
    return Statement(BUNDLE_TYPE, subjects, plain(predicate))


def _readme(decision: Decision) -> str:
    verdicts = {"allow": "allowed", "deny": "denied"}
    return _README.format(
        version=__version__,
        system=decision.system,
        verdict=verdicts[decision.verdict],
        stage=decision.stage,
        day=f"{decision.at:%Y-%m-%d}",
    )


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for path, data in files.items():
                place = draft / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
            draft.chmod(0o755)
            os.rename(draft, target)  # noqa: PTH104  (Path.rename replaces an empty folder too)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(target)) from error
