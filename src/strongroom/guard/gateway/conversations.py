"""Which conversation a request belongs to: a name that says nothing, and that nobody can guess.

Chat formats send a conversation whole with each turn, so its beginning names it: the system's texts
and the first words of the user. A client may name it better, in `x-strongroom-conversation`; either
way only within its own tenant and key.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from strongroom.guard.gateway.keys import Headers
from strongroom.guard.gateway.recording import Call, Texts
from strongroom.guard.records import Source

HEADER: Final = b"x-strongroom-conversation"
MAX_NAME: Final = 200
"""Bytes of a client's own name; more are not read."""


def conversation_of(headers: Headers, call: Call, texts: Texts) -> str:
    """32 hexadecimal digits; the same for each turn."""
    mac = hmac.new(call.hmac_key, b"conversation\0", hashlib.sha256)
    for name in (call.caller.name, call.caller.key):
        mac.update(name.encode() + b"\0")
    given = next((value for name, value in headers if name == HEADER), b"")[:MAX_NAME]
    if given:
        mac.update(b"named\0" + given)
    else:
        for source, text in texts:
            mac.update(source.value.encode() + b"\0" + text.encode("utf-8", "replace") + b"\0")
            if source is Source.USER:
                break
    return mac.hexdigest()[:32]
