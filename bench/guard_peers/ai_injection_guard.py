"""ai-injection-guard at its default threshold, MEDIUM."""

import sys

from _lines import answer

sys.path.pop(0)
from prompt_shield import PromptScanner

SCANNER = PromptScanner(threshold="MEDIUM")
LOUD = {"MEDIUM", "HIGH", "CRITICAL"}
answer(lambda text, _: str(SCANNER.scan(text).severity).upper() in LOUD)
