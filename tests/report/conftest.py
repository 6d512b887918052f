"""A decided, sealed and promoted system, and its audit bundle, made once."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.assess.provenance.known import keep
from strongroom.assess.provenance.recording import Wanted, record_run
from strongroom.domain.decision import Stage, Verdict
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.keys.trust import TrustPolicy
from strongroom.registry.deciding import put_before_gate
from strongroom.report.audit import choose, write_bundle
from strongroom.report.extras import bundle_extras
from strongroom.report.promotion import promote
from strongroom.testing.evidence import approve, passing_evidence
from strongroom.testing.systems import make_workshop


@dataclass(frozen=True)
class Audited:
    """What an auditor is handed, and what it came from."""

    bundle: Path
    trust: TrustPolicy
    loaded: Loaded
    home: Path

    def copy(self, to: Path) -> Path:
        return shutil.copytree(self.bundle, to / "bundle")


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    folder = tmp_path_factory.mktemp("audited")
    loaded = make_workshop(folder / "system").load()
    with Home.open(folder / "home", create=True) as home:
        again = ("sh", "-c", "cp model.txt copy && mv copy model.txt")
        made = record_run(loaded, Wanted(again, loaded.folder), os.environ, home.clock)
        keep(home, made.provenance)
        for stage in Stage:
            for evidence in passing_evidence(loaded, stage, home.clock()):
                home.record(evidence.to_statement(), "assessor")
            approve(home, loaded, stage, "bob", "carol")
            decided = put_before_gate(home, loaded, stage, load_catalog(), home.clock())
            assert decided.decision.verdict is Verdict.ALLOW, decided.decision.reasons
            promote(home, loaded, stage)
        chosen = choose(home, loaded)
        extras = bundle_extras(home, loaded, chosen)
        bundle = write_bundle(home, loaded, chosen, folder / "bundle", extras)
        return Audited(bundle, home.trust, loaded, home.folder)
