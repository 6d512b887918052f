"""The docs are whole: derived pages are fresh, every verb, check and page is reachable."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.fixture(scope="module")
def derive():
    spec = importlib.util.spec_from_file_location("derive", ROOT / "tools/derive.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_derived_pages_are_what_code_and_data_make_now(derive):
    assert derive.stale() == [], "run `make derive` and commit what it writes"


def pages() -> list[Path]:
    return sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    targets = [t for t in LINK.findall(page.read_text("utf-8")) if "://" not in t]
    broken = [t for t in targets if not (page.parent / t).exists()]
    assert broken == []
