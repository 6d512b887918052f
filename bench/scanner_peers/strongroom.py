"""Ours: flagged is what we block. `--review` counts what we send to review, too."""

import sys
from pathlib import Path

from _lines import answer

sys.path.pop(0)
from strongroom.assess.scanner import scan_file

FLAGGED = {"block", "review"} if "--review" in sys.argv else {"block"}


def judge(path):
    verdict = scan_file(Path(path)).verdict.value
    if verdict == "unknown" and verdict not in FLAGGED:
        raise ValueError(path)
    return verdict in FLAGGED


answer(judge)
