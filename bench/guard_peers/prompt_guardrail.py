"""prompt-guardrail's logistic regression."""

import sys

from _lines import answer

sys.path.pop(0)
import guardify

answer(lambda text, _: guardify.detect(text)["label"] == "injection")
