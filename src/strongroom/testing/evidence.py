"""Evidence as checks would give it, for tests of what comes after the checks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from strongroom.domain.decision import Approval, Stage
from strongroom.domain.digests import sha256
from strongroom.domain.evidence import Curve, Evidence, Finding, Metric, Threshold
from strongroom.domain.outcome import Outcome
from strongroom.governance.applicability import applicable
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.keys.trust import Role


def passing_evidence(loaded: Loaded, stage: Stage, at: datetime) -> Iterator[Evidence]:
    """One piece for each check that the stage asks for, within every bound."""
    bounds: dict[str, list[Threshold]] = {}
    checks = {}
    for applied in applicable(load_catalog(), loaded.system, stage):
        for need in applied.needs:
            checks[need.check.name] = need.check
            bounds.setdefault(need.check.name, []).extend(need.thresholds)
    for name, check in checks.items():
        yield Evidence(
            system=loaded.system.system.name,
            check=check,
            configuration=sha256(name.encode()),
            subjects=subjects_of(loaded),
            findings=(Finding(f"{name}.looked", Outcome.PASS, "Nothing was found against it."),),
            metrics=tuple({m.name: m for t in bounds[name] for m in [_within(t)]}.values()),
            effective_at=at,
            recorded_at=at,
            expires_at=at + timedelta(days=30),
            curves=(Curve("curve", "x", "y", ((0.0, 0.0), (0.5, 0.8), (1.0, 1.0))),),
            environment={"python": "3.11"},
        )


def approve(home: Home, loaded: Loaded, stage: Stage, *names: str) -> None:
    """Make a key for each name that has none, and sign an approval with it."""
    for name in names:
        if name not in {key.name for key in home.trust.keys}:
            home.add_key(name, [Role.APPROVAL])
        now = home.clock()
        approval = Approval(
            loaded.system.system.name,
            stage,
            subjects_of(loaded),
            name,
            "read the passport",
            now,
            now + timedelta(days=7),
        )
        home.record(approval.to_statement(), name)


def _within(threshold: Threshold) -> Metric:
    """A figure well inside the bound, with an interval that stays inside too."""
    low, high = threshold.at_least, threshold.at_most
    value = (
        (low + high) / 2
        if low is not None and high is not None
        else low + 0.02
        if low is not None
        else (high or 0.0) - 0.02
    )
    name = threshold.metric.replace("*", "some")
    return Metric(name, value, value - 0.01, value + 0.01, 5000, method="made for a test")
