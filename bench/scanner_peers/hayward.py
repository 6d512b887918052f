"""hayward, as its command line judges: findings of high severity and above."""

import sys
from pathlib import Path

from _lines import answer

sys.path.pop(0)
from hayward import ModelFileScanner

SCANNER = ModelFileScanner()


def judge(path):
    return any(f.severity.value in {"high", "critical"} for f in SCANNER.scan_file(Path(path)))


answer(judge)
