"""The white paper's runs, plots and text, by one command; a killed run goes on where it was.

python -m bench whitepaper          all of it, about forty CPU minutes
python -m bench.whitepaper --text   only the text, from the runs that are there
"""

from __future__ import annotations

import sys

from bench._paper.figures import Runs
from bench._paper.runs import run_all
from bench._paper.writing import PAPER, write


def run() -> str:
    """Run what is missing, write the paper, say where it is."""
    run_all()
    write()
    runs = Runs.read()
    link = f"[Payment-fraud models under attack](research/{PAPER.name})"
    return f"## White paper\n\n{link}: {len(tuple(runs.all()))} runs, {len(runs.missing)} missing."


if __name__ == "__main__":
    if "--text" in sys.argv[1:]:
        print(write())
    else:
        print(run())
