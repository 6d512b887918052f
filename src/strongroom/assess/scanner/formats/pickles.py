"""Pickle and joblib: one or more opcode streams, with raw array bytes between them in joblib."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any, Final

from strongroom.assess.scanner.arrays import DTYPE_OBJECT, array_bytes
from strongroom.assess.scanner.judge import PickleJudge
from strongroom.assess.scanner.machine import Broken, Machine
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream, Truncated
from strongroom.assess.scanner.values import Global, Made

STREAMS: Final = 10_000
"""Pickles after one another in one file."""
ALIGNMENT: Final = 16
"""Longest padding before an array's bytes (joblib.numpy_pickle)."""
PROBE: Final = 1 << 20
"""Bytes that are tried where a pickle has no magic number."""
_OPENERS: Final = frozenset(
    bytes([c]) for c in b"(]}lcdSVXUTIJKMLFGN)PBCi\x88\x89\x8a\x8c\x8d\x8e\x8f\x96"
)
"""Opcodes that a pickle can begin with."""
_TORCH_LEGACY: Final = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""torch's magic number as a pickled integer."""
_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")


@dataclass(frozen=True)
class Setting:
    """What the format around a pickle gives it."""

    persistent: bool = False
    """Persistent ids are part of the format (torch)."""
    local: frozenset[str] = field(default_factory=frozenset)
    """Top modules that the format itself brings (TorchScript's `__torch__`)."""
    followed: bool = False
    """Other data may follow the last pickle (torch's legacy storages)."""


class _Judge(PickleJudge):
    """Also follows joblib's layout: after an array's description come its bytes."""

    def __init__(self, place: Place, setting: Setting) -> None:
        super().__init__(
            nested=lambda data: place.descend_bytes(data, "bytes").hazards,
            persistent=setting.persistent,
            local=setting.local,
        )
        self._place = place
        self._setting = setting
        self.arrays = 0

    def built(self, target: Any, machine: Machine) -> None:
        """Pass over the bytes of the array that was just described."""
        if not (isinstance(target, Made) and isinstance(target.callee, Global)):
            return
        if target.callee.dotted != "joblib.numpy_pickle.NumpyArrayWrapper":
            return
        self.arrays += 1
        stream = machine.stream
        if stream.tell() < machine.frame_end:
            raise Broken("an array's bytes inside a frame")
        size, aligned = array_bytes(target.state)
        if size is None:
            raise Broken("an array of unknown size")
        if size == DTYPE_OBJECT:
            self._object_array(stream)
            return
        if aligned:
            padding = stream.take(1)[0]
            if padding > ALIGNMENT:
                raise Broken(f"padding of {padding} bytes before an array")
            stream.skip(padding)
        stream.skip(size)

    def _object_array(self, stream: Stream) -> None:
        """An array of objects is a pickle of its own in the middle."""
        inner = Machine(stream, self)
        inner.run()


class _Speculative(_Judge):
    """For bytes that are perhaps no pickle at all: what cannot be a name ends it."""

    def refer(self, symbol: Global, protocol: int) -> None:
        """Refuse what no import statement could name."""
        if not (_NAME.match(symbol.module) and _NAME.match(symbol.name)):
            raise Broken("not a name")
        super().refer(symbol, protocol)


@dataclass
class _Progress:
    """What was read so far."""

    hazards: list[Hazard] = field(default_factory=list)
    arrays: int = 0
    streams: int = 0
    acted: bool = False
    broken: str | None = None
    offset: int = 0


def scan(stream: Stream, place: Place, setting: Setting | None = None) -> Scanned:
    """Follow every pickle in the stream. Raises LimitError."""
    setting = setting or Setting()
    progress = _Progress()
    while progress.broken is None and progress.streams < STREAMS:
        head = stream.peek(2)
        if not head:
            break
        sure = head[:1] == b"\x80" and head[1:2] <= b"\x05"
        if progress.streams and not sure and setting.followed:
            break
        _one(stream, place, setting, progress, sure=sure or not progress.streams)
        if progress.streams and progress.broken is not None and not sure:
            break
    progress.hazards.extend(_verdict_on_end(stream, progress))
    name = "joblib" if progress.arrays else "pickle"
    return Scanned(name, tuple(progress.hazards))


