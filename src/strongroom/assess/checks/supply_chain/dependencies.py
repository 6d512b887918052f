"""Every dependency is pinned by version and hash, and there is a bill of materials.

**What it looks at**: the requirements file that the manifest names, and the digests of model and
data sets, which go into an AI bill of materials (CycloneDX 1.7) that is held against the strict
schema.

**What it reports**: `missing_hashes` (packages without a SHA-256 or stronger), `unpinned` (packages
without one exact version), `packages`, and the bill's digest.

**Fails** for packages that are not pinned, for options that let packages in from another index, and
for files that the requirements file only includes. **Unknown** where the bill cannot be validated.

**What to do**: `uv pip compile --generate-hashes` or `pip-compile --generate-hashes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strongroom.assess.bom import Materials, build, validate
from strongroom.assess.case import Case
from strongroom.assess.check import NoSettings, Said, check
from strongroom.assess.pins import Pin, Requirements, read_requirements_file
from strongroom.assess.scanner import scan_file
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, MissingExtra
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.governance.artifacts import digest_artifact

NAME: Final = "supply_chain.dependencies"
FIX: Final = "uv pip compile --generate-hashes requirements.in -o requirements.txt"
SHOWN: Final = 20
"""Packages named in one finding."""


@check(
    NAME,
    version=1,
    title="Dependencies are pinned by hash, and a bill of materials is valid",
    needs=("model",),
    wants=("dependencies", "data.train", "data.test"),
)
def dependencies(case: Case, _settings: NoSettings) -> Iterator[Said]:
    """Read the requirements file, then build and validate the bill."""
    declared = case.has("dependencies")
    wanted = read_requirements_file(case.path("dependencies")) if declared else Requirements((), ())
    yield from _pins(wanted, declared=declared)
    yield from _options(wanted)
    yield from _bill(case, wanted.pins)


def _pins(wanted: Requirements, *, declared: bool) -> Iterator[Said]:
    count = len(wanted.pins)
    bare = [pin for pin in wanted.pins if not pin.hashes]
    loose = [pin for pin in wanted.pins if pin.version is None]
    yield Metric.exact("packages", count, count, "packages")
    yield Metric.exact("missing_hashes", len(bare), count, "packages")
    yield Metric.exact("unpinned", len(loose), count, "packages")
    if not declared:
        text = "The manifest declares no dependencies: the model ships without code."
        yield Finding(f"{NAME}.none", Outcome.PASS, text, Severity.INFO)
    elif not count:
        text = "The requirements file names no package."
        yield Finding(f"{NAME}.empty", Outcome.UNKNOWN, text, where="dependencies")
    elif bare or loose:
        yield from _unpinned(bare, "hash", "a package changed upstream would be run, not refused")
        yield from _unpinned(loose, "exact version", "each install may bring another version")
    else:
        text = f"All {count} packages are pinned by exact version and hash."
        yield Finding(f"{NAME}.pinned", Outcome.PASS, text, Severity.INFO)


def _unpinned(pins: list[Pin], what: str, why: str) -> Iterator[Finding]:
    if not pins:
        return
    names = ", ".join(f"{pin.name} (line {pin.line})" for pin in pins[:SHOWN])
    more = f" and {len(pins) - SHOWN} more" if len(pins) > SHOWN else ""
    yield Finding(
        f"{NAME}.no_{what.rpartition(' ')[2]}",
        Outcome.FAIL,
        f"{len(pins)} packages have no {what}: {names}{more}; {why}.",
        Severity.HIGH,
        f"dependencies:{pins[0].line}",
        FIX,
        {"packages": [pin.name for pin in pins[:SHOWN]]},
        ("CWE-494", "ATLAS AML.T0010.001"),
    )


def _options(wanted: Requirements) -> Iterator[Finding]:
    for option in wanted.options:
        if option.risky:
            yield Finding(
                f"{NAME}.second_source",
                Outcome.FAIL,
                f"{option.text[:200]} lets packages in from a second source: whoever registers a "
                "name there first is installed.",
                Severity.HIGH,
                f"dependencies:{option.line}",
                "name one index, outside the file",
                references=("CWE-427", "ATLAS AML.T0010.001"),
            )
        elif option.includes:
            yield Finding(
                f"{NAME}.included_file",
                Outcome.FAIL,
                f"{option.text[:200]} names another file, which is not part of the evidence.",
                Severity.MEDIUM,
                f"dependencies:{option.line}",
                "write one locked file",
            )


def _bill(case: Case, pins: tuple[Pin, ...]) -> Iterator[Finding]:
    names = [n for n in ("model", "data.train", "data.test", "dependencies") if case.has(n)]
    digests: dict[str, Digest] = {name: digest_artifact(case.path(name)) for name in names}
    model = case.path("model")
    format_ = scan_file(model).format if model.is_file() else "folder"
    document = build(Materials(case.system, digests, pins, model_format=format_))
    facts = {"digest": str(sha256(document)), "components": len(pins) + len(digests)}
    try:
        validate(document)
    except MissingExtra as error:
        text = "The bill of materials could not be held against its schema."
        yield Finding(f"{NAME}.bom", Outcome.UNKNOWN, text, fix=error.fix, facts=facts)
    except InputError as error:
        yield Finding(f"{NAME}.bom", Outcome.FAIL, str(error), Severity.HIGH, facts=facts)
    else:
        text = f"A valid CycloneDX 1.7 bill of materials lists {facts['components']} components."
        yield Finding(f"{NAME}.bom", Outcome.PASS, text, Severity.INFO, facts=facts)
