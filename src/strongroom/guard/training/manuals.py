"""Innocent technical prose: what the Python packages of the training machine say of themselves.

READMEs and docstrings are full of orders to their reader and of words that attacks like ("ignore",
"override", "system"). Packages about language models are left out: theirs may quote attacks.
"""

from __future__ import annotations

import ast
import random
import re
import sysconfig
import warnings
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from strongroom.guard.training.corpora import Example

_ABOUT_MODELS: Final = re.compile(r"prompt|jailbreak|\bLLM|chatbot|openai|anthropic|guard", re.I)
_TRIGGERS: Final = re.compile(
    r"\b(ignor|overrid|bypass|disregard|forget|reveal|prompt|system|instruct|previous|restrict|"
    r"pretend|secret|password|hidden|execut|inject|output|above|role|mode|policy|rule)",
    re.I,
)
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")
READMES: Final = 3
"""Paragraphs of one README."""
FILES: Final = 2_500
"""Modules whose docstrings are read."""
SENTENCES: Final = 3_000
_HELD_OUT: Final = 6
"""One package in so many is kept for calibration."""


def manuals(*, held_out: bool, rng: random.Random) -> Iterator[Example]:
    """Paragraphs of READMEs, and sentences of docstrings that hold such words."""
    share = 5 if held_out else 1
    for text in _readmes(held_out=held_out, rng=rng):
        yield Example(text, 0, 0, "python_readmes")
    found = sorted(set(_docstrings(held_out=held_out, count=FILES // share, rng=rng)))
    for text in rng.sample(found, min(SENTENCES // share, len(found))):
        yield Example(text, 0, 0, "python_docstrings")


def _readmes(*, held_out: bool, rng: random.Random) -> Iterator[str]:
    for dist in sorted(distributions(), key=lambda each: each.name or ""):
        described = dist.metadata.get_payload()  # type: ignore[attr-defined]
        about = described if isinstance(described, str) else ""
        name = dist.name or ""
        if (
            _is_held_out(name) is not held_out
            or name == "strongroom"
            or _ABOUT_MODELS.search(about)
        ):
            continue
        paragraphs = [part.strip() for part in about.split("\n\n") if 60 <= len(part) <= 420]
        yield from rng.sample(paragraphs, min(READMES, len(paragraphs)))


def _docstrings(*, held_out: bool, count: int, rng: random.Random) -> Iterator[str]:
    home = Path(sysconfig.get_path("purelib"))
    files = [
        path
        for path in sorted(home.rglob("*.py"))
        if _is_held_out(path.relative_to(home).parts[0]) is held_out
        and not _ABOUT_MODELS.search(str(path.relative_to(home)))
    ]
    for path in rng.sample(files, min(count, len(files))):
        text = path.read_text("utf-8", "replace")
        if len(text) < 200_000 and not _ABOUT_MODELS.search(text):
            yield from _sentences(text)


def _sentences(source: str) -> Iterator[str]:
    try:
        with warnings.catch_warnings(action="ignore"):  # old escapes in other people's code
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            said = " ".join((ast.get_docstring(node) or "").split())
            for sentence in _SENTENCE.split(said):
                if 25 <= len(sentence) <= 260 and _TRIGGERS.search(sentence):
                    yield sentence


def _is_held_out(name: str) -> bool:
    return sum(name.encode()) % _HELD_OUT == 0
