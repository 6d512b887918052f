"""jailguard at its default."""

import sys

from _lines import answer

sys.path.pop(0)
import jailguard

answer(lambda text, _: jailguard.is_injection(text))
