"""Check an audit bundle with nothing but a trust policy: no network, no database, no home.

1. The list of files is signed by a key that may sign bundles, and logged.
2. Every file is there, unchanged, and there is no other.
3. Each statement is signed by a key that might say it when the ledger took it, and is in the
   ledger under a checkpoint signed by a key that may sign checkpoints.
4. The decision is about this manifest and follows from the evidence, approvals and waivers here
   by the policy here: it is made again and compared.
5. What was sealed is what was decided about, and what was promoted is what was sealed.
6. Bills of materials and provenance are about what was decided about.

Each step says what it finds and goes on, so that one run names everything that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType

from strongroom.domain.canonical import digest_of, parse_json
from strongroom.domain.decision import APPROVAL_TYPE, Decision
from strongroom.domain.digests import Digest, sha256, sha256_of
from strongroom.domain.errors import InputError, IntegrityError, LimitError, StrongroomError
from strongroom.domain.statement import Statement, Subject
from strongroom.governance.loader import read_manifest
from strongroom.governance.policy import read_policy
from strongroom.home.leaf import Leaf
from strongroom.keys.dsse import Envelope
from strongroom.keys.trust import BUNDLE_TYPE, PROMOTION_TYPE, SEAL_TYPE, Role, TrustPolicy
from strongroom.ledger.history import Problem
from strongroom.ledger.note import VerifierKey
from strongroom.ledger.proof import verify_tlog_proof
from strongroom.registry.candidate import candidate_from
from strongroom.registry.gate import decide
from strongroom.registry.gather import COUNTED, gather, vouch
from strongroom.registry.statements import Action, Move, Seal
from strongroom.report import layout
from strongroom.report.key_story import KEY_TYPES, key_story
from strongroom.report.verify_materials import FORMATS, Context, evidence_among, story_of


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of it."""

    checked: int
    """Files and statements that were looked at."""
    problems: tuple[Problem, ...]
    story: tuple[str, ...] = ()
    """The chain in plain words; only what was verified."""

    @property
    def verified(self) -> bool:
        """No problem, and something was looked at."""
        return self.checked > 0 and not self.problems


@dataclass(frozen=True, slots=True)
class _Believed:
    """A statement that is signed, trusted and logged."""

    path: str
    envelope: Envelope
    statement: Statement
    at: datetime
    """When the ledger took it."""
    by: tuple[str, ...]


@dataclass(slots=True)
class _Run:
    """One verification under way: what was counted and what was found."""

    folder: Path
    trust: TrustPolicy
    checked: int = 0
    problems: list[Problem] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    def object_to(self, path: str, reason: str) -> None:
        self.problems.append(Problem(path, reason))

    def looking_at(self, path: str) -> _Looking:
        """Count one thing; what goes wrong with it becomes a problem of that path."""
        self.checked += 1
        return _Looking(self, path)

    def read(self, path: str, limit: int = layout.MAX_SMALL) -> bytes:
        found = self.folder / path
        if found.is_symlink() or not found.is_file():
            raise IntegrityError("missing, or no ordinary file")
        if found.stat().st_size > limit:
            raise LimitError(f"more than {limit} bytes")
        return found.read_bytes()


@dataclass(frozen=True, slots=True)
class _Looking:
    run: _Run
    path: str

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if isinstance(error, StrongroomError):
            self.run.object_to(self.path, error.what)
        elif isinstance(error, OSError):
            self.run.object_to(self.path, f"cannot be read: {error.strerror}")
        return isinstance(error, StrongroomError | OSError)


def verify_bundle(folder: Path, trust: TrustPolicy) -> Verification:
    """Check everything, and say in plain words what holds. Raises InputError for no bundle."""
    if not (folder / layout.INDEX).is_file():
        raise InputError(
            f"no {layout.INDEX} here", where=str(folder), fix="name a folder made by report audit"
        )
    run = _Run(folder, trust)
    key = _ledger_key(run)
    index = _index(run, key) if key else None
    if key and index is not None:
        sound = _files(run, {s.name: s.digest for s in index.statement.subjects})
        believed = sorted(_statements(run, sound, key), key=lambda b: b.at)
        decision = _decision(run, sound, believed, index.statement.predicate.get("decision"))
        if decision is not None:
            _registry(run, believed, decision)
            _materials(run, sound, believed, decision[0])
    return Verification(run.checked, tuple(sorted(set(run.problems))), tuple(run.story))


def _ledger_key(run: _Run) -> VerifierKey | None:
    """The ledger's key, if the trust policy knows it."""
    path = layout.VERIFIER_KEY
    with run.looking_at(path):
        text = run.read(path)
        key = VerifierKey.parse(text.decode("utf-8", "replace"), where=path)
        if f"{key}\n".encode() != text:
            raise IntegrityError("not written as verifier keys are")
        known = [k for k in run.trust.keys if Role.CHECKPOINT in k.roles]
        if not any(k.key.algorithm == "ed25519" and k.key.raw == key.raw for k in known):
            raise IntegrityError("the trust policy knows no such ledger key")
        return key
    return None


