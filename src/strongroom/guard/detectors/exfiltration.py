"""Data carried out in links and images: an answer may call home by being shown.

**What it looks at**: every reading of a message. In an output, Markdown and HTML images and links
to hosts that the policy does not name (`hosts:`), with data in their address. In data, templates of
such addresses: an address with a hole to be filled in.

**What it says**: an image with a payload is near certain, as it is fetched without a click; a link
less so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from strongroom.guard.detectors.values import MAX_FOUND, told
from strongroom.guard.records import Detection, Message, Source

_IMAGE: Final = re.compile(
    r"!\[[^\]\n]{0,300}\]\(\s{0,4}<?(https?:[^\s)>]{1,4000})"
    r"|!\[[^\]\n]{0,300}\]:\s{0,4}(https?:\S{1,4000})"
    r"|<(?:img|image|iframe|script|object|embed|video|audio|source|link)\b[^<>]{0,500}?"
    r"(?:src|href|data)\s{0,3}=\s{0,3}[\"']?(https?:[^\s\"'>]{1,4000})"
    r"|url\(\s{0,4}[\"']?(https?:[^\s\"')]{1,4000})",
    re.IGNORECASE,
)
_LINK: Final = re.compile(
    r"(?<!!)\[[^\]\n]{0,300}\]\(\s{0,4}<?(https?:[^\s)>]{1,4000})"
    r"|<a\b[^<>]{0,500}?href\s{0,3}=\s{0,3}[\"']?(https?:[^\s\"'>]{1,4000})",
    re.IGNORECASE,
)
_BARE: Final = re.compile(r"https?://[^\s<>\"')\]]{4,4000}", re.IGNORECASE)
_HOLE: Final = re.compile(
    r"\{\{?[^{}\s]{1,60}\}?\}|\[[A-Z_ ]{3,40}\]|<[A-Za-z_ ]{3,40}>"
    r"|%7B[^%\s]{1,60}%7D|\$\{[^{}]{1,60}\}"
    r"|=(?:DATA|SECRET|PASSWORD|TOKEN|BALANCE|CARD|CONVERSATION|HISTORY|SUMMARY|PROMPT|KEY)\b"
)
_BLOB: Final = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
PAYLOAD: Final = 24
"""Characters of a query that say more than an identifier does."""


@dataclass(frozen=True, slots=True)
class Exfiltration:
    """See the module."""

    name: str = "exfiltration.links"
    version: int = 1
    kinds: tuple[str, ...] = ("exfiltration.image", "exfiltration.link", "exfiltration.template")

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every address that carries data out, once."""
        if message.source in (Source.SYSTEM, Source.USER):
            return
        seen: set[tuple[int, int]] = set()
        for view in message.views:
            if "http" not in view.folded:
                continue
            for kind, score, span in _found(view.text, message):
                detection = told(f"{self.name}@{self.version}", view, kind, score, span)
                if detection.span not in seen:
                    seen.add(detection.span)
                    yield detection


def _found(text: str, message: Message) -> Iterator[tuple[str, float, tuple[int, int]]]:
    if message.source.is_data:
        for match in _BARE.finditer(text):
            if _HOLE.search(match.group()):
                yield "exfiltration.template", 0.85, match.span()
        return
    for kind, pattern, least in (("image", _IMAGE, 0.6), ("link", _LINK, 0.0)):
        for count, match in enumerate(pattern.finditer(text)):
            if count >= MAX_FOUND:
                break
            score = _score(match.group(match.lastindex or 0), message, least)
            if score > 0:
                yield f"exfiltration.{kind}", score, match.span()


def _score(address: str, message: Message, least: float) -> float:
    """0 for a host that the policy names, and for a plain link."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return 0.9
    if any(host == own or host.endswith(f".{own}") for own in message.grounds.hosts):
        return 0.0
    carried = unquote(f"{parts.path}?{parts.query}#{parts.fragment}")
    if _said_before(carried, message):
        return 0.95
    if len(parts.query) + len(parts.fragment) >= PAYLOAD or _BLOB.search(carried):
        return 0.9 if least else 0.55
    return least if parts.query else 0.0


def _said_before(carried: str, message: Message) -> bool:
    """Whether the address holds a number of the conversation."""
    digits = set(re.findall("[0-9]{6,}", re.sub("[ -]", "", carried)))
    return bool(digits) and any(
        number in re.sub("[ -]", "", text)
        for text in message.grounds.seen or ()
        for number in digits
    )


def load() -> Exfiltration:
    """The detector."""
    return Exfiltration()
