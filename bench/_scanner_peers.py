"""The scanners beside us: their environments, and what they said, kept from run to run.

Both lie in `STRONGROOM_BENCH_CACHE` (by default `~/.cache/strongroom-bench`), outside the
repository. An answer is kept under the peer's pinned version, its options, and the file's name and
digest: a bench that was stopped goes on where it was. Our own answers are never kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench._peers import CACHE
from bench._peers import environment as made

HERE = Path(__file__).parent / "scanner_peers"
PINS = {
    "modelscan": ("modelscan==0.8.8", "numpy"),
    "picklescan": ("picklescan==1.0.5", "numpy", "py7zr"),
    "fickling": ("fickling==0.1.12", "typing_extensions"),
    "modelaudit": ("modelaudit==0.2.54",),
    "hayward": ("hayward==1.4.1",),
}
BATCH = 40
"""Files that one process is asked about."""
PER_FILE = 8
"""Seconds for a file on average, and as many again for the start of the process."""
PER_PEER = float(os.environ.get("STRONGROOM_BENCH_SECONDS", "900"))
"""Seconds for one peer in one run; what it has not answered by then is left out and said so."""


def environment(peer: str) -> Path | None:
    """The interpreter with that scanner, made if need be; None where it does not install."""
    if peer == "strongroom":
        return Path(sys.executable)
    return made(peer, PINS[peer])


def judge_all(
    python: Path, peer: str, options: tuple[str, ...], paths: list[Path]
) -> dict[Path, str]:
    """What the peer says of each file: `flagged`, `clean` or `failed`. Fewer when time is up."""
    kept = _Kept(peer, options)
    said = {path: verdict for path in paths if (verdict := kept.get(path))}
    todo = [path for path in paths if path not in said]
    until = time.monotonic() + PER_PEER
    while todo and time.monotonic() < until:
        answered = _ask(python, peer, options, todo[:BATCH])
        if not answered:  # it hangs or dies at the first
            answered = {todo[0]: "failed"}
        kept.add(answered)
        said |= answered
        todo = [path for path in todo if path not in said]
    return said


class _Kept:
    """The answers of one peer with one set of options, a JSON object a line."""

    def __init__(self, peer: str, options: tuple[str, ...]) -> None:
        self._file = None
        self._known: dict[str, str] = {}
        if peer == "strongroom":
            return
        pin = PINS[peer][0].replace("==", "-") + "".join(options)
        self._file = CACHE / "verdicts" / f"{pin}.jsonl"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._file.exists():
            lines = self._file.read_text("utf-8").splitlines()
            self._known = dict(json.loads(line) for line in lines if line.endswith("]"))

    def get(self, path: Path) -> str | None:
        return self._known.get(_key(path)) if self._file else None

    def add(self, answered: dict[Path, str]) -> None:
        if self._file:
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps([_key(p), v]) + "\n" for p, v in answered.items())


def _key(path: Path) -> str:
    return f"{path.name}:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def _ask(python: Path, peer: str, options: tuple[str, ...], paths: list[Path]) -> dict[Path, str]:
    command = [str(python), str(HERE / f"{peer}.py"), *options]
    text = "".join(f"{path}\n" for path in paths)
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=PER_FILE * (len(paths) + 1),
        )
        output = done.stdout
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode()
    lines = (line.split("\t") for line in output.splitlines() if "\t" in line)
    return {Path(path): verdict for path, verdict in lines}
