"""When the model must go, something else is there to take its place at once.

**What it looks at**: the versions of this system that were sealed and promoted, as signed records
in the home tell of them, and the manifest's `fallback`.

**Passes** when an earlier version with another model has stood in a stage and would open today: its
sealed files are there, and the KMS still gives its key. A first version passes when the manifest
says, under `fallback`, what judges payments while the model is out of use.

**Fails** when there is neither, or when every earlier version is damaged.

**What it reports**: `earlier_versions`, how many would open.

**What to do**: keep the version before sealed (never delete its objects or destroy its key), or
write down the fallback: who switches it, how, and what then judges payments.
"""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.assess.case import Case
from strongroom.assess.check import NoSettings, Said, check
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.governance.artifacts import digest_artifact

NAME = "operations.rollback_ready"


@check(
    NAME,
    version=1,
    title="Something else can take the model's place at once",
    needs=("model",),
    history=("predecessors",),
)
def rollback_ready(case: Case, settings: NoSettings) -> Iterator[Said]:  # noqa: ARG001
    """Look for a version to go back to, else for a declared fallback."""
    mine = str(digest_artifact(case.path("model")))
    earlier = [p for p in case.history.predecessors if p.model != mine and p.stages]
    sound = [p for p in earlier if p.problem is None]
    yield Metric.exact("earlier_versions", len(sound), len(case.history.predecessors), "versions")
    for version in earlier:
        if version.problem is not None:
            yield Finding(
                f"{NAME}.damaged",
                Outcome.PASS if sound else Outcome.FAIL,
                f"version {version.version[:19]} would not open: {version.problem}",
                Severity.LOW if sound else Severity.HIGH,
                where=version.version,
            )
    if sound:
        last = sound[-1]
        yield Finding(
            f"{NAME}.earlier_version",
            Outcome.PASS,
            f"version {last.version[:19]} opens; it has stood in {', '.join(last.stages)}",
            Severity.INFO,
            where=last.version,
        )
    elif not earlier:
        yield _first_version(case.system.fallback)


def _first_version(fallback: str | None) -> Finding:
    if fallback is None:
        return Finding(
            f"{NAME}.nothing",
            Outcome.FAIL,
            "there is no earlier version to go back to, and no declared fallback",
            Severity.HIGH,
            fix="say under `fallback` what judges payments while the model is out of use",
        )
    return Finding(
        f"{NAME}.fallback",
        Outcome.PASS,
        f"this is the first version; the declared fallback is: {fallback}",
        Severity.INFO,
    )
