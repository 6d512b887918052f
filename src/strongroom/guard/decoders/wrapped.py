"""Lines of SWIFT MT fields, which wrap at 35 characters wherever a word may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.spans import Piece, in_order

FULL: Final = range(33, 37)
"""Characters of a line that was cut by its width; the first line also holds the field's tag."""
_FIELD: Final = re.compile(r"(?:^|\n):[0-9]{2}[A-Z]?:")
_TAG: Final = re.compile(r"^:[0-9]{2}[A-Z]?:(?:/[A-Z]{3,8}/)?|^//")
_BREAK: Final = re.compile(r"\r?\n(?:(?!:[0-9]{2}[A-Z]?:)(?://)?)")


def decode(text: str) -> Sequence[Piece]:
    """Line breaks inside a field: none after a full line, a space after a short one; tags out."""
    if "\n" not in text or (text[:1] != ":" and "\n:" not in text) or not _FIELD.search(text):
        return ()
    pieces = [Piece(m.start(), m.end(), "\n\n") for m in _FIELD.finditer(text)]
    for match in _BREAK.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if text.startswith(":", match.end()):
            continue
        cut = len(line) in FULL or len(_TAG.sub("", line)) in FULL
        pieces.append(Piece(match.start(), match.end(), "" if cut else " "))
    return in_order(pieces)


WRAPPED: Final = Decoder("wrapped_lines", decode)
