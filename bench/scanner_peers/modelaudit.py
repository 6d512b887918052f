"""modelaudit, no cache: its exit code says what it found (1) or that it failed."""

import logging
import sys

from _lines import answer

sys.path.pop(0)
from modelaudit.core import determine_exit_code, scan_model_directory_or_file

logging.disable(logging.CRITICAL)


def judge(path):
    code = determine_exit_code(scan_model_directory_or_file(path, cache_enabled=False))
    if code not in (0, 1):
        raise ValueError(path)
    return code == 1


answer(judge)
