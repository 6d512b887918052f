"""Text files: recognised by what they say, and handed on to whoever judges that."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from strongroom.assess.scanner.formats import (
    configs,
    mlmodel,
    notebooks,
    requirements,
    sources,
    xmls,
    yamls,
)
from strongroom.assess.scanner.formats.jinja import judge_template, looks_like_template
from strongroom.assess.scanner.formats.secrets import judge_secrets, judge_tail
from strongroom.assess.scanner.jsons import MAX_BYTES
from strongroom.assess.scanner.place import Place, Scanned, odd
from strongroom.assess.scanner.report import Rating
from strongroom.assess.scanner.stream import Stream

WHOLE: Final = MAX_BYTES
"""Bytes of a text that are read; of what comes later only what must not be in it is looked for."""
_FROM: Final = re.compile(r"^FROM\s+(\S+)", re.M)
_MODELFILE: Final = re.compile(r"^(TEMPLATE|PARAMETER|ADAPTER|SYSTEM|MESSAGE|LICENSE)\s", re.M)
_OUTSIDE: Final = re.compile(r"^(FROM|ADAPTER)\s+(/|https?://|(?:\S*/)?\.\./)\S*", re.M)
_PROSE: Final = (
    ".md",
    ".rst",
    ".py",
    ".html",
    ".js",
    ".tex",
    ".ipynb",
    ".log",
    ".css",
    ".c",
    ".go",
)
"""Endings of files that no template engine is given, and that may write about templates."""
_PRIVATE: Final = re.compile(
    r"(\.\./){3}|/\.(ssh|aws|kube|gnupg|docker|netrc|env)\b|/etc/|/proc/|/root/|/dev/|id_(rsa|ed25519)|"
    r"169\.254\.169\.254"
)
"""Where no model lies."""

Recognise = Callable[[str, str], Scanned | None]
"""Text and file name to what it is, or None."""


def looks_like_text(head: bytes) -> bool:
    """UTF-8 without control characters; the last character may be cut."""
    if any(byte < 9 or 13 < byte < 27 for byte in head) or b"\x7f" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) > 64
    return True


def scan(stream: Stream, place: Place) -> Scanned:
    """Say what the text is, and judge it as that."""
    name = re.split(r"[/\\!]", place.member or str(place.path))[-1]
    if name.endswith(".ipynb"):
        return notebooks.scan(stream)
    text = stream.read(WHOLE).decode("utf-8", "replace")
    if stream.peek(1) and configs.is_json(text):
        scanned = configs.judge_long(text, stream)
    else:
        scanned = _recognised(text, name, place)
    hazards = (*scanned.hazards, *judge_secrets(text), *judge_tail(stream, text))
    return Scanned(scanned.format, hazards)


def _recognised(text: str, name: str, place: Place) -> Scanned:
    if (listed := requirements.recognise(text, name, place)) is not None:
        return listed
    for recognise in _RECOGNISERS:
        scanned = recognise(text, name)
        if scanned is not None:
            return scanned
    return Scanned("text")


def _lightgbm(text: str, _name: str) -> Scanned | None:
    return Scanned("lightgbm") if re.match(r"tree\r?\n(version|num_class)=", text) else None


def _jinja(text: str, name: str) -> Scanned | None:
    if name.endswith(_PROSE) or not looks_like_template(text):
        return None
    found = tuple(judge_template(text, name))
    if name.endswith((".jinja", ".jinja2", ".j2")) or any(h.rating is Rating.BLOCK for h in found):
        return Scanned("jinja", found)
    return None


def _modelfile(text: str, name: str) -> Scanned | None:
    if not (_FROM.search(text) and (_MODELFILE.search(text) or name == "Modelfile")):
        return None
    outside = [
        odd(
            "modelfile.outside",
            f"{match[0][:200]} lies outside what was handed over",
            offset=match.start(),
            attack="path_escape",
            references=("CWE-829", "CVE-2024-37032"),
            rating=Rating.BLOCK if _PRIVATE.search(match[0]) else Rating.REVIEW,
        )
        for match in _OUTSIDE.finditer(text)
    ]
    return Scanned("modelfile", (*outside, *judge_template(text, "the Modelfile")))


_RECOGNISERS: Final[tuple[Recognise, ...]] = (
    configs.recognise,
    _lightgbm,
    sources.recognise,
    xmls.recognise,
    mlmodel.recognise,
    _modelfile,
    yamls.recognise,
    _jinja,
)
