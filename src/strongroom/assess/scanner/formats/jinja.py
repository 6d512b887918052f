"""Jinja templates (chat templates): what reaches from text into Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strongroom.assess.scanner.place import odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating

_REFERENCES: Final = ("CVE-2024-34359", "CWE-1336", "AML.T0011.000")
_DUNDER: Final = re.compile(
    r"__\s*(class|base|bases|mro|subclasses|globals|builtins|import|init|dict|getattribute|getitem|call|"
    r"reduce|code|closure|self|module|loader|spec|wrapped|func|new|enter|exit|del|repr)\s*__"
)
_JOINED: Final = re.compile(
    r"""["']_+["']\s*[~*+]|["'](_{1,2}|\\x5f|\\u005f|%c%c)[^"']*["']\s*(~|\|)|\\x5f\\x5f|\\137"""
)
_REACH: Final = re.compile(
    r"\b(getattr\s*\(|chr\s*\(\s*95|popen|subprocess|os\s*\.\s*(system|popen|environ)|eval\s*\(|exec\s*\(|__import__|importlib|"
    r"lipsum|cycler|joiner|_TemplateReference__context|url_for|get_flashed_messages|"
    r"request\s*\.\s*application|config\s*\.\s*from)\b"
)
_OPEN: Final = re.compile(r"\{[{%]")
_ATTR: Final = re.compile(r"\|\s*attr\s*\(")
LONGEST: Final = 1 << 20
"""Characters of a template that are judged."""


def looks_like_template(text: str) -> bool:
    """Whether the text holds Jinja tags."""
    return next(_tags(text), None) is not None


def judge_template(text: str, where: str, offset: int | None = None) -> Iterator[Hazard]:
    """Hazards in the code between a template's tags."""
    if len(text) > LONGEST:
        yield unjudged("jinja.size", f"the template in {where} has {len(text)} characters")
    code = "\n".join(_tags(text[:LONGEST]))
    for pattern, what in (
        (_DUNDER, "reaches into Python's object model"),
        (_JOINED, "puts together a hidden attribute name"),
        (_REACH, "reaches for functions outside the template"),
    ):
        if found := pattern.search(code):
            yield odd(
                "jinja.escape",
                f"the template in {where} {what}: {found[0][:60]!r}",
                offset=offset,
                attack="template_injection",
                references=_REFERENCES,
                rating=Rating.BLOCK,
                call=_around(code, found.start()),
            )
            return
    if found := _ATTR.search(code):
        yield odd(
            "jinja.computed_attribute",
            f"the template in {where} takes attributes by a computed name",
            offset=offset,
            attack="template_injection",
            references=_REFERENCES,
            call=_around(code, found.start()),
        )


def _tags(text: str) -> Iterator[str]:
    """What stands between `{{ }}` and `{% %}`, in one pass; an open tag runs to the end."""
    at = 0
    while match := _OPEN.search(text, at):
        close = "}}" if match[0] == "{{" else "%}"
        end = text.find(close, match.end())
        end = len(text) if end < 0 else end
        yield text[match.end() : end]
        at = end


def _around(code: str, at: int) -> str:
    return " ".join(code[max(0, at - 40) : at + 160].split())
