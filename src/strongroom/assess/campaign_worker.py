"""One system of a campaign, in a process of its own.

It reads its task, one line of JSON, from stdin, and says one line of JSON on stdout. It lives as
long as stdin stays open: when the campaign is killed, the pipe ends, and so does the worker; checks
in turn die with it. Evidence is recorded check by check, so nothing that was finished is lost.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from threading import Thread
from typing import Any

from strongroom.assess.assessing import assess
from strongroom.assess.campaign_journal import alone_with
from strongroom.assess.home_store import HomeStore
from strongroom.assess.profiles import profile_named
from strongroom.assess.runner import Assessed, Plan
from strongroom.domain.canonical import canonical
from strongroom.domain.errors import StrongroomError
from strongroom.domain.outcome import Outcome
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import MANIFEST, load_manifest
from strongroom.home.home import Home


def main() -> None:
    """Assess what stdin names."""
    task = json.loads(sys.stdin.buffer.readline())
    Thread(target=_die_with_the_campaign, daemon=True).start()
    try:
        said = work(task)
    except StrongroomError as error:
        said = {"problem": str(error)}
    sys.stdout.buffer.write(canonical(said) + b"\n")


def work(task: dict[str, Any]) -> dict[str, Any]:
    """The system's outcome, and how many checks came to which."""
    home, profile = Path(task["home"]), profile_named(task["profile"])
    with alone_with(home, task["folder"]), Home.open(home) as opened:
        made = assess(
            load_manifest(Path(task["folder"]) / MANIFEST),
            load_catalog(),
            Plan(
                seed=task["seed"],
                jobs=task["cores"],
                cores=task["cores"],
                time_limit=task["time_limit"] or profile.time_limit,
                fresh=task["fresh"],
            ),
            store=HomeStore(opened),
            now=opened.clock,
            watch=_Silent(),
            names=task["checks"],
            profile=task["profile"],
        )
    outcomes = [one.evidence.outcome for one in made]
    return {
        "outcome": Outcome.worst(outcomes),
        "counts": [outcomes.count(o) for o in (Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN)],
        "reused": sum(one.reused for one in made),
    }


class _Silent:
    def started(self, check: str) -> None:
        """Nobody watches."""

    def progressed(self, check: str, done: int, total: int) -> None:
        """Nobody watches."""

    def ended(self, assessed: Assessed) -> None:
        """Nobody watches."""


def _die_with_the_campaign() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
