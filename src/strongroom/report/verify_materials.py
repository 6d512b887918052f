"""What a bundle says of materials and making, held against the decision it is about.

1. A bill of materials is about what was decided about, and lists that model and those data sets.
2. The evidence that a bill refers to is in the bundle; its file is what was signed.
3. A provenance has the decided model among its outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from strongroom.domain.canonical import canonical
from strongroom.domain.decision import Decision
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.domain.evidence import EVIDENCE_TYPE
from strongroom.domain.predicates import CYCLONEDX_TYPE, SLSA_TYPE, SPDX_TYPE
from strongroom.domain.provenance import Provenance
from strongroom.domain.statement import Statement
from strongroom.report import layout

FORMATS: Mapping[str, tuple[str, str]] = {
    CYCLONEDX_TYPE: (layout.BOM, "CycloneDX"),
    SPDX_TYPE: (layout.SPDX, "SPDX"),
}
"""File in the bundle and name, by predicate type."""
_EVIDENCE = "urn:strongroom:evidence:"


@dataclass(frozen=True, slots=True)
class Context:
    """What statements are held against."""

    decision: Decision
    evidence: frozenset[str]
    """Digests of the evidence that is in the bundle and believed."""
    documents: Mapping[str, bytes]
    """Of the bills' files that are as listed, by path."""


def evidence_among(statements: Iterable[Statement]) -> frozenset[str]:
    """Digests of those that are evidence."""
    return frozenset(str(s.digest) for s in statements if s.predicate_type == EVIDENCE_TYPE)


def story_of(statement: Statement, context: Context) -> str | None:
    """In plain words what the statement adds; None for one of another kind. Raises if it lies."""
    if statement.predicate_type in FORMATS:
        return _bill(statement, context)
    if statement.predicate_type == SLSA_TYPE:
        return _made(Provenance.from_statement(statement), context.decision)
    return None


def _bill(statement: Statement, context: Context) -> str:
    path, name = FORMATS[statement.predicate_type]
    if set(statement.subjects) != set(context.decision.subjects):
        raise IntegrityError("the bill of materials is not about what was decided about")
    if context.documents.get(path) != canonical(statement.predicate):
        raise IntegrityError(f"{path} is not the bill of materials that was signed")
    said = set(_texts(statement.predicate))
    for subject in context.decision.subjects:
        if subject.name.startswith(("model", "data.")) and subject.digest.hex not in said:
            raise IntegrityError(f"the bill of materials does not list the decided {subject.name}")
    cited = {text.removeprefix(_EVIDENCE) for text in said if text.startswith(_EVIDENCE)}
    if lost := sorted(cited - context.evidence):
        raise IntegrityError(f"the bill refers to evidence that is not here: {lost[0]}")
    return f"What is in it is signed as {name}, and refers to {len(cited)} pieces of evidence."


def _made(made: Provenance, decision: Decision) -> str:
    model = next((s.digest for s in decision.subjects if s.name == "model"), None)
    output = made.output("model")
    if output is None or output.digest != model:
        raise IntegrityError("a provenance of another model")
    commit = f", code at commit {made.commit.id[:12]}" if made.commit else ""
    train = made.input("data.train")
    data = _digest_of(decision, "data.train")
    from_data = " from the decided training data" if train and train.digest == data else ""
    return (
        f"The model was made by a recorded run of `{' '.join(made.command)}`{from_data}{commit}, "
        f"which ended on {made.finished:%Y-%m-%d %H:%M} UTC."
    )


def _digest_of(decision: Decision, name: str) -> Digest | None:
    return next((s.digest for s in decision.subjects if s.name == name), None)


def _texts(value: object) -> Iterator[str]:
    """Every text anywhere in a JSON value."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif not isinstance(one, bool | int | float | None):
            raise InputError("no JSON value")
