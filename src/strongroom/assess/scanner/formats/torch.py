"""PyTorch archives: `data.pkl` with persistent ids for storages; TorchScript with its own names."""

from __future__ import annotations

from typing import Final

from strongroom.assess.scanner.formats import pickles
from strongroom.assess.scanner.joblib_layout import Setting
from strongroom.assess.scanner.place import Place, Scanned
from strongroom.assess.scanner.stream import Stream

_ARCHIVE: Final = Setting(persistent=True)
_SCRIPT: Final = Setting(persistent=True, local=frozenset({"__torch__"}))


def scan_member(stream: Stream, name: str, place: Place) -> Scanned:
    """One entry of what `torch.save` writes."""
    return _scan(stream, name, place, _ARCHIVE)


def scan_script_member(stream: Stream, name: str, place: Place) -> Scanned:
    """One entry of what `torch.jit.save` writes; its pickles name classes of the archive itself."""
    return _scan(stream, name, place, _SCRIPT)


def _scan(stream: Stream, name: str, place: Place, setting: Setting) -> Scanned:
    if not name.endswith(".pkl"):
        return place.descend(stream, name)
    return place.descend(stream, name, lambda inner, there: pickles.scan(inner, there, setting))
