"""Running the command: its output passed on and hashed, signals forwarded, exit code given back.

Nothing of what it writes is kept but the digest: logs may hold what must not be kept.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import IO, Final

from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError

FORWARDED: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
DRAIN: Final = 5.0
"""Seconds that a stream may stay open after the command's end: a child of it may live on."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended."""

    exit_code: int
    """As a shell gives it: 128 and the signal's number for a command that was killed."""
    logs: Mapping[str, Digest]
    whole: bool
    """Whether the streams were read to their end."""


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Ended:
    """Run it to its end. Raises InputError when it cannot be started."""
    try:
        process = subprocess.Popen(  # noqa: S603  (the user's own command is what we are asked for)
            command,
            env=dict(environment),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise InputError(
            f"cannot be started: {error.strerror}", where=command[0], fix="name a program on PATH"
        ) from error
    streams = {
        "stdout": _Tee(process.stdout, sys.stdout.buffer),
        "stderr": _Tee(process.stderr, sys.stderr.buffer),
    }
    with _forwarding(process):
        for stream in streams.values():
            stream.start()
        code = process.wait()
        for stream in streams.values():
            stream.join(DRAIN)
    return Ended(
        128 - code if code < 0 else code,
        {name: stream.digest for name, stream in streams.items()},
        not any(stream.is_alive() for stream in streams.values()),
    )


class _Tee(Thread):
    """Passes a stream on as it comes, and knows its digest."""

    def __init__(self, source: IO[bytes] | None, target: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._target: IO[bytes] | None = target
        self._state = hashlib.sha256()

    def run(self) -> None:
        if self._source is None:
            return
        with self._source as source:
            while chunk := os.read(source.fileno(), 65536):
                self._state.update(chunk)
                self._pass_on(chunk)

    def _pass_on(self, chunk: bytes) -> None:
        if self._target is None:
            return
        try:
            self._target.write(chunk)
            self._target.flush()
        except (OSError, ValueError):
            self._target = None  # nobody listens any more; the command goes on

    @property
    def digest(self) -> Digest:
        return Digest("sha256", self._state.copy().hexdigest())


@contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Signals go to the command; we stay to tell how it ended."""

    def forward(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and sys.stdin is not None and sys.stdin.isatty():
            return  # the terminal sent it to the command too
        process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
