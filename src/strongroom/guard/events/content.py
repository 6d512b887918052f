"""Texts that a policy wants kept: sealed for one event, and opened by whoever has the key."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from strongroom.domain.errors import InputError, IntegrityError
from strongroom.guard.events.event import Event
from strongroom.guard.records import Source
from strongroom.keys.sealing import context_of, open_stream, seal_stream

MAX_KEPT: Final = 256 * 1024
"""Characters of one event; of more only the beginning is kept, and `cut` says so."""
KEY: Final = 32


@dataclass(frozen=True, slots=True)
class Kept:
    """The texts of one event."""

    texts: tuple[tuple[Source, str], ...]
    cut: bool
    """Whether it is only the beginning."""


def content_key(text: str, where: str) -> bytes:
    """A key as people keep it: 32 bytes in hexadecimal. Raises InputError."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY:
        raise InputError(
            "is no key: 32 bytes in hexadecimal expected", where=where, fix="openssl rand -hex 32"
        )
    return key


def seal_texts(texts: Iterable[tuple[Source, str]], key: bytes, uid: str) -> str:
    """Sealed for the event of that uid, in base64."""
    left, kept = MAX_KEPT, []
    cut = False
    for source, text in texts:
        kept.append([source.value, text[:left]])
        cut |= len(text) > left
        left -= min(left, len(text))
    plain = json.dumps({"texts": kept, "cut": cut}).encode()
    sealed = io.BytesIO()
    seal_stream(io.BytesIO(plain), sealed, key, _context(uid))
    return base64.b64encode(sealed.getvalue()).decode()


def open_texts(event: Event, key: bytes) -> Kept:
    """What was sealed. Raises InputError for an event without, IntegrityError for another key's."""
    where = f"event {event.uid}"
    if not event.sealed:
        raise InputError("keeps no content", where=where)
    plain = io.BytesIO()
    try:
        data = base64.b64decode(event.sealed, validate=True)
        open_stream(io.BytesIO(data), plain, key, _context(event.uid), where=where)
        said = json.loads(plain.getvalue())
        texts = tuple((Source(source), str(text)) for source, text in said["texts"])
        return Kept(texts, bool(said["cut"]))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise IntegrityError("holds no sealed texts", where=where) from error


def _context(uid: str) -> bytes:
    return context_of(what="guard.content", event=uid)
