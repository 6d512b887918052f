"""Where a text could hold something: found faster than by patterns, and the same places."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from strongroom.guard.decoders.shape import Shape

SHAPE = Shape({"d": "0123456789", "a": "ABCxyz", " ": " -"})
TEXTS = st.text(alphabet="019ABCxyz -é\n?~", max_size=80)


@given(TEXTS, st.integers(1, 6))
def test_runs_are_those_that_a_pattern_finds(text: str, least: int) -> None:
    expected = [m.span() for m in re.finditer(f"[0-9]{{{least},}}", text)]
    assert list(SHAPE.runs(text, b"d", least)) == expected


@given(TEXTS)
def test_matches_are_those_of_the_pattern(text: str) -> None:
    pattern = re.compile(r"(?<![0-9A-Za-z])[ABCxyz]{2}[0-9](?:[ -]?[0-9A-Za-z])*")
    expected = [m.span() for m in pattern.finditer(text)]
    assert [m.span() for m in SHAPE.matches(pattern, text, b"aad")] == expected
