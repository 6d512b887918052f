"""HTML and XML character references."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.spans import Piece

_ENTITY: Final = re.compile(
    r"&(?:#[0-9]{1,8};?|#[xX][0-9a-fA-F]{1,8};?|[A-Za-z][A-Za-z0-9]{1,31};)"
)


def decode(text: str) -> Sequence[Piece]:
    """Every reference that stands for a character."""
    if "&" not in text:
        return ()
    return [
        Piece(m.start(), m.end(), char)
        for m in _ENTITY.finditer(text)
        if (char := html.unescape(m.group())) != m.group()
    ]


ENTITIES: Final = Decoder("html_entities", decode)
