"""Puts values back in the place of their pseudonyms, in answers that have been judged."""

from __future__ import annotations

import json
from collections.abc import Iterable

from strongroom.guard.gateway.parts import Form, Holder, Part, leaves
from strongroom.guard.tokens.vault import Conversation


def restore_parts(parts: Iterable[Part], tokens: Conversation | None) -> bool:
    """Restore every part in its place; whether anything was. Without pseudonyms nothing is."""
    if tokens is None:
        return False
    changed = False
    for part in parts:
        before = part.text
        if part.form is Form.TREE:
            for holder, key, text in list(leaves(_tree(part))):
                if isinstance(holder[key], str):
                    holder[key] = tokens.restore(text)
        elif part.form is Form.JSON_TEXT:
            part.put(tokens.restore(before, in_json))
        else:
            part.put(tokens.restore(before))
        changed |= part.text != before
    return changed


def _tree(part: Part) -> Holder:
    value: Holder = part.holder[part.key]
    return value


def in_json(value: str) -> str:
    """A value as it stands inside a string of JSON."""
    return json.dumps(value, ensure_ascii=False)[1:-1]
