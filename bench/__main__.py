"""Run benches and write what they measured into docs/benchmarks.md.

    python -m bench [NAME…]

A bench is a module `bench/NAME.py` with `run() -> str`, a section in Markdown. It is written
between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`, or else at the end of the page.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs/benchmarks.md"


def put(page: str, name: str, section: str) -> str:
    """The page with a bench's section replaced, or added."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    made = f"{begin}\n{section.strip()}\n{end}"
    if begin not in page or end not in page:
        return f"{page.rstrip()}\n\n{made}\n".lstrip()
    before, _, rest = page.partition(begin)
    return before + made + rest.partition(end)[2]


def main(names: list[str]) -> None:
    every = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    for name in names or every:
        print(f"bench {name}", file=sys.stderr)
        section = import_module(f"bench.{name}").run()
        page = PAGE.read_text() if PAGE.exists() else "# Benchmarks\n"
        PAGE.write_text(put(page, name, section))


if __name__ == "__main__":
    main(sys.argv[1:])
