"""Pickle and joblib: opcode streams, one after another, with raw array bytes in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Final

from strongroom.assess.scanner.joblib_layout import JoblibJudge, Setting, SpeculativeJudge
from strongroom.assess.scanner.judge import PickleJudge
from strongroom.assess.scanner.machine import Machine
from strongroom.assess.scanner.place import Place, Scanned, odd, over, unjudged
from strongroom.assess.scanner.report import RUNS_INSTRUCTIONS, Hazard, Rating
from strongroom.assess.scanner.stream import Stream, Truncated
from strongroom.assess.scanner.values import Broken
from strongroom.domain.errors import LimitError
from strongroom.domain.outcome import Severity

STREAMS: Final = 10_000
"""Pickles after one another in one file."""
PROBE: Final = 1 << 20
"""Bytes that are tried where a pickle has no magic number."""
_OPENERS: Final = frozenset(
    bytes([code]) for code in b"(]}lcdSVXUTIJKMLFGN)PBCi\x88\x89\x8a\x8c\x8d\x8e\x8f\x95\x96"
)
"""Opcodes that a pickle can begin with."""
_TORCH_LEGACY: Final = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""torch's magic number as a pickled integer."""
_NOTE: Final = Hazard(
    RUNS_INSTRUCTIONS,
    Rating.CLEAN,
    "loading a pickle runs the instructions in it; the verdict is about today's instructions",
    Severity.INFO,
    references=("CWE-502",),
)


@dataclass
class _Progress:
    """What was read so far."""

    hazards: list[Hazard] = field(default_factory=list)
    arrays: int = 0
    streams: int = 0
    called: bool = False
    """Whether anything unreviewed was called."""
    broken: str | None = None
    """Why the last stream is no sound pickle."""
    limit: str | None = None
    """The limit that was passed, if that is why."""
    offset: int = 0
    """Of the opcode that was read last."""


def has_magic(head: bytes) -> bool:
    """Whether a pickle of protocol 2 or later begins here."""
    return head[:1] == b"\x80" and head[1:2] <= b"\x05" and len(head) > 2


def scan(stream: Stream, place: Place, setting: Setting | None = None) -> Scanned:
    """Follow every pickle in the stream."""
    setting = setting or Setting()
    progress = _Progress()
    while progress.streams < STREAMS and (head := stream.peek(3)):
        sure = has_magic(head)
        if progress.streams and setting.followed and not sure:
            break
        _one(stream, place, setting, progress, sure=sure)
        if progress.broken is not None:
            break
    progress.hazards.extend(_verdict_on_end(stream, progress, setting))
    name = "joblib" if progress.arrays else "pickle"
    return Scanned(name, (_NOTE, *progress.hazards))


def scan_file(stream: Stream, place: Place) -> Scanned:
    """A file that begins with a pickle: torch's legacy format has its own settings."""
    if stream.peek(2 + len(_TORCH_LEGACY))[2:] == _TORCH_LEGACY:
        return replace(scan_legacy(stream, place), format="torch-legacy")
    return scan(stream, place)


def scan_legacy(stream: Stream, place: Place) -> Scanned:
    """Pickles of torch's old formats: persistent ids, and raw numbers after them."""
    return scan(stream, place, Setting(persistent=True, followed=True))


def probe_head(stream: Stream, place: Place) -> Scanned | None:
    """Scan as a pickle if the next bytes work as one; consumes nothing if they do not."""
    head = stream.peek(PROBE)
    if head[:1] not in _OPENERS:
        return None
    trial = Stream(BytesIO(head), place.budget)
    if probe(trial, place, cut=len(head) == PROBE) is None:
        return None
    return scan(stream, place)


def probe(stream: Stream, place: Place, *, cut: bool = False) -> Scanned | None:
    """Scan bytes that only might be a pickle: None when they are not.

    A pickle of protocol 0 or 1 has no magic number; it is one if it runs to its end, if it calls
    something before it breaks, or if it is sound to where the bytes were `cut`.
    """
    judge = SpeculativeJudge(place, Setting())
    machine = Machine(stream, judge)
    try:
        machine.run()
    except (Truncated, LimitError) as error:
        if cut or isinstance(error, LimitError):
            return Scanned("pickle", judge.hazards)
        return _if_called(judge, machine.offset)
    except Broken:
        return _if_called(judge, machine.offset)
    if stream.peek(1) and not judge.hazards:
        return None
    return Scanned("pickle", judge.hazards)


def _if_called(judge: PickleJudge, offset: int) -> Scanned | None:
    if not (judge.called or judge.names_danger):
        return None
    return Scanned("pickle", (*judge.hazards, _broken_after_act(offset)))


def _one(
    stream: Stream, place: Place, setting: Setting, progress: _Progress, *, sure: bool
) -> None:
    judge = (JoblibJudge if sure else SpeculativeJudge)(place, setting)
    machine = Machine(stream, judge)
    try:
        machine.run()
    except Truncated:
        progress.broken = "the file ends in the middle of a pickle"
    except Broken as error:
        progress.broken = str(error)
    except LimitError as error:
        progress.broken = progress.limit = error.what
        progress.hazards.append(over(error))
    else:
        progress.streams += 1
    progress.offset = machine.offset
    progress.arrays += judge.arrays
    acted = judge.called or judge.names_danger
    progress.called |= acted
    if progress.broken is None or sure or acted:
        progress.hazards.extend(judge.hazards)


def _verdict_on_end(stream: Stream, progress: _Progress, setting: Setting) -> Iterable[Hazard]:
    if progress.limit is not None:
        return
    acted = progress.called or any(h.rating is Rating.BLOCK for h in progress.hazards)
    if progress.broken is not None and acted:
        yield _broken_after_act(progress.offset)
    elif progress.broken is not None and not progress.streams:
        yield unjudged(
            "pickle.broken",
            f"not a sound pickle: {progress.broken} at byte {progress.offset}",
            offset=progress.offset,
        )
    elif progress.broken is not None and not setting.followed:
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
