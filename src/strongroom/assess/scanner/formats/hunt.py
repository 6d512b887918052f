"""Looks for pickles that lie somewhere inside of other bytes, and keeps only what is hostile.

Chance makes bytes that begin like a pickle, never ones that go on to name `os.system`.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Final

from strongroom.assess.scanner.formats import pickles
from strongroom.assess.scanner.place import Place, odd
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream

REACH: Final = 1 << 16
"""Bytes that are followed from where a pickle may begin."""
PROBES: Final = 500
"""Places that are tried in one file."""
_START: Final = re.compile(rb"\x80[\x02-\x05](?=\x95|c[a-z_]|\x8c|[\]}(]|X|q)")
_NAMED: Final = re.compile(
    rb"[ci](os|posix|nt|subprocess|builtins|__builtin__|runpy|pty|commands)\n"
    rb"(system|popen\w*|exec\w*|spawn\w*|eval|compile|__import__|getattr|Popen|call|run\w*|check_\w+|"
    rb"get\w*output)\n"
)
"""An instruction of protocols 0 to 3 that imports what no model needs."""


class Hunt:
    """One file's search, fed piece by piece."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._left = PROBES
        self.found: dict[str, Hazard] = {}

    def feed(self, window: bytes, offset: int) -> None:
        """Look through bytes that stand at this offset."""
        for match in _NAMED.finditer(window):
            name = f"{match[1].decode()}.{match[2].decode()}"
            self._add(
                _embedded(f"an instruction that imports {name}", name, offset + match.start())
            )
        for match in _START.finditer(window):
            if self._left <= 0:
                return
            self._left -= 1
            self._probe(window[match.start() : match.start() + REACH], offset + match.start())

    def _probe(self, data: bytes, offset: int) -> None:
        scanned = pickles.probe(Stream(BytesIO(data), self._place.budget), self._place, cut=True)
        for hazard in scanned.hazards if scanned else ():
            if hazard.rating is Rating.BLOCK and hazard.call:
                self._add(_embedded(f"a pickle, and {hazard.message}", hazard.call, offset))

    def _add(self, hazard: Hazard) -> None:
        self.found.setdefault(hazard.call or "", hazard)


def _embedded(what: str, call: str, offset: int) -> Hazard:
    return odd(
        "file.embedded_pickle",
        f"has in it {what}",
        offset=offset,
        attack="hidden_data",
        references=("CWE-502", "CWE-506", "AML.T0011.000"),
        rating=Rating.BLOCK,
        call=call,
    )
