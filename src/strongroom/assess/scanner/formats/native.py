"""Programs, libraries and scripts: no model at all, and worse under a model's name."""

from __future__ import annotations

import re
from typing import Final

from strongroom.assess.scanner.place import Place, Scan, Scanned, odd
from strongroom.assess.scanner.report import Rating
from strongroom.assess.scanner.stream import Stream

_HEADS: Final = (
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xfe\xed\xfa\xcf",
    b"\xfe\xed\xfa\xce",
    b"\xca\xfe\xba\xbe",
    b"\0asm\x01\0\0\0",
)
_MODEL: Final = re.compile(
    r"\.(pkl|pickle|p|joblib|dill|bin|pt|pth|ckpt|mar|model|mdl|h5|hdf5|keras|onnx|ort|safetensors|gguf|ggml|"
    r"npy|npz|pb|pbtxt|tflite|cbm|ubj|pmml|skops|nemo|params|weights|msgpack|json|yaml|yml)\Z",
    re.I,
)
_SCRIPT: Final = re.compile(rb"#!\s{0,8}/|@echo off|<\?php|<script|MZ", re.I)
_PATH_FILE: Final = re.compile(rb"^import[ \t]\S", re.M)
"""A line of a `.pth` file in site-packages that Python runs at every start."""


def plausible(head: bytes) -> bool:
    """ELF, Mach-O, a Java class, WebAssembly, or Windows: there the header must be found, too."""
    if head.startswith(_HEADS):
        return True
    at = int.from_bytes(head[60:64], "little")
    return head[:2] == b"MZ" and head[at : at + 4] == b"PE\0\0"


def scan(name: str) -> Scan:
    """Say what it is; under a model's name it is a disguise."""

    def read(_stream: Stream, place: Place) -> Scanned:
        return _judged(name, f"a program or library ({name})", place, disguised=_poses(place))

    return read


def disguised_script(head: bytes, place: Place) -> Scanned | None:
    """A script under a model's name, or a path file that runs code; None for any other text."""
    if _name(place).endswith(".pth") and _PATH_FILE.search(head):
        return _judged("path-file", "a .pth file that Python runs when it starts", place)
    if _SCRIPT.match(head) and _poses(place):
        return _judged("script", "a script", place)
    return None


def _judged(name: str, what: str, place: Place, *, disguised: bool = True) -> Scanned:
    hazard = odd(
        "file.native_code",
        f"is {what}, not a model" + (f", under the name {_name(place)[:100]}" if disguised else ""),
        attack="disguise" if disguised else "native_code",
        references=("CWE-114", "CWE-434") if disguised else ("CWE-114",),
        rating=Rating.BLOCK if disguised else Rating.REVIEW,
    )
    return Scanned(name, (hazard,))


def _poses(place: Place) -> bool:
    return bool(_MODEL.search(_name(place)))


def _name(place: Place) -> str:
    return re.split(r"[/\\!]", place.member or str(place.path))[-1]
