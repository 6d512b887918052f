"""Requirements files: what would be installed, and whether it is pinned by version and hash.

The format is pip's (pip.pypa.io, "Requirements File Format"); files that it includes are not
followed, they are named as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InputError, LimitError

MAX_BYTES: Final = 16 * 2**20
MAX_LINES: Final = 200_000
_HASH: Final = re.compile(r"--hash[=\s]\s*([A-Za-z0-9]+):([0-9A-Fa-f]+)")
_STRONG: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
"""Algorithms that pip accepts, with the digits they have."""
_NAME: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)\Z", re.S)
_NOTE: Final = re.compile(r"\s+#\s*(via\b)?\s*(.*?)\s*\Z")
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_EXACT: Final = re.compile(r"===?\s*([A-Za-z0-9._!+-]+)\Z")
_RISKY: Final = ("--extra-index-url", "--trusted-host", "--find-links", "-f")
_INCLUDES: Final = ("-r", "--requirement", "-c", "--constraint")


@dataclass(frozen=True, slots=True)
class Pin:
    """One line that installs something."""

    name: str
    """Normalised as PEP 503 says, or the line itself for paths and addresses."""
    version: str | None
    """The exact version, or None."""
    hashes: tuple[tuple[str, str], ...]
    """Algorithm and lower-case hexadecimal digits."""
    line: int
    marker: str = ""

    @property
    def purl(self) -> str:
        """Package URL, in the notation of the purl specification."""
        return f"pkg:pypi/{self.name}" + (f"@{self.version}" if self.version else "")


@dataclass(frozen=True, slots=True)
class Option:
    """One line that changes how things are installed."""

    text: str
    line: int

    @property
    def risky(self) -> bool:
        """Whether it lets packages in from elsewhere."""
        return self.text.split("=")[0].split()[0] in _RISKY

    @property
    def includes(self) -> bool:
        """Whether it names a further file."""
        return self.text.split("=")[0].split()[0] in _INCLUDES


@dataclass(frozen=True, slots=True)
class Requirements:
    """A whole file."""

    pins: tuple[Pin, ...]
    options: tuple[Option, ...]


def read_requirements_file(path: Path) -> Requirements:
    """The same of a file. Raises InputError, LimitError."""
    if not path.is_file():
        raise InputError("the dependencies are no file", where=path.name, fix="name one file")
    if path.stat().st_size > MAX_BYTES:
        raise LimitError(f"larger than {MAX_BYTES} bytes", where=path.name)
    return read_requirements(path.read_bytes(), where=path.name)


def read_requirements(data: bytes, *, where: str) -> Requirements:
    """Parse a requirements file. Raises InputError, LimitError."""
    if len(data) > MAX_BYTES:
        raise LimitError(f"{len(data)} bytes, {MAX_BYTES} allowed", where=where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", where=where) from error
    pins: list[Pin] = []
    options: list[Option] = []
    for number, line in _lines(text, where):
        if line.startswith("-"):
            editable = line.split()[0].split("=")[0] in {"-e", "--editable"}
            (pins.append(_odd(line, number)) if editable else options.append(Option(line, number)))
        else:
            pins.append(_pin(line, number))
    return Requirements(tuple(pins), tuple(options))


def wanted_by(data: bytes) -> dict[str, tuple[str, ...]]:
    """By package: the packages that need it, from the `# via` notes of pip-compile and uv.

    Says nothing of a file without such notes; of one that is malformed, what can be read.
    """
    found: dict[str, list[str]] = {}
    current, listing = "", False
    for line in data[:MAX_BYTES].decode("utf-8", "replace").splitlines()[:MAX_LINES]:
        note = _NOTE.match(line)
        if note is None:
            named = _NAME.match(line)
            current = _normal(named[1]) if named else current
            listing = False
        elif listing or note[1]:
            listing = True
            if _PLAIN.match(note[2]) and current:
                found.setdefault(current, []).append(_normal(note[2]))
    return {name: tuple(parents) for name, parents in found.items()}


def _normal(name: str) -> str:
    """As PEP 503 says."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines(text: str, where: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first; continuations joined, comments gone."""
    whole, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        if number > MAX_LINES:
            raise LimitError(f"more than {MAX_LINES} lines", where=where)
        start = start if whole else number
        line = re.sub(r"(^|\s)#.*$", "", raw)
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        whole += line
        if whole.strip():
            yield start, whole.strip()
        whole = ""
    if whole.strip():
        yield start, whole.strip()


def _pin(line: str, number: int) -> Pin:
    hashes = tuple((m[1].lower(), m[2].lower()) for m in _HASH.finditer(line))
    strong = tuple((a, h) for a, h in hashes if _STRONG.get(a) == len(h))
    wanted = re.split(r"\s--", line, maxsplit=1)[0]
    wanted, _, marker = wanted.partition(";")
    match = _NAME.match(wanted.strip())
    if match is None or "://" in wanted or wanted.strip().startswith(("/", ".")):
        return Pin(wanted.strip()[:200], None, strong, number, marker.strip())
    name, rest = _normal(match[1]), match[3].strip().strip("()")
    exact = _EXACT.match(rest)
    version = exact[1] if exact and "*" not in rest else None
    return Pin(name, version, strong, number, marker.strip())


def _odd(line: str, number: int) -> Pin:
    return Pin(line[:200], None, (), number)
