"""Segments of a stream through a function, on several cores, in order, in constant memory.

Each worker takes the next segment, works on it, waits its turn and writes it; so one reads or
writes while another computes. The ciphers and the file calls let go of the interpreter lock.
"""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Final, Protocol

from strongroom.domain.errors import InputError
from strongroom.keys.sealed_format import Buffer

WORKERS: Final = min(4, os.cpu_count() or 1)
"""More do not help: reading and writing are done one at a time."""


class Work(Protocol):
    """What is done to a segment."""

    def __call__(self, index: int, data: Buffer, out: Buffer, /, *, last: bool) -> int:
        """Of that number; puts what it makes into the start of `out`, and gives its length."""
        ...


def pump(source: BinaryIO, target: BinaryIO, sizes: tuple[int, int], work: Work) -> None:
    """Put all segments of `source` through `work` into `target`.

    `sizes` are those of a whole segment before and after. Raises what the streams or `work` raise;
    then `target` holds some first segments, whole and in order, and no others.
    """
    line = _Line(source, target, sizes, work)
    if line.only_one:
        line.run()
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for done in [pool.submit(line.run) for _ in range(WORKERS)]:
                done.result()
        finally:
            line.stop()  # an interrupt does not wait for the rest


def fill(source: BinaryIO, buffer: bytearray | memoryview) -> int:
    """Read until the buffer is full or the source ends, and say how many bytes came."""
    view, done = memoryview(buffer), 0
    while done < len(view):
        count = _read_into(source, view[done:])
        if count is None:
            raise InputError("a source that does not wait for data", fix="open it blocking")
        if not count:
            break
        done += count
    return done


def write(target: BinaryIO, data: Buffer) -> None:
    """All of it: unbuffered files may take less at a time."""
    view = memoryview(data)
    while view:
        count: int | None = target.write(view)
        if count is None:
            raise InputError("a target that does not say what it took", fix="open it blocking")
        view = view[count:]


def _read_into(source: BinaryIO, view: memoryview) -> int | None:
    """With one copy less where the source can, as all of `io` can."""
    if isinstance(source, io.RawIOBase | io.BufferedIOBase):
        return source.readinto(view)
    data: bytes | None = source.read(len(view))
    if data is None:
        return None
    view[: len(data)] = data
    return len(data)


class _Line:
    """What the workers share: the segment read ahead, and whose turn it is to write."""

    def __init__(
        self, source: BinaryIO, target: BinaryIO, sizes: tuple[int, int], work: Work
    ) -> None:
        self._source = source
        self._target = target
        self._sizes = sizes
        self._work = work
        self._reading = threading.Lock()
        self._writing = threading.Condition()
        self._ahead = bytearray(sizes[0])
        self._length = fill(source, self._ahead)
        self._taken = 0
        self._written = 0
        self._ended = False
        self._stopped = False

    @property
    def only_one(self) -> bool:
        """Whether the first segment is not full, and so the only one."""
        return self._length < self._sizes[0]

    def run(self) -> None:
        """Work until the source ends, or somebody stops it, as a worker that fails does."""
        spare, out = bytearray(self._sizes[0]), memoryview(bytearray(self._sizes[1]))
        try:
            while (taken := self._take(spare)) is not None:
                index, spare, length, last = taken
                made = self._work(index, memoryview(spare)[:length], out, last=last)
                if not self._my_turn(index):
                    return
                write(self._target, out[:made])
                with self._writing:
                    self._written += 1
                    self._writing.notify_all()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Let no worker begin or write another segment."""
        with self._writing:
            self._stopped = True
            self._writing.notify_all()

    def _my_turn(self, index: int) -> bool:
        """Wait until all before this segment is written; False when that will never be."""
        with self._writing:
            while self._written != index and not self._stopped:
                self._writing.wait()
            return not self._stopped

    def _take(self, spare: bytearray) -> tuple[int, bytearray, int, bool] | None:
        """Number, bytes, length, and whether it is the last, which takes reading one ahead."""
        with self._reading:
            if self._ended or self._stopped:
                return None
            index, data, length = self._taken, self._ahead, self._length
            self._ahead = spare
            self._length = fill(self._source, spare) if length == len(data) else 0
            self._ended = not self._length
            self._taken += 1
            return index, data, length, self._ended
