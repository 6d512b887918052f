"""picklescan; `--strict` as argument for its default-deny mode."""

import logging
import sys

from _lines import answer

sys.path.pop(0)  # this folder has a picklescan of its own
from picklescan.scanner import scan_file_path

logging.disable(logging.CRITICAL)
STRICT = "--strict" in sys.argv


def judge(path):
    result = scan_file_path(path, strict=STRICT)
    if result.scan_err and not result.infected_files:
        raise ValueError(path)
    return result.infected_files > 0


answer(judge)
