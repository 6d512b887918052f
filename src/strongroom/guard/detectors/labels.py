"""Classification labels: a text that says of itself that it is confidential.

**What it looks at**: every reading of a message, whoever speaks. The house's own labels come with
the policy (`labels:`).

**False alarms**: "confidential" in a sentence is no label. It counts in capitals, alone on a line
or in brackets, or after a word such as "Classification:".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.guard.detectors.values import told
from strongroom.guard.folding import folded
from strongroom.guard.records import Detection, Message, View
from strongroom.guard.triggers import Triggers

_WORDS: Final = (
    r"(?:(?:STRICTLY|HIGHLY|BANK|CLIENT|COMPANY|MOST) )?(?:CONFIDENTIAL|SECRET|RESTRICTED)"
    r"|TOP SECRET|INTERNAL(?: USE)? ONLY|NOT FOR DISTRIBUTION|TLP:(?:RED|AMBER(?:\+STRICT)?)"
    r"|STRENG VERTRAULICH|VERTRAULICH|CONFIDENTIEL|CONFIDENCIAL|RISERVATO|SULIT|RAHSIA(?: BESAR)?"
    r"|TERHAD|سري للغاية|机密|绝密|機密|絕密"
)
_ALONE: Final = re.compile(
    rf"(?m)(?:^[\s#*_=\-\[(|]{{0,12}}|\[|\()({_WORDS})(?=[\s#*_=\-\])|.:]{{0,12}}(?:$|[\])]))"
)
_AFTER: Final = re.compile(
    r"(?i)(?:classification|classified as|sensitivity|document class|klassifizierung|klasifikasi"
    rf"|classificação|clasificación)\s{{0,3}}[:=]\s{{0,3}}({_WORDS})"
)
_GATE: Final = (
    "confiden", "secret", "restricted", "internal", "distribution", "tlp:", "vertraulich",
    "riservato", "sulit", "rahsia", "terhad", "سري", "机密", "绝密", "機密", "絕密",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labels:
    """See the module."""

    gate: Triggers
    name: str = "classification.labels"
    version: int = 1
    kinds: tuple[str, ...] = ("classification.label",)

    def inspect(self, message: Message) -> Iterator[Detection]:
        """The first label of each sort."""
        told_of: set[tuple[int, int]] = set()
        for view in message.views:
            for span, score in (*self._usual(view), *_own(view, message.grounds.labels)):
                detection = told(
                    f"{self.name}@{self.version}", view, "classification.label", score, span
                )
                if detection.span not in told_of:
                    told_of.add(detection.span)
                    yield detection

    def _usual(self, view: View) -> Iterator[tuple[tuple[int, int], float]]:
        if not self.gate.groups(view.folded):
            return
        for pattern, score in ((_ALONE, 0.85), (_AFTER, 0.9)):
            if match := pattern.search(view.text):
                yield match.span(1), score


def _own(view: View, labels: tuple[str, ...]) -> Iterator[tuple[tuple[int, int], float]]:
    for label in map(folded, labels):
        at = view.folded.find(label)
        if at >= 0:
            yield view.fold_trail.back(at, at + len(label)), 0.95


def load() -> Labels:
    """The detector."""
    return Labels(Triggers([_GATE]))
