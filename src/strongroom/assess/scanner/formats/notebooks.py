"""Jupyter notebooks: code cells as source, all cells and outputs for secrets.

Long texts (images, widgets' states) are cut while the file is read, so that a notebook of a hundred
megabytes costs no more than its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.code import judge_shell
from strongroom.assess.scanner.formats.secrets import judge_secrets
from strongroom.assess.scanner.formats.sources import hazards, judge_source
from strongroom.assess.scanner.jsons import MAX_BYTES, NotJson, parse
from strongroom.assess.scanner.place import Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import CHUNK, Stream
from strongroom.domain.errors import LimitError
from strongroom.domain.outcome import Severity

LONGEST: Final = 32 * 1024
"""Bytes of one text in the file that are kept."""
CELLS: Final = 5_000
_TOKEN: Final = re.compile(rb'[^"\\]+|\\(?:u[0-9A-Fa-f]{4}|.)|"', re.DOTALL)
_TORN: Final = re.compile(rb"(?<!\\)(?:\\\\)*(\\(?:u[0-9A-Fa-f]{0,3})?)\Z")
"""An escape that the end of what was read may have cut."""
_SHELL_CELL: Final = re.compile(r"\s*%%(?:bash|sh|script\s+(?:ba)?sh|!)")
_OTHER_CELL: Final = re.compile(
    r"\s*%%(?!time|timeit|capture|prun|python3?\b|pypy|debug)(\w+)[^\n]*"
)
_LINE: Final = re.compile(r"^(\s*)(?:[A-Za-z_][\w, ]*=\s*)?(!{1,2}|%{1,2})(.*)$")
_PYTHONS: Final = ("python", "ipython", "")


def scan(stream: Stream) -> Scanned:
    """Judge a notebook."""
    try:
        document = parse(_short(stream))
    except NotJson as error:
        return Scanned("notebook", (unjudged("notebook.broken", f"not JSON: {error}"),))
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        text = "holds no list of cells (format 4); nothing in it was judged"
        return Scanned("notebook", (unjudged("notebook.shape", text, fix="nbconvert it"),))
    return Scanned("notebook", tuple(_judge(document)))


def _judge(document: dict[str, Any]) -> Iterator[Hazard]:
    cells = document["cells"]
    language = _language(document)
    if language not in _PYTHONS:
        yield unjudged("notebook.language", f"its code is {language[:40]!r}, which is not read")
    if len(cells) > CELLS:
        yield unjudged("limit", f"{len(cells)} cells, {CELLS} were judged")
    for number, cell in enumerate(cells[:CELLS], 1):
        if not isinstance(cell, dict):
            yield unjudged("notebook.shape", f"cell {number} is no object")
            continue
        text = _text(cell.get("source"))
        if cell.get("cell_type") == "code" and language in _PYTHONS:
            yield from _code(text, f"cell {number}, ")
        yield from judge_secrets(text, where=f"cell {number}, ")
        for output in _outputs(cell):
            yield from judge_secrets(output, where=f"cell {number}, output ")


def _code(text: str, where: str) -> Iterator[Hazard]:
    """One cell: its command lines as such, the rest as Python."""
    if _SHELL_CELL.match(text):
        yield _magic(where)
        yield from hazards(judge_shell(text), where=where)
        return
    if match := _OTHER_CELL.match(text):
        if match[1] not in {"html", "javascript", "js", "latex", "markdown", "svg", "writefile"}:
            yield unjudged("notebook.magic", f"{where}%%{match[1][:40]}: not read as Python")
        return
    python, commands = [], []
    for number, line in enumerate(text.split("\n"), 1):
        match = _LINE.match(line)
        if match and (match[2][0] == "!" or not line.lstrip().startswith("%%")):
            commands.append((number, match[3]))
        keep = not match and not line.rstrip().endswith("?") and not line.lstrip().startswith("%%")
        python.append(line if keep else f"{match[1] if match else ''}pass")
    for number, command in commands:
        yield from hazards(judge_shell(command, line=number), where=where)
    yield from judge_source("\n".join(python), where=where)


def _magic(where: str) -> Hazard:
    text = f"{where}the cell runs in a shell"
    return odd(
        "notebook.shell", text, attack="unsafe_code", rating=Rating.CLEAN, severity=Severity.INFO
    )


def _outputs(cell: dict[str, Any]) -> Iterator[str]:
    """Texts that a cell printed; no images."""
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        yield _text(output.get("text"))
        yield _text(output.get("traceback"))
        data = output.get("data")
        for kind, value in data.items() if isinstance(data, dict) else ():
            if kind.startswith("text/") or kind == "application/json":
                yield _text(value)


def _text(value: object) -> str:
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""


def _language(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    for key in ("language_info", "kernelspec"):
        about = metadata.get(key) if isinstance(metadata, dict) else None
        if isinstance(about, dict):
            name = about.get("name" if key == "language_info" else "language")
            if isinstance(name, str):
                return name.lower()
    return ""


def _short(stream: Stream) -> bytes:
    """The document with long texts cut. Raises LimitError when it is too long even so."""
    kept = bytearray()
    inside, length, rest = False, 0, b""
    while more := stream.read(CHUNK):
        stream.budget.tick()
        data = rest + more
        torn = _TORN.search(data)
        rest = data[torn.start(1) :] if torn else b""
        for match in _TOKEN.finditer(data, 0, len(data) - len(rest)):
            token = match[0]
            if token == b'"':
                inside, length = not inside, 0
            elif inside:
                room, whole = LONGEST - length, token[:1] == b"\\"
                length = min(length + len(token), LONGEST)
                token = token[:room] if not whole or len(token) <= room else b""
            kept += token
        if len(kept) > MAX_BYTES:
            raise LimitError(f"more than {MAX_BYTES} bytes of cells and texts")
    return bytes(kept + rest).decode("utf-8", "replace").removeprefix("\ufeff").encode()
