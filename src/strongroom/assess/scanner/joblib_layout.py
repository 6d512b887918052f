"""joblib's files: after the description of an array stand its raw bytes, then opcodes go on.

A plain unpickler reads those same bytes as opcodes. Where joblib's older layout leaves that open,
both readings are followed, so that neither hides anything from us.
Source: joblib/numpy_pickle.py, NumpyArrayWrapper, versions 0.10 to 1.6.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from strongroom.assess.scanner.arrays import DTYPE_OBJECT, array_bytes
from strongroom.assess.scanner.judge import PickleJudge
from strongroom.assess.scanner.machine import Machine
from strongroom.assess.scanner.place import Place
from strongroom.assess.scanner.stream import Stream, Truncated
from strongroom.assess.scanner.values import Broken, Global, Made

WRAPPER: Final = "joblib.numpy_pickle.NumpyArrayWrapper"
ALIGNMENT: Final = 16
"""Longest padding before an array's bytes."""
WINDOW: Final = 1 << 16
"""Bytes of an array that are also read as opcodes."""
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


class JoblibJudge(PickleJudge):
    """Judges a pickle, and passes over the arrays in it."""

    def __init__(self, place: Place, setting: Setting) -> None:
        super().__init__(
            nested=lambda data: place.descend_bytes(data, "bytes").hazards,
            has_persistent_ids=setting.persistent,
            local=setting.local,
        )
        self._place = place
        self.arrays = 0
        """Arrays that were passed over."""

    def built(self, target: Any, machine: Machine) -> None:
        """Pass over the bytes of the array that was just described."""
        if not (isinstance(target, Made) and isinstance(target.callee, Global)):
            return
        if target.callee.dotted != WRAPPER:
            return
        self.arrays += 1
        stream = machine.stream
        if stream.tell() < machine.frame_end:
            raise Broken("an array's bytes inside a frame")
        size, aligned = array_bytes(target.state)
        if size is None:
            raise Broken("an array of unknown size")
        if size == DTYPE_OBJECT:
            Machine(stream, self).run()
            return
        if aligned:
            padding = stream.take(1)[0]
            if padding > ALIGNMENT:
                raise Broken(f"padding of {padding} bytes before an array")
            stream.skip(padding)
        else:
            self._read_as_opcodes(machine)
        stream.skip(size)

    def _read_as_opcodes(self, machine: Machine) -> None:
        """What a plain unpickler would make of the array's bytes."""
        window = Stream(BytesIO(machine.stream.peek(WINDOW)), self._place.budget)
        judge = SpeculativeJudge(self._place, Setting())
        with suppress(Broken, Truncated):
            machine.fork(window, judge).run()
        if judge.called:
            self.adopt(judge.hazards)


class SpeculativeJudge(JoblibJudge):
    """For bytes that are perhaps no pickle at all: what cannot be a name ends it."""

    def refer(self, symbol: Global, protocol: int) -> None:
        """Refuse what no import statement could name."""
        if not (_NAME.match(symbol.module) and _NAME.match(symbol.name)):
            raise Broken("not a name")
        super().refer(symbol, protocol)
