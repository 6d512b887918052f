"""`strongroom assess --against OTHER`: is this version better or worse, and how sure is that?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from strongroom.assess.assessing import required
from strongroom.assess.comparison import Compared, Verdict, compare_metrics
from strongroom.assess.comparison_worker import compare_systems
from strongroom.cli.listing import below
from strongroom.cli.options import manifest_in
from strongroom.cli.output import people
from strongroom.domain.canonical import plain
from strongroom.domain.errors import InputError
from strongroom.governance.loader import Loaded
from strongroom.governance.requirement import Catalog
from strongroom.home.home import Home
from strongroom.report.facts import facts_of

FPR: Final = 0.01
"""Where decisions are compared."""
_STYLE: Final = {Verdict.BETTER: "green", Verdict.WORSE: "bold red"}


@dataclass(frozen=True, slots=True)
class Against:
    """A comparison with another version."""

    other: str
    """As the user named it."""
    paired: tuple[Compared, ...]
    """On the same rows."""
    unpaired: tuple[Compared, ...]
    """Figures of the evidence of each, by their intervals."""
    why_unpaired: str | None
    """Why there are no paired figures."""

    @property
    def worse(self) -> bool:
        """Whether anything got worse for sure."""
        return any(c.verdict is Verdict.WORSE for c in (*self.paired, *self.unpaired))


def against(
    home: Home, loaded: Loaded, manifest: Path, other: str, catalog: Catalog, seed: int
) -> Against:
    """Compare the system, newly assessed, with a folder or a sealed version.

    Raises InputError where the other names nothing.
    """
    bounds = [
        (order.spec.id.name, threshold)
        for order in required(loaded, catalog)
        for threshold in order.thresholds
    ]
    figures = compare_metrics(
        facts_of(home, other).metrics, facts_of(home, str(manifest)).metrics, bounds
    )
    paired, why = _paired(Path(other), manifest, seed)
    return Against(other, paired, figures, why)


def document(found: Against) -> dict[str, Any]:
    """For `--format json`."""
    return {
        "other": found.other,
        "worse": found.worse,
        "paired": [{**plain(c), "verdict": c.verdict} for c in found.paired],
        "unpaired": [{**plain(c), "verdict": c.verdict} for c in found.unpaired],
        "why_unpaired": found.why_unpaired,
    }


def show(found: Against) -> None:
    """Sentences, what is paired first; unpaired figures that moved, and how many did not."""
    people.print(f"\nAgainst {found.other}:", style="bold", soft_wrap=True)
    if found.why_unpaired:
        below([f"not on the same rows: {found.why_unpaired}"])
    moved = [c for c in found.unpaired if c.verdict is not Verdict.NONE]
    for one in (*found.paired, *moved):
        below([str(one)], _STYLE.get(one.verdict, ""))
    if still := len(found.unpaired) - len(moved):
        below([f"{still} more figures: intervals overlap, which is no proof that they are alike"])


def _paired(other: Path, manifest: Path, seed: int) -> tuple[tuple[Compared, ...], str | None]:
    if not other.exists():
        return (), "a sealed version is not opened for this; `strongroom open` it into a folder"
    try:
        return compare_systems(manifest_in(other), manifest, fpr=FPR, seed=seed), None
    except InputError as error:
        return (), str(error)
