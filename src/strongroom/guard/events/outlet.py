"""Takes events off the path of a request: a bounded queue, one thread, any writers.

A full queue drops events and counts them; a writer that fails is counted and does not stop the
others. Nothing here blocks or breaks a request. What must not be lost is the log of decisions,
which the gateway writes itself before an outcome leaves.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from strongroom.domain.errors import StoreError
from strongroom.guard.events.event import Event

QUEUE: Final = 10_000
"""Events; some 10 MB."""
log = logging.getLogger(__name__)


class Writer(Protocol):
    """Where events go: a file, a collector."""

    @property
    def name(self) -> str:
        """For the counter of failures."""
        ...

    def write(self, event: Event) -> None:
        """Write one; may take its time, may raise."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class LineWriter:
    """JSON lines in a file of the owner's, in the form that `shape` gives."""

    def __init__(self, path: Path, shape: Callable[[Event], Mapping[str, Any]], name: str) -> None:
        self.name, self._shape = name, shape
        try:
            path.touch(mode=0o600)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error

    def write(self, event: Event) -> None:
        """Append a line."""
        line = json.dumps(self._shape(event), separators=(",", ":"), ensure_ascii=True)
        self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Outlet:
    """See the module."""

    def __init__(self, writers: Sequence[Writer], size: int = QUEUE) -> None:
        self._writers, self._size = writers, size
        self._waiting: deque[Event] = deque()
        self._change = threading.Condition()
        self._closing = False
        self._dropped = self._written = 0
        self._failed: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="guard-events", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Events that found the queue full, or came after the end."""
        return self._dropped

    @property
    def written(self) -> int:
        """Events that all writers were given."""
        return self._written

    @property
    def failed(self) -> Mapping[str, int]:
        """Events that a writer did not take, by its name."""
        return dict(self._failed)

    def put(self, event: Event) -> None:
        """Take one, at once."""
        with self._change:
            if self._closing or len(self._waiting) >= self._size:
                self._dropped += 1
                return
            self._waiting.append(event)
            self._change.notify()

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, for at most so long; what is left then counts as dropped."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join(seconds)
        with self._change:
            self._dropped += len(self._waiting)
            self._waiting.clear()
        if self._dropped or self._failed:
            log.warning("events dropped: %d, failed: %s", self._dropped, dict(self._failed))

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    break
                event = self._waiting.popleft()
            for writer in self._writers:
                self._give(writer, event)
            self._written += 1
        for writer in self._writers:
            try:
                writer.close()
            except Exception as error:  # noqa: BLE001 - anybody's exporter
                log.error("closing %s: %s", writer.name, type(error).__name__)  # noqa: TRY400

    def _give(self, writer: Writer, event: Event) -> None:
        try:
            writer.write(event)
        except Exception as error:  # noqa: BLE001 - anybody's exporter: counted, never passed on
            self._failed[writer.name] += 1
            log.error("writing to %s: %s", writer.name, type(error).__name__)  # noqa: TRY400
