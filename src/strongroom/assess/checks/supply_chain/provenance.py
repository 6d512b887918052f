"""A recorded run made exactly this model from exactly this training data.

**What it looks at**: the build provenance that `strongroom record` signed and logged: the newest
whose outputs include the model by digest.

**What it reports**: `proven` (1 when a recorded run links model and training data, else 0),
`inputs`, `packages`, and what that run could not see.

**Fails** where no recorded run made this model, where it read other training data, or data that
changed meanwhile, and where the code that ran is not what its commit holds. **Unknown** where the
code has no commit, or the packages are not known: then nobody can make the model again.

**What to do**: commit the code, then `strongroom record`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strongroom.assess.case import Case
from strongroom.assess.check import NoSettings, Said, check
from strongroom.assess.provenance.known import Known
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.domain.provenance import Provenance
from strongroom.governance.artifacts import digest_artifact

NAME: Final = "supply_chain.provenance"
FIX: Final = "commit the code, then train by `strongroom record`"
REFERENCES: Final = ("CWE-345", "ATLAS AML.T0010")


@check(
    NAME,
    version=1,
    title="A recorded run made this model from this data",
    needs=("model",),
    wants=("data.train",),
    history=("provenance",),
)
def provenance(case: Case, _settings: NoSettings) -> Iterator[Said]:
    """Find the run by the model's digest, then judge what it says."""
    model = digest_artifact(case.path("model"))
    known = case.history.provenance
    runs = [k for k in known if (o := k.provenance.output("model")) and o.digest == model]
    if not runs:
        yield Metric.exact("proven", 0, len(known), "recorded runs")
        text = "No recorded run made this model: where it comes from is somebody's word."
        yield _failed("none", text)
        return
    made = runs[-1].provenance
    linked = list(_linked(case, made))
    proven = not any(f.outcome is Outcome.FAIL for f in linked)
    yield Metric.exact("proven", int(proven), len(runs), "recorded runs")
    yield Metric.exact("inputs", len(made.inputs), len(made.inputs), "files")
    yield Metric.exact("packages", len(made.packages), len(made.packages), "packages")
    yield from linked
    yield from _code(made)
    yield from _surroundings(made)
    if proven:
        yield _told(runs[-1])


def _linked(case: Case, made: Provenance) -> Iterator[Finding]:
    """The training data went in, and was one thing all the while."""
    if case.has("data.train"):
        train = made.input("data.train")
        if train is None or train.digest != digest_artifact(case.path("data.train")):
            yield _failed("other_data", "The recorded run did not read this training data.")
    if changed := [item.name for item in made.inputs if item.changed]:
        names = ", ".join(changed[:5])
        yield _failed("changed_input", f"Inputs were written to during the run: {names}.")


def _code(made: Provenance) -> Iterator[Finding]:
    if made.commit is None:
        text = "The code that ran has no commit: nobody can say which it was."
        yield Finding(f"{NAME}.no_commit", Outcome.UNKNOWN, text, fix=FIX, references=REFERENCES)
    elif made.commit.dirty:
        files = ", ".join((*made.commit.modified, *made.commit.untracked)[:5])
        yield _failed("dirty", f"The code that ran is not what its commit holds: {files}.")


def _surroundings(made: Provenance) -> Iterator[Finding]:
    if not made.packages:
        text = "The packages that the run had are not known: no Python could be watched."
        yield Finding(f"{NAME}.no_packages", Outcome.UNKNOWN, text, fix=FIX)
    if made.environment.get("python.hash_seed") == "random":
        text = "PYTHONHASHSEED was random: a run that depends on the order of sets comes out anew."
        yield Finding(f"{NAME}.hash_seed", Outcome.PASS, text, Severity.LOW)


def _told(known: Known) -> Finding:
    made = known.provenance
    unseen = sorted(name for name, seen in made.completeness.items() if not seen)
    text = f"`{' '.join(made.command)}` made this model" + (
        f"; the run could not see: {', '.join(unseen)}." if unseen else "."
    )
    facts = {"statement": str(known.statement), "not_seen": unseen}
    return Finding(f"{NAME}.recorded", Outcome.PASS, text[:1000], Severity.INFO, facts=facts)


def _failed(rule: str, text: str) -> Finding:
    return Finding(
        f"{NAME}.{rule}", Outcome.FAIL, text, Severity.HIGH, fix=FIX, references=REFERENCES
    )
