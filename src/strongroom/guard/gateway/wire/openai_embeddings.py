"""OpenAI embeddings: requests. Answers are numbers."""

from __future__ import annotations

from typing import Any, Final

from strongroom.domain.errors import InputError
from strongroom.guard.gateway.parts import Reader, Reading, Unread
from strongroom.guard.records import Source

_BODY: Final = frozenset(("input", "model", "encoding_format", "dimensions"))


def read(body: dict[str, Any], definitions: Source) -> Reading:  # noqa: ARG001 - has no tools
    """Each text as a document. Token numbers cannot be judged."""
    reader = Reader()
    given = body.get("input")
    if isinstance(given, str):
        reader.text(Source.CONTEXT, body, "input")
    elif isinstance(given, list) and given:
        for place, value in enumerate(given):
            if isinstance(value, str):
                reader.text(Source.CONTEXT, given, place)
            elif isinstance(value, int | list):
                reader.unread.append(Unread.TOKENS)
                break
            else:
                raise InputError("expected text", where=f"input[{place}]")
    else:
        raise InputError("expected a text or a list of texts", where="input")
    reader.rest(Source.CONTEXT, body, _BODY)
    return reader.reading()
