"""What `strongroom scan` does beyond single files: advisories, licences, data sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from strongroom.assess.scanner.formats.requirements import UNCHECKED
from strongroom.assess.scanner.report import FileReport
from strongroom.cli.output import people
from strongroom.domain.errors import InputError, MissingExtra
from strongroom.keys.trust import MAX_FILE, TrustPolicy

if TYPE_CHECKING:
    from strongroom.assess.advisories.mirror import Mirror

TRUST = "trust.json"
"""The trust policy's name in a home."""


def checked_mirror(folder: Path, home: Path, max_age: float, now: datetime) -> Mirror:
    """The mirror, if the home's trust policy and the age limit let it count. Raises otherwise."""
    if find_spec("pip_audit") is None:
        raise MissingExtra("supply", "scan --advisories")
    from strongroom.assess.advisories.mirror import open_mirror  # noqa: PLC0415 - of an extra

    return open_mirror(folder, _trust(home), now=now, max_age=timedelta(days=max_age))


def surrounded(
    reports: Sequence[FileReport], mirror: Mirror | None, licences: Path | None
) -> list[FileReport]:
    """The reports, with what the whole scan knows."""
    result = list(reports)
    if mirror is not None:
        from strongroom.assess.scanner.advise import advised  # noqa: PLC0415 - of an extra

        result = advised(result, mirror)
    if licences is not None:
        from strongroom.assess.scanner.licensing import licensed, read_policy  # noqa: PLC0415

        result = licensed(result, read_policy(licences))
    asked = not any(h.rule == UNCHECKED for report in result for h in report.findings)
    if not asked:
        text = "lists of packages were judged by pins and hashes only: --advisories MIRROR"
        people.print(Text(text, style="yellow"), soft_wrap=True)
    return result


def _trust(home: Path) -> TrustPolicy:
    path = home / TRUST
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise InputError(
            "no trust policy says whose advisories count", where=str(path), fix="give --home DIR"
        ) from error
    return TrustPolicy.parse(data, where=str(path))
