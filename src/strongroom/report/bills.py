"""Bills of materials of a system as it stands: on demand, and signed at each promotion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.assess.bom import Ancestor, Materials, Seen, build, build_spdx
from strongroom.assess.pins import Pin, read_requirements, wanted_by
from strongroom.assess.provenance.known import SIGNER, ensure_recorder, known_provenance
from strongroom.assess.scanner import scan_file
from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.decision import Decision
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import EVIDENCE_TYPE, Evidence
from strongroom.domain.predicates import CYCLONEDX_TYPE, SPDX_TYPE
from strongroom.domain.statement import Statement, Subject
from strongroom.governance.artifacts import artifact_path, subjects_of
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.registry.reading import versions

BILL_TYPES = (CYCLONEDX_TYPE, SPDX_TYPE)


@dataclass(frozen=True, slots=True)
class Bills:
    """The same content in two formats."""

    cyclonedx: bytes
    spdx: bytes


def bills_of(
    home: Home | None, loaded: Loaded, evidence: tuple[Evidence, ...], at: datetime
) -> Bills:
    """Of the folder as it is now, with the figures of the evidence."""
    materials = _materials(home, loaded, evidence)
    return Bills(build(materials, at=at), build_spdx(materials, at=at))


def sign_bills(home: Home, loaded: Loaded, decided: Record) -> tuple[Record, Record]:
    """Make both from what the decision rests on, dated as the decision; sign and log them.

    The same decision makes the same bills, so doing it twice adds nothing.
    """
    decision = Decision.from_statement(decided.statement)
    rests_on = {digest for reason in decision.reasons for digest in reason.evidence}
    evidence = tuple(e for e in map(_read, map(home.record_of, sorted(rests_on))) if e)
    bills = bills_of(home, loaded, evidence, decision.at)
    ensure_recorder(home)
    about = decision.subjects
    return (
        home.record(_statement(CYCLONEDX_TYPE, bills.cyclonedx, about), SIGNER),
        home.record(_statement(SPDX_TYPE, bills.spdx, about), SIGNER),
    )


def signed_bill(home: Home, system: str, about: frozenset[Subject], kind: str) -> Record | None:
    """The newest that was signed about exactly these digests."""
    found = home.records(kind, system=system)
    return next((r for r in found if frozenset(r.statement.subjects) == about), None)


def document_in(record: Record) -> bytes:
    """The bill's own bytes, as they were written."""
    return canonical(record.statement.predicate)


def _statement(kind: str, document: bytes, about: tuple[Subject, ...]) -> Statement:
    return Statement(kind, about, parse_json(document, where=kind))


def _read(record: Record | None) -> Evidence | None:
    if record is None or record.kind != EVIDENCE_TYPE:
        return None
    return Evidence.from_statement(record.statement)


def _materials(home: Home | None, loaded: Loaded, evidence: tuple[Evidence, ...]) -> Materials:
    system = loaded.system
    pins, parents = _pins(loaded)
    model = artifact_path(loaded, "model") if system.model else None
    digests = {subject.name: subject.digest for subject in subjects_of(loaded)}
    format_ = scan_file(model).format if model and model.is_file() else None
    return Materials(
        system,
        digests,
        pins,
        evidence,
        format_,
        _made(home, system.system.name, digests.get("model")) if home else None,
        _ancestor(home, system.system.name, digests) if home else None,
        parents,
    )


def _pins(loaded: Loaded) -> tuple[tuple[Pin, ...], dict[str, tuple[str, ...]]]:
    if loaded.system.dependencies is None:
        return (), {}
    data = artifact_path(loaded, "dependencies").read_bytes()
    return read_requirements(data, where=loaded.system.dependencies).pins, wanted_by(data)


def _made(home: Home, system: str, model: Digest | None) -> Seen | None:
    """The newest believed provenance of exactly this model."""
    for known in reversed(known_provenance(home, system)):
        output = known.provenance.output("model")
        if output is not None and output.digest == model:
            return Seen(known.provenance, known.statement)
    return None


def _ancestor(home: Home, system: str, digests: dict[str, Digest]) -> Ancestor | None:
    """The version that was sealed last before this one."""
    older = list(versions(home, system))
    about = {Subject(name, digest) for name, digest in digests.items()}
    mine = [i for i, version in enumerate(older) if set(version.seal.about) == about]
    for version in older[mine[0] + 1 if mine else 0 :]:
        model = next((s.digest for s in version.seal.about if s.name == "model"), None)
        if model is not None:
            return Ancestor(version.digest, model)
    return None
