"""YAML: tags that build Python objects, and keys that frameworks resolve to functions.

Read as text, line by line: a YAML parser would have to be told not to do what is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strongroom.assess.scanner.formats.jinja import judge_template, looks_like_template
from strongroom.assess.scanner.names import judge_name
from strongroom.assess.scanner.place import Scanned, odd
from strongroom.assess.scanner.report import Hazard, Rating

_TAG: Final = re.compile(r"!!python/(object|name|module)[\w/]{0,20}:?([\w.]{0,200})")
_TARGET: Final = re.compile(
    r"""^[\s-]{0,200}["']?_target_["']?\s{0,8}:\s{0,8}["']?([\w.]{1,200})""", re.M
)
_TARGETS: Final = ("CVE-2025-23304", "CWE-470", "AML.T0011.000")
_KEY: Final = re.compile(r"^[\w-]{1,80}\s{0,8}:", re.M)
MOST: Final = 20


def recognise(text: str, _name: str) -> Scanned | None:
    """Judge text that holds such tags or keys, whatever else it is."""
    found = [*_tags(text), *_targets(text), *_templates(text)]
    return Scanned("yaml", tuple(found[:MOST])) if found else None


def _templates(text: str) -> Iterator[Hazard]:
    """Templates in configurations; ones that stay inside are everybody's business."""
    if _KEY.search(text) and looks_like_template(text):
        found = judge_template(text, "the file")
        yield from (hazard for hazard in found if hazard.rating is Rating.BLOCK)


def _tags(text: str) -> Iterator[Hazard]:
    for match in _TAG.finditer(text):
        yield odd(
            "yaml.python_tag",
            "a tag that builds a Python object while the file is read",
            offset=match.start(),
            attack="code_execution",
            references=("CWE-502", "CVE-2020-14343"),
            rating=Rating.BLOCK,
            call=f"{match[2] or match[1]}(…)",
        )


def _targets(text: str) -> Iterator[Hazard]:
    """Hydra's `_target_`: the function that is called with the other keys as arguments."""
    for match in _TARGET.finditer(text):
        module, _, symbol = match[1].rpartition(".")
        hazard = judge_name(module, symbol, "config.target", references=_TARGETS)
        if hazard is not None and hazard.rating is Rating.BLOCK:
            yield hazard
