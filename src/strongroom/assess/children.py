"""The outside of a check's own process: start it, listen to it, end it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from typing import Final

from strongroom.assess.child import main
from strongroom.assess.task import Task
from strongroom.assess.wire import Ended, Message, decode
from strongroom.domain.errors import InputError

MAX_SAID: Final = 8 * 2**20
"""Bytes that one check may say."""
_CHUNK: Final = 1 << 16
_CONTEXT: Final = multiprocessing.get_context("forkserver")


def prepare(modules: Sequence[str]) -> None:
    """Let children start with these modules imported; a wish, heeded before the first child."""
    _CONTEXT.set_forkserver_preload(["strongroom.assess.child", *modules])


class Child:
    """One running check."""

    def __init__(self, task: Task, *, deadline: float) -> None:
        self.task = task
        self.deadline = deadline
        """On the monotonic clock."""
        reader, writer = _CONTEXT.Pipe(duplex=False)
        os.set_blocking(reader.fileno(), False)
        self._reader = reader
        self._rest = b""
        self._said = 0
        self._process: ForkServerProcess = _CONTEXT.Process(
            target=main, args=(task, writer), daemon=False
        )
        self._process.start()
        writer.close()

    def fileno(self) -> int:
        """For `wait`."""
        return self._reader.fileno()

    def read(self) -> Iterator[Message]:
        """Whatever it has said since; the last message is `Ended`, even if it died without it."""
        try:
            while chunk := os.read(self.fileno(), _CHUNK):
                yield from self._lines(chunk)
        except BlockingIOError:
            return
        except InputError as error:
            yield Ended(f"the check's process said something unreadable: {error}")
            return
        self._process.join()
        yield Ended(_obituary(self._process.exitcode))

    def end(self) -> None:
        """Kill it with all that it started, and clean up after it."""
        if self._process.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self._process.close()
        self._reader.close()
        shutil.rmtree(self.task.scratch, ignore_errors=True)

    def _lines(self, chunk: bytes) -> Iterator[Message]:
        self._said += len(chunk)
        if self._said > MAX_SAID:
            raise InputError(f"more than {MAX_SAID} bytes")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        yield from map(decode, lines)


def scratch_folder() -> str:
    """An empty folder that only we can enter."""
    return tempfile.mkdtemp(prefix="strongroom-check-")


def listen(children: Sequence[Child], timeout: float) -> Sequence[Child]:
    """The children that said something or died, waiting at most `timeout` seconds."""
    by_pipe = {child.fileno(): child for child in children}
    return [by_pipe[pipe] for pipe in wait(list(by_pipe), timeout) if isinstance(pipe, int)]


def _obituary(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the check's process left without a word (exit code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = {
        "SIGKILL": ", most likely because the machine ran out of memory",
        "SIGSEGV": ": a native library crashed on what it read",
        "SIGABRT": ": a native library gave up on what it read, or for want of memory",
    }.get(name, "")
    return f"the check's process died of {name}{hint}"
