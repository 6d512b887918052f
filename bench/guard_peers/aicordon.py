"""aicordon's local detector, Picket, at its default."""

import sys

from _lines import answer

sys.path.pop(0)
from aicordon import picket

DETECTOR = picket.load()
answer(lambda text, _: DETECTOR.check(text).flagged)
