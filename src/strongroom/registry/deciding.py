"""Put a system before the gate: gather what was signed about it, decide, record the decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.domain.canonical import canonical
from strongroom.domain.decision import Decision, Stage
from strongroom.domain.digests import Digest
from strongroom.governance.applicability import Applied, applicable
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.catalog import Catalog
from strongroom.governance.loader import Loaded
from strongroom.governance.policy import policy_digest, policy_document
from strongroom.governance.rego import FOLDER as RULES
from strongroom.governance.rego import as_required, load_rules
from strongroom.home.home import Home
from strongroom.registry.candidate import Candidate, Records, candidate_from
from strongroom.registry.gate import decide
from strongroom.registry.gather import COUNTED, gather


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, as recorded, and the requirements it was made by."""

    decision: Decision
    digest: Digest
    """Of its statement."""
    required: tuple[Applied, ...]


def candidate_of(loaded: Loaded, stage: Stage) -> Candidate:
    """What a decision about the manifest's folder, as it is now, is about."""
    return candidate_from(loaded.system, stage, subjects_of(loaded))


def records_about(home: Home, system: str) -> Records:
    """All that was signed about a system and that the home's trust policy believes.

    Raises IntegrityError for a record that the ledger does not have as the index says.
    """
    found = [record for kind in COUNTED for record in home.records(kind, system=system)]
    for record in found:
        home.check_logged(record)
    return gather(((record.envelope, record.recorded_at) for record in found), home.trust)


def required_of(home: Home, loaded: Loaded, stage: Stage, catalog: Catalog) -> tuple[Applied, ...]:
    """What the gate asks before the stage: the catalog's requirements and the house's own rules."""
    rules = as_required(load_rules(home.folder / RULES), stage)
    return (*applicable(catalog, loaded.system, stage), *rules)


def ask_rules(
    home: Home, loaded: Loaded, stage: Stage, asked: tuple[Applied, ...], now: datetime
) -> Decision:
    """What rules would say now; recorded nowhere, and no decision of the gate."""
    candidate = candidate_of(loaded, stage)
    records = records_about(home, candidate.system)
    return decide(candidate, asked, records, policy_digest(asked), now)


def put_before_gate(
    home: Home, loaded: Loaded, stage: Stage, catalog: Catalog, now: datetime
) -> Decided:
    """Decide, keep the policy that was decided by, and record the decision, whatever it is.

    Raises only for broken input.
    """
    required = required_of(home, loaded, stage, catalog)
    policy = home.objects.put([canonical(policy_document(required))])
    candidate = candidate_of(loaded, stage)
    decision = decide(candidate, required, records_about(home, candidate.system), policy, now)
    record = home.record(decision.to_statement(), "gate")
    return Decided(decision, record.digest, required)
