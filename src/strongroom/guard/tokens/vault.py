"""What stands for what: of each conversation apart, encrypted, bounded, and for a while.

A conversation's key comes from the vault's key and the conversation's name (HKDF). A pseudonym is
drawn by HMAC with that key from the value, so a value has one pseudonym in a conversation, at every
turn and on every gateway that has the vault's key, and another one in every other conversation.
Values lie under AES-256-GCM-SIV, bound to their pseudonym.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.domain.errors import IntegrityError
from strongroom.guard.records import Span
from strongroom.guard.tokens.shapes import Draw, pseudonym

VALUES: Final = 1_000
"""Of one conversation; further ones are masked for good."""
CONVERSATIONS: Final = 10_000
SECONDS: Final = 3_600.0
"""After its last use a conversation is forgotten."""
_ATTEMPTS: Final = 50
_MAX_VALUE: Final = 500
_NONCE: Final = 12
_BETWEEN: Final = r"[ .-]?"
"""A model may group digits otherwise than it was given them."""


class Conversation:
    """The pseudonyms of one conversation."""

    def __init__(self, key: bytes) -> None:
        self._draws, self._cipher = _derived(key, b"draws"), AESGCMSIV(_derived(key, b"values"))
        self._values: dict[str, tuple[bytes, bytes]] = {}
        """By pseudonym: nonce and sealed value."""
        self._pattern: re.Pattern[str] | None = None
        self._beginnings: frozenset[str] = frozenset()
        self._lock = Lock()

    def stand_in(self, kind: str, value: str) -> str | None:
        """The pseudonym of a value; None where there is no room, or no other of its shape."""
        if not 4 <= len(value) <= _MAX_VALUE:
            return None
        with self._lock:
            for attempt in range(_ATTEMPTS):
                # However its digits are grouped, it is the same card to the model.
                seed = f"{attempt}\0{kind}\0{plain(value)}"
                token = pseudonym(kind, value, _draw(self._draws, seed))
                known = self._values.get(token)
                if known is not None and self._opened(token, known) == value:
                    return token
                if known is None and token != value:
                    return self._keep(token, value)
        return None

    def spans(self, text: str) -> list[Span]:
        """Where pseudonyms stand in a text."""
        return [m.span() for m in self._pattern.finditer(text)] if self._pattern else []

    def restore(self, text: str, escape: Callable[[str], str] = str) -> str:
        """The text with values in the place of their pseudonyms. Raises IntegrityError."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda m: escape(self._value(m.group())), text)

    def open_from(self, text: str) -> int:
        """Where an ending begins that could become a pseudonym; `len(text)` if there is none."""
        if not self._beginnings:
            return len(text)
        longest = max(map(len, self._beginnings))
        first = max(0, len(text) - 2 * longest)
        for at in range(first, len(text)):
            if text[at].isalnum() and plain(text[at:]) in self._beginnings:
                return at
        return len(text)

    def _keep(self, token: str, value: str) -> str | None:
        if len(self._values) >= VALUES:
            return None
        nonce = os.urandom(_NONCE)
        self._values[token] = nonce, self._cipher.encrypt(nonce, value.encode(), token.encode())
        # The longest first: of two that begin alike, the whole one is found.
        tokens = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_found, tokens)))
        every = map(plain, tokens)
        self._beginnings = frozenset(t[:n] for t in every for n in range(1, len(t)))
        return token

    def _value(self, found: str) -> str:
        token = found
        if token not in self._values:
            token = next(t for t in self._values if plain(t) == plain(found))
        return self._opened(token, self._values[token])

    def _opened(self, token: str, kept: tuple[bytes, bytes]) -> str:
        try:
            return self._cipher.decrypt(*kept, token.encode()).decode()
        except InvalidTag as error:
            raise IntegrityError("a value in the vault was changed", where="vault") from error


class Vault:
    """All conversations, by name; those that are not used are forgotten."""

    def __init__(
        self,
        key: bytes,
        now: Callable[[], float],
        *,
        seconds: float = SECONDS,
        conversations: int = CONVERSATIONS,
    ) -> None:
        self._key, self._now = key, now
        self._seconds, self._most = seconds, conversations
        self._kept: OrderedDict[str, tuple[float, Conversation]] = OrderedDict()

    def conversation(self, name: str) -> Conversation:
        """One conversation; begun anew where it is not known, or no longer."""
        now = self._now()
        while self._kept and next(iter(self._kept.values()))[0] + self._seconds <= now:
            self._kept.popitem(last=False)
        found = self._kept.pop(name, None)
        one = found[1] if found else Conversation(_derived(self._key, name.encode()))
        self._kept[name] = now, one
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return one

    def __len__(self) -> int:
        return len(self._kept)


class Restorer:
    """Restores a text that comes in pieces; holds back what could be half a pseudonym."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._held = ""

    def feed(self, text: str) -> str:
        """What may go on."""
        text = self._held + text
        safe = self._conversation.open_from(text)
        for start, stop in self._conversation.spans(text):
            if start < safe < stop:
                safe = stop
        self._held = text[safe:]
        return self._conversation.restore(text[:safe])

    def finish(self) -> str:
        """The rest."""
        rest, self._held = self._held, ""
        return self._conversation.restore(rest)


def plain(text: str) -> str:
    """Without what stands between groups."""
    return re.sub("[ .-]", "", text)


def _found(token: str) -> str:
    """A pattern that finds a pseudonym also where its groups are others."""
    if sum(char.isdigit() for char in token) * 2 < len(plain(token)):
        return re.escape(token)
    return _BETWEEN.join(map(re.escape, plain(token)))


def _derived(key: bytes, name: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, b"strongroom guard tokens\0" + name).derive(key)


def _draw(key: bytes, seed: str) -> Draw:
    """Numbers that only the key's holder can foretell."""
    start = hmac.new(key, seed.encode(), hashlib.sha256).digest()
    count = 0

    def draw(below: int) -> int:
        nonlocal count
        count += 1
        more = hmac.new(key, start + count.to_bytes(4, "big"), hashlib.sha256).digest()
        return int.from_bytes(more[:8], "big") % below

    return draw
