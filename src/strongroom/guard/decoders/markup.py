"""Text in HTML, XML and Markdown: tags out, and what a reader would not see marked as hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.spans import Piece, in_order

MAX_ELEMENTS: Final = 400
"""Hidden elements looked for; a text with more is all markup."""
UNSTRUCTURED: Final = 140
"""ISO 20022: characters of one `Ustrd`; a full one goes on in the next."""
_TAG: Final = re.compile(r"</?([A-Za-z][\w:.-]{0,60})(?:\s[^<>]{0,2000})?/?>")
_INLINE: Final = frozenset(
    ("a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd",
     "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "tt", "u", "var", "wbr")
)  # fmt: skip
"""Tags that stand inside a word without cutting it."""
_HIDING: Final = re.compile(
    r"<([A-Za-z][\w-]{0,30})\s[^<>]{0,1000}?(?:"
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\s*[;\"']"
    r"|font-size\s*:\s*0*(?:\.\d+|0|1)(?:px|pt|em|%)?\s*[;\"']"
    r"|color\s*[:=]\s*[\"']?\s*(?:white|transparent|#fff(?:fff)?|rgba?\(\s*255\s*,\s*255\s*,\s*255)"
    r"|(?:left|top|text-indent)\s*:\s*-\d{3,}|\shidden[\s>=]|aria-hidden\s*=\s*[\"']?true"
    r")[^<>]{0,1000}>",
    re.IGNORECASE,
)
_ATTRIBUTE: Final = re.compile(
    r"\b(?:alt|title|aria-label|placeholder|content|data-[\w-]{1,30})\s*=\s*(?:\"([^\"<>]{4,2000})\"|'([^'<>]{4,2000})')",
    re.IGNORECASE,
)
_TELLING: Final = ("alt", "title", "aria-label", "placeholder", "content", "data-")
_UNSEEN: Final = (
    "display", "visibility", "opacity", "font-size", "color", "left", "top", "indent", "hidden",
)  # fmt: skip
"""Words of which one stands in whatever the two patterns above find; `in` is faster."""
_MARKDOWN: Final = re.compile(
    r"^\s{0,3}\[[^\]\n]{1,60}\]:\s*\S{1,200}\s+(?:\(([^)\n]{4,2000})\)|\"([^\"\n]{4,2000})\")"
    r"|!?\[[^\]\n]{0,200}\]\([^()\s]{0,2000}\s+\"([^\"\n]{4,2000})\"\)",
    re.MULTILINE,
)


def tags(text: str) -> Sequence[Piece]:
    """Tags and comment marks out. What they enclose stays where it is; so do their descriptions."""
    if "<" not in text:
        return ()
    pieces = [
        Piece(m.start(), m.end(), _said(m.group()) or _gap(m.group(1).lower(), text, m.start()))
        for m in _TAG.finditer(text)
    ]
    marks = [Piece(m.start(), m.end(), " ") for m in re.finditer("<!--|-->", text)]
    return in_order(pieces + marks)


def _said(tag: str) -> str:
    """What a tag says in words: its descriptions, each on a line of its own."""
    if "=" not in tag:
        return ""
    said = (tag[a:b].strip() for a, b in _groups(_ATTRIBUTE, tag))
    return "".join(f"\n{text}\n" for text in said if text)


def _gap(name: str, text: str, at: int) -> str:
    if name in _INLINE:
        return ""
    if name.endswith("ustrd"):
        full = at - text.rfind(">", 0, at) - 1 >= UNSTRUCTURED
        return "" if full or text[at - 1 : at] in (">", "\n", " ") else " "
    return " "


def hidden(text: str) -> Sequence[Piece]:
    """What a reader does not see: comments, invisible elements, attributes, Markdown comments."""
    if "<" not in text and "](" not in text and "]:" not in text:
        return ()
    lower = text.lower()
    spans = [*_comments(text), *_elements(text, lower)]
    if any(name in lower for name in _TELLING):
        spans += _groups(_ATTRIBUTE, text)
    if "](" in text or "]:" in text:
        spans += _groups(_MARKDOWN, text)
    found = in_order(Piece(a, b, text[a:b], aligned=True) for a, b in spans if text[a:b].strip())
    return [part for piece in found for part in _set_apart(piece)]


def _set_apart(piece: Piece) -> Iterator[Piece]:
    """On lines of its own, so that it is not read as part of what is around it."""
    yield Piece(piece.start, piece.start, "\n")
    yield piece
    yield Piece(piece.end, piece.end, "\n")


def _comments(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        yield start + 4, len(text) if end < 0 else end
        if end < 0:
            return
        at = end + 3


def _elements(text: str, lower: str) -> Iterator[tuple[int, int]]:
    if not any(sign in lower for sign in _UNSEEN):
        return
    missing: set[str] = set()
    for count, tag in enumerate(_HIDING.finditer(text)):
        if count >= MAX_ELEMENTS:
            return
        close = f"</{tag.group(1).lower()}"
        end = -1 if close in missing else lower.find(close, tag.end())
        if end < 0:
            missing.add(close)
        yield tag.end(), len(text) if end < 0 else end


def _groups(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for match in pattern.finditer(text):
        for group in range(1, pattern.groups + 1):
            if match.start(group) >= 0:
                yield match.span(group)


HIDDEN: Final = Decoder("hidden_markup", hidden)
TAGS: Final = Decoder("markup", tags)
