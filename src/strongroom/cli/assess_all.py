"""`strongroom assess --all`: many systems, one after another by several workers, and a summary."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from strongroom.assess import campaign_run
from strongroom.assess.campaign import Ended, Scope, Standing, remaining
from strongroom.assess.campaign_journal import opened
from strongroom.assess.campaign_run import Limits
from strongroom.cli.leave import ask_leave
from strongroom.cli.output import OUTCOME_STYLE, minutes, people
from strongroom.domain.errors import DeniedError, InputError
from strongroom.domain.outcome import Outcome
from strongroom.governance.access.policy import Action
from strongroom.governance.loader import MANIFEST, load_manifest
from strongroom.home.home import Home

MAX_SYSTEMS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the manifests say before anything is run."""

    names: dict[str, str]
    """System by folder."""
    problems: dict[str, str]
    """Why a folder cannot be assessed."""


def systems_in(folders: Iterable[Path]) -> tuple[str, ...]:
    """Absolute folders that hold a manifest: those given, else all below them, each once.

    Raises InputError where there is none, or more than `MAX_SYSTEMS`.
    """
    found: set[str] = set()
    for folder in folders:
        here = folder.parent if folder.name == MANIFEST else folder
        manifests = [here / MANIFEST] if (here / MANIFEST).is_file() else _below(here)
        if not manifests:
            raise InputError(f"no {MANIFEST} in it or below it", where=str(folder))
        found.update(str(manifest.parent.resolve()) for manifest in manifests)
        if len(found) > MAX_SYSTEMS:
            raise InputError(f"more than {MAX_SYSTEMS} systems", where=str(folder))
    return tuple(sorted(found))


def assess_all(
    home: Path, actor: str, scope: Scope, jobs: int | None, limits: Limits
) -> tuple[Ended, ...]:
    """Run the campaign, or go on with it; how each system ended, in the scope's order."""
    cores = len(os.sched_getaffinity(0))
    workers = min(jobs or cores, len(scope.folders))
    chosen = Limits(
        workers, max(1, cores // workers), limits.seconds, limits.check_seconds, limits.fresh
    )
    with Home.open(home, create=True) as there:
        known = _known(there, actor, scope.folders)
        clock = there.clock
    with opened(home, scope) as journal, _Bar(len(scope.folders), workers) as bar:
        return campaign_run.run(
            str(home.absolute()),
            scope,
            chosen,
            journal,
            names=known.names,
            problems=known.problems,
            now=clock,
            watch=bar,
        )


def document(scope: Scope, ended: Sequence[Ended]) -> dict[str, Any]:
    """The machine contract of `strongroom assess --all --format json`."""
    return {
        "campaign": scope.digest,
        "profile": scope.profile,
        "outcome": Outcome.worst(e.outcome for e in ended),
        "systems": [
            {
                "folder": e.folder,
                "system": e.system,
                "outcome": e.outcome,
                "checks": dict(zip(("pass", "fail", "unknown"), e.counts, strict=True)),
                "reused": e.reused,
                "problem": e.problem,
                "ended_at": e.at,
            }
            for e in ended
        ],
    }


def show(ended: Sequence[Ended]) -> None:
    """The summary, worst last, where eyes are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "system", "pass", "fail", "unknown", "as before", ""):
        table.add_column(column, justify="right" if column in _COUNTS else "left")
    order = (Outcome.PASS, Outcome.UNKNOWN, Outcome.FAIL)
    for one in sorted(ended, key=lambda e: order.index(e.outcome)):
        word = one.outcome.value
        table.add_row(
            f"[{OUTCOME_STYLE[word]}]{word}[/]",
            one.system or Path(one.folder).name,
            *map(str, one.counts),
            str(one.reused),
            " ".join((one.problem or "").split()),
        )
    people.print(table)
    outcomes = [e.outcome for e in ended]
    said = ", ".join(f"{outcomes.count(o)} {o.value}" for o in reversed(order))
    people.print(f"{len(ended)} systems: {said}", soft_wrap=True)


_COUNTS: Final = frozenset({"pass", "fail", "unknown", "as before"})


def _below(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob(MANIFEST))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _known(home: Home, actor: str, folders: Iterable[str]) -> Known:
    """A manifest that cannot be read, or may not be assessed, is the problem of its system."""
    names: dict[str, str] = {}
    problems: dict[str, str] = {}
    for folder in folders:
        try:
            loaded = load_manifest(Path(folder) / MANIFEST)
            names[folder] = loaded.system.system.name
            ask_leave(home, actor, Action.ASSESS, loaded)
        except (InputError, DeniedError) as error:
            problems[folder] = str(error)
    return Known(names, problems)


class _Bar:
    """A bar on a terminal, a line for each system elsewhere."""

    def __init__(self, total: int, workers: int) -> None:
        self._total = total
        self._workers = workers
        self._done: dict[str, Outcome] = {}
        self._took: list[float] = []
        self._progress = Progress(
            TextColumn("systems"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
            console=people,
            disable=not people.is_terminal,
        )
        self._task = self._progress.add_task("", total=total, words="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def resumed(self, standing: Standing, folders: tuple[str, ...]) -> None:  # noqa: ARG002
        """Say that a campaign goes on."""
        self._done = {folder: e.outcome for folder, e in standing.ended.items()}
        if standing.starts:
            people.print(f"going on: {len(self._done)} of {self._total} systems are done")
        self._update()

    def started(self, folder: str) -> None:
        """Nothing changes for people."""

    def ended(self, ended: Ended, seconds: float) -> None:
        """Further, by a system."""
        self._done[ended.folder] = ended.outcome
        if seconds:  # What was not begun says nothing of how long others take.
            self._took.append(seconds)
        self._update()
        if not people.is_terminal:
            name = ended.system or Path(ended.folder).name
            people.print(
                f"{ended.outcome.value} {name} ({len(self._done)} of {self._total}, "
                f"{minutes(seconds)}{self._eta()})",
                soft_wrap=True,
            )

    def _update(self) -> None:
        outcomes = list(self._done.values())
        bad = outcomes.count(Outcome.FAIL)
        words = f"{bad} failed, {outcomes.count(Outcome.UNKNOWN)} unknown{self._eta()}"
        self._progress.update(self._task, completed=len(self._done), words=words)

    def _eta(self) -> str:
        left = self._total - len(self._done)
        time = remaining(self._took, left, self._workers)
        return f", {minutes(time.total_seconds())} left" if time and left else ""