def _index(run: _Run, key: VerifierKey) -> _Believed | None:
    paths = (layout.INDEX, layout.INDEX_LEAF, layout.INDEX_PROOF)
    believed = _believe(run, *paths, key=key)
    if believed and believed.statement.predicate_type != BUNDLE_TYPE:
        run.object_to(layout.INDEX, "not the list of a bundle")
        return None
    if believed:
        run.story.append(
            f"The bundle was put together by {' and '.join(believed.by)} on {_day(believed.at)} "
            f"and lists {len(believed.statement.subjects)} files."
        )
    return believed


def _files(run: _Run, listed: Mapping[str, Digest]) -> frozenset[str]:
    """Compare what is there with what is listed; gives the paths that are as they were."""
    sound = set()
    there = set()
    for found in sorted(run.folder.rglob("*")):
        path = found.relative_to(run.folder).as_posix()
        if found.is_dir() and not found.is_symlink():
            continue
        there.add(path)
        if len(there) > layout.MAX_FILES:
            run.object_to(path, f"more than {layout.MAX_FILES} files")
            break
        if path in layout.UNLISTED:
            continue
        with run.looking_at(path):
            if path not in listed:
                raise IntegrityError("not in the bundle's list: it was added afterwards")
            if _digest(found) != listed[path]:
                raise IntegrityError("changed: its digest is not the listed one")
            sound.add(path)
    for path in sorted(set(listed) - there):
        run.object_to(path, "missing: the bundle's list has it")
    return frozenset(sound)


def _statements(run: _Run, sound: frozenset[str], key: VerifierKey) -> Iterator[_Believed]:
    """Every statement whose file is sound, if it is signed, trusted and logged."""
    count = 0
    for path in sorted(p for p in sound if p.startswith(f"{layout.STATEMENTS}/")):
        name = path.removeprefix(f"{layout.STATEMENTS}/").removesuffix(layout.ENVELOPE_SUFFIX)
        leaf, proof = layout.leaf_path(name), layout.proof_path(name)
        if leaf in sound and proof in sound:
            believed = _believe(run, path, leaf, proof, key=key)
            if believed:
                count += 1
                yield believed
        else:
            run.object_to(path, "its line in the ledger, or the proof of that, is missing")
    run.story.append(
        f"{count} statements are signed by keys that the trust policy lets say them, and each is "
        f"in the ledger {key.name}."
    )


def _believe(
    run: _Run, path: str, leaf_path: str, proof_path: str, *, key: VerifierKey
) -> _Believed | None:
    """Signature, trust and inclusion of one statement."""
    with run.looking_at(proof_path):
        line, proof = run.read(leaf_path), run.read(proof_path)
        verify_tlog_proof(proof, line, key, where=proof_path)
        leaf = Leaf.parse(line, where=leaf_path)
        _admit_checkpoint(run.trust, key, leaf.at)
        with run.looking_at(path):
            data = run.read(path)
            envelope = Envelope.from_bytes(data, where=path)
            if envelope.to_bytes() != data or sha256(data) != leaf.envelope:
                raise IntegrityError("not the envelope that the ledger's line names")
            vouched = vouch(envelope, run.trust, leaf.at, where=path)
            if vouched.statement.digest != leaf.statement:
                raise IntegrityError("not the statement that the ledger's line names")
            return _Believed(path, envelope, vouched.statement, leaf.at, vouched.signers)
    return None


def _admit_checkpoint(trust: TrustPolicy, key: VerifierKey, at: datetime) -> None:
    admitted = trust.admitted(Role.CHECKPOINT, scope=key.name, at=at)
    if not any(k.key.algorithm == "ed25519" and k.key.raw == key.raw for k in admitted):
        raise IntegrityError("the ledger's key was not good for checkpoints at that time")


