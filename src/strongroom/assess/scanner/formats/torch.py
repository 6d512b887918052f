"""PyTorch archives: `data.pkl` with persistent ids for storages; TorchScript with its own names."""

from __future__ import annotations

import re
from typing import Final

from strongroom.assess.scanner.formats import pickles
from strongroom.assess.scanner.joblib_layout import Setting
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Rating
from strongroom.assess.scanner.stream import Stream

LONGEST: Final = 16 << 20
"""Bytes of code of one class that are read."""
_ARCHIVE: Final = Setting(persistent=True)
_SCRIPT: Final = Setting(persistent=True, local=frozenset({"__torch__"}))


def scan_member(stream: Stream, name: str, place: Place) -> Scanned:
    """One entry of what `torch.save` writes."""
    return _scan(stream, name, place, _ARCHIVE)


def scan_script_member(stream: Stream, name: str, place: Place) -> Scanned:
    """One entry of what `torch.jit.save` writes; its pickles name classes of the archive itself."""
    if name.endswith(".py") and "/code/" in f"/{name}":
        return place.descend(stream, name, _code)
    return _scan(stream, name, place, _SCRIPT)


_ESCAPES: Final = re.compile(
    rb"\b(torch\.(save|load|from_file)|ops\.aten\.(save|from_file)|aten::(save|from_file)|"
    rb"ops\.(?!aten\b|prim\b|prims\b|quantized\b|torchvision\b|torchaudio\b|torchtext\b|_caffe2\b|"
    rb"inductor\b|profiler\b|rngprims\b|c10d\b|sparse\b|onednn\b|mkldnn\b|mkldnn_prepacked\b|"
    rb"prepacked\b|xnnpack\b|vulkan\b|static_runtime\b|fb\b|cuda\b|test\b)\w+\.\w+)\s*\("
)
"""Calls of TorchScript that read or write files, or run somebody's native operator."""


def _code(stream: Stream, _place: Place) -> Scanned:
    text = stream.read(LONGEST)
    found = {match[1]: match.start() for match in _ESCAPES.finditer(text)}
    hazards = []
    for name, offset in found.items():
        custom = name.startswith(b"ops.") and not name.startswith(b"ops.aten.")
        hazards.append(
            odd(
                "torchscript.operator",
                f"its code calls {name.decode()}, "
                + ("an operator of somebody's library" if custom else "which touches files"),
                offset=offset,
                attack="native_code" if custom else "file_access",
                references=("CWE-114",) if custom else ("CWE-73", "AML.T0011.000"),
                rating=Rating.REVIEW if custom else Rating.BLOCK,
                call=f"{name.decode()}(…)",
            )
        )
    if stream.peek(1):
        hazards.append(unjudged("torchscript.size", f"more than {LONGEST} bytes of code"))
    return Scanned("torchscript", tuple(hazards))


def _scan(stream: Stream, name: str, place: Place, setting: Setting) -> Scanned:
    if not name.endswith(".pkl"):
        return place.descend(stream, name)
    return place.descend(stream, name, lambda inner, there: pickles.scan(inner, there, setting))