def scan_file(stream: Stream, place: Place) -> Scanned:
    """A file that begins with a pickle: torch's legacy format has its own settings."""
    legacy = stream.peek(len(_TORCH_LEGACY) + 2)[2:].startswith(_TORCH_LEGACY)
    if not legacy:
        return scan(stream, place)
    return replace(scan_legacy(stream, place), format="torch-legacy")


def scan_legacy(stream: Stream, place: Place) -> Scanned:
    """Pickles of torch's old formats: persistent ids, and raw numbers after them."""
    return scan(stream, place, Setting(persistent=True, followed=True))


def probe_head(stream: Stream, place: Place) -> Scanned | None:
    """`probe` on the next bytes without consuming them, then on the whole if that looks right."""
    head = stream.peek(PROBE)
    if head[:1] not in _OPENERS:
        return None
    scanned = probe(Stream(BytesIO(head), place.budget), place, cut=len(head) == PROBE)
    if scanned is None:
        return None
    return scan(stream, place) if scanned.format == "pickle" else None


def probe(stream: Stream, place: Place, *, cut: bool = False) -> Scanned | None:
    """Scan bytes that only might be a pickle: None when they are not.

    A pickle of protocol 0 or 1 has no magic number; it is one if it runs to its end, if it calls
    something before it breaks, or if it is sound to where the bytes were `cut`.
    """
    judge = _Speculative(place, Setting())
    machine = Machine(stream, judge)
    try:
        machine.run()
    except Truncated:
        if cut:
            return Scanned("pickle", judge.hazards)
        return _if_called(judge, machine.offset)
    except Broken:
        return _if_called(judge, machine.offset)
    if stream.peek(1) and not judge.hazards:
        return None
    return Scanned("pickle", judge.hazards)


def _if_called(judge: PickleJudge, offset: int) -> Scanned | None:
    if not judge.called:
        return None
    return Scanned("pickle", (*judge.hazards, _broken_after_act(offset)))


def _one(
    stream: Stream, place: Place, setting: Setting, progress: _Progress, *, sure: bool
) -> None:
    judge = (_Judge if sure else _Speculative)(place, setting)
    machine = Machine(stream, judge)
    try:
        machine.run()
    except Truncated:
        progress.broken = "the file ends in the middle of a pickle"
    except Broken as error:
        progress.broken = str(error)
    progress.offset = machine.offset
    if progress.broken is None or sure or judge.worst is Rating.BLOCK:
        progress.hazards.extend(judge.hazards)
        progress.acted |= machine.acted
    if progress.broken is None:
        progress.streams += 1
    progress.arrays += judge.arrays


def _verdict_on_end(stream: Stream, progress: _Progress) -> Iterable[Hazard]:
    if progress.broken is not None and not progress.streams:
        if any(h.rating is not Rating.CLEAN for h in progress.hazards):
            yield _broken_after_act(progress.offset)
        else:
            yield unjudged(
                "pickle.broken",
                f"not a sound pickle: {progress.broken} at byte {progress.offset}",
                offset=progress.offset,
            )
    elif progress.broken is not None:
        yield odd(
            "pickle.trailing_data",
            "bytes follow the pickle that loading it never reads",
            offset=progress.offset,
            attack="hidden_data",
            references=("CWE-506",),
        )
    elif progress.streams >= STREAMS and stream.peek(1):
        yield unjudged("limit.streams", f"more than {STREAMS} pickles in one file")


def _broken_after_act(offset: int) -> Hazard:
    return odd(
        "pickle.broken_after_call",
        "the pickle breaks off after it has already imported or called something: "
        "a known way past scanners that stop at the first error",
        offset=offset,
        attack="broken_pickle",
        references=("CWE-502", "AML.T0011.000", "arXiv:2508.19774"),
        rating=Rating.BLOCK,
    )
