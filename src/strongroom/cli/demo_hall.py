"""Tells the demo of the whole hall as it happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from strongroom.assess.runner import Assessed, Watch
from strongroom.cli.assess import show as show_evidence
from strongroom.cli.assess_progress import Bars
from strongroom.cli.gate import show as show_decision
from strongroom.cli.output import Format, people, write_json
from strongroom.domain.decision import Verdict
from strongroom.domain.errors import ConflictError, InputError
from strongroom.payments.demo import HOME, Told, play
from strongroom.payments.sources import Own, Simulated
from strongroom.registry.deciding import Decided

MARKER: Final = ".strongroom-demo"
"""Says that a folder is ours to replace."""


def play_hall(data: Path | None, manifest: Path | None, out: Path, seed: int, form: Format) -> bool:
    """Play it and tell it; whether the mended model went live and every claim held."""
    if (data is None) != (manifest is None):
        raise InputError("--data and --manifest belong together", fix="give both, or neither")
    source = Simulated(seed) if data is None or manifest is None else Own(data, manifest, seed)
    _clear(out)
    told = play(source, out, _Terminal(), seed=seed, cores=len(os.sched_getaffinity(0)))
    (out / MARKER).touch()
    if form is Format.JSON:
        write_json({**_plain(told)})
    else:
        _close(out, told)
    whole = told.second_decision is Verdict.ALLOW and told.verified and told.rolled_back
    return whole and told.tamper == "refused"


class _Terminal:
    """The audience in front of a terminal; also of a log, without colours and bars."""

    def __init__(self) -> None:
        self._scenes = 0

    def scene(self, title: str) -> None:
        self._scenes += 1
        people.print()
        people.print(Rule(Text(f"{self._scenes}. {title}", "bold"), align="left", style="dim"))

    def say(self, text: str) -> None:
        people.print(Text(f"  {text}"), soft_wrap=True)

    def watch(self) -> AbstractContextManager[Watch]:
        return Bars()

    def assessed(self, evidence: Sequence[Assessed]) -> None:
        show_evidence(evidence)

    def decided(self, decided: Decided) -> None:
        show_decision(decided)


def _clear(out: Path) -> None:
    """Make way for the demo, but never remove what is not a demo's."""
    if not out.exists():
        return
    if not (out / MARKER).exists() and not (out / HOME / "home.json").exists():
        raise ConflictError(
            "there is something that is no demo", where=str(out), fix="name another with --out"
        )
    shutil.rmtree(out)


def _plain(told: Told) -> dict[str, object]:
    return {
        "first_decision": told.first_decision,
        "second_decision": told.second_decision,
        "tamper": told.tamper,
        "rolled_back": told.rolled_back,
        "bundle": str(told.bundle),
        "trust": str(told.trust),
        "passport": str(told.passport),
        "verified": told.verified,
        "seconds": told.seconds,
    }


def _close(out: Path, told: Told) -> None:
    """What happened, and where to look."""
    yes, no = Text("yes", "green"), Text("no", "bold red")
    table = Table(title="What happened", title_justify="left", box=None, show_header=False)
    table.add_row("The careless model", _verdict(told.first_decision))
    table.add_row("The mended model", _verdict(told.second_decision))
    table.add_row("One byte flipped in the store", told.tamper)
    table.add_row("Rolled back", yes if told.rolled_back else no)
    table.add_row("Audit bundle verified offline", yes if told.verified else no)
    look = Table(title="Where to look", title_justify="left", box=None, show_header=False)
    look.add_row("Passport", f"{told.passport} (and .pdf beside it)")
    look.add_row("Audit bundle", f"strongroom verify {told.bundle} --trust {told.trust}")
    look.add_row("The ledger", f"strongroom ledger verify --home {out / HOME}")
    look.add_row("Versions", f"strongroom versions --home {out / HOME}")
    people.print()
    people.print(Rule(style="dim"))
    people.print(table)
    people.print(look)
    people.print(f"\n{told.seconds:.0f} seconds.", style="dim")


def _verdict(verdict: Verdict) -> Text:
    allowed = verdict is Verdict.ALLOW
    return Text("allowed" if allowed else "denied", "green" if allowed else "bold red")
