"""Files that say which packages are installed, read into one shape; nothing is resolved.

requirements and constraints files (pip), pylock.toml (PEP 751), poetry.lock, uv.lock, Pipfile.lock,
conda environments (their pip section and their own packages), METADATA of an installed package.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from json import JSONDecodeError, loads
from typing import Any, Final

from strongroom.assess.pins import Pin, Requirements, read_requirements
from strongroom.domain.errors import InputError

_HASH: Final = re.compile(r"(sha256|sha384|sha512)[:=-]([0-9a-fA-F]{64,128})\b")
_CONDA: Final = re.compile(r"^\s*-\s+[\"']?(?:[\w./-]+::)?([A-Za-z0-9_.-]+)\s*(.*?)[\"']?\s*$")
_CONDA_EXACT: Final = re.compile(r"={1,2}\s*([0-9][\w.!+]*)(?:=\S+)?\Z")
_REQUIREMENTS: Final = re.compile(
    r"(?:^|[-_.])(?:requirements?|constraints?)(?:[-_.]\S*)?\.(?:txt|in)$", re.I
)


@dataclass(frozen=True, slots=True)
class Locked:
    """What such a file says."""

    kind: str
    """`requirements`, `pylock`, `poetry-lock`, `uv-lock`, `pipfile-lock`, `conda`, `dist-info`."""
    requirements: Requirements
    installed: bool = False
    """Whether it tells what is there, not what to install: then hashes say nothing."""
    elsewhere: tuple[str, ...] = ()
    """Packages that do not come from PyPI, for which its advisories say nothing."""
    licence: str | None = None
    """Of an installed package, in its own words."""


def kind_of(name: str, parent: str, head: str) -> str | None:
    """Which of these files it is, by its name or, if that says nothing, by how it begins."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if re.fullmatch(r"pylock(?:\.[\w-]+)?\.toml", name):
        return "pylock"
    if _REQUIREMENTS.search(name) or (parent == "requirements" and name.endswith((".txt", ".in"))):
        return "requirements"
    if name.endswith((".yml", ".yaml")) and re.search(r"^dependencies:\s*$", head, re.M):
        return "conda" if re.search(r"^(?:channels|name):", head, re.M) else None
    return None


def read_locked(text: str, kind: str, *, where: str) -> Locked:
    """Parse one. Raises InputError, LimitError."""
    return _READERS[kind](text.removeprefix("\ufeff"), where)


def _requirements(text: str, where: str) -> Locked:
    return Locked("requirements", read_requirements(text.encode(), where=where))


def _toml(text: str, where: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"not TOML: {str(error)[:200]}", where=where) from error


def _entries(document: Mapping[str, Any], key: str, where: str) -> Iterator[Mapping[str, Any]]:
    entries = document.get(key, [])
    if not isinstance(entries, list) or not all(
        isinstance(e, dict) and isinstance(e.get("name"), str) for e in entries
    ):
        raise InputError(f"{key} is no list of named packages", where=where)
    yield from entries


def _packages(text: str, where: str, key: str, kind: str) -> Locked:
    """The TOML locks: a list of packages, each with a version and files that carry digests."""
    pins, elsewhere = [], []
    for entry in _entries(_toml(text, where), key, where):
        source = entry.get("source")
        kinds = set(source) if isinstance(source, dict) else set()
        if kinds & {"virtual", "editable"} or "directory" in entry:
            continue  # the project itself
        version = entry.get("version")
        name = re.sub(r"[-_.]+", "-", entry["name"]).lower()
        if kinds & {"git", "path", "directory"} or {"vcs", "archive"} & set(entry):
            elsewhere.append(name)
        version = version if isinstance(version, str) else None
        pins.append(Pin(name, version, _hashes(entry), 0, str(entry.get("marker") or "")))
    return Locked(kind, Requirements(tuple(pins), ()), elsewhere=tuple(elsewhere))


