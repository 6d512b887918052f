"""The demo's federation: makes every party's folder, and runs each party as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from strongroom.domain.canonical import canonical
from strongroom.domain.errors import AbortedError
from strongroom.federated import parties
from strongroom.federated.models import Model, from_bytes
from strongroom.payments.federation import BANKS, COORDINATOR, Shared, plan_of
from strongroom.payments.files import write_parquet
from strongroom.storage.files import write_file

_START: Final = 120.0
"""Seconds for a coordinator to listen."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a demo's parties have their folders."""

    folder: Path

    def party(self, name: str) -> Path:
        """A party's folder."""
        return self.folder / name

    @property
    def home(self) -> Path:
        """The coordinator's home, with the rounds."""
        return self.folder / "home"


def set_up(
    folder: Path,
    shared: Shared,
    model: Mapping[str, Any],
    *,
    rounds: int,
    seed: int,
    now: datetime,
    banks: Sequence[str] = BANKS,
) -> Stage:
    """Authority, keys, certificates, plan and each bank's rows in its own folder."""
    stage = Stage(folder)
    parties.make_authority(folder / "authority", None, now)
    authority = parties.open_party(folder / "authority", None)
    keys = {}
    for name in (COORDINATOR, *banks):
        public = parties.enrol(stage.party(name), None)
        parties.admit(authority, name, public, now, stage.party(name))
        keys[name] = public.raw.hex()
    members = {name: keys[name] for name in banks}
    plan = toml_of(plan_of(shared, members, model, rounds, seed))
    for name in (COORDINATOR, *banks):
        write_file(stage.party(name) / "plan.toml", plan.encode())
    for name in banks:
        write_parquet(shared.banks[name], stage.party(name) / "rows.parquet")
    return stage


def run(stage: Stage, banks: Sequence[str], say: Callable[[str], None]) -> Model:
    """Coordinator and banks as processes, until the coordinator is done. Raises AbortedError."""
    with ExitStack() as stack:
        coordinator, port = coordinate(stage, stack)
        for name in banks:
            join(stage, name, port, stack)
        seen = 0
        log = stage.party(COORDINATOR) / "log"
        while coordinator.poll() is None:
            seen = _follow(log, seen, say)
            time.sleep(0.2)
        _follow(log, seen, say)
    if coordinator.returncode != 0:
        raise AbortedError("the coordinator gave up", where=str(log), fix="read its last lines")
    path = stage.folder / "model.json"
    return from_bytes(path.read_bytes(), where=str(path))


def coordinate(
    stage: Stage, stack: ExitStack, *, port: int = 0
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a coordinator; its process and port."""
    port_file = stage.party(COORDINATOR) / "port"
    port_file.unlink(missing_ok=True)
    where = [str(stage.party(COORDINATOR)), "--home", str(stage.home), "--port", str(port)]
    written = ["--port-file", str(port_file), "--out", str(stage.folder / "model.json")]
    process = _start(stage, COORDINATOR, ["coordinate", *where, *written], stack)
    end = time.monotonic() + _START
    while not port_file.exists():
        if process.poll() is not None or time.monotonic() > end:
            log = stage.party(COORDINATOR) / "log"
            raise AbortedError("the coordinator did not start", where=str(log))
        time.sleep(0.05)
    return process, int(port_file.read_text())


def join(stage: Stage, name: str, port: int, stack: ExitStack) -> subprocess.Popen[bytes]:
    """Start a bank."""
    rows = ["--data", str(stage.party(name) / "rows.parquet"), "--port", str(port)]
    return _start(stage, name, ["join", str(stage.party(name)), *rows], stack)


def toml_of(plan: Mapping[str, Any]) -> str:
    """A plan as TOML; its values are written alike in JSON."""
    plain = {name: value for name, value in plan.items() if not isinstance(value, Mapping)}
    tables = {name: value for name, value in plan.items() if isinstance(value, Mapping)}
    lines = [f"{name} = {canonical(value).decode()}" for name, value in plain.items()]
    for name, table in tables.items():
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {canonical(value).decode()}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _start(
    stage: Stage, name: str, arguments: list[str], stack: ExitStack
) -> subprocess.Popen[bytes]:
    log = stack.enter_context((stage.party(name) / "log").open("ab"))
    # One thread a party: five banks on one machine would fight for its cores.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "strongroom.cli", "federate", *arguments],
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _follow(log: Path, seen: int, say: Callable[[str], None]) -> int:
    """Say the whole lines that were added; how far that is."""
    with log.open("rb") as source:
        source.seek(seen)
        fresh = source.read()
    whole, end, _ = fresh.rpartition(b"\n")
    for line in whole.decode(errors="replace").splitlines():
        say(line)
    return seen + len(whole) + len(end)
