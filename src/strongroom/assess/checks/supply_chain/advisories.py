"""No pinned package is known to be weak or malicious.

**What it looks at**: the requirements file that the manifest names, held against the signed mirror
of advisories in the home (`strongroom advisories sync`) by pip-audit.

**What it reports**: `malicious` (packages that are themselves an attack), `known[severity]`
(advisories that hold for a pinned version, by severity), `fixable` (those that a newer version
ends), `packages`, and date and digest of the mirror.

**Fails** for a malicious package; weaknesses are held against the requirement's bounds,
by severity. **Unknown** without a mirror, with one that is too old or signed by nobody of trust,
and for packages without an exact version.

**What to do**: take the version that the finding names, or waive it by id with an end date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from strongroom.assess.advisories.audit import Audited, Known, audit
from strongroom.assess.advisories.mirror import About
from strongroom.assess.case import Case
from strongroom.assess.check import NoSettings, Said, check
from strongroom.assess.pins import read_requirements_file
from strongroom.domain.canonical import format_time
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

NAME: Final = "supply_chain.advisories"
SYNC: Final = "strongroom advisories sync, or import one that was carried here"
SHOWN: Final = 20
"""Packages named in findings."""
REFERENCES: Final = ("CWE-1395", "ATLAS AML.T0010.001")
UNRATED: Final = "unrated"


@check(
    NAME,
    version=1,
    title="No pinned package is known to be weak or malicious",
    needs=("dependencies",),
    history=("mirror",),
)
def advisories(case: Case, _settings: NoSettings) -> Iterator[Said]:
    """Ask the mirror for every package that is pinned."""
    held = case.history.mirror
    if held is None or held.about is None:
        why = "the home holds no mirror of advisories" if held is None else held.problem
        text = f"Nobody can say whether the packages are weak: {why}."
        yield Finding(f"{NAME}.no_mirror", Outcome.UNKNOWN, text, fix=SYNC)
        return
    pins = read_requirements_file(case.path("dependencies")).pins
    asked = audit([(pin.name, pin.version) for pin in pins if pin.version], held.open())
    loose = [pin.name for pin in pins if not pin.version]
    yield from _figures(asked)
    yield from _malicious([known for known in asked.known if known.malicious])
    yield from _weak([known for known in asked.known if not known.malicious])
    yield from _unasked([*asked.unchecked, *loose])
    yield _told(asked, held.about)


def _figures(asked: Audited) -> Iterator[Metric]:
    malicious = {known.package for known in asked.known if known.malicious}
    weak = [known for known in asked.known if not known.malicious]
    by_severity = Counter(_severity(known) for known in weak)
    yield Metric.exact("packages", asked.checked, asked.checked, "packages")
    yield Metric.exact("malicious", len(malicious), asked.checked, "packages")
    for name in (*Severity, UNRATED):
        yield Metric.exact(f"known[{name}]", by_severity[str(name)], asked.checked, "advisories")
    fixable = sum(bool(known.fixed) for known in weak)
    yield Metric.exact("fixable", fixable, len(weak), "advisories")


def _malicious(known: Sequence[Known]) -> Iterator[Finding]:
    for one in known[:SHOWN]:
        yield Finding(
            f"{NAME}.malicious",
            Outcome.FAIL,
            f"{one.package} {one.version} is itself an attack ({one.id}): {one.summary}",
            Severity.CRITICAL,
            "dependencies",
            "remove it, and treat every machine that installed it as taken over",
            references=(*REFERENCES, one.id),
        )


def _weak(known: Sequence[Known]) -> Iterator[Finding]:
    """What is known, for people; the requirement's bounds decide how much of it is too much."""
    ranked = sorted(known, key=lambda one: -list(Severity).index(one.severity or Severity.INFO))
    for one in ranked[:SHOWN]:
        names = ", ".join((one.id, *one.aliases[:3]))
        until = f"fixed in {one.fixed[0]}" if one.fixed else "no version without it"
        yield Finding(
            f"{NAME}.known",
            Outcome.PASS,
            f"{one.package} {one.version}: {names}, {_severity(one)}, {until}. {one.summary}",
            one.severity or Severity.INFO,
            "dependencies",
            f"pin {one.package}=={one.fixed[0]}" if one.fixed else "replace it, or waive by its id",
            references=(*REFERENCES, one.id),
        )


def _unasked(names: Sequence[str]) -> Iterator[Finding]:
    if names:
        text = f"No exact version to ask for: {', '.join(names[:SHOWN])}."
        fix = "pin exact versions"
        yield Finding(f"{NAME}.unasked", Outcome.UNKNOWN, text, where="dependencies", fix=fix)


def _told(asked: Audited, about: About) -> Finding:
    as_of = format_time(about.as_of)
    facts = {"mirror": str(about.digest), "as_of": as_of, "signers": list(about.signers)}
    text = (
        f"{asked.checked} packages were asked for in {about.advisories} advisories as of {as_of}; "
        f"{len(asked.known)} hold."
    )
    return Finding(f"{NAME}.asked", Outcome.PASS, text, Severity.INFO, facts=facts)


def _severity(known: Known) -> str:
    return UNRATED if known.severity is None else str(known.severity)