def _hashes(entry: Any) -> tuple[tuple[str, str], ...]:
    """Digests anywhere in the entry; `{"sha256": "…"}` as PEP 751 has them, or `sha256:…`."""
    found: list[tuple[str, str]] = []
    todo = [entry]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            for name, value in item.items():
                if isinstance(value, str) and name in {"sha256", "sha384", "sha512"}:
                    found.append((name, value.lower()))
                else:
                    todo.append(value)
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, str):
            found += [(m[1], m[2].lower()) for m in _HASH.finditer(item[:1000])]
    return tuple(found)


def _pipfile(text: str, where: str) -> Locked:
    try:
        document = loads(text)
    except (JSONDecodeError, RecursionError) as error:
        raise InputError(f"not JSON: {type(error).__name__}", where=where) from error
    pins = []
    for section in ("default", "develop"):
        packages = document.get(section, {}) if isinstance(document, dict) else None
        if not isinstance(packages, dict):
            raise InputError(f"{section} is no table of packages", where=where)
        for name, entry in packages.items():
            said = entry.get("version") if isinstance(entry, dict) else None
            exact = said[2:] if isinstance(said, str) and said.startswith("==") else None
            normal = re.sub(r"[-_.]+", "-", name).lower()
            pins.append(Pin(normal, exact, _hashes(entry), 0))
    return Locked("pipfile-lock", Requirements(tuple(pins), ()))


def _conda(text: str, where: str) -> Locked:
    """Line by line: a YAML parser would follow aliases and tags, and needs neither here."""
    pins: list[Pin] = []
    conda: list[str] = []
    pip: int | None = None
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*$", "", line)
        indent = len(bare) - len(bare.lstrip())
        if re.match(r"\S", bare) and not bare.startswith("-"):
            inside, pip = bare.startswith("dependencies:"), None
        elif inside and re.match(r"\s*-\s+pip:\s*$", bare):
            pip = indent
        elif (
            inside and pip is not None and indent > pip and (item := bare.strip()).startswith("- ")
        ):
            read = read_requirements(item[2:].strip().strip("\"'").encode(), where=where)
            pins += [Pin(p.name, p.version, p.hashes, number, p.marker) for p in read.pins]
        elif inside and (match := _CONDA.match(bare)):
            pip = None
            exact = _CONDA_EXACT.match(match[2])
            conda.append(match[1].lower())
            pins.append(Pin(match[1].lower(), exact[1] if exact else None, (), number))
    found = Requirements(tuple(pins), ())
    return Locked("conda", found, elsewhere=tuple(c for c in conda if c not in {"pip"}))


def _installed(text: str, where: str) -> Locked:
    head = HeaderParser().parsestr(text)
    name, version = head.get("Name"), head.get("Version")
    if not name or not version:
        raise InputError("no Name and Version", where=where)
    kinds = [c for c in head.get_all("Classifier", []) if c.startswith("License ::")]
    licence = (
        head.get("License-Expression")
        or head.get("License")
        or " / ".join(kind.rpartition(" :: ")[2] for kind in kinds)
    )
    pin = Pin(re.sub(r"[-_.]+", "-", name.strip()).lower(), version.strip(), (), 1)
    first = licence.strip().split("\n")[0][:100] if licence else None
    return Locked("dist-info", Requirements((pin,), ()), installed=True, licence=first or None)


_BY_NAME: Final = {
    "requirements.txt": "requirements",
    "poetry.lock": "poetry-lock",
    "uv.lock": "uv-lock",
    "Pipfile.lock": "pipfile-lock",
    "METADATA": "dist-info",
    "PKG-INFO": "dist-info",
}
_READERS: Final[Mapping[str, Callable[[str, str], Locked]]] = {
    "requirements": _requirements,
    "pylock": lambda text, where: _packages(text, where, "packages", "pylock"),
    "poetry-lock": lambda text, where: _packages(text, where, "package", "poetry-lock"),
    "uv-lock": lambda text, where: _packages(text, where, "package", "uv-lock"),
    "pipfile-lock": _pipfile,
    "conda": _conda,
    "dist-info": _installed,
}
KINDS: Final = frozenset(_READERS)
"""What `kind_of` may say."""
