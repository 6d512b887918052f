"""Secrets in any text, as hazards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strongroom.assess.scanner.place import odd
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import CHUNK, Stream
from strongroom.assess.secrets import find_secrets
from strongroom.domain.outcome import Severity

LONGEST_LINE: Final = 4 * CHUNK
"""Characters of a line that are looked at together."""
SEARCHED: Final = 32 * 2**20
"""Bytes of a text that are searched after its beginning: about 20 seconds' work."""
FIX: Final = "revoke it where it was made, then keep the next one in a vault or the environment"
_REFERENCES: Final = ("CWE-798", "CWE-312", "AML.T0055")
_GUESSED: Final = ("CWE-798", "AML.T0055")


def judge_secrets(text: str, *, line: int = 1, where: str = "", base: int = 0) -> Iterator[Hazard]:
    """Every secret in the text: block where the form proves it, else review.

    `line` and `base` are the number and the byte offset at which the text begins in its file;
    `where` stands before the line number ("cell 3, ").
    """
    for secret in find_secrets(text):
        before = text[: secret.start]
        number = line + before.count("\n")
        rating = Rating.BLOCK if secret.sure else Rating.REVIEW
        yield odd(
            secret.kind,
            f"{where}line {number}: {secret.title} ({secret.shown})",
            offset=base + len(before.encode("utf-8", "replace")),
            attack="exposed_secret",
            references=_REFERENCES if secret.sure else _GUESSED,
            rating=rating,
            severity=Severity.HIGH if secret.sure else Severity.MEDIUM,
            fix=FIX,
        )


def judge_tail(stream: Stream, head: str) -> Iterator[Hazard]:
    """Secrets in what is left of a stream after its beginning was read as text, piece by piece.

    A text that is longer than what is searched gets a note that says so.
    """
    line, base = 1 + head.count("\n"), stream.tell()
    text, end = "", base + SEARCHED
    while stream.tell() < end and (more := stream.read(CHUNK)):
        stream.budget.tick()
        # A whole number of lines at a time, so that no secret is cut; very long lines are.
        text += more.decode("utf-8", "replace")
        piece, sign, rest = text.rpartition("\n")
        if not sign and len(text) < LONGEST_LINE:
            continue
        piece, text = (piece + sign, rest) if sign else (text, "")
        yield from judge_secrets(piece, line=line, base=base)
        line, base = line + piece.count("\n"), base + len(piece.encode("utf-8", "replace"))
    yield from judge_secrets(text, line=line, base=base)
    if stream.peek(1):
        yield odd(
            "limit.secrets",
            f"secrets were looked for in its first {end} bytes only",
            rating=Rating.CLEAN,
            severity=Severity.INFO,
        )
