"""Holds the packages that a scan came upon against a mirror of advisories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.version import InvalidVersion, Version

from strongroom.assess.advisories.audit import Audited, Known, audit
from strongroom.assess.advisories.mirror import Mirror
from strongroom.assess.locks import KINDS, Locked, read_locked
from strongroom.assess.pins import MAX_BYTES
from strongroom.assess.scanner.formats.requirements import SHOWN, UNCHECKED
from strongroom.assess.scanner.place import odd, unjudged
from strongroom.assess.scanner.report import FileReport, Hazard, Rating
from strongroom.domain.canonical import format_time
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Severity

_MILD = frozenset({Severity.INFO, Severity.LOW, Severity.MEDIUM})


def advised(reports: Sequence[FileReport], mirror: Mirror) -> list[FileReport]:
    """The reports, with advisories for each list of packages among them. One audit for all.

    Lists inside archives are not held against advisories; the note in their report says so.
    """
    read = {report.path: _locked(report) for report in reports if report.format in KINDS}
    locked = [one for one in read.values() if isinstance(one, Locked)]
    everything = {pair for one in locked for pair in _pairs(one)}
    audited = audit(everything, mirror)
    return [_with(report, read[report.path], audited, mirror) if report.path in read else report
            for report in reports]  # fmt: skip


def _locked(report: FileReport) -> Locked | InputError:
    try:
        with report.path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
        return read_locked(text, report.format, where=report.path.name)
    except OSError as error:
        return InputError(f"cannot be read again: {error.strerror}")
    except InputError as error:
        return error


def _pairs(locked: Locked) -> set[tuple[str, str]]:
    return {
        (pin.name, pin.version)
        for pin in locked.requirements.pins
        if pin.version is not None and pin.name not in locked.elsewhere
    }


def _with(
    report: FileReport, locked: Locked | InputError, audited: Audited, mirror: Mirror
) -> FileReport:
    if isinstance(locked, InputError):
        return report  # its own findings say that it could not be read
    kept = [hazard for hazard in report.findings if hazard.rule != UNCHECKED]
    said = list(_judge(locked, audited, mirror))
    return FileReport.of(report.path, report.format, [*kept, *said])


def _judge(locked: Locked, audited: Audited, mirror: Mirror) -> Iterator[Hazard]:
    pairs = _pairs(locked)
    for known in audited.known:
        if any(name == known.package and _same(v, known) for name, v in pairs):
            yield hazard_of(known)
    names = {name for name, _ in pairs}
    left = [pin.name for pin in locked.requirements.pins if pin.version is None]
    left += [text for text in audited.unchecked if text.partition(" ")[0] in names]
    left += [f"{name} (not from PyPI)" for name in locked.elsewhere]
    if left:
        shown = ", ".join(name[:60] for name in left[:SHOWN])
        text = f"could not be held against advisories: {shown}"
        yield unjudged("dependencies.unchecked", text, fix="pin each to one exact version")
    day = format_time(mirror.about.as_of)
    yield odd(
        "dependencies.advisories",
        f"held against {mirror.about.advisories} advisories as of {day}: {len(pairs)} pinned",
        rating=Rating.CLEAN,
        severity=Severity.INFO,
    )


def _same(version: str, known: Known) -> bool:
    try:
        return str(Version(version)) == known.version
    except InvalidVersion:
        return False


def hazard_of(known: Known) -> Hazard:
    """Block, unless somebody who knows it says that it is of low or medium severity."""
    mild = known.severity in _MILD and not known.malicious
    fixed = f"fixed in {', '.join(known.fixed)}" if known.fixed else "no fixed version is known"
    aliases = f" ({', '.join(known.aliases)})" if known.aliases else ""
    what = (
        "is a malicious package" if known.malicious else f"severity {known.severity or 'unknown'}"
    )
    return odd(
        "dependencies.advisory",
        f"{known.package} {known.version}: {known.id}{aliases}, {what}: {known.summary}; {fixed}",
        attack="known_weakness",
        references=(known.id, *known.aliases, "CWE-1395", "AML.T0010.001"),
        rating=Rating.REVIEW if mild else Rating.BLOCK,
        severity=known.severity or Severity.HIGH,
        call=f"pkg:pypi/{known.package}@{known.version}",
        fix=f"{known.package}>={known.fixed[0]}" if known.fixed else "use something else",
    )
