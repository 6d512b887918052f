"""modelscan, default settings."""

import logging
import sys

from _lines import answer

sys.path.pop(0)
from modelscan.modelscan import ModelScan
from modelscan.settings import DEFAULT_SETTINGS

logging.disable(logging.CRITICAL)


def judge(path):
    report = ModelScan(settings=DEFAULT_SETTINGS).scan(path)
    if report.get("errors") and not report["summary"]["total_issues"]:
        raise ValueError(path)
    return report["summary"]["total_issues"] > 0


answer(judge)
