"""How a run looks while it goes: a bar for each check on a terminal, nothing elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from strongroom.assess.runner import Assessed
from strongroom.cli.output import OUTCOME_STYLE, people


class Bars:
    """A `Watch` for people."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[outcome]}"),
            console=people,
            disable=not people.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def started(self, check: str) -> None:
        """A bar that moves."""
        self._tasks[check] = self._progress.add_task(check, total=None, outcome="")

    def progressed(self, check: str, done: int, total: int) -> None:
        """As far as the check says."""
        self._progress.update(self._tasks[check], completed=done, total=total or None)

    def ended(self, assessed: Assessed) -> None:
        """A full bar with the outcome."""
        name = assessed.evidence.check.name
        task = self._tasks.get(name)
        if task is None:
            task = self._progress.add_task(name, total=1, outcome="")
        word = assessed.evidence.outcome.value
        shown = f"[{OUTCOME_STYLE[word]}]{word}[/]" + (" (as before)" if assessed.reused else "")
        self._progress.update(task, total=1, completed=1, outcome=shown)