def _decision(
    run: _Run, sound: frozenset[str], believed: list[_Believed], named: object
) -> tuple[Decision, Digest] | None:
    """The decision that the bundle is about, made again from what is here."""
    about = next((b for b in believed if str(b.statement.digest) == named), None)
    if about is None:
        run.object_to(layout.INDEX, "the decision that the bundle is about is not in it")
        return None
    with run.looking_at(about.path):
        decision = Decision.from_statement(about.statement)
        for path in (layout.POLICY, layout.MANIFEST):
            if path not in sound:
                raise IntegrityError(f"{path}, on which the decision rests, is not sound")
        manifest = run.read(layout.MANIFEST)
        if Subject("manifest", sha256(manifest)) not in decision.subjects:
            raise IntegrityError(f"the decision is about another {layout.MANIFEST}")
        policy = parse_json(run.read(layout.POLICY), where=layout.POLICY)
        if digest_of(policy) != decision.policy:
            raise IntegrityError(f"the decision was made by another {layout.POLICY}")
        declared = read_manifest(manifest, run.folder).system
        if declared.system.name != decision.system:
            raise IntegrityError(f"the decision is about {decision.system}, the manifest is not")
        candidate = candidate_from(declared, decision.stage, decision.subjects)
        counted = [b for b in believed if b.statement.predicate_type in COUNTED]
        records = gather(((b.envelope, b.at) for b in counted), run.trust)
        again = decide(candidate, read_policy(policy), records, decision.policy, decision.at)
        _compare(decision, again)
        _tell(run, decision, about, counted)
        return decision, about.statement.digest
    return None


def _compare(decision: Decision, again: Decision) -> None:
    """Texts may differ between releases; outcomes and what they rest on may not."""
    mine = {r.requirement: (r.outcome, frozenset(r.evidence), r.waiver) for r in again.reasons}
    for reason in decision.reasons:
        said = (reason.outcome, frozenset(reason.evidence), reason.waiver)
        if mine.get(reason.requirement) != said:
            raise IntegrityError(
                f"{reason.requirement}: the decision says {reason.outcome}, the evidence here "
                f"does not bear it out"
            )
    if len(mine) != len(decision.reasons):
        raise IntegrityError("the decision leaves out requirements of its own policy")


def _tell(run: _Run, decision: Decision, signed: _Believed, counted: list[_Believed]) -> None:
    passed = sum(reason.ok and reason.waiver is None for reason in decision.reasons)
    waived = sum(reason.waiver is not None for reason in decision.reasons)
    run.story.append(
        f"On {_day(signed.at)} {' and '.join(signed.by)} decided: {decision.verdict.upper()} "
        f"{decision.system} to {decision.stage}. {passed} of {len(decision.reasons)} requirements "
        f"passed{f', {waived} were waived' if waived else ''}; made again here, it comes out alike."
    )
    for subject in decision.subjects:
        run.story.append(f"It is about {subject.name} {subject.digest}.")
    approvals = (b for b in counted if b.statement.predicate_type == APPROVAL_TYPE)
    approvers = sorted({name for approval in approvals for name in approval.by})
    run.story.append(f"Approved by {', '.join(approvers)}." if approvers else "Nobody approved it.")


def _registry(run: _Run, believed: list[_Believed], decided: tuple[Decision, Digest]) -> None:
    """What was sealed is what was decided about; what was promoted by the decision is that."""
    decision, digest = decided
    versions: dict[Digest, _Believed] = {}
    for signed in (b for b in believed if b.statement.predicate_type == SEAL_TYPE):
        with run.looking_at(signed.path):
            seal = Seal.from_statement(signed.statement)
            if set(seal.about) != set(decision.subjects):
                raise IntegrityError("what is sealed is not what was decided about")
            versions[seal.version] = signed
            run.story.append(
                f"Sealed as version {seal.version} ({len(seal.files)} files) by "
                f"{' and '.join(signed.by)} on {_day(signed.at)}."
            )
    for signed in (b for b in believed if b.statement.predicate_type == PROMOTION_TYPE):
        with run.looking_at(signed.path):
            move = Move.from_statement(signed.statement)
            if move.version not in versions:
                raise IntegrityError("a move of a version whose seal is not here")
            by = " by this decision" if move.decision == digest else ""
            verb = "Put back into" if move.action is Action.ROLLBACK else "Promoted to"
            run.story.append(
                f"{verb} {move.stage}{by} on {_day(signed.at)} by {' and '.join(signed.by)}."
            )
    for signed in (b for b in believed if b.statement.predicate_type in KEY_TYPES):
        with run.looking_at(signed.path):
            run.story.append(key_story(signed.statement, versions, _day(signed.at)))


def _materials(
    run: _Run, sound: frozenset[str], believed: list[_Believed], decision: Decision
) -> None:
    """What is in it and how it was made, as far as the bundle says so."""
    context = Context(
        decision,
        evidence_among(b.statement for b in believed),
        {path: run.read(path) for path, _ in FORMATS.values() if path in sound},
    )
    for signed in believed:
        with run.looking_at(signed.path):
            told = story_of(signed.statement, context)
            if told is not None:
                run.story.append(told)


def _digest(path: Path) -> Digest:
    if path.is_symlink() or not path.is_file():
        raise IntegrityError("no ordinary file")
    if path.stat().st_size > layout.MAX_FILE:
        raise LimitError(f"more than {layout.MAX_FILE} bytes")
    with path.open("rb") as file:
        return sha256_of(iter(lambda: file.read(1 << 20), b""))


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
