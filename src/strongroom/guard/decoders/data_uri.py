"""Data URIs: `data:text/plain;base64,…`."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from strongroom.guard.decoders.decoder import Decoder, as_text
from strongroom.guard.spans import Piece

_URI: Final = re.compile(r"data:(?P<kind>[\w/+.;=-]{0,100}),(?P<data>[^\s\"'<>)\]]++)", re.I)


def decode(text: str) -> Sequence[Piece]:
    """Every data URI that holds text."""
    if "data:" not in text and "DATA:" not in text.upper():
        return ()
    return [
        Piece(m.start(), m.end(), said)
        for m in _URI.finditer(text)
        if (said := _said(m["kind"].lower(), m["data"])) is not None
    ]


def _said(kind: str, data: str) -> str | None:
    if not kind.endswith("base64"):
        return as_text(unquote(data).encode("utf-8", "replace"))
    letters = unquote(data).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return as_text(binascii.a2b_base64(letters + "=" * (-len(letters) % 4)))
    except ValueError:
        return None


DATA_URI: Final = Decoder("data_uri", decode)
