"""Rewrites the `cited` lists of `catalog/frameworks.yaml` from what the requirements cite.

    python tests/governance/citations.py FOLDER

FOLDER holds one TSV a framework, whose first column is the id; an id that is not there is refused.
"""

import csv
import re
import sys
from collections import defaultdict
from pathlib import Path

import yaml

CATALOG = Path(__file__).parents[2] / "src/strongroom/governance/catalog"


def cited() -> dict[str, set[str]]:
    """Ids by framework, over all requirements."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in CATALOG.glob("*.yaml"):
        if path.name != "frameworks.yaml":
            for requirement in yaml.safe_load(path.read_text())["requirements"]:
                for key, ids in requirement.get("references", {}).items():
                    found[key] |= set(ids)
    return found


def known(folder: Path, key: str) -> set[str]:
    """The ids of one framework."""
    with (folder / f"{key}.tsv").open(encoding="utf-8", newline="") as file:
        return {row[0] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)} - {"id"}


def rewritten(text: str, ids: dict[str, set[str]]) -> str:
    """The text of frameworks.yaml with the lists brought up to date."""
    key, lines = "", []
    for line in text.splitlines():
        if match := re.fullmatch(r"  ([\w.]+):", line):
            key = match[1]
        if line.startswith("    cited:"):
            quoted = ", ".join(f'"{name}"' for name in sorted(ids.get(key, ())))
            lines.append(f"    cited: [{quoted}]")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name, ids in cited().items():
        if missing := ids - known(Path(sys.argv[1]), name):
            sys.exit(f"{name} has no {sorted(missing)}")
    target = CATALOG / "frameworks.yaml"
    target.write_text(rewritten(target.read_text(), cited()))
