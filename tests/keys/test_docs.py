"""The page about keys tells the truth: its programs run, and print what it says they print."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize(("program", "printed"), EXAMPLES)
def test_the_programs_print_what_the_page_says(program: str, printed: str) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, str(PAGE), "exec"), {})
    assert re.sub(r"[0-9a-f]{16,}", "…", out.getvalue()) == printed


def test_the_page_has_programs() -> None:
    assert len(EXAMPLES) == 2
